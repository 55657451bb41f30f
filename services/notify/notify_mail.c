/* See notify_mail.h. It must not know how mails are sent. */
#include "services/notify/notify_mail.h"

#include <stdio.h>

#include "common/msg/mp.h"
#include "services/notify/notify_itip.h"
#include "services/notify/notify_mime.h"

#define SUBJECT_MAX 600

/* The two forms of what is told, written side by side. */
struct told {
    struct buf plain, html;
};

static void
put(struct buf *out, const char *string)
{
    buf_append(out, string, strlen(string));
}

static struct text
text_in(const struct buf *buf)
{
    return (struct text){buf->data ? (char *)buf->data : "", (uint32_t)buf->len};
}

/* ---- what a record says ---------------------------------------------------------------------- */

/* The value of a key of an encoded map that was scanned; MP_NIL if it has none. */
static const char *
find(struct text map, const char *wanted, struct mp_value *out)
{
    struct mp_value head, key;
    *out = (struct mp_value){.type = MP_NIL};
    const char *at = map.len ? mp_read(map.ptr, &head) : NULL;
    for (int64_t i = 0; at && head.type == MP_MAP && i < head.number; i++) {
        at = mp_next(at, &key);
        if (key.type == MP_TEXT && text_is(key.bytes, wanted))
            return mp_read(at, out);
        at = mp_skip(at);
    }
    return NULL;
}

static struct text
find_text(struct text map, const char *key)
{
    struct mp_value value;
    find(map, key, &value);
    return value.type == MP_TEXT ? value.bytes : TEXT_NONE;
}

/* The title in the wanted language, or else what people call the thing. */
static struct text
title_of(struct text data, struct text language)
{
    static const char *const keys[] = {"title", "name", "id", "code", "area"};
    struct mp_value titles, key, value;
    const char *at = find(data, "titles", &titles);
    for (int64_t i = 0; at && titles.type == MP_MAP && language.ptr && i < titles.number; i++) {
        at = mp_next(at, &key);
        at = mp_next(at, &value);
        if (value.type == MP_TEXT && text_equal(key.bytes, language))
            return value.bytes;
    }
    struct text title = TEXT_NONE;
    for (size_t i = 0; !title.ptr && i < sizeof keys / sizeof *keys; i++)
        title = find_text(data, keys[i]);
    return title;
}

/* "event.re-scheduled" -> "Event re scheduled" */
static void
words_of(struct text type, char out[64])
{
    uint32_t len = type.len < 63 ? type.len : 63;
    for (uint32_t i = 0; i < len; i++)
        out[i] = type.ptr[i] == '.' || type.ptr[i] == '-' || type.ptr[i] == '_' ? ' ' : type.ptr[i];
    if (len && out[0] >= 'a' && out[0] <= 'z')
        out[0] = (char)(out[0] - 'a' + 'A');
    out[len] = '\0';
}

/* "Event scheduled: Seminar on …" */
static void
subject_of(const struct log_record *record, const struct notify_letter *letter,
           char out[SUBJECT_MAX])
{
    char words[64];
    struct text title = letter->thin ? record->topic : title_of(record->data, letter->language);
    words_of(log_record_type(record), words);
    snprintf(out, SUBJECT_MAX, "%s%s%.*s", words, title.len ? ": " : "", TEXT_ARG(title));
    text_trim_cut(out);
}

/* ---- the page -------------------------------------------------------------------------------- */

static void
put_heading(struct told *page, const char *heading)
{
    put(&page->plain, heading);
    put(&page->plain, "\r\n\r\n");
    put(&page->html, "<h2>");
    notify_mime_escape(&page->html, text_of(heading));
    put(&page->html, "</h2>\r\n<table>\r\n");
}

static void
put_row(struct told *page, const char *label, struct text value)
{
    if (!value.len)
        return;
    put(&page->plain, label);
    put(&page->plain, ": ");
    buf_append(&page->plain, value.ptr, value.len);
    put(&page->plain, "\r\n");
    put(&page->html, "<tr><th align=\"left\">");
    put(&page->html, label);
    put(&page->html, "</th><td>");
    notify_mime_escape(&page->html, value);
    put(&page->html, "</td></tr>\r\n");
}

