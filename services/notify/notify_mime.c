/* See notify_mime.h. It must not know how mails are sent. */
#include "services/notify/notify_mime.h"

#include <sodium.h>
#include <stdio.h>

#include "common/base/date.h"

#define ADDRESS_MAX 254
#define LOCAL_MAX 64
#define WORD_BYTES_MAX 45  /* 60 in base64: with "=?UTF-8?B?" and "?=" under 75 characters */
#define FIRST_BYTES_MAX 36 /* the same, with the header's name before it */
#define PLAIN_MAX 60       /* with the name under 78 characters */
#define LINE_BYTES 57      /* 76 in base64 */

static bool
is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Atoms with dots between them. */
static bool
is_dotted(struct text text, const char *besides)
{
    char before = '.';
    for (uint32_t i = 0; i < text.len; before = text.ptr[i++])
        if (text.ptr[i] == '.' ? before == '.'
                               : !is_letter_or_digit(text.ptr[i]) &&
                                     (text.ptr[i] == '\0' || !strchr(besides, text.ptr[i])))
            return false;
    return text.len > 0 && before != '.';
}

bool
notify_mail_address_valid(struct text address)
{
    const char *at = address.len ? memchr(address.ptr, '@', address.len) : NULL;
    if (!at || address.len > ADDRESS_MAX)
        return false;
    struct text local = {address.ptr, (uint32_t)(at - address.ptr)};
    struct text domain = {at + 1, address.len - local.len - 1};
    return local.len <= LOCAL_MAX && is_dotted(local, "!#$%&'*+-/=?^_`{|}~") &&
           is_dotted(domain, "-") && domain.ptr[0] != '-';
}

static void
put(struct buf *out, const char *string)
{
    buf_append(out, string, strlen(string));
}

static void
put_base64(struct buf *out, const void *data, size_t len)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    char *to = (char *)buf_reserve(out, size);
    if (!to)
        return;
    sodium_bin2base64(to, size, data, len, sodium_base64_VARIANT_ORIGINAL);
    out->len += size - 1;
}

/* ---- headers --------------------------------------------------------------------------------- */

static bool
is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Words of whole characters: a continuation byte begins none. */
static void
put_words(struct buf *out, struct text value)
{
    for (uint32_t at = 0, end; at < value.len; at = end) {
        char word[WORD_BYTES_MAX];
        uint32_t most = at ? WORD_BYTES_MAX : FIRST_BYTES_MAX;
        end = value.len - at > most ? at + most : value.len;
        while (end < value.len && end > at + 1 && ((uint8_t)value.ptr[end] & 0xc0) == 0x80)
            end--;
        for (uint32_t i = at; i < end; i++)
            word[i - at] = is_control(value.ptr[i]) ? ' ' : value.ptr[i];
        put(out, at ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        put_base64(out, word, end - at);
        put(out, "?=");
    }
}

void
notify_mime_header(struct buf *out, const char *name, struct text value)
{
    bool plain = value.len <= PLAIN_MAX;
    for (uint32_t i = 0; plain && i < value.len; i++) /* "=?" would be read as an encoded word */
        plain = value.ptr[i] >= 0x20 && value.ptr[i] < 0x7f &&
                !(value.ptr[i] == '=' && i + 1 < value.len && value.ptr[i + 1] == '?');
    put(out, name);
    put(out, ": ");
    if (plain)
        buf_append(out, value.ptr, value.len);
    else
        put_words(out, value);
    put(out, "\r\n");
}

void
notify_mime_date(struct buf *out, int64_t time_ms)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* day 0 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    date_day day = date_of_time(time_ms);
    int year, month, mday, second = (int)((time_ms - day * DATE_DAY_MS) / 1000);
    char line[80];
    date_civil(day, &year, &month, &mday);
    snprintf(line, sizeof line, "Date: %.3s, %d %.3s %04d %02d:%02d:%02d +0000\r\n",
             days + 3 * ((day % 7 + 7) % 7), mday, months + 3 * (month - 1), year, second / 3600,
             second / 60 % 60, second % 60);
    put(out, line);
}

/* ---- parts ----------------------------------------------------------------------------------- */

void
notify_mime_multipart(struct buf *out, const char *subtype, const char *boundary)
{
    put(out, "Content-Type: multipart/");
    put(out, subtype);
    put(out, "; boundary=\"");
    put(out, boundary);
    put(out, "\"\r\n\r\n");
}

void
notify_mime_multipart_end(struct buf *out, const char *boundary)
{
    put(out, "--");
    put(out, boundary);
    put(out, "--\r\n");
}

void
notify_mime_part(struct buf *out, const char *boundary, const char *type, const char *disposition,
                 struct text content)
{
    put(out, "--");
    put(out, boundary);
    put(out, "\r\nContent-Type: ");
    put(out, type);
    if (disposition) {
        put(out, "\r\nContent-Disposition: ");
        put(out, disposition);
    }
    put(out, "\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    for (uint32_t at = 0; at < content.len; at += LINE_BYTES) {
        put_base64(out, content.ptr + at,
                   content.len - at < LINE_BYTES ? content.len - at : LINE_BYTES);
        put(out, "\r\n");
    }
}

void
notify_mime_escape(struct buf *out, struct text text)
{
    for (uint32_t i = 0; i < text.len; i++)
        switch (text.ptr[i]) {
        case '&': put(out, "&amp;"); break;
        case '<': put(out, "&lt;"); break;
        case '>': put(out, "&gt;"); break;
        case '"': put(out, "&quot;"); break;
        case '\'': put(out, "&#39;"); break;
        default: buf_append(out, text.ptr + i, 1);
        }
}
