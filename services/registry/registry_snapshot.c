/* See registry_snapshot.h. */
#include "services/registry/registry_snapshot.h"

#include <string.h>

static enum status
check_participant(const void *message, struct error *error)
{
    const struct participant *participant = message;
    if (participant->history.count && participant->name_history.count)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID_ARGUMENT, "history",
                     "history: a participant has a status and a name at least");
}

static enum status
check_book(const void *message, struct error *error)
{
    const struct chair_book *book = message;
    for (uint32_t i = 0; i < book->terms.count; i++) {
        const struct chair_term *term = &book->terms.items[i];
        if (term->from >= term->to || (i && term[-1].to != term->from) ||
            (term->vacant == 1) == (term->code.ptr != NULL))
            return error_set(error, STATUS_INVALID_ARGUMENT, "terms",
                             "terms[%u]: want terms in order, without overlap or gap", (unsigned)i);
    }
    return STATUS_OK;
}

static enum status
check_catalogue(const void *message, struct error *error)
{
    return registry_catalogue_check(message, error);
}

static enum status
check_fund(const void *message, struct error *error)
{
    const struct fund_project *project = message;
    if (project->history.count)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID_ARGUMENT, "history",
                     "history: a project was submitted at least");
}

static enum status
check_contact(const void *message, struct error *error)
{
    const struct contact *contact = message;
    if (contact->history.count && (contact->participant.ptr || contact->body.ptr))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID_ARGUMENT, "history",
                     "history: a contact has an entry at least, and a participant or a body");
}

static const struct registry_snapshot_kind kinds[] = {
    {"area", NULL, &area_schema, "area", "area.coordinated", NULL, NULL},
    {"body", NULL, &body_schema, "code", "body.recorded", NULL, NULL},
    {"catalogue", "index", &catalogue_index_schema, NULL, NULL, NULL, NULL},
    {"catalogue", NULL, &catalogue_schema, "revision", "catalogue.revised", NULL, check_catalogue},
    {"chair", "book", &chair_book_schema, NULL, NULL, registry_handlers_chair_tell, check_book},
    {"contact", NULL, &contact_schema, "id", NULL, registry_handlers_contact_tell, check_contact},
    {"contribution", NULL, &contribution_schema, "id", "contribution.recorded", NULL, NULL},
    {"decision", NULL, &decision_schema, "id", NULL, registry_handlers_decision_tell, NULL},
    {"decision-text", NULL, &decision_text_schema, NULL, NULL, NULL, NULL},
    {"fund", NULL, &fund_project_schema, "id", "fund.restored", NULL, check_fund},
    {"instrument", NULL, &instrument_schema, "id", "instrument.recorded", NULL, NULL},
    {"participant", NULL, &participant_schema, "code", "participant.added", NULL,
     check_participant},
    {"principal", NULL, &principal_entry_schema, "id", NULL, registry_handlers_principal_tell,
     NULL},
    {"procedure", NULL, &procedure_schema, "code", "procedure.recorded", NULL, NULL},
};

const struct registry_snapshot_kind *
registry_snapshot_kind(struct text kind, struct text id)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (text_is(kind, kinds[i].kind) && (!kinds[i].only || text_is(id, kinds[i].only)))
            return &kinds[i];
    return NULL;
}

/* The field of a message by its name; NULL if there is none. */
static const struct field *
field_of(const struct schema *schema, const char *name, size_t len)
{
    for (unsigned i = 0; i < schema->field_count; i++)
        if (strlen(schema->fields[i].name) == len && memcmp(schema->fields[i].name, name, len) == 0)
            return &schema->fields[i];
    return NULL;
}

struct text
registry_snapshot_value(struct op *op, const struct schema *schema, const void *message,
                        struct text name)
{
    const struct field *field = field_of(schema, name.ptr, name.len);
    const char *at = field ? (const char *)message + field->offset : NULL;
    struct text text = TEXT_NONE;
    int64_t number;
    if (field && field->type == FIELD_INT) {
        memcpy(&number, at, sizeof number);
        text = op_format(op, "%lld", (long long)number);
    } else if (field && (field->type == FIELD_ID || field->type == FIELD_CODE ||
                         field->type == FIELD_TEXT)) {
        memcpy(&text, at, sizeof text);
    }
    return text.ptr && (text_is_id(text) || text_is_code(text)) ? text : TEXT_LITERAL("-");
}

/* "registry.participant.<code>." with the message's own values. */
static struct text
topic_of(struct op *op, const char *pattern, const struct schema *schema, const void *message)
{
    struct text topic = TEXT_LITERAL("");
    while (*pattern) {
        size_t len = strcspn(pattern, "<");
        struct text parts[3] = {topic, {pattern, (uint32_t)len}, TEXT_LITERAL("")};
        pattern += len;
        if (*pattern) {
            size_t name = strcspn(++pattern, ">");
            parts[2] = registry_snapshot_value(op, schema, message,
                                               (struct text){pattern, (uint32_t)name});
            pattern += name + 1;
        }
        topic = op_join(op, 3, parts);
    }
    return topic;
}

enum status
registry_snapshot_tell(struct op *op, const struct registry_snapshot_kind *kind,
                       const void *message)
{
    if (kind->tell)
        return kind->tell(op, message);
    for (unsigned i = 0; kind->type && i < registry_interface.record_count; i++) {
        const struct record_type *record = &registry_interface.records[i];
        if (strcmp(record->type, kind->type) == 0)
            op_record(op, record->type, topic_of(op, record->topic, kind->schema, message),
                      kind->schema, message, NULL, NULL, TEXT_NONE);
    }
    return STATUS_OK;
}
