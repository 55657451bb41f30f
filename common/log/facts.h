/* What a record says of itself, for filters: taken from its topic and its data. It must not know
 * filters. */
#ifndef CBM_LOG_FACTS_H
#define CBM_LOG_FACTS_H

#include "common/log/record.h"
#include "common/log/filter.h"

/* Borrows from the record. Of a damaged one only the topic, as far as that goes. */
void facts_read(const struct log_record *record, struct facts *out);

#endif
