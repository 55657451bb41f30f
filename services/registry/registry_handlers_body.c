/* body.*: see registry_handlers.h. It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

static struct text
topic_of(struct op *op, struct text code)
{
    return op_format(op, "registry.body.%.*s.", TEXT_ARG(code));
}

/* Loads the body, a new one with its code if there is none. STATUS_OK also for a new one. */
static enum status
load_body(struct op *op, struct text code, struct body **out, bool *is_new)
{
    struct body *body = op_alloc(op, sizeof *body);
    if (!body)
        return registry_no_memory(op);
    enum status status = op_load(op, "body", code, &body_schema, body);
    *is_new = status == STATUS_NOT_FOUND;
    if (*is_new) {
        schema_init(&body_schema, body);
        body->present = true;
        body->code = code;
        body->rev = 0;
        status = STATUS_OK;
    }
    *out = body;
    return status;
}

static enum status
refuse_unknown(struct op *op, struct text code)
{
    return error_set(op_error(op), STATUS_NOT_FOUND, "code",
                     "code: there is no body %.*s; body.list names those that are", TEXT_ARG(code));
}

/* Saves and records the body, if it changed, and answers it. */
static enum status
finish(struct op *op, struct body *body, const char *type, bool changed)
{
    registry_body_view_changed(body, op_today(op));
    if (!changed)
        return op_answer_unchanged(op, &body_schema, body, topic_of(op, body->code));
    op_index_add(op, op_format(op, "body:%.*s", TEXT_ARG(body->code)));
    struct text saved = op_save(op, "body", body->code, &body_schema, body);
    op_record_raw(op, type, topic_of(op, body->code), saved, NULL, NULL, TEXT_NONE);
    op_answer_raw(op, saved);
    return STATUS_OK;
}

enum status
body_put_handle(struct op *op, const void *params)
{
    const struct body_put *in = params;
    struct body *body;
    bool is_new, changed;
    /* its status is not asked for: the chair of an advisory body may be anyone */
    enum status known = registry_handlers_known(op, "participant", "chair", in->chair);
    enum status cited = registry_handlers_cites(op, in->decision);
    enum status status = load_body(op, in->code, &body, &is_new);
    if (known != STATUS_OK || cited != STATUS_OK || status != STATUS_OK)
        return known != STATUS_OK ? known : cited != STATUS_OK ? cited : status;
    status = op_expect_rev(op, in->rev, body->rev);
    if (status == STATUS_OK)
        status = registry_body_put(body, in, op_today(op), &changed, op_error(op));
    return status == STATUS_OK ? finish(op, body, "body.recorded", changed) : status;
}

/* The code in small letters: what a seat is called that belongs to a participant. */
static struct text
seat_of(struct op *op, struct text code)
{
    struct text name = op_format(op, "%.*s", TEXT_ARG(code));
    char *at = (char *)name.ptr;
    for (uint32_t i = 0; i < name.len; i++)
        if (at[i] >= 'A' && at[i] <= 'Z')
            at[i] = (char)(at[i] - 'A' + 'a');
    return name;
}

enum status
body_seat_handle(struct op *op, const void *params)
{
    const struct body_seating *in = params;
    struct body *body;
    bool is_new, changed;
    if (!in->seat.ptr && !in->participant.ptr)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "seat",
                         "seat: is missing; want the seat's name, or the participant it is of");
    enum status known = registry_handlers_known(op, "participant", "participant", in->participant);
    enum status cited = registry_handlers_cites(op, in->decision);
    enum status status = load_body(op, in->code, &body, &is_new);
    if (known != STATUS_OK || cited != STATUS_OK || status != STATUS_OK)
        return known != STATUS_OK ? known : cited != STATUS_OK ? cited : status;
    if (is_new)
        return refuse_unknown(op, in->code);
    status = op_expect_rev(op, in->rev, body->rev);
    if (status == STATUS_OK)
        status =
            registry_body_seat(body, in, in->seat.ptr ? in->seat : seat_of(op, in->participant),
                               &changed, op_error(op));
    return status == STATUS_OK ? finish(op, body, "body.seated", changed) : status;
}

enum status
body_get_handle(struct op *op, const void *params)
{
    const struct code_ref *in = params;
    struct body *body;
    bool is_new, past = in->as_of != DATE_NONE;
    char asked[DATE_TEXT_MAX];
    enum status status = load_body(op, in->code, &body, &is_new);
    if (status != STATUS_OK)
        return status;
    if (is_new)
        return refuse_unknown(op, in->code);
    date_day day = past ? in->as_of : op_today(op);
    date_print(day, asked);
    if (!registry_body_view(body, day, past))
        return error_set(op_error(op), STATUS_NOT_FOUND, "as_of",
                         "as_of: %.*s was not there yet on %s; ask for a later day",
                         TEXT_ARG(in->code), asked);
    op_answer(op, &body_schema, body);
    return STATUS_OK;
}

struct asked {
    date_day day;
    bool past;
};

static bool
is_wanted(void *message, const void *arg)
{
    const struct asked *asked = arg;
    return registry_body_view(message, asked->day, asked->past);
}

enum status
body_list_handle(struct op *op, const void *params)
{
    const struct page *in = params;
    struct asked asked = {in->as_of, in->as_of != DATE_NONE};
    if (!asked.past)
        asked.day = op_today(op);
    struct registry_list list = {"body", &body_schema, is_wanted, &asked, in->limit, in->cursor};
    return registry_handlers_list(op, &list);
}
