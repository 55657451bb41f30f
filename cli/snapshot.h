/* A snapshot of the registry as a file: JSON Lines, first {"snapshot": 1, "documents": n}, then n
 * lines {"kind", "id", "document"} in order of kind and id. The same registry gives the same bytes.
 * It must not know what the documents say. */
#ifndef CBM_CLI_SNAPSHOT_H
#define CBM_CLI_SNAPSHOT_H

#include "cli/cli.h"

/* Reads a whole file: its items in an array, owned by the caller. NULL with `*code` set after a
 * line on stderr. */
json_t *snapshot_read(const struct cli_command *command, const char *path, int *code);

/* Says on stdout in words what differs between two snapshots; returns how many differences. */
unsigned snapshot_diff(const json_t *before, const json_t *after);

#endif
