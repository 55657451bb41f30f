/* See log_proof.h. It must not know where proofs come from. */
#include "cli/log_proof.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
log_proof_is(const json_t *proof)
{
    return json_is_array(json_object_get(proof, "entries")) &&
           json_is_array(json_object_get(proof, "checkpoints"));
}

static bool fault(struct log_proof_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool
fault(struct log_proof_check *check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(check->fault, sizeof check->fault, format, args);
    va_end(args);
    return false;
}

static bool
no_proof(struct log_proof_check *check, int *code)
{
    *code = EX_DATAERR;
    return fault(check, "it is not what log.proof answers");
}

static int64_t
number(const json_t *map, const char *key)
{
    const json_t *value = json_object_get(map, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static struct text
text_at(const json_t *map, const char *key)
{
    return text_of(cli_text(map, key));
}

/* False if a field is missing or of another type. */
static bool
read_checkpoint(const json_t *json, struct checkpoint *out)
{
    *out = (struct checkpoint){.present = true,
                               .seq = number(json, "seq"),
                               .hash = text_at(json, "hash"),
                               .previous_seq = number(json, "previous_seq"),
                               .previous_hash = text_at(json, "previous_hash"),
                               .key = text_at(json, "key"),
                               .signature = text_at(json, "signature")};
    struct chain_hash hash;
    return out->seq > 0 && out->previous_seq >= 0 && chain_parse(out->hash, &hash) &&
           chain_parse(out->previous_hash, &hash) && chain_parse(out->key, &hash) &&
           time_parse(text_at(json, "time"), &out->time);
}

bool
log_proof_trusted(struct log_proof_check *check, struct text key)
{
    char hex[CHAIN_HEX_MAX];
    snprintf(hex, sizeof hex, "%.*s", TEXT_ARG(key));
    if (!check->keys || strstr(check->keys, hex))
        return true;
    snprintf(check->fault, sizeof check->fault, "it is signed by another key: %s", hex);
    return false;
}

static bool
check_signature(struct log_proof_check *check, const struct checkpoint *point)
{
    if (!chain_checkpoint_signed(point))
        return fault(check, "the signature of the checkpoint of seq %" PRId64 " is not good",
                     point->seq);
    snprintf(check->key, sizeof check->key, "%.*s", TEXT_ARG(point->key));
    return log_proof_trusted(check, point->key);
}

/* Where the proof begins: at a signed checkpoint, or at the beginning of the log. */
static bool
check_start(struct log_proof_check *check, const json_t *start, int *code)
{
    struct checkpoint point = {0};
    struct chain_hash hash = {{0}};
    if (!json_is_null(start)) {
        if (!read_checkpoint(start, &point))
            return no_proof(check, code);
        if (!check_signature(check, &point))
            return false;
        chain_parse(point.hash, &hash);
    }
    if (check->checkpoints && check->at == point.seq &&
        memcmp(&hash, &check->hash, sizeof hash) != 0)
        return fault(check, "there are two checkpoints of seq %" PRId64, point.seq);
    check->at = point.seq;
    check->hash = hash;
    if (!check->since[0] && point.present)
        time_print(point.time, check->since);
    return true;
}

uint8_t *
log_proof_bytes(const json_t *json, size_t *len)
{
    size_t size = json_string_length(json);
    uint8_t *bytes = json_is_string(json) ? malloc(size + 1) : NULL;
    if (bytes && sodium_base642bin(bytes, size, json_string_value(json), size, NULL, len, NULL,
                                   sodium_base64_VARIANT_ORIGINAL) == 0)
        return bytes;
    free(bytes);
    return NULL;
}

static bool
leaf_of(const json_t *entry, int64_t seq, struct chain_hash *leaf)
{
    size_t len;
    const json_t *record = json_object_get(entry, "record");
    if (!record)
        return chain_parse(text_at(entry, "leaf"), leaf);
    uint8_t *bytes = log_proof_bytes(record, &len);
    if (!bytes)
        return false;
    chain_leaf(seq, (struct text){(const char *)bytes, (uint32_t)len}, leaf);
    free(bytes);
    return true;
}

bool
log_proof_leaf(const json_t *proof, int64_t seq, struct chain_hash *leaf)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(proof, "entries"), i, entry)
    {
        if (number(entry, "seq") == seq)
            return leaf_of(entry, seq, leaf);
    }
    return false;
}

/* Adds the records up to a checkpoint, from entry number `*next` on. */
static bool
check_records(struct log_proof_check *check, const json_t *entries, size_t *next,
              const struct checkpoint *point)
{
    struct chain_hash hash = check->hash, leaf, wanted;
    int64_t from = check->at + 1;
    for (int64_t seq = from; seq <= point->seq; seq++, (*next)++) {
        const json_t *entry = json_array_get(entries, *next);
        if (number(entry, "seq") != seq || !leaf_of(entry, seq, &leaf)) {
            return fault(check,
                         "records %" PRId64 " to %" PRId64
                         " are not what was signed: record %" PRId64 " is missing or out of place",
                         from, point->seq, seq);
        }
        chain_add(&hash, &leaf);
        bool given = json_object_get(entry, "record") != NULL;
        check->given += given;
        check->hidden += !given;
    }
    if (!chain_parse(point->hash, &wanted) || memcmp(&wanted, &hash, sizeof hash) != 0)
        return fault(check,
                     "records %" PRId64 " to %" PRId64
                     " are not what was signed: one of them was changed, "
                     "or put in the place of another",
                     from, point->seq);
    check->hash = hash;
    return true;
}

/* One more checkpoint: it is signed, goes on from the one before, and so do the records. */
static bool
check_point(struct log_proof_check *check, const json_t *proof, size_t *next,
            const struct checkpoint *point)
{
    struct chain_hash previous;
    if (!check_signature(check, point))
        return false;
    if (point->previous_seq != check->at || !chain_parse(point->previous_hash, &previous) ||
        memcmp(&previous, &check->hash, sizeof previous) != 0)
        return fault(check,
                     "the checkpoint of seq %" PRId64 " does not go on from that of seq %" PRId64,
                     point->seq, check->at);
    if (point->seq <= check->at ||
        !check_records(check, json_object_get(proof, "entries"), next, point))
        return *check->fault ? false : fault(check, "checkpoints are out of order");
    check->at = point->seq;
    check->checkpoints++;
    time_print(point->time, check->until);
    return true;
}

bool
log_proof_check(struct log_proof_check *check, const json_t *proof, int *code)
{
    size_t i, next = 0;
    const json_t *one;
    struct checkpoint point;
    int64_t from = number(proof, "from"), to = number(proof, "to");
    *code = CLI_REFUSED;
    if (sodium_init() < 0 || !log_proof_is(proof) || from < 1 || to < from)
        return no_proof(check, code);
    if (!check_start(check, json_object_get(proof, "start"), code))
        return false;
    if (check->at >= from)
        return fault(check, "it begins behind record %" PRId64, from);
    json_array_foreach(json_object_get(proof, "checkpoints"), i, one)
    {
        if (!read_checkpoint(one, &point))
            return no_proof(check, code);
        if (!check_point(check, proof, &next, &point))
            return false;
    }
    if (check->at < to)
        return fault(check, "no checkpoint covers records up to %" PRId64, to);
    if (next != json_array_size(json_object_get(proof, "entries")))
        return fault(check, "it has entries beyond its last checkpoint");
    check->from = check->from ? check->from : from;
    check->to = to;
    return true;
}

int
log_proof_tell(const struct log_proof_check *check)
{
    if (*check->fault) {
        if (check->to)
            printf("  records     %lld to %lld hold\n", (long long)check->from,
                   (long long)check->to);
        printf("FALSE: %s\n", check->fault);
        return CLI_REFUSED;
    }
    printf("  records     %lld to %lld; %zu were hashed, of %zu only the hash is given\n",
           (long long)check->from, (long long)check->to, check->given, check->hidden);
    printf("  checkpoints %zu, the last of %s\n", check->checkpoints, check->until);
    printf("  key         %s%s\n", check->key,
           check->keys ? ", as trusted" : "; whose it is, you must know (--key FILE)");
    printf("holds: the records are those that were signed, in their order, and none is missing\n");
    return cli_flush();
}
