/* What every worker answers for free (design section 3): $ping, $info, $stats.
 * It must not know any domain. */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/msg/mp.h"
#include "common/service/service_internal.h"

static const char *const type_words[] = {
    [FIELD_TEXT] = "text", [FIELD_ID] = "id",      [FIELD_CODE] = "code",
    [FIELD_ZONE] = "zone", [FIELD_INT] = "int",    [FIELD_BOOL] = "bool",
    [FIELD_DATE] = "date", [FIELD_TIME] = "time",  [FIELD_WHEN] = "date or time",
    [FIELD_ENUM] = "enum", [FIELD_STRUCT] = "map", [FIELD_TEXTMAP] = "map of texts",
    [FIELD_LIST] = "list", [FIELD_MAP] = "map",    [FIELD_VALUE] = "text or number",
};

static void
pair_text(struct buf *buf, const char *key, const char *value)
{
    mp_string(buf, key);
    mp_string(buf, value);
}

static void
pair_int(struct buf *buf, const char *key, int64_t value)
{
    mp_string(buf, key);
    mp_int(buf, value);
}

static void
write_schema(const struct schema *schema, struct buf *buf)
{
    mp_map(buf, schema->field_count);
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        mp_string(buf, field->name);
        mp_map(buf, 3);
        pair_text(buf, "type", type_words[field->type]);
        mp_string(buf, "required");
        mp_bool(buf, field->required);
        pair_text(buf, "doc", field->doc);
    }
}

static void
write_info(const struct service *service, struct buf *buf)
{
    const struct interface *interface = service->interface;
    mp_map(buf, 6);
    pair_text(buf, "name", interface->service);
    pair_text(buf, "id", service->id);
    pair_text(buf, "version", CBM_VERSION);
    pair_text(buf, "description", interface->doc);
    pair_text(buf, "durability", store_durability_words[store_durability(service->store)]);
    mp_string(buf, "methods");
    mp_array(buf, interface->method_count);
    for (unsigned i = 0; i < interface->method_count; i++) {
        const struct method *method = &interface->methods[i];
        mp_map(buf, 5);
        pair_text(buf, "name", method->name);
        pair_text(buf, "doc", method->doc);
        mp_string(buf, "read_only");
        mp_bool(buf, method->read_only);
        mp_string(buf, "params");
        write_schema(method->params, buf);
        pair_text(buf, "result", method->answers ? method->answers : method->result->name);
    }
}

static void
write_method_stats(const struct method_stats *stats, struct buf *buf)
{
    mp_map(buf, 5);
    pair_int(buf, "requests", (int64_t)stats->requests);
    pair_int(buf, "errors", (int64_t)stats->errors);
    pair_int(buf, "mean_us",
             stats->latency.count ? (int64_t)(stats->latency.sum / stats->latency.count) : 0);
    pair_int(buf, "p50_us", histogram_quantile(&stats->latency, 500));
    pair_int(buf, "p99_us", histogram_quantile(&stats->latency, 990));
}

static void
write_stats(const struct service *service, struct buf *buf)
{
    mp_map(buf, 8U + service->gauge_count);
    pair_text(buf, "name", service->interface->service);
    pair_text(buf, "id", service->id);
    pair_int(buf, "uptime_ms", clock_mono_ms() - service->started_ms);
    pair_int(buf, "active", service->active);
    pair_int(buf, "waiting", service->parked_count);
    pair_int(buf, "commits", service->commits);
    pair_int(buf, "retries", service->retries);
    mp_string(buf, "methods");
    mp_map(buf, service->interface->method_count);
    for (unsigned i = 0; i < service->interface->method_count; i++) {
        mp_string(buf, service->interface->methods[i].name);
        write_method_stats(&service->stats[i], buf);
    }
    for (unsigned i = 0; i < service->gauge_count; i++)
        pair_int(buf, service->gauges[i].name, *service->gauges[i].value);
}

