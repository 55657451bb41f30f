/* The hash chain over the log and its signed checkpoints (docs/proof.md): what makes a changed,
 * dropped or reordered record show.
 *
 *   leaf(n) = BLAKE2b-256(n as 8 bytes, big-endian || the record as it is stored)
 *   h(0) = 32 zero bytes;  h(n) = BLAKE2b-256(h(n-1) || leaf(n))
 *
 * A checkpoint is signed as this text, each line ended by "\n" (hashes and key in hex, time as on
 * the wire):
 *
 *   CBM checkpoint 1
 *   seq <seq>
 *   hash <hash>
 *   previous <previous_seq> <previous_hash>
 *   time <time>
 *   key <key>
 *
 * Pure. It must not know where records or keys are. */
#ifndef CBM_LOG_CHAIN_H
#define CBM_LOG_CHAIN_H

#include "common/msg/messages.h"

#define CHAIN_HASH_LEN 32
#define CHAIN_HEX_MAX (2 * CHAIN_HASH_LEN + 1)
#define CHAIN_SECRET_LEN 64
#define CHAIN_SIGNATURE_MAX (2 * 64 + 1)

struct chain_hash {
    uint8_t bytes[CHAIN_HASH_LEN];
};

void chain_leaf(int64_t seq, struct text stored, struct chain_hash *out);

/* h(n) of h(n-1), in place. */
void chain_add(struct chain_hash *chain, const struct chain_hash *leaf);

void chain_print(const struct chain_hash *hash, char out[CHAIN_HEX_MAX]);
bool chain_parse(struct text hex, struct chain_hash *out);

/* A pair to sign with, made of 32 random bytes (the seed). */
struct chain_key {
    char public[CHAIN_HEX_MAX]; /* in hex */
    uint8_t secret[CHAIN_SECRET_LEN];
};
void chain_key_of_seed(const uint8_t seed[32], struct chain_key *out);

/* Signs bytes; and whether it is the signature (hex) of the bytes by the public key (hex). */
void chain_sign(const struct chain_key *key, struct text bytes, char out[CHAIN_SIGNATURE_MAX]);
bool chain_signed(struct text key, struct text bytes, struct text signature);

/* Writes the text that is signed; returns its length. */
#define CHAIN_STATEMENT_MAX 400
size_t chain_statement(const struct checkpoint *checkpoint, char out[CHAIN_STATEMENT_MAX]);

/* Whether the checkpoint is signed by the key it names. */
bool chain_checkpoint_signed(const struct checkpoint *checkpoint);

#endif
