/* See filter.h. It must not know subscriptions or the log. */
#include "common/log/filter.h"

#include <stdio.h>

#define FIELD "filter."

static bool
is_level_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool
is_level(struct text level)
{
    for (uint32_t i = 0; i < level.len; i++)
        if (!is_level_char(level.ptr[i]))
            return false;
    return level.len > 0;
}

unsigned
filter_levels(struct text topic, struct text out[TOPIC_LEVELS_MAX])
{
    if (topic.len && topic.ptr[topic.len - 1] == '.')
        topic.len--;
    const char *at = topic.ptr, *end = at + topic.len;
    for (unsigned count = 0; topic.len && count < TOPIC_LEVELS_MAX;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        out[count++] = (struct text){at, (uint32_t)((dot ? dot : end) - at)};
        if (!dot)
            return count;
        at = dot + 1;
    }
    return 0;
}

static enum status
check_pattern(struct text pattern, unsigned index, struct error *error)
{
    char field[ERROR_FIELD_MAX];
    struct text levels[TOPIC_LEVELS_MAX];
    unsigned count = pattern.len < TOPIC_MAX ? filter_levels(pattern, levels) : 0;
    snprintf(field, sizeof field, FIELD "topics[%u]", index);
    for (unsigned i = 0; i < count; i++) {
        if (text_is(levels[i], "*") || is_level(levels[i]))
            continue;
        if (!text_is(levels[i], ">"))
            count = 0;
        else if (i + 1 < count)
            return error_set(error, STATUS_INVALID_ARGUMENT, field,
                             "%s: `>` is all that follows, so it can only be the last level",
                             field);
    }
    if (!count)
        return error_set(error, STATUS_INVALID_ARGUMENT, field,
                         "%s: want 1 to %d levels with dots between them, each of letters, digits, "
                         "_ and -, or `*` for any one, or a last `>` for all that follow, as in "
                         "events.*.tourism.>",
                         field, TOPIC_LEVELS_MAX);
    return STATUS_OK;
}

bool
filter_type_open(struct text type, struct text *begin)
{
    bool open = type.len && type.ptr[type.len - 1] == '*';
    *begin = (struct text){type.ptr, type.len - open};
    return open;
}

/* The rest of a text is of small letters, digits, and these. */
static bool
is_word(struct text text, const char *others)
{
    for (uint32_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr(others, c))
            return false;
    }
    return text.len <= FILTER_VALUE_MAX;
}

static bool
is_type(struct text type)
{
    struct text begin;
    bool open = filter_type_open(type, &begin);
    return (open || begin.len) && is_word(begin, "._-");
}

static bool
is_status(struct text status)
{
    return status.len && is_word(status, "_-");
}

static enum status
check_values(const char *name, const struct text *items, unsigned count, bool is(struct text),
             struct error *error)
{
    char field[ERROR_FIELD_MAX];
    for (unsigned i = 0; i < count; i++) {
        if (is(items[i]))
            continue;
        snprintf(field, sizeof field, FIELD "%s[%u]", name, i);
        return error_set(error, STATUS_INVALID_ARGUMENT, field, "%s: \"%.*s\" is no such name",
                         field, (int)(items[i].len > 64 ? 64 : items[i].len), items[i].ptr);
    }
    return STATUS_OK;
}

enum status
filter_check(const struct subscription_filter *filter, struct error *error)
{
    enum status status = STATUS_OK;
    if (!filter->topics.count)
        return error_set(error, STATUS_INVALID_ARGUMENT, FIELD "topics",
                         FIELD "topics: want at least one pattern, as events.> is one");
    for (unsigned i = 0; i < filter->topics.count && status == STATUS_OK; i++)
        status = check_pattern(filter->topics.items[i], i, error);
    if (status == STATUS_OK)
        status = check_values("types", filter->types.items, filter->types.count, is_type, error);
    if (status == STATUS_OK)
        status =
            check_values("hosts", filter->hosts.items, filter->hosts.count, text_is_code, error);
    if (status == STATUS_OK)
        status = check_values("statuses", filter->statuses.items, filter->statuses.count, is_status,
                              error);
    return status;
}

