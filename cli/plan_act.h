/* What `cbm plan` does with a plan, beside showing it. */
#ifndef CBM_CLI_PLAN_ACT_H
#define CBM_CLI_PLAN_ACT_H

#include "cli/cli.h"

/* The options that are fields of a request. */
enum plan_field {
    PLAN_TITLE,
    PLAN_PROCEDURE,
    PLAN_DEADLINE,
    PLAN_DECISION,
    PLAN_FROM,
    PLAN_TO,
    PLAN_AS_OF,
    PLAN_FIELDS
};
extern const char *const plan_fields[PLAN_FIELDS]; /* their names in requests */

struct plan_asked {
    const struct cli_command *command;
    const struct cli_option *options; /* the fields come first, in their order */
    const char *fields[PLAN_FIELDS];  /* NULL where none was given */
    bool as_json;
};

/* Does what is asked for; returns the exit code. */
int plan_act(const struct plan_asked *asked, const char *name, int64_t year);

#endif
