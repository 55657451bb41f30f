/* The chain around some records, as proofs have it (docs/proof.md): from the checkpoint before them
 * to the one behind them. It must not know who asks what for. */
#ifndef CBM_NOTIFY_PROOF_H
#define CBM_NOTIFY_PROOF_H

#include "common/log/chain.h"
#include "common/service/op.h"

#define NOTIFY_PROOF_RECORDS 1000    /* asked for at once */
#define NOTIFY_PROOF_CHECKPOINTS 128 /* in a proof */

struct notify_proof {
    int64_t from, to;    /* the records it is about; filled: what it is about in fact */
    int64_t first, last; /* the log's */
    int64_t end;         /* of the last checkpoint in it */
    int64_t signed_seq;  /* of the last checkpoint there is */
    int64_t start_seq;   /* of the one before the records, 0 for the beginning of the log */
    struct text start;   /* it, encoded; absent at the beginning of the log */
    unsigned count;      /* of those behind it, encoded; the last one ends the proof */
    struct text checkpoints[NOTIFY_PROOF_CHECKPOINTS];
};

/* Finds what is around the records from `from` to `to`, which is less afterwards if that is more
 * than one proof has. STATUS_FAILED_PRECONDITION if the first of them is not kept or not signed. */
enum status notify_proof_find(struct op *op, struct notify_proof *proof);

/* Writes the answer of log.proof. Of records that the asker may not see, and of those that are only
 * on the way, the entry has the leaf. What does not fit is left to the next one, as what is behind
 * proof->to and not behind `asked_to` (INT_NONE: the end). */
enum status notify_proof_answer(struct op *op, struct notify_proof *proof, int64_t asked_to,
                                struct buf *out);

#endif
