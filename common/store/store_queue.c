/* The queue of commits: the commits at hand go in one call, each answered by itself.
 * It must not know what is committed. */
#include "common/store/reply.h"
#include "common/store/store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"

#define CALL_BYTES_MAX (4 * 1024 * 1024)
#define EAGER 32 /* commits that do not wait for the end of the turn, if Redis has none */

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
    if (store->queue_count >= (store->calls ? STORE_BATCH_MAX : EAGER)) {
        store_queue_send(store); /* Redis would idle while the turn goes on */
        redis_link_flush(store->link);
    }
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
put_back(struct store_call *call)
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
    struct store_call *call = arg;
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
        struct reply_commits answers = reply_commits(reply, call->count);
        for (unsigned i = 0; i < call->count; i++) {
            int64_t number;
            struct text kept;
            unsigned records = call->entries[i].commit->records.count / 3;
            enum store_outcome outcome = reply_commit(&answers, i, records, &number, &kept);
            if (outcome == STORE_CLOCK)
                store_note_time(store, number);
            call->entries[i].fn(call->entries[i].arg, outcome, number, kept);
        }
    }
    free(call);
    if (store->up)
        store_queue_send(store);
}

static size_t
commit_bytes(const struct store_commit *commit)
{
    return commit->writes.bytes.len + commit->records.bytes.len + commit->reply.len;
}

static uint64_t
hash_of(struct text text, uint64_t seed)
{
    uint64_t hash = 14695981039346656037ULL ^ seed;
    for (uint32_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.ptr[i]) * 1099511628211ULL;
    return hash;
}

/* Notes that it is touched; false if what was noted before forbids it. */
static bool
touch(struct store_touched *touched, uint64_t hash, bool written, bool forbidden_if_checked)
{
    unsigned at = (unsigned)(hash >> 32) % STORE_TOUCHED_MAX;
    for (; touched->slots[at].call == touched->call; at = (at + 1) % STORE_TOUCHED_MAX)
        if (touched->slots[at].hash == hash) {
            bool allowed = !touched->slots[at].written && !forbidden_if_checked;
            touched->slots[at].written |= written;
            return allowed;
        }
    if (touched->count == STORE_TOUCHED_MAX / 2)
        return false;
    touched->count++;
    touched->slots[at].hash = hash;
    touched->slots[at].call = touched->call;
    touched->slots[at].written = written;
    return true;
}

static bool
is_written(const struct store_commit *commit, struct text field)
{
    struct store_walk walk = {&commit->writes};
    struct text name, document;
    while (store_walk_next(&walk, &name) && store_walk_next(&walk, &document))
        if (text_equal(name, field))
            return true;
    return false;
}

/* Whether the commit may go with those that were noted; notes it. */
static bool
independent(struct store_touched *touched, const struct store_commit *commit)
{
    struct store_walk walk = {&commit->checks};
    struct text field, revision;
    bool fits = !commit->key.len || touch(touched, hash_of(commit->key, 1), true, true);
    while (fits && store_walk_next(&walk, &field) && store_walk_next(&walk, &revision)) {
        bool written = is_written(commit, field);
        fits = touch(touched, hash_of(field, 0), written, written);
    }
    return fits;
}

/* Takes the commits of the next call from the queue: those in front that are independent of one
 * another. */
static struct store_call *
take_call(struct store *store)
{
    struct store_call *call = malloc(sizeof *call);
    if (!call)
        return NULL;
    call->store = store;
    call->count = 0;
    size_t bytes = 0;
    store->touched.call++;
    store->touched.count = 0;
    while (store->queue_count && call->count < STORE_BATCH_MAX && bytes < CALL_BYTES_MAX) {
        const struct store_commit *commit = store->queue[store->queue_head].commit;
        if (!independent(&store->touched, commit) && call->count)
            break;
        bytes += commit_bytes(commit);
        call->entries[call->count++] = store->queue[store->queue_head++];
        store->queue_count--;
    }
    return call;
}

void
store_queue_send(struct store *store)
{
    while (store->queue_count && store->calls < STORE_CALLS_MAX) {
        struct store_call *call = take_call(store);
        if (!call)
            return; /* tried again with the next flush */
        if (store_call_send(store, call, on_committed) == 0) {
            store->calls++;
            continue;
        }
        for (unsigned i = 0; i < call->count; i++)
            fail(&call->entries[i], "the commit could not be sent");
        free(call);
    }
}
