/* See principals.h. It must not know sockets, files or the log. */
#include "common/auth/principals.h"

#include <stdlib.h>

/* Keys are random numbers, so some of their own bytes are as good as any hash of them. */
static unsigned
bucket_of(const char *key)
{
    uint64_t word;
    memcpy(&word, key, sizeof word);
    return (unsigned)((word * UINT64_C(0x9e3779b97f4a7c15)) >> 54) % PRINCIPALS_BUCKETS;
}

struct identity *
principals_find(const struct principals *principals, struct text key)
{
    if (key.len != KEY_LEN)
        return NULL;
    struct identity *identity = principals->buckets[bucket_of(key.ptr)];
    while (identity && memcmp(identity->key, key.ptr, KEY_LEN) != 0)
        identity = identity->next;
    return identity;
}

static struct identity *
get(struct principals *principals, struct text key)
{
    struct identity *identity = principals_find(principals, key);
    if (identity || !key_valid(key) || principals->count >= principals->max)
        return identity;
    identity = calloc(1, sizeof *identity);
    if (!identity)
        return NULL;
    memcpy(identity->key, key.ptr, KEY_LEN);
    struct identity **bucket = &principals->buckets[bucket_of(key.ptr)];
    identity->next = *bucket;
    *bucket = identity;
    principals->count++;
    return identity;
}

static bool
same(const struct principal *a, const struct principal *b)
{
    return strcmp(a->id, b->id) == 0 && a->roles == b->roles && strcmp(a->member, b->member) == 0;
}

/* After any change: whether it is allowed, and as whom. */
static void
settle(struct principals *principals, struct identity *identity, const struct principal *who)
{
    bool before = identity->allowed, other = !same(&identity->principal, who);
    principals->version++;
    identity->principal = *who;
    buf_clear(&identity->wire);
    rpc_principal_write(&identity->wire, who);
    identity->allowed =
        !identity->revoked && (identity->enrolled || identity->trusted) && !identity->wire.failed;
    if (identity->allowed != before)
        principals->allowed += identity->allowed ? 1U : -1U;
    if (before && (!identity->allowed || other))
        identity->changed_at = ++principals->changes;
}

struct identity *
principals_enroll(struct principals *principals, struct text key, const struct principal *who)
{
    struct identity *identity = get(principals, key);
    if (!identity)
        return NULL;
    identity->enrolled = true;
    settle(principals, identity, who);
    return identity;
}

struct identity *
principals_revoke(struct principals *principals, struct text key)
{
    struct identity *identity = get(principals, key);
    if (!identity)
        return NULL;
    identity->revoked = true;
    settle(principals, identity, &identity->principal);
    return identity;
}

struct identity *
principals_find_token(const struct principals *principals, struct text digest)
{
    if (digest.len != KEY_LEN)
        return NULL;
    struct identity *identity = principals->tokens[bucket_of(digest.ptr)];
    while (identity && memcmp(identity->token, digest.ptr, KEY_LEN) != 0)
        identity = identity->next_token;
    return identity;
}

void
principals_set_token(struct principals *principals, struct identity *identity, struct text digest)
{
    if (*identity->token) {
        struct identity **at = &principals->tokens[bucket_of(identity->token)];
        while (*at != identity)
            at = &(*at)->next_token;
        *at = identity->next_token;
        *identity->token = '\0';
    }
    if (digest.len == KEY_LEN) {
        memcpy(identity->token, digest.ptr, KEY_LEN);
        struct identity **bucket = &principals->tokens[bucket_of(identity->token)];
        identity->next_token = *bucket;
        *bucket = identity;
    }
    principals->version++;
}

void
principals_files_begin(struct principals *principals)
{
    for (unsigned i = 0; i < PRINCIPALS_BUCKETS; i++)
        for (struct identity *at = principals->buckets[i]; at; at = at->next)
            at->kept = false;
}

bool
principals_trust(struct principals *principals, struct text key, const struct principal *who)
{
    struct identity *identity = get(principals, key);
    if (!identity)
        return false;
    identity->trusted = identity->kept = true;
    settle(principals, identity, identity->enrolled ? &identity->principal : who);
    return true;
}

void
principals_files_end(struct principals *principals)
{
    for (unsigned i = 0; i < PRINCIPALS_BUCKETS; i++)
        for (struct identity *at = principals->buckets[i]; at; at = at->next) {
            if (!at->trusted || at->kept)
                continue;
            at->trusted = false;
            settle(principals, at, &at->principal);
        }
}

void
principals_fini(struct principals *principals)
{
    for (unsigned i = 0; i < PRINCIPALS_BUCKETS; i++)
        for (struct identity *at = principals->buckets[i], *next; at; at = next) {
            next = at->next;
            buf_fini(&at->wire);
            free(at);
        }
    *principals = (struct principals){.max = principals->max};
}
