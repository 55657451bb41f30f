/* See events_known.h. Tables are small (tens of rows, some hundred decisions), so they are searched
 * from front to back.
 * It must not know messages on the wire or where records come from. */
#include "services/events/events_known.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/dated.h"

#define CODE_MAX 17
#define STATUSES_MAX 64
#define COORDINATIONS_MAX 64
#define COORDINATORS_MAX 32

struct status_from {
    enum participant_status status;
    date_day from, supersedes;
};

struct known_participant {
    char code[CODE_MAX];
    enum participant_status status; /* the one in effect when it was recorded */
    unsigned count;
    struct status_from *history; /* owned, in the order of recording */
};

struct known_coordination {
    date_day from, supersedes;
    unsigned count;
    char codes[COORDINATORS_MAX][CODE_MAX];
};

struct known_area {
    char area[TEXT_ID_MAX + 1];
    unsigned count;
    struct known_coordination *history; /* owned, in the order of recording */
};

/* An area of the catalogue; `area` is empty for the dimension itself. */
struct known_place {
    char dimension[TEXT_ID_MAX + 1];
    char area[TEXT_ID_MAX + 1];
};

struct known_catalogue {
    int64_t revision;
    date_day adopted;
    unsigned count;
    struct known_place *places; /* owned */
};

struct events_known {
    unsigned participant_count, area_count, catalogue_count, decision_count;
    struct known_participant *participants; /* owned */
    struct known_area *areas;               /* owned */
    struct known_catalogue *catalogues;     /* owned, by number */
    struct events_decision *decisions;      /* owned */
};

