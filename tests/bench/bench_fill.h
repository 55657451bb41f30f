/* Filling a store by its own commit, many things a commit and many commits under way. It must not
 * know what the things are. */
#ifndef CBM_TESTS_BENCH_FILL_H
#define CBM_TESTS_BENCH_FILL_H

#include "common/store/store.h"

/* Adds the n-th thing (from 0) to a commit. */
typedef void bench_fill_fn(void *arg, struct store_commit *commit, uint64_t n);

/* What is to be filled, and how. All is borrowed. */
struct bench_fill {
    struct store_config store;
    uint64_t total;
    unsigned a_commit;
    bench_fill_fn *add;
    void *arg;
};

/* The seconds that it took; below 0, after a line on stderr, if it could not be done. */
double bench_fill(const struct bench_fill *what);

#endif
