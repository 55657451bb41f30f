/* The one loop of a process: sockets, file descriptors, and ticks, over czmq's zloop. Everything
 * runs in the thread that calls loop_run; nothing called from it may block. */
#ifndef CBM_BASE_LOOP_H
#define CBM_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

#define LOOP_NEVER INT64_MAX

/* Called when the socket or descriptor is ready; `revents` are POLLIN/POLLOUT/POLLERR. */
typedef void loop_ready_fn(void *arg, short revents);

/* Does all work that is due at `now_ms` (monotonic) and returns the monotonic time at which it
 * wants to be called next, LOOP_NEVER for not at all. It may be called early and must not mind. */
typedef int64_t loop_tick_fn(void *arg, int64_t now_ms);

struct loop *loop_new(void); /* NULL when out of memory */
void loop_destroy(struct loop **loop);

/* Watches a ZeroMQ socket (a raw libzmq handle or a zsock_t) for input. The handler must read until
 * it would block or its bound of N messages; the loop calls again while there is more. 0 or -1. */
int loop_add_socket(struct loop *loop, void *socket, loop_ready_fn *fn, void *arg);
void loop_remove_socket(struct loop *loop, void *socket);

/* Watches a descriptor for `events` (POLLIN|POLLOUT); called again for the same fd it replaces what
 * was watched; events 0 removes it. 0 or -1. */
int loop_watch_fd(struct loop *loop, int fd, short events, loop_ready_fn *fn, void *arg);

/* Adds a tick (at most 64). It is called first when the loop starts. 0 or -1. */
int loop_add_tick(struct loop *loop, loop_tick_fn *fn, void *arg);
void loop_remove_tick(struct loop *loop, loop_tick_fn *fn, void *arg);

/* Makes sure that the ticks run at `at_ms` (monotonic) at the latest. Cheap when already so. */
void loop_tick_by(struct loop *loop, int64_t at_ms);

/* Runs until loop_stop. Returns 0, or -1 if polling failed. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
