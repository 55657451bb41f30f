/* See store.h: the life of the store and its reads. Commits are in store_queue.c. */
#include "common/store/reply.h"
#include "common/store/store_internal.h"
#include "common/store/store_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/date.h"

const char *const store_durability_words[] = {"always", "everysec", "memory", NULL};

/* ---- asks that go together ---- */

static void
ask(struct store *store, struct store_asks *asks, struct text name, store_value_fn *fn, void *arg,
    unsigned slot)
{
    if (asks->count == asks->cap && store->up) {
        unsigned cap = asks->cap ? asks->cap * 2 : 64;
        struct store_ask *items = realloc(asks->items, cap * sizeof *items);
        if (items) {
            asks->items = items;
            asks->cap = cap;
        }
    }
    buf_append(&asks->names, name.ptr, name.len);
    if (!store->up || asks->count == asks->cap || asks->names.failed) {
        fn(arg, slot, false, TEXT_NONE);
        return;
    }
    asks->items[asks->count++] = (struct store_ask){fn, arg, slot, name.len};
}

void
store_get_time(struct store *store, store_value_fn *fn, void *arg, unsigned slot)
{
    ask(store, &store->times, TEXT_LITERAL(""), fn, arg, slot);
}

void
store_get_seq(struct store *store, store_value_fn *fn, void *arg, unsigned slot)
{
    ask(store, &store->seqs, TEXT_LITERAL(""), fn, arg, slot);
}

void
store_get_doc(struct store *store, struct text field, store_value_fn *fn, void *arg, unsigned slot)
{
    ask(store, &store->docs, field, fn, arg, slot);
}

/* Fails what is asked for; the functions may ask again, so the list is emptied first. */
static void
fail_asks(struct store_asks *asks)
{
    struct store_ask *items = asks->items;
    unsigned count = asks->count;
    asks->items = NULL;
    asks->count = asks->cap = 0;
    buf_clear(&asks->names);
    for (unsigned i = 0; i < count; i++)
        items[i].fn(items[i].arg, items[i].slot, false, TEXT_NONE);
    free(items);
}

/* The asks of one command, until its reply comes. */
struct round {
    unsigned count;
    struct store_ask asks[];
};

static void
on_values(void *arg, const redisReply *reply)
{
    struct round *round = arg;
    bool ok = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == round->count;
    for (unsigned i = 0; i < round->count; i++) {
        struct store_ask *item = &round->asks[i];
        if (i + 1 < round->count) /* who asked has been out of the cache since */
            __builtin_prefetch(item[1].arg);
        item->fn(item->arg, item->slot, ok, ok ? reply_text(reply->element[i]) : TEXT_NONE);
    }
    free(round);
}

/* The same value for all. */
static void
give_all(struct round *round, bool ok, struct text value)
{
    for (unsigned i = 0; i < round->count; i++) {
        if (i + 1 < round->count)
            __builtin_prefetch(round->asks[i + 1].arg);
        round->asks[i].fn(round->asks[i].arg, round->asks[i].slot, ok, ok ? value : TEXT_NONE);
    }
    free(round);
}

static void
on_time(void *arg, const redisReply *reply)
{
    char digits[TEXT_NUMBER_MAX];
    int64_t ms;
    bool ok = reply_time(reply, &ms);
    give_all(arg, ok, (struct text){digits, ok ? (uint32_t)text_number(ms, digits) : 0});
}

static void
on_seq(void *arg, const redisReply *reply)
{
    bool ok = reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL);
    give_all(arg, ok, ok ? reply_text(reply) : TEXT_NONE);
}

/* Sends the command that answers all asks of a kind, and takes it. */
static void
send_round(struct store *store, struct store_asks *asks, redis_reply_fn *fn)
{
    struct redis_command *command = &store->command;
    struct round *round = malloc(sizeof *round + asks->count * sizeof *asks->items);
    if (round) {
        round->count = asks->count;
        memcpy(round->asks, asks->items, asks->count * sizeof *asks->items);
    }
    if (round && redis_link_send(store->link, fn, round, command) == 0) {
        asks->count = 0;
        buf_clear(&asks->names);
        return; /* fn frees it */
    }
    redis_command_fini(command);
    free(round);
    fail_asks(asks);
}

static void
send_times(struct store *store)
{
    if (!store->times.count)
        return;
    redis_command_add_string(&store->command, "TIME");
    send_round(store, &store->times, on_time);
}

