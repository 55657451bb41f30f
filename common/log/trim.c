/* See trim.h. It must not know what may be trimmed. */
#include "common/log/trim.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/store/redis.h"

#define KEY_MAX 160
#define ANSWERS 4

struct log_trim {
    struct redis_link *link;
    char log_key[KEY_MAX], prefix_key[KEY_MAX], block_key[KEY_MAX], doc_key[KEY_MAX],
        index_key[KEY_MAX];
    struct redis_command command; /* scratch */
    log_trim_fn *fn;
    void *arg;
    bool closing;
};

static void
refused(const redisReply *reply)
{
    log_event(LOG_LEVEL_ERROR, "the log cannot be trimmed",
              LOG_TEXT("error", reply->type == REDIS_REPLY_ERROR ? reply->str : "damaged"));
}

static void
on_step(void *arg, const redisReply *reply)
{
    struct log_trim *trim = arg;
    if (trim->closing)
        return;
    bool good = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == ANSWERS;
    for (unsigned i = 0; good && i < ANSWERS; i++)
        good = reply->element[i]->type == REDIS_REPLY_INTEGER;
    if (reply && !good)
        refused(reply);
    struct log_trimmed trimmed = {0};
    if (good)
        trimmed = (struct log_trimmed){reply->element[0]->integer, reply->element[1]->integer,
                                       reply->element[2]->integer, reply->element[3]->integer};
    trim->fn(trim->arg, good ? &trimmed : NULL);
}

static int
send(struct log_trim *trim, redis_reply_fn *fn)
{
    int result = redis_link_send(trim->link, fn, trim, &trim->command);
    redis_link_flush(trim->link);
    return result;
}

static void
add_strings(struct log_trim *trim, unsigned count, const char *const *strings)
{
    for (unsigned i = 0; i < count; i++)
        redis_command_add_string(&trim->command, strings[i]);
}

int
log_trim_step(struct log_trim *trim, int64_t first, const char *keep, log_trim_fn *fn, void *arg)
{
    const char *const head[] = {"FCALL",       "cbm_trim",       "3",
                                trim->log_key, trim->prefix_key, trim->block_key};
    if (!redis_link_up(trim->link))
        return -1;
    trim->fn = fn;
    trim->arg = arg;
    add_strings(trim, sizeof head / sizeof *head, head);
    redis_command_add_number(&trim->command, first);
    redis_command_add_number(&trim->command, LOG_TRIM_MAX);
    redis_command_add_string(&trim->command, keep);
    return send(trim, on_step);
}

static void
on_dropped(void *arg, const redisReply *reply)
{
    const struct log_trim *trim = arg;
    if (!trim->closing && reply && reply->type == REDIS_REPLY_ERROR)
        refused(reply);
}

int
log_trim_drop(struct log_trim *trim, const struct log_drop *drop)
{
    const char *const head[] = {"FCALL", "cbm_drop", "2", trim->doc_key, trim->index_key};
    if (!redis_link_up(trim->link))
        return -1;
    add_strings(trim, sizeof head / sizeof *head, head);
    redis_command_add_number(&trim->command, drop->count);
    for (unsigned i = 0; i < drop->count; i++)
        redis_command_add(&trim->command, drop->fields[i].ptr, drop->fields[i].len);
    for (unsigned i = 0; i < drop->count; i++)
        redis_command_add(&trim->command, drop->entries[i].ptr, drop->entries[i].len);
    return send(trim, on_dropped);
}

static void
on_change(void *arg)
{
    (void)arg; /* who waits is told by the reply function; who wants to go on tries again */
}

struct log_trim *
log_trim_new(struct loop *loop, const char *url, const char *org, const char *service)
{
    struct log_trim *trim = calloc(1, sizeof *trim);
    if (!trim)
        return NULL;
    snprintf(trim->log_key, KEY_MAX, "{%s}:log", org);
    snprintf(trim->prefix_key, KEY_MAX, "{%s}:log:prefix", org);
    snprintf(trim->block_key, KEY_MAX, "{%s}:log:block", org);
    snprintf(trim->doc_key, KEY_MAX, "{%s}:%s:doc", org, service);
    snprintf(trim->index_key, KEY_MAX, "{%s}:%s:ix", org, service);
    const struct redis_events events = {on_change, on_change, NULL};
    trim->link = redis_link_new(loop, url, &events, trim);
    if (!trim->link)
        log_trim_destroy(&trim);
    return trim;
}

void
log_trim_destroy(struct log_trim **trim)
{
    if (!*trim)
        return;
    (*trim)->closing = true;
    redis_link_destroy(&(*trim)->link);
    redis_command_fini(&(*trim)->command);
    free(*trim);
    *trim = NULL;
}
