/* See import_job.h. */
#include "cli/import_job.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define STEPS_MAX 8 /* of an event: one more than the longest way */

static const struct kind {
    const char *name;
    const char *service, *method; /* of the one request, or of the look at what is there */
    const char *key;              /* the field that names the record */
    bool one_by_one;
    const char *const *fields; /* those allowed; NULL: the server says */
} kinds[] = {
    {"participant", "registry", "participant.get", "code", false,
     (const char *const[]){"kind", "code", "name", "names", "type", "history", "renamed", NULL}},
    {"chair", "registry", "chair.appoint", "from", true, NULL},
    {"body", "registry", "body.put", "code", true, NULL},
    {"seat", "registry", "body.seat", "code", true, NULL},
    {"catalogue", "registry", "catalogue.put", "adopted", true, NULL},
    {"area", "registry", "area.coordinators", "area", false, NULL},
    {"procedure", "registry", "procedure.put", "code", false, NULL},
    {"decision", "registry", "decision.record", "id", true, NULL},
    {"contact", "registry", "contact.put", "role", true, NULL},
    {"instrument", "registry", "instrument.put", "id", false, NULL},
    {"ratification", "registry", "instrument.ratify", "member", true, NULL},
    {"contribution", "registry", "contribution.record", "participant", true, NULL},
    {"project", "registry", "fund.submit", "id", false, NULL},
    {"step", "registry", "fund.decide", "id", true, NULL},
    {"plan", "events", "plan.open", "year", false, NULL},
    {"event", "events", "event.get", "id", false,
     (const char *const[]){"kind", "event", "schedule", "report", "status", "reason", NULL}},
    {"registration", "events", "delegation.open", "event", false, NULL},
    {"delegation", "events", "delegation.register", "member", true, NULL},
    {"milestone", "events", "milestone.put", "event", true, NULL},
    {"document", "events", "document.attach", "event", true, NULL},
    {"roadmap", "events", "roadmap.put", "id", true, NULL},
};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static bool refuse(struct import_job *job, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool
refuse(struct import_job *job, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(job->why, sizeof job->why, format, arguments);
    va_end(arguments);
    return false;
}

static bool
refuse_kind(struct import_job *job)
{
    size_t len = (size_t)snprintf(job->why, sizeof job->why, "kind: want one of");
    for (size_t i = 0; i < KIND_COUNT && len < sizeof job->why; i++)
        len += (size_t)snprintf(job->why + len, sizeof job->why - len, "%s %s", i ? "," : "",
                                kinds[i].name);
    return false;
}

static bool
is_event(const struct import_job *job)
{
    return strcmp(job->kind, "event") == 0;
}

static bool
is_participant(const struct import_job *job)
{
    return strcmp(job->kind, "participant") == 0;
}

static void
add_step(struct import_job *job, const char *method, json_t *params)
{
    json_array_append_new(job->steps, json_pack("[s, o]", method, params));
}

static bool
fields_known(struct import_job *job, const struct kind *kind)
{
    const char *key;
    json_t *value;
    json_object_foreach(job->record, key, value)
    {
        bool known = !kind->fields;
        for (const char *const *at = kind->fields; at && *at; at++)
            known |= strcmp(*at, key) == 0;
        if (!known)
            return refuse(job, "there is no field \"%.60s\" in a record of kind %s", key,
                          kind->name);
    }
    return true;
}

static bool
open_event(struct import_job *job)
{
    const json_t *event = json_object_get(job->record, "event");
    static const char *const parts[] = {"schedule", "report"};
    if (!json_is_object(event) || !*cli_text(event, "id") || !*cli_text(job->record, "status"))
        return refuse(job, "an event needs `event` with an `id`, and `status`");
    for (size_t i = 0; i < 2; i++) {
        const json_t *part = json_object_get(job->record, parts[i]);
        if (part && !json_is_object(part))
            return refuse(job, "%s: want a map", parts[i]);
    }
    snprintf(job->name, sizeof job->name, "%s", cli_text(event, "id"));
    return true;
}

/* The one request of a record whose fields are the parameters; a kind of its own is `type`. */
static void
open_simple(struct import_job *job, const struct kind *kind)
{
    json_t *params = json_copy(job->record), *type = json_object_get(params, "type");
    json_object_del(params, "kind");
    if (type) {
        json_object_set(params, "kind", type);
        json_object_del(params, "type");
    }
    job->looked = true;
    add_step(job, kind->method, params);
}

bool
import_job_open(struct import_job *job, json_t *record)
{
    const char *name = cli_text(record, "kind");
    const struct kind *kind = NULL;
    *job = (struct import_job){.kind = "", .record = record, .steps = json_array()};
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0)
            kind = &kinds[i];
    if (!kind)
        return refuse_kind(job);
    job->kind = kind->name;
    job->service = kind->service;
    job->one_by_one = kind->one_by_one;
    if (!fields_known(job, kind))
        return false;
    if (is_event(job))
        return open_event(job);
    const json_t *key = json_object_get(record, kind->key);
    if (json_is_integer(key))
        snprintf(job->name, sizeof job->name, "%lld", (long long)json_integer_value(key));
    else
        snprintf(job->name, sizeof job->name, "%s", cli_text(record, kind->key));
    if (!job->name[0])
        return refuse(job, "%s: needed in a record of kind %s", kind->key, kind->name);
    if (is_participant(job)) {
        if (json_array_size(json_object_get(record, "history")) == 0)
            return refuse(job, "history: want at least one {status, from}");
        return true;
    }
    open_simple(job, kind);
    return true;
}

