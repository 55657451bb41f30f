/* A receiver of webhooks that costs as little as one can: a process of its own that reads requests
 * of HTTP/1.1 with a content-length and answers each 200. Both sides of row 9 send to it. It must
 * not know what is in them. */
#ifndef CBM_BENCH_RECEIVER_H
#define CBM_BENCH_RECEIVER_H

#include <stdint.h>

/* Starts it; returns its port of 127.0.0.1, 0 on failure. It ends with this process. */
uint16_t bench_receiver_start(void);

#endif
