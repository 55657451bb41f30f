/* The digest as a text (notify_domain_digest.h): one order of sentences, in Markdown or HTML. It
 * must not know the log, stores or codecs. */
#include <stdarg.h>
#include <stdio.h>

#include "services/notify/notify_domain_digest.h"

struct writer {
    const struct notify_digest *digest;
    struct buf *out;
    bool html;
};

/* ---- text ---- */

static void
put(const struct writer *writer, const char *text)
{
    buf_append(writer->out, text, strlen(text));
}

/* What stands for a character in the middle of a line; NULL for itself. `;` never ends what a title
 * begins, for its `&` is written out too. */
static const char *
escape_of(bool html, char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return html ? "&quot;" : NULL;
    case '\'': return html ? "&#39;" : NULL;
    case '|': return html ? NULL : "&#124;";
    case '~': return html ? NULL : "&#126;";
    case '\\':
    case '`':
    case '*':
    case '_':
    case '[':
    case ']':
    case '#': return html ? NULL : "\\";
    default: return (unsigned char)c < 0x20 || c == 0x7f ? " " : NULL;
    }
}

/* Writes a text that somebody else made. */
static void
put_text(const struct writer *writer, struct text text)
{
    for (uint32_t i = 0; i < text.len; i++) {
        const char *escape = escape_of(writer->html, text.ptr[i]);
        if (escape)
            put(writer, escape);
        if (!escape || *escape == '\\')
            buf_append(writer->out, &text.ptr[i], 1);
    }
}

/* The same as a sentence, with the end that it has or a full stop. */
static void
put_sentence(const struct writer *writer, struct text text)
{
    put_text(writer, text);
    bool ended = text.len && strchr(".?!", text.ptr[text.len - 1]);
    put(writer, ended ? " " : ". ");
}

static void __attribute__((format(printf, 2, 3)))
put_format(const struct writer *writer, const char *format, ...)
{
    char line[200];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len > 0)
        buf_append(writer->out, line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}

/* ---- blocks ---- */

static void
heading(const struct writer *writer, unsigned level, struct text text)
{
    if (writer->html)
        put_format(writer, "<h%u>", level);
    else
        put_format(writer, "%.*s ", (int)level, "####");
    put_text(writer, text);
    if (writer->html)
        put_format(writer, "</h%u>\n", level);
    else
        put(writer, "\n\n");
}

static void
list_begin(const struct writer *writer)
{
    put(writer, writer->html ? "<ul>\n" : "");
}

static void
list_end(const struct writer *writer)
{
    put(writer, writer->html ? "</ul>\n" : "\n");
}

static void
item_begin(const struct writer *writer)
{
    put(writer, writer->html ? "<li>" : "- ");
}

static void
item_end(const struct writer *writer)
{
    put(writer, writer->html ? "</li>\n" : "\n");
}

static void
strong(const struct writer *writer, const char *text)
{
    put(writer, writer->html ? "<strong>" : "**");
    put_text(writer, text_of(text));
    put(writer, writer->html ? "</strong>" : "**");
}

/* ---- words ---- */

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
#define SPAN_MAX 64

/* "13 July 2021", "15–16 July 2021", "28 September – 2 October 2021". */
static void
span_text(date_day from, date_day to, char out[SPAN_MAX])
{
    int year, month, mday, to_year, to_month, to_mday;
    date_civil(from, &year, &month, &mday);
    date_civil(to, &to_year, &to_month, &to_mday);
    const char *name = months[month - 1], *to_name = months[to_month - 1];
    if (from >= to)
        snprintf(out, SPAN_MAX, "%d %s %d", to_mday, to_name, to_year);
    else if (year != to_year)
        snprintf(out, SPAN_MAX, "%d %s %d – %d %s %d", mday, name, year, to_mday, to_name, to_year);
    else if (month != to_month)
        snprintf(out, SPAN_MAX, "%d %s – %d %s %d", mday, name, to_mday, to_name, to_year);
    else
        snprintf(out, SPAN_MAX, "%d–%d %s %d", mday, to_mday, to_name, to_year);
}

static void
put_number(const struct writer *writer, int64_t number)
{
    if (number >= 1000)
        put_number(writer, number / 1000);
    put_format(writer, number >= 1000 ? ",%03d" : "%d", (int)(number % 1000));
}

/* "1 event", "2 events". */
static void
put_count(const struct writer *writer, int64_t count, const char *one)
{
    put_number(writer, count);
    put_format(writer, " %s%s", one, count == 1 ? "" : "s");
}

