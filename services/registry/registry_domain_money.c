/* Contributions: currencies, corrections and sums, without floats (registry_affairs.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_affairs.h"

/* ISO 4217: the currencies of members, observers and partners' seats, and those that payments
 * between states are made in. By how many digits are behind the point. */
static const char *const currencies[] = {
    /* 0 */ " ISK JPY KRW VND ",
    /* 1 */ "",
    /* 2 */
    " AED AFN AUD AZN BDT BRL BYN CAD CHF CNY CZK DKK EGP EUR GBP GEL HKD IDR ILS INR IRR KGS KHR "
    "KZT LAK LKR MAD MNT MXN MYR NOK NPR NZD PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TJS TMT "
    "TRY UAH USD UZS ZAR AMD BAM BGN BND BTN HUF LBP MMK MVR SYP TWD YER XDR ",
    /* 3 */ " BHD IQD JOD KWD OMR TND LYD ",
};
#define EXPONENTS (int)(sizeof currencies / sizeof *currencies)

int
registry_money_exponent(struct text currency)
{
    for (int exponent = 0; currency.len == 3 && exponent < EXPONENTS; exponent++)
        for (const char *at = currencies[exponent]; at[0] && at[1]; at += 4)
            if (memcmp(at + 1, currency.ptr, 3) == 0)
                return exponent;
    return -1;
}

enum status
registry_money_currency(const char *field, struct text currency, struct error *error)
{
    if (registry_money_exponent(currency) >= 0)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID_ARGUMENT, field,
                     "%s: %.*s is no currency that is known; want an ISO 4217 code, such as USD",
                     field, TEXT_ARG(currency));
}

enum status
registry_contribution_make(const struct contribution_record *in, struct text id,
                           struct contribution *out, struct error *error)
{
    if (in->amount != INT_NONE && in->in_kind.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "in_kind",
                         "in_kind: an amount is given too; want one of them");
    if ((in->amount != INT_NONE) != (in->currency.ptr != NULL))
        return error_set(error, STATUS_INVALID_ARGUMENT, in->currency.ptr ? "amount" : "currency",
                         "%s: is missing; an amount in minor units and its currency go together",
                         in->currency.ptr ? "amount" : "currency");
    if (in->supersedes.ptr && text_equal(in->supersedes, id))
        return error_set(error, STATUS_INVALID_ARGUMENT, "supersedes",
                         "supersedes: a correction is a contribution of another id");
    schema_init(&contribution_schema, out);
    schema_copy(&contribution_schema, out, &contribution_record_schema, in);
    out->present = true;
    out->id = id;
    out->rev = 0;
    if (!in->earmark.ptr)
        out->earmark = TEXT_LITERAL("secretariat-budget");
    return in->currency.ptr ? registry_money_currency("currency", in->currency, error) : STATUS_OK;
}

bool
registry_contribution_equal(const struct contribution *a, const struct contribution *b)
{
    struct contribution other = *b;
    other.present = a->present;
    other.rev = a->rev;
    other.superseded_by = a->superseded_by;
    return schema_same(&contribution_schema, a, &other);
}

static int
year_of(date_day day)
{
    int year, month, mday;
    date_civil(day, &year, &month, &mday);
    return year;
}

bool
registry_contribution_wanted(const struct contribution *contribution,
                             const struct contribution_list *asked)
{
    return (asked->superseded == 1 || !contribution->superseded_by.ptr) &&
           (asked->as_of == DATE_NONE || contribution->on <= asked->as_of) &&
           (asked->year == INT_NONE || year_of(contribution->on) == asked->year) &&
           (!asked->participant.ptr || text_equal(contribution->participant, asked->participant)) &&
           (!asked->earmark.ptr || text_equal(contribution->earmark, asked->earmark));
}

/* By year, then by currency; what has none comes first. */
static int
compare(const struct contribution_total *total, int year, struct text currency)
{
    if (total->year != year)
        return total->year < year ? -1 : 1;
    return text_compare(total->currency, currency);
}

bool
registry_totals_add(struct registry_totals *totals, const struct contribution *contribution)
{
    int year = year_of(contribution->on), order = -1;
    uint32_t at = 0;
    while (at < totals->count &&
           (order = compare(&totals->items[at], year, contribution->currency)) < 0)
        at++;
    struct contribution_total *total = &totals->items[at];
    if (at == totals->count || order != 0) {
        if (totals->count == REGISTRY_TOTALS_MAX)
            return false;
        memmove(total + 1, total, (totals->count++ - at) * sizeof *total);
        schema_init(&contribution_total_schema, total);
        total->present = true;
        total->year = year;
        total->count = 0;
        total->currency = contribution->currency;
        if (contribution->currency.ptr) {
            total->amount = 0;
            total->exponent = registry_money_exponent(contribution->currency);
        }
    }
    total->count++;
    if (!contribution->currency.ptr)
        return true;
    if (contribution->amount > INT64_MAX - total->amount)
        return false;
    total->amount += contribution->amount;
    return true;
}
