/* One call of the commit function: its arguments, as commit.lua says at its top.
 * It must not know what is committed, nor when it is sent. */
#include "common/store/store_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/log/record.h"
#include "common/msg/mp.h"

#define DAY_TTL_S 259200 /* of a day's idempotency keys, which answer for 24 h */

/* A topic without its last level. */
static struct text
parent_of(struct text topic)
{
    uint32_t len = topic.len ? topic.len - 1 : 0;
    while (len && topic.ptr[len - 1] != '.')
        len--;
    return (struct text){topic.ptr, len};
}

/* The number of the parent among those of the call, from 1; 0 without memory. */
static unsigned
parent_number(struct store *store, struct text parent)
{
    for (unsigned i = store->parents_count; i > 0; i--)
        if (text_equal(store->parents[i - 1], parent))
            return i;
    if (store->parents_count == store->parents_cap) {
        unsigned cap = store->parents_cap ? store->parents_cap * 2 : 16;
        struct text *parents = realloc(store->parents, cap * sizeof *parents);
        if (!parents)
            return 0;
        store->parents = parents;
        store->parents_cap = cap;
    }
    store->parents[store->parents_count++] = parent;
    return store->parents_count;
}

/* The first document that the commit writes: what is the same elsewhere is not sent again. */
static struct text
first_document(const struct store_commit *commit)
{
    struct store_walk walk = {&commit->writes};
    struct text field, document;
    if (store_walk_next(&walk, &field) && store_walk_next(&walk, &document) && document.len)
        return document;
    return TEXT_NONE;
}

static bool
same(struct text value, struct text document)
{
    return document.ptr && text_equal(value, document);
}

/* Whether the answer need not be kept: nobody can ask for it again, or it is the data of the only
 * record. */
static bool
reply_shared(const struct store_commit *commit, struct text document)
{
    struct store_walk walk = {&commit->records};
    struct text topic, attributes, data;
    if (!commit->key.len)
        return true;
    return commit->records.count == 3 && same(commit->reply, document) &&
           store_walk_next(&walk, &topic) && store_walk_next(&walk, &attributes) &&
           store_walk_next(&walk, &data) && same(data, document);
}

/* The number, from 1, of the check of a field, with the revision expected; 0 if it is not checked,
 * which is our own bug and refused by the function. */
static unsigned
check_number(const struct store_commit *commit, struct text field, struct text *revision)
{
    struct store_walk walk = {&commit->checks};
    struct text name;
    for (unsigned i = 1; store_walk_next(&walk, &name) && store_walk_next(&walk, revision); i++)
        if (text_equal(name, field))
            return i;
    *revision = TEXT_LITERAL("0");
    return 0;
}

/* How a commit is laid out: a shape without the number of times. Returns how many numbers these
 * are, 0 without memory. */
static unsigned
write_shape(struct store *store, const struct store_commit *commit, struct buf *out)
{
    struct text document = first_document(commit), field, revision, topic, attributes, data;
    const unsigned writes = commit->writes.count / 2, records = commit->records.count / 3;
    struct buf *tail = &store->scratch;
    bool shared_reply = reply_shared(commit, document);
    unsigned arguments =
        writes + commit->remove.count + commit->add.count + records + !shared_reply;
    buf_clear(tail);
    struct store_walk walk = {&commit->writes};
    while (store_walk_next(&walk, &field) && store_walk_next(&walk, &data))
        mp_uint(tail, check_number(commit, field, &revision));
    walk = (struct store_walk){&commit->records};
    while (store_walk_next(&walk, &topic) && store_walk_next(&walk, &attributes) &&
           store_walk_next(&walk, &data)) {
        unsigned parent = parent_number(store, parent_of(topic));
        bool shared = same(data, document);
        if (!parent)
            return 0;
        mp_uint(tail, parent);
        mp_uint(tail, shared);
        arguments += !shared;
    }
    const int64_t numbers[] = {commit->checks.count / 2, writes,       commit->remove.count,
                               commit->add.count,        records,      commit->not_before,
                               commit->before,           shared_reply, arguments};
    const unsigned count = sizeof numbers / sizeof *numbers;
    buf_clear(out);
    for (unsigned i = 0; i < count; i++)
        mp_int(out, numbers[i]);
    buf_append(out, tail->data, tail->len);
    return out->failed || tail->failed ? 0 : count + writes + 2 * records;
}

