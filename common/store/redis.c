/* See redis.h. */
#include "common/store/redis.h"

#include <czmq.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/store/redis_reader.h"

#define RETRY_MIN_MS 20
#define RETRY_MAX_MS 1000
#define ADDRESS_MAX 512
#define READS_A_TURN 16 /* of 16 KiB each: less than that, and a page of the log is many turns */

struct redis_link {
    struct loop *loop;
    struct redis_events events;
    void *arg;
    char host[ADDRESS_MAX]; /* or the path of a unix socket */
    int port;               /* 0 for a unix socket */
    char user[128], password[256], password_file[ADDRESS_MAX];
    redisAsyncContext *context; /* NULL while there is no connection */
    struct arena reply;         /* the one being read or handed out */
    bool up, want_write, in_callback, reported;
    int64_t retry_ms, connect_at_ms;
};

/* What a reply has to go to; freed after it. */
struct waiter {
    redis_reply_fn *fn;
    void *arg;
};

/* [user[:password]@]: returns what follows, NULL if it is none of that. */
static const char *
parse_user(struct redis_link *link, const char *text)
{
    const char *at = strrchr(text, '@'), *colon = strchr(text, ':');
    if (!at)
        return text;
    if (!colon || colon > at)
        colon = at;
    snprintf(link->user, sizeof link->user, "%.*s", (int)(colon - text), text);
    if (colon < at)
        snprintf(link->password, sizeof link->password, "%.*s", (int)(at - colon - 1), colon + 1);
    return at + 1;
}

#define PASSWORD_FILE "?password_file="

static bool
parse_url(struct redis_link *link, const char *url)
{
    char bare[ADDRESS_MAX];
    const char *query = strchr(url, '?');
    bool local = strncmp(url, "unix://", 7) == 0;
    if (!local && strncmp(url, "redis://", 8) != 0)
        return false;
    if (query && (strncmp(query, PASSWORD_FILE, sizeof PASSWORD_FILE - 1) != 0 ||
                  strlen(query) >= sizeof link->password_file))
        return false;
    if (query)
        strcpy(link->password_file, query + sizeof PASSWORD_FILE - 1);
    snprintf(bare, sizeof bare, "%.*s", query ? (int)(query - url) : (int)strlen(url), url);
    const char *host = parse_user(link, bare + (local ? 7 : 8));
    if (local) {
        snprintf(link->host, sizeof link->host, "%s", host);
        return link->host[0] == '/';
    }
    size_t len = strcspn(host, ":/");
    snprintf(link->host, sizeof link->host, "%.*s", (int)len, host);
    link->port = host[len] == ':' ? atoi(host + len + 1) : 6379;
    return link->host[0] && link->port > 0 && link->port < 65536;
}

/* The first line of the password's file, read at every connection so that it may be changed. */
static bool
read_password(struct redis_link *link)
{
    FILE *file = link->password_file[0] ? fopen(link->password_file, "r") : NULL;
    if (!file)
        return !link->password_file[0];
    bool got = fgets(link->password, sizeof link->password, file) != NULL;
    fclose(file);
    if (got)
        link->password[strcspn(link->password, "\r\n")] = '\0';
    return got && link->password[0];
}

static void on_fd(void *arg, short revents);

static void
watch(struct redis_link *link)
{
    short events = (short)(ZMQ_POLLIN | (link->want_write ? ZMQ_POLLOUT : 0));
    loop_watch_fd(link->loop, link->context->c.fd, events, on_fd, link);
}

static void
hook_read(void *arg)
{
    (void)arg; /* input is always watched */
}

static void
hook_add_write(void *arg)
{
    struct redis_link *link = arg;
    link->want_write = true;
}

static void
hook_del_write(void *arg)
{
    struct redis_link *link = arg;
    link->want_write = false;
}

static void
hook_cleanup(void *arg)
{
    struct redis_link *link = arg;
    if (link->context)
        loop_watch_fd(link->loop, link->context->c.fd, 0, on_fd, link);
}

static void
lost(struct redis_link *link)
{
    bool was_up = link->up;
    if (link->context)
        loop_watch_fd(link->loop, link->context->c.fd, 0, on_fd, link);
    link->context = NULL;
    link->up = false;
    link->connect_at_ms = clock_mono_ms() + link->retry_ms;
    link->retry_ms = link->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : link->retry_ms * 2;
    loop_tick_by(link->loop, link->connect_at_ms);
    if (was_up)
        link->events.down(link->arg);
}

static void
report_lost(struct redis_link *link, const char *why)
{
    if (!link->reported)
        log_event(LOG_LEVEL_WARN, "no connection to Redis", LOG_TEXT("host", link->host),
                  LOG_NUMBER("port", link->port), LOG_TEXT("error", why));
    link->reported = true; /* once, until it is up again */
}

static void
on_disconnect(const redisAsyncContext *context, int status)
{
    struct redis_link *link = context->data;
    report_lost(link, status == REDIS_OK ? "closed" : context->errstr);
    lost(link);
}

