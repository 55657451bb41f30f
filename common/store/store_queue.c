/* The queue of commits: the commits at hand go in one call, each answered by itself.
 * It must not know what is committed. */
#include "common/store/reply.h"
#include "common/store/store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"

#define DAY_TTL_S "259200" /* of a day's idempotency keys, which answer for 24 h */
#define CALL_BYTES_MAX (4 * 1024 * 1024)

/* The commits of one call, until its reply comes. */
struct call {
    struct store *store;
    unsigned count;
    struct store_commit_entry entries[STORE_BATCH_MAX];
};

static bool
make_room(struct store *store)
{
    if (store->queue_head + store->queue_count < store->queue_cap)
        return true;
    if (store->queue_head > 0) {
        memmove(store->queue, store->queue + store->queue_head,
                store->queue_count * sizeof *store->queue);
        store->queue_head = 0;
        if (store->queue_count < store->queue_cap)
            return true;
    }
    unsigned cap = store->queue_cap ? store->queue_cap * 2 : 256;
    struct store_commit_entry *queue = realloc(store->queue, cap * sizeof *queue);
    if (!queue)
        return false;
    store->queue = queue;
    store->queue_cap = cap;
    return true;
}

void
store_commit(struct store *store, struct store_commit *commit, store_commit_fn *fn, void *arg)
{
    if (!store->up || store_commit_failed(commit) || !make_room(store)) {
        fn(arg, STORE_FAILED, 0,
           store->up ? TEXT_LITERAL("out of memory") : TEXT_LITERAL("no connection to Redis"));
        return;
    }
    store->queue[store->queue_head + store->queue_count++] =
        (struct store_commit_entry){commit, fn, arg};
}

static void
fail(const struct store_commit_entry *entry, const char *why)
{
    entry->fn(entry->arg, STORE_FAILED, 0, text_of(why));
}

void
store_queue_fail_all(struct store *store)
{
    while (store->queue_count) {
        struct store_commit_entry entry = store->queue[store->queue_head++];
        store->queue_count--;
        fail(&entry, "no connection to Redis");
    }
}

/* Puts the commits of a call back to where they were: they were not executed. */
static void
put_back(struct call *call)
{
    struct store *store = call->store;
    for (unsigned i = 0; i < call->count; i++)
        if (!make_room(store))
            fail(&call->entries[i], "out of memory");
        else
            store->queue[store->queue_head + store->queue_count++] = call->entries[i];
}

static void
on_committed(void *arg, const redisReply *reply)
{
    struct call *call = arg;
    struct store *store = call->store;
    store->calls--;
    if (reply_function_lost(reply)) { /* FUNCTION FLUSH, or a fresh Redis: load it and go on */
        log_write(LOG_LEVEL_WARN, "the commit function is gone: loading it again", NULL);
        put_back(call);
        if (store->up) {
            store->up = false;
            store->events.down(store->arg);
            store_setup_start(store);
        }
    } else {
        if (reply && reply->type == REDIS_REPLY_ERROR)
            log_event(LOG_LEVEL_ERROR, "commit refused", LOG_TEXT("error", reply->str));
        for (unsigned i = 0; i < call->count; i++) {
            int64_t number;
            struct text kept;
            enum store_outcome outcome = reply_commit(reply, i, call->count, &number, &kept);
            call->entries[i].fn(call->entries[i].arg, outcome, number, kept);
        }
    }
    free(call);
    if (store->up)
        store_queue_send(store);
}

static void
add_list(struct redis_command *args, const struct store_list *list)
{
    const uint8_t *at = list->bytes.data;
    for (uint32_t i = 0; i < list->count; at += list->lens[i++])
        redis_command_add(args, at, list->lens[i]);
}

/* The first document that the commit writes: what is the same elsewhere is sent as "=". */
static struct text
first_document(const struct store_commit *commit)
{
    const struct store_list *writes = &commit->writes;
    if (writes->count < 2 || writes->lens[1] == 0)
        return TEXT_NONE;
    return (struct text){(const char *)writes->bytes.data + writes->lens[0], writes->lens[1]};
}

