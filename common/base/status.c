/* See status.h. */
#include "common/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    bool retryable;
} codes[STATUS_COUNT] = {
    [STATUS_OK] = {"ok", false},
    [STATUS_INVALID_ARGUMENT] = {"invalid_argument", false},
    [STATUS_NOT_FOUND] = {"not_found", false},
    [STATUS_ALREADY_EXISTS] = {"already_exists", false},
    [STATUS_FAILED_PRECONDITION] = {"failed_precondition", false},
    [STATUS_ABORTED] = {"aborted", true},
    [STATUS_PERMISSION_DENIED] = {"permission_denied", false},
    [STATUS_UNAUTHENTICATED] = {"unauthenticated", false},
    [STATUS_RESOURCE_EXHAUSTED] = {"resource_exhausted", true},
    [STATUS_UNAVAILABLE] = {"unavailable", true},
    [STATUS_DEADLINE_EXCEEDED] = {"deadline_exceeded", true},
    [STATUS_UNIMPLEMENTED] = {"unimplemented", false},
    [STATUS_INTERNAL] = {"internal", false},
    [STATUS_AGAIN] = {"again", true},
};

const char *
status_word(enum status status)
{
    return (unsigned)status < STATUS_COUNT ? codes[status].word : "internal";
}

enum status
status_of_word(struct text word)
{
    for (unsigned i = STATUS_OK + 1; i < STATUS_AGAIN; i++)
        if (text_is(word, codes[i].word))
            return (enum status)i;
    return STATUS_INTERNAL;
}

bool
status_retryable(enum status status)
{
    return (unsigned)status < STATUS_COUNT && codes[status].retryable;
}

/* Takes away a UTF-8 sequence that a cut left without its end: an error goes out as text. */
static void
trim_cut(char *text)
{
    size_t len = strlen(text), lead = len;
    while (lead > 0 && len - lead < 4 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead > 0 && (unsigned char)text[lead - 1] >= 0xc0 &&
        !text_utf8_valid(text + lead - 1, len - lead + 1))
        text[lead - 1] = '\0';
}

enum status
error_set(struct error *error, enum status code, const char *field, const char *format, ...)
{
    if (!error)
        return code;
    error->code = code;
    error->details_len = 0;
    snprintf(error->field, sizeof error->field, "%s", field ? field : "");
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    trim_cut(error->field);
    trim_cut(error->message);
    return code;
}
