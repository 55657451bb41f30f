/* See events_domain.h: ids and topics of events, their index entries, and what a list shows.
 * It must not know clocks, stores or messages on the wire. */
#include "services/events/events_domain.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "t|"
#define PIECE_MS (EVENTS_PIECE_DAYS * DATE_DAY_MS)

/* ---- ids and topics -------------------------------------------------------------------------- */

void
events_domain_id(const struct event_draft *draft, unsigned n, char out[TEXT_ID_MAX + 1])
{
    size_t len = text_slug(draft->title, out);
    if (!len) { /* a title without a letter of ASCII */
        int kind_len = draft->kind.len < 40 ? (int)draft->kind.len : 40;
        len = (size_t)snprintf(out, TEXT_ID_MAX + 1, "%.*s-%d", kind_len, draft->kind.ptr,
                               (int)draft->year);
    }
    if (n)
        snprintf(out + len, TEXT_ID_MAX + 1 - len, "-%u", n + 1);
}

/* Joins texts that fit; ends with a NUL. Returns the length. */
static uint32_t
join(char *out, unsigned count, const struct text *parts)
{
    char *at = out;
    for (unsigned i = 0; i < count; at += parts[i++].len)
        if (parts[i].len)
            memcpy(at, parts[i].ptr, parts[i].len);
    *at = '\0';
    return (uint32_t)(at - out);
}

void
events_domain_topic(const struct event *event, char out[EVENTS_TOPIC_MAX])
{
    struct text none = TEXT_LITERAL("-"), dot = TEXT_LITERAL(".");
    struct text dimension = event->dimension.ptr ? event->dimension : none;
    struct text area = event->area.ptr ? event->area : none;
    bool draft = event->draft == 1;
    const struct text parts[] = {draft ? TEXT_LITERAL("private.") : TEXT_LITERAL(""),
                                 draft ? event->author : TEXT_LITERAL(""),
                                 draft ? dot : TEXT_LITERAL(""),
                                 TEXT_LITERAL("events."),
                                 dimension,
                                 dot,
                                 area,
                                 dot,
                                 event->id,
                                 dot};
    join(out, sizeof parts / sizeof *parts, parts);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* The key of an instant, in whole seconds. Instants outside the years 1 to 9999 give the nearest
 * key that sorts right. */
static void
print_key(int64_t ms, char out[EVENTS_KEY_LEN + 1])
{
    int year, month, mday;
    date_day day = date_of_time(ms);
    date_civil(day, &year, &month, &mday);
    if (year < 1)
        memcpy(out, "0001-00-00T00:00:00Z", EVENTS_KEY_LEN + 1);
    else if (year > 9999)
        memcpy(out, "9999-12-31T23:59:59Z", EVENTS_KEY_LEN + 1);
    else {
        char text[TIME_TEXT_MAX]; /* without its milliseconds it has the length of a key */
        time_print(ms - (ms % 1000 + 1000) % 1000, text);
        memcpy(out, text, EVENTS_KEY_LEN + 1);
    }
}

static void
print_year_key(int64_t year, char out[EVENTS_KEY_LEN + 1])
{
    snprintf(out, EVENTS_KEY_LEN + 1, "%04u-00-00T00:00:00Z", (unsigned)year % 10000U);
}

/* "20210714120000" of a key. */
static void
print_digits(int64_t ms, char out[EVENTS_END_LEN + 1])
{
    char key[EVENTS_KEY_LEN + 1];
    print_key(ms, key);
    for (unsigned i = 0; i < EVENTS_KEY_LEN; i++)
        if (key[i] >= '0' && key[i] <= '9')
            *out++ = key[i];
    *out = '\0';
}

/* The piece that begins there: a key of its own, or the later end of two in one second. */
static unsigned
add_key(struct events_key *keys, unsigned count, int64_t start_ms, int64_t end_ms)
{
    struct events_key key;
    print_key(start_ms, key.text);
    print_digits(end_ms + 999, key.end);
    struct events_key *last = count ? &keys[count - 1] : NULL;
    if (!last || strcmp(last->text, key.text) != 0)
        keys[count++] = key;
    else if (strcmp(last->end, key.end) < 0)
        *last = key;
    return count;
}

unsigned
events_domain_keys_max(const struct event *event)
{
    int64_t count = 1;
    for (uint32_t i = 0; i < event->sessions.count; i++) {
        const struct span_when *session = &event->sessions.items[i];
        count += (when_end_ms(session->end) - session->start.ms + PIECE_MS - 1) / PIECE_MS;
    }
    return (unsigned)count;
}

unsigned
events_domain_keys(const struct event *event, struct events_key *out)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < event->sessions.count; i++) {
        int64_t end = when_end_ms(event->sessions.items[i].end);
        for (int64_t at = event->sessions.items[i].start.ms; at < end; at += PIECE_MS)
            count = add_key(out, count, at, at + PIECE_MS < end ? at + PIECE_MS : end);
    }
    if (!count) {
        print_year_key(event->year, out->text);
        out->end[0] = '\0';
        count = 1;
    }
    return count;
}

