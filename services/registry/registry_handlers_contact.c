/* contact.*: see registry_handlers.h. Personal data: what is not open is told to its audience only.
 * It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

static struct registry_viewer
viewer_of(const struct op *op)
{
    const struct principal *principal = op_principal(op);
    return (struct registry_viewer){principal->roles,
                                    principal->member[0] ? text_of(principal->member) : TEXT_NONE};
}

static bool
is_same(const void *message, const void *params)
{
    const struct contact *contact = message;
    const struct contact_put *in = params;
    return text_equal(contact->participant, in->participant) &&
           text_equal(contact->body, in->body) && text_equal(contact->role, in->role);
}

/* Loads the contact that the parameters name, a new one if there is none. */
static enum status
load_contact(struct op *op, const struct contact_put *in, struct contact **out, struct text *id)
{
    struct contact *contact = op_alloc(op, sizeof *contact);
    if (!contact)
        return registry_no_memory(op);
    struct text of = in->participant.ptr ? in->participant : in->body;
    struct registry_naming naming = {
        "contact", &contact_schema,
        in->id,    op_format(op, "%.*s %.*s", TEXT_ARG(of), TEXT_ARG(in->role)),
        is_same,   in};
    enum status status = registry_handlers_name(op, &naming, contact, id);
    if (status == STATUS_NOT_FOUND) {
        schema_init(&contact_schema, contact);
        contact->present = true;
        contact->rev = 0;
        status = STATUS_OK;
    }
    *out = contact;
    return status;
}

static const struct registry_viewer everyone = {0};

/* Tells everyone what is open of the contact, and that it is not if it ended to be. */
static enum status
tell_open(struct op *op, const struct contact *contact, bool was_open)
{
    struct text topic = op_format(op, "registry.contact.%.*s.", TEXT_ARG(contact->id));
    struct contact *seen = op_alloc(op, sizeof *seen);
    if (!seen)
        return registry_no_memory(op);
    *seen = *contact;
    if (registry_contact_view_changed(seen, &everyone, op_today(op))) {
        op_record(op, "contact.recorded", topic, &contact_schema, seen, NULL, NULL, TEXT_NONE);
    } else if (was_open) {
        struct contact_ref gone = {.present = true, .id = contact->id, .rev = contact->rev};
        op_record(op, "contact.hidden", topic, &contact_ref_schema, &gone, NULL, NULL, TEXT_NONE);
    }
    return STATUS_OK;
}

static struct text
private_topic(struct op *op, struct text audience, struct text id)
{
    return op_format(op, "private.%.*s.registry.contact.%.*s.", TEXT_ARG(audience), TEXT_ARG(id));
}

/* The topic of the last record of the contact. */
static struct text
last_topic(struct op *op, const struct contact *contact)
{
    const struct contact_entry *last = &contact->history.items[contact->history.count - 1];
    if (last->visibility == VISIBILITY_OPEN)
        return op_format(op, "registry.contact.%.*s.", TEXT_ARG(contact->id));
    return private_topic(op,
                         contact->participant.ptr ? contact->participant
                                                  : TEXT_LITERAL("secretariat"),
                         contact->id);
}

/* Tells each audience what it may see of a contact that was recorded. */
static enum status
tell(struct op *op, const struct contact *contact, bool was_open)
{
    const struct contact_entry *last = &contact->history.items[contact->history.count - 1];
    enum status status = tell_open(op, contact, was_open);
    if (last->visibility == VISIBILITY_OPEN)
        return status;
    op_record(op, "contact.shared", private_topic(op, TEXT_LITERAL("secretariat"), contact->id),
              &contact_schema, contact, NULL, NULL, TEXT_NONE);
    if (contact->participant.ptr)
        op_record(op, "contact.shared", last_topic(op, contact), &contact_schema, contact, NULL,
                  NULL, TEXT_NONE);
    return status;
}

enum status
registry_handlers_contact_tell(struct op *op, const void *contact)
{
    return tell(op, contact, false);
}

static enum status
commit(struct op *op, struct contact *contact, bool was_open)
{
    const struct registry_viewer keeper = {PERMIT_SECRETARIAT, TEXT_NONE};
    registry_contact_view_changed(contact, &keeper, op_today(op));
    op_answer_raw(op, op_save(op, "contact", contact->id, &contact_schema, contact));
    op_index_add(op, op_format(op, "contact:%.*s", TEXT_ARG(contact->id)));
    return tell(op, contact, was_open);
}

enum status
contact_put_handle(struct op *op, const void *params)
{
    const struct contact_put *in = params;
    const struct registry_viewer viewer = viewer_of(op);
    struct contact *contact;
    struct text id;
    bool changed;
    if (!registry_contact_keeper(in->participant, &viewer))
        return error_set(op_error(op), STATUS_PERMISSION_DENIED, "participant",
                         "participant: a state records its own focal points, the Secretariat "
                         "anyone's");
    enum status known = registry_handlers_known(op, "participant", "participant", in->participant);
    enum status housed = registry_handlers_known(op, "body", "body", in->body);
    enum status status = load_contact(op, in, &contact, &id);
    if (known != STATUS_OK || housed != STATUS_OK || status != STATUS_OK)
        return known != STATUS_OK ? known : housed != STATUS_OK ? housed : status;
    status = op_expect_rev(op, in->rev, contact->rev);
    bool was_open = registry_contact_shown(contact, &everyone, op_today(op));
    if (status == STATUS_OK)
        status = registry_contact_put(contact, in, id, op_today(op), &changed, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (changed)
        return commit(op, contact, was_open);
    return op_answer_unchanged(op, &contact_schema, contact, last_topic(op, contact));
}

struct filter {
    const struct contact_list *in;
    struct registry_viewer viewer;
    date_day day;
};

static bool
is_wanted(void *message, const void *arg)
{
    struct contact *contact = message;
    const struct filter *filter = arg;
    const struct contact_list *in = filter->in;
    return (!in->participant.ptr || text_equal(contact->participant, in->participant)) &&
           (!in->body.ptr || text_equal(contact->body, in->body)) &&
           (!in->role.ptr || text_equal(contact->role, in->role)) &&
           registry_contact_view(contact, &filter->viewer, filter->day, in->as_of != DATE_NONE);
}

enum status
contact_list_handle(struct op *op, const void *params)
{
    const struct contact_list *in = params;
    struct filter filter = {in, viewer_of(op), in->as_of != DATE_NONE ? in->as_of : op_today(op)};
    struct registry_list list = {"contact", &contact_schema, is_wanted,
                                 &filter,   in->limit,       in->cursor};
    return registry_handlers_list(op, &list);
}
