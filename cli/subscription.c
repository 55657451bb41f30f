/* `cbm subscription`: who is told of what, and how. The server knows what may be asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"

struct arguments {
    const struct cli_command *command;
    struct cbm_client *client;
    bool as_json;
    int count;
    char **words;  /* after the name of the action */
    json_t *given; /* what the options say, by the names of the requests */
};

static void
print_subscription(const json_t *made)
{
    const char *reason = cli_text(made, "reason"), *secret = cli_text(made, "secret");
    printf("%s is %s (%s, revision %lld)%s%s\n", cli_text(made, "id"), cli_text(made, "status"),
           cli_text(made, "channel"), (long long)json_integer_value(json_object_get(made, "rev")),
           *reason ? ": " : "", reason);
    if (*secret)
        printf("secret      %s\npublic key  %s\nThe secret is shown this once.\n", secret,
               cli_text(made, "public_key"));
}

static json_t *
call(struct arguments *in, const char *method, json_t *params, int *code)
{
    return cli_call(in->client, "notify", method, params, NULL, code);
}

/* Prints what a change or a look answers, and drops it. */
static int
answer(const struct arguments *in, json_t *made, int code)
{
    if (!made)
        return code;
    if (in->as_json)
        code = cli_print(made, false);
    else
        print_subscription(made);
    json_decref(made);
    return code ? code : cli_flush();
}

static json_t *
with_id(const struct arguments *in)
{
    json_object_set_new(in->given, "id", json_string(in->words[0]));
    return json_incref(in->given);
}

static int
create(struct arguments *in, const char *method)
{
    int code = 0;
    json_object_set_new(in->given, "channel", json_string(in->words[0]));
    json_t *made = call(in, method, json_incref(in->given), &code);
    return answer(in, made, code);
}

static int
change(struct arguments *in, const char *method)
{
    int code = 0;
    json_t *made = call(in, method, with_id(in), &code);
    return answer(in, made, code);
}

static int
confirm(struct arguments *in, const char *method)
{
    int code = 0;
    json_object_set_new(in->given, "code", json_string(in->words[1]));
    json_t *made = call(in, method, with_id(in), &code);
    const json_t *left = json_object_get(made, "left");
    if (!made || in->as_json)
        return answer(in, made, code);
    if (left)
        fprintf(stderr, "cbm: the code is wrong; %lld more may be\n",
                (long long)json_integer_value(left));
    else
        printf("%s is %s\n", cli_text(made, "id"), cli_text(made, "status"));
    code = left ? EXIT_FAILURE : 0;
    json_decref(made);
    return code ? code : cli_flush();
}

/* The texts of a list, by comma. */
static void
join(const json_t *list, char *out, size_t size)
{
    size_t i, at = 0;
    json_t *item;
    out[0] = '\0';
    json_array_foreach(list, i, item) if (at < size) at +=
        (size_t)snprintf(out + at, size - at, "%s%s", i ? "," : "", json_string_value(item));
}

static int
list(struct arguments *in, const char *method)
{
    int code = 0;
    size_t i;
    json_t *one;
    json_t *all = cli_list(in->client, "notify", method, json_incref(in->given), &code);
    if (!all)
        return code;
    struct cli_table table = {.columns = 5};
    cli_table_row(&table, (const char *[]){"ID", "CHANNEL", "STATUS", "OWNER", "TOPICS"});
    json_array_foreach(all, i, one)
    {
        char topics[300];
        join(json_object_get(json_object_get(one, "filter"), "topics"), topics, sizeof topics);
        if (in->as_json)
            cli_print(one, true);
        else
            cli_table_row(&table, (const char *[]){cli_text(one, "id"), cli_text(one, "channel"),
                                                   cli_text(one, "status"), cli_text(one, "owner"),
                                                   topics});
    }
    if (in->as_json)
        cli_table_free(&table);
    else
        cli_table_print(&table);
    json_decref(all);
    return cli_flush();
}

/* ---- rehearse ---- */

#define SHOWN 20

static int64_t
number_of(const json_t *map, const char *key)
{
    return json_integer_value(json_object_get(map, key));
}

static void
print_matches(const json_t *items)
{
    size_t i;
    json_t *item;
    struct cli_table table = {.columns = 4};
    json_array_foreach(items, i, item)
    {
        char seq[24];
        snprintf(seq, sizeof seq, "%lld", (long long)number_of(item, "seq"));
        cli_table_row(&table, (const char *[]){seq, cli_text(item, "time"), cli_text(item, "type"),
                                               cli_text(item, "topic")});
    }
    cli_table_print(&table);
}

/* All pages, summed up; those listed are of the first that have any. */
static int
rehearse(struct arguments *in, const char *method)
{
    int code = 0;
    json_int_t matched = 0, examined = 0;
    json_t *items = json_array(), *next = NULL;
    do {
        json_t *params = json_deep_copy(in->given);
        json_object_set_new(params, "limit",
                            json_integer((json_int_t)(SHOWN - json_array_size(items))));
        if (next)
            json_object_set_new(params, "from", next);
        json_t *page = call(in, method, params, &code);
        if (!page) {
            json_decref(items);
            return code;
        }
        matched += number_of(page, "matched");
        examined += number_of(page, "examined");
        json_array_extend(items, json_object_get(page, "items"));
        next = json_incref(json_object_get(page, "next"));
        json_decref(page);
    } while (json_is_integer(next));
    json_decref(next);
    json_t *all =
        json_pack("{s:I, s:I, s:o}", "matched", matched, "examined", examined, "items", items);
    if (in->as_json) {
        code = cli_print(all, false);
    } else {
        printf("would have matched %lld of the last %lld\n", (long long)matched,
               (long long)examined);
        print_matches(items);
    }
    json_decref(all);
    return code ? code : cli_flush();
}

