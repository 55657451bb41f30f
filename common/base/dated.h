/* Histories: entries with a first day, kept in the order in which they were recorded and never
 * edited. Pure: which entry counts on a day. It must not know what the entries say.
 *
 * A later entry with the same first day supersedes, and so does one that names the first day of the
 * other in `supersedes`: then the first day itself was wrong. What is superseded counts on no day.
 * In effect on a day is, of the others that have begun, the one that began last. */
#ifndef CBM_BASE_DATED_H
#define CBM_BASE_DATED_H

#include <stddef.h>

#include "common/base/date.h"

/* A list of entries, as the messages have them: borrowed. The offsets are those of members of an
 * entry; DATED_NONE where entries have no such member. */
#define DATED_NONE SIZE_MAX
struct dated {
    const void *items;
    uint32_t count;
    size_t size;       /* of an entry */
    size_t from;       /* date_day: its first day */
    size_t supersedes; /* date_day, or DATE_NONE */
    size_t key;        /* struct text: only entries of one key stand against each other */
};

/* struct dated of `list`, a member of a message {count, items[]}, with the given rows. */
#define DATED(list, type, supersedes_at, key_at)                                                   \
    (struct dated)                                                                                 \
    {                                                                                              \
        (list).items, (list).count, sizeof(struct type), offsetof(struct type, from),              \
            supersedes_at, key_at                                                                  \
    }

/* Whether entry `i` still counts: nothing recorded after it supersedes it. */
bool dated_live(const struct dated *list, uint32_t i);

/* The entry in effect on the day; -1 if none. `key` is not looked at in a list without keys. */
int dated_on(const struct dated *list, struct text key, date_day day);

/* The entry that takes effect next after the day; -1 if none. */
int dated_after(const struct dated *list, struct text key, date_day day);

/* The entry that counts and begins on that very day; -1 if none. */
int dated_at(const struct dated *list, struct text key, date_day from);

/* Whether entry `i` belongs to the history as it is told on a day: it has begun, and so has what
 * superseded it, and what superseded that. */
bool dated_told(const struct dated *list, uint32_t i, date_day day);

/* Leaves in a list, in place, only what is told on the day. Returns the new count. */
uint32_t dated_trim(const struct dated *list, void *items, date_day day);

#endif