bool
filter_topic_matches(struct text pattern, const struct facts *facts)
{
    struct text levels[TOPIC_LEVELS_MAX];
    unsigned count = filter_levels(pattern, levels);
    for (unsigned i = 0; i < count; i++) {
        bool any = text_is(levels[i], "*"), rest = text_is(levels[i], ">");
        if (i >= facts->level_count)
            return false;
        if ((any || rest) && i == 0 && text_is(facts->levels[0], "private"))
            return false;
        if (rest)
            return true;
        if (!any && !text_equal(levels[i], facts->levels[i]))
            return false;
    }
    return count && count == facts->level_count;
}

static bool
has(const struct text *items, unsigned count, struct text value)
{
    for (unsigned i = 0; value.ptr && i < count; i++)
        if (text_equal(items[i], value))
            return true;
    return false;
}

static bool
has_one(const struct text *items, unsigned count, const struct text *values, unsigned value_count)
{
    for (unsigned i = 0; i < value_count; i++)
        if (has(items, count, values[i]))
            return true;
    return false;
}

static bool
has_type(const struct subscription_filter *filter, struct text type)
{
    struct text begin;
    for (unsigned i = 0; i < filter->types.count; i++) {
        bool open = filter_type_open(filter->types.items[i], &begin);
        if (type.len >= begin.len && (open || type.len == begin.len) &&
            (!begin.len || memcmp(type.ptr, begin.ptr, begin.len) == 0))
            return true;
    }
    return false;
}

bool
filter_matches(const struct subscription_filter *filter, const struct facts *facts)
{
    const struct subscription_filter *f = filter;
    bool topic = false;
    for (unsigned i = 0; i < f->topics.count && !topic; i++)
        topic = filter_topic_matches(f->topics.items[i], facts);
    return topic && (!f->types.count || has_type(f, facts->type)) &&
           (!f->dimensions.count ||
            has(f->dimensions.items, f->dimensions.count, facts->dimension)) &&
           (!f->areas.count || has(f->areas.items, f->areas.count, facts->area)) &&
           (!f->hosts.count ||
            has_one(f->hosts.items, f->hosts.count, facts->hosts, facts->host_count)) &&
           (!f->statuses.count || has(f->statuses.items, f->statuses.count, facts->status)) &&
           (!f->languages.count || has_one(f->languages.items, f->languages.count, facts->languages,
                                           facts->language_count));
}

/* ---- prefixes ---- */

/* What stands before the first wildcard. A whole topic counts with its dot, which the pattern may
 * leave out: then it is all levels but the last, under which the topic is found too. */
static struct text
fixed_part(struct text pattern)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < pattern.len && pattern.ptr[i] != '*' && pattern.ptr[i] != '>'; i++)
        if (pattern.ptr[i] == '.')
            end = i + 1;
    return (struct text){pattern.ptr, end};
}

static struct text
shared(struct text a, struct text b)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < a.len && i < b.len && a.ptr[i] == b.ptr[i]; i++)
        if (a.ptr[i] == '.')
            end = i + 1;
    return (struct text){a.ptr, end};
}

unsigned
filter_prefixes(const struct subscription_filter *filter, struct text out[FILTER_TREES_MAX])
{
    struct text prefixes[2] = {TEXT_NONE, TEXT_NONE};
    struct text levels[TOPIC_LEVELS_MAX];
    for (unsigned i = 0; i < filter->topics.count; i++) {
        struct text pattern = filter->topics.items[i], fixed = fixed_part(pattern);
        unsigned count = filter_levels(pattern, levels);
        bool private = count && text_is(levels[0], "private");
        struct text *at = &prefixes[private];
        if (private && !fixed.len)
            fixed = TEXT_LITERAL("private.");
        *at = at->ptr ? shared(*at, fixed) : fixed;
    }
    unsigned count = 0;
    for (unsigned i = 0; i < 2; i++)
        if (prefixes[i].ptr)
            out[count++] = prefixes[i];
    return count;
}
