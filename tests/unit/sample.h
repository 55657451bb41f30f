/* Fixed values for every message of the schema tables: the golden vectors, the codec's tests and
 * the seeds of the fuzzers are made from them. It must not know any message by name. */
#ifndef CBM_TESTS_UNIT_SAMPLE_H
#define CBM_TESTS_UNIT_SAMPLE_H

#include "common/base/buf.h"
#include "common/msg/schema.h"

enum sample_variant {
    SAMPLE_LEAST, /* only what is required, lists empty, the smallest values */
    SAMPLE_FULL,  /* every field, two items a list */
    SAMPLE_MOST,  /* every field at its largest: lists of at most 8, texts at full length */
    SAMPLE_VARIANTS,
};

extern const char *const sample_names[SAMPLE_VARIANTS]; /* "least", … */

/* Every schema of all.def, NULL at the end. */
extern const struct schema *const sample_schemas[];

/* Fills the struct. What it points to lives in the arena. */
void sample_fill(const struct schema *schema, void *message, enum sample_variant variant,
                 struct arena *arena);

#endif
