/* Invitations: the sessions of an event that was scheduled, moved or cancelled, for a calendar to
 * take from a mail (iTIP, RFC 5546; iMIP, RFC 6047). libical, which in this service is only used
 * here, does the writing. It must not know how anything is sent. */
#ifndef CBM_NOTIFY_ITIP_H
#define CBM_NOTIFY_ITIP_H

#include "common/log/record.h"
#include "common/msg/messages.h"

struct notify_itip {
    const char *method; /* "REQUEST" or "CANCEL" */
    struct event event; /* borrows from the record */
    int64_t time_ms;    /* of the record */
};

/* False if the record is none to be invited by: another type, or without sessions. */
bool notify_itip_read(const struct log_record *record, struct notify_itip *out);

/* Appends the calendar of one session (from 0): a method's components must be of one UID, so each
 * session is a calendar of its own. UID and SEQUENCE are those of calendar.export; times are in
 * UTC. False without memory, or for a session after the year 3000, which libical cannot write. */
bool notify_itip_write(struct buf *out, const struct notify_itip *itip, uint32_t session,
                       struct text organizer, struct text attendee);

#endif
