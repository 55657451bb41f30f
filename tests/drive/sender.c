/* The sender of notify by itself: what is to be sent comes as lines of JSON on stdin, the receipts
 * go as lines to stdout. Its names are resolved by the file CBM_TEST_HOSTS, if that is set, whose
 * lines are "name address": a test can change it between two attempts. It must not know the bus.
 *
 *   {"post": {"url", "id", "time_ms", "headers": {}, "body", "secrets": []}, "times"?: n}
 *   {"post": {…, "record": RECORD, "binary"?, "thin"?}}       a CloudEvent
 *   {"mail": {"to", "message"}}
 *   {"mail": {"to", "records": [RECORD…], "language"?, "thin"?}}
 *   RECORD: {"seq", "time_ms", "topic", "type", "actor", "data": {}}
 *   {"url": "…"}       -> {"url", "allowed", "why"}
 *   {"leave": true}    ends at once, with what is under way; the end of stdin waits for it */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <fcntl.h>
#include <jansson.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/json/json.h"
#include "services/notify/notify_cloudevent.h"
#include "services/notify/notify_mail.h"
#include "services/notify/notify_sender.h"

struct ask;

struct drive {
    struct ask *asks; /* under way */
    struct loop *loop;
    struct notify_sender *sender;
    const char *from;
    struct buf input;
    unsigned under_way;
    bool ended;
};

struct ask {
    struct drive *drive;
    struct ask *next, *before;
    char id[80];
};

struct config {
    struct notify_sender_config sender;
};

static const struct cfg_row rows[] = {NOTIFY_SENDER_ROWS(struct config, sender), CFG_END};

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* Instead of libc's: the executable's comes first. */
int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
            struct addrinfo **out)
{
    static const char real_name[] = "getaddrinfo";
    const char *path = getenv("CBM_TEST_HOSTS");
    char line[300], known[200], address[80];
    void *real = dlsym(RTLD_NEXT, real_name);
    getaddrinfo_fn *call;
    memcpy(&call, &real, sizeof call);
    FILE *file = path ? fopen(path, "r") : NULL;
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file))
        found = sscanf(line, "%199s %79s", known, address) == 2 && strcmp(known, name) == 0;
    if (file)
        fclose(file);
    if (found && strcmp(address, "hangs") == 0)
        for (;;)
            pause();
    return call(found ? address : name, service, hints, out);
}

