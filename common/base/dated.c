/* See dated.h. Histories are short, so they are searched from front to back.
 * It must not know what the entries say. */
#include "common/base/dated.h"

#include <string.h>

static const char *
entry_at(const struct dated *list, uint32_t i)
{
    return (const char *)list->items + i * list->size;
}

static date_day
day_of(const struct dated *list, uint32_t i, size_t offset)
{
    date_day day = DATE_NONE;
    if (offset != DATED_NONE)
        memcpy(&day, entry_at(list, i) + offset, sizeof day);
    return day;
}

static bool
has_key(const struct dated *list, uint32_t i, struct text key)
{
    struct text own;
    if (list->key == DATED_NONE)
        return true;
    memcpy(&own, entry_at(list, i) + list->key, sizeof own);
    return text_equal(own, key);
}

static struct text
key_of(const struct dated *list, uint32_t i)
{
    struct text key = TEXT_NONE;
    if (list->key != DATED_NONE)
        memcpy(&key, entry_at(list, i) + list->key, sizeof key);
    return key;
}

/* The first entry after `i` that supersedes it; `count` if none does. */
static uint32_t
successor(const struct dated *list, uint32_t i)
{
    date_day from = day_of(list, i, list->from);
    uint32_t later = i + 1;
    for (; later < list->count; later++) /* none has DATE_NONE for its first day */
        if ((day_of(list, later, list->from) == from ||
             day_of(list, later, list->supersedes) == from) &&
            has_key(list, later, key_of(list, i)))
            break;
    return later;
}

bool
dated_live(const struct dated *list, uint32_t i)
{
    return successor(list, i) == list->count;
}

int
dated_on(const struct dated *list, struct text key, date_day day)
{
    int best = -1;
    date_day begun = DATE_NONE;
    for (uint32_t i = 0; i < list->count; i++) {
        date_day from = day_of(list, i, list->from);
        if (from <= day && (best < 0 || from >= begun) && has_key(list, i, key) &&
            dated_live(list, i)) {
            best = (int)i;
            begun = from;
        }
    }
    return best;
}

int
dated_after(const struct dated *list, struct text key, date_day day)
{
    int next = -1;
    date_day begins = DATE_NONE;
    for (uint32_t i = 0; i < list->count; i++) {
        date_day from = day_of(list, i, list->from);
        if (from > day && (next < 0 || from < begins) && has_key(list, i, key) &&
            dated_live(list, i)) {
            next = (int)i;
            begins = from;
        }
    }
    return next;
}

int
dated_at(const struct dated *list, struct text key, date_day from)
{
    int at = dated_on(list, key, from);
    return at >= 0 && day_of(list, (uint32_t)at, list->from) == from ? at : -1;
}

bool
dated_told(const struct dated *list, uint32_t i, date_day day)
{
    while (i < list->count && day_of(list, i, list->from) <= day)
        i = successor(list, i);
    return i == list->count;
}

uint32_t
dated_trim(const struct dated *list, void *items, date_day day)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) /* what is told of one rests on later ones only */
        if (dated_told(list, i, day))
            memmove((char *)items + kept++ * list->size, entry_at(list, i), list->size);
    return kept;
}
