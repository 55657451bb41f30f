/* See notify_proof.h. It must not know who asks what for. */
#include "services/notify/notify_proof.h"

#include "common/auth/audience.h"
#include "common/msg/mp.h"
#include "services/notify/notify_chain.h"

#define ENTRY_ROOM 96                     /* of an entry without its record, at most */
#define BYTES_MAX (MP_BYTES_MAX - 196608) /* room for checkpoints, and for who adds to it */

static struct text
entry_of(struct op *op, int64_t seq)
{
    return op_format(op, NOTIFY_CHECKPOINT "|%.*s", TEXT_ARG(notify_chain_id(op, seq)));
}

/* The checkpoint of an index entry, encoded, and its seq. */
static enum status
load(struct op *op, struct text entry, struct text *bytes, int64_t *seq)
{
    uint32_t head = sizeof NOTIFY_CHECKPOINT;
    struct checkpoint checkpoint;
    enum status status =
        op_peek(op, NOTIFY_CHECKPOINT, (struct text){entry.ptr + head, entry.len - head},
                &checkpoint_schema, &checkpoint, bytes);
    if (status == STATUS_OK)
        *seq = checkpoint.seq;
    return status;
}

/* The last checkpoint before the records: none is further away than NOTIFY_CHECKPOINT_RECORDS. */
static enum status
find_start(struct op *op, struct notify_proof *proof)
{
    struct op_range range;
    int64_t back = proof->from - 1 - NOTIFY_CHECKPOINT_RECORDS;
    enum status status = op_scan(op, entry_of(op, back > 0 ? back : 0), entry_of(op, proof->from),
                                 NOTIFY_CHECKPOINT_RECORDS + 1, &range);
    if (status != STATUS_OK)
        return status;
    proof->start = TEXT_NONE;
    proof->start_seq = 0;
    if (range.count)
        return load(op, range.items[range.count - 1], &proof->start, &proof->start_seq);
    if (back <= 0 && proof->first == 1)
        return STATUS_OK;
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "from",
                     "from: there is no checkpoint before %lld", (long long)proof->from);
}

static enum status
find_rest(struct op *op, struct notify_proof *proof)
{
    struct op_range range;
    enum status status =
        op_scan(op, entry_of(op, proof->start_seq + 1), TEXT_LITERAL(NOTIFY_CHECKPOINT "}"),
                NOTIFY_PROOF_CHECKPOINTS, &range);
    for (unsigned i = 0; status == STATUS_OK && i < range.count; i++) {
        enum status loaded = load(op, range.items[i], &proof->checkpoints[i], &proof->end);
        if (loaded != STATUS_OK) {
            status = loaded;
            continue; /* ask for all of them in one round */
        }
        proof->count = i + 1;
        if (proof->end >= proof->to)
            break;
    }
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && proof->end < proof->from))
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "to",
                         "to: there is no checkpoint behind %lld", (long long)proof->from);
    if (status == STATUS_OK && proof->to > proof->end)
        proof->to = proof->end;
    return status;
}

enum status
notify_proof_find(struct op *op, struct notify_proof *proof)
{
    struct op_log_page log;
    struct checkpoint head;
    enum status status = op_log_read(op, TEXT_LITERAL(LOG_ALL), 0, 0, &log);
    enum status peeked =
        op_peek(op, NOTIFY_CHAIN, text_of(NOTIFY_CHAIN_HEAD), &checkpoint_schema, &head, NULL);
    if (status != STATUS_OK)
        return status;
    if (peeked != STATUS_OK && peeked != STATUS_NOT_FOUND)
        return peeked;
    proof->first = log.first;
    proof->last = log.last;
    proof->signed_seq = peeked == STATUS_OK ? head.seq : 0;
    if (proof->from == INT_NONE)
        proof->from = log.first;
    if (proof->from < log.first)
        return op_refuse_trimmed(op, "from", "records", proof->from - 1, log.first);
    if (proof->from > proof->signed_seq)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "from",
                         "from: the log is signed up to seq %lld so far, and ends with %lld",
                         (long long)proof->signed_seq, (long long)proof->last);
    int64_t most = proof->from + NOTIFY_PROOF_RECORDS - 1;
    if (proof->to == INT_NONE || proof->to > most)
        proof->to = most;
    if (proof->to > proof->signed_seq)
        proof->to = proof->signed_seq;
    if (proof->to < proof->from)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "to", "to: want at least `from`");
    status = find_start(op, proof);
    return status == STATUS_OK ? find_rest(op, proof) : status;
}

