/* One request being worked on, as a handler sees it.
 *
 * A handler is a plain function that may run several times. It asks for documents; what is not here
 * yet makes the ask return STATUS_AGAIN, which the handler returns at once; the runtime fetches all
 * that was asked for in one pipelined round and runs the handler again from its start. When it
 * returns STATUS_OK, what it saved, indexed and recorded is committed in one atomic step together
 * with the revisions of everything it loaded; if one of them moved, all is forgotten and the
 * handler runs again. So a handler has no side effect but through these functions, and never
 * blocks.
 *
 *     struct event event;
 *     enum status status = op_load(op, "event", in->id, &event_schema, &event);
 *     if (status != STATUS_OK)
 *         return status == STATUS_NOT_FOUND ? error_set(op_error(op), …) : status;
 *     …domain decides…
 *     op_save(op, "event", event.id, &event_schema, &event);
 *     op_record(op, "event.accepted", topic, &event_schema, &event, "proposed", NULL, TEXT_NONE);
 *     op_answer(op, &event_schema, &event);
 *     return STATUS_OK; */
#ifndef CBM_SERVICE_OP_H
#define CBM_SERVICE_OP_H

#include "common/base/buf.h"
#include "common/base/status.h"
#include "common/bus/rpc.h"
#include "common/log/record.h"
#include "common/msg/schema.h"

struct op;

/* `params` is the decoded struct of the method's params schema. Returns STATUS_OK, STATUS_AGAIN, or
 * an error code with op_error(op) filled (error_set). */
typedef enum status op_handler_fn(struct op *op, const void *params);

/* Who asks, when (wall clock at the first run, the same in every run), and the day in UTC. */
const struct principal *op_principal(const struct op *op);
int64_t op_now_ms(const struct op *op);
date_day op_today(const struct op *op);
struct error *op_error(struct op *op);
void *op_service(const struct op *op); /* the `arg` given to service_new */

/* Memory that lives as long as this run. NULL when there is none: then return op_no_memory(op). */
void *op_alloc(struct op *op, size_t size);
enum status op_no_memory(struct op *op); /* fills the error; STATUS_RESOURCE_EXHAUSTED */

/* Joins texts to one that lives as long as the run: op_format for what is done a thousand times. */
struct text op_join(struct op *op, unsigned count, const struct text *parts);

