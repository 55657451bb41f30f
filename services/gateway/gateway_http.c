/* See gateway_http.h. A connection that has nothing to send is suspended: libmicrohttpd forgets it
 * until its stream wakes it. It must not know the log. */
#include "services/gateway/gateway_http.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/http.h"
#include "common/base/metrics.h"
#include "common/base/run.h"
#include "common/json/json_text.h"
#include "services/gateway/gateway_query.h"

#define HEAD_MS 10000
#define DRAIN_MS 2000 /* for what was sent to leave; a reader that stands still is cut */
#define BLOCK_BYTES 16384

struct gateway_http {
    struct http *http;
    struct gateway_streams *streams;
    struct access *access;
    bool (*ready)(void *arg);
    void *arg;
    bool draining, closing;
    int64_t drained_ms;
    struct exchange *first; /* all there are */
    int64_t requests, refused;
};

/* A request for a stream, and its response. */
struct exchange {
    struct exchange *prev, *next;
    struct gateway_http *http;
    struct MHD_Connection *connection;
    struct gateway_stream *stream;
    bool suspended;
};

/* ---- answers ---- */

static unsigned
code_of(enum status status)
{
    switch (status) {
    case STATUS_INVALID_ARGUMENT: return MHD_HTTP_BAD_REQUEST;
    case STATUS_UNAUTHENTICATED: return MHD_HTTP_UNAUTHORIZED;
    case STATUS_PERMISSION_DENIED: return MHD_HTTP_FORBIDDEN;
    case STATUS_NOT_FOUND: return MHD_HTTP_NOT_FOUND;
    case STATUS_UNIMPLEMENTED: return MHD_HTTP_METHOD_NOT_ALLOWED;
    case STATUS_UNAVAILABLE:
    case STATUS_RESOURCE_EXHAUSTED: return MHD_HTTP_SERVICE_UNAVAILABLE;
    default: return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

static void
put_pair(struct buf *out, const char *head, const char *value)
{
    json_text_put(out, text_of(head));
    json_text_string(out, text_of(value));
}

static enum MHD_Result
respond(struct MHD_Connection *connection, unsigned code, struct buf *body)
{
    struct MHD_Response *response =
        body->failed
            ? NULL
            : microhttpd.create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_COPY);
    buf_fini(body);
    if (!response)
        return MHD_NO;
    microhttpd.add_response_header(response, "Content-Type", "application/json");
    microhttpd.add_response_header(response, "Cache-Control", "private, no-store");
    if (code == MHD_HTTP_UNAUTHORIZED)
        microhttpd.add_response_header(response, "WWW-Authenticate", "Bearer realm=\"cbm\"");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        microhttpd.add_response_header(response, "Allow", "GET");
    if (code == MHD_HTTP_SERVICE_UNAVAILABLE)
        microhttpd.add_response_header(response, "Retry-After", "2");
    enum MHD_Result result = microhttpd.queue_response(connection, code, response);
    microhttpd.destroy_response(response);
    return result;
}

static enum MHD_Result
respond_error(struct gateway_http *http, struct MHD_Connection *connection,
              const struct error *error)
{
    struct buf body = {0};
    http->refused++;
    put_pair(&body, "{\"error\":{\"code\":", status_word(error->code));
    put_pair(&body, ",\"message\":", error->message);
    if (*error->field)
        put_pair(&body, ",\"field\":", error->field);
    json_text_put(&body, TEXT_LITERAL("}}\n"));
    return respond(connection, code_of(error->code), &body);
}

static enum MHD_Result
respond_health(struct gateway_http *http, struct MHD_Connection *connection)
{
    struct buf body = {0};
    bool ready = http->ready(http->arg);
    put_pair(&body, "{\"name\":", "gateway");
    put_pair(&body, ",\"version\":", CBM_VERSION);
    put_pair(&body, ",\"status\":", ready ? "ready" : "not ready");
    json_text_put(&body, TEXT_LITERAL("}\n"));
    return respond(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, &body);
}

/* ---- streams ---- */

static void
resume(struct exchange *exchange)
{
    if (!exchange->suspended)
        return;
    exchange->suspended = false;
    microhttpd.resume_connection(exchange->connection);
}

static void
suspend(struct exchange *exchange)
{
    if (exchange->http->closing)
        return;
    exchange->suspended = true;
    microhttpd.suspend_connection(exchange->connection);
}

static void
on_wake(void *owner)
{
    resume(owner);
}

static ssize_t
on_block(void *arg, uint64_t at, char *to, size_t max)
{
    struct exchange *exchange = arg;
    (void)at;
    size_t len = gateway_stream_take(exchange->stream, to, max);
    if (len)
        return (ssize_t)len;
    if (gateway_stream_state(exchange->stream) == STREAM_ENDED)
        return MHD_CONTENT_READER_END_OF_STREAM;
    suspend(exchange);
    return 0;
}

static enum MHD_Result
respond_stream(struct exchange *exchange)
{
    struct MHD_Response *response =
        microhttpd.create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_block, exchange,
                                                 NULL);
    if (!response)
        return MHD_NO;
    microhttpd.add_response_header(response, "Content-Type", "text/event-stream");
    microhttpd.add_response_header(response, "Cache-Control", "private, no-store, no-transform");
    microhttpd.add_response_header(response, "X-Accel-Buffering", "no"); /* of nginx and its kin */
    microhttpd.add_response_header(response, "Connection", "close");
    enum MHD_Result result = microhttpd.queue_response(exchange->connection, MHD_HTTP_OK, response);
    microhttpd.destroy_response(response);
    return result;
}

