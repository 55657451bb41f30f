/* The key that signs checkpoints and proofs: 32 bytes in a file of the keys directory, made at the
 * first start, shared by the replicas that share the directory. It never leaves the server. */
#ifndef CBM_NOTIFY_KEY_H
#define CBM_NOTIFY_KEY_H

#include "common/log/chain.h"

/* Reads `directory`/checkpoint.key, or makes it (mode 600) and checkpoint.pub, its public key in
 * hex. False after a line in the log. */
bool notify_key_get(const char *directory, struct chain_key *out);

#endif
