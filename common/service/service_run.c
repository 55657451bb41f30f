/* The life of an op from decoded to answered: runs of its handler, rounds to the store, the commit,
 * and parking while something is missing. It must not know sockets or domains.
 *
 *   run -> AGAIN -> (replies) -> run -> OK -> nothing written -> answered
 *    |      ^                                -> commit -> COMMITTED, KEPT -> answered
 *    |      +---- in turn, parked <- MOVED, store down, seq not passed
 *    +-> error -> refused */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/msg/mp.h"
#include "common/service/service_internal.h"

#define PARKED_LOOK_MS 50
#define SEQ_LOOK_MS 2
#define FREE_RETRIES 6 /* runs at once before a retry waits, with jitter */

static void on_commit(void *arg, enum store_outcome outcome, int64_t number, struct text kept);

static bool
may_run(const struct service *service)
{
    return store_up(service->store) && (!service->gate || service->gate(service->gate_arg));
}

static bool
seq_passed(const struct op *op)
{
    const struct service *service = op->service;
    return !op->wait_seq || !service->position ||
           service->position(service->position_arg, op->wait_seq) >= op->wait_seq;
}

void
service_park_op(struct op *op)
{
    struct service *service = op->service;
    if (!op->parked) {
        if (service->parked_count >= service->parked_max) {
            error_set(&op->error, STATUS_UNAVAILABLE, NULL,
                      "too many requests wait for the store: try again later");
            service_refuse(op, &op->error);
            return;
        }
        op->parked = true;
        op->prev = NULL;
        op->next = service->parked;
        if (op->next)
            op->next->prev = op;
        service->parked = op;
        service->parked_count++;
    }
    int64_t wait_ms = op->wait_seq ? SEQ_LOOK_MS : PARKED_LOOK_MS;
    int64_t at = clock_mono_ms() + wait_ms;
    loop_tick_by(service->loop,
                 op->not_before_ms && op->not_before_ms < at ? op->not_before_ms : at);
}

static void
unpark(struct op *op)
{
    struct service *service = op->service;
    if (op->prev)
        op->prev->next = op->next;
    else
        service->parked = op->next;
    if (op->next)
        op->next->prev = op->prev;
    op->parked = false;
    service->parked_count--;
}

static void
give_up(struct op *op)
{
    const char *why = !store_up(op->service->store) ? "there is no connection to Redis"
                      : op->wait_seq                ? "the state asked for has not arrived here yet"
                                                    : "the service is not ready yet";
    error_set(&op->error, STATUS_UNAVAILABLE, NULL, "%s: try again later", why);
    service_refuse(op, &op->error);
}

int64_t
service_run_parked(struct service *service, int64_t now_ms)
{
    bool ready = may_run(service);
    int64_t next_ms = LOOP_NEVER;
    if (service->turn_due) {
        service->turn_due = false;
        service_run_op(service->turn_first);
    }
    for (struct op *op = service->parked, *next; op; op = next) {
        next = op->next;
        int64_t look_ms = now_ms + (op->wait_seq ? SEQ_LOOK_MS : PARKED_LOOK_MS);
        if (ready && now_ms >= op->not_before_ms && seq_passed(op)) {
            unpark(op);
            op->not_before_ms = 0;
            service_run_op(op);
        } else if (now_ms >= op->deadline_ms) {
            unpark(op);
            give_up(op);
        } else if (op->not_before_ms > now_ms && op->not_before_ms < look_ms) {
            next_ms = op->not_before_ms < next_ms ? op->not_before_ms : next_ms;
        } else {
            next_ms = look_ms < next_ms ? look_ms : next_ms;
        }
    }
    return next_ms;
}

/* Passes over a decimal and the space behind it. */
static int64_t
take_number(struct text from, uint32_t *at)
{
    int64_t number = 0;
    for (; *at < from.len && from.ptr[*at] != ' '; (*at)++)
        number = number * 10 + (from.ptr[*at] - '0');
    ++*at;
    return number;
}

/* Answers a map with one more entry: the seq of its last record. */
static void
answer_with_seq(struct op *op, struct text map, int64_t seq)
{
    buf_clear(&op->extended);
    if (!mp_map_extend(&op->extended, map.ptr, map.len, 1))
        mp_map(&op->extended, 1);
    mp_string(&op->extended, "seq");
    mp_int(&op->extended, seq);
    service_answer(op, service_text_of(&op->extended));
}

