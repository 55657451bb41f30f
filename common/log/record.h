/* A record of the log as the store keeps it and as the outside sees it (design section 4).
 * It must not know sockets or Redis.
 *
 * In Redis the log is one hash, seq -> record:
 *
 *   prev of each prefix, then the time in ms: decimals by space, "\n"        made by cbm_commit
 *   lengths, big-endian: topic (16 bits)  attributes (16)  data (32)  skip (16)    the head
 *   topic  attributes                                                            … with them
 *   data, of which the first `skip` bytes are no part
 *
 * attributes: msgpack [type, source, actor, traceparent or nil] */
#ifndef CBM_LOG_RECORD_H
#define CBM_LOG_RECORD_H

#include "common/base/buf.h"
#include "common/base/status.h"
#include "common/log/topic.h"

struct log_record {
    int64_t seq;
    int64_t time_ms;   /* when it was committed, by the store's clock */
    struct text topic; /* all borrowed */
    struct text prev;  /* "12 10 4 0" */
    struct text attributes;
    struct text data;
    struct text stored; /* all of it, as it is kept */
};

#define LOG_ATTRIBUTES_MAX 512

/* In place of a prefix: every record there is, as it is stored, also a damaged one (which has only
 * its seq and `stored`). */
#define LOG_ALL "#"

/* Writes the attributes of a record that is to be committed. traceparent may be absent. */
void log_attributes_write(struct buf *buf, const char *type, const char *source, const char *actor,
                          struct text traceparent);

/* Writes the meta map: CloudEvents 1.0 attributes, seq, prev, actor, traceparent. STATUS_INTERNAL
 * if the stored record is damaged (and then `buf` is unusable). */
enum status log_record_meta(const struct log_record *record, struct buf *buf);

/* Writes {topic, meta, data}, the item of log.read; at most LOG_ITEM_ROOM bytes and the topic
 * longer than what is stored. */
#define LOG_ITEM_ROOM 384
enum status log_record_item(const struct log_record *record, struct buf *buf);

/* Records as they are stored, one behind the other, each with its seq (8 bytes, big-endian) in
 * front: what log.read answers to who asks for LOG_PACK_FORM (docs/protocol.md). */
#define LOG_PACK_FORM "compact/1"
size_t log_pack_len(const struct log_record *record); /* what it takes in it */
void log_pack_add(struct buf *buf, const struct log_record *record);

/* Takes the next off the front: 1 one, 0 the end, -1 it is damaged from here on. */
int log_pack_next(struct text *pack, struct log_record *out);

/* What the attributes say; actor and traceparent may be absent. False if they are damaged. */
struct log_attributes {
    struct text type, source, actor, traceparent;
};
bool log_record_attributes(const struct log_record *record, struct log_attributes *out);

/* As log_record_meta, for who has read the record's attributes already. */
enum status log_record_meta_with(const struct log_record *record, const struct log_attributes *its,
                                 struct buf *buf);

/* The seq of the record before it under a prefix of its topic, 0 if it is the first. */
int64_t log_record_before(const struct log_record *record, struct text prefix);

/* The type of a record, absent if it is damaged. */
struct text log_record_type(const struct log_record *record);

/* Writes the head of a record that is to be committed. What follows it as data has `data_len`
 * bytes, of which the first `skip` are left out when it is read. */
void log_record_head(struct buf *buf, struct text topic, struct text attributes, size_t data_len,
                     size_t skip);

/* Fills `out`, which borrows from `stored`. False if it is damaged. */
bool log_record_parse(struct text stored, int64_t seq, struct log_record *out);

/* The same of the first of several that are stored one behind the other; `rest` is moved behind it.
 */
bool log_record_take(struct text *rest, int64_t seq, struct log_record *out);

#endif
