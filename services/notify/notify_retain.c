/* See notify_retain.h. A look (an operation of the service's own) says up to which checkpoint the
 * log may go; then Redis' function moves its first seq there and works through what is before it.
 * All of it can be done twice, so nothing says who does it. It must not know who asks. */
#include "services/notify/notify_retain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/msg/mp.h"
#include "services/notify/notify.h"
#include "services/notify/notify_chain.h"

#define LOOK_MS 1000 /* between two looks that find nothing to do */
#define RETRY_MS 1000
#define CHECKPOINTS_MAX 64 /* looked at in a look: up to 64,000 records */
#define DROPS_MAX 256

struct notify_retain {
    struct loop *loop;
    struct service *service; /* NULL until started */
    struct log_trim *trim;   /* owned */
    struct notify_retain_policy policy;
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

/* The last of the next checkpoints up to which the log may go, 0 if there is none. */
static enum status
find_cut(struct op *op, const struct notify_retain_policy *policy, const struct op_log_page *log,
         int64_t now_ms, int64_t *cut)
{
    struct op_range range;
    struct notify_floor floor;
    *cut = 0;
    enum status status = notify_retain_floor(op, &floor);
    enum status scanned = op_scan(op, entry_of(op, log->first), TEXT_LITERAL(NOTIFY_CHECKPOINT "}"),
                                  CHECKPOINTS_MAX, &range);
    if (status != STATUS_OK || scanned != STATUS_OK)
        return status != STATUS_OK ? status : scanned;
    for (unsigned i = 0; i < range.count; i++) {
        int64_t seq = seq_of(range.items[i]), time_ms;
        enum status read = time_of(op, seq, &time_ms);
        if (read == STATUS_OK &&
            notify_domain_may_go(policy, seq, time_ms, log->last, floor.seq, now_ms))
            *cut = seq;
        else if (read == STATUS_OK || i == 0)
            return read; /* nor may what is behind; the first one mostly ends it */
        else
            status = read;
    }
    return status;
}

/* Looks: answers [the first seq that is to stay, the index entries of checkpoints that are not
 * needed any more …]: the last one before the first seq is where proofs begin. */
static enum status
look(struct op *op, const void *params)
{
    const struct notify_retain_policy *policy = params;
    struct op_log_page log;
    struct op_range old;
    int64_t now_ms, cut = 0;
    enum status clock = op_clock(op, &now_ms);
    enum status status = op_log_read(op, TEXT_LITERAL(LOG_ALL), 0, 0, &log);
    if (status != STATUS_OK || clock != STATUS_OK)
        return status != STATUS_OK ? status : clock;
    if (policy->days || policy->records)
        status = find_cut(op, policy, &log, now_ms, &cut);
    enum status scanned =
        op_scan(op, entry_of(op, 0), entry_of(op, log.first - 1), DROPS_MAX, &old);
    if (status != STATUS_OK || scanned != STATUS_OK)
        return status != STATUS_OK ? status : scanned;
    struct buf *out = op_result(op);
    mp_array(out, 1 + old.count);
    mp_int(out, cut >= log.first ? cut + 1 : log.first);
    for (unsigned i = 0; i < old.count; i++)
        mp_text(out, old.items[i]);
    return STATUS_OK;
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

static void
drop(struct notify_retain *retain, const char *at, unsigned count)
{
    struct text fields[DROPS_MAX], entries[DROPS_MAX];
    char names[DROPS_MAX][64];
    struct mp_value value;
    for (unsigned i = 0; i < count; i++) {
        at = mp_read(at, &value);
        struct text id = id_of(value.bytes);
        int len = snprintf(names[i], sizeof names[i], NOTIFY_CHECKPOINT "/%.*s", TEXT_ARG(id));
        entries[i] = value.bytes;
        fields[i] = (struct text){names[i], (uint32_t)len};
    }
    log_trim_drop(retain->trim, &(struct log_drop){count, fields, entries});
}

static void
on_looked(void *arg, enum status status, struct text result)
{
    struct notify_retain *retain = arg;
    struct mp_value value;
    if (status != STATUS_OK) {
        rest(retain, RETRY_MS);
        return;
    }
    const char *at = mp_read(result.ptr, &value);
    int64_t count = value.number - 1;
    at = mp_read(at, &value);
    if (count > 0)
        drop(retain, at, count < DROPS_MAX ? (unsigned)count : DROPS_MAX);
    if (log_trim_step(retain->trim, value.number, NOTIFY_RETAIN_KEEP, on_trimmed, retain) != 0)
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
    if (!service_submit(retain->service, look, &retain->policy, sizeof retain->policy, on_looked,
                        retain))
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
    service_add_gauge(service, "trimmed_total", &retain->stands.removed);
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