/* The revisions that a commit expects, each ended by a space. */
static void
write_revisions(const struct store_commit *commit, struct buf *out)
{
    struct store_walk walk = {&commit->checks};
    struct text field, revision;
    while (store_walk_next(&walk, &field) && store_walk_next(&walk, &revision)) {
        buf_append(out, revision.ptr, revision.len);
        buf_append(out, " ", 1);
    }
}

static void
tell_shape(struct buf *all, unsigned times, unsigned numbers, struct text shape)
{
    mp_array(all, numbers + 1);
    mp_uint(all, times);
    buf_append(all, shape.ptr, shape.len);
}

/* All shapes, each told once for those in a row that have it and expect the same revisions. Notes
 * the first commit of each. False without memory. */
static bool
write_shapes(struct store *store, struct store_call *call)
{
    struct buf *all = &store->shapes, *shape = &store->shape, *next = &store->next_shape;
    unsigned times = 0, numbers = 0;
    uint32_t told = 0; /* bytes of the shape: the revisions are behind */
    buf_clear(all);
    call->shapes = 0;
    for (unsigned i = 0; i < call->count; i++) {
        unsigned count = write_shape(store, call->entries[i].commit, next);
        uint32_t len = (uint32_t)next->len;
        write_revisions(call->entries[i].commit, next);
        if (!count || next->failed)
            return false;
        if (times && next->len == shape->len && memcmp(next->data, shape->data, next->len) == 0) {
            times++;
            continue;
        }
        if (times)
            tell_shape(all, times, numbers, (struct text){(const char *)shape->data, told});
        struct buf swap = *shape;
        *shape = *next;
        *next = swap;
        times = 1;
        numbers = count;
        told = len;
        call->first_of[call->shapes++] = (uint16_t)i;
    }
    tell_shape(all, times, numbers, (struct text){(const char *)shape->data, told});
    return !all->failed;
}

/* What is told of the call as a whole. */
static bool
add_head(struct store *store, struct store_call *call, int64_t today)
{
    struct buf *head = &store->scratch;
    unsigned fields = 0, topics = 0;
    if (!write_shapes(store, call))
        return false;
    for (unsigned i = 0; i < call->count; i++) {
        fields += call->entries[i].commit->checks.count / 2;
        topics += call->entries[i].commit->records.count / 3;
    }
    const int64_t numbers[] = {call->count, today, DAY_TTL_S};
    const unsigned count = sizeof numbers / sizeof *numbers;
    buf_clear(head);
    mp_array(head, count + 4);
    for (unsigned i = 0; i < count; i++)
        mp_int(head, numbers[i]);
    mp_array(head, store->parents_count);
    for (unsigned i = 0; i < store->parents_count; i++)
        mp_text(head, store->parents[i]);
    mp_uint(head, fields);
    mp_uint(head, topics);
    mp_array(head, call->shapes);
    buf_append(head, store->shapes.data, store->shapes.len);
    if (head->failed)
        return false;
    redis_command_add(&store->command, head->data, head->len);
    for (unsigned i = 0; i < call->shapes; i++) {
        buf_clear(head);
        write_revisions(call->entries[call->first_of[i]].commit, head);
        redis_command_add(&store->command, head->data, head->len);
    }
    return !head->failed;
}

/* Every `step`-th text of a list, from the first on. */
static void
add_each(struct redis_command *args, const struct store_list *list, unsigned step)
{
    struct store_walk walk = {list};
    struct text text;
    for (unsigned i = 0; store_walk_next(&walk, &text); i++)
        if (i % step == 0)
            redis_command_add(args, text.ptr, text.len);
}

/* What is told of all commits, one after the other. */
static void
add_columns(struct store *store, const struct store_call *call)
{
    struct redis_command *args = &store->command;
    for (unsigned i = 0; i < call->count; i++) {
        struct text key = call->entries[i].commit->key;
        redis_command_add(args, key.ptr, key.len);
    }
    for (unsigned i = 0; i < call->count; i++) {
        struct text digest = call->entries[i].commit->digest;
        redis_command_add(args, digest.ptr, digest.len);
    }
    for (unsigned i = 0; i < call->count; i++)
        add_each(args, &call->entries[i].commit->checks, 2);
    for (unsigned i = 0; i < call->count; i++)
        add_each(args, &call->entries[i].commit->records, 3);
}

