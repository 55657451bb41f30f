/* See events_handlers_clash.h: event.clashes, what blocks a schedule, and the rules.
 * It must not know sockets or Redis. */
#include "services/events/events_handlers_clash.h"
#include "services/events/events_delegation.h"
#include "services/events/events_handlers_parts.h"

#include <stdio.h>

#include "common/msg/schema_mp.h"

#define CLASHES_MAX 200
#define ALL TEXT_LITERAL("all") /* the id of the one document of rules */

/* ---- the question ---------------------------------------------------------------------------- */

/* The stored bytes of the rules, from memory if it is given; absent if none ever was changed. */
static enum status
read_rules(struct op *op, struct events_memory *memory, struct text *document)
{
    if (memory && events_memory_rules(memory, document))
        return STATUS_OK;
    enum status status = op_load_raw(op, "rules", ALL, document);
    if (status == STATUS_NOT_FOUND) {
        *document = TEXT_NONE;
        status = STATUS_OK;
    }
    if (memory && status == STATUS_OK)
        events_memory_missed_rules(memory, *document);
    return status;
}

/* The rules that were changed; NULL in `*out` if none ever was. */
static enum status
load_rules(struct op *op, struct events_memory *memory, struct clash_rules **out)
{
    struct text document;
    *out = NULL;
    enum status status = read_rules(op, memory, &document);
    if (status != STATUS_OK || !document.ptr)
        return status;
    struct clash_rules *changed = op_alloc(op, sizeof *changed);
    if (!changed)
        return op_no_memory(op);
    *out = changed;
    return schema_decode(&clash_rules_schema, document, changed, SCHEMA_STORED, op_error(op));
}

enum status
events_handlers_asking(struct op *op, const struct event *event, struct events_memory *memory,
                       struct events_asking **out)
{
    struct events_asking *asking = *out = op_alloc(op, sizeof *asking);
    struct clash_rules *changed;
    if (!asking)
        return op_no_memory(op);
    struct events_clash_case *asked = &asking->asked;
    *asked = (struct events_clash_case){.event = event,
                                        .slots = &asking->slots,
                                        .zone = events_view_zone(op_service(op), event->zone),
                                        .rules = &asking->rules,
                                        .today = op_today(op)};
    asking->memory = memory;
    asking->slots.count = 0;
    asking->delegates = EVENTS_DELEGATES_NONE;
    enum status status = load_rules(op, memory, &changed);
    events_rules_of(changed, &asking->rules);
    return status;
}

/* The agendas of every area, which a meeting of a governing body is compared with. */
static enum status
ask_areas(struct op *op, struct events_asking *asking, const int *quarters, unsigned count)
{
    enum status status = STATUS_OK;
    struct text area;
    for (unsigned i = 0; (area = events_known_area_at(events_handlers_known(op), i)).ptr; i++) {
        const struct events_agenda_wish wish = {"area", area, &asking->asked.areas};
        status = events_handlers_both(status, events_handlers_agendas(op, asking->memory, &wish, 1,
                                                                      quarters, count));
    }
    return status;
}

/* The sessions of another event where somebody is registered too, if it is scheduled. */
static enum status
add_delegate(struct op *op, const struct elsewhere *elsewhere, struct events_delegate *items,
             unsigned *count)
{
    struct event *other = op_alloc(op, sizeof *other);
    struct events_slots slots;
    if (!other)
        return op_no_memory(op);
    enum status status = op_load(op, "event", elsewhere->event, &event_schema, other);
    if (status != STATUS_OK || other->status != EVENT_SCHEDULED)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    events_agenda_slots(other, events_view_zone(op_service(op), other->zone), &slots);
    for (unsigned i = 0; i < slots.count; i++)
        items[(*count)++] =
            (struct events_delegate){elsewhere->own, elsewhere->event, slots.items[i].start_ms,
                                     slots.items[i].end_ms};
    return STATUS_OK;
}

/* Where delegates to the event are registered too, both times in person. Who is registered between
 * the look and the commit is not seen: a person is in two places by their own doing. */
static enum status
ask_delegates(struct op *op, struct events_asking *asking)
{
    struct events_clash_case *asked = &asking->asked;
    struct events_actor actor = events_handlers_actor(op);
    struct elsewhere *found;
    unsigned found_count = 0;
    enum status status = events_handlers_elsewhere(op, asked->event->id, &found_count, &found);
    if (status != STATUS_OK || !found_count)
        return status;
    struct events_delegate *items =
        op_alloc(op, (size_t)found_count * EVENTS_SLOTS_MAX * sizeof *items);
    if (!items)
        return op_no_memory(op);
    for (unsigned i = 0; i < found_count; i++)
        if (found[i].own_mode == DELEGATION_IN_PERSON && found[i].mode == DELEGATION_IN_PERSON &&
            (asking->delegates == EVENTS_DELEGATES_ALL ||
             events_delegation_sees(&actor, asking->host, found[i].own)))
            status = events_handlers_both(status, add_delegate(op, &found[i], items,
                                                               &asked->delegate_count));
    asked->delegates = items;
    return status;
}

