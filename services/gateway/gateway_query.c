/* See gateway_query.h. The filter's lists are written as the message that subscription.create has
 * them in, so that the schema's limits are those of every subscription. It must not know HTTP or
 * the log. */
#include "services/gateway/gateway_query.h"

#include <stdio.h>

#include "common/base/date.h"
#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"

#define ITEMS_MAX 256
#define FIELD "filter."

static const char *const lists[] = {"topics", "types",    "dimensions", "areas",
                                    "hosts",  "statuses", "languages"};
#define LISTS (sizeof lists / sizeof *lists)

/* The items of a value, by commas. */
static enum status
add_items(struct gateway_query *query, unsigned list, struct text value, struct error *error)
{
    uint32_t begin = 0;
    for (uint32_t at = 0; at <= value.len; at++) {
        if (at < value.len && value.ptr[at] != ',')
            continue;
        if (++query->counts[list] > ITEMS_MAX)
            return error_set(error, STATUS_INVALID_ARGUMENT, lists[list], "%s: too many of them",
                             lists[list]);
        mp_text(&query->lists[list], (struct text){value.ptr + begin, at - begin});
        begin = at + 1;
    }
    return STATUS_OK;
}

static enum status
set_once(struct text *to, const char *name, struct text value, struct error *error)
{
    if (to->ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, name, "%s: want it once", name);
    *to = value.ptr ? value : TEXT_LITERAL("");
    return STATUS_OK;
}

enum status
gateway_query_add(struct gateway_query *query, struct text name, struct text value,
                  struct error *error)
{
    query->len += (size_t)name.len + value.len;
    if (query->len > GATEWAY_QUERY_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                         "the query is too long: want at most %d bytes", GATEWAY_QUERY_MAX);
    for (unsigned i = 0; i < LISTS; i++)
        if (text_is(name, lists[i]))
            return add_items(query, i, value.ptr ? value : TEXT_LITERAL(""), error);
    if (text_is(name, "from"))
        return set_once(&query->from_text, "from", value, error);
    if (text_is(name, "payload"))
        return set_once(&query->payload, "payload", value, error);
    if (text_is(name, "access_token"))
        return set_once(&query->token, "access_token", value, error);
    return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                     "the query has a parameter that is none: want topics, types, dimensions, "
                     "areas, hosts, statuses, languages, payload, from, access_token");
}

static enum status
read_place(struct gateway_query *query, struct text last_event_id, struct error *error)
{
    struct text from = query->from_text.ptr ? query->from_text : TEXT_LITERAL("now");
    query->field = "from";
    if (last_event_id.len) {
        query->field = "Last-Event-ID";
        query->from = FROM_SEQ;
        if (text_to_number(last_event_id, &query->number))
            return STATUS_OK;
        return error_set(error, STATUS_INVALID_ARGUMENT, query->field,
                         "Last-Event-ID: want a seq, the id of an event of this stream");
    }
    if (text_is(from, "now"))
        query->from = FROM_NOW;
    else if (text_is(from, "start"))
        query->from = FROM_START;
    else if (text_to_number(from, &query->number))
        query->from = FROM_SEQ;
    else if (time_parse(from, &query->number))
        query->from = FROM_TIME;
    else
        return error_set(error, STATUS_INVALID_ARGUMENT, "from",
                         "from: want now, start, a seq, or an RFC 3339 time");
    return STATUS_OK;
}

/* Here the filter has no name of its own: "filter.topics[1]" is "topics[1]". */
static void
rename_field(struct error *error)
{
    size_t head = sizeof FIELD - 1;
    if (strncmp(error->field, FIELD, head) == 0)
        memmove(error->field, error->field + head, strlen(error->field + head) + 1);
    if (strncmp(error->message, FIELD, head) == 0)
        memmove(error->message, error->message + head, strlen(error->message + head) + 1);
}

static enum status
read_filter(struct gateway_query *query, struct error *error)
{
    unsigned count = 0;
    if (!query->counts[0])
        add_items(query, 0, TEXT_LITERAL(">"), error);
    for (unsigned i = 0; i < LISTS; i++)
        count += query->counts[i] > 0;
    mp_map(&query->text, count);
    for (unsigned i = 0; i < LISTS; i++) {
        if (!query->counts[i])
            continue;
        mp_string(&query->text, lists[i]);
        mp_array(&query->text, query->counts[i]);
        buf_append(&query->text, query->lists[i].data, query->lists[i].len);
        query->text.failed = query->text.failed || query->lists[i].failed;
    }
    if (query->text.failed)
        return error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    enum status status = schema_decode_bytes(&subscription_filter_schema, query->text.data,
                                             query->text.len, &query->filter, SCHEMA_STRICT, error);
    if (status == STATUS_OK)
        status = filter_check(&query->filter, error);
    return status;
}

enum status
gateway_query_end(struct gateway_query *query, struct text last_event_id, struct error *error)
{
    if (query->payload.ptr && !text_is(query->payload, "full") && !text_is(query->payload, "thin"))
        return error_set(error, STATUS_INVALID_ARGUMENT, "payload", "payload: want full or thin");
    query->thin = text_is(query->payload, "thin");
    enum status status = read_place(query, last_event_id, error);
    if (status == STATUS_OK)
        status = read_filter(query, error);
    if (status != STATUS_OK)
        rename_field(error);
    return status;
}

void
gateway_query_fini(struct gateway_query *query)
{
    for (unsigned i = 0; i < LISTS; i++)
        buf_fini(&query->lists[i]);
    buf_fini(&query->text);
}

enum status
gateway_query_allowed(const struct gateway_query *query, const struct principal *principal,
                      struct error *error)
{
    enum status status = audience_filter_check(principal, &query->filter, error);
    if (status != STATUS_OK)
        rename_field(error);
    return status;
}
