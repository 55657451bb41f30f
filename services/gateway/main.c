/* cbm-gateway: the log over HTTP, as server-sent events. It must not know any other service. */
#include <stdlib.h>

#include "common/auth/access.h"
#include "common/base/metrics.h"
#include "common/base/run.h"
#include "services/gateway/gateway_http.h"

struct config {
    char redis[CFG_TEXT_MAX];
    char org[64];
    struct access_config access;
    struct gateway_http_config http;
};

static const struct cfg_row rows[] = {
    {"CBM_REDIS", CFG_TEXT, offsetof(struct config, redis), "redis://127.0.0.1:6379", 1,
     CFG_TEXT_MAX, NULL,
     "Redis: redis://[user[:password]@]host[:port] or unix://[user@]/path, "
     "[?password_file=PATH]"},
    {"CBM_ORG", CFG_TEXT, offsetof(struct config, org), "cica", 1, 64, NULL,
     "the organisation, the hash tag of every key"},
    ACCESS_ROWS(struct config, access),
    GATEWAY_HTTP_ROWS(struct config, http),
    CFG_END,
};

struct gateway {
    struct loop *loop;
    struct access *access;
    struct gateway_log *log;
    struct gateway_http *http;
    bool tried, open; /* it listens; who comes before is refused a connection, and comes again */
};

static bool
current(void *arg)
{
    const struct gateway *gateway = arg;
    return access_current(gateway->access) && gateway_log_current(gateway->log);
}

static void
on_news(void *arg)
{
    struct gateway *gateway = arg;
    if (gateway->http)
        gateway_streams_news(gateway_http_streams(gateway->http));
}

static int64_t
on_tick(void *arg, int64_t now_ms)
{
    struct gateway *gateway = arg;
    return gateway_streams_tick(gateway_http_streams(gateway->http), now_ms);
}

static void
stop(void *state)
{
    struct gateway *gateway = state;
    loop_remove_tick(gateway->loop, on_tick, gateway);
    gateway_http_destroy(&gateway->http);
    gateway_log_destroy(&gateway->log);
    access_destroy(&gateway->access);
    free(gateway);
}

static void *
start(struct loop *loop, const void *data, int *exit_code)
{
    const struct config *config = data;
    struct gateway *gateway = calloc(1, sizeof *gateway);
    if (!gateway)
        return NULL;
    gateway->loop = loop;
    gateway->access = access_new(loop, &config->access, config->redis, config->org, exit_code);
    if (gateway->access)
        gateway->log = gateway_log_new(loop, config->redis, config->org, on_news, gateway);
    if (gateway->log)
        gateway->http =
            gateway_http_new(loop, &config->http, gateway->access, gateway->log, current, gateway);
    if (!gateway->http || loop_add_tick(loop, on_tick, gateway) != 0) {
        stop(gateway);
        return NULL;
    }
    return gateway;
}

/* It opens when it is ready for the first time; then it stays open, and streams wait where they
 * must. */
static bool
ready(void *state)
{
    struct gateway *gateway = state;
    if (!gateway->tried && (gateway->tried = current(gateway)))
        gateway->open = gateway_http_open(gateway->http) == 0;
    return gateway->open && current(gateway);
}

static void
drain(void *state)
{
    struct gateway *gateway = state;
    gateway_http_drain(gateway->http);
}

static bool
drained(void *state)
{
    const struct gateway *gateway = state;
    return gateway_http_drained(gateway->http);
}

static void
write_metrics(void *state, struct buf *out)
{
    const struct gateway *gateway = state;
    access_metrics(gateway->access, out);
    gateway_http_metrics(gateway->http, out);
    metrics_head(out, "cbm_stream_log_pages_total", "counter",
                 "Pages read from the log for streams that were not at its end.");
    metrics_value(out, "cbm_stream_log_pages_total", NULL, gateway_log_pages(gateway->log));
}

int
main(int argc, char **argv)
{
    static const struct run_program program = {
        .name = "cbm-gateway",
        .about = "gives the log to HTTP clients as server-sent events",
        .rows = rows,
        .config_size = sizeof(struct config),
        .start = start,
        .ready = ready,
        .drain = drain,
        .drained = drained,
        .stop = stop,
        .metrics = write_metrics,
    };
    return run_main(&program, argc, argv);
}
