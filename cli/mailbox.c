/* `cbm mailbox`: what waits in a mailbox, fetched and acknowledged. It must not know what it is
 * about.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"

#define IDLE_MS 500 /* between two looks at an empty mailbox */

static volatile sig_atomic_t stopped;

static void
stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

struct arguments {
    struct cbm_client *client;
    bool as_json;
    int64_t count; /* follow: so many, -1 for ever */
    json_t *given; /* parameters of the request */
};

static json_int_t
number_of(const json_t *map, const char *key)
{
    return json_integer_value(json_object_get(map, key));
}

static void
print_items(const struct arguments *in, const json_t *items)
{
    size_t i;
    json_t *item;
    struct cli_table table = {.columns = 5};
    json_array_foreach(items, i, item)
    {
        char seq[24], attempt[24];
        const json_t *meta = json_object_get(item, "meta");
        snprintf(seq, sizeof seq, "%lld", (long long)number_of(item, "seq"));
        snprintf(attempt, sizeof attempt, "%lld", (long long)number_of(item, "attempt"));
        if (in->as_json)
            cli_print(item, true);
        else
            cli_table_row(&table,
                          (const char *[]){seq, cli_text(meta, "time"), cli_text(meta, "type"),
                                           attempt, cli_text(item, "topic")});
    }
    cli_table_print(&table);
}

static json_t *
fetch_page(const struct arguments *in, int *code)
{
    return cli_call(in->client, "notify", "mailbox.fetch", json_incref(in->given), NULL, code);
}

static int
fetch(struct arguments *in)
{
    int code = 0;
    json_t *page = fetch_page(in, &code);
    if (!page)
        return code;
    print_items(in, json_object_get(page, "items"));
    json_decref(page);
    return cli_flush();
}

static int
acknowledge(struct arguments *in)
{
    int code = 0;
    json_t *done =
        cli_call(in->client, "notify", "mailbox.ack", json_incref(in->given), NULL, &code);
    if (!done)
        return code;
    if (in->as_json)
        code = cli_print(done, false);
    else
        printf("%s has come to %lld, %lld to be acknowledged\n", cli_text(done, "id"),
               (long long)number_of(done, "cursor"), (long long)number_of(done, "waiting"));
    json_decref(done);
    return code ? code : cli_flush();
}

/* Acknowledges what was printed, each by itself: others may have what came before. */
static int
acknowledge_all(const struct arguments *in, const json_t *items)
{
    int code = 0;
    size_t i;
    json_t *item, *seqs = json_array();
    json_array_foreach(items, i, item) json_array_append(seqs, json_object_get(item, "seq"));
    json_t *params = json_pack("{s:O, s:o}", "id", json_object_get(in->given, "id"), "seqs", seqs);
    json_decref(cli_call(in->client, "notify", "mailbox.ack", params, NULL, &code));
    return code;
}

/* Prints and acknowledges what comes, until enough came or it is stopped. */
static int
follow(struct arguments *in)
{
    struct sigaction action = {.sa_handler = stop};
    int code = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    while (!stopped && !code && in->count != 0) {
        if (in->count > 0)
            json_object_set_new(in->given, "limit",
                                json_integer(in->count < 100 ? in->count : 100));
        json_t *page = fetch_page(in, &code);
        if (!page)
            break;
        const json_t *items = json_object_get(page, "items");
        print_items(in, items);
        code = cli_flush(); /* printed before it is acknowledged */
        if (!code && json_array_size(items))
            code = acknowledge_all(in, items);
        if (in->count > 0)
            in->count -= (int64_t)json_array_size(items);
        bool idle = !json_array_size(items) && !json_object_get(page, "next");
        json_decref(page);
        if (idle && in->count != 0)
            nanosleep(&(struct timespec){0, IDLE_MS * 1000000}, NULL);
    }
    return code;
}

static const struct cli_field field_options[] = {
    {"limit", "N", "fetch: at most so many (100)", "limit", CLI_AS_NUMBER, NULL},
    {"visibility", "DURATION", "fetch, follow: for how long nobody else gets them (PT30S)",
     "visibility", CLI_AS_TEXT, NULL},
    {"consumer", "NAME", "fetch, follow: who fetches", "consumer", CLI_AS_TEXT, NULL},
};
#define FIELD_OPTIONS (sizeof field_options / sizeof *field_options)

/* Does what the words say; `given` has the options. */
static int
act(const struct cli_command *command, struct arguments *in, int argc, char **argv)
{
    int64_t seq = 0;
    bool ack = strcmp(argv[0], "ack") == 0, following = strcmp(argv[0], "follow") == 0;
    if (!ack && !following && strcmp(argv[0], "fetch") != 0)
        return cli_usage(command, "there is no \"%s\"; --help lists what there is", argv[0]);
    if (argc != 2 + ack)
        return cli_usage(command, ack ? "ack takes an id and a seq" : "%s takes an id", argv[0]);
    if (ack && !cli_number(command, "seq", argv[2], &seq))
        return EX_USAGE;
    json_object_set_new(in->given, "id", json_string(argv[1]));
    if (ack)
        json_object_set_new(in->given, "seq", json_integer(seq));
    in->client = cli_connect();
    if (!in->client)
        return EX_CONFIG;
    int code = ack ? acknowledge(in) : following ? follow(in) : fetch(in);
    cbm_client_destroy(&in->client);
    return code;
}

int
mailbox_run(const struct cli_command *command, int argc, char **argv)
{
    const char *text[FIELD_OPTIONS] = {NULL}, *count = NULL;
    struct arguments in = {.count = -1};
    struct cli_option options[FIELD_OPTIONS + 3] = {
        [FIELD_OPTIONS] = {"count", "N", "follow: stop after so many", &count, NULL, 0},
        [FIELD_OPTIONS + 1] = {"json", NULL, "print JSON, one object a line", NULL, &in.as_json, 0},
        [FIELD_OPTIONS + 2] = CLI_OPTIONS_END,
    };
    cli_field_options(field_options, FIELD_OPTIONS, text, options);
    int code = cli_arguments(command, options, &argc, argv, 1, 3);
    if (code >= 0)
        return code;
    if (count && !cli_number(command, "count", count, &in.count))
        return EX_USAGE;
    in.given = cli_fields(command, field_options, FIELD_OPTIONS, text);
    if (!in.given)
        return EX_USAGE;
    code = act(command, &in, argc, argv);
    json_decref(in.given);
    return code;
}
