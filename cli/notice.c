/* `cbm notice proof`: what notice.proof answers, printed or into a file. It must not know what
 * records say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"

static int
show(const struct cli_command *command, const char *file, const json_t *proof)
{
    if (!file)
        return cli_print(proof, false);
    char *text = json_dumps(proof, JSON_INDENT(1) | JSON_SORT_KEYS);
    int code = text ? cli_write_file(command, file, text, strlen(text)) : EX_OSERR;
    if (!code)
        fprintf(stderr, "cbm notice: %s is written; cbm verify %s checks it\n", file, file);
    free(text);
    return code;
}

int
notice_run(const struct cli_command *command, int argc, char **argv)
{
    const char *to = NULL, *file = NULL;
    int64_t first, last = 0;
    const struct cbm_options safe = {.safe = true};
    const struct cli_option options[] = {
        {"to", "SEQ", "all records of it up to this one (100 at most)", &to, NULL, 0},
        {"output", "FILE", "into this file", &file, NULL, 'o'},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 3, 3);
    if (code >= 0)
        return code;
    if (strcmp(argv[0], "proof") != 0)
        return cli_usage(command, "there is no \"notice %s\"", argv[0]);
    if (!cli_number(command, "SEQ", argv[2], &first) ||
        (to && !cli_number(command, "--to", to, &last)))
        return EX_USAGE;
    json_t *params =
        json_pack("{s:s, s:I}", "subscription", argv[1], to ? "from" : "seq", (json_int_t)first);
    if (to)
        json_object_set_new(params, "to", json_integer(last));
    struct cbm_client *client = cli_connect();
    if (!client) {
        json_decref(params);
        return EX_CONFIG;
    }
    json_t *proof = cli_call(client, "notify", "notice.proof", params, &safe, &code);
    if (proof)
        code = show(command, file, proof);
    json_decref(proof);
    cbm_client_destroy(&client);
    return code;
}
