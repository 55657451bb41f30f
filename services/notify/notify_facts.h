/* What a record says of itself, for filters: taken from its topic and its data. It must not know
 * filters. */
#ifndef CBM_NOTIFY_FACTS_H
#define CBM_NOTIFY_FACTS_H

#include "common/log/record.h"
#include "services/notify/notify_domain_filter.h"

/* Borrows from the record. Of a damaged one only the topic, as far as that goes. */
void notify_facts_read(const struct log_record *record, struct notify_facts *out);

#endif
