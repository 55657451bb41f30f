/* Mails as RFC 5322 and MIME say. It must not know how they are sent. */
#ifndef CBM_NOTIFY_MIME_H
#define CBM_NOTIFY_MIME_H

#include <stdbool.h>

#include "common/base/text.h"

/* Whether the text may be an address of a mail: local@domain in ASCII, at most 254 bytes, of the
 * characters that need no quoting. */
bool notify_mail_address_valid(struct text address);

#endif
