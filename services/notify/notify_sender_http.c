/* One webhook by curl: what it is told, where it may connect, what is made of the answer. It must
 * not know queues or threads. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

#include "services/notify/notify_sender_internal.h"

#define CONNECT_MS_MAX 5000
#define HEAD_MAX (32 * 1024)
#define BODY_MAX (64 * 1024)
#define BUFFER_SIZE 1024 /* answers are short; malloc keeps such sizes at hand */
#define RETRY_AFTER_MAX_S (24 * 3600)
#define CONNECTION_AGE_S 300 /* then the name is looked up again */

/* ---- where it may connect -------------------------------------------------------------------- */

static bool
address_of(const struct curl_sockaddr *from, struct notify_address *out)
{
    *out = (struct notify_address){.v6 = from->family == AF_INET6};
    if (from->family == AF_INET && from->addrlen >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in v4;
        memcpy(&v4, &from->addr, sizeof v4);
        memcpy(out->bytes, &v4.sin_addr, 4);
        return true;
    }
    if (from->family == AF_INET6 && from->addrlen >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 v6;
        memcpy(&v6, &from->addr, sizeof v6);
        memcpy(out->bytes, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

/* curl asks for each socket with the very address that it then connects to: nothing can be resolved
 * to something else in between. A connection that is used again was judged when it was opened. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct attempt *attempt = arg;
    struct notify_address address;
    char printed[INET6_ADDRSTRLEN] = "?";
    (void)purpose;
    if (!address_of(to, &address))
        return CURL_SOCKET_BAD;
    const char *kind = notify_address_refused(&address);
    if ((kind || attempt->plain) && !notify_cidrs_have(&attempt->sender->allow, &address)) {
        inet_ntop(to->family, address.bytes, printed, sizeof printed);
        snprintf(attempt->kept, sizeof attempt->kept,
                 kind ? "%s is a %s address, which CBM_WEBHOOK_ALLOW does not list"
                      : "plain http goes only to addresses that CBM_WEBHOOK_ALLOW lists: not to %s",
                 printed, kind);
        attempt->refused = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    notify_sender_socket_open(attempt->sender, fd);
    return fd;
}

/* ---- what comes back ------------------------------------------------------------------------- */

static size_t
take_head(char *data, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    size_t len = size * count;
    long code = 0;
    attempt->seen_len += len;
    if (attempt->seen_len > HEAD_MAX)
        return 0;
    if (len <= 2 && (data[0] == '\r' || data[0] == '\n')) {
        sender_curl.easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &code);
        attempt->has_answered = code >= 200;
        attempt->seen_len = attempt->has_answered ? 0 : attempt->seen_len;
    }
    return len;
}

void
attempt_keep(struct attempt *attempt, const char *data, size_t len)
{
    for (size_t i = 0; i < len && attempt->kept_len < NOTIFY_RECEIPT_MAX; i++)
        attempt->kept[attempt->kept_len++] =
            (unsigned char)data[i] < 0x20 || data[i] == 0x7f ? ' ' : data[i];
}

static size_t
take_body(char *data, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    size_t len = size * count;
    attempt_keep(attempt, data, len);
    attempt->seen_len += len;
    return attempt->seen_len > BODY_MAX ? 0 : len;
}

/* ---- what curl is told ----------------------------------------------------------------------- */

bool
notify_sender_http_set_up(struct notify_sender *sender, CURL *easy)
{
    const struct notify_sender_config *config = &sender->config;
    long timeout_ms = (long)config->timeout_ms;
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_QUICK_EXIT, 1}, /* a resolver that hangs must not hold the thread at the end */
        {CURLOPT_POST, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_TIMEOUT_MS, timeout_ms},
        {CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < CONNECT_MS_MAX ? timeout_ms : CONNECT_MS_MAX},
        {CURLOPT_DNS_CACHE_TIMEOUT, 0},
        {CURLOPT_MAXLIFETIME_CONN, CONNECTION_AGE_S},
        {CURLOPT_BUFFERSIZE, BUFFER_SIZE},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sender_curl.easy_setopt(easy, numbers[i].option, numbers[i].value) != CURLE_OK)
            return false;
    /* the system's authorities are looked up one by one in its directory */
    const char *file = *config->authorities ? config->authorities : NULL;
    return sender_curl.easy_setopt(easy, CURLOPT_CAINFO, file) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, notify_sender_socket_close) ==
               CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sender) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
}

bool
notify_sender_http_begin(struct attempt *attempt)
{
    CURL *easy = attempt->easy;
    attempt->plain = strncasecmp(attempt->url, "https:", 6) != 0;
    /* a stream of a connection that is being made, rather than another; over plain http, where
     * there are no streams, they would wait for one another's answers */
    return sender_curl.easy_setopt(easy, CURLOPT_PIPEWAIT, attempt->plain ? 0L : 1L) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_URL, attempt->url) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_HTTPHEADER, attempt->headers) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)attempt->body.len) ==
               CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_POSTFIELDS, attempt->body.ptr) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_OPENSOCKETDATA, attempt) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_HEADERDATA, attempt) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_WRITEDATA, attempt) == CURLE_OK;
}

/* ---- the receipt ----------------------------------------------------------------------------- */

/* What the head of the answer says holds, whatever becomes of its body. */
static void
judge_answer(struct attempt *attempt, long code)
{
    struct notify_receipt *receipt = &attempt->receipt;
    curl_off_t retry_s = 0;
    receipt->code = (int)code;
    receipt->outcome = code / 100 == 2 ? NOTIFY_SENT_TAKEN
                       : code == 410   ? NOTIFY_SENT_GONE
                                       : NOTIFY_SENT_FAILED;
    if (receipt->outcome != NOTIFY_SENT_TAKEN) {
        snprintf(attempt->error, sizeof attempt->error, "the receiver answered %ld%s", code,
                 code / 100 == 3 ? "; redirects are not followed" : "");
        receipt->error = attempt->error;
    }
    if (sender_curl.easy_getinfo(attempt->easy, CURLINFO_RETRY_AFTER, &retry_s) == CURLE_OK &&
        retry_s > 0)
        receipt->retry_after_ms =
            1000 * (retry_s < RETRY_AFTER_MAX_S ? retry_s : RETRY_AFTER_MAX_S);
}

void
notify_sender_http_end(struct attempt *attempt, CURLcode result)
{
    struct notify_receipt *receipt = &attempt->receipt;
    long code = 0;
    if (attempt->has_answered) {
        sender_curl.easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &code);
        judge_answer(attempt, code);
        attempt->kept[attempt->kept_len] = '\0'; /* another address may have been refused before */
        text_trim_cut(attempt->kept);
        receipt->body = text_of(
            text_utf8_valid(attempt->kept, strlen(attempt->kept)) ? attempt->kept : "(not UTF-8)");
        return;
    }
    receipt->outcome = attempt->refused ? NOTIFY_SENT_FORBIDDEN : NOTIFY_SENT_FAILED;
    receipt->error = attempt->refused               ? attempt->kept
                     : attempt->seen_len > HEAD_MAX ? "the head of the answer is too long"
                     : *attempt->error              ? attempt->error
                                                    : sender_curl.easy_strerror(result);
}
