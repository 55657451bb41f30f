/* What `cbm verify` checks besides decisions: proofs of the log, from a file or as it is now, and
 * of notice. */
#ifndef CBM_CLI_VERIFY_H
#define CBM_CLI_VERIFY_H

#include "cli/log_proof.h"

/* What log.proof answered. `keys` has the public keys that are trusted, NULL for any. The exit
 * code. */
int verify_proof(const json_t *proof, const char *keys);

/* What notice.proof answered. */
bool verify_notice_is(const json_t *proof);
int verify_notice(const json_t *proof, const char *keys);

struct verify_span {
    int64_t from, to; /* 0: from the oldest record kept, to the last one signed */
    const char *keys;
};
int verify_live(const struct cli_command *command, const struct verify_span *span);

#endif
