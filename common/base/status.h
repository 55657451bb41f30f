/* The outcome of everything: one table of codes, their words on the wire, and which may be retried.
 * It must not know where an outcome comes from. */
#ifndef CBM_BASE_STATUS_H
#define CBM_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

/* The codes are the canonical gRPC names (design section 5); the words are their lower case. */
enum status {
    STATUS_OK = 0,
    STATUS_INVALID_ARGUMENT,
    STATUS_NOT_FOUND,
    STATUS_ALREADY_EXISTS,
    STATUS_FAILED_PRECONDITION,
    STATUS_ABORTED,
    STATUS_PERMISSION_DENIED,
    STATUS_UNAUTHENTICATED,
    STATUS_RESOURCE_EXHAUSTED,
    STATUS_UNAVAILABLE,
    STATUS_DEADLINE_EXCEEDED,
    STATUS_UNIMPLEMENTED,
    STATUS_INTERNAL,
    STATUS_AGAIN, /* never on the wire: the handler waits for documents it asked for */
    STATUS_COUNT
};

#define ERROR_MESSAGE_MAX 400
#define ERROR_FIELD_MAX 96
#define ERROR_DETAILS_MAX 512

/* An error as it is answered: `message` says what was wrong and what would be right, `field` is the
 * path of the bad value ("sessions[2].start"; empty if none), `details` is a msgpack map (empty if
 * none). A plain value: copying it is fine, nothing is owned. */
struct error {
    enum status code;
    char field[ERROR_FIELD_MAX];
    char message[ERROR_MESSAGE_MAX];
    uint32_t details_len;
    uint8_t details[ERROR_DETAILS_MAX];
};

/* The word of a code on the wire ("not_found"). Never NULL. */
const char *status_word(enum status status);

/* The error of a word; STATUS_INTERNAL for a word that is none of ours ("ok" is no error). */
enum status status_of_word(struct text word);

/* Whether the same request may succeed later without a change (aborted, unavailable,
 * resource_exhausted, deadline_exceeded). */
bool status_retryable(enum status status);

/* Fills `error` (field may be NULL) and returns `code`, so that a check reads `return
 * error_set(…)`. A message that is too long is cut. `error` may be NULL: then only the code is
 * returned. */
enum status error_set(struct error *error, enum status code, const char *field, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

#endif
