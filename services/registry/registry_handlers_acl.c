/* acl.explain: see registry_handlers.h. The answer comes from the schema tables, by which services
 * judge roles too. It must not know sockets or Redis. */
#include "common/auth/acl.h"
#include "services/registry/registry_handlers.h"

#include <string.h>

static void
list_roles(unsigned roles, struct text *items, uint32_t *count)
{
    *count = 0;
    for (unsigned role = 0; role < PERMISSION_ROLES; role++)
        if (roles >> role & 1)
            items[(*count)++] = text_of(permission_words[role]);
}

/* Whom it is about. `revoked` says that its key opens nothing any more. */
static enum status
find(struct op *op, struct text id, struct principal *who, bool *revoked)
{
    const struct principal *self = op_principal(op);
    struct principal_entry entry;
    *who = *self;
    *revoked = false;
    if (!id.ptr || text_is(id, self->id))
        return STATUS_OK;
    if (!(self->roles & PERMIT_SECRETARIAT))
        return error_set(op_error(op), STATUS_PERMISSION_DENIED, "principal",
                         "principal: of others than itself only the Secretariat may ask");
    enum status status = op_load(op, "principal", id, &principal_entry_schema, &entry);
    if (status == STATUS_NOT_FOUND)
        return error_set(op_error(op), STATUS_NOT_FOUND, "principal",
                         "principal: no principal %.*s is enrolled; one that a file of the "
                         "operator trusts may ask for itself",
                         TEXT_ARG(id));
    if (status != STATUS_OK)
        return status;
    *who = (struct principal){.roles = 0};
    memcpy(who->id, entry.id.ptr, entry.id.len);
    if (entry.member.len)
        memcpy(who->member, entry.member.ptr, entry.member.len);
    for (uint32_t i = 0; i < entry.roles.count; i++)
        who->roles |= permission_of_word(entry.roles.items[i]);
    *revoked = entry.status == PRINCIPAL_REVOKED;
    return STATUS_OK;
}

static struct text
reason(struct op *op, const struct acl_answer *answer, bool revoked)
{
    struct text parts[2 * PERMISSION_ROLES];
    unsigned count = 0;
    unsigned roles = answer->granted ? answer->granted : answer->method->permission;
    if (revoked)
        return TEXT_LITERAL("its key is revoked: it cannot connect");
    for (unsigned role = 0; role < PERMISSION_ROLES; role++)
        if (roles >> role & 1) {
            if (count)
                parts[count++] = TEXT_LITERAL(", ");
            parts[count++] = text_of(permission_words[role]);
        }
    struct text words = op_join(op, count, parts);
    return answer->granted
               ? op_format(op, "it has the role %.*s", TEXT_ARG(words))
               : op_format(op, "none of its roles may; want one of %.*s", TEXT_ARG(words));
}

enum status
acl_explain_handle(struct op *op, const void *params)
{
    const struct acl_explain *in = params;
    struct acl_answer answer;
    struct principal who;
    bool revoked;
    enum status status = find(op, in->principal, &who, &revoked);
    if (status != STATUS_OK)
        return status;
    if (!acl_explain(&who, in->method, &answer))
        return error_set(op_error(op), STATUS_NOT_FOUND, "method",
                         "method: no service has a method %.*s; `cbm methods` lists them",
                         TEXT_ARG(in->method));
    struct acl_explanation out;
    schema_init(&acl_explanation_schema, &out);
    out.principal = text_of(who.id);
    list_roles(who.roles, out.roles.items, &out.roles.count);
    if (who.member[0])
        out.member = text_of(who.member);
    out.service = text_of(answer.interface->service);
    out.method = text_of(answer.method->name);
    out.outcome = revoked ? ACL_DENIED : (int)answer.outcome;
    list_roles(answer.method->permission, out.may.items, &out.may.count);
    out.because = reason(op, &answer, revoked);
    if (out.outcome == ACL_DEPENDS)
        for (unsigned i = 0; i < answer.rule_count; i++)
            out.rules.items[out.rules.count++] = text_of(answer.rules[i]->doc);
    op_answer(op, &acl_explanation_schema, &out);
    return STATUS_OK;
}