/* It was resumed: its stream knows where it begins, or why not. */
static enum MHD_Result
answer(struct exchange *exchange)
{
    switch (gateway_stream_state(exchange->stream)) {
    case STREAM_OPEN: return respond_stream(exchange);
    case STREAM_REFUSED:
        return respond_error(exchange->http, exchange->connection,
                             gateway_stream_error(exchange->stream));
    case STREAM_ENDED: return MHD_NO; /* an EventSource comes back, which it does not on an error */
    case STREAM_ASKING: break;
    }
    suspend(exchange);
    return MHD_YES;
}

struct reading {
    struct gateway_query query;
    struct error error;
    enum status status;
};

static enum MHD_Result
on_parameter(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
             const char *value, size_t value_len)
{
    struct reading *reading = arg;
    (void)kind;
    if (reading->status == STATUS_OK)
        reading->status =
            gateway_query_add(&reading->query, (struct text){name, (uint32_t)name_len},
                              value ? (struct text){value, (uint32_t)value_len} : TEXT_NONE,
                              &reading->error);
    return MHD_YES;
}

static struct text
header(struct MHD_Connection *connection, const char *name)
{
    return text_of(microhttpd.lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

/* The token of the header or of the query (RFC 6750, sections 2.1 and 2.3). */
static const struct identity *
authenticate(struct gateway_http *http, struct text given, struct text asked, struct error *error)
{
    static const char scheme[] = "Bearer ";
    const size_t len = sizeof scheme - 1;
    struct text token = asked;
    if (given.ptr && asked.ptr) {
        error_set(error, STATUS_INVALID_ARGUMENT, "access_token",
                  "access_token: the header Authorization has a token too; want one of them");
        return NULL;
    }
    if (given.len > len && strncasecmp(given.ptr, scheme, len) == 0)
        token = (struct text){given.ptr + len, given.len - (uint32_t)len};
    const struct identity *who = access_token(http->access, token);
    if (!who)
        error_set(error, STATUS_UNAUTHENTICATED, NULL,
                  token.len ? "the token is none, or opens no more"
                            : "want `Authorization: Bearer TOKEN` (principal.token makes one)");
    return who;
}

/* Whether what was asked for may be had; the stream is made. */
static enum status
begin(struct exchange *exchange, struct reading *reading)
{
    struct gateway_http *http = exchange->http;
    struct MHD_Connection *connection = exchange->connection;
    struct gateway_query *query = &reading->query;
    struct error *error = &reading->error;
    microhttpd.get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, on_parameter, reading);
    if (reading->status != STATUS_OK)
        return reading->status;
    const struct identity *who =
        authenticate(http, header(connection, "Authorization"), query->token, error);
    if (!who)
        return error->code;
    enum status status = gateway_query_end(query, header(connection, "Last-Event-ID"), error);
    if (status == STATUS_OK)
        status = gateway_query_allowed(query, &who->principal, error);
    if (status != STATUS_OK)
        return status;
    exchange->stream = gateway_stream_new(http->streams, query, who, exchange);
    return exchange->stream ? STATUS_OK
                            : error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
}

static void
exchange_free(struct exchange *exchange)
{
    *(exchange->prev ? &exchange->prev->next : &exchange->http->first) = exchange->next;
    if (exchange->next)
        exchange->next->prev = exchange->prev;
    gateway_stream_destroy(&exchange->stream);
    free(exchange);
}

static enum MHD_Result
begin_stream(struct gateway_http *http, struct MHD_Connection *connection, void **state)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    struct reading *reading = calloc(1, sizeof *reading);
    enum MHD_Result result = MHD_NO;
    if (exchange && reading) {
        *exchange = (struct exchange){.next = http->first, .http = http, .connection = connection};
        if (http->first)
            http->first->prev = exchange;
        http->first = exchange;
        if (begin(exchange, reading) == STATUS_OK) {
            *state = exchange;
            result = answer(exchange);
        } else {
            exchange_free(exchange);
            result = respond_error(http, connection, &reading->error);
        }
        exchange = NULL;
    }
    if (reading)
        gateway_query_fini(&reading->query);
    free(reading);
    free(exchange);
    return result;
}

