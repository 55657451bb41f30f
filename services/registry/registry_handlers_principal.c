/* principal.*: see registry_handlers.h. Documents: kind "principal" (id), and "key" (the key: whose
 * it is or was). Index entries: "principal:<id>". It must not know sockets or Redis. */
#include "services/registry/registry_principal.h"
#include "services/registry/registry_handlers.h"

#include <sodium.h>
#include <string.h>

#include "common/auth/token.h"
#include "common/msg/schema_mp.h"

static struct text
topic_of(struct op *op, struct text id)
{
    return op_format(op, "private.secretariat.registry.principal.%.*s.", TEXT_ARG(id));
}

static void
commit(struct op *op, const char *type, struct principal_entry *entry, const char *from)
{
    struct text saved = op_save(op, "principal", entry->id, &principal_entry_schema, entry);
    op_record_raw(op, type, topic_of(op, entry->id), saved, from, NULL, TEXT_NONE);
    op_answer_raw(op, saved);
}

/* The participant that the principal speaks for: the commit guards what it was taken for. */
static enum status
check_member(struct op *op, const struct principal_enroll *in)
{
    if (!in->member.ptr)
        return STATUS_OK;
    struct participant *participant = op_alloc(op, sizeof *participant);
    if (!participant)
        return registry_no_memory(op);
    enum status status = op_load(op, "participant", in->member, &participant_schema, participant);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    return registry_principal_speaks(in,
                                     status == STATUS_OK
                                         ? registry_participant_on(participant, op_today(op))
                                         : participant_status_absent,
                                     op_error(op));
}

enum status
registry_handlers_principal_tell(struct op *op, const void *message)
{
    const struct principal_entry *entry = message;
    struct principal_key key;
    enum status status = op_load(op, "key", entry->key, &principal_key_schema, &key);
    if (status == STATUS_OK && !text_equal(key.id, entry->id))
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "key",
                         "key: it is enrolled already, as %.*s", TEXT_ARG(key.id));
    if (status == STATUS_NOT_FOUND) {
        key = (struct principal_key){.id = entry->id};
        op_save(op, "key", entry->key, &principal_key_schema, &key);
    } else if (status != STATUS_OK) {
        return status;
    }
    bool revoked = entry->status == PRINCIPAL_REVOKED;
    op_record(op, revoked ? "principal.revoked" : "principal.enrolled", topic_of(op, entry->id),
              &principal_entry_schema, entry, revoked ? "active" : NULL, NULL, TEXT_NONE);
    return STATUS_OK;
}