/* Formats a text that lives as long as the run (ids, topics, index entries). */
struct text op_format(struct op *op, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Loads a document of this service. STATUS_OK; STATUS_AGAIN; STATUS_NOT_FOUND (the error is not
 * set; its absence is remembered and guarded by the commit). `message` is a struct of `schema`. */
enum status op_load(struct op *op, const char *kind, struct text id, const struct schema *schema,
                    void *message);

/* The same where none is expected: STATUS_NOT_FOUND, most times without a round to the store, for
 * the commit finds out. STATUS_OK if it is there. */
enum status op_load_new(struct op *op, const char *kind, struct text id);

/* The same, as the stored bytes, without decoding. */
enum status op_load_raw(struct op *op, const char *kind, struct text id, struct text *bytes);

/* The same for reads that need no guard (lists): what is only peeked at is not part of what the
 * commit checks. `schema`/`message` and `bytes` may be NULL. */
enum status op_peek(struct op *op, const char *kind, struct text id, const struct schema *schema,
                    void *message, struct text *bytes);

/* Up to `limit` entries of this service's index from `from` (inclusive) up to `upto` (exclusive),
 * in byte order. Not guarded. */
struct op_range {
    unsigned count;
    struct text *items;
};
enum status op_scan(struct op *op, struct text from, struct text upto, unsigned limit,
                    struct op_range *out);

/* The last seq of the whole log, read before anything that is asked for later in the same round: so
 * what the answer shows is at least as new. */
enum status op_seq(struct op *op, int64_t *seq);

/* Waits until the service's copy (service_set_copy) has seen every record that was on the log when
 * this was first asked: STATUS_AGAIN until then, then STATUS_OK and the last seq that it has seen,
 * so what the copy has is at least as new. With STATUS_AGAIN `seq` is what it has seen so far, -1
 * for nothing: who reads for the copy meanwhile reads a state that is at least as new as that. What
 * the copy lends is good until the handler returns. */
enum status op_current(struct op *op, int64_t *seq);

/* The store's clock (ms), read before any document that is asked for in the same run or a later
 * one: so what was committed before that moment is seen. It also sets op_store_ms. */
enum status op_clock(struct op *op, int64_t *ms);

/* Records of the log under a prefix (or LOG_ALL), in order. At most `limit` and about 1 MiB.
 * Limit 0 fills only last and first. Before `first` only the last record of each topic is kept
 * (docs/decisions/0023-retention.md): who needs all of them asks for a whole topic, or looks at
 * `first`. */
struct op_log_page {
    unsigned count;
    const struct log_record *records;
    int64_t next;  /* seq of the last of them, `after` if there is none */
    int64_t last;  /* the newest seq under the prefix, 0 if there is none */
    int64_t first; /* the oldest seq that the whole log keeps */
};
enum status op_log_read(struct op *op, struct text prefix, int64_t after, unsigned limit,
                        struct op_log_page *out);

/* The records under a whole topic: as above, but STATUS_FAILED_PRECONDITION, told as below, if one
 * of them after `after` is not kept any more. */
enum status op_log_topic(struct op *op, struct text topic, int64_t after, unsigned limit,
                         struct op_log_page *out);

/* Refuses what needs records that are not kept: `field` (NULL for none), and `first` in the
 * details. */
enum status op_refuse_trimmed(struct op *op, const char *field, const char *what, int64_t after,
                              int64_t first);

/* Memory that lives as long as what was asked for, through runs: zeroed when it is asked for the
 * first time under a name (borrowed for good), and forgotten when the handler starts over. NULL
 * when there is none: then return op_no_memory(op). */
void *op_hold(struct op *op, const char *name, size_t size);
void *op_hold_more(struct op *op, size_t size); /* more of it, each time anew; not zeroed */

/* Walks all that the log has under a prefix (a literal), in order, for a reader who cannot hold it:
 * `walk` sees each record once, borrowed for the call, between runs; pages are forgotten behind it.
 * STATUS_AGAIN until the end, then STATUS_OK; STATUS_DEADLINE_EXCEEDED, with the error filled, when
 * the request's time is up before. `arg` is of op_hold. */
typedef void op_walk_fn(struct op *op, void *arg, const struct log_record *record);
enum status op_log_walk(struct op *op, const char *prefix, op_walk_fn *walk, void *arg);

/* Waits until the service's own copy of the log (service_set_position) has passed `seq`:
 * STATUS_AGAIN until then, STATUS_OK after; at once STATUS_OK for a service without such a copy. */
enum status op_wait_seq(struct op *op, int64_t seq);

/* Waits for something outside the store: STATUS_AGAIN, to be returned; the handler runs again in
 * some 50 ms, and reads anew what it asks for. Whoever asked has a deadline. */
enum status op_wait(struct op *op);

/* Fails with `aborted` if the caller gave a revision and it is another than the document has. */
enum status op_expect_rev(struct op *op, int64_t given, int64_t actual);

/* Saves a document that was op_load-ed in this run (found or not). Sets its field `rev`. Returns
 * the encoded document, which lives as long as the run, for op_record_raw and op_answer_raw. */
struct text op_save(struct op *op, const char *kind, struct text id, const struct schema *schema,
                    void *message);

/* Puts back an encoded document that is not there (op_load-ed in this run), with the revision it
 * had, which is at least 1. */
void op_restore(struct op *op, const char *kind, struct text id, struct text document, int64_t rev);

/* Bumps the revision of a loaded document without writing it: a guard for a predicate. */
void op_bump(struct op *op, const char *kind, struct text id);

/* Adds to and removes from the index. Adding what is there and removing what is not do nothing. */
void op_index_add(struct op *op, struct text entry);
void op_index_remove(struct op *op, struct text entry);

/* Appends a log record: the message as `get` would answer it; `from` (NULL for none) is the state
 * before; `extra_key`/`extra` one more text of the data (`moved_to`), TEXT_NONE for none. `id` of
 * meta is the seq; `subject` the last level of the topic. */
void op_record(struct op *op, const char *type, struct text topic, const struct schema *schema,
               const void *message, const char *from, const char *extra_key, struct text extra);

/* The same with a message that is encoded already, as op_save gave it. */
void op_record_raw(struct op *op, const char *type, struct text topic, struct text data,
                   const char *from, const char *extra_key, struct text extra);

/* The commit is applied only if the store's clock reads at least / less than this (ms), else the
 * handler runs again with op_store_ms set to the store's clock. */
void op_not_before(struct op *op, int64_t ms);
void op_before(struct op *op, int64_t ms);
int64_t op_store_ms(const struct op *op); /* op_now_ms until the store's clock was seen */

/* The answer. With a commit, `seq` of its last record is added to it. */
void op_answer(struct op *op, const struct schema *schema, const void *message);
/* An answer that is there already, as op_load_raw gave it: borrowed until the handler has returned.
 */
void op_answer_raw(struct op *op, struct text map);

/* The answer to a repeat that changed nothing: the message and, as for the change itself, `seq`: of
 * the last record under the topic. STATUS_OK, STATUS_AGAIN, or an error. */
enum status op_answer_unchanged(struct op *op, const struct schema *schema, const void *message,
                                struct text topic);

/* The answer to a change of which the store may keep only `kept`, an encoded map: the message has
 * what must not stay there. A repeat of the request runs the handler again, with what was kept: it
 * makes the same answer of it and changes nothing. */
void op_answer_apart(struct op *op, const struct schema *schema, const void *message,
                     struct text kept);
bool op_repeats(const struct op *op, struct text *kept); /* borrowed as long as the run */

/* The answer of a list: begin, items, end. `next` absent ends the list. */
void op_list_begin(struct op *op);
void op_list_item(struct op *op, const struct schema *schema, const void *message);
void op_list_item_raw(struct op *op, struct text map);
void op_list_end(struct op *op, struct text next, int64_t seq);

/* A hand-made answer: one encoded value appended to this buffer. */
struct buf *op_result(struct op *op);

#endif