enum status
events_handlers_ask(struct op *op, struct events_asking *asking, const int *quarters,
                    unsigned quarter_count)
{
    struct events_clash_case *asked = &asking->asked;
    const struct event *event = asked->event;
    struct events_agenda_wish wishes[5] = {{"area", TEXT_LITERAL("-"), &asked->meetings},
                                           {"outside", TEXT_LITERAL("*"), &asked->outside}};
    unsigned count = 2;
    if (event->host.ptr) {
        wishes[count++] = (struct events_agenda_wish){"host", event->host, &asked->host};
        wishes[count++] = (struct events_agenda_wish){"outside", event->host, &asked->outside};
    }
    if (event->area.ptr)
        wishes[count++] = (struct events_agenda_wish){"area", event->area, &asked->area};
    enum status status =
        events_handlers_agendas(op, asking->memory, wishes, count, quarters, quarter_count);
    if (events_rules_governing(&asking->rules, event->kind, event->area))
        status = events_handlers_both(status, ask_areas(op, asking, quarters, quarter_count));
    if (asking->delegates && asking->rules.items[CLASH_DELEGATE_DOUBLE].severity != CLASH_IGNORE)
        status = events_handlers_both(status, ask_delegates(op, asking));
    return status;
}

struct findings {
    struct events_asking *asking;
    unsigned count; /* there may be more than CLASHES_MAX */
    struct events_clash items[CLASHES_MAX];
};

/* Everything that the event clashes with. `host` is its host as it is, which sees who is delegated;
 * absent for an event that there might be. */
static enum status
find(struct op *op, const struct event *event, struct events_memory *memory,
     enum events_delegates delegates, struct text host, struct findings **out)
{
    struct findings *findings = *out = op_alloc(op, sizeof *findings);
    int quarters[EVENTS_QUARTERS_MAX];
    if (!findings)
        return op_no_memory(op);
    enum status status = events_handlers_asking(op, event, memory, &findings->asking);
    struct events_asking *asking = findings->asking;
    if (!asking)
        return status;
    asking->delegates = delegates;
    asking->host = host;
    events_agenda_slots(event, asking->asked.zone, &asking->slots);
    unsigned count = events_agenda_quarters(&asking->slots, quarters);
    status = events_handlers_both(status, events_handlers_ask(op, asking, quarters, count));
    if (status != STATUS_OK)
        return status;
    findings->count = events_clash_find(&asking->asked, findings->items, CLASHES_MAX);
    return STATUS_OK;
}

/* ---- event.clashes --------------------------------------------------------------------------- */

/* The event that is asked about: one there is, one there might be, or one with a change. */
static enum status
asked_event(struct op *op, const struct event_clashes *in, struct event *event, struct text *host)
{
    schema_init(&event_schema, event);
    if (!in->id.ptr && !in->draft.present)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "id",
                         "id: want the id of an event, or a draft");
    if (in->id.ptr) {
        enum status status = op_load(op, "event", in->id, &event_schema, event);
        if (status != STATUS_OK)
            return events_handlers_found(op, status, "event", in->id);
        status = events_handlers_sure(op, events_handlers_visible(op, event));
        if (status != STATUS_OK)
            return status;
        *host = event->host;
    }
    if (in->draft.present) {
        struct clash_draft draft = in->draft;
        draft.id = in->id.ptr ? in->id : draft.id;
        schema_copy(&event_schema, event, &clash_draft_schema, &draft);
        if (in->draft.sessions.count)
            return events_domain_check_sessions(event, op_error(op));
    }
    return STATUS_OK;
}

/* One more of the answer's items. */
static void
write_clash(struct op *op, const struct findings *findings, const struct events_clash *clash)
{
    char text[EVENTS_CLASH_TEXT];
    struct clash said;
    events_clash_explain(&findings->asking->asked, clash, &said, text);
    schema_encode(&clash_schema, &said, op_result(op));
}

enum status
event_clashes_handle(struct op *op, const void *params)
{
    struct event *event = op_alloc(op, sizeof *event);
    struct findings *findings;
    struct events_memory *memory;
    if (!event)
        return op_no_memory(op);
    const struct event_clashes *in = params;
    struct text host = TEXT_NONE;
    enum status status = events_memory_begin(op, &memory);
    if (status == STATUS_OK || in->id.ptr) /* a draft needs nothing of the store */
        status = events_handlers_both(status, asked_event(op, in, event, &host));
    if (status == STATUS_OK)
        status = find(op, event, memory, in->id.ptr ? EVENTS_DELEGATES_SEEN : EVENTS_DELEGATES_NONE,
                      host, &findings);
    if (status != STATUS_OK)
        return status;
    unsigned count = findings->count < CLASHES_MAX ? findings->count : CLASHES_MAX;
    struct buf *result = op_result(op);
    buf_clear(result);
    mp_map(result, 2);
    mp_string(result, "items");
    mp_array(result, count);
    for (int severity = CLASH_BLOCK; severity <= CLASH_WARN; severity++)
        for (unsigned i = 0; i < count; i++)
            if (findings->items[i].severity == (enum clash_severity)severity)
                write_clash(op, findings, &findings->items[i]);
    mp_string(result, "more");
    mp_bool(result, findings->count > count);
    if (memory)
        events_memory_keep(memory);
    return STATUS_OK;
}