/* ---- requests ---- */

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *data, size_t *size, void **state)
{
    struct gateway_http *http = arg;
    struct error error = {0};
    (void)version;
    (void)data;
    *size = 0;
    if (*state)
        return answer(*state);
    if (http->draining)
        return MHD_NO; /* for the same reason */
    http->requests++;
    bool health = strcmp(url, "/healthz") == 0;
    if (!health && strcmp(url, "/v1/stream") != 0)
        error_set(&error, STATUS_NOT_FOUND, NULL, "there is no such path: want /v1/stream");
    else if (strcmp(method, "GET") != 0)
        error_set(&error, STATUS_UNIMPLEMENTED, NULL, "want GET");
    if (error.code)
        return respond_error(http, connection, &error);
    return health ? respond_health(http, connection) : begin_stream(http, connection, state);
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **state,
             enum MHD_RequestTerminationCode code)
{
    (void)arg;
    (void)connection;
    (void)code;
    if (*state)
        exchange_free(*state);
    *state = NULL;
}

/* ---- life ---- */

struct gateway_http *
gateway_http_new(struct loop *loop, const struct gateway_http_config *config, struct access *access,
                 struct gateway_log *log, bool (*ready)(void *arg), void *arg)
{
    static const struct http_events events = {on_request, on_completed};
    const struct http_config its = {"CBM_HTTP_BIND", config->bind,
                                    (unsigned)config->connections_max,
                                    (unsigned)config->per_address_max, HEAD_MS};
    struct gateway_http *http = calloc(1, sizeof *http);
    if (!http)
        return NULL;
    *http = (struct gateway_http){.access = access, .ready = ready, .arg = arg};
    http->streams = gateway_streams_new(access, log, config->heartbeat_ms, on_wake);
    if (http->streams)
        http->http = http_new(loop, &its, &events, http);
    if (!http->http)
        gateway_http_destroy(&http);
    return http;
}

int
gateway_http_open(struct gateway_http *http)
{
    return http_open(http->http);
}

struct gateway_streams *
gateway_http_streams(const struct gateway_http *http)
{
    return http->streams;
}

void
gateway_http_drain(struct gateway_http *http)
{
    http->draining = true;
    http->drained_ms = clock_mono_ms() + DRAIN_MS;
    http_quiesce(http->http);
    gateway_streams_drain(http->streams);
}

bool
gateway_http_drained(const struct gateway_http *http)
{
    return !http->first || clock_mono_ms() >= http->drained_ms;
}

void
gateway_http_metrics(const struct gateway_http *http, struct buf *out)
{
    const struct gateway_stream_counts *counts = gateway_streams_counts(http->streams);
    metrics_head(out, "cbm_http_connections", "gauge", "HTTP connections.");
    metrics_value(out, "cbm_http_connections", NULL, http_connections(http->http));
    metrics_head(out, "cbm_http_requests_total", "counter", "HTTP requests.");
    metrics_value(out, "cbm_http_requests_total", NULL, http->requests);
    metrics_head(out, "cbm_http_refused_total", "counter", "Of these: answered with an error.");
    metrics_value(out, "cbm_http_refused_total", NULL, http->refused);
    metrics_head(out, "cbm_streams", "gauge", "Streams of server-sent events.");
    metrics_value(out, "cbm_streams", NULL, counts->open);
    metrics_head(out, "cbm_streams_opened_total", "counter", "Streams that began.");
    metrics_value(out, "cbm_streams_opened_total", NULL, counts->opened);
    metrics_head(out, "cbm_streams_revoked_total", "counter",
                 "Streams cut because a principal or its token changed.");
    metrics_value(out, "cbm_streams_revoked_total", NULL, counts->revoked);
    metrics_head(out, "cbm_stream_records_total", "counter", "Records sent.");
    metrics_value(out, "cbm_stream_records_total", NULL, counts->records);
    metrics_head(out, "cbm_stream_resyncs_total", "counter",
                 "Gaps told, where the log kept less than a cursor needed.");
    metrics_value(out, "cbm_stream_resyncs_total", NULL, counts->resyncs);
}

void
gateway_http_destroy(struct gateway_http **http)
{
    struct gateway_http *self = *http;
    if (!self)
        return;
    self->closing = true;
    for (struct exchange *at = self->first; at; at = at->next)
        resume(at);
    http_destroy(&self->http);
    gateway_streams_destroy(&self->streams);
    free(self);
    *http = NULL;
}
