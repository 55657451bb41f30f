/* See topic.h. */
#include "common/log/topic.h"

#include <string.h>

/* What a byte may be in a topic: it is looked at for every record that is published or read. Bit 0
 * is of every one that may stand in it, bit 1 of a dot. */
enum { NO = 0, INNER = 1, DOT = 3 };
static const uint8_t classes[256] = {
    ['.'] = DOT,   ['-'] = INNER, ['_'] = INNER, ['0'] = INNER, ['1'] = INNER, ['2'] = INNER,
    ['3'] = INNER, ['4'] = INNER, ['5'] = INNER, ['6'] = INNER, ['7'] = INNER, ['8'] = INNER,
    ['9'] = INNER, ['A'] = INNER, ['B'] = INNER, ['C'] = INNER, ['D'] = INNER, ['E'] = INNER,
    ['F'] = INNER, ['G'] = INNER, ['H'] = INNER, ['I'] = INNER, ['J'] = INNER, ['K'] = INNER,
    ['L'] = INNER, ['M'] = INNER, ['N'] = INNER, ['O'] = INNER, ['P'] = INNER, ['Q'] = INNER,
    ['R'] = INNER, ['S'] = INNER, ['T'] = INNER, ['U'] = INNER, ['V'] = INNER, ['W'] = INNER,
    ['X'] = INNER, ['Y'] = INNER, ['Z'] = INNER, ['a'] = INNER, ['b'] = INNER, ['c'] = INNER,
    ['d'] = INNER, ['e'] = INNER, ['f'] = INNER, ['g'] = INNER, ['h'] = INNER, ['i'] = INNER,
    ['j'] = INNER, ['k'] = INNER, ['l'] = INNER, ['m'] = INNER, ['n'] = INNER, ['o'] = INNER,
    ['p'] = INNER, ['q'] = INNER, ['r'] = INNER, ['s'] = INNER, ['t'] = INNER, ['u'] = INNER,
    ['v'] = INNER, ['w'] = INNER, ['x'] = INNER, ['y'] = INNER, ['z'] = INNER,
};

bool
topic_valid(struct text topic)
{
    if (!topic.ptr || topic.len < 2 || topic.len > TOPIC_MAX)
        return false;
    unsigned levels = 0, in_all = INNER, in_two = 0, before = DOT;
    for (uint32_t i = 0; i < topic.len; i++) { /* no branch: none of them could be foreseen */
        unsigned class = classes[(uint8_t)topic.ptr[i]];
        in_all &= class;
        in_two |= class & before;
        levels += class >> 1;
        before = class;
    }
    return in_all && !(in_two >> 1) && before == DOT && levels <= TOPIC_LEVELS_MAX;
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
