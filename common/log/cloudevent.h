/* A record as a CloudEvent (1.0) in JSON: its meta with `sequence` as text and without `prev`, and
 * two attributes of ours, `topic` and `actor`. It must not know how it is sent. */
#ifndef CBM_LOG_CLOUDEVENT_H
#define CBM_LOG_CLOUDEVENT_H

#include "common/base/buf.h"
#include "common/base/text.h"

/* Calls `fn` for each attribute but `datacontenttype`: those of the encoded meta that are texts,
 * then `sequence` and `topic`. False if the meta is none. */
typedef void cloudevent_fn(void *arg, struct text name, struct text value);
bool cloudevent_each(struct text topic, struct text meta, cloudevent_fn *fn, void *arg);

/* Where who may see it finds the data of a notification that comes without ("thin"), as a
 * reference: "notify/log.read?prefix=<topic>&after=<seq - 1>&limit=1". `seq` from `sequence`. */
void cloudevent_dataref(struct buf *out, struct text topic, int64_t seq);

/* Appends the JSON object ("structured mode"). `data` absent: thin, with `dataref` instead. False,
 * and `out` is unusable, if what is encoded is damaged. */
bool cloudevent_write(struct buf *out, struct text topic, struct text meta, struct text data);

#endif