/* The request was done before, and only part of its answer was kept: the handler makes the rest
 * again, of documents that are read anew. */
static void
run_repeat(struct op *op, struct text kept, int64_t seq)
{
    buf_clear(&op->extended); /* what was kept may lie in what is given back now */
    buf_append(&op->extended, kept.ptr, kept.len);
    op_start_over(op);
    const char *copy = arena_copy(&op->memory, op->extended.data, op->extended.len);
    if (op->extended.failed || !copy) {
        op_no_memory(op);
        service_refuse(op, &op->error);
        return;
    }
    op->repeat = (struct text){copy, kept.len};
    op->repeat_seq = seq;
    op->sure = true; /* an answer rests on no guess */
    op->key_here = true;
    service_run_op(op);
}

/* What the idempotency key has kept: "digest time seq reply". Answers it if it is of this request.
 */
static void
answer_kept(struct op *op, struct text kept)
{
    size_t digest_len = strlen(op->digest);
    if (kept.len < digest_len + 3 || memcmp(kept.ptr, op->digest, digest_len) != 0) {
        error_set(&op->error, STATUS_ALREADY_EXISTS, "context.key",
                  "context.key: this key was used for another request in the last 24 h");
        service_refuse(op, &op->error);
        return;
    }
    uint32_t at = (uint32_t)digest_len + 1;
    take_number(kept, &at); /* the time */
    int64_t seq = take_number(kept, &at);
    if (at > kept.len)
        at = kept.len;
    struct text reply = {kept.ptr + at, kept.len - at};
    if (reply.len > 1 && reply.ptr[0] == SERVICE_APART[0])
        run_repeat(op, (struct text){reply.ptr + 1, reply.len - 1}, seq);
    else
        answer_with_seq(op, reply, seq);
}

static void
on_key(void *arg, unsigned slot, bool ok, struct text value)
{
    struct op *op = arg;
    (void)slot;
    op->key_here = ok;
    if (ok && value.ptr) {
        char *copy = arena_copy(&op->memory, value.ptr, value.len);
        op->no_memory = op->no_memory || !copy;
        op->kept = (struct text){copy, value.len};
    }
    if (!ok)
        op->io_failed = true;
    if (--op->outstanding == 0 && !op->running)
        service_run_op(op);
}

static bool
changes(const struct op *op)
{
    const struct store_commit *commit = &op->commit;
    return op->changes && (commit->writes.count || commit->records.count || commit->add.count ||
                           commit->remove.count);
}

static void
commit_or_answer(struct op *op)
{
    if (!changes(op)) {
        if (op->no_memory || op->result.failed) {
            op_no_memory(op);
            service_refuse(op, &op->error);
            return;
        }
        struct text answer = op->raw.ptr ? op->raw : service_text_of(&op->result);
        if (op->repeat.ptr)
            answer_with_seq(op, answer, op->repeat_seq);
        else
            service_answer(op, answer);
        return;
    }
    if (op_finish(op) != STATUS_OK) {
        service_refuse(op, &op->error);
        return;
    }
    store_commit(op->service->store, &op->commit, on_commit, op);
}

/* The run rested on guesses and must not: what it found out is forgotten. */
static void
run_surely(struct op *op)
{
    for (unsigned i = 0; i < op->ask_count; i++)
        if (op->asks[i].guessed)
            guess_drop(&op->service->guesses, op->asks[i].hash, op->asks[i].a);
    op_start_over(op);
    op->sure = true;
    service_run_op(op);
}

/* ---- turns: of the many that change the same things one runs at a time, so that each fails at
 * most a few times; other replicas and whoever comes new may still be in its way ---- */

/* Queues the op; true if it is its turn. */
static bool
enter_turn(struct op *op)
{
    struct service *service = op->service;
    if (!op->in_turn) {
        op->in_turn = true;
        op->next_turn = NULL;
        if (service->turn_last)
            service->turn_last->next_turn = op;
        else
            service->turn_first = op;
        service->turn_last = op;
    }
    return service->turn_first == op;
}

void
service_leave_turn(struct op *op)
{
    struct service *service = op->service;
    if (!op->in_turn)
        return;
    op->in_turn = false;
    service->turn_first = op->next_turn; /* who is answered was the first: the others wait */
    if (!service->turn_first)
        service->turn_last = NULL;
    service->turn_due = service->turn_first != NULL;
    if (service->turn_due)
        loop_tick_by(service->loop, clock_mono_ms());
}

