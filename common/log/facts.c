/* See facts.h. Topics of events and of reminders say their dimension and area, also those
 * of what belongs to an event; what the data says goes before. It must not know filters. */
#include "common/log/facts.h"

#include "common/msg/mp.h"

static void
add(struct text *items, unsigned *count, unsigned max, struct text item)
{
    for (unsigned i = 0; i < *count; i++)
        if (text_equal(items[i], item))
            return;
    if (*count < max)
        items[(*count)++] = item;
}

static void
read_topic(struct facts *facts)
{
    unsigned root = 0;
    facts->level_count = filter_levels(facts->topic, facts->levels);
    if (facts->level_count > 2 && text_is(facts->levels[0], "private"))
        root = 2;
    if (root + 2 >= facts->level_count)
        return;
    if (text_is(facts->levels[root], "events") || text_is(facts->levels[root], "reminders")) {
        facts->dimension = facts->levels[root + 1];
        facts->area = facts->levels[root + 2];
    }
}

/* Where a text of that name goes; NULL if no filter asks for it. */
static struct text *
fact_of(struct facts *facts, struct text key)
{
    if (text_is(key, "dimension"))
        return &facts->dimension;
    if (text_is(key, "area"))
        return &facts->area;
    return text_is(key, "status") ? &facts->status : NULL;
}

static void
read_pair(struct facts *facts, struct text key, const char *at)
{
    struct mp_value value;
    at = mp_read(at, &value);
    if (value.type == MP_TEXT) {
        struct text *fact = fact_of(facts, key);
        if (fact)
            *fact = value.bytes;
        else if (text_is(key, "host"))
            add(facts->hosts, &facts->host_count, FACTS_HOSTS_MAX, value.bytes);
        else if (text_is(key, "title"))
            add(facts->languages, &facts->language_count, FACTS_LANGUAGES_MAX, TEXT_LITERAL("en"));
    } else if (value.type == MP_ARRAY && text_is(key, "co_hosts")) {
        int64_t count = value.number;
        for (int64_t i = 0; i < count; i++) {
            at = mp_next(at, &value);
            if (value.type == MP_TEXT)
                add(facts->hosts, &facts->host_count, FACTS_HOSTS_MAX, value.bytes);
        }
    } else if (value.type == MP_MAP && text_is(key, "titles")) {
        int64_t count = value.number;
        for (int64_t i = 0; i < count; i++) {
            at = mp_next(at, &value);
            if (value.type == MP_TEXT)
                add(facts->languages, &facts->language_count, FACTS_LANGUAGES_MAX, value.bytes);
            at = mp_skip(at);
        }
    }
}

void
facts_read(const struct log_record *record, struct facts *out)
{
    struct mp_value map, key;
    *out = (struct facts){.topic = record->topic, .type = log_record_type(record)};
    read_topic(out);
    if (mp_scan(record->data.ptr, record->data.len, NULL) != STATUS_OK)
        return;
    const char *at = mp_read(record->data.ptr, &map);
    for (int64_t i = 0; map.type == MP_MAP && i < map.number; i++) {
        at = mp_next(at, &key);
        if (key.type == MP_TEXT)
            read_pair(out, key.bytes, at);
        at = mp_skip(at);
    }
}
