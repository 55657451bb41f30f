/* See guess.h. */
#include "common/service/guess.h"

#include <stdlib.h>
#include <string.h>

static bool
is(const struct guess *guess, uint32_t hash, struct text field)
{
    return guess->known && guess->hash == hash && guess->field_len == field.len &&
           memcmp(guess->bytes, field.ptr, field.len) == 0;
}

void
guess_fini(struct guesses *guesses)
{
    for (unsigned i = 0; i < GUESS_SLOTS; i++)
        free(guesses->slots[i].bytes);
    *guesses = (struct guesses){0};
}

void
guess_put(struct guesses *guesses, uint32_t hash, struct text field, struct text revision,
          struct text value)
{
    struct guess *guess = &guesses->slots[hash % GUESS_SLOTS];
    uint32_t len = field.len + revision.len + value.len;
    guess->known = false;
    if (len > GUESS_BYTES_MAX)
        return;
    if (len > guess->cap) {
        char *bytes = realloc(guess->bytes, len);
        if (!bytes)
            return;
        guess->bytes = bytes;
        guess->cap = len;
    }
    *guess =
        (struct guess){hash, field.len, revision.len, value.len, guess->cap, true, guess->bytes};
    memcpy(guess->bytes, field.ptr, field.len);
    memcpy(guess->bytes + field.len, revision.ptr, revision.len);
    if (value.len)
        memcpy(guess->bytes + field.len + revision.len, value.ptr, value.len);
}

bool
guess_get(const struct guesses *guesses, uint32_t hash, struct text field, struct text *revision,
          struct text *value)
{
    const struct guess *guess = &guesses->slots[hash % GUESS_SLOTS];
    if (!is(guess, hash, field))
        return false;
    *revision = (struct text){guess->bytes + field.len, guess->revision_len};
    *value = TEXT_NONE;
    if (guess->value_len)
        *value = (struct text){guess->bytes + field.len + guess->revision_len, guess->value_len};
    return true;
}

void
guess_drop(struct guesses *guesses, uint32_t hash, struct text field)
{
    struct guess *guess = &guesses->slots[hash % GUESS_SLOTS];
    if (is(guess, hash, field))
        guess->known = false;
}
