/* Notifications as mails for people: plain text and HTML, and for dates an invitation. It must not
 * know how they are sent. */
#ifndef CBM_NOTIFY_MAIL_H
#define CBM_NOTIFY_MAIL_H

#include "common/log/record.h"

/* What is on every mail. All are borrowed for the call. */
struct notify_letter {
    struct text from, to; /* addresses (notify_mail_address_valid) */
    struct text org, subscription;
    struct text language; /* of titles, where there is one in it; absent: as they are */
    int64_t time_ms;      /* of sending */
    bool thin;            /* names the record and says nothing of its data */
};

/* Appends the mail of these records, oldest first, at least one: of several a list. Headers besides
 * the usual: List-Id of the subscription, Auto-Submitted, X-CBM-Seq (of the last: the cursor), and
 * of a single one X-CBM-Id, X-CBM-Topic and X-CBM-Type. The Message-ID is of the last record and
 * the subscription, so that one sent twice is known. False, and `out` is unusable, without memory
 * or if a record is damaged. */
bool notify_mail_write(struct buf *out, const struct notify_letter *letter, unsigned count,
                       const struct log_record *records);

/* The same of a text that somebody else wrote; `id` ([A-Za-z0-9.-]) makes the Message-ID. */
bool notify_mail_write_text(struct buf *out, const struct notify_letter *letter, struct text id,
                            struct text subject, struct text plain, struct text html);

#endif
