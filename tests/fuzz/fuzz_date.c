// LINK: common/base/date.c common/base/text.c
/* Dates, times, zones, ids and slugs from outside: what is read is printed and read to the same.
 * It must not know messages. */
#include "tests/fuzz/fuzz.h"

#include "common/base/date.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct text text = {(const char *)data, (uint32_t)len};
    struct when when, again;
    char printed[TIME_TEXT_MAX], slug[TEXT_ID_MAX + 1];
    if (when_parse(text, &when)) {
        when_print(when, printed);
        PROMISE(strlen(printed) < TIME_TEXT_MAX);
        PROMISE(when_parse(text_of(printed), &again));
        PROMISE(when.is_date == again.is_date && when.ms == again.ms);
        PROMISE(when_end_ms(when) >= when.ms);
        int year, month, mday;
        date_civil(date_of_time(when.ms), &year, &month, &mday);
        PROMISE(year >= 1 && year <= 9999 && month >= 1 && month <= 12 && mday >= 1 && mday <= 31);
    }
    if (len >= sizeof(int64_t)) { /* any instant can be printed, and is one then */
        int64_t any;
        memcpy(&any, data, sizeof any);
        time_print(any, printed);
        PROMISE(time_parse(text_of(printed), &any));
    }
    int64_t duration;
    PROMISE(!duration_parse(text, &duration) || (duration >= 0 && duration <= DURATION_MAX_MS));
    size_t slug_len = text_slug(text, slug);
    PROMISE(slug_len <= TEXT_ID_MAX - 4 && (slug_len == 0 || text_is_id(text_of(slug))));
    PROMISE(!date_is_zone(text) || text_utf8_valid(text.ptr, text.len));
    PROMISE(!text_is_code(text) || !text_is_id(text) || len <= 16);
    PROMISE(text_contains_nocase(text, text));
    return 0;
}
