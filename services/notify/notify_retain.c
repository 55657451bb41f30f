/* See notify_retain.h. A look (an operation of the service's own) says up to which checkpoint the
 * log may go; then Redis' function moves its first seq there and works through what is before it.
 * All of it can be done twice, so nothing says who does it. It must not know who asks. */
#include "services/notify/notify_retain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/msg/mp.h"
#include "services/notify/notify.h"
#include "services/notify/notify_chain.h"
#include "services/notify/notify_mailboxes.h"

#define LOOK_MS 1000 /* between two looks that find nothing to do */
#define RETRY_MS 1000
#define CHECKPOINTS_MAX 64 /* looked at in a look: up to 64,000 records */
#define DROPS_MAX NOTIFY_DONE_MAX

/* Where the last look ended among the deliveries. */
struct sweep {
    char id[TEXT_ID_MAX + 1];
    int64_t from;
};

struct notify_retain {
    struct loop *loop;
    struct service *service; /* NULL until started */
    struct log_trim *trim;   /* owned */
    struct notify_retain_policy policy;
    struct sweep sweep;
    bool busy;
    int64_t next_ms;
    struct log_trimmed stands; /* also gauges */
};

/* ---- looking ---- */

/* "checkpoint|00000000000000001234" */
static struct text
entry_of(struct op *op, int64_t seq)
{
    return op_format(op, NOTIFY_CHECKPOINT "|%.*s", TEXT_ARG(notify_chain_id(op, seq)));
}

static struct text
id_of(struct text entry)
{
    uint32_t head = sizeof NOTIFY_CHECKPOINT; /* and the "|" */
    return (struct text){entry.ptr + head, entry.len - head};
}

static int64_t
seq_of(struct text entry)
{
    struct text id = id_of(entry);
    int64_t seq = 0;
    for (uint32_t i = 0; i < id.len; i++)
        seq = seq * 10 + (id.ptr[i] - '0');
    return seq;
}

/* When a record was committed; of a damaged one, which stays, it is never. */
static enum status
time_of(struct op *op, int64_t seq, int64_t *ms)
{
    struct op_log_page page;
    enum status status = op_log_read(op, TEXT_LITERAL(LOG_ALL), seq - 1, 1, &page);
    if (status == STATUS_OK)
        *ms = page.count && page.records[0].seq == seq && page.records[0].topic.ptr
                  ? page.records[0].time_ms
                  : INT64_MAX;
    return status;
}

/* Whether a checkpoint is one up to which the log may go; AGAIN while that is not known. */
struct cutting {
    const struct notify_retain_policy *policy;
    const struct op_log_page *log;
    int64_t now_ms;
};

static enum status
may_cut(struct op *op, const struct cutting *cutting, int64_t seq, int64_t floor, bool *may)
{
    int64_t time_ms;
    enum status status = time_of(op, seq, &time_ms);
    *may = status == STATUS_OK && notify_domain_may_go(cutting->policy, seq, time_ms,
                                                       cutting->log->last, floor, cutting->now_ms);
    return status;
}

/* The last of the next checkpoints up to which the log may go, 0 if there is none. Mostly the first
 * of them is too young, and nothing else is asked for. */
static enum status
find_cut(struct op *op, const struct cutting *cutting, int64_t *cut)
{
    struct op_range range;
    struct notify_floor floor;
    bool may = false;
    *cut = 0;
    enum status status = op_scan(op, entry_of(op, cutting->log->first),
                                 TEXT_LITERAL(NOTIFY_CHECKPOINT "}"), CHECKPOINTS_MAX, &range);
    if (status == STATUS_OK && range.count)
        status = may_cut(op, cutting, seq_of(range.items[0]), INT64_MAX, &may);
    if (status != STATUS_OK || !may)
        return status;
    status = notify_retain_floor(op, &floor);
    for (unsigned i = 0; i < range.count; i++) {
        enum status read = may_cut(op, cutting, seq_of(range.items[i]), floor.seq, &may);
        if (read != STATUS_OK)
            status = read; /* ask for all in one round */
        else if (may)
            *cut = seq_of(range.items[i]);
    }
    return status;
}