/* "training-course": "Training course" or "training course". */
static void
put_kind(const struct writer *writer, struct text kind, bool capital)
{
    for (uint32_t i = 0; i < kind.len; i++) {
        char c = kind.ptr[i] == '-' ? ' ' : kind.ptr[i];
        if (capital && i == 0 && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        put_text(writer, (struct text){&c, 1});
    }
}

static void
put_name(const struct writer *writer, struct text code)
{
    put_text(writer, notify_digest_name(writer->digest, code));
}

/* "Iran, China and Türkiye". */
static void
put_names(const struct writer *writer, uint32_t count, const struct text *codes)
{
    for (uint32_t i = 0; i < count; i++) {
        put(writer, i == 0 ? "" : i + 1 < count ? ", " : " and ");
        put_name(writer, codes[i]);
    }
}

static const char *
qualifier_word(int qualifier)
{
    return qualifier == COUNT_MORE_THAN ? "more than " : qualifier == COUNT_ABOUT ? "about " : "";
}

/* ---- events ---- */

static void
put_host(const struct writer *writer, const struct digest_event *event)
{
    put_kind(writer, event->kind, true);
    put(writer, ", hosted by ");
    put_name(writer, event->host);
    if (event->co_hosts.count) {
        put(writer, " with ");
        put_names(writer, event->co_hosts.count, event->co_hosts.items);
    }
    for (uint32_t i = 0; i < event->institutions.count; i++) {
        put(writer, i == 0 ? " (" : "; ");
        put_text(writer, event->institutions.items[i]);
    }
    put(writer, event->institutions.count ? ")" : "");
    if (event->place.ptr) {
        put(writer, ", ");
        put_text(writer, event->place);
    }
    put(writer, event->format == FORMAT_ONLINE      ? ", online"
                : event->format == FORMAT_IN_PERSON ? ", in person"
                : event->format == FORMAT_HYBRID    ? ", in person and online"
                                                    : "");
    put(writer, ".");
}

static void
put_participation(const struct writer *writer, const struct digest_event *event)
{
    int64_t named = event->member_states.count;
    int64_t states = event->member_states_count == INT_NONE ? named : event->member_states_count;
    if (event->participants_count != INT_NONE) {
        const char *word = qualifier_word(event->participants_qualifier);
        put_format(writer, " %c%s", *word ? *word - 'a' + 'A' : ' ', *word ? word + 1 : "");
        if (!*word)
            writer->out->len--; /* the blank that stood for a capital */
        put_count(writer, event->participants_count, "participant");
    } else if (states) {
        put(writer, " Participants");
    }
    if (states) {
        put(writer, " from ");
        put_count(writer, states, "participating state");
    }
    if (named) {
        put(writer, named < states ? ", among them " : ": ");
        put_names(writer, event->member_states.count, event->member_states.items);
    }
    if (event->participants_count != INT_NONE || states)
        put(writer, event->counted == 0 ? " (counted in its series)." : ".");
}

static void
put_event(const struct writer *writer, const struct digest_event *event)
{
    char span[SPAN_MAX];
    span_text(event->from, event->to, span);
    item_begin(writer);
    strong(writer, span);
    put(writer, ". ");
    put_sentence(writer, event->title);
    put_host(writer, event);
    put_participation(writer, event);
    item_end(writer);
}

static void
put_months(const struct writer *writer)
{
    const struct notify_digest *digest = writer->digest;
    for (unsigned i = 0; i < digest->event_count;) {
        unsigned month_end = notify_digest_month_end(digest, i);
        char name[32];
        snprintf(name, sizeof name, "%s %d", months[digest->events[i].month % 12],
                 digest->events[i].month / 12);
        heading(writer, 2, text_of(name));
        while (i < month_end) {
            unsigned end = notify_digest_dimension_end(digest, i);
            heading(writer, 3, notify_digest_dimension(digest, digest->events[i].event.dimension));
            list_begin(writer);
            for (; i < end; i++)
                put_event(writer, &digest->events[i].event);
            list_end(writer);
        }
    }
}

/* ---- the rest ---- */

static void
dated_begin(const struct writer *writer, date_day day)
{
    char span[SPAN_MAX];
    span_text(day, day, span);
    item_begin(writer);
    strong(writer, span);
    put(writer, ". ");
}

static void
put_decisions(const struct writer *writer)
{
    const struct notify_digest *digest = writer->digest;
    heading(writer, 2, TEXT_LITERAL("Decisions adopted"));
    list_begin(writer);
    for (unsigned i = 0; i < digest->decision_count; i++) {
        const struct digest_decision *decision = &digest->decisions[i];
        dated_begin(writer, decision->on);
        put_sentence(writer, decision->title);
        put(writer, "Adopted by ");
        put_name(writer, decision->body);
        put(writer, decision->mode == DECISION_SILENCE ? " by silence procedure" : "");
        put(writer, decision->mode == DECISION_CONSENSUS ? " by consensus" : "");
        put(writer, ".");
        item_end(writer);
    }
    list_end(writer);
}

static const char *
status_phrase(int status)
{
    switch (status) {
    case PARTICIPANT_MEMBER: return " became a member";
    case PARTICIPANT_OBSERVER: return " became an observer";
    case PARTICIPANT_PARTNER: return " became a partner";
    case PARTICIPANT_APPLICANT: return " applied";
    default: return " ceased to take part";
    }
}

static void
put_changes(const struct writer *writer)
{
    const struct notify_digest *digest = writer->digest;
    heading(writer, 2, TEXT_LITERAL("Participants"));
    list_begin(writer);
    for (unsigned i = 0; i < digest->change_count; i++) {
        const struct digest_change *change = &digest->changes[i];
        dated_begin(writer, change->on);
        put_name(writer, change->code);
        put(writer, status_phrase(change->status));
        if (change->before) {
            put_format(writer, " (before: %s)", participant_status_words[change->before - 1]);
        }
        put(writer, ".");
        item_end(writer);
    }
    list_end(writer);
}

static void
put_chairs(const struct writer *writer)
{
    const struct notify_digest *digest = writer->digest;
    char until[SPAN_MAX];
    heading(writer, 2, TEXT_LITERAL("Chairmanship"));
    list_begin(writer);
    for (unsigned i = 0; i < digest->chair_count; i++) {
        const struct digest_chair *chair = &digest->chairs[i];
        dated_begin(writer, chair->from);
        span_text(chair->to, chair->to, until);
        if (chair->code.ptr) {
            put_name(writer, chair->code);
            put_format(writer, " took the chair, until %s.", until);
        } else {
            put_format(writer, "The chair fell vacant, until %s.", until);
        }
        item_end(writer);
    }
    list_end(writer);
}

static void
put_documents(const struct writer *writer)
{
    const struct notify_digest *digest = writer->digest;
    heading(writer, 2, TEXT_LITERAL("Documents adopted"));
    list_begin(writer);
    for (unsigned i = 0; i < digest->document_count; i++) {
        const struct digest_document *document = &digest->documents[i];
        dated_begin(writer, document->on);
        put_text(writer, document->title);
        put(writer, " (");
        put_text(writer, document->language);
        put_format(writer, ", version %lld, of ", (long long)document->version);
        put_text(writer, document->event);
        put(writer, ").");
        item_end(writer);
    }
    list_end(writer);
}

static void
put_summary(const struct writer *writer)
{
    const struct notify_digest *digest = writer->digest;
    const struct digest_totals *totals = &digest->totals;
    put(writer, writer->html ? "<p>" : "");
    put_count(writer, totals->events, "event");
    put(writer, " took place");
    if (totals->events) {
        put(writer, ", ");
        put_number(writer, totals->reported);
        put(writer, " of them reported on");
    }
    if (totals->counted) {
        put_format(writer, "; %s", qualifier_word(totals->participants_qualifier));
        put_count(writer, totals->participants_count, "participant");
        put(writer, " in the ");
        put_count(writer, totals->counted, "event");
        put(writer, " that were counted");
    }
    if (totals->states) {
        put(writer, "; ");
        put_count(writer, totals->states, "participating state");
    }
    if (digest->decision_count) {
        put(writer, "; ");
        put_count(writer, digest->decision_count, "decision");
        put(writer, " adopted");
    }
    put(writer, writer->html ? ".</p>\n" : ".\n\n");
}

void
notify_digest_write(const struct notify_digest *digest, bool html, struct buf *out)
{
    const struct writer writer = {digest, out, html};
    char span[SPAN_MAX], title[SPAN_MAX + 16];
    span_text(digest->from, digest->to, span);
    snprintf(title, sizeof title, "Digest of %s", span);
    if (html) {
        put(&writer,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
        put_text(&writer, text_of(title));
        put(&writer, "</title>\n</head>\n<body>\n");
    }
    heading(&writer, 1, text_of(title));
    put_summary(&writer);
    put_months(&writer);
    if (digest->decision_count)
        put_decisions(&writer);
    if (digest->change_count)
        put_changes(&writer);
    if (digest->chair_count)
        put_chairs(&writer);
    if (digest->document_count)
        put_documents(&writer);
    if (html)
        put(&writer, "</body>\n</html>\n");
}
