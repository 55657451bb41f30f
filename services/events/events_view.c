/* See events_view.h. It must not know handlers or any rule of events. */
#include "services/events/events_view.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/log/follow.h"
#include "common/msg/schema_mp.h"
#include "services/events/events_plan.h"

#define PREFIX "registry."
#define DECISIONS "decisions."

/* A decoded record; the catalogue is large, so this is never on the stack. */
union events_view_message {
    struct participant participant;
    struct area area;
    struct catalogue catalogue;
    struct decision decision;
    struct plan_refusal refusal;
};

struct events_view {
    struct events_known *known;              /* owned */
    struct log_follow *registry, *decisions; /* owned */
    struct chores *plans;
    union events_view_message *message; /* owned */
    struct events_spans *spans;         /* owned */
    struct events_agendas *agendas;     /* owned */
    struct zone_set zones;
    bool opened, failed;
};

/* Decodes a record's data; false after a line in the log: a record of the registry that cannot be
 * read is its bug and must not stop this service. */
static bool
decode(struct events_view *view, const struct log_record *record, const struct schema *schema)
{
    struct error error;
    enum status status = schema_decode_bytes(schema, record->data.ptr, record->data.len,
                                             view->message, SCHEMA_STORED, &error);
    if (status != STATUS_OK)
        log_event(LOG_LEVEL_ERROR, "a record of the registry cannot be read",
                  LOG_NUMBER("seq", record->seq), LOG_TEXT("error", error.message));
    return status == STATUS_OK;
}

/* A plan waits for the outcome of its decision, or hears that it could not be opened. */
static bool
put_plan(struct events_view *view, struct text topic, struct text id, struct text reason)
{
    char data[TEXT_ID_MAX + ERROR_MESSAGE_MAX + 2];
    int len = snprintf(data, sizeof data, "%.*s%s%.*s", TEXT_ARG(id), reason.ptr ? " " : "",
                       TEXT_ARG(reason));
    if (len >= (int)sizeof data)
        len = (int)sizeof data - 1;
    return chores_put(view->plans, topic, (struct text){data, (uint32_t)len});
}

static bool
on_decision(struct events_view *view, const struct log_record *record)
{
    const struct decision *decision = &view->message->decision;
    if (!decode(view, record, &decision_schema))
        return true;
    if (!events_known_put_decision(view->known, decision))
        return false;
    return decision->status == DECISION_OPEN || !events_plan_decision_year(decision->id) ||
           put_plan(view, record->topic, decision->id, TEXT_NONE);
}

static void
on_record(void *arg, const struct log_record *record)
{
    struct events_view *view = arg;
    bool kept = true;
    if (topic_starts_with(record->topic, TEXT_LITERAL(PREFIX "participant."))) {
        if (decode(view, record, &participant_schema))
            kept = events_known_put_participant(view->known, &view->message->participant);
    } else if (topic_starts_with(record->topic, TEXT_LITERAL(PREFIX "area."))) {
        if (decode(view, record, &area_schema))
            kept = events_known_put_area(view->known, &view->message->area);
    } else if (topic_starts_with(record->topic, TEXT_LITERAL(PREFIX "catalogue."))) {
        if (decode(view, record, &catalogue_schema))
            kept = events_known_put_catalogue(view->known, &view->message->catalogue);
    } else if (topic_starts_with(record->topic, TEXT_LITERAL(PREFIX "plan."))) {
        if (decode(view, record, &plan_refusal_schema))
            kept = put_plan(view, record->topic, view->message->refusal.decision,
                            view->message->refusal.reason);
    } else if (topic_starts_with(record->topic, TEXT_LITERAL(DECISIONS))) {
        kept = on_decision(view, record);
    }
    if (!kept && !view->failed) {
        view->failed = true; /* never go on with a hole in what is known */
        log_event(LOG_LEVEL_ERROR, "no memory for a record of the registry",
                  LOG_NUMBER("seq", record->seq));
    }
}

struct events_view *
events_view_new(struct loop *loop, const char *redis, const char *org, struct chores *plans,
                size_t span_bytes)
{
    struct events_view *view = calloc(1, sizeof *view);
    if (!view)
        return NULL;
    view->plans = plans;
    view->known = events_known_new();
    view->spans = events_spans_new(span_bytes);
    view->message = malloc(sizeof *view->message);
    if (view->spans)
        view->agendas = events_agendas_new(view->spans);
    if (view->known && view->agendas && view->message) {
        view->registry =
            log_follow_new(loop, redis, org, TEXT_LITERAL(PREFIX), 0, on_record, NULL, view);
        view->decisions =
            log_follow_new(loop, redis, org, TEXT_LITERAL(DECISIONS), 0, on_record, NULL, view);
    }
    if (!view->registry || !view->decisions)
        events_view_destroy(&view);
    return view;
}

void
events_view_destroy(struct events_view **view)
{
    if (!*view)
        return;
    log_follow_destroy(&(*view)->registry);
    log_follow_destroy(&(*view)->decisions);
    free((*view)->message);
    events_known_destroy(&(*view)->known);
    events_agendas_destroy(&(*view)->agendas);
    events_spans_destroy(&(*view)->spans);
    zone_set_fini(&(*view)->zones);
    free(*view);
    *view = NULL;
}

const struct events_known *
events_view_known(const struct events_view *view)
{
    return view->known;
}

struct events_spans *
events_view_spans(const struct events_view *view)
{
    return view->spans;
}

struct events_agendas *
events_view_agendas(const struct events_view *view)
{
    return view->agendas;
}

struct zone_set *
events_view_zones(struct events_view *view)
{
    return &view->zones;
}

const struct zone *
events_view_zone(struct events_view *view, struct text name)
{
    return zone_set_get(&view->zones, name);
}

bool
events_view_open(void *arg)
{
    struct events_view *view = arg;
    view->opened =
        view->opened || (log_follow_current(view->registry) && log_follow_current(view->decisions));
    return view->opened && !view->failed;
}

static int64_t
position(struct log_follow *follow, int64_t wanted)
{
    if (log_follow_seq(follow) < wanted)
        log_follow_hurry(follow);
    return log_follow_seq(follow);
}

int64_t
events_view_position(void *arg, int64_t wanted)
{
    struct events_view *view = arg;
    int64_t registry = position(view->registry, wanted);
    int64_t decisions = position(view->decisions, wanted);
    return registry < decisions ? registry : decisions;
}
