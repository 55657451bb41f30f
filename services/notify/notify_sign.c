/* See notify_sign.h. HMAC is OpenSSL's, which knows what the processor can: about half the
 * time of libsodium's. It must not know subscriptions or how anything is sent. */
#include "services/notify/notify_sign.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/library.h"

#define SHARED "whsec_"
#define PRIVATE "whsk_"
#define SHARED_MIN 24
#define KEY_MAX 64

enum kind { NONE, HMAC, ED25519 };

struct secret {
    enum kind kind;
    size_t len;
    unsigned char bytes[KEY_MAX]; /* of ed25519: seed and public key */
};

#define LIBRARY "libcrypto.so.3" /* the one that libcurl brings (docs/decisions/0024) */
#define ROW(name)                                                                                  \
    {                                                                                              \
        "EVP_MAC_" #name, offsetof(struct mac, name)                                               \
    }

static struct mac {
    __typeof__(EVP_MAC_fetch) *fetch;
    __typeof__(EVP_MAC_free) *free;
    __typeof__(EVP_MAC_CTX_new) *CTX_new;
    __typeof__(EVP_MAC_CTX_free) *CTX_free;
    __typeof__(EVP_MAC_CTX_set_params) *CTX_set_params;
    __typeof__(EVP_MAC_init) *init;
    __typeof__(EVP_MAC_update) *update;
    __typeof__(EVP_MAC_final) *final;
} mac;

static const struct library_function functions[] = {
    ROW(fetch),          ROW(free), ROW(CTX_new), ROW(CTX_free),
    ROW(CTX_set_params), ROW(init), ROW(update),  ROW(final),
};

struct notify_sign {
    EVP_MAC_CTX *hmac; /* HMAC-SHA256, of whatever key was last */
};

struct notify_sign *
notify_sign_new(void)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1),
        OSSL_PARAM_END,
    };
    if (library_load(LIBRARY, functions, sizeof functions / sizeof *functions, &mac))
        return NULL;
    struct notify_sign *sign = calloc(1, sizeof *sign);
    EVP_MAC *hmac = mac.fetch(NULL, "HMAC", NULL);
    if (sign)
        sign->hmac = mac.CTX_new(hmac);
    mac.free(hmac); /* the context keeps it */
    if (sign && (!sign->hmac || !mac.CTX_set_params(sign->hmac, params)))
        notify_sign_destroy(&sign);
    return sign;
}

void
notify_sign_destroy(struct notify_sign **sign)
{
    if (*sign)
        mac.CTX_free((*sign)->hmac);
    free(*sign);
    *sign = NULL;
}

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

/* 0 without memory. */
static size_t
sign_shared(const struct notify_sign *sign, const struct secret *secret, struct text head,
            struct text body, unsigned char *out)
{
    size_t len = 0;
    bool done = mac.init(sign->hmac, secret->bytes, secret->len, NULL) &&
                mac.update(sign->hmac, (const unsigned char *)head.ptr, head.len) &&
                mac.update(sign->hmac, (const unsigned char *)body.ptr, body.len) &&
                mac.final(sign->hmac, out, &len, crypto_auth_hmacsha256_BYTES);
    return done ? len : 0;
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
notify_sign(struct notify_sign *sign, struct text id, int64_t time_s, struct text body,
            unsigned secret_count, const struct text *secrets, char *out)
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
            len = secret.kind == HMAC ? sign_shared(sign, &secret, begin, body, signature)
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
