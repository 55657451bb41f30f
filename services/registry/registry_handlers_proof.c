/* decision.proof: what the log alone says of a decision. It must not know sockets or Redis. */
#include <string.h>

#include "common/decision/fact.h"
#include "common/msg/schema_mp.h"
#include "services/registry/registry_handlers_decision.h"

#define RECORDS_MAX 1000               /* of an answer */
#define BYTES_MAX ((size_t)512 * 1024) /* … which pass it by at most a page of the log */

/* What the records of an answer come to. */
struct proof {
    struct decision_replay replay;
    int64_t now_ms;
    int64_t next; /* the seq to go on from, INT_NONE if these are all */
    uint32_t record_count, objection_count;
    struct text records[RECORDS_MAX];
    struct objection objections[RECORDS_MAX]; /* every one that there was, in order */
};

/* Adds an objection, or notes that the member's last one was lifted. */
static void
note_objection(struct proof *proof, const struct decision *data)
{
    const struct text member = proof->replay.members[proof->replay.about];
    for (uint32_t i = 0; i < data->objections.count; i++) {
        const struct objection *said = &data->objections.items[i];
        if (!text_equal(said->member, member))
            continue;
        uint32_t at = proof->objection_count;
        while (said->lifted_at != TIME_NONE && at > 0 &&
               !text_equal(proof->objections[at - 1].member, member))
            at--;
        if (said->lifted_at != TIME_NONE && at > 0)
            proof->objections[at - 1] = *said;
        else
            proof->objections[proof->objection_count++] = *said;
    }
}

/* The records of a page as items. */
static enum status
add_page(struct op *op, const struct op_log_page *page, struct proof *proof, size_t *bytes)
{
    struct buf item = {0};
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < page->count && status == STATUS_OK; i++) {
        buf_clear(&item);
        if (log_record_item(&page->records[i], &item) != STATUS_OK)
            status =
                error_set(op_error(op), STATUS_INTERNAL, NULL, "a record of the log is damaged");
        else if (item.failed)
            status = registry_no_memory(op);
        const struct text bare = {(const char *)item.data, (uint32_t)item.len};
        proof->records[proof->record_count++] = op_join(op, 1, &bare);
        *bytes += item.len;
    }
    buf_fini(&item);
    return status;
}

/* Reads the log until all or enough is here: a page of it may end before its limit. */
static enum status
load_records(struct op *op, struct text topic, int64_t after, struct proof *proof)
{
    struct op_log_page page = {.next = after};
    size_t bytes = 0;
    do {
        enum status status =
            op_log_topic(op, topic, page.next, RECORDS_MAX - proof->record_count, &page);
        if (status == STATUS_OK)
            status = add_page(op, &page, proof, &bytes);
        if (status != STATUS_OK)
            return status;
    } while (page.count && page.next < page.last && proof->record_count < RECORDS_MAX &&
             bytes < BYTES_MAX);
    proof->next = page.next < page.last ? page.next : INT_NONE;
    return STATUS_OK;
}

static enum status
replay_records(struct op *op, struct proof *proof)
{
    struct decision *data = op_alloc(op, sizeof *data);
    if (!data)
        return registry_no_memory(op);
    for (uint32_t i = 0; i < proof->record_count; i++) {
        struct decision_fact fact;
        enum status status = decision_fact_read(proof->records[i], data, &fact, op_error(op));
        if (status == STATUS_OK)
            status = decision_replay(&proof->replay, &fact, op_error(op));
        if (status != STATUS_OK)
            return STATUS_INTERNAL;
        if (proof->replay.about >= 0)
            note_objection(proof, data);
    }
    return STATUS_OK;
}

static void
put_time(struct buf *out, int64_t ms)
{
    char time[TIME_TEXT_MAX];
    if (ms == TIME_NONE) {
        mp_nil(out);
        return;
    }
    time_print(ms, time);
    mp_string(out, time);
}

/* What was put to whom and when, who objected, and what followed. */
static void
write_summary(const struct proof *proof, struct buf *out)
{
    const struct decision_replay *replay = &proof->replay;
    int64_t at;
    enum decision_status outcome = decision_replay_outcome(replay, proof->now_ms, &at);
    const struct {
        const char *key;
        struct text value;
    } texts[] = {{"id", replay->id},
                 {"title", replay->title},
                 {"body", replay->body},
                 {"mode",
                  replay->mode ? text_of(decision_mode_words[replay->mode - 1]) : TEXT_NONE},
                 {"digest", replay->digest}};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        mp_string(out, texts[i].key);
        mp_text(out, texts[i].value);
    }
    mp_string(out, "electorate");
    mp_array(out, replay->member_count);
    for (unsigned i = 0; i < replay->member_count; i++)
        mp_text(out, replay->members[i]);
    mp_string(out, "notified_at");
    put_time(out, replay->notified_at);
    mp_string(out, "deadline");
    put_time(out, replay->deadline);
    mp_string(out, "objections");
    mp_array(out, proof->objection_count);
    for (uint32_t i = 0; i < proof->objection_count; i++)
        schema_encode(&objection_schema, &proof->objections[i], out);
    mp_string(out, "outcome");
    mp_map(out, 2);
    mp_string(out, "status");
    mp_string(out, decision_word(outcome));
    mp_string(out, "at");
    put_time(out, at);
}
#define SUMMARY_PAIRS 10

static void
write_records(const struct proof *proof, struct buf *out)
{
    mp_string(out, "as_of");
    put_time(out, proof->now_ms);
    mp_string(out, "records");
    mp_array(out, proof->record_count);
    for (uint32_t i = 0; i < proof->record_count; i++)
        buf_append(out, proof->records[i].ptr, proof->records[i].len);
    mp_string(out, "next");
    if (proof->next == INT_NONE)
        mp_nil(out);
    else
        mp_int(out, proof->next);
}
#define RECORDS_PAIRS 3

/* The document says only which body it is of, and where its topic is therefore. The clock is read
 * before the log: what is committed after that moment cannot change the outcome by it. */
enum status
decision_proof_handle(struct op *op, const void *params)
{
    const struct decision_proof *in = params;
    struct decision *decision;
    struct proof *proof = op_alloc(op, sizeof *proof);
    int64_t after = in->after == INT_NONE ? 0 : in->after;
    if (!proof)
        return registry_no_memory(op);
    memset(proof, 0, sizeof *proof);
    enum status status = registry_handlers_decision(op, in->id, &decision, &proof->now_ms);
    if (status == STATUS_OK)
        status = load_records(op, registry_handlers_decision_topic(op, decision), after, proof);
    if (status == STATUS_OK && !after)
        status = replay_records(op, proof);
    if (status != STATUS_OK)
        return status;
    struct buf *out = op_result(op);
    mp_map(out, (after ? 0 : SUMMARY_PAIRS) + RECORDS_PAIRS);
    if (!after)
        write_summary(proof, out);
    write_records(proof, out);
    return STATUS_OK;
}
