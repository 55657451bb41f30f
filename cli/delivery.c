/* `cbm delivery`: what was sent to a subscription, and stepping in. It must not know how things are
 * sent. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

static const char *
number(const json_t *map, const char *key, char text[24])
{
    const json_t *value = json_object_get(map, key);
    if (json_is_integer(value))
        snprintf(text, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        text[0] = '\0';
    return text;
}

/* ---- list ---- */

static int
print_list(const json_t *items)
{
    struct cli_table table = {.columns = 7};
    cli_table_row(&table,
                  (const char *[]){"SEQ", "STATUS", "TRIES", "LAST", "NEXT", "TYPE", "TOPIC"});
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i), *tries = json_object_get(item, "attempts");
        const json_t *last =
            json_array_size(tries) ? json_array_get(tries, json_array_size(tries) - 1) : NULL;
        char seq[24], code[24], count[24];
        number(last, "code", code);
        snprintf(count, sizeof count, "%zu", json_array_size(tries));
        cli_table_row(&table, (const char *[]){number(item, "seq", seq), cli_text(item, "status"),
                                               count, code[0] ? code : cli_text(last, "outcome"),
                                               cli_text(item, "next_at"), cli_text(item, "type"),
                                               cli_text(item, "topic")});
    }
    cli_table_print(&table);
    return cli_flush();
}

struct choice {
    const char *status, *from, *to, *seq;
    bool as_json;
};

static bool
set_number(const struct cli_command *command, json_t *params, const char *key, const char *text)
{
    int64_t value;
    if (!text)
        return true;
    if (!cli_number(command, key, text, &value))
        return false;
    json_object_set_new(params, key, json_integer(value));
    return true;
}

static int
list(struct cbm_client *client, json_t *params, const struct choice *choice)
{
    int code;
    if (choice->status)
        json_object_set_new(params, "status", json_string(choice->status));
    json_t *items = cli_list(client, "notify", "delivery.list", params, &code);
    if (items)
        code = choice->as_json ? cli_print(items, false) : print_list(items);
    json_decref(items);
    return code;
}

/* ---- get ---- */

static int
print_one(const json_t *delivery)
{
    struct cli_table table = {.columns = 7};
    const json_t *tries = json_object_get(delivery, "attempts");
    char seq[24];
    printf("%s to %s: %s%s%s\n%s %s\n", number(delivery, "seq", seq),
           cli_text(delivery, "subscription"), cli_text(delivery, "status"),
           *cli_text(delivery, "next_at") ? ", next try at " : "", cli_text(delivery, "next_at"),
           cli_text(delivery, "type"), cli_text(delivery, "topic"));
    cli_table_row(&table,
                  (const char *[]){"AT", "MS", "OUTCOME", "CODE", "ERROR", "ANSWER", "CONSUMER"});
    for (size_t i = 0; i < json_array_size(tries); i++) {
        const json_t *one = json_array_get(tries, i);
        char took[24], code[24];
        cli_table_row(&table, (const char *[]){cli_text(one, "at"), number(one, "took_ms", took),
                                               cli_text(one, "outcome"), number(one, "code", code),
                                               cli_text(one, "error"), cli_text(one, "body"),
                                               cli_text(one, "consumer")});
    }
    cli_table_print(&table);
    return cli_flush();
}

static int
get(struct cbm_client *client, json_t *params, const struct choice *choice)
{
    int code;
    json_t *delivery = cli_call(client, "notify", "delivery.get", params, NULL, &code);
    if (delivery)
        code = choice->as_json ? cli_print(delivery, false) : print_one(delivery);
    json_decref(delivery);
    return code;
}

/* ---- redeliver, discard ---- */

/* A span is worked off step by step. */
static int
step_in(struct cbm_client *client, const char *method, json_t *params, bool as_json)
{
    int code = 0;
    json_int_t count = 0;
    bool more = true;
    while (more) {
        json_t *answer = cli_call(client, "notify", method, json_incref(params), NULL, &code);
        if (!answer)
            break;
        count += json_integer_value(json_object_get(answer, "count"));
        more = json_is_true(json_object_get(answer, "more"));
        json_int_t to = json_integer_value(json_object_get(answer, "to"));
        json_decref(answer);
        json_object_set_new(params, "from", json_integer(to + 1));
    }
    json_decref(params);
    if (code)
        return code;
    if (as_json)
        printf("{\"count\": %" JSON_INTEGER_FORMAT "}\n", count);
    else
        printf("%" JSON_INTEGER_FORMAT " %s\n", count, count == 1 ? "delivery" : "deliveries");
    return cli_flush();
}

/* What is asked for; NULL (told) for wrong use. */
static json_t *
params_of(const struct cli_command *command, const struct choice *choice, const char *subscription)
{
    json_t *params = json_pack("{s:s}", "subscription", subscription);
    if (params && set_number(command, params, "seq", choice->seq) &&
        set_number(command, params, "from", choice->from) &&
        set_number(command, params, "to", choice->to))
        return params;
    json_decref(params);
    return NULL;
}

int
delivery_run(const struct cli_command *command, int argc, char **argv)
{
    struct choice choice = {0};
    const struct cli_option options[] = {
        {"status", "STATUS", "list: pending, delivered, dead or discarded", &choice.status, NULL,
         0},
        {"from", "SEQ", "from this seq on", &choice.from, NULL, 0},
        {"to", "SEQ", "up to this seq", &choice.to, NULL, 0},
        {"json", NULL, "print the answer as JSON", NULL, &choice.as_json, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 2, 3);
    if (code >= 0)
        return code;
    const char *what = argv[0];
    bool lists = strcmp(what, "list") == 0, gets = strcmp(what, "get") == 0;
    bool again = strcmp(what, "redeliver") == 0;
    if (!lists && !gets && !again && strcmp(what, "discard") != 0)
        return cli_usage(command, "there is no \"%s\"; want list, get, redeliver or discard", what);
    choice.seq = argc == 3 ? argv[2] : NULL;
    if (gets && !choice.seq)
        return cli_usage(command, "get: want SUBSCRIPTION SEQ");
    if (!lists && !gets && !choice.seq && !(choice.from && choice.to))
        return cli_usage(command, "%s: want a SEQ, or --from and --to", what);
    json_t *params = params_of(command, &choice, argv[1]);
    if (!params)
        return EX_USAGE;
    struct cbm_client *client = cli_connect();
    if (!client) {
        json_decref(params);
        return EX_CONFIG;
    }
    code = lists  ? list(client, params, &choice)
           : gets ? get(client, params, &choice)
                  : step_in(client, again ? "delivery.redeliver" : "delivery.discard", params,
                            choice.as_json);
    cbm_client_destroy(&client);
    return code;
}
