/* The place in one prefix of the log: which record may be shown next, and whether some are missing.
 * Pure: it must not know sockets, files or time.
 *
 * `last` is the last seq passed, `high` the highest known to exist. A record may be shown when the
 * one before it under the prefix (its prev) is not after `last`. Records that come too early are
 * kept, in order, up to a bound; beyond it only `high` is remembered, for they can be read again.
 */
#ifndef CBM_CLIENT_STREAM_H
#define CBM_CLIENT_STREAM_H

#include "common/base/text.h"
#include "common/log/topic.h"

/* A record that arrived. Its bytes are topic, a zero, meta, data. */
struct stream_record {
    int64_t seq, prev;
    uint32_t topic_len, meta_len, data_len;
    uint8_t bytes[];
};

/* A copy of a record; NULL when out of memory. Freed by free. */
struct stream_record *stream_record_new(int64_t seq, int64_t prev, struct text topic,
                                        struct text meta, struct text data);

#define STREAM_BYTES_MAX ((size_t)32 * 1024 * 1024) /* kept while a gap is filled */

struct stream {
    char prefix[TOPIC_MAX + 1];
    unsigned level; /* the index of the prefix in prev */
    bool joined;    /* `last` is known */
    bool unread;    /* the log is to be read from `last` on, whatever came live */
    int64_t last, high;
    struct stream_record **kept; /* owned, by seq, from `first` on */
    size_t first, count, capacity, count_max, bytes;
};

/* The prefix must end at a level. */
void stream_init(struct stream *stream, struct text prefix, size_t kept_max);
void stream_fini(struct stream *stream);

/* Whether records on this topic belong to it: "" is everything that is open. */
bool stream_covers(const struct stream *stream, struct text topic);

/* Whether every record of the prefix `other` belongs to it. */
bool stream_covers_prefix(const struct stream *stream, struct text other);

/* Starts after `last`. With `unread` the log is read first. */
void stream_join(struct stream *stream, int64_t last, bool unread);

/* Whether a live record is the next, so that it may be shown as it is; then it counts as passed.
 * After stream_take gave NULL. */
bool stream_next(struct stream *stream, int64_t seq, int64_t prev);

/* Takes ownership of a live record. */
void stream_add(struct stream *stream, struct stream_record *record);

/* A record of that seq exists (a watermark). */
void stream_exists(struct stream *stream, int64_t seq);

/* The next record that may be shown, now the caller's; it counts as passed. NULL if there is none.
 */
struct stream_record *stream_take(struct stream *stream);

/* Says that a record read from the log is shown; false if it was passed already. */
bool stream_pass(struct stream *stream, int64_t seq);

/* Whether records are missing, so that the log must be read. After stream_take gave NULL. */
bool stream_behind(const struct stream *stream);

#endif
