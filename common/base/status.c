/* See status.h. */
#include "common/base/status.h"

#include <stdarg.h>
#include <stdio.h>

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
    text_trim_cut(error->field);
    text_trim_cut(error->message);
    return code;
}