uint32_t
events_domain_entry(const struct event *event, const struct events_key *key,
                    char out[EVENTS_ENTRY_MAX])
{
    const struct text bar = TEXT_LITERAL("|"), mark = TEXT_LITERAL("!");
    const struct text parts[] = {TEXT_LITERAL(PREFIX),
                                 {key->text, EVENTS_KEY_LEN},
                                 bar,
                                 event->id,
                                 mark,
                                 event->host,
                                 mark,
                                 event->area,
                                 mark,
                                 text_of(key->end)};
    return join(out, sizeof parts / sizeof *parts, parts);
}

/* ---- queries --------------------------------------------------------------------------------- */

/* "2021-07-13T00:00:00Z|<id>", as events_domain_entry splits it. */
static bool
split(struct text rest, struct text *key, struct text *id)
{
    static const char form[] = "0000-00-00T00:00:00Z|";
    if (!rest.ptr || rest.len <= sizeof form - 1)
        return false;
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool digit = rest.ptr[i] >= '0' && rest.ptr[i] <= '9';
        if (form[i] == '0' ? !digit : rest.ptr[i] != form[i])
            return false;
    }
    *key = (struct text){rest.ptr, EVENTS_KEY_LEN};
    *id = (struct text){rest.ptr + sizeof form - 1, rest.len - (uint32_t)(sizeof form - 1)};
    return text_is_id(*id);
}

static enum status
query_span(const struct event_list *in, struct events_query *out, struct error *error)
{
    out->has_from = in->from.ms != TIME_NONE;
    out->has_to = in->to.ms != TIME_NONE;
    out->from_ms = in->from.ms;
    out->to_ms = out->has_to ? when_end_ms(in->to) : TIME_NONE;
    if (out->has_from && out->has_to && out->to_ms <= out->from_ms)
        return error_set(error, STATUS_INVALID_ARGUMENT, "to", "to: is not after from");
    return STATUS_OK;
}

enum status
events_domain_query(const struct event_list *in, struct events_query *out, struct error *error)
{
    *out = (struct events_query){.in = in};
    out->limit = in->limit == INT_NONE ? EVENTS_LIMIT_DEFAULT : (unsigned)in->limit;
    enum status status = query_span(in, out, error);
    if (status != STATUS_OK)
        return status;
    char key[EVENTS_KEY_LEN + 1] = "";
    out->plain = !in->dimension.ptr && !in->kind.ptr && !in->status && in->year == INT_NONE &&
                 !in->text.ptr && (out->has_from || out->has_to);
    if (out->has_from) {
        print_key(out->from_ms - PIECE_MS, key);
        print_digits(out->from_ms, out->after);
    }
    snprintf(out->start, sizeof out->start, PREFIX "%s", key);
    if (out->has_to)
        print_key(out->to_ms - 1, key);
    /* '}' sorts after '|', which ends every key, and after every digit */
    snprintf(out->upto, sizeof out->upto, PREFIX "%s}", out->has_to ? key : "");
    if (!in->cursor.ptr || !in->cursor.len)
        return STATUS_OK;
    struct text at, id;
    if (!split(in->cursor, &at, &id))
        return error_set(error, STATUS_INVALID_ARGUMENT, "cursor",
                         "cursor: want `next` of the page before, unchanged");
    /* '"' sorts after '!', which ends every id, and before all that is in one: the next entry */
    snprintf(out->start, sizeof out->start, PREFIX "%.*s\"", TEXT_ARG(in->cursor));
    return STATUS_OK;
}

/* Takes what stands before the next '!', or all that is left. */
static struct text
take_word(struct text *rest)
{
    const char *mark = rest->len ? memchr(rest->ptr, '!', rest->len) : NULL;
    struct text word = {rest->ptr, mark ? (uint32_t)(mark - rest->ptr) : rest->len};
    uint32_t taken = word.len + (mark != NULL);
    *rest = (struct text){rest->ptr + taken, rest->len - taken};
    return word;
}

static bool
same_or_any(struct text wanted, struct text value)
{
    return !wanted.ptr || text_equal(wanted, value);
}

