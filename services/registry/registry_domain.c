/* What the rules of the registry share (registry_domain.h).
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

enum status
registry_day(date_day on, date_day as_of, date_day today, date_day *day, struct error *error)
{
    if (on != DATE_NONE && as_of != DATE_NONE && on != as_of)
        return error_set(error, STATUS_INVALID_ARGUMENT, "as_of",
                         "as_of: means the same as on; give one of them");
    *day = on != DATE_NONE ? on : as_of != DATE_NONE ? as_of : today;
    return STATUS_OK;
}

enum status
registry_superseded(const struct dated *list, struct text key, date_day supersedes,
                    struct error *error)
{
    char day[DATE_TEXT_MAX];
    if (supersedes == DATE_NONE || dated_at(list, key, supersedes) >= 0)
        return STATUS_OK;
    date_print(supersedes, day);
    return error_set(error, STATUS_FAILED_PRECONDITION, "supersedes",
                     "supersedes: no entry that counts begins on %s; the history has them", day);
}

enum status
registry_refuse_full(const char *field, uint32_t count, struct error *error)
{
    return error_set(error, STATUS_FAILED_PRECONDITION, field,
                     "%s: it has %u entries recorded already, which is the most that is kept",
                     field, (unsigned)count);
}
