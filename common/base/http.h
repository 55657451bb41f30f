/* Small answers over HTTP/1.1 on the loop, one request a connection, over one epoll descriptor: no
 * thread, no lock, no TLS. It must not know what is asked for. Source: RFC 9112. */
#ifndef CBM_BASE_HTTP_H
#define CBM_BASE_HTTP_H

#include "common/base/buf.h"
#include "common/base/loop.h"
#include "common/base/text.h"

struct http;

/* Appends the text of an answer and returns its status: 200, 404, 405. The method and the path, its
 * query left out, are borrowed for the call. */
typedef unsigned http_answer_fn(void *arg, struct text method, struct text path, struct buf *body);

/* Listens on "host:port", host a numeric address ("127.0.0.1:9100", "[::1]:9100"). NULL with errno,
 * EINVAL for an address that is none. At most 16 connections at once, each for 10 s. */
struct http *http_new(struct loop *loop, const char *bind, http_answer_fn *answer, void *arg);
void http_destroy(struct http **http);

#endif
