/* Every command of `cbm`. */
#ifndef CBM_CLI_COMMANDS_H
#define CBM_CLI_COMMANDS_H

#include "cli/cli.h"

int call_run(const struct cli_command *command, int argc, char **argv);
int call_ping_run(const struct cli_command *command, int argc, char **argv);
int methods_run(const struct cli_command *command, int argc, char **argv);
int import_run(const struct cli_command *command, int argc, char **argv);
int subscribe_run(const struct cli_command *command, int argc, char **argv);
int plan_run(const struct cli_command *command, int argc, char **argv);
int events_run(const struct cli_command *command, int argc, char **argv);
int subscription_run(const struct cli_command *command, int argc, char **argv);
int mailbox_run(const struct cli_command *command, int argc, char **argv);
int ics_run(const struct cli_command *command, int argc, char **argv);
int snapshot_run(const struct cli_command *command, int argc, char **argv);
int members_run(const struct cli_command *command, int argc, char **argv);
int doctor_run(const struct cli_command *command, int argc, char **argv);
int key_run(const struct cli_command *command, int argc, char **argv);
int acl_run(const struct cli_command *command, int argc, char **argv);
int principal_run(const struct cli_command *command, int argc, char **argv);
int notice_run(const struct cli_command *command, int argc, char **argv);
int log_run(const struct cli_command *command, int argc, char **argv);
int verify_run(const struct cli_command *command, int argc, char **argv);
int delivery_run(const struct cli_command *command, int argc, char **argv);
int reminder_run(const struct cli_command *command, int argc, char **argv);
int digest_run(const struct cli_command *command, int argc, char **argv);
int top_run(const struct cli_command *command, int argc, char **argv);

#endif
