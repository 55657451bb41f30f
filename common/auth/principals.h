/* Who may connect: public keys and the principals that they are. A key is known from a file of the
 * operator, from the registry, or both; revoked by the registry it is refused for ever, whatever
 * the file says. Pure: it must not know sockets, files or the log. */
#ifndef CBM_AUTH_PRINCIPALS_H
#define CBM_AUTH_PRINCIPALS_H

#include "common/auth/key.h"
#include "common/base/buf.h"
#include "common/bus/rpc.h"

/* A key and whose it is. It stays where it is as long as the table, so a request may keep the
 * pointer; look at `allowed` before it counts. What the registry says of it goes before what a file
 * says. */
struct identity {
    char key[KEY_LEN + 1];
    struct principal principal;
    struct buf wire; /* the principal as workers get it */
    bool allowed;
    char token[KEY_LEN + 1];     /* the digest of its token for HTTP; empty: it has none */
    struct identity *next_token; /* in the bucket of that digest */
    uint64_t changed_at;         /* which of principals.changes was its last */
    bool enrolled, revoked;      /* by the registry */
    bool trusted, kept;          /* by a file; … by the files being read now */
    struct identity *next;       /* in its bucket */
};

#define PRINCIPALS_BUCKETS 1024

/* An embedded value: zeroed but for `max` is an empty table. */
struct principals {
    unsigned max, count; /* keys ever known */
    unsigned allowed;
    uint64_t version; /* grows whenever anything changes */
    uint64_t changes; /* times that one was refused or changed that had been allowed before: what it
                       * got under its old name must end */
    struct identity *buckets[PRINCIPALS_BUCKETS];
    struct identity *tokens[PRINCIPALS_BUCKETS]; /* by the digest of their token */
};

void principals_fini(struct principals *principals);

/* The identity of a key, also one that is not allowed; NULL if the key is not known. */
struct identity *principals_find(const struct principals *principals, struct text key);

/* The registry enrolled the key (again: what it says of it changed), or revoked it. The identity;
 * NULL if the key is none, the table is full, or memory is short: then the key stays unknown, and
 * so refused. */
struct identity *principals_enroll(struct principals *principals, struct text key,
                                   const struct principal *who);
struct identity *principals_revoke(struct principals *principals, struct text key);

/* The digest of the identity's token, absent for none: the one before finds it no more. */
void principals_set_token(struct principals *principals, struct identity *identity,
                          struct text digest);

/* Whose token has this digest, also if it is not allowed; NULL: nobody's. */
struct identity *principals_find_token(const struct principals *principals, struct text digest);

/* The files are read anew: begin, each key, end. What is in none of them is not trusted any more.
 */
void principals_files_begin(struct principals *principals);
bool principals_trust(struct principals *principals, struct text key, const struct principal *who);
void principals_files_end(struct principals *principals);

#endif
