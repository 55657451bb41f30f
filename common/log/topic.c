/* See topic.h. */
#include "common/log/topic.h"

#include <string.h>

bool
topic_valid(struct text topic)
{
    if (!topic.ptr || topic.len < 2 || topic.len > TOPIC_MAX)
        return false;
    unsigned levels = 0;
    char before = '.';
    for (uint32_t i = 0; i < topic.len; i++) {
        char c = topic.ptr[i];
        bool inner = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_';
        if (c == '.' ? before == '.' : !inner)
            return false;
        levels += c == '.';
        before = c;
    }
    return before == '.' && levels <= TOPIC_LEVELS_MAX;
}

bool
topic_prefix_valid(struct text prefix)
{
    return prefix.ptr && (prefix.len == 0 || topic_valid(prefix));
}

bool
topic_starts_with(struct text topic, struct text prefix)
{
    return topic.len >= prefix.len && memcmp(topic.ptr, prefix.ptr, prefix.len) == 0;
}

bool
topic_private(struct text topic)
{
    return topic_starts_with(topic, TEXT_LITERAL("private."));
}

unsigned
topic_prefixes(struct text topic, struct text out[TOPIC_LEVELS_MAX + 1])
{
    unsigned count = 0;
    if (!topic_private(topic))
        out[count++] = (struct text){topic.ptr, 0};
    for (uint32_t i = 0; i < topic.len && count <= TOPIC_LEVELS_MAX; i++)
        if (topic.ptr[i] == '.')
            out[count++] = (struct text){topic.ptr, i + 1};
    return count;
}

struct text
topic_subject(struct text topic)
{
    uint32_t end = topic.len ? topic.len - 1 : 0, start = end;
    while (start > 0 && topic.ptr[start - 1] != '.')
        start--;
    return (struct text){topic.ptr + start, end - start};
}
