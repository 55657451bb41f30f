/* See chain.h. It must not know where records or keys are. */
#include "common/log/chain.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SEQ_LEN 8

_Static_assert(CHAIN_HASH_LEN == crypto_generichash_BYTES, "BLAKE2b-256");
_Static_assert(CHAIN_SECRET_LEN == crypto_sign_SECRETKEYBYTES, "ed25519");
_Static_assert(CHAIN_SIGNATURE_MAX == 2 * crypto_sign_BYTES + 1, "ed25519");

static void
hash_two(const void *first, size_t first_len, const void *second, size_t second_len,
         struct chain_hash *out)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, CHAIN_HASH_LEN);
    crypto_generichash_update(&state, first, first_len);
    crypto_generichash_update(&state, second, second_len);
    crypto_generichash_final(&state, out->bytes, CHAIN_HASH_LEN);
}

void
chain_leaf(int64_t seq, struct text stored, struct chain_hash *out)
{
    uint8_t number[SEQ_LEN];
    for (unsigned i = 0; i < SEQ_LEN; i++)
        number[i] = (uint8_t)((uint64_t)seq >> (56 - 8 * i));
    hash_two(number, sizeof number, stored.ptr, stored.len, out);
}

void
chain_add(struct chain_hash *chain, const struct chain_hash *leaf)
{
    struct chain_hash before = *chain;
    hash_two(before.bytes, CHAIN_HASH_LEN, leaf->bytes, CHAIN_HASH_LEN, chain);
}

void
chain_print(const struct chain_hash *hash, char out[CHAIN_HEX_MAX])
{
    sodium_bin2hex(out, CHAIN_HEX_MAX, hash->bytes, CHAIN_HASH_LEN);
}

static bool
parse(struct text hex, uint8_t *out, size_t size)
{
    size_t len = 0;
    return hex.ptr && hex.len == 2 * size &&
           sodium_hex2bin(out, size, hex.ptr, hex.len, NULL, &len, NULL) == 0 && len == size;
}

bool
chain_parse(struct text hex, struct chain_hash *out)
{
    return parse(hex, out->bytes, CHAIN_HASH_LEN);
}

void
chain_key_of_seed(const uint8_t seed[32], struct chain_key *out)
{
    uint8_t public[crypto_sign_PUBLICKEYBYTES];
    crypto_sign_seed_keypair(public, out->secret, seed);
    sodium_bin2hex(out->public, sizeof out->public, public, sizeof public);
}

void
chain_sign(const struct chain_key *key, struct text bytes, char out[CHAIN_SIGNATURE_MAX])
{
    uint8_t signature[crypto_sign_BYTES];
    crypto_sign_detached(signature, NULL, (const uint8_t *)bytes.ptr, bytes.len, key->secret);
    sodium_bin2hex(out, CHAIN_SIGNATURE_MAX, signature, sizeof signature);
}

bool
chain_signed(struct text key, struct text bytes, struct text signature)
{
    uint8_t public[crypto_sign_PUBLICKEYBYTES], raw[crypto_sign_BYTES];
    return parse(key, public, sizeof public) && parse(signature, raw, sizeof raw) &&
           crypto_sign_verify_detached(raw, (const uint8_t *)bytes.ptr, bytes.len, public) == 0;
}

size_t
chain_statement(const struct checkpoint *checkpoint, char out[CHAIN_STATEMENT_MAX])
{
    char time[TIME_TEXT_MAX];
    time_print(checkpoint->time, time);
    int len = snprintf(out, CHAIN_STATEMENT_MAX,
                       "CBM checkpoint 1\nseq %lld\nhash %.*s\nprevious %lld %.*s\ntime %s\nkey "
                       "%.*s\n",
                       (long long)checkpoint->seq, TEXT_ARG(checkpoint->hash),
                       (long long)checkpoint->previous_seq, TEXT_ARG(checkpoint->previous_hash),
                       time, TEXT_ARG(checkpoint->key));
    return len < CHAIN_STATEMENT_MAX ? (size_t)len : CHAIN_STATEMENT_MAX - 1;
}

bool
chain_checkpoint_signed(const struct checkpoint *checkpoint)
{
    char statement[CHAIN_STATEMENT_MAX];
    size_t len = chain_statement(checkpoint, statement);
    return chain_signed(checkpoint->key, (struct text){statement, (uint32_t)len},
                        checkpoint->signature);
}
