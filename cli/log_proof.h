/* Checks what log.proof answers (docs/proof.md), from it alone. It must not know where it came
 * from. */
#ifndef CBM_CLI_LOG_PROOF_H
#define CBM_CLI_LOG_PROOF_H

#include "cli/cli.h"
#include "common/log/chain.h"

/* What several proofs, one behind the other, come to. Zeroed before the first one. */
struct log_proof_check {
    const char *keys;       /* texts that have the public keys trusted, in hex; NULL: any key */
    int64_t from, to;       /* all records of these seqs are what was signed; 0 for none yet */
    int64_t at;             /* the last checkpoint, 0 before the first */
    struct chain_hash hash; /* … and its hash */
    size_t given, hidden;   /* records, and leaves instead of them */
    size_t checkpoints;
    char key[CHAIN_HEX_MAX]; /* that the last one is signed by */
    char since[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    char fault[400]; /* what is wrong, in words; empty if nothing is */
};

/* Checks one more. False if it does not hold (`fault` says why) or is no proof (EX_DATAERR in
 * `code`, else CLI_REFUSED). */
bool log_proof_check(struct log_proof_check *check, const json_t *proof, int *code);

/* A signature by a trusted key, else `fault` is set. */
bool log_proof_trusted(struct log_proof_check *check, struct text key);

/* Tells what holds, or what does not; the exit code. */
int log_proof_tell(const struct log_proof_check *check);

/* Whether JSON is one: what has "entries". */
bool log_proof_is(const json_t *proof);

/* Bytes as JSON has them, base64; NULL if it is none. The caller frees. */
uint8_t *log_proof_bytes(const json_t *json, size_t *len);

/* The leaf of a record in a proof that holds; false if it is not about that record. */
bool log_proof_leaf(const json_t *proof, int64_t seq, struct chain_hash *leaf);

#endif
