/* See decision.h. */
#include "common/decision/decision.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

void
decision_digest(struct text text, struct text title, char out[DECISION_DIGEST_MAX])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    struct text of = text.ptr ? text : title;
    crypto_hash_sha256(hash, (const unsigned char *)(of.ptr ? of.ptr : ""), of.len);
    sodium_bin2hex(out, DECISION_DIGEST_MAX, hash, sizeof hash);
}

unsigned
decision_standing(const struct decision *decision)
{
    unsigned standing = 0;
    for (uint32_t i = 0; i < decision->objections.count; i++)
        standing += decision->objections.items[i].lifted_at == TIME_NONE;
    return standing;
}

bool
decision_due(const struct decision *decision, int64_t now_ms)
{
    return decision->status == DECISION_OPEN && decision->mode == DECISION_SILENCE &&
           now_ms >= decision->deadline;
}

/* What silence until the deadline means. */
static enum decision_status
silence(unsigned standing)
{
    return standing ? DECISION_SILENCE_BROKEN : DECISION_ADOPTED;
}

void
decision_settle(struct decision *decision, int64_t now_ms)
{
    if (!decision_due(decision, now_ms))
        return;
    decision->status = silence(decision_standing(decision));
    decision->outcome_at = decision->deadline;
}

const char *
decision_word(enum decision_status status)
{
    return decision_status_words[status - 1];
}

/* ---- from the records alone ---- */

static enum status
refuse(struct error *error, const struct decision_fact *fact, const char *what)
{
    return error_set(error, STATUS_FAILED_PRECONDITION, NULL, "record %" PRId64 " (%.*s): %s",
                     fact->seq, TEXT_ARG(fact->type), what);
}

static int
member_of(const struct decision_replay *replay, struct text member)
{
    for (unsigned i = 0; i < replay->member_count; i++)
        if (text_equal(replay->members[i], member))
            return (int)i;
    return -1;
}

static enum status
begin(struct decision_replay *replay, const struct decision_fact *fact, struct error *error)
{
    const struct decision *data = fact->data;
    char digest[DECISION_DIGEST_MAX];
    replay->imported = text_is(fact->type, "decision.recorded");
    if (!replay->imported && !text_is(fact->type, "decision.opened"))
        return refuse(error, fact, "is no beginning");
    decision_digest(data->text, data->title, digest);
    if (!text_is(data->digest, digest))
        return refuse(error, fact, "the digest is not that of the text");
    replay->begun = true;
    replay->id = data->id;
    replay->title = data->title;
    replay->body = data->body;
    replay->digest = data->digest;
    replay->mode = (enum decision_mode)data->mode;
    replay->deadline = data->deadline;
    replay->notified_at = fact->time_ms;
    replay->status = (enum decision_status)data->status;
    replay->outcome_at = data->outcome_at;
    replay->ended = replay->imported;
    replay->member_count = data->electorate.count;
    for (unsigned i = 0; i < replay->member_count; i++)
        replay->members[i] = data->electorate.items[i];
    if (replay->imported)
        return data->status == DECISION_OPEN ? refuse(error, fact, "has no outcome") : STATUS_OK;
    if (data->status != DECISION_OPEN || data->objections.count)
        return refuse(error, fact, "has an outcome or objections at its beginning");
    if (!replay->mode || (replay->mode == DECISION_SILENCE) != (data->deadline != TIME_NONE))
        return refuse(error, fact, "a silence has a deadline, nothing else has");
    if (replay->mode == DECISION_SILENCE && fact->time_ms >= data->deadline)
        return refuse(error, fact, "the deadline is not after the notice");
    return STATUS_OK;
}

/* Whether the record says the same as the first of what never changes. */
static bool
is_same(const struct decision_replay *replay, const struct decision *data)
{
    bool same = text_equal(replay->id, data->id) && text_equal(replay->body, data->body) &&
                text_equal(replay->title, data->title) &&
                text_equal(replay->digest, data->digest) && (int)replay->mode == data->mode &&
                replay->member_count == data->electorate.count;
    for (unsigned i = 0; same && i < replay->member_count; i++)
        same = text_equal(replay->members[i], data->electorate.items[i]);
    return same;
}

/* Finds the only member whose objection stands now and did not, or the reverse; -1 if it is not
 * one, -2 if somebody objects who may not. */
