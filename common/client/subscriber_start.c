/* A subscriber's beginning and end: its options, its feeds, its socket. It must not know what comes
 * over the socket. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/client/subscriber_internal.h"

#define KEPT_DEFAULT 10000
#define RCVHWM_DEFAULT 1000 /* messages, each of up to a batch's size */

static enum status
add_feed(struct cbm_subscriber *subscriber, const struct cbm_subscriber_options *options,
         const char *prefix, struct error *error)
{
    struct text text = text_of(prefix);
    if (!topic_prefix_valid(text))
        return error_set(error, STATUS_INVALID_ARGUMENT, "prefix",
                         "\"%.100s\" is no prefix that ends at a level: want \"\" or one that ends "
                         "with a dot, such as events.economic.",
                         prefix ? prefix : "(null)");
    for (size_t i = 0; i < options->prefix_count; i++) {
        /* left out if another covers it, or the same came before */
        struct stream other = {0};
        const char *name = options->prefixes[i];
        if (name == prefix || !topic_prefix_valid(text_of(name)))
            continue;
        stream_init(&other, text_of(name), 1);
        bool same = strcmp(name, prefix) == 0;
        if (same ? name < prefix : stream_covers_prefix(&other, text))
            return STATUS_OK;
    }
    struct feed *feed = &subscriber->feeds[subscriber->feed_count++];
    size_t kept = options->pending_max > 0 ? (size_t)options->pending_max : KEPT_DEFAULT;
    stream_init(&feed->stream, text, kept);
    feed->from = options->from;
    int64_t seq = options->cursor_file ? cursor_seq(&subscriber->cursor, prefix) : -1;
    if (seq >= 0) {
        feed->from = seq + 1;
        feed->resumed = true;
    }
    if (feed->from >= 0)
        stream_join(&feed->stream, feed->from > 0 ? feed->from - 1 : 0, true);
    return STATUS_OK;
}

static enum status
subscribe(struct cbm_subscriber *subscriber, const struct cbm_subscriber_options *options,
          struct error *error)
{
    subscriber->sub = link_socket(ZMQ_SUB, error);
    if (!subscriber->sub)
        return error->code;
    zsock_set_rcvhwm(subscriber->sub, options->rcvhwm > 0 ? options->rcvhwm : RCVHWM_DEFAULT);
    subscriber_live_begin(subscriber);
    char one[CFG_TEXT_MAX];
    unsigned count = 0;
    const char *at = link_endpoints(options->notify, "CBM_NOTIFY", LINK_NOTIFY_DEFAULT);
    for (; (at = cfg_next_endpoint(at, one, sizeof one)); count++)
        if (zsock_connect(subscriber->sub, "%s", one))
            return error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                             "\"%.200s\" is not an endpoint such as tcp://host:5560", one);
    if (count == 0)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "no endpoint of notify is given");
    return STATUS_OK;
}

static enum status
set_up(struct cbm_subscriber *subscriber, const struct cbm_subscriber_options *options,
       struct error *error)
{
    if (options->prefix_count < 1 || options->prefix_count > CBM_PREFIXES_MAX || !options->prefixes)
        return error_set(error, STATUS_INVALID_ARGUMENT, "prefixes", "want 1 to %d prefixes",
                         CBM_PREFIXES_MAX);
    if (options->from < CBM_FROM_NOW)
        return error_set(error, STATUS_INVALID_ARGUMENT, "from",
                         "from: want a seq, CBM_FROM_START or CBM_FROM_NOW");
    subscriber->feeds = calloc(options->prefix_count, sizeof *subscriber->feeds);
    if (!subscriber->feeds)
        return error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    enum status status = STATUS_OK;
    if (options->cursor_file)
        status = cursor_open(&subscriber->cursor, options->cursor_file, error);
    for (size_t i = 0; status == STATUS_OK && i < options->prefix_count; i++)
        status = add_feed(subscriber, options, options->prefixes[i], error);
    return status == STATUS_OK ? subscribe(subscriber, options, error) : status;
}

struct cbm_subscriber *
cbm_subscriber_new(const struct cbm_subscriber_options *options, struct cbm_error *failure)
{
    struct error error = {0};
    struct cbm_subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (!subscriber) {
        error_set(&error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    } else {
        subscriber->cursor.fd = -1;
        set_up(subscriber, options, &error);
    }
    client_error(failure, &error);
    if (subscriber && error.code == STATUS_OK) {
        struct cbm_error why;
        subscriber->client = cbm_client_new(options->bus, &why);
        if (subscriber->client)
            return subscriber;
        if (failure)
            *failure = why;
    }
    cbm_subscriber_destroy(&subscriber);
    return NULL;
}

void
cbm_subscriber_destroy(struct cbm_subscriber **pointer)
{
    struct cbm_subscriber *subscriber = *pointer;
    *pointer = NULL;
    if (!subscriber)
        return;
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        stream_fini(&subscriber->feeds[i].stream);
        subscriber_log_end(&subscriber->feeds[i]);
    }
    free(subscriber->feeds);
    free(subscriber->record);
    publication_close(&subscriber->live);
    buf_fini(&subscriber->meta);
    cursor_close(&subscriber->cursor);
    zsock_destroy(&subscriber->sub);
    cbm_client_destroy(&subscriber->client);
    free(subscriber);
}
