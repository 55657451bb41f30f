/* participant.*: see registry_handlers.h. It must not know sockets or Redis. */
#include "services/registry/registry_handlers_decision.h"

#include "common/msg/schema_mp.h"

static struct text
topic_of(struct op *op, struct text code)
{
    return op_format(op, "registry.participant.%.*s.", TEXT_ARG(code));
}

/* Who ever was a member may be one now: the electorates that are being made must see the change. */
static bool
is_elector(const struct participant *participant)
{
    for (uint32_t i = 0; i < participant->history.count; i++)
        if (participant->history.items[i].status == PARTICIPANT_MEMBER)
            return true;
    return false;
}

static enum status
commit(struct op *op, const char *type, struct participant *participant, const char *from)
{
    enum status status =
        is_elector(participant) ? registry_handlers_electorate_bump(op) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    op_save(op, "participant", participant->code, &participant_schema, participant);
    op_record(op, type, topic_of(op, participant->code), &participant_schema, participant, from,
              NULL, TEXT_NONE);
    op_answer(op, &participant_schema, participant);
    return STATUS_OK;
}

static enum status
unchanged(struct op *op, struct participant *participant)
{
    registry_participant_view_changed(participant, op_today(op));
    return op_answer_unchanged(op, &participant_schema, participant,
                               topic_of(op, participant->code));
}

enum status
participant_put_handle(struct op *op, const void *params)
{
    const struct participant_put *in = params;
    struct participant *participant = op_alloc(op, sizeof *participant);
    if (!participant)
        return registry_no_memory(op);
    enum status cited = registry_handlers_cites(op, in->decision);
    enum status loaded = op_load(op, "participant", in->code, &participant_schema, participant);
    if (cited != STATUS_OK)
        return cited;
    if (loaded != STATUS_OK && loaded != STATUS_NOT_FOUND)
        return loaded;
    bool is_new = loaded == STATUS_NOT_FOUND, changed = true;
    enum status status = op_expect_rev(op, in->rev, is_new ? 0 : participant->rev);
    if (status != STATUS_OK)
        return status;
    status =
        is_new ? registry_participant_create(in, op_today(op), participant, op_error(op))
               : registry_participant_rename(participant, in, op_today(op), &changed, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (is_new)
        op_index_add(op, op_format(op, "participant:%.*s", TEXT_ARG(in->code)));
    if (!changed)
        return unchanged(op, participant);
    return commit(op, is_new ? "participant.added" : "participant.renamed", participant, NULL);
}

static void
refuse_unknown(struct op *op, struct text code)
{
    error_set(op_error(op), STATUS_NOT_FOUND, "code",
              "code: there is no participant %.*s; participant.put records one", TEXT_ARG(code));
}

static void
refuse_not_yet(struct op *op, const struct participant *participant, date_day day)
{
    char asked[DATE_TEXT_MAX];
    date_print(day, asked);
    error_set(op_error(op), STATUS_NOT_FOUND, "as_of",
              "as_of: %.*s did not take part yet on %s; ask for a later day",
              TEXT_ARG(participant->code), asked);
}

/* The participant as it stood on the day asked for. */
static enum status
load_view(struct op *op, const struct participant_get *in, struct participant **out)
{
    struct participant *participant = op_alloc(op, sizeof *participant);
    if (!participant)
        return registry_no_memory(op);
    enum status status = op_load(op, "participant", in->code, &participant_schema, participant);
    if (status == STATUS_NOT_FOUND)
        refuse_unknown(op, in->code);
    if (status != STATUS_OK)
        return status;
    bool past = in->as_of != DATE_NONE;
    date_day day = past ? in->as_of : op_today(op);
    if (!registry_participant_view(participant, day, past)) {
        refuse_not_yet(op, participant, day);
        return STATUS_NOT_FOUND;
    }
    *out = participant;
    return STATUS_OK;
}

enum status
participant_get_handle(struct op *op, const void *params)
{
    struct participant *participant;
    enum status status = load_view(op, params, &participant);
    if (status == STATUS_OK)
        op_answer(op, &participant_schema, participant);
    return status;
}

enum status
participant_history_handle(struct op *op, const void *params)
{
    struct participant *participant;
    int64_t seq;
    enum status counted = op_seq(op, &seq);
    enum status status = load_view(op, params, &participant);
    if (status != STATUS_OK || counted != STATUS_OK)
        return status != STATUS_OK ? status : counted;
    struct buf *buf = op_result(op);
    mp_map(buf, 4);
    mp_string(buf, "code");
    mp_text(buf, participant->code);
    mp_string(buf, "history");
    mp_array(buf, participant->history.count);
    for (uint32_t i = 0; i < participant->history.count; i++)
        schema_encode(&status_entry_schema, &participant->history.items[i], buf);
    mp_string(buf, "name_history");
    mp_array(buf, participant->name_history.count);
    for (uint32_t i = 0; i < participant->name_history.count; i++)
        schema_encode(&name_entry_schema, &participant->name_history.items[i], buf);
    mp_string(buf, "seq");
    mp_int(buf, seq);
    return STATUS_OK;
}

struct filter {
    const struct participant_list *in;
    date_day day;
};

static bool
is_wanted(void *message, const void *arg)
{
    struct participant *participant = message;
    const struct filter *filter = arg;
    return registry_participant_view(participant, filter->day, filter->in->as_of != DATE_NONE) &&
           (!filter->in->status || participant->status == filter->in->status) &&
           (!filter->in->kind || participant->kind == filter->in->kind);
}

enum status
participant_list_handle(struct op *op, const void *params)
{
    const struct participant_list *in = params;
    struct filter filter = {in, in->as_of != DATE_NONE ? in->as_of : op_today(op)};
    struct registry_list list = {"participant", &participant_schema, is_wanted,
                                 &filter,       in->limit,           in->cursor};
    return registry_handlers_list(op, &list);
}

/* A change to another status than member may take a day of a term from the chair. The list of terms
 * is loaded, so the commit guards it: no term can be recorded in between. */
static enum status
check_chair(struct op *op, const struct participant *participant)
{
    struct chair_book *book;
    struct registry_spans spans;
    enum status status = registry_handlers_chair_book(op, &book);
    if (status != STATUS_OK)
        return status;
    status = registry_chair_keeps(book, participant, &spans, op_error(op));
    if (status != STATUS_OK)
        registry_handlers_details(op, &spans);
    return status;
}

enum status
participant_status_handle(struct op *op, const void *params)
{
    const struct participant_change *in = params;
    struct participant *participant = op_alloc(op, sizeof *participant);
    if (!participant)
        return registry_no_memory(op);
    enum status cited = registry_handlers_cites(op, in->decision);
    enum status status = op_load(op, "participant", in->code, &participant_schema, participant);
    if (cited != STATUS_OK)
        return cited;
    if (status == STATUS_NOT_FOUND)
        refuse_unknown(op, in->code);
    if (status == STATUS_OK)
        status = op_expect_rev(op, in->rev, participant->rev);
    if (status != STATUS_OK)
        return status;
    enum participant_status before;
    bool changed;
    status = registry_participant_change(participant, in, &before, &changed, op_error(op));
    if (status == STATUS_OK && changed &&
        (in->status != PARTICIPANT_MEMBER || in->supersedes != DATE_NONE))
        status = check_chair(op, participant);
    if (status != STATUS_OK)
        return status;
    if (!changed)
        return unchanged(op, participant);
    registry_participant_view_changed(participant, op_today(op));
    return commit(op, "participant.status_changed", participant,
                  before ? participant_status_words[before - 1] : NULL);
}
