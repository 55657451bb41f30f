/* See notify_sign.h. It must not know subscriptions or how anything is sent. */
#include "services/notify/notify_sign.h"

#include <sodium.h>
#include <stdio.h>

#define SHARED "whsec_"
#define PRIVATE "whsk_"
#define PUBLIC "whpk_"
#define SHARED_MIN 24
#define SHARED_NEW 32
#define KEY_MAX 64

enum kind { NONE, HMAC, ED25519 };

struct secret {
    enum kind kind;
    size_t len;
    unsigned char bytes[KEY_MAX]; /* of ed25519: seed and public key */
};

static bool
begins(struct text text, const char *with, struct text *rest)
{
    size_t len = strlen(with);
    if (text.len < len || memcmp(text.ptr, with, len) != 0)
        return false;
    *rest = (struct text){text.ptr + len, text.len - (uint32_t)len};
    return true;
}

/* The seed alone is enough; what stands behind it must be its public key. */
static bool
complete_pair(struct secret *secret)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES], pair[crypto_sign_SECRETKEYBYTES];
    if (secret->len != crypto_sign_SEEDBYTES && secret->len != sizeof pair)
        return false;
    crypto_sign_seed_keypair(public_key, pair, secret->bytes);
    bool same = secret->len == crypto_sign_SEEDBYTES ||
                sodium_memcmp(pair, secret->bytes, sizeof pair) == 0;
    memcpy(secret->bytes, pair, sizeof pair);
    sodium_memzero(pair, sizeof pair);
    return same;
}

static bool
parse(struct text text, struct secret *out)
{
    struct text encoded;
    out->kind = begins(text, SHARED, &encoded)    ? HMAC
                : begins(text, PRIVATE, &encoded) ? ED25519
                                                  : NONE;
    if (out->kind == NONE ||
        sodium_base642bin(out->bytes, sizeof out->bytes, encoded.ptr, encoded.len, NULL, &out->len,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    return out->kind == HMAC ? out->len >= SHARED_MIN : complete_pair(out);
}

static void
print(const char *prefix, const unsigned char *bytes, size_t len, char out[NOTIFY_SECRET_MAX])
{
    size_t at = (size_t)snprintf(out, NOTIFY_SECRET_MAX, "%s", prefix);
    sodium_bin2base64(out + at, NOTIFY_SECRET_MAX - at, bytes, len, sodium_base64_VARIANT_ORIGINAL);
}

bool
notify_secret_valid(struct text secret)
{
    struct secret parsed;
    bool valid = parse(secret, &parsed);
    sodium_memzero(&parsed, sizeof parsed);
    return valid;
}

void
notify_secret_new_shared(char secret[NOTIFY_SECRET_MAX])
{
    unsigned char bytes[SHARED_NEW];
    randombytes_buf(bytes, sizeof bytes);
    print(SHARED, bytes, sizeof bytes, secret);
    sodium_memzero(bytes, sizeof bytes);
}

void
notify_secret_new_pair(char secret[NOTIFY_SECRET_MAX], char public_key[NOTIFY_SECRET_MAX])
{
    unsigned char open[crypto_sign_PUBLICKEYBYTES], pair[crypto_sign_SECRETKEYBYTES];
    crypto_sign_keypair(open, pair);
    print(PRIVATE, pair, sizeof pair, secret);
    print(PUBLIC, open, sizeof open, public_key);
    sodium_memzero(pair, sizeof pair);
}

bool
notify_secret_public(struct text secret, char public_key[NOTIFY_SECRET_MAX])
{
    struct secret parsed;
    bool is_pair = parse(secret, &parsed) && parsed.kind == ED25519;
    if (is_pair)
        print(PUBLIC, parsed.bytes + crypto_sign_SEEDBYTES, crypto_sign_PUBLICKEYBYTES, public_key);
    sodium_memzero(&parsed, sizeof parsed);
    return is_pair;
}

static size_t
sign_shared(const struct secret *secret, struct text head, struct text body, unsigned char *out)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, secret->bytes, secret->len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)head.ptr, head.len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.ptr, body.len);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
    return crypto_auth_hmacsha256_BYTES;
}

/* ed25519 reads what it signs twice: it must lie in one piece. 0 without memory. */
static size_t
sign_pair(const struct secret *secret, struct text head, struct text body, unsigned char *out)
{
    size_t len = (size_t)head.len + body.len;
    unsigned char *message = malloc(len);
    if (!message)
        return 0;
    memcpy(message, head.ptr, head.len);
    if (body.len)
        memcpy(message + head.len, body.ptr, body.len);
    crypto_sign_detached(out, NULL, message, len, secret->bytes);
    free(message);
    return crypto_sign_BYTES;
}

size_t
notify_sign(struct text id, int64_t time_s, struct text body, unsigned secret_count,
            const struct text *secrets, char *out)
{
    char head[256];
    int head_len = snprintf(head, sizeof head, "%.*s.%lld.", TEXT_ARG(id), (long long)time_s);
    if (head_len < 0 || (size_t)head_len >= sizeof head)
        return 0;
    struct text begin = {head, (uint32_t)head_len};
    size_t at = 0;
    bool ok = secret_count > 0;
    for (unsigned i = 0; ok && i < secret_count; i++) {
        struct secret secret;
        unsigned char signature[crypto_sign_BYTES];
        size_t len = 0;
        if (parse(secrets[i], &secret))
            len = secret.kind == HMAC ? sign_shared(&secret, begin, body, signature)
                                      : sign_pair(&secret, begin, body, signature);
        if ((ok = len > 0)) {
            at += (size_t)sprintf(out + at, "%s%s,", at ? " " : "",
                                  secret.kind == HMAC ? "v1" : "v1a");
            sodium_bin2base64(out + at, NOTIFY_SIGNATURE_MAX - 5, signature, len,
                              sodium_base64_VARIANT_ORIGINAL);
            at += strlen(out + at);
        }
        sodium_memzero(&secret, sizeof secret);
    }
    return ok ? at : 0;
}
