/* See acl.h. It must not know sockets or stores. */
#include "common/auth/acl.h"

/* The rules for the roles that may call; a role without one may whatever it asks for. */
static void
add_rules(struct acl_answer *out)
{
    const struct interface *interface = out->interface;
    unsigned ruled = 0;
    for (unsigned i = 0; i < interface->rule_count; i++) {
        const struct rule *rule = &interface->rules[i];
        if (!(rule->roles & out->granted) || !text_is(text_of(rule->method), out->method->name))
            continue;
        ruled |= rule->roles;
        if (out->rule_count < ACL_RULES_MAX)
            out->rules[out->rule_count++] = rule;
    }
    out->outcome = out->granted & ~ruled ? ACL_ALLOWED : ACL_DEPENDS;
}

bool
acl_explain(const struct principal *principal, struct text method, struct acl_answer *out)
{
    *out = (struct acl_answer){.outcome = ACL_DENIED};
    for (unsigned i = 0; interfaces[i] && !out->method; i++) {
        out->interface = interfaces[i];
        out->method = interface_method(interfaces[i], method);
    }
    if (!out->method)
        return false;
    out->granted = out->method->permission & principal->roles;
    if (out->granted)
        add_rules(out);
    return true;
}