static void
add_shared(struct redis_command *args, struct text value, struct text document)
{
    if (document.ptr && text_equal(value, document))
        redis_command_add_string(args, "=");
    else
        redis_command_add(args, value.ptr, value.len);
}

/* A topic without its last level. */
static struct text
parent_of(struct text topic)
{
    uint32_t len = topic.len ? topic.len - 1 : 0;
    while (len && topic.ptr[len - 1] != '.')
        len--;
    return (struct text){topic.ptr, len};
}

static void
add_records(struct redis_command *args, const struct store_list *records, struct text document)
{
    const char *at = (const char *)records->bytes.data;
    for (uint32_t i = 0; i < records->count; at += records->lens[i++]) {
        struct text value = {at, records->lens[i]};
        if (i % 3 == 0)
            redis_command_add(args, value.ptr, parent_of(value).len);
        if (i % 3 == 2)
            add_shared(args, value, document);
        else
            redis_command_add(args, value.ptr, value.len);
    }
}

/* How many of each follow, and the span of the store's clock, in one argument: most commits of a
 * call have the same, and the function parses it once. */
static void
add_shape(struct redis_command *args, const struct store_commit *commit)
{
    const int64_t numbers[] = {commit->checks.count / 2,
                               commit->writes.count / 2,
                               commit->add.count,
                               commit->remove.count,
                               commit->records.count / 3,
                               commit->not_before,
                               commit->before};
    char shape[7 * TEXT_NUMBER_MAX];
    size_t len = 0;
    for (unsigned i = 0; i < 7; i++) {
        len += text_number(numbers[i], shape + len);
        shape[len++] = ' ';
    }
    redis_command_add(args, shape, len - 1);
}

static void
add_commit(struct redis_command *args, const struct store_commit *commit)
{
    struct text document = first_document(commit);
    redis_command_add(args, commit->key.ptr, commit->key.len);
    redis_command_add(args, commit->digest.ptr, commit->digest.len);
    add_shared(args, commit->reply, document);
    add_shape(args, commit);
    add_list(args, &commit->checks);
    add_list(args, &commit->writes);
    add_list(args, &commit->add);
    add_list(args, &commit->remove);
    add_records(args, &commit->records, document);
}

static size_t
commit_bytes(const struct store_commit *commit)
{
    return commit->writes.bytes.len + commit->records.bytes.len + commit->reply.len;
}

/* Takes the commits of the next call from the queue. */
static struct call *
take_call(struct store *store)
{
    struct call *call = malloc(sizeof *call);
    if (!call)
        return NULL;
    call->store = store;
    call->count = 0;
    size_t bytes = 0;
    while (store->queue_count && call->count < STORE_BATCH_MAX && bytes < CALL_BYTES_MAX) {
        bytes += commit_bytes(store->queue[store->queue_head].commit);
        call->entries[call->count++] = store->queue[store->queue_head++];
        store->queue_count--;
    }
    return call;
}

static int
send_call(struct store *store, struct call *call)
{
    char days[STORE_DAYS][STORE_KEY_MAX];
    struct redis_command *args = &store->command;
    int64_t today = store_day_keys(store, days);
    redis_command_add_string(args, "FCALL");
    redis_command_add_string(args, "cbm_commit");
    redis_command_add_number(args, KEY_COUNT + STORE_DAYS);
    for (unsigned i = 0; i < KEY_COUNT; i++)
        redis_command_add_string(args, store->keys[i]);
    for (unsigned i = 0; i < STORE_DAYS; i++)
        redis_command_add_string(args, days[i]);
    redis_command_add_number(args, call->count);
    redis_command_add_number(args, today);
    redis_command_add_string(args, DAY_TTL_S);
    for (unsigned i = 0; i < call->count; i++)
        add_commit(args, call->entries[i].commit);
    return redis_link_send(store->link, on_committed, call, args);
}

void
store_queue_send(struct store *store)
{
    while (store->queue_count && store->calls < STORE_CALLS_MAX) {
        struct call *call = take_call(store);
        if (!call)
            return; /* tried again with the next flush */
        if (send_call(store, call) == 0) {
            store->calls++;
            continue;
        }
        for (unsigned i = 0; i < call->count; i++)
            fail(&call->entries[i], "the commit could not be sent");
        free(call);
    }
}
