/* See notify_leases.h. It must not know subscriptions. */
#include "services/notify/notify_leases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/msg/messages.h"
#include "common/msg/mp.h"

#define KIND "lease"
#define ID TEXT_LITERAL("shards")
#define SAFETY_MS 100 /* a lease is given up by so much before it ends */

struct notify_leases {
    struct loop *loop;
    struct service *service; /* NULL until started */
    struct notify_leases_events events;
    void *arg;
    char id[17];
    bool turning, leaving, left;
    uint64_t held, giving; /* giving: of these, to be given back */
    int64_t count;         /* of held */
    int64_t begun_ms;      /* when the turn under way began, monotonic */
    int64_t valid_until;   /* monotonic */
    int64_t next_at;       /* monotonic */
    int64_t offset_ms;     /* the store's clock less the monotonic one */
    bool timed;
};

/* ---- the document ---- */

struct turn {
    char id[17];
    uint64_t idle;
    bool leave;
};

/* Both ways between the table and its document. */
static void
table_of(const struct notify_leases_table *document, struct notify_shares *out)
{
    out->count = document->replicas.count;
    for (unsigned i = 0; i < out->count; i++) {
        const struct notify_lease *from = &document->replicas.items[i];
        struct notify_replica *to = &out->replicas[i];
        char shards[17] = "";
        *to = (struct notify_replica){.until_ms = from->until};
        memcpy(to->id, from->id.ptr, from->id.len);
        memcpy(shards, from->shards.ptr, from->shards.len);
        to->shards = strtoull(shards, NULL, 16);
    }
}

static void
document_of(struct op *op, const struct notify_shares *shares, struct notify_leases_table *out)
{
    out->replicas.count = shares->count;
    for (unsigned i = 0; i < shares->count; i++)
        out->replicas.items[i] = (struct notify_lease){
            .present = true,
            .id = text_of(shares->replicas[i].id),
            .until = shares->replicas[i].until_ms,
            .shards = op_format(op, "%016" PRIx64, shares->replicas[i].shards),
        };
}

/* One turn: answers {clock, held, leaving, wanting, others: ms until another's lease ends}. */
static enum status
take_turn(struct op *op, const void *params)
{
    const struct turn *in = params;
    struct notify_leases_table *document = op_alloc(op, sizeof *document);
    struct notify_shares *shares = op_alloc(op, sizeof *shares);
    struct notify_turn out = {.next_ms = INT64_MAX};
    int64_t now_ms;
    if (!document || !shares)
        return op_no_memory(op);
    /* peeked at first: others change it all the time, so what it was here is no good guess */
    enum status clock = op_clock(op, &now_ms);
    enum status status = op_peek(op, KIND, ID, &notify_leases_table_schema, document, NULL);
    if (status == STATUS_AGAIN || clock != STATUS_OK)
        return STATUS_AGAIN;
    status = op_load(op, KIND, ID, &notify_leases_table_schema, document);
    if (status == STATUS_NOT_FOUND)
        schema_init(&notify_leases_table_schema, document);
    else if (status != STATUS_OK)
        return status;
    table_of(document, shares);
    if (in->leave)
        notify_shares_leave(shares, text_of(in->id));
    else if (!notify_shares_turn(shares, text_of(in->id), now_ms, now_ms + NOTIFY_LEASE_MS,
                                 in->idle, &out))
        return error_set(op_error(op), STATUS_RESOURCE_EXHAUSTED, NULL,
                         "there are more than %d replicas", NOTIFY_REPLICAS_MAX);
    document_of(op, shares, document);
    op_save(op, KIND, ID, &notify_leases_table_schema, document);
    op_before(op, now_ms + NOTIFY_RENEW_MS); /* later it might be another's */
    struct buf *result = op_result(op);
    mp_map(result, 5); /* of a commit, to which its seq is added */
    mp_string(result, "clock");
    mp_int(result, now_ms);
    mp_string(result, "held");
    mp_uint(result, out.held);
    mp_string(result, "leaving");
    mp_uint(result, out.leaving);
    mp_string(result, "wanting");
    mp_bool(result, out.wanting);
    mp_string(result, "others");
    mp_int(result, out.next_ms == INT64_MAX ? INT64_MAX : out.next_ms - now_ms);
    return STATUS_OK;
}

/* ---- turns ---- */

/* What is held from now on, and which of it is to be given back: that is not served any more, but
 * may be again if nobody takes it. */