static void
print(json_t *json)
{
    json_dumpf(json, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(json);
}

static void
leave_if_done(struct drive *drive)
{
    if (drive->ended && drive->under_way == 0)
        loop_stop(drive->loop);
}

static void
forget(struct ask *ask)
{
    *(ask->before ? &ask->before->next : &ask->drive->asks) = ask->next;
    if (ask->next)
        ask->next->before = ask->before;
    free(ask);
}

static void
receipt(void *arg, const struct notify_receipt *its)
{
    static const char *const words[] = {"taken", "failed", "gone", "forbidden"};
    struct ask *ask = arg;
    struct drive *drive = ask->drive;
    print(json_pack("{s:s, s:s, s:i, s:I, s:I, s:s, s:s%}", "id", ask->id, "outcome",
                    words[its->outcome], "code", its->code, "took_ms", (json_int_t)its->took_ms,
                    "retry_after_ms", (json_int_t)its->retry_after_ms, "error", its->error, "body",
                    its->body.ptr ? its->body.ptr : "", (size_t)its->body.len));
    forget(ask);
    drive->under_way--;
    leave_if_done(drive);
}

static struct text
text_in(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    return json_is_string(value)
               ? (struct text){json_string_value(value), (uint32_t)json_string_length(value)}
               : TEXT_LITERAL("");
}

#define RECORDS_MAX 16

/* Records as the log has them. */
struct made {
    struct buf attributes, data;
};

static struct log_record
make_record(const json_t *json, struct made *made)
{
    char actor[80];
    snprintf(actor, sizeof actor, "%.*s", TEXT_ARG(text_in(json, "actor")));
    log_attributes_write(&made->attributes, json_string_value(json_object_get(json, "type")),
                         "cbm:cica/events", actor, TEXT_NONE);
    json_to_msgpack(json_object_get(json, "data"), &made->data);
    return (struct log_record){.seq = json_integer_value(json_object_get(json, "seq")),
                               .time_ms = json_integer_value(json_object_get(json, "time_ms")),
                               .topic = text_in(json, "topic"),
                               .prev = TEXT_LITERAL("0 0 0"),
                               .attributes = {(char *)made->attributes.data,
                                              (uint32_t)made->attributes.len},
                               .data = {(char *)made->data.data, (uint32_t)made->data.len}};
}

static bool
post_it(struct drive *drive, const json_t *post, struct ask *ask)
{
    struct notify_post its = {.url = text_in(post, "url"),
                              .id = text_in(post, "id"),
                              .time_ms = json_integer_value(json_object_get(post, "time_ms")),
                              .body = text_in(post, "body")};
    const json_t *record_json = json_object_get(post, "record");
    struct notify_cloudevent event = {0};
    struct made made = {0};
    const char *name;
    json_t *value;
    size_t i;
    json_object_foreach(json_object_get(post, "headers"), name, value)
        its.headers[its.header_count++] =
        (struct notify_header){text_of(name),
                               {json_string_value(value), (uint32_t)json_string_length(value)}};
    json_array_foreach(json_object_get(post, "secrets"), i, value) its.secrets[its.secret_count++] =
        text_of(json_string_value(value));
    if (record_json) {
        struct log_record record = make_record(record_json, &made);
        if (notify_cloudevent_write(&event, &record, json_is_true(json_object_get(post, "binary")),
                                    json_is_true(json_object_get(post, "thin")))) {
            its.body = event.body;
            its.header_count = event.header_count;
            memcpy(its.headers, event.headers, event.header_count * sizeof *its.headers);
        }
    }
    snprintf(ask->id, sizeof ask->id, "%.*s", TEXT_ARG(its.id));
    bool begun = notify_sender_post(drive->sender, &its, receipt, ask);
    notify_cloudevent_fini(&event);
    buf_fini(&made.attributes);
    buf_fini(&made.data);
    return begun;
}

static bool
mail_it(struct drive *drive, const json_t *mail, struct ask *ask)
{
    struct notify_mail its = {text_in(mail, "to"), text_in(mail, "message")};
    struct notify_letter letter = {.from = text_of(drive->from),
                                   .to = its.to,
                                   .org = TEXT_LITERAL("cica"),
                                   .subscription = TEXT_LITERAL("a-newsroom"),
                                   .time_ms = 1626163200000,
                                   .thin = json_is_true(json_object_get(mail, "thin"))};
    struct log_record records[RECORDS_MAX];
    struct made made[RECORDS_MAX] = {{.data = {0}}};
    struct buf message = {0};
    unsigned count = 0;
    json_t *value;
    size_t i;
    if (json_object_get(mail, "language"))
        letter.language = text_in(mail, "language");
    json_array_foreach(json_object_get(mail, "records"), i, value)
    {
        records[count] = make_record(value, &made[count]);
        count++;
    }
    if (count && notify_mail_write(&message, &letter, count, records))
        its.message = (struct text){(char *)message.data, (uint32_t)message.len};
    snprintf(ask->id, sizeof ask->id, "%.*s", TEXT_ARG(its.to));
    bool begun = notify_sender_mail(drive->sender, &its, receipt, ask);
    while (count--) {
        buf_fini(&made[count].attributes);
        buf_fini(&made[count].data);
    }
    buf_fini(&message);
    return begun;
}

static void
begin(struct drive *drive, const json_t *post, const json_t *mail)
{
    struct ask *ask = calloc(1, sizeof *ask);
    ask->drive = drive;
    ask->next = drive->asks;
    if (ask->next)
        ask->next->before = ask;
    drive->asks = ask;
    bool begun = post ? post_it(drive, post, ask) : mail_it(drive, mail, ask);
    drive->under_way += begun;
    if (!begun) {
        print(json_pack("{s:s, s:s}", "id", ask->id, "outcome", "refused"));
        forget(ask);
    }
}

static void
take_line(struct drive *drive, const char *line, size_t len)
{
    json_t *json = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
    const json_t *post = json_object_get(json, "post"), *mail = json_object_get(json, "mail");
    struct text url = text_in(json, "url");
    json_int_t times = json_integer_value(json_object_get(json, "times"));
    char why[200] = "";
    if (json_object_get(json, "leave")) {
        loop_stop(drive->loop);
    } else if (post || mail) {
        do
            begin(drive, post, mail);
        while (--times > 0);
    } else {
        bool allowed = notify_sender_url_allowed(drive->sender, url, why);
        print(json_pack("{s:s%, s:b, s:s}", "url", url.ptr, (size_t)url.len, "allowed", allowed,
                        "why", why));
    }
    json_decref(json);
}

static void
take_input(void *arg, short revents)
{
    (void)revents;
    struct drive *drive = arg;
    uint8_t *at = buf_reserve(&drive->input, 65536);
    ssize_t len = at ? read(0, at, 65536) : 0;
    if (len <= 0) {
        loop_watch_fd(drive->loop, 0, 0, NULL, NULL);
        drive->ended = true;
        leave_if_done(drive);
        return;
    }
    drive->input.len += (size_t)len;
    uint8_t *line = drive->input.data, *end = line + drive->input.len, *newline;
    for (; (newline = memchr(line, '\n', (size_t)(end - line))); line = newline + 1)
        take_line(drive, (const char *)line, (size_t)(newline - line));
    memmove(drive->input.data, line, (size_t)(end - line));
    drive->input.len = (size_t)(end - line);
}

int
main(void)
{
    struct config config;
    struct drive drive = {.loop = loop_new()};
    if (drive.loop && cfg_load(rows, &config, NULL) == 0)
        drive.sender = notify_sender_new(drive.loop, &config.sender);
    int code = drive.sender ? 0 : 78;
    drive.from = config.sender.smtp_from;
    if (drive.sender) {
        loop_watch_fd(drive.loop, 0, POLLIN, take_input, &drive);
        loop_run(drive.loop);
    }
    notify_sender_destroy(&drive.sender);
    while (drive.asks) /* ended without a receipt */
        forget(drive.asks);
    loop_destroy(&drive.loop);
    buf_fini(&drive.input);
    return code;
}