/* ---- what else goes ---- */

struct looking {
    struct notify_retain_policy policy;
    struct sweep sweep;
};

/* Writes what may go of a subscription's deliveries, and where to go on: with the next subscription
 * at the end of one. */
static enum status
sweep_deliveries(struct op *op, const struct sweep *sweep, int64_t first, struct buf *out)
{
    struct op_range range;
    struct notify_done *done = op_alloc(op, sizeof *done);
    struct text from = op_format(op, "s|%s%s", sweep->id, sweep->from || !*sweep->id ? "" : "\x01");
    if (!done)
        return op_no_memory(op);
    done->count = 0;
    done->next = 0;
    enum status status = op_scan(op, from, TEXT_LITERAL("s}"), 1, &range);
    struct text id = TEXT_LITERAL("");
    if (status == STATUS_OK && range.count) {
        id = (struct text){range.items[0].ptr + 2, range.items[0].len - 2};
        status =
            notify_deliveries_done(op, id, text_is(id, sweep->id) ? sweep->from : 0, first, done);
        enum status receipts = notify_mailboxes_done(op, id, first, done);
        status = status != STATUS_OK ? status : receipts;
    }
    if (status != STATUS_OK)
        return status;
    mp_text(out, id);
    mp_int(out, done->next);
    mp_array(out, (size_t)done->count * 2);
    for (unsigned i = 0; i < done->count; i++) {
        mp_text(out, done->fields[i]);
        mp_text(out, done->entries[i]);
    }
    return STATUS_OK;
}

/* Writes the checkpoints before the log's first seq, but the last of them: there proofs begin. */
static enum status
sweep_checkpoints(struct op *op, int64_t first, struct buf *out)
{
    struct op_range old;
    enum status status = op_scan(op, entry_of(op, 0), entry_of(op, first - 1), DROPS_MAX, &old);
    if (status != STATUS_OK)
        return status;
    mp_array(out, (size_t)old.count * 2);
    for (unsigned i = 0; i < old.count; i++) {
        mp_text(out, op_format(op, NOTIFY_CHECKPOINT "/%.*s", TEXT_ARG(id_of(old.items[i]))));
        mp_text(out, old.items[i]);
    }
    return STATUS_OK;
}

/* Looks: answers [the first seq that is to stay, [field and index entry of old checkpoints …], the
 * subscription looked at, where to go on with it, [those of its deliveries …]]. */
static enum status
look(struct op *op, const void *params)
{
    const struct looking *in = params;
    struct op_log_page log;
    struct cutting cutting = {&in->policy, &log, 0};
    struct buf checkpoints = {0}, deliveries = {0}, *out = op_result(op);
    int64_t cut = 0;
    enum status clock = op_clock(op, &cutting.now_ms);
    enum status status = op_log_read(op, TEXT_LITERAL(LOG_ALL), 0, 0, &log);
    if (status != STATUS_OK || clock != STATUS_OK)
        return status != STATUS_OK ? status : clock;
    if (in->policy.days || in->policy.records)
        status = find_cut(op, &cutting, &cut);
    enum status swept = sweep_checkpoints(op, log.first, &checkpoints);
    enum status done = sweep_deliveries(op, &in->sweep, log.first, &deliveries);
    status = status != STATUS_OK ? status : swept != STATUS_OK ? swept : done;
    if (status == STATUS_OK) {
        mp_array(out, 5);
        mp_int(out, cut >= log.first ? cut + 1 : log.first);
        buf_append(out, checkpoints.data, checkpoints.len);
        buf_append(out, deliveries.data, deliveries.len);
        if (checkpoints.failed || deliveries.failed)
            status = op_no_memory(op);
    }
    buf_fini(&checkpoints);
    buf_fini(&deliveries);
    return status;
}

/* ---- doing ---- */