void
import_job_close(struct import_job *job)
{
    json_decref(job->record);
    json_decref(job->there);
    json_decref(job->steps);
    job->record = job->there = job->steps = NULL;
}

/* ---- participants -----------------------------------------------------------------------------
 */

static bool
has_entry(const json_t *list, const json_t *entry, const char *field)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        if (strcmp(cli_text(one, field), cli_text(entry, field)) == 0 &&
            strcmp(cli_text(one, "from"), cli_text(entry, "from")) == 0)
            return true;
    }
    return false;
}

/* The first request for a participant that is not there. */
static void
add_participant(struct import_job *job)
{
    json_t *first = json_array_get(json_object_get(job->record, "history"), 0);
    json_t *params =
        json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?}", "code", json_object_get(job->record, "code"),
                  "name", json_object_get(job->record, "name"), "kind",
                  json_object_get(job->record, "type"), "status", json_object_get(first, "status"),
                  "since", json_object_get(first, "from"));
    static const char *const optional[] = {"code", "name", "kind", "status", "since"};
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        if (json_is_null(json_object_get(params, optional[i])))
            json_object_del(params, optional[i]); /* so that the server says what is missing */
    if (json_object_get(job->record, "names"))
        json_object_set(params, "names", json_object_get(job->record, "names"));
    if (json_object_get(first, "decision"))
        json_object_set(params, "decision", json_object_get(first, "decision"));
    add_step(job, "participant.put", params);
}

static void
plan_participant(struct import_job *job)
{
    json_t *code = json_object_get(job->record, "code"), *entry;
    size_t i;
    if (!job->there)
        add_participant(job);
    json_array_foreach(json_object_get(job->record, "history"), i, entry)
    {
        if ((!job->there && i == 0) ||
            has_entry(json_object_get(job->there, "history"), entry, "status"))
            continue;
        json_t *params = json_is_object(entry) ? json_copy(entry) : json_object();
        json_object_set(params, "code", code);
        add_step(job, "participant.status", params);
    }
    json_array_foreach(json_object_get(job->record, "renamed"), i, entry)
    {
        if (has_entry(json_object_get(job->there, "name_history"), entry, "name"))
            continue;
        json_t *params = json_is_object(entry) ? json_copy(entry) : json_object();
        json_object_set(params, "code", code);
        add_step(job, "participant.put", params);
    }
}

/* ---- events -----------------------------------------------------------------------------------
 */

static const char *const path[] = {"proposed", "accepted", "scheduled", "held", "reported"};
enum { PROPOSED, ACCEPTED, SCHEDULED, HELD, REPORTED, PATH_LENGTH };

/* The place of a status on the way from proposal to report; -1 if it is beside it. */
static int
place_of(const char *status)
{
    for (int i = 0; i < PATH_LENGTH; i++)
        if (strcmp(path[i], status) == 0)
            return i;
    return -1;
}

/* {id} with the fields of a part of the record. */
static json_t *
with_id(const struct import_job *job, const char *part)
{
    const json_t *fields = part ? json_object_get(job->record, part) : NULL;
    json_t *params = fields ? json_copy((json_t *)fields) : json_object();
    json_object_set_new(params, "id", json_string(job->name));
    return params;
}

static json_t *
schedule_params(const struct import_job *job)
{
    static const char *const fields[] = {"sessions", "format", "place", "zone"};
    if (json_object_get(job->record, "schedule"))
        return with_id(job, "schedule");
    json_t *params = with_id(job, NULL), *event = json_object_get(job->record, "event");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (json_object_get(event, fields[i]))
            json_object_set(params, fields[i], json_object_get(event, fields[i]));
    return params;
}

static json_t *
report_params(const struct import_job *job)
{
    json_t *params = with_id(job, "report");
    if (!json_object_get(params, "member_states"))
        json_object_set_new(params, "member_states", json_array());
    return params;
}

/* Steps beside the way: postponed, cancelled, withdrawn. */
static bool
leave_path(struct import_job *job, const char *method)
{
    if (!*cli_text(job->record, "reason"))
        return refuse(job, "reason: needed for the status %s", cli_text(job->record, "status"));
    json_t *params = with_id(job, NULL);
    json_object_set(params, "reason", json_object_get(job->record, "reason"));
    add_step(job, method, params);
    return true;
}

