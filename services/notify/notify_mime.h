/* Mails as RFC 5322 and MIME (RFC 2045 to 2047) say: headers that nothing can break out of, and
 * parts in base64. Pure: it must not know what is told, or how it is sent. */
#ifndef CBM_NOTIFY_MIME_H
#define CBM_NOTIFY_MIME_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/text.h"

/* Whether the text may be an address of a mail: local@domain in ASCII, at most 254 bytes, of the
 * characters that need no quoting. */
bool notify_mail_address_valid(struct text address);

/* Appends "Name: value" and its line end. Controls become blanks; what is not printable ASCII, or
 * long, becomes encoded words of at most 75 characters. `value` is UTF-8. */
void notify_mime_header(struct buf *out, const char *name, struct text value);

/* "Date: Tue, 13 Jul 2021 08:00:00 +0000" */
void notify_mime_date(struct buf *out, int64_t time_ms);

/* Between parts: a line that no part has, since base64 has no `=` before `_`. */
#define NOTIFY_MIME_OUTER "=_cbm_outer"
#define NOTIFY_MIME_INNER "=_cbm_inner"

/* Appends the headers of a multipart and the empty line; `subtype` is "alternative" or "mixed". */
void notify_mime_multipart(struct buf *out, const char *subtype, const char *boundary);
void notify_mime_multipart_end(struct buf *out, const char *boundary);

/* Appends the boundary, the part's headers and its content. `disposition` is a header's value, or
 * NULL. */
void notify_mime_part(struct buf *out, const char *boundary, const char *type,
                      const char *disposition, struct text content);

/* Appends text for HTML: & < > " ' become entities. */
void notify_mime_escape(struct buf *out, struct text text);

#endif
