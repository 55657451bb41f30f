/* See notify_chain.h. Hashes are kept from the last checkpoint that was compared on, so whichever
 * seq another replica signs, ours at that seq is there to compare. Records come as they are
 * published; what was before, or was missed, is read from the log. It must not know who asks for
 * proofs. */
#include "services/notify/notify_chain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/msg/mp.h"
#include "services/notify/notify_key.h"

#define AT_ONCE_MAX 16 /* checkpoints in a commit */
#define RETRY_MS 500   /* after a failed commit or reading */
#define SHOUT_MS 10000 /* while it is stopped */
#define URL_MAX 1100

struct notify_chain {
    struct loop *loop;
    struct service *service; /* NULL until started */
    char redis[URL_MAX], org[64];
    struct chain_key key;
    struct log_follow *behind; /* reads what was missed */
    bool known;                /* where it begins */
    bool busy;                 /* a commit or reading is under way */
    bool stopped;              /* ours is not what was signed, or a record is missing */
    int64_t every_ms, next_ms, retry_ms, shout_ms;
    int64_t base;              /* seq of the last checkpoint compared; hashes[0] is its hash */
    struct chain_hash *hashes; /* owned; of the seqs base … base + count - 1 */
    size_t count, cap;
    int64_t seen;                 /* the publisher has passed this seq */
    int64_t ahead;                /* another replica has signed this seq, which is to come */
    struct chain_hash ahead_hash; /* … as this */
    int64_t seq, mismatches;      /* gauges */
};

static void
stop(struct notify_chain *chain, const char *why, int64_t seq)
{
    if (!chain->stopped)
        chain->mismatches++;
    chain->stopped = true;
    chain->shout_ms = clock_mono_ms() + SHOUT_MS;
    log_event(LOG_LEVEL_ERROR, why, LOG_NUMBER("seq", seq), LOG_NUMBER("signed", chain->base));
    loop_tick_by(chain->loop, chain->shout_ms);
}

/* ---- what was signed ---- */

/* A checkpoint is there: ours must be the same. */
static void
compare(struct notify_chain *chain, int64_t seq, const struct chain_hash *hash)
{
    if (seq > chain->seq) {
        chain->ahead = seq;
        chain->ahead_hash = *hash;
        return;
    }
    if (seq < chain->base || memcmp(hash, &chain->hashes[seq - chain->base], sizeof *hash) != 0) {
        stop(chain, "the log is not what was signed of it: run cbm verify log", seq);
        return;
    }
    chain->count -= (size_t)(seq - chain->base);
    memmove(chain->hashes, chain->hashes + (seq - chain->base), chain->count * sizeof *hash);
    chain->base = seq;
    if (chain->ahead <= seq)
        chain->ahead = 0;
}

static void
extend(struct notify_chain *chain, const struct log_record *record)
{
    if (chain->count == chain->cap) {
        size_t cap = chain->cap * 2;
        struct chain_hash *hashes = realloc(chain->hashes, cap * sizeof *hashes);
        if (!hashes)
            return; /* read again, as what was missed */
        chain->hashes = hashes;
        chain->cap = cap;
    }
    struct chain_hash leaf, *next = &chain->hashes[chain->count];
    chain_leaf(record->seq, record->stored, &leaf);
    *next = chain->hashes[chain->count - 1];
    chain_add(next, &leaf);
    chain->count++;
    chain->seq = record->seq;
    if (chain->seq == chain->ahead)
        compare(chain, chain->ahead, &chain->ahead_hash);
    if (chain->seq - chain->base == NOTIFY_CHECKPOINT_RECORDS)
        loop_tick_by(chain->loop, clock_mono_ms());
}

/* ---- the stream ---- */

static void
on_published(void *arg, const struct log_record *record)
{
    struct notify_chain *chain = arg;
    if (chain->known && !chain->stopped && record->seq == chain->seq + 1)
        extend(chain, record);
}

static void
on_passed(void *arg, int64_t seq)
{
    struct notify_chain *chain = arg;
    chain->seen = seq;
    if (chain->seq < seq || chain->behind)
        loop_tick_by(chain->loop, clock_mono_ms());
}

static void
on_missed(void *arg, const struct log_record *record)
{
    struct notify_chain *chain = arg;
    if (chain->stopped || record->seq <= chain->seq)
        return;
    if (record->seq > chain->seq + 1)
        stop(chain, "a record of the log is missing: run cbm verify log", chain->seq + 1);
    else
        extend(chain, record);
}

/* ---- signing ---- */

struct text
notify_chain_id(struct op *op, int64_t seq)
{
    return op_format(op, "%020" PRId64, seq);
}

static struct text
hex(struct op *op, const struct chain_hash *hash)
{
    char text[CHAIN_HEX_MAX];
    chain_print(hash, text);
    return op_format(op, "%s", text);
}