/* Adds the next step towards the status; none if it is reached. False if there is no way. */
static bool
plan_event(struct import_job *job)
{
    static const char *const methods[] = {"event.propose", "event.accept", "event.schedule",
                                          "event.hold", "event.report"};
    const char *want = cli_text(job->record, "status"), *now = cli_text(job->there, "status");
    int target = place_of(want), place = place_of(now);
    bool put_off = strcmp(want, "postponed") == 0, cancelled = strcmp(want, "cancelled") == 0,
         withdrawn = strcmp(want, "withdrawn") == 0;
    if (target < 0 && !put_off && !cancelled && !withdrawn)
        return refuse(job, "status: \"%.40s\" is none", want);
    if (job->there && strcmp(now, want) == 0)
        return true;
    if (job->there && place >= 0 && target >= 0 && place >= target)
        return true; /* it went on since */
    if (target < 0)  /* what it goes through before it leaves the way */
        target = withdrawn                                  ? PROPOSED
                 : json_object_get(job->record, "schedule") ? SCHEDULED
                                                            : PROPOSED;
    bool beside = job->there && place < 0, postponed = strcmp(now, "postponed") == 0;
    if (postponed && cancelled)
        return leave_path(job, "event.cancel");
    if (beside && !(postponed && target >= SCHEDULED && !put_off))
        return refuse(job, "it is %s there and cannot become %s", now, want);
    int next = !job->there ? PROPOSED : postponed ? SCHEDULED : place + 1;
    if (job->there && !postponed && place >= target && place_of(want) < 0)
        return leave_path(job, put_off     ? "event.postpone"
                               : cancelled ? "event.cancel"
                                           : "event.withdraw");
    json_t *params = next == PROPOSED    ? json_copy(json_object_get(job->record, "event"))
                     : next == SCHEDULED ? schedule_params(job)
                     : next == REPORTED  ? report_params(job)
                                         : with_id(job, NULL);
    add_step(job, methods[next], params);
    return true;
}

/* ---- the turn ---------------------------------------------------------------------------------
 */

enum import_next
import_job_next(struct import_job *job, json_t **params)
{
    if (job->why[0])
        return IMPORT_REFUSED;
    if (!job->looked) {
        job->method = is_event(job) ? "event.get" : "participant.get";
        *params = is_event(job) ? with_id(job, NULL)
                                : json_pack("{s:O}", "code", json_object_get(job->record, "code"));
        return IMPORT_ASK;
    }
    const json_t *step = json_array_get(job->steps, job->at);
    if (!step)
        return IMPORT_DONE;
    job->method = json_string_value(json_array_get(step, 0));
    *params = json_incref(json_array_get(step, 1));
    return IMPORT_ASK;
}

static void
look_done(struct import_job *job, json_t *there)
{
    job->looked = true;
    job->there = json_incref(there);
    if (is_participant(job))
        plan_participant(job);
    else
        plan_event(job);
}

void
import_job_answer(struct import_job *job, json_t *result, const struct cbm_error *error)
{
    bool missing = !result && strcmp(error->code, "not_found") == 0;
    bool opened =
        !result && strcmp(job->kind, "plan") == 0 && strcmp(error->code, "already_exists") == 0;
    if (!result && !opened && !(missing && !job->looked)) {
        refuse(job, "%s: %s: %s%s%s%s", job->method, error->code, error->message,
               error->field[0] ? " (" : "", error->field, error->field[0] ? ")" : "");
        return;
    }
    if (!job->looked) {
        look_done(job, result);
        return;
    }
    /* a repetition is answered with the seq that the change had */
    job->changed |= json_integer_value(json_object_get(result, "seq")) > job->before;
    job->at++;
    if (is_event(job) && job->at > STEPS_MAX) {
        refuse(job, "it does not get to %s", cli_text(job->record, "status"));
    } else if (is_event(job)) {
        json_decref(job->there);
        job->there = json_incref(result);
        plan_event(job);
    }
}

void
import_job_pretend(struct import_job *job)
{
    static const struct {
        const char *method, *status;
    } after[] = {
        {"event.propose", "proposed"},   {"event.accept", "accepted"},
        {"event.schedule", "scheduled"}, {"event.hold", "held"},
        {"event.report", "reported"},    {"event.postpone", "postponed"},
        {"event.cancel", "cancelled"},   {"event.withdraw", "withdrawn"},
    };
    if (!job->looked) {
        look_done(job, NULL);
        return;
    }
    const char *status = "";
    for (size_t i = 0; i < sizeof after / sizeof *after; i++)
        if (strcmp(after[i].method, job->method) == 0)
            status = after[i].status;
    json_t *result = json_pack("{s:s, s:i}", "status", status, "seq", 1);
    import_job_answer(job, result, &(struct cbm_error){.code = "internal"});
    json_decref(result);
}
