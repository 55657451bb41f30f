/* A record as the headers and body of a webhook: CloudEvents 1.0 over HTTP, structured or binary.
 * It must not know how it is sent or to whom. */
#ifndef CBM_NOTIFY_CLOUDEVENT_H
#define CBM_NOTIFY_CLOUDEVENT_H

#include "common/log/record.h"
#include "services/notify/notify_sender.h"

/* An embedded value: zeroed is empty, and it may be written again and again. */
struct notify_cloudevent {
    unsigned header_count;
    struct notify_header headers[NOTIFY_HEADERS_MAX]; /* borrowed from here until written again */
    struct text body;                                 /* … empty if binary and thin */
    struct buf meta, text;                            /* owned */
};

/* Structured: one JSON object, application/cloudevents+json. Binary: the data as application/json,
 * the attributes as ce-… headers, percent-encoded as the HTTP binding says (3.1.3.2). Thin: without
 * data, with `dataref` (common/log/cloudevent.h). False if the record is damaged, or its data are
 * none that JSON can say (nested too deep, text that is not UTF-8), or without memory. */
bool notify_cloudevent_write(struct notify_cloudevent *event, const struct log_record *record,
                             bool binary, bool thin);

void notify_cloudevent_fini(struct notify_cloudevent *event); /* frees; empty and usable after */

#endif