static int64_t
number_of(struct text digits)
{
    int64_t number = 0;
    for (uint32_t i = 0; i < digits.len && digits.ptr[i] >= '0' && digits.ptr[i] <= '9'; i++)
        number = number * 10 + (digits.ptr[i] - '0');
    return number;
}

/* What the revision of a field is to follow instead of the one expected. */
static int64_t
floor_of(const struct store_commit *commit, struct text field)
{
    struct store_walk walk = {&commit->floors};
    struct text name, revision;
    while (store_walk_next(&walk, &name) && store_walk_next(&walk, &revision))
        if (text_equal(name, field))
            return number_of(revision) - 1;
    return 0;
}

/* "5 ", the revision that follows the one expected. Returns its length. */
static uint32_t
next_revision(const struct store_commit *commit, struct text field, char out[TEXT_NUMBER_MAX + 1])
{
    struct text expected;
    check_number(commit, field, &expected);
    int64_t revision = number_of(expected);
    if (commit->floors.count && floor_of(commit, field) > revision)
        revision = floor_of(commit, field);
    size_t len = text_number(revision + 1, out);
    out[len] = ' ';
    return (uint32_t)len + 1;
}

static void
add_records(struct store *store, const struct store_commit *commit, struct text document,
            uint32_t revision_len)
{
    struct store_walk walk = {&commit->records};
    struct text topic, attributes, data;
    struct buf *head = &store->scratch;
    while (store_walk_next(&walk, &topic) && store_walk_next(&walk, &attributes) &&
           store_walk_next(&walk, &data)) {
        bool shared = same(data, document); /* then it has the revision in front */
        uint32_t skip = shared ? revision_len : 0;
        buf_clear(head);
        log_record_head(head, topic, attributes, (size_t)data.len + skip, skip);
        redis_command_add(&store->command, head->data, head->len);
        if (!shared)
            redis_command_add(&store->command, data.ptr, data.len);
    }
}

/* What is told of one commit. */
static void
add_body(struct store *store, const struct store_commit *commit)
{
    struct redis_command *args = &store->command;
    struct text document = first_document(commit), field, data;
    struct store_walk walk = {&commit->writes};
    uint32_t first_len = 0;
    while (store_walk_next(&walk, &field) && store_walk_next(&walk, &data)) {
        char revision[TEXT_NUMBER_MAX + 1];
        uint32_t len = next_revision(commit, field, revision);
        redis_command_add_pair(args, (struct text){revision, len}, data);
        if (!first_len)
            first_len = len;
    }
    add_each(args, &commit->remove, 1);
    add_each(args, &commit->add, 1);
    add_records(store, commit, document, first_len);
    if (!reply_shared(commit, document))
        redis_command_add(args, commit->reply.ptr, commit->reply.len);
}

int
store_call_send(struct store *store, struct store_call *call, redis_reply_fn *fn)
{
    char days[STORE_DAYS][STORE_KEY_MAX];
    struct redis_command *args = &store->command;
    int64_t today = store_day_keys(store, days);
    store->parents_count = 0;
    redis_command_add_string(args, "FCALL");
    redis_command_add_string(args, "cbm_commit");
    redis_command_add_number(args, KEY_COUNT + STORE_DAYS);
    for (unsigned i = 0; i < KEY_COUNT; i++)
        redis_command_add_string(args, store->keys[i]);
    for (unsigned i = 0; i < STORE_DAYS; i++)
        redis_command_add_string(args, days[i]);
    if (!add_head(store, call, today)) {
        redis_command_fini(args);
        return -1;
    }
    add_columns(store, call);
    for (unsigned i = 0; i < call->count; i++)
        add_body(store, call->entries[i].commit);
    if (store->scratch.failed) {
        redis_command_fini(args);
        return -1;
    }
    return redis_link_send(store->link, fn, call, args);
}
