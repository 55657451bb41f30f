/* See notify_domain_subscription.h. */
#include "services/notify/notify_domain_subscription.h"

#include "common/log/filter.h"
#include "services/notify/notify_mime.h"

/* Bits of the channels that a field is of. */
#define WEBHOOK (1U << CHANNEL_WEBHOOK)
#define MAIL (1U << CHANNEL_MAIL)

static const struct {
    const char *name;
    unsigned channels;
} of_channel[] = {
    {"url", WEBHOOK},         {"content", WEBHOOK}, {"ordered", WEBHOOK}, {"rate", WEBHOOK},
    {"concurrency", WEBHOOK}, {"address", MAIL},    {"quiet", MAIL},      {"digest", MAIL},
};

static unsigned
channels_of(const char *name)
{
    for (size_t i = 0; i < sizeof of_channel / sizeof *of_channel; i++)
        if (strcmp(of_channel[i].name, name) == 0)
            return of_channel[i].channels;
    return ~0U;
}

static enum status
check_channel(const struct subscription *document, struct error *error)
{
    const struct schema *schema = &subscription_schema;
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        if (!schema_absent(field, (const char *)document + field->offset) &&
            !(channels_of(field->name) >> document->channel & 1))
            return error_set(error, STATUS_INVALID_ARGUMENT, field->name,
                             "%s: a subscription of channel %s has none", field->name,
                             channel_words[document->channel - 1]);
    }
    if (document->channel == CHANNEL_WEBHOOK && !document->url.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "url", "url: a webhook needs one");
    if (document->channel == CHANNEL_MAIL && !document->address.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "address", "address: mail needs one");
    return STATUS_OK;
}

static bool
is_url(struct text url)
{
    for (uint32_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] >= 0x7f)
            return false;
    return topic_starts_with(url, TEXT_LITERAL("https://")) ||
           topic_starts_with(url, TEXT_LITERAL("http://"));
}

static bool
is_clock(struct text t)
{
    const char *c = t.ptr;
    for (unsigned i = 0; i < 5; i++)
        if (t.len != 5 || (i == 2 ? c[i] != ':' : c[i] < '0' || c[i] > '9'))
            return false;
    return (c[0] - '0') * 10 + c[1] - '0' < 24 && c[3] < '6';
}

enum status
notify_subscription_check(const struct subscription *document, int64_t now_ms, struct error *error)
{
    enum status status = filter_check(&document->filter, error);
    if (status == STATUS_OK)
        status = check_channel(document, error);
    if (status != STATUS_OK)
        return status;
    if (document->url.ptr && !is_url(document->url))
        return error_set(error, STATUS_INVALID_ARGUMENT, "url",
                         "url: want https://host[:port]/path in ASCII without spaces");
    if (document->address.ptr && !notify_mail_address_valid(document->address))
        return error_set(error, STATUS_INVALID_ARGUMENT, "address",
                         "address: want one mail address, name@host");
    if (document->quiet.present && !is_clock(document->quiet.from))
        return error_set(error, STATUS_INVALID_ARGUMENT, "quiet.from", "quiet.from: want HH:MM");
    if (document->quiet.present && !is_clock(document->quiet.to))
        return error_set(error, STATUS_INVALID_ARGUMENT, "quiet.to", "quiet.to: want HH:MM");
    if (document->expires != TIME_NONE && document->expires <= now_ms)
        return error_set(error, STATUS_INVALID_ARGUMENT, "expires",
                         "expires: want a time that is yet to come");
    return STATUS_OK;
}

enum subscription_status
notify_subscription_begin(const struct subscription *document, bool confirmed)
{
    bool asked =
        document->channel == CHANNEL_WEBHOOK || (document->channel == CHANNEL_MAIL && !confirmed);
    return asked ? SUBSCRIPTION_PENDING : SUBSCRIPTION_ACTIVE;
}

const char *
notify_subscription_word(const struct subscription *document)
{
    return subscription_status_words[document->status - 1];
}