/* ---- what blocks ----------------------------------------------------------------------------- */

/* {clash: {rule, severity, with, …}}, as event.clashes says it; left out where it does not fit. */
static void
set_details(struct error *error, const struct clash *clash)
{
    struct buf buf = {0};
    mp_map(&buf, 1);
    mp_string(&buf, "clash");
    schema_encode(&clash_schema, clash, &buf);
    if (!buf.failed && buf.len <= sizeof error->details) {
        memcpy(error->details, buf.data, buf.len);
        error->details_len = (uint32_t)buf.len;
    }
    buf_fini(&buf);
}

enum status
events_handlers_unblocked(struct op *op, const struct event *event, struct text override)
{
    struct findings *findings;
    enum status status = find(op, event, NULL, EVENTS_DELEGATES_ALL, event->host, &findings);
    if (status != STATUS_OK || override.ptr)
        return status;
    unsigned count = findings->count < CLASHES_MAX ? findings->count : CLASHES_MAX, i = 0;
    while (i < count && findings->items[i].severity != CLASH_BLOCK)
        i++;
    if (i == count)
        return STATUS_OK;
    char text[EVENTS_CLASH_TEXT];
    struct clash clash;
    events_clash_explain(&findings->asking->asked, &findings->items[i], &clash, text);
    status =
        error_set(op_error(op), STATUS_FAILED_PRECONDITION, "sessions",
                  "%s: %.*s%s%.*s; the Secretariat or the chair may accept it by an `override`, "
                  "the reason",
                  clash_rule_name_words[clash.rule - 1], TEXT_ARG(clash.explanation),
                  clash.repair.ptr ? "; " : "", TEXT_ARG(clash.repair));
    set_details(op_error(op), &clash);
    return status;
}

/* ---- rules ----------------------------------------------------------------------------------- */

enum status
rule_put_handle(struct op *op, const void *params)
{
    const struct rule_put *in = params;
    struct clash_rules *changed;
    struct events_rules *rules = op_alloc(op, sizeof *rules);
    enum status status = rules ? load_rules(op, NULL, &changed) : op_no_memory(op);
    if (status != STATUS_OK)
        return status;
    if (!changed) {
        changed = op_alloc(op, sizeof *changed);
        if (!changed)
            return op_no_memory(op);
        schema_init(&clash_rules_schema, changed);
        changed->rev = 0;
    }
    status = op_expect_rev(op, in->rev, changed->rev);
    struct clash_rule rule;
    schema_init(&clash_rule_schema, &rule);
    schema_copy(&clash_rule_schema, &rule, &rule_put_schema, in);
    rule.present = true;
    if (status == STATUS_OK)
        status = events_rules_check(&rule, op_error(op));
    if (status != STATUS_OK)
        return status;
    bool same = !events_rules_put(changed, &rule);
    struct text topic = op_format(op, "rules.%s.", clash_rule_name_words[in->rule - 1]);
    const struct clash_rule *now = &rules->items[in->rule];
    if (!same)
        op_save(op, "rules", ALL, &clash_rules_schema, changed);
    events_rules_of(changed, rules);
    if (same)
        return op_answer_unchanged(op, &clash_rule_schema, now, topic);
    op_record(op, "rule.changed", topic, &clash_rule_schema, now, NULL, NULL, TEXT_NONE);
    op_answer(op, &clash_rule_schema, now);
    return STATUS_OK;
}

enum status
rule_list_handle(struct op *op, const void *params)
{
    (void)params;
    int64_t seq = 0;
    struct clash_rules *changed;
    struct events_rules *rules = op_alloc(op, sizeof *rules);
    enum status seq_status = op_seq(op, &seq);
    enum status status = rules ? load_rules(op, NULL, &changed) : op_no_memory(op);
    if (status != STATUS_OK || seq_status != STATUS_OK)
        return status != STATUS_OK ? status : seq_status;
    events_rules_of(changed, rules);
    op_list_begin(op);
    for (int name = 1; name <= EVENTS_RULE_COUNT; name++)
        op_list_item(op, &clash_rule_schema, &rules->items[name]);
    op_list_end(op, TEXT_NONE, seq);
    return STATUS_OK;
}