static void
keep(char *out, size_t size, struct text text)
{
    size_t len = text.len < size ? text.len : size - 1;
    if (len)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

struct events_known *
events_known_new(void)
{
    return calloc(1, sizeof(struct events_known));
}

void
events_known_destroy(struct events_known **known)
{
    if (!*known)
        return;
    for (unsigned i = 0; i < (*known)->participant_count; i++)
        free((*known)->participants[i].history);
    for (unsigned i = 0; i < (*known)->area_count; i++)
        free((*known)->areas[i].history);
    free((*known)->participants);
    free((*known)->areas);
    for (unsigned i = 0; i < (*known)->catalogue_count; i++)
        free((*known)->catalogues[i].places);
    free((*known)->catalogues);
    free((*known)->decisions);
    free(*known);
    *known = NULL;
}

static struct known_participant *
find_participant(const struct events_known *known, struct text code)
{
    for (unsigned i = 0; i < known->participant_count; i++)
        if (text_is(code, known->participants[i].code))
            return &known->participants[i];
    return NULL;
}

static struct known_area *
find_area(const struct events_known *known, struct text area)
{
    for (unsigned i = 0; i < known->area_count; i++)
        if (text_is(area, known->areas[i].area))
            return &known->areas[i];
    return NULL;
}

bool
events_known_put_participant(struct events_known *known, const struct participant *from)
{
    struct known_participant *at = find_participant(known, from->code);
    unsigned count = from->history.count < STATUSES_MAX ? from->history.count : STATUSES_MAX;
    struct status_from *history = calloc(count + 1, sizeof *history);
    if (!history)
        return false;
    if (!at) {
        struct known_participant *grown =
            realloc(known->participants, (known->participant_count + 1) * sizeof *grown);
        if (!grown) {
            free(history);
            return false;
        }
        known->participants = grown;
        at = &grown[known->participant_count++];
        *at = (struct known_participant){.count = 0};
        keep(at->code, sizeof at->code, from->code);
    }
    for (unsigned i = 0; i < count; i++) {
        const struct status_entry *entry = &from->history.items[i];
        history[i] = (struct status_from){(enum participant_status)entry->status, entry->from,
                                          entry->supersedes};
    }
    free(at->history);
    at->history = history;
    at->count = count;
    at->status = (enum participant_status)from->status;
    return true;
}

static void
keep_coordination(struct known_coordination *out, const struct coordination *from)
{
    out->from = from->from;
    out->supersedes = from->supersedes;
    for (uint32_t i = 0; i < from->coordinators.count && out->count < COORDINATORS_MAX; i++)
        keep(out->codes[out->count++], CODE_MAX, from->coordinators.items[i]);
    for (uint32_t i = 0; i < from->co_coordinators.count && out->count < COORDINATORS_MAX; i++)
        keep(out->codes[out->count++], CODE_MAX, from->co_coordinators.items[i]);
}

bool
events_known_put_area(struct events_known *known, const struct area *from)
{
    struct known_area *at = find_area(known, from->area);
    unsigned count =
        from->history.count < COORDINATIONS_MAX ? from->history.count : COORDINATIONS_MAX;
    struct known_coordination *history = calloc(count + 1, sizeof *history);
    if (!history)
        return false;
    if (!at) {
        struct known_area *grown = realloc(known->areas, (known->area_count + 1) * sizeof *grown);
        if (!grown) {
            free(history);
            return false;
        }
        known->areas = grown;
        at = &grown[known->area_count++];
        *at = (struct known_area){.count = 0};
        keep(at->area, sizeof at->area, from->area);
    }
    for (unsigned i = 0; i < count; i++)
        keep_coordination(&history[i], &from->history.items[i]);
    free(at->history);
    at->history = history;
    at->count = count;
    return true;
}

/* Puts it in order of numbers; another telling of the same revision takes its place. */
static bool
insert_catalogue(struct events_known *known, const struct known_catalogue *new)
{
    unsigned at = known->catalogue_count;
    while (at && known->catalogues[at - 1].revision >= new->revision)
        at--;
    if (at < known->catalogue_count && known->catalogues[at].revision == new->revision) {
        free(known->catalogues[at].places);
        known->catalogues[at] = *new;
        return true;
    }
    struct known_catalogue *grown =
        realloc(known->catalogues, (known->catalogue_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    known->catalogues = grown;
    memmove(grown + at + 1, grown + at, (known->catalogue_count++ - at) * sizeof *grown);
    grown[at] = *new;
    return true;
}

bool
events_known_put_catalogue(struct events_known *known, const struct catalogue *from)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < from->dimensions.count; i++)
        count += 1 + from->dimensions.items[i].areas.count;
    struct known_place *places = calloc(count + 1, sizeof *places);
    if (!places)
        return false;
    count = 0;
    for (uint32_t i = 0; i < from->dimensions.count; i++) {
        const struct catalogue_dimension *dimension = &from->dimensions.items[i];
        keep(places[count++].dimension, TEXT_ID_MAX + 1, dimension->code);
        for (uint32_t k = 0; k < dimension->areas.count; k++) {
            keep(places[count].dimension, TEXT_ID_MAX + 1, dimension->code);
            keep(places[count++].area, TEXT_ID_MAX + 1, dimension->areas.items[k].code);
        }
    }
    struct known_catalogue new = {from->revision, from->adopted, count, places};
    if (insert_catalogue(known, &new))
        return true;
    free(places);
    return false;
}

bool
events_known_put_decision(struct events_known *known, const struct decision *from)
{
    struct events_decision *at = NULL;
    for (unsigned i = known->decision_count; i && !at; i--) /* the last ones change most */
        if (text_is(from->id, known->decisions[i - 1].id))
            at = &known->decisions[i - 1];
    if (!at) {
        unsigned count = known->decision_count;
        if (!(count & (count - 1))) { /* 0 and powers of two */
            struct events_decision *grown =
                realloc(known->decisions, (count ? 2 * count : 1) * sizeof *grown);
            if (!grown)
                return false;
            known->decisions = grown;
        }
        at = &known->decisions[known->decision_count++];
    }
    keep(at->id, sizeof at->id, from->id);
    keep(at->body, sizeof at->body, from->body);
    keep(at->digest, sizeof at->digest, from->digest);
    at->status = (enum decision_status)from->status;
    return true;
}

const struct events_decision *
events_known_decision(const struct events_known *known, struct text id)
{
    for (unsigned i = 0; i < known->decision_count; i++)
        if (text_is(id, known->decisions[i].id))
            return &known->decisions[i];
    return NULL;
}

bool
events_known_participant(const struct events_known *known, struct text code)
{
    return find_participant(known, code) != NULL;
}

/* Its status on the day, absent if it is not known. Before all entries the recorded one stands. */
static enum participant_status
status_on(const struct events_known *known, struct text code, date_day day)
{
    const struct known_participant *participant = find_participant(known, code);
    if (!participant)
        return participant_status_absent;
    struct dated list = {participant->history,
                         participant->count,
                         sizeof *participant->history,
                         offsetof(struct status_from, from),
                         offsetof(struct status_from, supersedes),
                         DATED_NONE};
    int now = dated_on(&list, TEXT_NONE, day);
    return now < 0 ? participant->status : participant->history[now].status;
}

bool
events_known_takes_part(const struct events_known *known, struct text code, date_day day)
{
    enum participant_status status = status_on(known, code, day);
    return status != participant_status_absent && status != PARTICIPANT_FORMER;
}

bool
events_known_member(const struct events_known *known, struct text code, date_day day)
{
    return status_on(known, code, day) == PARTICIPANT_MEMBER;
}

bool
events_known_coordinates(const struct events_known *known, struct text area, const char *member,
                         date_day day)
{
    const struct known_area *at = area.ptr ? find_area(known, area) : NULL;
    if (!at)
        return false;
    struct dated list = {at->history,
                         at->count,
                         sizeof *at->history,
                         offsetof(struct known_coordination, from),
                         offsetof(struct known_coordination, supersedes),
                         DATED_NONE};
    int now = dated_on(&list, TEXT_NONE, day);
    for (unsigned i = 0; now >= 0 && i < at->history[now].count; i++)
        if (strcmp(at->history[now].codes[i], member) == 0)
            return true;
    return false;
}

/* The newest revision; an empty one if there is none. */
static struct known_catalogue
newest(const struct events_known *known)
{
    unsigned count = known->catalogue_count;
    return count ? known->catalogues[count - 1] : (struct known_catalogue){.count = 0};
}

int64_t
events_known_areas(const struct events_known *known, date_day day, struct text *areas, unsigned max,
                   unsigned *count)
{
    const struct known_catalogue *in_force = known->catalogues;
    *count = 0;
    for (unsigned i = 1; i < known->catalogue_count; i++)
        if (known->catalogues[i].adopted <= day)
            in_force = &known->catalogues[i];
    if (!in_force)
        return 0;
    for (unsigned i = 0; i < in_force->count && *count < max; i++)
        if (*in_force->places[i].area)
            areas[(*count)++] = text_of(in_force->places[i].area);
    return in_force->revision;
}

int64_t
events_known_revision(const struct events_known *known)
{
    return newest(known).revision;
}

struct text
events_known_area(const struct events_known *known, struct text area)
{
    struct known_catalogue in = newest(known);
    for (unsigned i = 0; i < in.count; i++)
        if (*in.places[i].area && text_is(area, in.places[i].area))
            return text_of(in.places[i].dimension);
    return TEXT_NONE;
}

struct text
events_known_area_at(const struct events_known *known, unsigned n)
{
    struct known_catalogue in = newest(known);
    for (unsigned i = 0; i < in.count; i++)
        if (*in.places[i].area && n-- == 0)
            return text_of(in.places[i].area);
    return TEXT_NONE;
}

bool
events_known_dimension(const struct events_known *known, struct text dimension)
{
    struct known_catalogue in = newest(known);
    for (unsigned i = 0; i < in.count; i++)
        if (text_is(dimension, in.places[i].dimension))
            return true;
    return false;
}