static void
go_up(struct redis_link *link)
{
    link->up = true;
    link->reported = false;
    link->retry_ms = RETRY_MIN_MS;
    link->events.up(link->arg);
}

static void
on_auth(redisAsyncContext *context, void *reply, void *arg)
{
    struct redis_link *link = arg;
    (void)context;
    const redisReply *answer = reply;
    if (!answer)
        return;                              /* lost: told by on_disconnect */
    if (answer->type == REDIS_REPLY_ERROR) { /* the password may be on its way: it tries again */
        report_lost(link, answer->str);
        redisAsyncDisconnect(link->context);
        return;
    }
    go_up(link);
}

static void
on_connect(const redisAsyncContext *context, int status)
{
    struct redis_link *link = context->data;
    if (status != REDIS_OK) { /* hiredis frees the context itself */
        report_lost(link, context->c.errstr[0] ? context->c.errstr : "cannot connect");
        lost(link);
        return;
    }
    if (link->password[0])
        redisAsyncCommand(link->context, on_auth, link, "AUTH %s %s",
                          link->user[0] ? link->user : "default", link->password);
    else
        go_up(link);
}

static void
connect_now(struct redis_link *link)
{
    link->connect_at_ms = INT64_MAX;
    link->want_write = false;
    if (!read_password(link)) {
        report_lost(link, "the file of the password cannot be read, or is empty");
        lost(link);
        return;
    }
    redisAsyncContext *context =
        link->port ? redisAsyncConnect(link->host, link->port) : redisAsyncConnectUnix(link->host);
    if (!context || context->err) {
        report_lost(link, context ? context->errstr : "out of memory");
        if (context)
            redisAsyncFree(context);
        lost(link);
        return;
    }
    link->context = context;
    context->data = link;
    context->ev.data = link;
    context->ev.addRead = hook_read;
    context->ev.delRead = hook_read;
    context->ev.addWrite = hook_add_write;
    context->ev.delWrite = hook_del_write;
    context->ev.cleanup = hook_cleanup;
    arena_reset(&link->reply); /* what the last connection left in the middle of a reply */
    redis_reader_use(context->c.reader, &link->reply);
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    if (link->port) /* a unix socket has no keep-alive */
        redisEnableKeepAlive(&context->c);
    link->want_write = true; /* writability tells that the connection is made */
    watch(link);
}

static int64_t
link_tick(void *arg, int64_t now_ms)
{
    struct redis_link *link = arg;
    if (!link->context && now_ms >= link->connect_at_ms)
        connect_now(link);
    return link->context ? LOOP_NEVER : link->connect_at_ms;
}

