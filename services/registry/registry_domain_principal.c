/* The rules of principals (registry_principal.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_principal.h"

#include "common/auth/key.h"

/* The bits of the roles; 0 with `error` if one is none or named twice. */
static unsigned
bits_of(const struct principal_enroll *in, struct error *error)
{
    unsigned bits = 0;
    for (uint32_t i = 0; i < in->roles.count; i++) {
        unsigned bit = permission_of_word(in->roles.items[i]);
        if (!bit || bits & bit) {
            error_set(error, STATUS_INVALID_ARGUMENT, "roles",
                      "roles: \"%.*s\" is %s; want some of secretariat, chair, member, observer, "
                      "subscriber, service",
                      TEXT_ARG(in->roles.items[i]), bit ? "there twice" : "no role");
            return 0;
        }
        bits |= bit;
    }
    if (!bits)
        error_set(error, STATUS_INVALID_ARGUMENT, "roles", "roles: want at least one");
    return bits;
}

/* The same for roles that were checked. */
static unsigned
roles_of(const struct principal_enroll *in)
{
    return bits_of(in, NULL);
}

enum status
registry_principal_check(const struct principal_enroll *in, struct error *error)
{
    if (!key_valid(in->key))
        return error_set(error, STATUS_INVALID_ARGUMENT, "key",
                         "key: want a public key in Z85, 40 characters; `cbm key new` makes one");
    unsigned roles = bits_of(in, error);
    if (!roles)
        return STATUS_INVALID_ARGUMENT;
    if (roles & PERMIT_SERVICE && roles != PERMIT_SERVICE)
        return error_set(error, STATUS_INVALID_ARGUMENT, "roles",
                         "roles: a service has no other role");
    if (roles & PERMIT_MEMBER && roles & PERMIT_OBSERVER)
        return error_set(error, STATUS_INVALID_ARGUMENT, "roles",
                         "roles: nobody is member and observer at once");
    bool speaks = roles & (PERMIT_MEMBER | PERMIT_OBSERVER);
    if (speaks && !in->member.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "member",
                         "member: say for which participant it speaks");
    if (!speaks && in->member.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "member",
                         "member: only the roles member and observer speak for a participant");
    return STATUS_OK;
}

enum status
registry_principal_speaks(const struct principal_enroll *in, enum participant_status status,
                          struct error *error)
{
    if (status == participant_status_absent)
        return error_set(error, STATUS_FAILED_PRECONDITION, "member",
                         "member: there is no participant %.*s; record it by participant.put first",
                         TEXT_ARG(in->member));
    bool member = roles_of(in) & PERMIT_MEMBER;
    if (member ? status == PARTICIPANT_MEMBER
               : status == PARTICIPANT_OBSERVER || status == PARTICIPANT_PARTNER)
        return STATUS_OK;
    return error_set(error, STATUS_FAILED_PRECONDITION, "member",
                     "member: %.*s is %s today; want %s", TEXT_ARG(in->member),
                     participant_status_words[status - 1],
                     member ? "a member" : "an observer or a partner");
}

static bool
same_roles(const struct principal_enroll *in, const struct principal_entry *known)
{
    unsigned bits = 0;
    for (uint32_t i = 0; i < known->roles.count; i++)
        bits |= permission_of_word(known->roles.items[i]);
    return bits == roles_of(in) && text_equal(in->member, known->member);
}

enum status
registry_principal_enroll(const struct principal_enroll *in, const struct principal_entry *known,
                          struct text owner, struct principal_entry *out, bool *changed,
                          struct error *error)
{
    *changed = true;
    bool active = known && known->status == PRINCIPAL_ACTIVE;
    bool own = active && text_equal(known->key, in->key);
    if (owner.ptr && !text_equal(owner, in->id))
        return error_set(error, STATUS_ALREADY_EXISTS, "key",
                         "key: it was enrolled as %.*s; make a new pair, a key is enrolled once",
                         TEXT_ARG(owner));
    if (owner.ptr && !own)
        return error_set(error, STATUS_FAILED_PRECONDITION, "key",
                         "key: it was revoked, and stays so; make a new pair");
    if (active && !own)
        return error_set(error, STATUS_ALREADY_EXISTS, "id",
                         "id: %.*s has another key; revoke it first, or enroll the new key under "
                         "another id",
                         TEXT_ARG(in->id));
    if (own && same_roles(in, known)) {
        *out = *known;
        *changed = false;
        return STATUS_OK;
    }
    schema_init(&principal_entry_schema, out);
    out->id = in->id;
    out->key = in->key;
    out->roles.count = in->roles.count;
    memcpy(out->roles.items, in->roles.items, sizeof out->roles.items);
    out->member = in->member;
    out->status = PRINCIPAL_ACTIVE;
    out->token = own ? known->token : TEXT_NONE;
    out->rev = known ? known->rev : 0;
    return STATUS_OK;
}

bool
registry_principal_revoke(const struct principal_revoke *in, struct principal_entry *entry)
{
    if (entry->status == PRINCIPAL_REVOKED)
        return false;
    entry->status = PRINCIPAL_REVOKED;
    entry->token = TEXT_NONE;
    entry->reason = in->reason;
    return true;
}

enum status
registry_principal_may_have_token(const struct principal_entry *entry, struct error *error)
{
    if (entry->status == PRINCIPAL_REVOKED)
        return error_set(error, STATUS_FAILED_PRECONDITION, "id", "id: %.*s is revoked",
                         TEXT_ARG(entry->id));
    for (uint32_t i = 0; i < entry->roles.count; i++)
        if (permission_of_word(entry->roles.items[i]) == PERMIT_SERVICE)
            return error_set(error, STATUS_FAILED_PRECONDITION, "id",
                             "id: %.*s is a service, which works on the bus by its key",
                             TEXT_ARG(entry->id));
    return STATUS_OK;
}
