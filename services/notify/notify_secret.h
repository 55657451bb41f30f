/* New secrets of a webhook, as Standard Webhooks 1.0.0 writes them. It must not know where they are
 * kept, and never logs one. */
#ifndef CBM_NOTIFY_SECRET_H
#define CBM_NOTIFY_SECRET_H

#define NOTIFY_SECRET_TEXT_MAX 100

struct notify_secret {
    char secret[NOTIFY_SECRET_TEXT_MAX];     /* whsec_ and 32 random bytes in base64 */
    char key[NOTIFY_SECRET_TEXT_MAX];        /* whsk_ and an ed25519 secret key, 64 bytes */
    char public_key[NOTIFY_SECRET_TEXT_MAX]; /* whpk_ and its public key, 32 bytes */
};

void notify_secret_make(struct notify_secret *out);
void notify_secret_forget(struct notify_secret *secret); /* overwrites it */

#endif
