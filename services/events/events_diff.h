/* What differs between two sets of documents by their ids: as a JSON Patch (RFC 6902) of
 * {events: {id: event}}, and in words. It reads encoded maps as they are and must not know the
 * fields of events, but for how a few are said. Pure: no store, no clock. */
#ifndef CBM_EVENTS_DIFF_H
#define CBM_EVENTS_DIFF_H

#include "common/base/buf.h"
#include "common/base/text.h"

/* A document before and after; absent on the side where there is none. */
struct events_diff {
    struct text id, before, after;
};

/* A list being written: encoded items one behind the other. */
struct events_diff_list {
    struct buf items;
    unsigned count;
};

/* Appends the operations that make the one document the other. */
void events_diff_patch(const struct events_diff *diff, struct events_diff_list *patch);

/* Appends a line for every field that says something else; "added: …" or "removed: …" for a
 * document that is on one side only. */
void events_diff_words(const struct events_diff *diff, struct events_diff_list *words);

#endif