/* Reads the seq once for all who ask. */
static void
send_seqs(struct store *store)
{
    if (!store->seqs.count)
        return;
    redis_command_add_string(&store->command, "HGET");
    redis_command_add_string(&store->command, store->keys[KEY_PREFIX]);
    redis_command_add_string(&store->command, "#");
    send_round(store, &store->seqs, on_seq);
}

/* Sends one HMGET for all documents asked for. */
static void
send_docs(struct store *store)
{
    struct store_asks *asks = &store->docs;
    if (!asks->count)
        return;
    struct redis_command *command = &store->command;
    redis_command_add_string(command, "HMGET");
    redis_command_add_string(command, store->keys[KEY_DOC]);
    const char *name = (const char *)asks->names.data;
    for (unsigned i = 0; i < asks->count; name += asks->items[i++].len)
        redis_command_add(command, name, asks->items[i].len);
    send_round(store, asks, on_values);
}

struct text
store_document(struct text value, struct text *revision)
{
    const char *space = value.ptr ? memchr(value.ptr, ' ', value.len) : NULL;
    *revision = TEXT_LITERAL("0");
    if (!space)
        return TEXT_NONE;
    *revision = (struct text){value.ptr, (uint32_t)(space - value.ptr)};
    uint32_t len = value.len - revision->len - 1;
    return len ? (struct text){space + 1, len} : TEXT_NONE;
}

/* ---- scans and log pages: one command each ---- */

struct single {
    store_value_fn *value;
    store_list_fn *list;
    store_log_fn *page;
    void *arg;
    unsigned slot;
    int64_t after;
};

void
store_note_time(struct store *store, int64_t ms)
{
    store->ahead_ms = ms - clock_mono_ms();
}

int64_t
store_day_keys(const struct store *store, char keys[STORE_DAYS][STORE_KEY_MAX])
{
    int64_t today = (clock_mono_ms() + store->ahead_ms) / DATE_DAY_MS;
    for (int i = 0; i < STORE_DAYS; i++)
        snprintf(keys[i], STORE_KEY_MAX, "%.*s%" PRId64, STORE_KEY_MAX - 24, store->days_prefix,
                 today - 1 + i);
    return today;
}

static void
on_key(void *arg, const redisReply *reply)
{
    struct single single = *(struct single *)arg;
    free(arg);
    bool ok = reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL);
    single.value(single.arg, single.slot, ok, ok ? reply_text(reply) : TEXT_NONE);
}

void
store_get_key(struct store *store, struct text key, store_value_fn *fn, void *arg, unsigned slot)
{
    char days[STORE_DAYS][STORE_KEY_MAX];
    struct single *single = malloc(sizeof *single);
    store_day_keys(store, days);
    if (single)
        *single = (struct single){.value = fn, .arg = arg, .slot = slot};
    if (!single || redis_link_sendf(store->link, on_key, single,
                                    "FCALL_RO cbm_key 4 %s %s %s %s %b", store->keys[KEY_LOG],
                                    days[0], days[1], days[2], key.ptr, (size_t)key.len) != 0) {
        free(single);
        fn(arg, slot, false, TEXT_NONE);
    }
}

static void
on_scan(void *arg, const redisReply *reply)
{
    struct single single = *(struct single *)arg;
    free(arg);
    bool ok = reply && reply->type == REDIS_REPLY_ARRAY;
    struct text *values = ok ? malloc((reply->elements + 1) * sizeof *values) : NULL;
    for (size_t i = 0; values && i < reply->elements; i++)
        values[i] = reply_text(reply->element[i]);
    single.list(single.arg, single.slot, values != NULL, values ? (unsigned)reply->elements : 0,
                values);
    free(values);
}

void
store_scan(struct store *store, struct text from, struct text upto, unsigned limit,
           store_list_fn *fn, void *arg, unsigned slot)
{
    struct single *single = malloc(sizeof *single);
    if (single)
        *single = (struct single){.list = fn, .arg = arg, .slot = slot};
    if (!single ||
        redis_link_sendf(store->link, on_scan, single, "ZRANGEBYLEX %s [%b (%b LIMIT 0 %u",
                         store->keys[KEY_INDEX], from.ptr, (size_t)from.len, upto.ptr,
                         (size_t)upto.len, limit) != 0) {
        free(single);
        fn(arg, slot, false, 0, NULL);
    }
}

static void
on_log(void *arg, const struct store_log_page *page, const redisReply *failure)
{
    static const struct store_log_page none;
    (void)failure;
    struct single single = *(struct single *)arg;
    free(arg);
    single.page(single.arg, single.slot, page != NULL, page ? page : &none);
}