static void
hold(struct notify_leases *leases, uint64_t held, uint64_t giving)
{
    uint64_t taken = (held & ~giving) & ~(leases->held & ~leases->giving);
    uint64_t lost = leases->held & ~held, before = leases->held;
    leases->held = held;
    leases->giving = giving;
    leases->count = notify_shares_count(held);
    if (held != before)
        log_event(LOG_LEVEL_INFO, "shards", LOG_NUMBER("held", leases->count),
                  LOG_NUMBER("taken", notify_shares_count(held & ~before)),
                  LOG_NUMBER("left", notify_shares_count(lost)));
    if (lost)
        leases->events.lost(leases->arg, lost);
    if (taken)
        leases->events.taken(leases->arg, taken);
}

/* The value of the next pair. */
static int64_t
next_number(const char **at)
{
    struct mp_value value;
    *at = mp_read(mp_read(*at, &value), &value);
    return value.number; /* above INT64_MAX it is the same bits */
}

static void
on_turn(void *arg, enum status status, struct text result)
{
    struct notify_leases *leases = arg;
    int64_t now_ms = clock_mono_ms();
    leases->turning = false;
    leases->next_at = now_ms + NOTIFY_HURRY_MS;
    if (status == STATUS_OK) {
        const char *at = result.ptr;
        struct mp_value head;
        at = mp_read(at, &head);
        leases->offset_ms = next_number(&at) - now_ms;
        leases->timed = true;
        uint64_t held = (uint64_t)next_number(&at), giving = (uint64_t)next_number(&at);
        bool wanting = next_number(&at);
        int64_t others = next_number(&at);
        leases->left = leases->leaving && !held;
        if (now_ms >= leases->valid_until)
            hold(leases, 0, 0); /* it had run out: what went on meanwhile begins anew */
        leases->valid_until = leases->begun_ms + NOTIFY_LEASE_MS - SAFETY_MS;
        if (!giving && !wanting)
            leases->next_at = now_ms + (others < NOTIFY_RENEW_MS ? others + 1 : NOTIFY_RENEW_MS);
        hold(leases, held, giving);
    }
    loop_tick_by(leases->loop, leases->next_at);
}

static int64_t
tick(void *arg, int64_t now_ms)
{
    struct notify_leases *leases = arg;
    if (leases->held && now_ms >= leases->valid_until)
        hold(leases, 0, 0);
    int64_t end = leases->held ? leases->valid_until : LOOP_NEVER;
    if (leases->left)
        return LOOP_NEVER;
    uint64_t giving = leases->leaving ? leases->held : leases->giving;
    struct turn turn = {.idle = giving ? leases->events.rest(leases->arg, giving) : 0};
    turn.leave = leases->leaving && turn.idle == leases->held;
    bool due = now_ms >= leases->next_at || turn.leave || (giving && turn.idle == giving);
    if (leases->turning)
        return end;
    if (due) {
        memcpy(turn.id, leases->id, sizeof turn.id);
        leases->turning = true;
        leases->begun_ms = now_ms;
        leases->next_at = now_ms + NOTIFY_HURRY_MS;
        if (service_submit(leases->service, take_turn, &turn, sizeof turn, on_turn, leases))
            return end;
        leases->turning = false;
        leases->left = leases->leaving;
    }
    return leases->next_at < end ? leases->next_at : end;
}

/* ---- life ---- */

struct notify_leases *
notify_leases_new(struct loop *loop, const struct notify_leases_events *events, void *arg)
{
    uint64_t random;
    struct notify_leases *leases = calloc(1, sizeof *leases);
    if (!leases || getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
        free(leases);
        return NULL;
    }
    leases->loop = loop;
    leases->events = *events;
    leases->arg = arg;
    snprintf(leases->id, sizeof leases->id, "%016" PRIx64, random);
    return leases;
}

void
notify_leases_start(struct notify_leases *leases, struct service *service)
{
    leases->service = service;
    if (loop_add_tick(leases->loop, tick, leases) != 0)
        leases->service = NULL;
}

bool
notify_leases_hold(const struct notify_leases *leases, unsigned shard, int64_t now_ms)
{
    uint64_t kept = leases->leaving ? 0 : leases->held & ~leases->giving;
    return now_ms < leases->valid_until && (kept >> shard & 1);
}

int64_t
notify_leases_clock(const struct notify_leases *leases, int64_t now_ms)
{
    return leases->timed ? now_ms + leases->offset_ms : 0;
}

void
notify_leases_leave(struct notify_leases *leases)
{
    leases->leaving = true;
    leases->left = !leases->service;
    loop_tick_by(leases->loop, clock_mono_ms());
}

bool
notify_leases_left(const struct notify_leases *leases)
{
    return leases->left;
}

const int64_t *
notify_leases_count(const struct notify_leases *leases)
{
    return &leases->count;
}

void
notify_leases_destroy(struct notify_leases **leases)
{
    if (*leases && (*leases)->service)
        loop_remove_tick((*leases)->loop, tick, *leases);
    free(*leases);
    *leases = NULL;
}
