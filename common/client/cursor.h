/* The places a subscriber has reached, kept in a file: one line "<seq> <prefix>" a step, the last
 * of a prefix counts. A line is one write, so the death of the process loses none; a line cut by a
 * lost machine is passed over. The file is rewritten (new file, fsync, rename) when it grows. It
 * must not know the log. */
#ifndef CBM_CLIENT_CURSOR_H
#define CBM_CLIENT_CURSOR_H

#include "common/base/status.h"
#include "common/log/topic.h"

#define CURSOR_PLACES_MAX 32

struct cursor {
    char *path; /* owned */
    int fd;
    size_t size; /* of the file */
    bool dirty;  /* written, not yet on disk */
    unsigned count;
    struct cursor_place {
        char prefix[TOPIC_MAX + 1];
        int64_t seq;
    } places[CURSOR_PLACES_MAX];
};

/* Reads the file if it is there and opens it for writing; a file of something else is refused. */
enum status cursor_open(struct cursor *cursor, const char *path, struct error *error);
void cursor_close(struct cursor *cursor); /* of a zeroed one does nothing */

/* The place of a prefix, -1 if none is kept. */
int64_t cursor_seq(const struct cursor *cursor, const char *prefix);

/* Keeps a place. 0, or -1 if it could not be written (errno says why). */
int cursor_put(struct cursor *cursor, const char *prefix, int64_t seq);

/* Puts on disk what was kept. 0 or -1. */
int cursor_sync(struct cursor *cursor);

#endif
