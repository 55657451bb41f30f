// LINK: common/log/filter.c common/log/topic.c common/msg/permission.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/base/text.c common/base/date.c common/base/status.c
/* Patterns of subscriptions from outside, and topics, parted by a line's end: what is accepted has
 * levels, matches its own example, and what it matches lies under its prefix. It must not know
 * subscriptions. */
#include "tests/fuzz/fuzz.h"

#include "common/log/filter.h"

static struct subscription_filter filter;

/* A topic that the pattern is for: every wildcard is a level of its own. */
static struct text
example_of(struct text pattern, char out[2 * TOPIC_MAX])
{
    struct text levels[TOPIC_LEVELS_MAX];
    unsigned count = filter_levels(pattern, levels);
    uint32_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        bool wild = text_is(levels[i], "*") || text_is(levels[i], ">");
        struct text level = wild ? TEXT_LITERAL("w") : levels[i];
        memcpy(out + len, level.ptr, level.len);
        len += level.len;
        out[len++] = '.';
    }
    return (struct text){out, len};
}

static bool
is_for(struct text topic)
{
    struct text prefixes[FILTER_TREES_MAX];
    struct facts facts = {.topic = topic};
    facts.level_count = filter_levels(topic, facts.levels);
    bool matches = facts.level_count && filter_matches(&filter, &facts);
    PROMISE(filter_prefixes(&filter, prefixes) == 1);
    PROMISE(topic_prefix_valid(prefixes[0]) || !topic_valid(topic));
    if (matches && topic_valid(topic))
        PROMISE(topic_starts_with(topic, prefixes[0]) &&
                topic_private(topic) == topic_private(prefixes[0]));
    return matches;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *line = len ? memchr(text, '\n', len) : NULL;
    struct text pattern = {text, (uint32_t)(line ? (size_t)(line - text) : len)};
    struct text topic =
        line ? (struct text){line + 1, (uint32_t)(len - pattern.len - 1)} : TEXT_LITERAL("");
    char example[2 * TOPIC_MAX];
    struct error error;
    schema_init(&subscription_filter_schema, &filter);
    filter.topics.count = 1;
    filter.topics.items[0] = pattern;
    if (filter_check(&filter, &error) != STATUS_OK) {
        PROMISE(error.code == STATUS_INVALID_ARGUMENT && *error.field && *error.message);
        return 0;
    }
    PROMISE(pattern.len && pattern.len < TOPIC_MAX);
    struct text own = example_of(pattern, example);
    bool matches = is_for(own);
    PROMISE(matches || !topic_valid(own));
    is_for(topic);
    return 0;
}