/* The next checkpoint after `head`, which is one of ours; false if there is none. */
static bool
next_checkpoint(struct op *op, const struct notify_chain *chain, int64_t now_ms,
                const struct checkpoint *head, struct checkpoint *out)
{
    int64_t bound = head->seq - head->seq % NOTIFY_CHECKPOINT_RECORDS + NOTIFY_CHECKPOINT_RECORDS;
    int64_t seq = bound < chain->seq ? bound : chain->seq;
    char statement[CHAIN_STATEMENT_MAX], signature[CHAIN_SIGNATURE_MAX];
    if (seq <= head->seq)
        return false;
    schema_init(&checkpoint_schema, out);
    out->seq = seq;
    out->hash = hex(op, &chain->hashes[seq - chain->base]);
    out->previous_seq = head->seq;
    out->previous_hash = head->hash;
    out->time = now_ms;
    out->key = text_of(chain->key.public);
    out->rev = 0;
    size_t len = chain_statement(out, statement);
    chain_sign(&chain->key, (struct text){statement, (uint32_t)len}, signature);
    out->signature = op_format(op, "%s", signature);
    return true;
}

struct signing {
    struct notify_chain *chain;
};

/* The last checkpoint; before the first one that of nothing. */
static enum status
load_head(struct op *op, struct checkpoint *head)
{
    static const struct chain_hash nothing;
    enum status status =
        op_load(op, NOTIFY_CHAIN, text_of(NOTIFY_CHAIN_HEAD), &checkpoint_schema, head);
    if (status != STATUS_NOT_FOUND)
        return status;
    schema_init(&checkpoint_schema, head);
    head->seq = 0;
    head->hash = hex(op, &nothing);
    return STATUS_OK;
}

/* Whether ours goes on from the last checkpoint: then, and only then, more is signed. */
static bool
is_ours(const struct notify_chain *chain, const struct checkpoint *head)
{
    struct chain_hash hash;
    return chain->known && !chain->stopped && head->seq >= chain->base && head->seq <= chain->seq &&
           chain_parse(head->hash, &hash) &&
           memcmp(&hash, &chain->hashes[head->seq - chain->base], sizeof hash) == 0;
}

/* Signs what there is after the last checkpoint. Answers the last one and where the log ends, read
 * after it: {head, hash, whole}. */
static enum status
sign(struct op *op, const void *params)
{
    const struct notify_chain *chain = ((const struct signing *)params)->chain;
    struct checkpoint head, next;
    struct op_log_page log;
    int64_t now_ms;
    unsigned made = 0;
    enum status clock = op_clock(op, &now_ms), status = load_head(op, &head);
    if (status != STATUS_OK || clock != STATUS_OK)
        return status != STATUS_OK ? status : clock;
    status = op_log_read(op, TEXT_LITERAL(LOG_ALL), 0, 0, &log);
    if (status != STATUS_OK)
        return status;
    int64_t signed_seq = head.seq;
    bool ours = log.last >= signed_seq && is_ours(chain, &head);
    while (ours && made < AT_ONCE_MAX && next_checkpoint(op, chain, now_ms, &head, &next)) {
        struct text id = notify_chain_id(op, next.seq);
        status = op_load_new(op, NOTIFY_CHECKPOINT, id);
        if (status == STATUS_OK)
            return error_set(op_error(op), STATUS_INTERNAL, NULL, "there is a checkpoint of %.*s",
                             TEXT_ARG(id));
        if (status != STATUS_NOT_FOUND)
            return status;
        op_save(op, NOTIFY_CHECKPOINT, id, &checkpoint_schema, &next);
        op_index_add(op, op_format(op, NOTIFY_CHECKPOINT "|%.*s", TEXT_ARG(id)));
        next.rev = head.rev;
        head = next;
        made++;
    }
    if (made) {
        struct checkpoint kept = head;
        op_save(op, NOTIFY_CHAIN, text_of(NOTIFY_CHAIN_HEAD), &checkpoint_schema, &kept);
    }
    struct buf *out = op_result(op);
    mp_map(out, 3);
    mp_string(out, "head");
    mp_int(out, head.seq);
    mp_string(out, "hash");
    mp_text(out, head.hash);
    mp_string(out, "whole"); /* the log ends not before what was signed of it */
    mp_bool(out, log.last >= signed_seq);
    return STATUS_OK;
}

static bool
read_head(struct text result, int64_t *seq, struct chain_hash *hash, bool *whole)
{
    struct mp_value value;
    const char *at = mp_read(result.ptr, &value); /* the map */
    at = mp_read(at, &value);
    at = mp_read(at, &value);
    *seq = value.number;
    at = mp_read(at, &value);
    at = mp_read(at, &value);
    bool good = chain_parse(value.bytes, hash);
    at = mp_read(at, &value);
    mp_read(at, &value);
    *whole = value.number;
    return good;
}

