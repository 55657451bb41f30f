/* `cbm log`: what the log keeps, its checkpoints and proofs. It must not know what records say. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

static long long
number(const json_t *map, const char *key)
{
    return (long long)json_integer_value(json_object_get(map, key));
}

static void
print_status(const json_t *status)
{
    const json_t *retain = json_object_get(status, "retain"),
                 *floor = json_object_get(status, "floor");
    printf("  log         seq %lld to %lld, the oldest of %s\n", number(status, "first"),
           number(status, "last"), cli_text(status, "oldest_time"));
    printf("  trimmed     gone through up to %lld, %lld records removed\n",
           number(status, "trimmed"), number(status, "removed"));
    if (number(retain, "days"))
        printf("  kept        %lld days\n", number(retain, "days"));
    if (number(retain, "records"))
        printf("  kept        %lld records\n", number(retain, "records"));
    if (!number(retain, "days") && !number(retain, "records"))
        printf("  kept        for ever (CBM_RETAIN_DAYS, CBM_RETAIN_RECORDS)\n");
    printf("  held back   at seq %lld by %s%s\n", number(floor, "seq"), cli_text(floor, "what"),
           json_is_true(json_object_get(retain, "past_cursors"))
               ? ", but CBM_RETAIN_PAST_CURSORS lets more go"
               : "");
}

static void
print_checkpoints(const json_t *items)
{
    struct cli_table table = {.columns = 3};
    size_t i;
    const json_t *one;
    char seq[24];
    cli_table_row(&table, (const char *[]){"SEQ", "TIME", "HASH"});
    json_array_foreach(items, i, one)
    {
        snprintf(seq, sizeof seq, "%lld", number(one, "seq"));
        cli_table_row(&table, (const char *[]){seq, cli_text(one, "time"), cli_text(one, "hash")});
    }
    cli_table_print(&table);
}

static int
save(const struct cli_command *command, const char *path, const json_t *proof)
{
    char *text = json_dumps(proof, JSON_INDENT(1) | JSON_SORT_KEYS);
    int code = text ? cli_write_file(command, path, text, strlen(text)) : EX_OSERR;
    if (!code)
        fprintf(stderr, "cbm log: records %lld to %lld are in %s; cbm verify %s checks them\n",
                number(proof, "from"), number(proof, "to"), path, path);
    if (!code && json_is_integer(json_object_get(proof, "next")))
        fprintf(stderr, "cbm log: there are more: --from %lld\n", number(proof, "next"));
    free(text);
    return code;
}

struct asked {
    const char *action, *file;
    bool as_json;
    json_t *params;
};

static int
show(const struct cli_command *command, const struct asked *asked, const json_t *result)
{
    if (asked->file)
        return save(command, asked->file, result);
    if (asked->as_json || strcmp(asked->action, "proof") == 0)
        return cli_print(result, false);
    if (strcmp(asked->action, "status") == 0)
        print_status(result);
    else if (strcmp(asked->action, "checkpoints") == 0)
        print_checkpoints(result);
    else
        printf("%s\n", cli_text(result, "key"));
    return cli_flush();
}

static int
ask(const struct cli_command *command, const struct asked *asked)
{
    char method[32];
    int code;
    const struct cbm_options options = {.safe = true};
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    snprintf(method, sizeof method, "log.%s", asked->action);
    json_t *result =
        strcmp(asked->action, "checkpoints") == 0
            ? cli_list(client, "notify", method, json_incref(asked->params), &code)
            : cli_call(client, "notify", method, json_incref(asked->params), &options, &code);
    if (result)
        code = show(command, asked, result);
    json_decref(result);
    cbm_client_destroy(&client);
    return code;
}

int
log_run(const struct cli_command *command, int argc, char **argv)
{
    static const char *const actions[] = {"status", "checkpoints", "key", "proof"};
    const char *from = NULL, *to = NULL;
    struct asked asked = {0};
    const struct cli_option options[] = {
        {"from", "SEQ", "proof: the first record (the oldest kept)", &from, NULL, 0},
        {"to", "SEQ", "proof: the last one (as many as fit)", &to, NULL, 0},
        {"output", "FILE", "proof: into this file", &asked.file, NULL, 'o'},
        {"json", NULL, "as JSON", NULL, &asked.as_json, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 1, 1);
    int64_t first = 0, last = 0;
    if (code >= 0)
        return code;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(argv[0], actions[i]) == 0)
            asked.action = actions[i];
    if (!asked.action)
        return cli_usage(command, "there is no \"log %s\"", argv[0]);
    if ((from || to || asked.file) && strcmp(asked.action, "proof") != 0)
        return cli_usage(command, "only log proof has --from, --to and --output");
    if ((from && !cli_number(command, "--from", from, &first)) ||
        (to && !cli_number(command, "--to", to, &last)))
        return EX_USAGE;
    asked.params = json_object();
    if (from)
        json_object_set_new(asked.params, "from", json_integer(first));
    if (to)
        json_object_set_new(asked.params, "to", json_integer(last));
    code = ask(command, &asked);
    json_decref(asked.params);
    return code;
}