bool
service_free_method(struct service *service, struct text method, struct buf *result)
{
    if (text_is(method, "$ping")) {
        mp_map(result, 3);
        pair_text(result, "name", service->interface->service);
        pair_text(result, "id", service->id);
        pair_text(result, "version", CBM_VERSION);
    } else if (text_is(method, "$info")) {
        write_info(service, result);
    } else if (text_is(method, "$stats")) {
        write_stats(service, result);
    } else {
        return false;
    }
    return true;
}

static void
method_counters(const struct service *service, const char *name, const char *help, bool errors,
                struct buf *out)
{
    char labels[160];
    metrics_head(out, name, "counter", help);
    for (unsigned i = 0; i < service->interface->method_count; i++) {
        const struct method_stats *stats = &service->stats[i];
        snprintf(labels, sizeof labels, "service=\"%s\",method=\"%s\"", service->interface->service,
                 service->interface->methods[i].name);
        metrics_value(out, name, labels, (int64_t)(errors ? stats->errors : stats->requests));
    }
}

static void
method_latencies(const struct service *service, struct buf *out)
{
    static const struct {
        const char *label;
        unsigned permille;
    } quantiles[] = {{"0.5", 500}, {"0.9", 900}, {"0.99", 990}};
    static const char name[] = "cbm_request_seconds";
    char labels[200];
    metrics_head(out, name, "summary", "Time from a request's arrival to its answer.");
    for (unsigned i = 0; i < service->interface->method_count; i++) {
        const struct histogram *latency = &service->stats[i].latency;
        const char *method = service->interface->methods[i].name;
        for (unsigned q = 0; q < 3 && latency->count; q++) {
            snprintf(labels, sizeof labels, "service=\"%s\",method=\"%s\",quantile=\"%s\"",
                     service->interface->service, method, quantiles[q].label);
            metrics_seconds(out, name, labels, histogram_quantile(latency, quantiles[q].permille));
        }
        snprintf(labels, sizeof labels, "service=\"%s\",method=\"%s\"", service->interface->service,
                 method);
        metrics_seconds(out, "cbm_request_seconds_sum", labels, (int64_t)latency->sum);
        metrics_value(out, "cbm_request_seconds_count", labels, (int64_t)latency->count);
    }
}

void
service_metrics(const struct service *service, struct buf *out)
{
    method_counters(service, "cbm_requests_total", "Requests answered.", false, out);
    method_counters(service, "cbm_request_errors_total", "Requests answered with an error.", true,
                    out);
    method_latencies(service, out);
    metrics_head(out, "cbm_requests_active", "gauge", "Requests being worked on.");
    metrics_value(out, "cbm_requests_active", NULL, service->active);
    metrics_head(out, "cbm_requests_waiting", "gauge",
                 "Of these: waiting for the store or a copy.");
    metrics_value(out, "cbm_requests_waiting", NULL, service->parked_count);
    metrics_head(out, "cbm_commits_total", "counter", "Commits applied.");
    metrics_value(out, "cbm_commits_total", NULL, service->commits);
    metrics_head(out, "cbm_commit_retries_total", "counter", "Commits that began anew.");
    metrics_value(out, "cbm_commit_retries_total", NULL, service->retries);
    metrics_head(out, "cbm_store_up", "gauge", "1 while Redis is connected and checked.");
    metrics_value(out, "cbm_store_up", NULL, store_up(service->store));
    metrics_head(out, "cbm_durability", "gauge", "What Redis promises, the level in force is 1.");
    for (int level = STORE_ALWAYS; level <= STORE_MEMORY; level++) {
        char labels[40];
        snprintf(labels, sizeof labels, "level=\"%s\"", store_durability_words[level]);
        metrics_value(out, "cbm_durability", labels,
                      (int)store_durability(service->store) == level);
    }
    for (unsigned i = 0; i < service->gauge_count; i++) {
        char name[80];
        snprintf(name, sizeof name, "cbm_%s_%s", service->interface->service,
                 service->gauges[i].name);
        metrics_head(out, name, "gauge", "See $stats.");
        metrics_value(out, name, NULL, *service->gauges[i].value);
    }
}
