/* Whether a url may be a webhook's. curl's own parser reads it, so that what is judged is what curl
 * would connect to. It must not know attempts. */
#include <stdio.h>
#include <stdlib.h>

#include "services/notify/notify_sender_internal.h"

#define URL_MAX 2000

static bool
refuse(char why[200], const char *words, const char *what)
{
    snprintf(why, 200, "%s%s", words, what);
    return false;
}

/* NULL if it has none; to be freed by curl. */
static char *
part_of(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    return sender_curl.url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool
has_part(CURLU *url, CURLUPart part)
{
    char *text = part_of(url, part);
    sender_curl.free(text);
    return text != NULL;
}

/* The address that a host is by itself: a literal (curl has made "0x7f.1" into "127.0.0.1"), or
 * what localhost is everywhere. */
static bool
literal(const char *host, struct notify_address *out)
{
    struct text text = text_of(host), name = TEXT_LITERAL("localhost");
    if (text.len > 2 && host[0] == '[')
        text = (struct text){host + 1, text.len - 2};
    while (text.len && text.ptr[text.len - 1] == '.')
        text.len--;
    if (text.len >= name.len &&
        text_contains_nocase((struct text){text.ptr + text.len - name.len, name.len}, name) &&
        (text.len == name.len || text.ptr[text.len - name.len - 1] == '.'))
        text = TEXT_LITERAL("127.0.0.1");
    return notify_address_parse(text, out);
}

static bool
host_allowed(const struct notify_sender *sender, const char *host, bool plain, char why[200])
{
    struct notify_address address;
    if (!host || !*host)
        return refuse(why, "a url needs a host", "");
    if (literal(host, &address)) {
        const char *kind = notify_address_refused(&address);
        if (notify_cidrs_have(&sender->allow, &address))
            return true;
        if (kind)
            return refuse(why, "webhooks do not go to addresses of this kind: ", kind);
    } else if (host[0] == '[') {
        return refuse(why, "an address with a zone is none for webhooks", "");
    } else if (!plain || sender->allow.count) {
        return true; /* judged when the name is resolved */
    }
    return !plain || refuse(why,
                            "plain http goes only to addresses that the operator listed: "
                            "want https",
                            "");
}

static bool
parts_allowed(const struct notify_sender *sender, CURLU *url, char why[200])
{
    char *scheme = part_of(url, CURLUPART_SCHEME), *host = part_of(url, CURLUPART_HOST);
    char *port = part_of(url, CURLUPART_PORT);
    bool plain = scheme && strcmp(scheme, "http") == 0;
    bool allowed =
        (plain || (scheme && strcmp(scheme, "https") == 0) ||
         refuse(why, "a webhook's url begins with https://", "")) &&
        ((!has_part(url, CURLUPART_USER) && !has_part(url, CURLUPART_PASSWORD)) ||
         refuse(why, "a url with a user is none for webhooks: it would be read in logs", "")) &&
        (!has_part(url, CURLUPART_FRAGMENT) ||
         refuse(why, "a url with a fragment (#…) is none for webhooks", "")) &&
        (!port || strtol(port, NULL, 10) > 0 || refuse(why, "this port is none: ", port)) &&
        host_allowed(sender, host, plain, why);
    sender_curl.free(scheme);
    sender_curl.free(host);
    sender_curl.free(port);
    return allowed;
}

bool
notify_sender_url_allowed(const struct notify_sender *sender, struct text text, char why[200])
{
    char terminated[URL_MAX + 1];
    if (text.len == 0 || text.len > URL_MAX || memchr(text.ptr, '\0', text.len))
        return refuse(why, "a url has 1 to 2000 characters", "");
    memcpy(terminated, text.ptr, text.len);
    terminated[text.len] = '\0';
    CURLU *url = sender_curl_load() ? sender_curl.url() : NULL;
    if (!url)
        return refuse(why, "urls cannot be read now", "");
    CURLUcode code = sender_curl.url_set(url, CURLUPART_URL, terminated, CURLU_NON_SUPPORT_SCHEME);
    bool allowed = code == CURLUE_OK
                       ? parts_allowed(sender, url, why)
                       : refuse(why, "this is no url: ", sender_curl.url_strerror(code));
    sender_curl.url_cleanup(url);
    return allowed;
}
