/* Who may call what, explained from the schema tables. Pure: the rules themselves are applied by
 * the gate of the services (roles) and by their domains. */
#ifndef CBM_AUTH_ACL_H
#define CBM_AUTH_ACL_H

#include "common/bus/rpc.h"
#include "common/msg/messages.h"

/* ACL_DENIED: no role of the principal may call the method. ACL_DEPENDS: one may, as far as a rule
 * of the domain allows. ACL_ALLOWED: one may, whatever it asks for. */
#define ACL_RULES_MAX 8
struct acl_answer {
    enum acl_outcome outcome;
    const struct interface *interface;
    const struct method *method;
    unsigned granted; /* its roles that may call it */
    unsigned rule_count;
    const struct rule *rules[ACL_RULES_MAX]; /* for ACL_DEPENDS */
};

/* False if no service has such a method. */
bool acl_explain(const struct principal *principal, struct text method, struct acl_answer *out);

#endif
