/* `cbm principal token`. It must not know what a token is. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "common/json/json.h"

/* The token alone, so that it can go into a file. */
static int
print_token(const json_t *answer)
{
    const char *token = cli_text(answer, "token");
    if (!*token) { /* the request had to be sent again, and a token is told once */
        fprintf(stderr, "cbm principal: it was made, but its answer was lost: make another\n");
        return EX_TEMPFAIL;
    }
    printf("%s\n", token);
    return cli_flush();
}

int
principal_run(const struct cli_command *command, int argc, char **argv)
{
    bool as_json = false;
    const struct cli_option options[] = {
        {"json", NULL, "print the answer as JSON", NULL, &as_json, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 2, 2);
    if (code >= 0)
        return code;
    if (strcmp(argv[0], "token") != 0)
        return cli_usage(command, "there is no \"%s\"; want token", argv[0]);
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    json_t *answer = cli_call(client, "registry", "principal.token",
                              json_pack("{s:s}", "id", argv[1]), NULL, &code);
    if (answer)
        code = as_json ? cli_print(answer, false) : print_token(answer);
    json_decref(answer);
    cbm_client_destroy(&client);
    return code;
}
