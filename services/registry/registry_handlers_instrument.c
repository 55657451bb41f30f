/* instrument.*: see registry_handlers.h. It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

static struct text
topic_of(struct op *op, struct text id)
{
    return op_format(op, "registry.instrument.%.*s.", TEXT_ARG(id));
}

static enum status
refuse_unknown(struct op *op, struct text id)
{
    return error_set(op_error(op), STATUS_NOT_FOUND, "id",
                     "id: there is no instrument %.*s; instrument.list names those that are",
                     TEXT_ARG(id));
}

/* Saves and records the instrument, if it changed, and answers it as it stands today. */
static enum status
finish(struct op *op, struct instrument *instrument, const char *type, bool changed)
{
    struct registry_members *members;
    enum status status = registry_handlers_members(op, op_today(op), &members);
    if (status != STATUS_OK)
        return status;
    registry_instrument_view(instrument, members, op_today(op), false);
    if (!changed)
        return op_answer_unchanged(op, &instrument_schema, instrument,
                                   topic_of(op, instrument->id));
    op_index_add(op, op_format(op, "instrument:%.*s", TEXT_ARG(instrument->id)));
    struct text saved = op_save(op, "instrument", instrument->id, &instrument_schema, instrument);
    op_record_raw(op, type, topic_of(op, instrument->id), saved, NULL, NULL, TEXT_NONE);
    op_answer_raw(op, saved);
    return STATUS_OK;
}

static bool
same_title(const void *message, const void *params)
{
    const struct instrument *instrument = message;
    const struct instrument_put *in = params;
    return text_equal(instrument->title, in->title) && instrument->adopted == in->adopted;
}

/* Sets what is said of an instrument to what the parameters say. Whether that is something new. */
static bool
describe(struct op *op, struct instrument *instrument, const struct instrument_put *in)
{
    struct instrument *before = op_alloc(op, sizeof *before);
    if (!before)
        return false;
    *before = *instrument;
    instrument->titles.count = 0;
    instrument->adopted = DATE_NONE;
    instrument->body = instrument->decision = instrument->note = TEXT_NONE;
    int64_t rev = instrument->rev;
    schema_copy(&instrument_schema, instrument, &instrument_put_schema, in);
    instrument->rev = rev;
    return !schema_same(&instrument_schema, before, instrument);
}

enum status
instrument_put_handle(struct op *op, const void *params)
{
    const struct instrument_put *in = params;
    struct instrument *instrument = op_alloc(op, sizeof *instrument);
    struct text id;
    if (!instrument)
        return registry_no_memory(op);
    struct registry_naming naming = {"instrument", &instrument_schema, in->id,
                                     in->title,    same_title,         in};
    enum status housed = registry_handlers_known(op, "body", "body", in->body);
    enum status cited = registry_handlers_cites(op, in->decision);
    enum status status = registry_handlers_name(op, &naming, instrument, &id);
    if (housed != STATUS_OK || cited != STATUS_OK)
        return housed != STATUS_OK ? housed : cited;
    if (status == STATUS_NOT_FOUND) {
        schema_init(&instrument_schema, instrument);
        instrument->present = true;
        instrument->id = id;
        instrument->rev = 0;
    } else if (status != STATUS_OK) {
        return status;
    }
    status = op_expect_rev(op, in->rev, instrument->rev);
    if (status != STATUS_OK)
        return status;
    bool changed = describe(op, instrument, in) || !instrument->rev;
    return finish(op, instrument, "instrument.recorded", changed);
}

/* Who signs or ratifies must be a member on that day. */
static enum status
check_member(struct op *op, const struct instrument_ratify *in)
{
    struct participant *participant = op_alloc(op, sizeof *participant);
    if (!participant)
        return registry_no_memory(op);
    enum status status = op_load(op, "participant", in->member, &participant_schema, participant);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    if (status == STATUS_OK &&
        (in->status == INSTRUMENT_WITHDRAWN ||
         registry_participant_on(participant, in->from) == PARTICIPANT_MEMBER))
        return STATUS_OK;
    char day[DATE_TEXT_MAX];
    date_print(in->from, day);
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "member",
                     status == STATUS_OK ? "member: %.*s is no member on %s"
                                         : "member: there is no participant %.*s on %s",
                     TEXT_ARG(in->member), day);
}

enum status
instrument_ratify_handle(struct op *op, const void *params)
{
    static const char *const types[] = {
        [instrument_status_absent] = "instrument.ratified",
        [INSTRUMENT_SIGNED] = "instrument.signed",
        [INSTRUMENT_RATIFIED] = "instrument.ratified",
        [INSTRUMENT_WITHDRAWN] = "instrument.withdrawn",
    };
    const struct instrument_ratify *in = params;
    bool changed;
    struct instrument *instrument = op_alloc(op, sizeof *instrument);
    if (!instrument)
        return registry_no_memory(op);
    enum status member = check_member(op, in), cited = registry_handlers_cites(op, in->decision);
    enum status status = op_load(op, "instrument", in->id, &instrument_schema, instrument);
    if (status == STATUS_NOT_FOUND)
        return refuse_unknown(op, in->id);
    if (status != STATUS_OK || member != STATUS_OK || cited != STATUS_OK)
        return status != STATUS_OK ? status : member != STATUS_OK ? member : cited;
    status = op_expect_rev(op, in->rev, instrument->rev);
    if (status == STATUS_OK)
        status = registry_instrument_add(instrument, in, &changed, op_error(op));
    return status == STATUS_OK ? finish(op, instrument, types[in->status], changed) : status;
}

enum status
instrument_get_handle(struct op *op, const void *params)
{
    const struct id_day *in = params;
    bool past = in->as_of != DATE_NONE;
    date_day day = past ? in->as_of : op_today(op);
    struct registry_members *members;
    struct instrument *instrument = op_alloc(op, sizeof *instrument);
    if (!instrument)
        return registry_no_memory(op);
    enum status counted = registry_handlers_members(op, day, &members);
    enum status status = op_load(op, "instrument", in->id, &instrument_schema, instrument);
    if (status == STATUS_NOT_FOUND)
        return refuse_unknown(op, in->id);
    if (status != STATUS_OK || counted != STATUS_OK)
        return status != STATUS_OK ? status : counted;
    if (!registry_instrument_view(instrument, members, day, past))
        return error_set(op_error(op), STATUS_NOT_FOUND, "as_of",
                         "as_of: it was adopted later; ask for a later day");
    op_answer(op, &instrument_schema, instrument);
    return STATUS_OK;
}

struct asked {
    const struct registry_members *members;
    date_day day;
    bool past;
};

static bool
is_wanted(void *message, const void *arg)
{
    const struct asked *asked = arg;
    return registry_instrument_view(message, asked->members, asked->day, asked->past);
}

enum status
instrument_list_handle(struct op *op, const void *params)
{
    const struct page *in = params;
    struct registry_members *members;
    bool past = in->as_of != DATE_NONE;
    date_day day = past ? in->as_of : op_today(op);
    enum status status = registry_handlers_members(op, day, &members);
    if (status != STATUS_OK)
        return status;
    struct asked asked = {members, day, past};
    struct registry_list list = {"instrument", &instrument_schema, is_wanted,
                                 &asked,       in->limit,          in->cursor};
    return registry_handlers_list(op, &list);
}