static const struct action {
    const char *name, *method;
    int words;
    int (*run)(struct arguments *in, const char *method);
} actions[] = {
    {"create", "subscription.create", 1, create},
    {"get", "subscription.get", 1, change},
    {"list", "subscription.list", 0, list},
    {"update", "subscription.update", 1, change},
    {"pause", "subscription.pause", 1, change},
    {"resume", "subscription.resume", 1, change},
    {"confirm", "subscription.confirm", 2, confirm},
    {"rotate", "subscription.rotate", 1, change},
    {"delete", "subscription.delete", 1, change},
    {"rehearse", "subscription.rehearse", 0, rehearse},
};

static int
act(struct arguments *in, const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        if (in->count != actions[i].words)
            return cli_usage(in->command, "%s takes %d argument%s", name, actions[i].words,
                             actions[i].words == 1 ? "" : "s");
        in->client = cli_connect();
        if (!in->client)
            return EX_CONFIG;
        int code = actions[i].run(in, actions[i].method);
        cbm_client_destroy(&in->client);
        return code;
    }
    return cli_usage(in->command, "there is no \"%s\"; --help lists what there is", name);
}

static const struct cli_field field_options[] = {
    {"topics", "PATTERNS", "patterns of topics, by comma: events.>, plan.*", "filter.topics",
     CLI_AS_WORDS, NULL},
    {"types", "TYPES", "types, by comma: event.scheduled, event.*", "filter.types", CLI_AS_WORDS,
     NULL},
    {"dimensions", "IDS", "dimensions of events", "filter.dimensions", CLI_AS_WORDS, NULL},
    {"areas", "IDS", "priority areas of events", "filter.areas", CLI_AS_WORDS, NULL},
    {"hosts", "CODES", "hosts and co-hosts of events", "filter.hosts", CLI_AS_WORDS, NULL},
    {"statuses", "WORDS", "statuses after the change", "filter.statuses", CLI_AS_WORDS, NULL},
    {"languages", "IDS", "languages of titles", "filter.languages", CLI_AS_WORDS, NULL},
    {"id", "ID", "create: its id (made by the server)", "id", CLI_AS_TEXT, NULL},
    {"from", "WHERE", "create, rehearse: now, start, a seq, or a time", "from", CLI_AS_TEXT, NULL},
    {"to", "WHERE", "rehearse: up to a seq, or before a time", "to", CLI_AS_TEXT, NULL},
    {"channel", "CHANNEL", "update, list: webhook, mailbox or mail", "channel", CLI_AS_TEXT, NULL},
    {"url", "URL", "of a webhook: where to", "url", CLI_AS_TEXT, NULL},
    {"address", "ADDRESS", "of mail: whom to", "address", CLI_AS_TEXT, NULL},
    {"payload", "WORD", "full or thin", "payload", CLI_AS_TEXT, NULL},
    {"content", "WORD", "of a webhook: structured or binary", "content", CLI_AS_TEXT, NULL},
    {"rate", "N", "of a webhook: at most so many a second", "rate", CLI_AS_NUMBER, NULL},
    {"concurrency", "N", "of a webhook: at most so many at once", "concurrency", CLI_AS_NUMBER,
     NULL},
    {"zone", "ZONE", "of mail: the receiver's zone", "zone", CLI_AS_TEXT, NULL},
    {"digest", "WORD", "of mail: none, daily or weekly", "digest", CLI_AS_TEXT, NULL},
    {"language", "ID", "the language of its texts", "language", CLI_AS_TEXT, NULL},
    {"expires", "TIME", "when it ends by itself", "expires", CLI_AS_TEXT, NULL},
    {"overlap", "DURATION", "rotate: how long the former secret signs too (PT24H)", "overlap",
     CLI_AS_TEXT, NULL},
    {"reason", "TEXT", "pause: why", "reason", CLI_AS_TEXT, NULL},
    {"status", "STATUS", "list: of this status", "status", CLI_AS_TEXT, NULL},
};
#define FIELD_OPTIONS (sizeof field_options / sizeof *field_options)

int
subscription_run(const struct cli_command *command, int argc, char **argv)
{
    const char *text[FIELD_OPTIONS] = {NULL};
    bool as_json = false, ordered = false;
    struct cli_option options[FIELD_OPTIONS + 3] = {
        [FIELD_OPTIONS] = {"ordered", NULL, "of a webhook: what is about one thing in order", NULL,
                           &ordered, 0},
        [FIELD_OPTIONS + 1] = {"json", NULL, "print JSON, lists one object a line", NULL, &as_json,
                               0},
        [FIELD_OPTIONS + 2] = CLI_OPTIONS_END,
    };
    cli_field_options(field_options, FIELD_OPTIONS, text, options);
    int code = cli_arguments(command, options, &argc, argv, 1, 3);
    if (code >= 0)
        return code;
    json_t *given = cli_fields(command, field_options, FIELD_OPTIONS, text);
    if (!given)
        return EX_USAGE;
    if (ordered)
        json_object_set_new(given, "ordered", json_true());
    struct arguments in = {.command = command,
                           .as_json = as_json,
                           .count = argc - 1,
                           .words = argv + 1,
                           .given = given};
    code = act(&in, argv[0]);
    json_decref(given);
    return code;
}
