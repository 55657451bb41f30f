/* The kinds of documents that a snapshot of the registry is made of: one row each. What is not in
 * the table is not in a snapshot. It must not know sockets or Redis. */
#ifndef CBM_REGISTRY_SNAPSHOT_H
#define CBM_REGISTRY_SNAPSHOT_H

#include "services/registry/registry_handlers.h"

/* Tells the log what was put back, where one record of the row's type does not. */
typedef enum status registry_snapshot_tell_fn(struct op *op, const void *message);

/* What can be said against a document by itself, besides what its schema says. */
typedef enum status registry_snapshot_check_fn(const void *message, struct error *error);

struct registry_snapshot_kind {
    const char *kind;
    const char *only; /* the row is of this id alone; NULL: of every other */
    const struct schema *schema;
    const char *id;   /* the field that has the id; NULL if none has */
    const char *type; /* of the record that tells of it, on that type's topic; NULL for none */
    registry_snapshot_tell_fn *tell;
    registry_snapshot_check_fn *check;
};

/* The row of a document; NULL if such documents are not in a snapshot. */
const struct registry_snapshot_kind *registry_snapshot_kind(struct text kind, struct text id);

/* The value of an id, a code or a number of a message, as it stands in topics; "-" if it has none.
 */
struct text registry_snapshot_value(struct op *op, const struct schema *schema, const void *message,
                                    struct text name);

/* Records what was put back as its row says. */
enum status registry_snapshot_tell(struct op *op, const struct registry_snapshot_kind *kind,
                                   const void *message);

#endif
