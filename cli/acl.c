/* `cbm acl explain`. It must not know any method or role. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "common/json/json.h"

static int
print_words(const json_t *answer)
{
    const json_t *rules = json_object_get(answer, "rules");
    const char *outcome = cli_text(answer, "outcome"), *member = cli_text(answer, "member");
    const char *words = strcmp(outcome, "allowed") == 0   ? "may call"
                        : strcmp(outcome, "depends") == 0 ? "may call, under conditions,"
                                                          : "may not call";
    printf("%s%s%s%s %s %s of %s: %s\n", cli_text(answer, "principal"), *member ? " (for " : "",
           member, *member ? ")" : "", words, cli_text(answer, "method"),
           cli_text(answer, "service"), cli_text(answer, "because"));
    for (size_t i = 0; i < json_array_size(rules); i++)
        printf("  %s\n", json_string_value(json_array_get(rules, i)));
    int code = cli_flush();
    return code ? code : strcmp(outcome, "denied") == 0 ? CLI_REFUSED : 0;
}

int
acl_run(const struct cli_command *command, int argc, char **argv)
{
    bool as_json = false;
    const struct cli_option options[] = {
        {"json", NULL, "print the answer as JSON", NULL, &as_json, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 2, 3);
    if (code >= 0)
        return code;
    if (strcmp(argv[0], "explain") != 0)
        return cli_usage(command, "there is no \"%s\"; want explain", argv[0]);
    json_t *params = json_pack("{s:s}", "method", argv[argc - 1]);
    if (params && argc == 3)
        json_object_set_new(params, "principal", json_string(argv[1]));
    struct cbm_client *client = cli_connect();
    if (!client) {
        json_decref(params);
        return EX_CONFIG;
    }
    json_t *answer = cli_call(client, "registry", "acl.explain", params, NULL, &code);
    if (answer && as_json)
        code = cli_print(answer, false);
    else if (answer)
        code = print_words(answer);
    json_decref(answer);
    cbm_client_destroy(&client);
    return code;
}
