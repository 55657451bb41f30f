/* The hash chain over the log as this replica computes it, and the checkpoints that it signs
 * (docs/proof.md). Each replica computes by itself; of what they sign, the commit lets one win, and
 * who has another hash than was signed says so and signs no more.
 *
 * Documents: kind "checkpoint" (id its seq in 20 digits), each with the index entry
 * "checkpoint|<id>", and "chain" ("head"), the last of them. */
#ifndef CBM_NOTIFY_CHAIN_H
#define CBM_NOTIFY_CHAIN_H

#include "common/base/cfg.h"
#include "common/log/chain.h"
#include "common/service/service.h"
#include "services/notify/notify_publisher.h"

/* Two neighbours are never further apart: it bounds what a proof has to bring along. */
#define NOTIFY_CHECKPOINT_RECORDS 1000

#define NOTIFY_CHECKPOINT "checkpoint" /* kind, and index prefix with "|" */
#define NOTIFY_CHAIN "chain"
#define NOTIFY_CHAIN_HEAD "head"

struct notify_chain;

/* Reads or makes the key `keys`/checkpoint.key; `every_ms` is between two checkpoints while there
 * are new records. `redis` and `org` as in struct service_config. NULL after a line in the log. */
struct notify_chain *notify_chain_new(struct loop *loop, const char *keys, int64_t every_ms,
                                      const char *redis, const char *org);

/* Starts it with the service that commits, which ends before the chain is destroyed, and the stream
 * of records. False if there are too many listeners. */
bool notify_chain_start(struct notify_chain *chain, struct service *service,
                        struct notify_publisher *publisher);
void notify_chain_destroy(struct notify_chain **chain);

const struct chain_key *notify_chain_key(const struct notify_chain *chain);

/* "00000000000000001234": the id of a checkpoint. */
struct text notify_chain_id(struct op *op, int64_t seq);

#endif