void
store_log_read(struct store *store, struct text prefix, int64_t after, unsigned limit,
               store_log_fn *fn, void *arg, unsigned slot)
{
    struct store_page_keys keys = {store->keys[KEY_LOG], store->keys[KEY_PREFIX],
                                   store->keys[KEY_BLOCK]};
    struct single *single = malloc(sizeof *single);
    if (single)
        *single = (struct single){.page = fn, .arg = arg, .slot = slot};
    if (!single || store_page_read(store->link, &keys, prefix, after, limit, on_log, single) != 0) {
        free(single);
        fn(arg, slot, false, &(struct store_log_page){0});
    }
}

/* The records of a range of seqs. */
static void
on_records(void *arg, const redisReply *reply)
{
    struct single single = *(struct single *)arg;
    struct store_log_page page = {0};
    free(arg);
    bool ok = reply && reply->type == REDIS_REPLY_ARRAY;
    struct log_record *records =
        ok ? reply_log_records(reply, single.after, NULL, (unsigned)reply->elements, &page) : NULL;
    page.count = records ? page.count : 0; /* one that is damaged is as good as missing */
    single.page(single.arg, single.slot, ok, &page);
    free(records);
}

void
store_get_records(struct store *store, int64_t after, unsigned count, store_log_fn *fn, void *arg,
                  unsigned slot)
{
    struct single *single = malloc(sizeof *single);
    if (single)
        *single = (struct single){.page = fn, .arg = arg, .slot = slot, .after = after};
    if (!single || store_seqs_read(store->link, store->keys[KEY_LOG], after, NULL, count,
                                   on_records, single) != 0) {
        free(single);
        fn(arg, slot, false, &(struct store_log_page){0});
    }
}

void
store_flush(struct store *store)
{
    if (store->up) {
        send_times(store);
        send_seqs(store);
        send_docs(store);
        store_queue_send(store);
    }
    redis_link_flush(store->link);
}

/* ---- life ---- */

static void
on_link_up(void *arg)
{
    store_setup_start(arg);
}

static void
on_link_down(void *arg)
{
    struct store *store = arg;
    bool was_up = store->up;
    store->up = false;
    fail_asks(&store->times);
    fail_asks(&store->seqs);
    fail_asks(&store->docs);
    store_queue_fail_all(store);
    if (was_up)
        store->events.down(store->arg);
}

static void
on_turn(void *arg)
{
    struct store *store = arg;
    store_flush(store);
    store->events.turn(store->arg);
}

static void
make_keys(struct store *store, const char *org, const char *service)
{
    static const char *const own[] = {"doc", "ix"};
    static const char *const log[] = {"log", "log:prefix", "log:block"};
    for (int i = 0; i < 2; i++)
        snprintf(store->keys[i], STORE_KEY_MAX, "{%s}:%s:%s", org, service, own[i]);
    for (int i = 0; i < 3; i++)
        snprintf(store->keys[KEY_LOG + i], STORE_KEY_MAX, "{%s}:%s", org, log[i]);
    snprintf(store->days_prefix, STORE_KEY_MAX, "{%s}:%s:keys:", org, service);
}

struct store *
store_new(struct loop *loop, const struct store_config *config, const struct store_events *events,
          void *arg)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    store->loop = loop;
    store->events = *events;
    store->arg = arg;
    store->wanted = store->found = config->durability;
    make_keys(store, config->org, config->service);
    struct redis_events link_events = {on_link_up, on_link_down, on_turn};
    store->link = redis_link_new(loop, config->url, &link_events, store);
    if (!store->link) {
        free(store);
        return NULL;
    }
    return store;
}

void
store_destroy(struct store **store)
{
    if (!*store)
        return;
    (*store)->up = false;
    (*store)->closing = true;
    redis_link_destroy(&(*store)->link);
    struct store_asks *all[] = {&(*store)->times, &(*store)->seqs, &(*store)->docs};
    for (unsigned i = 0; i < 3; i++) {
        free(all[i]->items);
        buf_fini(&all[i]->names);
    }
    redis_command_fini(&(*store)->command);
    buf_fini(&(*store)->shapes);
    buf_fini(&(*store)->shape);
    buf_fini(&(*store)->next_shape);
    buf_fini(&(*store)->scratch);
    free((*store)->parents);
    free((*store)->queue);
    free(*store);
    *store = NULL;
}

bool
store_up(const struct store *store)
{
    return store->up;
}

enum store_durability
store_durability(const struct store *store)
{
    return store->found;
}
