/* `cbm subscribe`: notifications as lines. It must not know what they are about. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "common/log/cloudevent.h"
#include "common/msg/json.h"

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
    if (how == CBM_LOST && cbm_subscriber_first(subscriber) > 0)
        fprintf(stderr, "the oldest record kept is %lld: --from %lld goes on from there\n",
                (long long)cbm_subscriber_first(subscriber),
                (long long)cbm_subscriber_first(subscriber));
    return CLI_REFUSED;
}

static int
follow(struct cbm_subscriber *subscriber, const char *prefix, bool as_json, int64_t count)
{
    bool told = false;
    char trouble[400] = "";
    tell(subscriber, prefix, &told, trouble, sizeof trouble);
    for (int64_t shown = 0; !stopped && (count < 0 || shown < count);) {
        struct cbm_event event;
        enum cbm_next next = cbm_subscriber_next(subscriber, told ? 1000 : 20, &event);
        if (!told || next == CBM_TIMEOUT)
            tell(subscriber, prefix, &told, trouble, sizeof trouble);
        if (next < 0)
            return ended(subscriber, next);
        if (next == CBM_TIMEOUT)
            continue;
        if (print_event(&event, as_json))
            return EX_IOERR; /* not shown: the cursor stays before it */
        shown++;
    }
    return cbm_subscriber_save(subscriber) ? EX_IOERR : 0;
}

int
subscribe_run(const struct cli_command *command, int argc, char **argv)
{
    const char *from = NULL, *count_text = NULL, *hwm_text = NULL;
    struct cbm_subscriber_options how = {.from = CBM_FROM_NOW};
    bool as_json = false;
    const struct cli_option options[] = {
        {"from", "SEQ", "begin with the record of this seq (0: the oldest)", &from, NULL},
        {"json", NULL, "one CloudEvents JSON object a line", NULL, &as_json},
        {"count", "N", "end after N records", &count_text, NULL},
        {"cursor", "FILE", "keep the place in this file and go on from it", &how.cursor_file, NULL},
        {"rcvhwm", "N", "messages kept by the socket (few force overflow, for tests)", &hwm_text,
         NULL},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 1, CBM_PREFIXES_MAX);
    if (code >= 0)
        return code;
    int64_t count = -1, hwm = 0;
    if ((from && !cli_number(command, "--from", from, &how.from)) ||
        (count_text && !cli_number(command, "--count", count_text, &count)) ||
        (hwm_text && !cli_number(command, "--rcvhwm", hwm_text, &hwm)))
        return EX_USAGE;
    how.rcvhwm = hwm < INT32_MAX ? (int)hwm : INT32_MAX;
    how.prefixes = (const char *const *)argv;
    how.prefix_count = (size_t)argc;
    struct cbm_error error;
    struct cbm_subscriber *subscriber = cbm_subscriber_new(&how, &error);
    if (!subscriber)
        return cli_usage(command, "%s", error.message);
    catch_signals();
    code = follow(subscriber, argv[0], as_json, count);
    int64_t gaps, filled;
    cbm_subscriber_counts(subscriber, &gaps, &filled);
    if (gaps)
        fprintf(stderr, "cbm subscribe: %lld gaps were filled\n", (long long)gaps);
    cbm_subscriber_destroy(&subscriber);
    return code;
}
