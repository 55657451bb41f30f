/* See text.h. */
#include "common/base/text.h"

#include <string.h>

size_t
text_number(int64_t value, char out[TEXT_NUMBER_MAX])
{
    char digits[TEXT_NUMBER_MAX], *end = digits + sizeof digits, *at = end;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *--at = '\0';
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0)
        *--at = '-';
    memcpy(out, at, (size_t)(end - at));
    return (size_t)(end - at) - 1;
}

bool
text_to_number(struct text t, int64_t *out)
{
    int64_t value = 0;
    if (t.len < 1 || t.len > 18)
        return false;
    for (uint32_t i = 0; i < t.len; i++) {
        if (t.ptr[i] < '0' || t.ptr[i] > '9')
            return false;
        value = value * 10 + (t.ptr[i] - '0');
    }
    *out = value;
    return true;
}

int
text_compare(struct text a, struct text b)
{
    uint32_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
text_contains_nocase(struct text t, struct text part)
{
    for (uint32_t at = 0; at + part.len <= t.len; at++) {
        uint32_t i = 0;
        while (i < part.len && lower(t.ptr[at + i]) == lower(part.ptr[i]))
            i++;
        if (i == part.len)
            return true;
    }
    return false;
}

/* The length of the well-formed sequence at s, 0 if it is none (RFC 3629, section 4). */
static size_t
utf8_sequence(const unsigned char *s, size_t left)
{
    unsigned char lead = s[0], low = 0x80, high = 0xbf;
    size_t len;
    if (lead >= 0xc2 && lead <= 0xdf)
        len = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        len = 3;
    else if (lead >= 0xf0 && lead <= 0xf4)
        len = 4;
    else
        return 0;
    if (len > left)
        return 0;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return len;
}

bool
text_utf8_valid(const char *ptr, size_t len)
{
    const unsigned char *s = (const unsigned char *)ptr;
    if (text_is_ascii(ptr, len))
        return true;
    for (size_t at = 0, step; at < len; at += step) {
        step = s[at] < 0x80 ? 1 : utf8_sequence(s + at, len - at);
        if (!step)
            return false;
    }
    return true;
}

void
text_trim_cut(char *text)
{
    size_t len = strlen(text), lead = len;
    while (lead > 0 && len - lead < 4 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead > 0 && (unsigned char)text[lead - 1] >= 0xc0 &&
        !text_utf8_valid(text + lead - 1, len - lead + 1))
        text[lead - 1] = '\0';
}

bool
text_is_id(struct text t)
{
    if (!t.ptr || t.len < 1 || t.len > TEXT_ID_MAX)
        return false;
    for (uint32_t i = 0; i < t.len; i++) {
        char c = t.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

bool
text_is_code(struct text t)
{
    if (!t.ptr || t.len < 2 || t.len > 16)
        return false;
    for (uint32_t i = 0; i < t.len; i++) {
        char c = t.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

size_t
text_slug(struct text title, char *out)
{
    size_t len = 0;
    bool dash = false;
    for (uint32_t i = 0; i < title.len && len < TEXT_ID_MAX - 4; i++) {
        char c = lower(title.ptr[i]);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            if (dash && len) {
                if (len == TEXT_ID_MAX - 5)
                    break; /* a dash would be the last character */
                out[len++] = '-';
            }
            dash = false;
            out[len++] = c;
        } else {
            dash = true;
        }
    }
    out[len] = '\0';
    return len;
}
