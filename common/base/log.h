/* What the operator reads: one line a record on stderr, logfmt or JSON. Secrets never come here. */
#ifndef CBM_BASE_LOG_H
#define CBM_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* One key and its value: a text (NULL is written as nothing) or a number. */
struct log_field {
    const char *key;
    const char *text;
    int64_t number;
    bool is_number;
};

#define LOG_TEXT(k, v) ((struct log_field){(k), (v), 0, false})
#define LOG_NUMBER(k, v) ((struct log_field){(k), NULL, (int64_t)(v), true})

/* Sets what is written and as what. Called once, before the first record; `program` must live as
 * long as the process. Records before it are logfmt from level info. */
void log_setup(const char *program, enum log_level level, enum log_format format);

/* Writes a record: `fields` ends with a key NULL and may be NULL. A record is one write(2) of at
 * most 2,048 bytes; a longer one is cut. errno is kept. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* log_event(LOG_LEVEL_INFO, "listening", LOG_TEXT("endpoint", e), LOG_NUMBER("credit", 64)); */
#define log_event(level, message, ...)                                                             \
    log_write((level), (message), (const struct log_field[]){__VA_ARGS__, {NULL, NULL, 0, false}})

#endif