void
service_end_turns(struct service *service)
{
    while (service->turn_first) {
        struct op *op = service->turn_first;
        if (op->parked)
            service_leave_turn(op);
        else
            give_up(op);
    }
}

/* The handler's documents moved under it: all is read again when it is its turn; then soon, or
 * after a random pause. */
static void
run_again(struct op *op)
{
    struct service *service = op->service;
    service->retries++;
    if (op->guessed) {
        run_surely(op);
        return;
    }
    op_start_over(op);
    if (++op->attempts >= ATTEMPTS_MAX) {
        error_set(&op->error, STATUS_ABORTED, NULL,
                  "others changed the same things all the time: try again");
        service_refuse(op, &op->error);
    } else if (!enter_turn(op)) {
        return;
    } else if (op->attempts <= FREE_RETRIES) {
        service_run_op(op);
    } else {
        service->random = service->random * 1664525U + 1013904223U;
        op->not_before_ms = clock_mono_ms() + 1 + (service->random >> 16) % op->attempts;
        service_park_op(op);
    }
}

static void
on_commit(void *arg, enum store_outcome outcome, int64_t number, struct text kept)
{
    struct op *op = arg;
    switch (outcome) {
    case STORE_COMMITTED:
        op->service->commits++;
        answer_with_seq(op, service_text_of(op->apart ? &op->list_items : &op->result), number);
        return;
    case STORE_MOVED: run_again(op); return;
    case STORE_KEPT: answer_kept(op, kept); return;
    case STORE_CLOCK:
        op->store_ms = number;
        run_again(op);
        return;
    case STORE_FAILED:
        if (store_up(op->service->store)) {
            error_set(&op->error, STATUS_UNAVAILABLE, NULL, "the store refused the change: %.*s",
                      TEXT_ARG(kept));
            service_refuse(op, &op->error);
            return;
        }
        break;
    case STORE_UNKNOWN:
        if (!op->key[0]) {
            error_set(&op->error, STATUS_UNAVAILABLE, NULL,
                      "the connection to Redis was lost during the commit: the change may or may "
                      "not have been made (with an idempotency key it would be certain)");
            service_refuse(op, &op->error);
            return;
        }
        break;
    }
    op_start_over(op); /* nothing was done, or the key will tell */
    service_park_op(op);
}

/* Whether the request would end without a commit, which looks its key up by itself: then the key is
 * asked for first, because the same request may have been done before. */
static bool
ask_key(struct op *op, enum status status)
{
    if (!op->key[0] || op->key_here || status == STATUS_AGAIN)
        return false;
    if (status == STATUS_OK && changes(op))
        return false;
    op_keep(op);
    op->running = true;
    op->outstanding++;
    store_get_key(op->service->store, text_of(op->key), on_key, op, 0);
    op->running = false;
    return true;
}

void
service_run_op(struct op *op)
{
    struct service *service = op->service;
    if (op->io_failed || !may_run(service) || !seq_passed(op)) {
        op->io_failed = false;
        if (!seq_passed(op))
            op->error.code = STATUS_UNAVAILABLE;
        op_start_over(op);
        service_park_op(op);
        return;
    }
    if (op->key_here && op->kept.ptr) {
        answer_kept(op, op->kept);
        return;
    }
    op->running = true;
    op_reset(op);
    enum status status = op->handler(op, op->params);
    op->running = false;
    if (op->outstanding || status == STATUS_AGAIN)
        op_keep(op);
    if (op->outstanding)
        return; /* the last reply runs it again */
    if (op->no_memory)
        status = op_no_memory(op);
    if (op->guessed && status != STATUS_AGAIN && !(status == STATUS_OK && changes(op))) {
        run_surely(op); /* only a commit may rest on a guess */
        return;
    }
    if (ask_key(op, status)) {
        if (op->outstanding)
            return;
        status = STATUS_AGAIN; /* it failed at once */
    }
    if (status == STATUS_OK) {
        commit_or_answer(op);
    } else if (status == STATUS_AGAIN) {
        if (!op->wait_seq) /* every ask failed at once: the store is gone */
            op_start_over(op);
        op->io_failed = false;
        service_park_op(op);
    } else {
        op->error.code = status;
        service_refuse(op, &op->error);
    }
}