/* "2021-07-13T08:00:00Z" -> "2021-07-13 08:00:00 UTC" */
static int
print_when(char *out, size_t size, struct text when)
{
    if (when.len < 20 || when.ptr[10] != 'T' || when.ptr[when.len - 1] != 'Z')
        return snprintf(out, size, "%.*s", TEXT_ARG(when));
    return snprintf(out, size, "%.10s %.*s UTC", when.ptr, (int)when.len - 12, when.ptr + 11);
}

static void
put_sessions(struct told *page, struct text data)
{
    struct mp_value sessions;
    const char *at = find(data, "sessions", &sessions);
    if (!at || sessions.type != MP_ARRAY)
        return;
    for (int64_t i = 0; i < sessions.number; i++) {
        const char *next = mp_skip(at);
        struct text one = {at, (uint32_t)(next - at)};
        struct text start = find_text(one, "start"), end = find_text(one, "end");
        char span[160], from[64], to[64];
        print_when(from, sizeof from, start);
        print_when(to, sizeof to, end);
        snprintf(span, sizeof span, "%s%s%s", from, text_equal(start, end) ? "" : " to ",
                 text_equal(start, end) ? "" : to);
        put_row(page, "When", text_of(span));
        at = next;
    }
}

static void
put_record(struct told *page, const struct log_record *record, const struct notify_letter *letter)
{
    static const struct {
        const char *label, *key;
    } rows[] = {{"Status", "status"}, {"Place", "place"},       {"Format", "format"},
                {"Host", "host"},     {"Deadline", "deadline"}, {"Reason", "reason"}};
    char subject[SUBJECT_MAX], seq[TEXT_NUMBER_MAX], time[TIME_TEXT_MAX], told[64];
    subject_of(record, letter, subject);
    put_heading(page, subject);
    if (!letter->thin) {
        put_sessions(page, record->data);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            put_row(page, rows[i].label, find_text(record->data, rows[i].key));
    }
    time_print(record->time_ms, time);
    print_when(told, sizeof told, text_of(time));
    put_row(page, "Recorded", text_of(told));
    put_row(page, "Topic", record->topic);
    put_row(page, "Record", (struct text){seq, (uint32_t)text_number(record->seq, seq)});
    put(&page->plain, "\r\n");
    put(&page->html, "</table>\r\n");
}

/* ---- the mail -------------------------------------------------------------------------------- */

static void
put_headers(struct buf *out, const struct notify_letter *letter, struct text id,
            struct text subject)
{
    char line[700];
    const char *at = memchr(letter->from.ptr, '@', letter->from.len);
    struct text domain = {at + 1, letter->from.len - (uint32_t)(at + 1 - letter->from.ptr)};
    snprintf(line, sizeof line, "From: CBM Bus <%.*s>\r\nTo: <%.*s>\r\n", TEXT_ARG(letter->from),
             TEXT_ARG(letter->to));
    put(out, line);
    notify_mime_header(out, "Subject", subject);
    notify_mime_date(out, letter->time_ms);
    snprintf(line, sizeof line,
             "Message-ID: <%.*s.%.*s.%.*s@%.*s>\r\n"
             "List-Id: <%.*s.%.*s.cbm>\r\n"
             "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n",
             TEXT_ARG(letter->org), TEXT_ARG(letter->subscription), TEXT_ARG(id), TEXT_ARG(domain),
             TEXT_ARG(letter->subscription), TEXT_ARG(letter->org));
    put(out, line);
}

static void
put_texts(struct buf *out, const char *boundary, struct text plain, struct text html)
{
    notify_mime_part(out, boundary, "text/plain; charset=utf-8", NULL, plain);
    notify_mime_part(out, boundary, "text/html; charset=utf-8", NULL, html);
}

bool
notify_mail_write_text(struct buf *out, const struct notify_letter *letter, struct text id,
                       struct text subject, struct text plain, struct text html)
{
    if (!notify_mail_address_valid(letter->from) || !notify_mail_address_valid(letter->to))
        return false;
    put_headers(out, letter, id, subject);
    notify_mime_multipart(out, "alternative", NOTIFY_MIME_INNER);
    put_texts(out, NOTIFY_MIME_INNER, plain, html);
    notify_mime_multipart_end(out, NOTIFY_MIME_INNER);
    return !out->failed;
}

