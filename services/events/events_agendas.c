/* See events_agendas.h. It must not know stores, handlers or rules. */
#include "services/events/events_agendas.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKET (INT64_C(1) << 40) /* far from those of days */
#define QUARTERS 65536                  /* of a name; years have four digits */
#define HEADS (2 * EVENTS_AGENDAS_NAMES_MAX)
#define TOUCHED_MAX 512 /* quarters of one record; where there are more, all is forgotten */

/* "aKZ": whose agenda, by the first letter of the scope. */
struct name {
    uint8_t len;
    char text[TEXT_ID_MAX + 1];
};

struct events_agendas {
    struct events_spans *spans;
    unsigned count;
    bool full;
    uint16_t heads[HEADS]; /* 1 + place in names; 0 is free */
    struct name names[EVENTS_AGENDAS_NAMES_MAX];
};

struct events_agendas *
events_agendas_new(struct events_spans *spans)
{
    struct events_agendas *agendas = calloc(1, sizeof *agendas);
    if (agendas)
        agendas->spans = spans;
    return agendas;
}

void
events_agendas_destroy(struct events_agendas **agendas)
{
    free(*agendas);
    *agendas = NULL;
}

struct events_spans *
events_agendas_spans(const struct events_agendas *agendas)
{
    return agendas->spans;
}

int64_t
events_agendas_rules(void)
{
    return FIRST_BUCKET - 1;
}

void
events_agendas_tidy(struct events_agendas *agendas)
{
    if (!agendas->full)
        return;
    events_spans_forget(agendas->spans); /* what was read before is not kept under new numbers */
    memset(agendas->heads, 0, sizeof agendas->heads);
    agendas->count = 0;
    agendas->full = false;
}

/* Where the name is, or would be put. */
static uint16_t *
head_of(struct events_agendas *agendas, char scope, struct text name)
{
    uint32_t hash = 2166136261U ^ (uint8_t)scope;
    for (uint32_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)name.ptr[i]) * 16777619U;
    for (;; hash++) {
        uint16_t *head = &agendas->heads[hash % HEADS];
        const struct name *at = *head ? &agendas->names[*head - 1] : NULL;
        if (!at || (at->len == name.len && at->text[0] == scope &&
                    memcmp(at->text + 1, name.ptr, name.len) == 0))
            return head;
    }
}

static int64_t
bucket_of(uint16_t head, int quarter)
{
    return FIRST_BUCKET + (int64_t)(head - 1) * QUARTERS + quarter;
}

int64_t
events_agendas_bucket(struct events_agendas *agendas, char scope, struct text name, int quarter)
{
    if (!name.ptr || name.len > TEXT_ID_MAX || quarter < 0 || quarter >= QUARTERS)
        return EVENTS_AGENDAS_NONE;
    uint16_t *head = head_of(agendas, scope, name);
    if (!*head && agendas->count == EVENTS_AGENDAS_NAMES_MAX) {
        agendas->full = true;
        return EVENTS_AGENDAS_NONE;
    }
    if (!*head) {
        struct name *next = &agendas->names[agendas->count++];
        next->len = (uint8_t)name.len;
        next->text[0] = scope;
        memcpy(next->text + 1, name.ptr, name.len);
        *head = (uint16_t)agendas->count;
    }
    return bucket_of(*head, quarter);
}

void
events_agendas_touch(struct events_agendas *agendas, char scope, struct text name, int64_t start_ms,
                     int64_t end_ms, int64_t seq)
{
    int first = events_agenda_quarter(start_ms - DATE_DAY_MS);
    int last = events_agenda_quarter(end_ms + DATE_DAY_MS);
    if (!name.ptr || name.len > TEXT_ID_MAX)
        return;
    if (last - first > TOUCHED_MAX)
        events_spans_forget(agendas->spans);
    uint16_t head = *head_of(agendas, scope, name);
    for (int quarter = first; head && quarter <= last && last - first <= TOUCHED_MAX; quarter++)
        events_spans_touch_bucket(agendas->spans, bucket_of(head, quarter), seq);
}

unsigned
events_agendas_items(char scope, struct text lines, struct events_spans_item *items,
                     struct text *ids)
{
    unsigned count = 0;
    struct events_booking booking;
    while (events_agenda_next(&lines, &booking)) {
        const char *mark = booking.words.ptr - 2; /* the blank is between them */
        items[count] = (struct events_spans_item){
            .start_ms = booking.start_ms,
            .end_ms = booking.end_ms,
            .entry = {mark, booking.words.len + 2},
            .document = {mark, 0},
        };
        ids[count++] = scope == 'o' ? booking.what : booking.name;
    }
    return count;
}

struct events_booking
events_agendas_booking(const struct events_spans_item *item)
{
    return (struct events_booking){
        .start_ms = item->start_ms,
        .end_ms = item->end_ms,
        .mark = *item->entry.ptr,
        .words = {item->entry.ptr + 2, item->entry.len - 2},
    };
}