static int
find_change(const struct decision_replay *replay, const struct decision *data)
{
    bool standing[DECISION_MEMBERS_MAX] = {false};
    int found = -1, changes = 0;
    for (uint32_t i = 0; i < data->objections.count; i++) {
        const struct objection *objection = &data->objections.items[i];
        int member = member_of(replay, objection->member);
        if (member < 0)
            return -2;
        standing[member] |= objection->lifted_at == TIME_NONE;
    }
    for (unsigned i = 0; i < replay->member_count; i++)
        if (standing[i] != replay->standing[i]) {
            found = (int)i;
            changes++;
        }
    return changes == 1 ? found : -1;
}

static enum status
stand(struct decision_replay *replay, const struct decision_fact *fact, bool objects,
      struct error *error)
{
    int member = find_change(replay, fact->data);
    if (member == -2)
        return refuse(error, fact, "who objects is not among those who were notified");
    if (member < 0 || replay->standing[member] == objects)
        return refuse(error, fact, "does not change the objection of one member");
    replay->standing[member] = objects;
    replay->standing_count += objects ? 1U : -1U;
    replay->about = member;
    return STATUS_OK;
}

/* Whether the type is "decision.<word>". */
static bool
is_outcome(struct text type, const char *word)
{
    const uint32_t skip = sizeof "decision." - 1;
    return type.len > skip && memcmp(type.ptr, "decision.", skip) == 0 &&
           text_is((struct text){type.ptr + skip, type.len - skip}, word);
}

static enum status
end(struct decision_replay *replay, const struct decision_fact *fact, struct error *error)
{
    const struct decision *data = fact->data;
    bool silent = replay->mode == DECISION_SILENCE, stands = replay->standing_count > 0;
    if (data->status == DECISION_OPEN || !is_outcome(fact->type, decision_word(data->status)))
        return refuse(error, fact, "is none of the types there are, or has another status");
    if (decision_standing(data) != replay->standing_count)
        return refuse(error, fact, "other objections stand than were recorded");
    enum decision_status right = silent   ? silence(replay->standing_count)
                                 : stands ? DECISION_BLOCKED
                                          : DECISION_ADOPTED;
    if (data->status != DECISION_WITHDRAWN && data->status != (int)right)
        return refuse(error, fact, "is not what follows from the objections");
    if (silent && data->status != DECISION_WITHDRAWN &&
        (fact->time_ms < replay->deadline || data->outcome_at != replay->deadline))
        return refuse(error, fact, "the outcome is not dated at the deadline");
    if (data->outcome_at == TIME_NONE || data->outcome_at > fact->time_ms)
        return refuse(error, fact, "the outcome has no time, or one that had not come");
    replay->ended = true;
    replay->status = (enum decision_status)data->status;
    replay->outcome_at = data->outcome_at;
    return STATUS_OK;
}

static enum status
extend(struct decision_replay *replay, const struct decision_fact *fact, struct error *error)
{
    if (replay->mode != DECISION_SILENCE || fact->data->deadline <= replay->deadline)
        return refuse(error, fact, "the deadline is not later than it was");
    replay->deadline = fact->data->deadline;
    return STATUS_OK;
}

enum status
decision_replay(struct decision_replay *replay, const struct decision_fact *fact,
                struct error *error)
{
    if (fact->prev != replay->seq || fact->seq <= replay->seq)
        return refuse(error, fact, "does not follow the record before it: one is missing");
    replay->seq = fact->seq;
    replay->about = -1;
    if (!replay->begun)
        return begin(replay, fact, error);
    if (replay->ended)
        return refuse(error, fact, "comes after the outcome");
    if (!is_same(replay, fact->data))
        return refuse(error, fact, "changes what cannot change");
    bool objected = text_is(fact->type, "decision.objected"),
         lifted = text_is(fact->type, "decision.lifted"),
         extended = text_is(fact->type, "decision.extended"),
         in_time = objected || lifted || extended || text_is(fact->type, "decision.withdrawn");
    if (!extended && fact->data->deadline != replay->deadline)
        return refuse(error, fact, "has another deadline");
    if (in_time && replay->mode == DECISION_SILENCE && fact->time_ms >= replay->deadline)
        return refuse(error, fact, "comes at the deadline or later");
    if (objected || lifted)
        return stand(replay, fact, objected, error);
    return extended ? extend(replay, fact, error) : end(replay, fact, error);
}

enum decision_status
decision_replay_outcome(const struct decision_replay *replay, int64_t now_ms, int64_t *at)
{
    *at = replay->ended ? replay->outcome_at : TIME_NONE;
    if (replay->ended || replay->mode != DECISION_SILENCE || now_ms < replay->deadline)
        return replay->status;
    *at = replay->deadline;
    return silence(replay->standing_count);
}