/* One invitation is an alternative to the text, as calendars expect it; several are attached. */
static bool
put_invitations(struct buf *out, const struct notify_letter *letter, const struct notify_itip *itip)
{
    uint32_t count = itip->event.sessions.count;
    const char *boundary = count > 1 ? NOTIFY_MIME_OUTER : NOTIFY_MIME_INNER;
    struct buf calendar = {0};
    bool written = true;
    for (uint32_t i = 0; written && i < count; i++) {
        char type[80], file[80];
        snprintf(type, sizeof type, "text/calendar; charset=utf-8; method=%s", itip->method);
        snprintf(file, sizeof file, "attachment; filename=\"session-%u.ics\"", i + 1);
        buf_clear(&calendar);
        written = notify_itip_write(&calendar, itip, i, letter->from, letter->to);
        if (written)
            notify_mime_part(out, boundary, type, count > 1 ? file : NULL, text_in(&calendar));
    }
    buf_fini(&calendar);
    return written;
}

static bool
put_body(struct buf *out, const struct notify_letter *letter, unsigned count,
         const struct log_record *records, const struct told *page)
{
    struct notify_itip itip;
    bool invites = count == 1 && !letter->thin && notify_itip_read(records, &itip);
    bool several = invites && itip.event.sessions.count > 1;
    if (several) {
        notify_mime_multipart(out, "mixed", NOTIFY_MIME_OUTER);
        put(out, "--" NOTIFY_MIME_OUTER "\r\n");
    }
    notify_mime_multipart(out, "alternative", NOTIFY_MIME_INNER);
    put_texts(out, NOTIFY_MIME_INNER, text_in(&page->plain), text_in(&page->html));
    if (invites && !several)
        put_invitations(out, letter, &itip); /* the text says it as well */
    notify_mime_multipart_end(out, NOTIFY_MIME_INNER);
    if (several) {
        put_invitations(out, letter, &itip);
        notify_mime_multipart_end(out, NOTIFY_MIME_OUTER);
    }
    return !out->failed;
}

/* Whether what is read below can be read. */
static bool
records_valid(unsigned count, const struct log_record *records)
{
    bool valid = count > 0;
    for (unsigned i = 0; valid && i < count; i++)
        valid = log_record_type(&records[i]).ptr &&
                mp_scan(records[i].data.ptr, records[i].data.len, NULL) == STATUS_OK;
    return valid;
}

static void
put_cursor(struct buf *out, unsigned count, const struct log_record *records)
{
    const struct log_record *last = &records[count - 1];
    char seq[TEXT_NUMBER_MAX];
    struct text seq_text = {seq, (uint32_t)text_number(last->seq, seq)};
    notify_mime_header(out, "X-CBM-Seq", seq_text);
    if (count > 1)
        return;
    notify_mime_header(out, "X-CBM-Id", seq_text);
    notify_mime_header(out, "X-CBM-Topic", last->topic);
    notify_mime_header(out, "X-CBM-Type", log_record_type(last));
}

bool
notify_mail_write(struct buf *out, const struct notify_letter *letter, unsigned count,
                  const struct log_record *records)
{
    if (!records_valid(count, records) || !notify_mail_address_valid(letter->from) ||
        !notify_mail_address_valid(letter->to))
        return false;
    struct told page = {0};
    char subject[SUBJECT_MAX], id[TEXT_NUMBER_MAX];
    uint32_t id_len = (uint32_t)text_number(records[count - 1].seq, id);
    if (count > 1)
        snprintf(subject, sizeof subject, "%u notifications", count);
    else
        subject_of(records, letter, subject);
    put(&page.html, "<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\"></head><body>\r\n");
    for (unsigned i = 0; i < count; i++)
        put_record(&page, &records[i], letter);
    put(&page.html, "</body></html>\r\n");
    put_headers(out, letter, (struct text){id, id_len}, text_of(subject));
    put_cursor(out, count, records);
    bool written =
        !page.plain.failed && !page.html.failed && put_body(out, letter, count, records, &page);
    buf_fini(&page.plain);
    buf_fini(&page.html);
    return written;
}
