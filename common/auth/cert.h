/* Certificates in czmq's file form: FILE has the public key, FILE_secret (mode 0600) both. Whoever
 * makes one, makes it at once and whole: of two that start together, both go on with the same.
 * It must not know principals or the log. */
#ifndef CBM_AUTH_CERT_H
#define CBM_AUTH_CERT_H

#include <czmq.h>

#include "common/base/status.h"

#define CERT_PATH_MAX 1024

/* Makes a key pair in FILE and FILE_secret with the metadata (NULL: none of it). An error if there
 * is one already: STATUS_ALREADY_EXISTS. */
struct cert_meta {
    const char *id, *roles, *member;
};
enum status cert_make(const char *path, const struct cert_meta *meta, struct error *error);

/* Loads FILE_secret or FILE, whichever has both keys. NULL with `error`. */
zcert_t *cert_load(const char *path, struct error *error);

/* Writes the public part of a certificate to a file, whole or not at all. */
enum status cert_save_public(zcert_t *cert, const char *path, struct error *error);

/* The certificate of the server in the directory of keys. If there is none it is made, and with it
 * the directory, `trusted/` in it, and, if no officer is trusted yet, the certificate of the
 * first one: officer.key, officer.key_secret and trusted/officer.key. NULL with `error`. */
zcert_t *cert_server(const char *directory, struct error *error);

/* Makes a socket a client of the server that has this public key: `server` is the key in Z85 or a
 * file that has it; `path` the client's own certificate. */
enum status cert_client(zsock_t *sock, const char *server, const char *path, struct error *error);

#endif
