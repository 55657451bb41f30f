/* Bodies, and what the rules of the registry share (registry_domain.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_domain.h"

static bool
has_name(const struct text_pair *names, uint32_t count, const struct text_pair *wanted)
{
    for (uint32_t i = 0; i < count; i++)
        if (text_equal(names[i].key, wanted->key))
            return text_equal(names[i].value, wanted->value);
    return false;
}

bool
registry_names_equal(const struct text_pair *a, uint32_t a_count, const struct text_pair *b,
                     uint32_t b_count)
{
    if (a_count != b_count)
        return false;
    for (uint32_t i = 0; i < a_count; i++) /* languages are unique: the codec sees to it */
        if (!has_name(b, b_count, &a[i]))
            return false;
    return true;
}

bool
registry_body_equal(const struct body *a, const struct body *b)
{
    return text_equal(a->code, b->code) && text_equal(a->name, b->name) &&
           registry_names_equal(a->names.items, a->names.count, b->names.items, b->names.count) &&
           text_equal(a->kind, b->kind) && a->level == b->level && text_equal(a->chair, b->chair) &&
           text_equal(a->seats, b->seats) && text_equal(a->note, b->note);
}

enum status
registry_day(date_day on, date_day as_of, date_day today, date_day *day, struct error *error)
{
    if (on != DATE_NONE && as_of != DATE_NONE && on != as_of)
        return error_set(error, STATUS_INVALID_ARGUMENT, "as_of",
                         "as_of: means the same as on; give one of them");
    *day = on != DATE_NONE ? on : as_of != DATE_NONE ? as_of : today;
    return STATUS_OK;
}
