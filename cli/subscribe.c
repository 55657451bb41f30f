/* `cbm subscribe`: notifications as lines. It must not know what they are about. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "common/log/cloudevent.h"
#include "common/json/json.h"

static volatile sig_atomic_t stopped;

static void
stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void
catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* CloudEvents in JSON (common/log/cloudevent.h). */
static void
print_json(const struct cbm_event *event)
{
    struct buf text = {0};
    struct text meta = {(const char *)event->meta, (uint32_t)event->meta_len};
    struct text data = {(const char *)event->data, (uint32_t)event->data_len};
    if (cloudevent_write(&text, text_of(event->topic), meta, data) && !text.failed)
        fwrite(text.data, 1, text.len, stdout);
    putchar('\n');
    buf_fini(&text);
}

/* What a person calls the thing: its title, name or code. */
static const char *
title_of(const json_t *data)
{
    static const char *const keys[] = {"title", "name", "area", "code", "id"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (cli_text(data, keys[i])[0])
            return cli_text(data, keys[i]);
    return "";
}

/* One line; control characters in what others wrote do not reach the terminal. */
static void
print_line(const struct cbm_event *event, const json_t *meta, const json_t *data)
{
    printf("%s  %6lld  %-26s  %s  ", cli_text(meta, "time"), (long long)event->seq, event->type,
           event->topic);
    for (const char *at = title_of(data); *at; at++)
        putchar((unsigned char)*at < 0x20 || *at == 0x7f ? ' ' : *at);
    if (cli_text(data, "from")[0] && cli_text(data, "status")[0])
        printf("  (%s → %s)", cli_text(data, "from"), cli_text(data, "status"));
    putchar('\n');
}

static int
print_event(const struct cbm_event *event, bool as_json)
{
    if (as_json) {
        print_json(event);
        return cli_flush();
    }
    json_t *meta = json_of_msgpack(event->meta, event->meta_len);
    json_t *data = json_of_msgpack(event->data, event->data_len);
    print_line(event, meta, data);
    json_decref(meta);
    json_decref(data);
    return cli_flush();
}

/* Tells once when the subscription is live, and each trouble once, on stderr. */
static void
tell(const struct cbm_subscriber *subscriber, const char *prefix, bool *told, char *trouble,
     size_t trouble_size)
{
    const struct cbm_error *error = cbm_subscriber_error(subscriber);
    if (strcmp(error->message, trouble) != 0) {
        snprintf(trouble, trouble_size, "%s", error->message);
        if (*trouble)
            fprintf(stderr, "cbm subscribe: %s: %s; trying again\n", error->code, trouble);
    }
    if (!*told && cbm_subscriber_joined(subscriber)) {
        *told = true;
        fprintf(stderr, "cbm subscribe: subscribed to \"%s\" after seq %lld\n", prefix,
                (long long)cbm_subscriber_seq(subscriber));
    }
}

static int
ended(const struct cbm_subscriber *subscriber, enum cbm_next how)
{
    const struct cbm_error *error = cbm_subscriber_error(subscriber);
    fprintf(stderr, "%s: %s\n", error->code, error->message);
    if (how != CBM_LOST)
        return CLI_REFUSED;
    if (cbm_subscriber_first(subscriber) > 0)
        fprintf(stderr,
                "the oldest record kept is %lld: take a snapshot (event.list, cbm snapshot), then\n"
                "--from %lld, or --resync, goes on from there\n",
                (long long)cbm_subscriber_first(subscriber),
                (long long)cbm_subscriber_first(subscriber));
    return CLI_LOST;
}

/* What is shown, and how much of it was. */
struct showing {
    const char *prefix;
    bool as_json, resync;
    int64_t count, shown;
};

static int
follow(struct cbm_subscriber *subscriber, struct showing *showing)
{
    bool told = false;
    char trouble[400] = "";
    tell(subscriber, showing->prefix, &told, trouble, sizeof trouble);
    while (!stopped && (showing->count < 0 || showing->shown < showing->count)) {
        struct cbm_event event;
        enum cbm_next next = cbm_subscriber_next(subscriber, told ? 1000 : 20, &event);
        if (!told || next == CBM_TIMEOUT)
            tell(subscriber, showing->prefix, &told, trouble, sizeof trouble);
        if (next == CBM_LOST && showing->resync && cbm_subscriber_first(subscriber) > 0)
            return CLI_LOST; /* told by who goes on */
        if (next < 0)
            return ended(subscriber, next);
        if (next == CBM_TIMEOUT)
            continue;
        if (print_event(&event, showing->as_json))
            return EX_IOERR; /* not shown: the cursor stays before it */
        showing->shown++;
    }
    return cbm_subscriber_save(subscriber) ? EX_IOERR : 0;
}

/* Follows to the end; with `resync` what is no longer kept is told and passed over. */
static int
subscribe(const struct cli_command *command, struct cbm_subscriber_options *how,
          struct showing *showing)
{
    struct cbm_error error;
    int code = CLI_LOST;
    while (code == CLI_LOST) {
        int64_t gaps, filled;
        struct cbm_subscriber *subscriber = cbm_subscriber_new(how, &error);
        if (!subscriber)
            return cli_usage(command, "%s", error.message);
        code = follow(subscriber, showing);
        int64_t first = cbm_subscriber_first(subscriber), seq = cbm_subscriber_seq(subscriber);
        cbm_subscriber_counts(subscriber, &gaps, &filled);
        if (gaps)
            fprintf(stderr, "cbm subscribe: %lld gaps were filled\n", (long long)gaps);
        cbm_subscriber_destroy(&subscriber);
        if (code != CLI_LOST || !showing->resync || first <= 0)
            return code;
        fprintf(stderr,
                "cbm subscribe: missed: records after %lld up to %lld are no longer kept; going on "
                "from %lld\n",
                (long long)seq, (long long)first - 1, (long long)first);
        if (how->cursor_file)
            unlink(how->cursor_file);
        how->from = first;
    }
    return code;
}

int
subscribe_run(const struct cli_command *command, int argc, char **argv)
{
    const char *from = NULL, *count_text = NULL, *hwm_text = NULL;
    struct cbm_subscriber_options how = {.from = CBM_FROM_NOW};
    struct showing showing = {.count = -1};
    const struct cli_option options[] = {
        {"from", "SEQ", "begin with the record of this seq (0: the oldest)", &from, NULL},
        {"json", NULL, "one CloudEvents JSON object a line", NULL, &showing.as_json},
        {"count", "N", "end after N records", &count_text, NULL},
        {"cursor", "FILE", "keep the place in this file and go on from it", &how.cursor_file, NULL},
        {"resync", NULL, "go on where records are no longer kept, and say which were missed", NULL,
         &showing.resync},
        {"rcvhwm", "N", "messages kept by the socket (few force overflow, for tests)", &hwm_text,
         NULL},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 1, CBM_PREFIXES_MAX);
    if (code >= 0)
        return code;
    int64_t hwm = 0;
    if ((from && !cli_number(command, "--from", from, &how.from)) ||
        (count_text && !cli_number(command, "--count", count_text, &showing.count)) ||
        (hwm_text && !cli_number(command, "--rcvhwm", hwm_text, &hwm)))
        return EX_USAGE;
    how.rcvhwm = hwm < INT32_MAX ? (int)hwm : INT32_MAX;
    how.prefixes = (const char *const *)argv;
    how.prefix_count = (size_t)argc;
    showing.prefix = argv[0];
    catch_signals();
    return subscribe(command, &how, &showing);
}
