/* See notify_mime.h. It must not know how mails are sent. */
#include "services/notify/notify_mime.h"

#define ADDRESS_MAX 254
#define LOCAL_MAX 64

static bool
is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Atoms with dots between them. */
static bool
is_dotted(struct text text, const char *besides)
{
    char before = '.';
    for (uint32_t i = 0; i < text.len; before = text.ptr[i++])
        if (text.ptr[i] == '.' ? before == '.'
                               : !is_letter_or_digit(text.ptr[i]) &&
                                     (text.ptr[i] == '\0' || !strchr(besides, text.ptr[i])))
            return false;
    return text.len > 0 && before != '.';
}

bool
notify_mail_address_valid(struct text address)
{
    const char *at = address.len ? memchr(address.ptr, '@', address.len) : NULL;
    if (!at || address.len > ADDRESS_MAX)
        return false;
    struct text local = {address.ptr, (uint32_t)(at - address.ptr)};
    struct text domain = {at + 1, address.len - local.len - 1};
    return local.len <= LOCAL_MAX && is_dotted(local, "!#$%&'*+-/=?^_`{|}~") &&
           is_dotted(domain, "-") && domain.ptr[0] != '-';
}