static void
rest(struct notify_retain *retain, int64_t ms)
{
    retain->busy = false;
    retain->next_ms = clock_mono_ms() + ms;
    loop_tick_by(retain->loop, retain->next_ms);
}

static void
on_trimmed(void *arg, const struct log_trimmed *trimmed)
{
    struct notify_retain *retain = arg;
    if (!trimmed) {
        rest(retain, RETRY_MS);
        return;
    }
    bool moved = trimmed->first != retain->stands.first;
    retain->stands = *trimmed;
    rest(retain, moved || trimmed->done < trimmed->first - 1 ? 0 : LOOK_MS);
}

/* Drops what a list of pairs names; returns what is behind it. */
static const char *
drop(struct notify_retain *retain, const char *at)
{
    struct text fields[DROPS_MAX], entries[DROPS_MAX];
    struct mp_value value;
    at = mp_read(at, &value);
    unsigned count = (unsigned)value.number / 2;
    for (unsigned i = 0; i < count; i++) {
        at = mp_read(at, &value);
        fields[i % DROPS_MAX] = value.bytes;
        at = mp_read(at, &value);
        entries[i % DROPS_MAX] = value.bytes;
    }
    if (count && count <= DROPS_MAX)
        log_trim_drop(retain->trim, &(struct log_drop){count, fields, entries});
    return at;
}

static void
on_looked(void *arg, enum status status, struct text result)
{
    struct notify_retain *retain = arg;
    struct mp_value first, value;
    if (status != STATUS_OK) {
        rest(retain, RETRY_MS);
        return;
    }
    const char *at = mp_read(result.ptr, &value);
    at = drop(retain, mp_read(at, &first));
    at = mp_read(at, &value);
    snprintf(retain->sweep.id, sizeof retain->sweep.id, "%.*s", TEXT_ARG(value.bytes));
    at = mp_read(at, &value);
    retain->sweep.from = value.number;
    drop(retain, at);
    if (log_trim_step(retain->trim, first.number, NOTIFY_RETAIN_KEEP, on_trimmed, retain) != 0)
        rest(retain, RETRY_MS);
}

static int64_t
tick(void *arg, int64_t now_ms)
{
    struct notify_retain *retain = arg;
    if (retain->busy)
        return LOOP_NEVER;
    if (now_ms < retain->next_ms)
        return retain->next_ms;
    retain->busy = true;
    retain->next_ms = now_ms + RETRY_MS;
    struct looking in = {retain->policy, retain->sweep};
    if (!service_submit(retain->service, look, &in, sizeof in, on_looked, retain))
        retain->busy = false; /* it is ending; another replica goes on */
    return LOOP_NEVER;
}

/* ---- life ---- */

struct notify_retain *
notify_retain_new(struct loop *loop, const struct notify_retain_policy *policy, const char *redis,
                  const char *org)
{
    struct notify_retain *retain = calloc(1, sizeof *retain);
    if (!retain)
        return NULL;
    retain->loop = loop;
    retain->policy = *policy;
    retain->trim = log_trim_new(loop, redis, org, notify_interface.service);
    if (!retain->trim)
        notify_retain_destroy(&retain);
    return retain;
}

bool
notify_retain_start(struct notify_retain *retain, struct service *service)
{
    service_add_gauge(service, "log_first", &retain->stands.first);
    service_add_gauge(service, "log_last", &retain->stands.last);
    service_add_gauge(service, "log_trimmed", &retain->stands.removed);
    if (loop_add_tick(retain->loop, tick, retain) != 0)
        return false;
    retain->service = service;
    return true;
}

void
notify_retain_destroy(struct notify_retain **retain)
{
    if (!*retain)
        return;
    if ((*retain)->service)
        loop_remove_tick((*retain)->loop, tick, *retain);
    log_trim_destroy(&(*retain)->trim);
    free(*retain);
    *retain = NULL;
}

const struct notify_retain_policy *
notify_retain_policy(const struct notify_retain *retain)
{
    return &retain->policy;
}

struct log_trimmed
notify_retain_stands(const struct notify_retain *retain)
{
    return retain->stands;
}
