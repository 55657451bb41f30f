/* What documents looked like when they were last read. A change may be decided on such a guess,
 * because its commit checks the revision of everything that it rests on; nothing else may: no
 * answer and no refusal. So a wrong guess costs one more run, never a wrong result, and a right one
 * saves a round to the store. It must not know what the documents say. */
#ifndef CBM_SERVICE_GUESS_H
#define CBM_SERVICE_GUESS_H

#include "common/base/text.h"

#define GUESS_SLOTS 64
#define GUESS_BYTES_MAX 4096 /* of one document; larger ones are always read */

struct guess {
    uint32_t hash, field_len, revision_len, value_len, cap;
    bool known;
    char *bytes; /* field, revision, value; owned */
};

/* A table of the few documents that many changes rest on. Zeroed is empty. */
struct guesses {
    struct guess slots[GUESS_SLOTS];
};

void guess_fini(struct guesses *guesses);

/* Remembers what was read under a field; `value` is absent if there is no document. `hash` is that
 * of the field. Without memory nothing is remembered. */
void guess_put(struct guesses *guesses, uint32_t hash, struct text field, struct text revision,
               struct text value);

/* Whether something is remembered; both borrow until the next guess_put or guess_drop. */
bool guess_get(const struct guesses *guesses, uint32_t hash, struct text field,
               struct text *revision, struct text *value);

void guess_drop(struct guesses *guesses, uint32_t hash, struct text field);

#endif
