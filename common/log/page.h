/* A page of records as the store's function cbm_log_read packs it: one MessagePack array of the
 * stream's entries, [id, ["t", topic, "p", prev, "a", attributes, "d", data]] each. One value
 * instead of a tree of replies: reading a record costs no allocation. It must not know Redis. */
#ifndef CBM_LOG_PAGE_H
#define CBM_LOG_PAGE_H

#include "common/log/record.h"

/* How many entries the packed page says it has; -1 if it is no page, or too short for so many. */
int64_t log_page_count(struct text packed);

/* Fills `records`, which has room for log_page_count; they borrow from `packed`. False if it is
 * damaged. */
bool log_page_records(struct text packed, struct log_record *records);

#endif
