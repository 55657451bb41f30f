/* body.*: see registry_handlers.h. It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

/* A chair must be known. Its status is not asked for: the chair of an advisory body may be anyone.
 */
static enum status
check_body_chair(struct op *op, struct text code)
{
    struct text bytes;
    if (!code.ptr)
        return STATUS_OK;
    enum status status = op_load_raw(op, "participant", code, &bytes);
    if (status != STATUS_NOT_FOUND)
        return status;
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "chair",
                     "chair: there is no participant %.*s; record it by participant.put first",
                     TEXT_ARG(code));
}

enum status
body_put_handle(struct op *op, const void *params)
{
    struct body known, body = *(const struct body *)params;
    enum status checked = check_body_chair(op, body.chair);
    enum status loaded = op_load(op, "body", body.code, &body_schema, &known);
    if (checked != STATUS_OK)
        return checked;
    if (loaded != STATUS_OK && loaded != STATUS_NOT_FOUND)
        return loaded;
    enum status status = op_expect_rev(op, body.rev, loaded == STATUS_OK ? known.rev : 0);
    if (status != STATUS_OK)
        return status;
    struct text topic = op_format(op, "registry.body.%.*s.", TEXT_ARG(body.code));
    if (loaded == STATUS_OK && registry_body_equal(&known, &body))
        return registry_handlers_unchanged(op, &body_schema, &known, topic);
    op_index_add(op, op_format(op, "body:%.*s", TEXT_ARG(body.code)));
    op_save(op, "body", body.code, &body_schema, &body);
    op_record(op, "body.recorded", topic, &body_schema, &body, NULL, NULL, TEXT_NONE);
    op_answer(op, &body_schema, &body);
    return STATUS_OK;
}

enum status
body_get_handle(struct op *op, const void *params)
{
    const struct code_ref *in = params;
    struct body body;
    enum status status = op_load(op, "body", in->code, &body_schema, &body);
    if (status == STATUS_NOT_FOUND)
        return error_set(op_error(op), STATUS_NOT_FOUND, "code",
                         "code: there is no body %.*s; body.list names those that are",
                         TEXT_ARG(in->code));
    if (status == STATUS_OK)
        op_answer(op, &body_schema, &body);
    return status;
}

static bool
every_body(void *message, const void *arg)
{
    (void)message, (void)arg;
    return true;
}

enum status
body_list_handle(struct op *op, const void *params)
{
    const struct page *in = params;
    struct registry_list list = {"body", &body_schema, every_body, NULL, in->limit, in->cursor};
    return registry_handlers_list(op, &list);
}
