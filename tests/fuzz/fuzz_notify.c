// LINK: services/notify/notify_domain_address.c services/notify/notify_sign.c common/base/library.c services/notify/notify_mime.c common/json/json_text.c common/msg/mp.c common/base/buf.c common/base/text.c common/base/date.c common/base/status.c -lsodium -lmsgpackc -lm
/* What notify reads and writes by hand: lists of addresses, secrets, addresses and headers of
 * mails, MessagePack as JSON. It must not know sockets. */
#include "tests/fuzz/fuzz.h"

#include "common/json/json_text.h"
#include "services/notify/notify_domain_address.h"
#include "services/notify/notify_mime.h"
#include "services/notify/notify_sign.h"

static void
try_addresses(struct text text)
{
    struct notify_cidrs cidrs;
    struct notify_address address;
    char why[200] = "";
    if (notify_cidrs_parse(text, &cidrs, why)) {
        PROMISE(cidrs.count <= NOTIFY_CIDRS_MAX);
        for (unsigned i = 0; i < cidrs.count; i++) {
            address = cidrs.items[i].address;
            /* an IPv4-mapped one is looked for as what it carries */
            PROMISE(address.v6 || notify_cidrs_have(&cidrs, &address));
            notify_address_refused(&address);
        }
    } else {
        PROMISE(*why && strlen(why) < sizeof why);
    }
    if (text.len >= 17) { /* any bytes are an address */
        address.v6 = text.ptr[16] & 1;
        memcpy(address.bytes, text.ptr, 16);
        notify_address_refused(&address);
    }
}

static void
try_secret(struct text text)
{
    static struct notify_sign *sign;
    char out[NOTIFY_SIGNATURE_MAX];
    if (!sign)
        sign = notify_sign_new();
    size_t len = notify_sign(sign, TEXT_LITERAL("msg_1"), 1614265330, text, 1, &text, out);
    PROMISE(len < sizeof out && (!len || out[len] == '\0'));
}

/* A header is one, whatever is in it: each line end of it is before a blank or at the end. */
static void
try_mail(struct text text)
{
    struct buf out = {0};
    notify_mime_header(&out, "Subject", text);
    for (size_t i = 0; i < out.len; i++) {
        PROMISE(out.data[i] < 0x7f);
        if (out.data[i] == '\n')
            PROMISE(out.data[i - 1] == '\r' && (i + 1 == out.len || out.data[i + 1] == ' '));
    }
    if (notify_mail_address_valid(text))
        for (uint32_t i = 0; i < text.len; i++)
            PROMISE(text.ptr[i] > 0x20 && text.ptr[i] < 0x7f &&
                    !strchr("<>\"(),:;\\[]", text.ptr[i]));
    buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct text text = {(const char *)data, (uint32_t)len};
    struct buf out = {0};
    try_addresses(text);
    try_secret(text);
    try_mail(text);
    if (json_text_of_msgpack(&out, text)) {
        PROMISE(out.len > 0 && text_utf8_valid((char *)out.data, out.len));
        for (size_t i = 0; i < out.len; i++)
            PROMISE(out.data[i] >= 0x20);
    }
    buf_fini(&out);
    return 0;
}
