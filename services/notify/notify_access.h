/* Who may see which topics: the one place that decides it for the live socket, for watermarks and
 * for log.read. Pure. */
#ifndef CBM_NOTIFY_ACCESS_H
#define CBM_NOTIFY_ACCESS_H

#include "common/base/text.h"

/* Whether a topic, or everything under a prefix that ends at a level, may be seen by everyone.
 * Until there is access control (design section 7) nothing under "private." is published, promised
 * by a watermark, or read back; with it, this takes the principal. */
bool notify_access_open(struct text topic);

#endif