/* A damaged record has no topic: whose it is nobody knows. */
static bool
may_see(struct op *op, const struct log_record *record)
{
    return record->topic.ptr ? audience_may_see(op_principal(op), record->topic)
                             : (op_principal(op)->roles & PERMIT_SECRETARIAT) != 0;
}

struct writing {
    struct notify_proof *proof;
    struct buf *out;
    size_t room;
    uint32_t count;
    bool full;
};

static void
write_entry(struct op *op, struct writing *writing, const struct log_record *record)
{
    struct notify_proof *proof = writing->proof;
    bool wanted = record->seq >= proof->from && record->seq <= proof->to && !writing->full;
    bool given = wanted && may_see(op, record);
    if (given && writing->room < record->stored.len && record->seq > proof->from) {
        writing->full = true;
        proof->to = record->seq - 1;
        given = false;
    }
    mp_map(writing->out, 2);
    mp_string(writing->out, "seq");
    mp_int(writing->out, record->seq);
    if (given) {
        writing->room -= record->stored.len < writing->room ? record->stored.len : writing->room;
        mp_string(writing->out, "record");
        mp_bin(writing->out, record->stored.ptr, record->stored.len);
    } else {
        struct chain_hash leaf;
        char hex[CHAIN_HEX_MAX];
        chain_leaf(record->seq, record->stored, &leaf);
        chain_print(&leaf, hex);
        mp_string(writing->out, "leaf");
        mp_string(writing->out, hex);
    }
    writing->count++;
}

/* Writes the records there are: one that is missing is for the reader to see. */
static enum status
write_entries(struct op *op, struct writing *writing)
{
    const struct notify_proof *proof = writing->proof;
    for (int64_t after = proof->start_seq; after < proof->end;) {
        struct op_log_page page;
        int64_t left = proof->end - after;
        enum status status =
            op_log_read(op, TEXT_LITERAL(LOG_ALL), after,
                        left < NOTIFY_PROOF_RECORDS ? (unsigned)left : NOTIFY_PROOF_RECORDS, &page);
        if (status != STATUS_OK)
            return status;
        if (!page.count)
            break;
        for (unsigned i = 0; i < page.count && page.records[i].seq <= proof->end; i++)
            write_entry(op, writing, &page.records[i]);
        after = page.next;
    }
    return STATUS_OK;
}

static void
put_number(struct buf *out, const char *key, int64_t value)
{
    mp_string(out, key);
    mp_int(out, value);
}

static void
write_answer(const struct notify_proof *proof, const struct writing *writing, int64_t asked_to,
             struct buf *out)
{
    mp_map(out, 9);
    put_number(out, "from", proof->from);
    put_number(out, "to", proof->to);
    put_number(out, "first", proof->first);
    put_number(out, "last", proof->last);
    put_number(out, "signed", proof->signed_seq);
    mp_string(out, "next");
    if (proof->to < proof->signed_seq && (asked_to == INT_NONE || proof->to < asked_to))
        mp_int(out, proof->to + 1);
    else
        mp_nil(out);
    mp_string(out, "start");
    if (proof->start.ptr)
        buf_append(out, proof->start.ptr, proof->start.len);
    else
        mp_nil(out);
    mp_string(out, "entries");
    mp_array(out, writing->count);
    buf_append(out, writing->out->data, writing->out->len);
    mp_string(out, "checkpoints");
    mp_array(out, proof->count);
    for (unsigned i = 0; i < proof->count; i++)
        buf_append(out, proof->checkpoints[i].ptr, proof->checkpoints[i].len);
}

enum status
notify_proof_answer(struct op *op, struct notify_proof *proof, int64_t asked_to, struct buf *out)
{
    struct buf entries = {0};
    size_t rest = (size_t)(proof->end - proof->start_seq) * ENTRY_ROOM;
    struct writing writing = {proof, &entries, BYTES_MAX > rest ? BYTES_MAX - rest : 0, 0, false};
    enum status status = write_entries(op, &writing);
    if (status == STATUS_OK)
        write_answer(proof, &writing, asked_to, out);
    if (status == STATUS_OK && (entries.failed || out->failed))
        status = op_no_memory(op);
    buf_fini(&entries);
    return status;
}
