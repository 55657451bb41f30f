/* A record of a decision as log.read and decision.proof give it, read for decision_replay. It must
 * not know sockets or stores. */
#ifndef CBM_DECISION_FACT_H
#define CBM_DECISION_FACT_H

#include "common/decision/decision.h"

/* Reads an encoded {topic, meta, data}; the data goes to `data`, all borrows from `item`.
 * STATUS_OK, or STATUS_INVALID_ARGUMENT with `error` filled for whatever is no such record. */
enum status decision_fact_read(struct text item, struct decision *data, struct decision_fact *fact,
                               struct error *error);

#endif
