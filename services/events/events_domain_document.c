/* Documents of events (events_parts.h): references, versions and steps. A URI is looked at and
 * never fetched. It must not know clocks, stores or codecs. */
#include "services/events/events_parts.h"

#include <stdio.h>

/* ---- what may be said ---- */

/* A scheme and what must follow it. */
static const char *const schemes[] = {"https://", "http://", "urn:"};

static bool
starts_with(struct text text, const char *with)
{
    size_t len = strlen(with);
    if (text.len <= len)
        return false;
    for (size_t i = 0; i < len; i++) /* schemes are compared without case (RFC 3986) */
        if ((text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]) != with[i])
            return false;
    return true;
}

/* Characters of a URI (RFC 3986): what is printed in ASCII, without the space and a few. */
static bool
uri_characters(struct text uri)
{
    for (uint32_t i = 0; i < uri.len; i++)
        if (uri.ptr[i] <= ' ' || uri.ptr[i] >= 0x7f || strchr("\"<>\\^`{|}", uri.ptr[i]))
            return false;
    return true;
}

static enum status
check_uri(struct text uri, struct error *error)
{
    bool known = false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        known |= starts_with(uri, schemes[i]);
    if (!known)
        return error_set(error, STATUS_INVALID_ARGUMENT, "uri",
                         "uri: want https://…, http://… or urn:…");
    if (!uri_characters(uri))
        return error_set(error, STATUS_INVALID_ARGUMENT, "uri",
                         "uri: want the characters of a URI; write others as %%XX");
    const char *slashes = memchr(uri.ptr, '/', uri.len);
    if (starts_with(uri, "urn:") || !slashes)
        return STATUS_OK;
    for (const char *at = slashes + 2; at < uri.ptr + uri.len && !strchr("/?#", *at); at++)
        if (*at == '@')
            return error_set(error, STATUS_INVALID_ARGUMENT, "uri",
                             "uri: must not have a user or password in it");
    return STATUS_OK;
}

static enum status
check_sha256(struct text digest, struct error *error)
{
    for (uint32_t i = 0; i < digest.len; i++)
        if (!strchr("0123456789abcdef", digest.ptr[i]) || !digest.ptr[i])
            return error_set(error, STATUS_INVALID_ARGUMENT, "sha256",
                             "sha256: want 64 of 0-9 and a-f");
    return STATUS_OK;
}

static enum status
check_language(struct text language, struct error *error)
{
    for (uint32_t i = 0; i < language.len; i++) {
        char letter = language.ptr[i];
        if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
              (letter >= '0' && letter <= '9') || letter == '-'))
            return error_set(error, STATUS_INVALID_ARGUMENT, "language",
                             "language: want a language tag such as en or zh-Hans");
    }
    return STATUS_OK;
}

static enum status
check(const struct document_attach *in, bool is_new, struct error *error)
{
    const struct {
        const char *field;
        bool given;
    } needed[] = {{"title", in->title.ptr},
                  {"kind", in->kind.ptr},
                  {"language", in->language.ptr},
                  {"uri", in->uri.ptr},
                  {"sha256", in->sha256.ptr}};
    for (size_t i = 0; is_new && i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].given)
            return error_set(error, STATUS_INVALID_ARGUMENT, needed[i].field,
                             "%s: needed for a new document", needed[i].field);
    if (in->id.len > EVENTS_PART_ID_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, "id", "id: want at most %d characters",
                         EVENTS_PART_ID_MAX);
    enum status status = in->uri.ptr ? check_uri(in->uri, error) : STATUS_OK;
    if (status == STATUS_OK && in->sha256.ptr)
        status = check_sha256(in->sha256, error);
    if (status == STATUS_OK && in->language.ptr)
        status = check_language(in->language, error);
    return status;
}

/* ---- versions and steps ----
 *
 *   (none) ──▶ draft ──▶ agreed ──▶ adopted      of one version only forward, also over one
 *                └────────────────────▲
 *   other bytes: the next version, from draft again */

/* Puts what is given into the document, but its status. */
static void
fill(struct document *document, const struct document_attach *in)
{
    struct document_attach said = *in;
    said.id = TEXT_NONE; /* set by who asked for it */
    said.status = 0;
    said.version = said.rev = INT_NONE;
    schema_copy(&document_schema, document, &document_attach_schema, &said);
}

static const char *
type_of_step(int status)
{
    return status == DOCUMENT_ADOPTED ? "document.adopted" : "document.agreed";
}

/* The same version: a step forward, or other words for it. */
static enum status
go_on(struct document *document, const struct document_attach *in, const char **type,
      const char **from, struct error *error)
{
    const struct document before = *document;
    int status = in->status ? in->status : before.status;
    if (status < before.status)
        return error_set(error, STATUS_FAILED_PRECONDITION, "status",
                         "status: version %lld is %s and goes only further; other bytes make a "
                         "new version",
                         (long long)before.version, document_status_words[before.status - 1]);
    fill(document, in);
    bool amended = !schema_same(&document_schema, &before, document);
    document->status = status;
    *type = status != before.status ? type_of_step(status) : amended ? "document.amended" : NULL;
    *from = status != before.status ? document_status_words[before.status - 1] : NULL;
    return STATUS_OK;
}

enum status
events_document_attach(struct document *document, const struct document_attach *in,
                       const char **type, const char **from, bool *supersedes, struct error *error)
{
    bool is_new = !document->rev;
    enum status status = check(in, is_new, error);
    if (status != STATUS_OK)
        return status;
    bool other = in->sha256.ptr && !text_equal(in->sha256, document->sha256);
    int64_t version = is_new ? 1 : document->version + other;
    if (in->version != INT_NONE && in->version != version)
        return error_set(error, STATUS_FAILED_PRECONDITION, "version",
                         "version: this would be version %lld", (long long)version);
    *supersedes = !is_new && other;
    *from = NULL;
    if (!is_new && !other)
        return go_on(document, in, type, from, error);
    fill(document, in);
    document->version = version;
    document->status = in->status ? in->status : DOCUMENT_DRAFT;
    *type = is_new ? "document.attached" : "document.revised";
    return STATUS_OK;
}

enum status
events_document_id(const struct document_attach *in, bool second, char out[TEXT_ID_MAX + 1],
                   struct error *error)
{
    char language[TEXT_ID_MAX + 1];
    size_t len = text_slug(in->title.ptr ? in->title : TEXT_LITERAL(""), out);
    if (!len)
        return error_set(error, STATUS_INVALID_ARGUMENT, "id",
                         "id: is missing, and there are no letters in a title to make one from");
    size_t tail = second ? text_slug(in->language, language) + 1 : 0;
    if (len > EVENTS_PART_ID_MAX - tail)
        len = EVENTS_PART_ID_MAX - tail;
    while (len && out[len - 1] == '-')
        len--;
    out[len] = '\0';
    if (second)
        snprintf(out + len, TEXT_ID_MAX + 1 - len, "-%s", language);
    return STATUS_OK;
}

bool
events_document_listed(const struct document_list *in, const struct document *document)
{
    return (!in->kind.ptr || text_equal(in->kind, document->kind)) &&
           (!in->language.ptr || text_equal(in->language, document->language)) &&
           (!in->status || in->status == document->status) &&
           (in->superseded == 1 || document->superseded != 1);
}