enum status
principal_enroll_handle(struct op *op, const void *params)
{
    const struct principal_enroll *in = params;
    struct principal_entry known, entry;
    struct principal_key key;
    enum status status = registry_principal_check(in, op_error(op));
    if (status != STATUS_OK)
        return status;
    enum status member = check_member(op, in);
    enum status owned = op_load(op, "key", in->key, &principal_key_schema, &key);
    enum status loaded = op_load(op, "principal", in->id, &principal_entry_schema, &known);
    if (member != STATUS_OK)
        return member;
    if (owned != STATUS_OK && owned != STATUS_NOT_FOUND)
        return owned;
    if (loaded != STATUS_OK && loaded != STATUS_NOT_FOUND)
        return loaded;
    bool is_new = loaded == STATUS_NOT_FOUND, changed;
    status = op_expect_rev(op, in->rev, is_new ? 0 : known.rev);
    if (status == STATUS_OK)
        status = registry_principal_enroll(in, is_new ? NULL : &known,
                                           owned == STATUS_OK ? key.id : TEXT_NONE, &entry,
                                           &changed, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (!changed)
        return op_answer_unchanged(op, &principal_entry_schema, &entry, topic_of(op, in->id));
    if (owned == STATUS_NOT_FOUND) {
        key = (struct principal_key){.id = in->id};
        op_save(op, "key", in->key, &principal_key_schema, &key);
    }
    if (is_new)
        op_index_add(op, op_format(op, "principal:%.*s", TEXT_ARG(in->id)));
    commit(op, "principal.enrolled", &entry, NULL);
    return STATUS_OK;
}

enum status
principal_revoke_handle(struct op *op, const void *params)
{
    const struct principal_revoke *in = params;
    struct principal_entry entry;
    enum status status = op_load(op, "principal", in->id, &principal_entry_schema, &entry);
    if (status == STATUS_NOT_FOUND)
        return error_set(op_error(op), STATUS_NOT_FOUND, "id",
                         "id: no principal %.*s is enrolled; one that a file of the operator "
                         "trusts ends with that file",
                         TEXT_ARG(in->id));
    if (status == STATUS_OK)
        status = op_expect_rev(op, in->rev, entry.rev);
    if (status != STATUS_OK)
        return status;
    if (!registry_principal_revoke(in, &entry))
        return op_answer_unchanged(op, &principal_entry_schema, &entry, topic_of(op, in->id));
    commit(op, "principal.revoked", &entry, "active");
    return STATUS_OK;
}

/* The same request again: what was answered then, but for the token, which nobody kept. */
static enum status
answer_token_again(struct op *op, struct text kept)
{
    struct principal_token_made made;
    if (schema_decode_bytes(&principal_token_made_schema, kept.ptr, kept.len, &made, SCHEMA_STORED,
                            op_error(op)) != STATUS_OK)
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the stored answer is damaged");
    op_answer(op, &principal_token_made_schema, &made);
    return STATUS_OK;
}

/* Answers the token, of which the idempotency key keeps nothing. */
static enum status
answer_token(struct op *op, const struct principal_entry *entry, struct text token)
{
    struct principal_token_made made = {.id = entry->id, .rev = entry->rev};
    struct buf *kept = op_alloc(op, sizeof *kept);
    if (!kept)
        return op_no_memory(op);
    *kept = (struct buf){0};
    schema_encode(&principal_token_made_schema, &made, kept);
    struct text bytes = op_join(op, 1, &(struct text){(char *)kept->data, (uint32_t)kept->len});
    buf_fini(kept);
    if (!bytes.ptr)
        return op_no_memory(op);
    made.token = token;
    op_answer_apart(op, &principal_token_made_schema, &made, bytes);
    return STATUS_OK;
}

enum status
principal_token_handle(struct op *op, const void *params)
{
    const struct principal_token *in = params;
    struct principal_entry entry;
    char token[TOKEN_LEN + 1], digest[KEY_LEN + 1];
    struct text kept;
    if (op_repeats(op, &kept))
        return answer_token_again(op, kept);
    enum status status = op_load(op, "principal", in->id, &principal_entry_schema, &entry);
    if (status == STATUS_NOT_FOUND)
        return error_set(op_error(op), STATUS_NOT_FOUND, "id",
                         "id: no principal %.*s is enrolled; one that a file of the operator "
                         "trusts has a token once it is enrolled too",
                         TEXT_ARG(in->id));
    if (status == STATUS_OK)
        status = op_expect_rev(op, in->rev, entry.rev);
    if (status == STATUS_OK)
        status = registry_principal_may_have_token(&entry, op_error(op));
    if (status != STATUS_OK)
        return status;
    token_make(token);
    token_digest(text_of(token), digest);
    entry.token = text_of(digest);
    struct text saved = op_save(op, "principal", entry.id, &principal_entry_schema, &entry);
    op_record_raw(op, "principal.token_made", topic_of(op, entry.id), saved, NULL, NULL, TEXT_NONE);
    status = answer_token(op, &entry, text_of(token));
    sodium_memzero(token, sizeof token);
    return status;
}

static bool
is_wanted(void *message, const void *arg)
{
    const struct principal_entry *entry = message;
    const struct principal_list *in = arg;
    return !in->status || entry->status == in->status;
}

enum status
principal_list_handle(struct op *op, const void *params)
{
    const struct principal_list *in = params;
    struct registry_list list = {"principal", &principal_entry_schema, is_wanted, in, in->limit,
                                 in->cursor};
    return registry_handlers_list(op, &list);
}

enum status
principal_whoami_handle(struct op *op, const void *params)
{
    (void)params;
    const struct principal *who = op_principal(op);
    struct principal_self self = {.id = text_of(who->id)};
    for (unsigned role = 0; role < PERMISSION_ROLES; role++)
        if (who->roles >> role & 1)
            self.roles.items[self.roles.count++] = text_of(permission_words[role]);
    if (who->member[0])
        self.member = text_of(who->member);
    op_answer(op, &principal_self_schema, &self);
    return STATUS_OK;
}
