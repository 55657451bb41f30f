// LINK: common/log/topic.c common/base/text.c
/* Topics from outside: a valid one has valid prefixes, and what is split fits together again.
 * It must not know the store. */
#include "tests/fuzz/fuzz.h"

#include "common/log/topic.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct text topic = {(const char *)data, (uint32_t)len}, prefixes[TOPIC_LEVELS_MAX + 1];
    bool valid = topic_valid(topic);
    PROMISE(topic_prefix_valid(topic) == (valid || len == 0));
    unsigned count = topic_prefixes(topic, prefixes);
    PROMISE(count <= TOPIC_LEVELS_MAX + 1);
    PROMISE(topic_subject(topic).len <= len);
    if (!valid)
        return 0;
    PROMISE(count >= 1 && text_equal(prefixes[count - 1], topic));
    PROMISE(topic_private(topic) == (prefixes[0].len != 0));
    for (unsigned i = 0; i < count; i++) {
        PROMISE(topic_prefix_valid(prefixes[i]) && topic_starts_with(topic, prefixes[i]));
        PROMISE(i == 0 || prefixes[i].len > prefixes[i - 1].len);
    }
    struct text subject = topic_subject(topic);
    PROMISE(subject.len > 0 && subject.ptr + subject.len + 1 == topic.ptr + topic.len);
    return 0;
}