static void
begin(struct notify_chain *chain, int64_t seq, const struct chain_hash *hash)
{
    chain->known = true;
    chain->base = chain->seq = seq;
    chain->hashes[0] = *hash;
    chain->count = 1;
}

static void
on_signed(void *arg, enum status status, struct text result)
{
    struct notify_chain *chain = arg;
    struct chain_hash hash;
    int64_t seq, now_ms = clock_mono_ms();
    bool whole;
    chain->busy = false;
    if (status != STATUS_OK) {
        chain->retry_ms = now_ms + RETRY_MS; /* the store is away, or others were first again */
    } else if (!read_head(result, &seq, &hash, &whole)) {
        stop(chain, "the last checkpoint of the log is damaged", 0);
    } else if (!whole) {
        stop(chain, "the log ends before what was signed of it: run cbm verify log", seq);
    } else if (!chain->known) {
        begin(chain, seq, &hash);
        chain->next_ms = now_ms + chain->every_ms;
    } else if (!chain->stopped) {
        compare(chain, seq, &hash);
    }
    loop_tick_by(chain->loop, now_ms);
}

/* ---- time ---- */

static bool
tend_behind(struct notify_chain *chain)
{
    bool was_behind = chain->behind != NULL, caught_up = chain->seq >= chain->seen;
    if (chain->behind && (chain->stopped || caught_up))
        log_follow_destroy(&chain->behind);
    else if (!chain->behind && chain->known && !chain->stopped && !caught_up)
        chain->behind = log_follow_new(chain->loop, chain->redis, chain->org, TEXT_LITERAL(""),
                                       chain->seq, on_missed, NULL, chain);
    return was_behind != (chain->behind != NULL);
}

static int64_t
tick(void *arg, int64_t now_ms)
{
    struct notify_chain *chain = arg;
    if (tend_behind(chain))
        return now_ms; /* the list of ticks is another */
    if (chain->stopped) {
        if (now_ms >= chain->shout_ms)
            stop(chain, "no checkpoint is signed here: the log is not what was signed of it",
                 chain->seq);
        return chain->shout_ms;
    }
    bool news = !chain->known || (chain->seq > chain->base && !chain->ahead);
    bool many = chain->seq - chain->base >= NOTIFY_CHECKPOINT_RECORDS;
    if (chain->busy || !news)
        return LOOP_NEVER;
    int64_t due = many || chain->next_ms < chain->retry_ms ? chain->retry_ms : chain->next_ms;
    if (now_ms < due)
        return due;
    struct signing in = {chain};
    chain->busy = true;
    chain->next_ms = now_ms + (chain->known ? chain->every_ms : RETRY_MS);
    if (!service_submit(chain->service, sign, &in, sizeof in, on_signed, chain)) {
        chain->busy = false; /* it is ending; another replica goes on */
        return chain->next_ms;
    }
    return LOOP_NEVER;
}

/* ---- life ---- */

struct notify_chain *
notify_chain_new(struct loop *loop, const char *keys, int64_t every_ms, const char *redis,
                 const char *org)
{
    struct notify_chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return NULL;
    chain->loop = loop;
    chain->every_ms = every_ms;
    snprintf(chain->redis, sizeof chain->redis, "%s", redis);
    snprintf(chain->org, sizeof chain->org, "%s", org);
    chain->cap = 2 * NOTIFY_CHECKPOINT_RECORDS;
    chain->hashes = malloc(chain->cap * sizeof *chain->hashes);
    if (!chain->hashes || !notify_key_get(keys, &chain->key))
        notify_chain_destroy(&chain);
    return chain;
}

bool
notify_chain_start(struct notify_chain *chain, struct service *service,
                   struct notify_publisher *publisher)
{
    service_add_gauge(service, "chain_seq", &chain->seq);
    service_add_gauge(service, "chain_signed", &chain->base);
    service_add_gauge(service, "chain_mismatch", &chain->mismatches);
    if (!notify_publisher_listen(publisher, on_published, on_passed, chain) ||
        loop_add_tick(chain->loop, tick, chain) != 0)
        return false;
    chain->service = service;
    return true;
}

void
notify_chain_destroy(struct notify_chain **chain)
{
    if (!*chain)
        return;
    if ((*chain)->service)
        loop_remove_tick((*chain)->loop, tick, *chain);
    log_follow_destroy(&(*chain)->behind);
    free((*chain)->hashes);
    explicit_bzero(&(*chain)->key, sizeof(*chain)->key);
    free(*chain);
    *chain = NULL;
}

const struct chain_key *
notify_chain_key(const struct notify_chain *chain)
{
    return &chain->key;
}
