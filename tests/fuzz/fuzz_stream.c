// LINK: services/gateway/gateway_query.c common/auth/audience_filter.c common/auth/audience.c common/log/filter.c common/log/topic.c common/bus/rpc.c common/msg/permission.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/msg/schema_mp.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* Queries of streams: lines "name=value", the first of them the Last-Event-ID. What is accepted has
 * a place and a filter that reads at least one tree. It must not know HTTP. */
#include "tests/fuzz/fuzz.h"

#include "services/gateway/gateway_query.h"

static struct gateway_query query;

static void
check(enum status status, const struct error *error)
{
    struct text trees[FILTER_TREES_MAX];
    if (status != STATUS_OK)
        PROMISE(status == STATUS_INVALID_ARGUMENT && error->code == status && error->message[0]);
    else
        PROMISE(query.field && filter_prefixes(&query.filter, trees) > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct text rest = {(const char *)data, (uint32_t)size}, last_id = TEXT_NONE;
    enum status status = STATUS_OK;
    memset(&query, 0, sizeof query);
    while (rest.len && status == STATUS_OK) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        struct text line = {rest.ptr, end ? (uint32_t)(end - rest.ptr) : rest.len};
        const char *equals = memchr(line.ptr, '=', line.len);
        uint32_t name = equals ? (uint32_t)(equals - line.ptr) : line.len;
        struct text value = equals ? (struct text){equals + 1, line.len - name - 1} : TEXT_NONE;
        if (!last_id.ptr)
            last_id = line;
        else
            status = gateway_query_add(&query, (struct text){line.ptr, name}, value, &error);
        rest.ptr += line.len + (end != NULL);
        rest.len -= line.len + (end != NULL);
    }
    if (status == STATUS_OK)
        status = gateway_query_end(&query, last_id, &error);
    check(status, &error);
    gateway_query_fini(&query);
    return 0;
}