/* Whether a piece goes on until the span begins; fractions of seconds are left to the event. */
static bool
reaches(const struct events_query *query, struct text end)
{
    return !query->after[0] ||
           (end.len == EVENTS_END_LEN && memcmp(end.ptr, query->after, EVENTS_END_LEN) > 0);
}

bool
events_domain_asked(const struct events_query *query, struct text entry, struct text *key,
                    struct text *id, struct text *cursor)
{
    const uint32_t prefix_len = sizeof PREFIX - 1;
    if (entry.len < prefix_len || memcmp(entry.ptr, PREFIX, prefix_len) != 0)
        return false;
    struct text rest = {entry.ptr + prefix_len, entry.len - prefix_len};
    *cursor = take_word(&rest);
    struct text host = take_word(&rest), area = take_word(&rest);
    if (cursor->len <= EVENTS_KEY_LEN + 1)
        return false;
    *key = (struct text){cursor->ptr, EVENTS_KEY_LEN};
    *id = (struct text){cursor->ptr + EVENTS_KEY_LEN + 1, cursor->len - EVENTS_KEY_LEN - 1};
    return reaches(query, rest) && same_or_any(query->in->host, host) &&
           same_or_any(query->in->area, area);
}

/* The first instant of the first piece that overlaps the span; TIME_NONE if there is none. */
static int64_t
first_piece(const struct events_query *query, const struct span_when *sessions, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct span_when *session = &sessions[i];
        int64_t end = when_end_ms(session->end);
        for (int64_t at = session->start.ms; at < end; at += PIECE_MS) {
            int64_t piece_end = at + PIECE_MS < end ? at + PIECE_MS : end;
            if ((!query->has_from || piece_end > query->from_ms) &&
                (!query->has_to || at < query->to_ms))
                return at;
        }
    }
    return TIME_NONE;
}

static bool
has_text(const struct event *event, struct text part)
{
    if (text_contains_nocase(event->title, part))
        return true;
    for (uint32_t i = 0; i < event->titles.count; i++)
        if (text_contains_nocase(event->titles.items[i].value, part))
            return true;
    return false;
}

bool
events_domain_listed(const struct events_query *query, const struct event *event, struct text key)
{
    const struct event_list *in = query->in;
    if (!same_or_any(in->dimension, event->dimension) || !same_or_any(in->area, event->area) ||
        !same_or_any(in->host, event->host) || !same_or_any(in->kind, event->kind) ||
        (in->status && in->status != event->status) ||
        (in->year != INT_NONE && in->year != event->year) ||
        (in->text.ptr && !has_text(event, in->text)))
        return false;
    char stands[EVENTS_KEY_LEN + 1];
    int64_t piece = first_piece(query, event->sessions.items, event->sessions.count);
    if (piece == TIME_NONE && (query->has_from || query->has_to))
        return false;
    if (piece == TIME_NONE)
        print_year_key(event->year, stands);
    else
        print_key(piece, stands);
    return text_is(key, stands);
}

bool
events_domain_listed_by(const struct events_query *query, const struct event_sessions *event,
                        struct text key)
{
    char stands[EVENTS_KEY_LEN + 1];
    int64_t piece = first_piece(query, event->sessions.items, event->sessions.count);
    if (piece == TIME_NONE)
        return false;
    print_key(piece, stands);
    return text_is(key, stands);
}

unsigned
events_domain_weight(const struct event *event)
{
    unsigned weight = 1;
    for (unsigned i = 0; i < event_schema.field_count; i++) {
        const struct field *field = &event_schema.fields[i];
        weight += schema_absent(field, (const char *)event + field->offset) ? 0 : 2;
    }
    weight += 2 * event->titles.count + event->co_hosts.count + event->institutions.count;
    weight += 5 * event->sessions.count;
    if (event->report.present)
        weight += 2 * event_report_schema.field_count + event->report.member_states.count;
    return weight;
}

enum status
events_domain_cursor(struct text cursor, int64_t fallback, int64_t *out, struct error *error)
{
    *out = fallback;
    if (!cursor.ptr || !cursor.len)
        return STATUS_OK;
    int64_t value = 0;
    bool fine = cursor.len <= 18;
    for (uint32_t i = 0; fine && i < cursor.len; i++) {
        fine = cursor.ptr[i] >= '0' && cursor.ptr[i] <= '9';
        value = value * 10 + (cursor.ptr[i] - '0');
    }
    if (!fine)
        return error_set(error, STATUS_INVALID_ARGUMENT, "cursor",
                         "cursor: want `next` of the page before, unchanged");
    *out = value;
    return STATUS_OK;
}
