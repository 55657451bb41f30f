/* What every worker answers for free (design section 3): $ping, $info, $stats.
 * It must not know any domain. */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/msg/mp.h"
#include "common/service/service_internal.h"

static const char *const type_words[] = {
    [FIELD_TEXT] = "text",     [FIELD_ID] = "id",     [FIELD_CODE] = "code",
    [FIELD_ZONE] = "zone",     [FIELD_INT] = "int",   [FIELD_BOOL] = "bool",
    [FIELD_DATE] = "date",     [FIELD_TIME] = "time", [FIELD_WHEN] = "date or time",
    [FIELD_ENUM] = "enum",     [FIELD_STRUCT] = "map", [FIELD_TEXTMAP] = "map of texts",
    [FIELD_LIST] = "list",     [FIELD_ANY] = "any",
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
