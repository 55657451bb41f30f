/* Borrowed text, and the small rules of ids and slugs. Pure: no allocation, no locale.
 * It must not know messages, sockets or stores. */
#ifndef CBM_BASE_TEXT_H
#define CBM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that belong to somebody else (usually the message they came in). Not terminated. An absent
 * text has ptr NULL; an empty one has not. */
struct text {
    const char *ptr;
    uint32_t len;
};

/* printf("%.*s", TEXT_ARG(t)) */
#define TEXT_ARG(t) (int)(t).len, (t).ptr ? (t).ptr : ""
#define TEXT_NONE ((struct text){NULL, 0})
#define TEXT_LITERAL(s) ((struct text){(s), (uint32_t)sizeof(s) - 1})

/* A text over a C string, which must outlive it. NULL gives an absent text. */
static inline struct text
text_of(const char *s)
{
    return (struct text){s, s ? (uint32_t)strlen(s) : 0};
}

/* Whether the bytes are the same as those of the C string / the other text. Absent equals only
 * absent (and never a C string). */
static inline bool
text_is(struct text t, const char *s)
{
    return t.ptr && strlen(s) == t.len && memcmp(t.ptr, s, t.len) == 0;
}
static inline bool
text_equal(struct text a, struct text b)
{
    if (!a.ptr || !b.ptr)
        return !a.ptr && !b.ptr;
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Writes a decimal and a terminator; returns its length. Like printf("%" PRId64), many times
 * faster. */
#define TEXT_NUMBER_MAX 21
size_t text_number(int64_t value, char out[TEXT_NUMBER_MAX]);

/* Reads a decimal of 1 to 18 digits and nothing else. */
bool text_to_number(struct text t, int64_t *out);

/* Order by bytes, then by length: <0, 0, >0. */
int text_compare(struct text a, struct text b);

/* Whether `part` stands in `t`, letters of ASCII compared without case. */
bool text_contains_nocase(struct text t, struct text part);

/* Whether all bytes are ASCII. By words, the last one over the end of the one before. */
static inline bool
text_is_ascii(const char *ptr, size_t len)
{
    uint64_t word = 0, all = 0;
    uint32_t first = 0, last = 0;
    if (len >= sizeof word) {
        for (size_t at = 0; at + sizeof word < len; at += sizeof word) {
            memcpy(&word, ptr + at, sizeof word);
            all |= word;
        }
        memcpy(&word, ptr + len - sizeof word, sizeof word);
        return !((all | word) & UINT64_C(0x8080808080808080));
    }
    if (len >= sizeof first) {
        memcpy(&first, ptr, sizeof first);
        memcpy(&last, ptr + len - sizeof last, sizeof last);
        return !((first | last) & 0x80808080U);
    }
    return len == 0 || (uint8_t)(ptr[0] | ptr[len / 2] | ptr[len - 1]) < 0x80;
}

/* Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool text_utf8_valid(const char *ptr, size_t len);

/* Takes away the UTF-8 sequence at the end of a terminated text that a cut left without its end. */
void text_trim_cut(char *text);

/* `[a-z0-9-]{1,64}`: ids of things and free slugs (design, fine print). */
bool text_is_id(struct text t);

/* `[A-Z0-9-]{2,16}`: codes of participants and bodies (design, fine print). */
bool text_is_code(struct text t);

#define TEXT_ID_MAX 64

/* Makes an id from a title: ASCII letters lowered, every other run becomes one dash, cut to
 * TEXT_ID_MAX - 4 so that a suffix fits. `out` holds TEXT_ID_MAX + 1 bytes and is terminated.
 * Returns the length; 0 if the title has no ASCII letter or digit. */
size_t text_slug(struct text title, char *out);

#endif