static bool
unread(int fd)
{
    int bytes = 0;
    return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

static void
on_fd(void *arg, short revents)
{
    struct redis_link *link = arg;
    link->in_callback = true;
    if (link->context && (revents & ZMQ_POLLOUT))
        redisAsyncHandleWrite(link->context);
    bool readable = revents & (ZMQ_POLLIN | ZMQ_POLLERR);
    for (int i = 0; link->context && readable && i < READS_A_TURN; i++) {
        redisAsyncHandleRead(link->context);
        readable = link->context && unread(link->context->c.fd);
    }
    link->in_callback = false;
    if (link->up && link->events.turn)
        link->events.turn(link->arg);
    redis_link_flush(link);
}

void
redis_link_flush(struct redis_link *link)
{
    if (link->in_callback || !link->context)
        return;
    if (link->up && link->want_write) {
        link->in_callback = true;
        redisAsyncHandleWrite(link->context);
        link->in_callback = false;
    }
    if (link->context)
        watch(link);
}

static void
on_reply(redisAsyncContext *context, void *reply, void *arg)
{
    (void)context;
    struct waiter waiter = *(struct waiter *)arg;
    free(arg);
    if (waiter.fn)
        waiter.fn(waiter.arg, reply);
}

/* Where the arguments begin: in front of them is room for "*count\r\n", known only at the end. */
#define COMMAND_HEAD 16

void
redis_command_add_pair(struct redis_command *command, struct text first, struct text second)
{
    struct buf *bytes = &command->bytes;
    char number[TEXT_NUMBER_MAX];
    size_t len = (size_t)first.len + second.len;
    size_t digits = text_number((int64_t)len, number);
    size_t head = command->count++ ? 0 : COMMAND_HEAD;
    uint8_t *at = buf_reserve(bytes, head + 1 + digits + 2 + len + 2);
    if (!at)
        return;
    at += head;
    *at++ = '$';
    memcpy(at, number, digits);
    at += digits;
    *at++ = '\r';
    *at++ = '\n';
    if (first.len)
        memcpy(at, first.ptr, first.len);
    if (second.len)
        memcpy(at + first.len, second.ptr, second.len);
    at[len] = '\r';
    at[len + 1] = '\n';
    bytes->len += head + 1 + digits + 2 + len + 2;
}

void
redis_command_add(struct redis_command *command, const void *ptr, size_t len)
{
    redis_command_add_pair(command, (struct text){ptr, (uint32_t)len}, TEXT_NONE);
}

void
redis_command_add_string(struct redis_command *command, const char *string)
{
    redis_command_add(command, string, strlen(string));
}

void
redis_command_add_number(struct redis_command *command, int64_t number)
{
    char text[TEXT_NUMBER_MAX];
    redis_command_add(command, text, text_number(number, text));
}

void
redis_command_fini(struct redis_command *command)
{
    buf_fini(&command->bytes);
    command->count = 0;
}

static int
send_formatted(struct redis_link *link, redis_reply_fn *fn, void *arg, const char *bytes,
               size_t len)
{
    struct waiter *waiter = malloc(sizeof *waiter);
    if (!waiter)
        return -1;
    *waiter = (struct waiter){fn, arg};
    if (redisAsyncFormattedCommand(link->context, on_reply, waiter, bytes, len) != REDIS_OK) {
        free(waiter);
        return -1;
    }
    return 0;
}

int
redis_link_send(struct redis_link *link, redis_reply_fn *fn, void *arg,
                struct redis_command *command)
{
    struct buf *bytes = &command->bytes;
    int result = -1;
    if (link->up && !bytes->failed && command->count) {
        char head[COMMAND_HEAD], number[TEXT_NUMBER_MAX];
        size_t len = text_number(command->count, number);
        head[0] = '*';
        memcpy(head + 1, number, len);
        head[1 + len] = '\r';
        head[2 + len] = '\n';
        len += 3;
        memcpy(bytes->data + COMMAND_HEAD - len, head, len);
        result = send_formatted(link, fn, arg, (char *)bytes->data + COMMAND_HEAD - len,
                                bytes->len - COMMAND_HEAD + len);
    }
    buf_clear(bytes);
    command->count = 0;
    return result;
}

int
redis_link_sendf(struct redis_link *link, redis_reply_fn *fn, void *arg, const char *format, ...)
{
    if (!link->up)
        return -1;
    struct waiter *waiter = malloc(sizeof *waiter);
    if (!waiter)
        return -1;
    *waiter = (struct waiter){fn, arg};
    va_list args;
    va_start(args, format);
    int result = redisvAsyncCommand(link->context, on_reply, waiter, format, args);
    va_end(args);
    if (result != REDIS_OK) {
        free(waiter);
        return -1;
    }
    return 0;
}

/* Messages come to the same waiter until the connection ends. */
static void
on_message(redisAsyncContext *context, void *reply, void *arg)
{
    (void)context;
    struct waiter waiter = *(struct waiter *)arg;
    if (!reply)
        free(arg);
    waiter.fn(waiter.arg, reply);
}

int
redis_link_subscribe(struct redis_link *link, const char *channel, redis_reply_fn *fn, void *arg)
{
    struct waiter *waiter = link->up ? malloc(sizeof *waiter) : NULL;
    if (!waiter)
        return -1;
    *waiter = (struct waiter){fn, arg};
    if (redisAsyncCommand(link->context, on_message, waiter, "SUBSCRIBE %s", channel) == REDIS_OK)
        return 0;
    free(waiter);
    return -1;
}

bool
redis_link_up(const struct redis_link *link)
{
    return link->up;
}

void
redis_link_reset(struct redis_link *link)
{
    if (!link->context)
        return;
    /* in a callback it is freed when that is over; of a connection that never stood hiredis tells
     * nobody: then it is for us to go on */
    bool put_off = link->context->c.flags & REDIS_IN_CALLBACK;
    bool told = link->context->c.flags & REDIS_CONNECTED;
    redisAsyncContext *context = link->context;
    if (!put_off && !told) {
        lost(link);
        context->ev.cleanup = NULL;
    }
    redisAsyncFree(context);
}

struct redis_link *
redis_link_new(struct loop *loop, const char *url, const struct redis_events *events, void *arg)
{
    struct redis_link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->loop = loop;
    link->events = *events;
    link->arg = arg;
    link->retry_ms = RETRY_MIN_MS;
    if (!parse_url(link, url)) {
        log_write(LOG_LEVEL_ERROR,
                  "CBM_REDIS is wrong: want redis://[user[:password]@]host[:port] or "
                  "unix://[user@]/path, "
                  "and ?password_file=PATH behind it if need be",
                  NULL);
        free(link);
        return NULL;
    }
    if (loop_add_tick(loop, link_tick, link) != 0) {
        free(link);
        return NULL;
    }
    connect_now(link);
    return link;
}

void
redis_link_destroy(struct redis_link **link)
{
    if (!*link)
        return;
    (*link)->events.down = (*link)->events.up = NULL;
    (*link)->up = false; /* so that `lost` tells nobody */
    redis_link_reset(*link);
    loop_remove_tick((*link)->loop, link_tick, *link);
    arena_fini(&(*link)->reply);
    free(*link);
    *link = NULL;
}
