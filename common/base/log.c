/* See log.h. */
#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/date.h"

#define LINE_MAX_BYTES 2048

/* Set once at start, before any other thread exists; read only after. */
static struct {
    const char *program;
    enum log_level level;
    enum log_format format;
} setup = {"cbm", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT};

static const char *const level_words[] = {"debug", "info", "warn", "error"};

void
log_setup(const char *program, enum log_level level, enum log_format format)
{
    setup.program = program;
    setup.level = level;
    setup.format = format;
}

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

static void
put(struct line *line, const char *text, size_t len)
{
    size_t room = sizeof line->text - 3 - line->len; /* keeps place for `"}` and the newline */
    if (len > room)
        len = room;
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

/* A string in double quotes; what would break the line or the quoting is escaped as in JSON. */
static void
put_quoted(struct line *line, const char *text)
{
    put(line, "\"", 1);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escaped[8];
        if (c == '"' || c == '\\')
            put(line, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\%c", c));
        else if (c < 0x20)
            put(line, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c));
        else
            put(line, text, 1);
    }
    put(line, "\"", 1);
}

static bool
needs_quotes(const char *text)
{
    if (!*text)
        return true;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == '"' || *text == '=' || *text == '\\')
            return true;
    return false;
}

static void
put_field(struct line *line, struct log_field field)
{
    const char *key = field.key, *text = field.text ? field.text : "";
    bool json = setup.format == LOG_FORMAT_JSON;
    put(line, json ? (line->len ? ",\"" : "{\"") : (line->len ? " " : ""),
        json ? 2U : (line->len ? 1U : 0U));
    put(line, key, strlen(key));
    put(line, json ? "\":" : "=", json ? 2 : 1);
    char digits[24];
    if (field.is_number)
        put(line, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, field.number));
    else if (json || needs_quotes(text))
        put_quoted(line, text);
    else
        put(line, text, strlen(text));
}

void
log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    if (level < setup.level)
        return;
    int saved = errno;
    struct line line = {.len = 0};
    char now[TIME_TEXT_MAX];
    time_print(clock_wall_ms(), now);
    put_field(&line, LOG_TEXT("time", now));
    put_field(&line, LOG_TEXT("level", level_words[level]));
    put_field(&line, LOG_TEXT("program", setup.program));
    put_field(&line, LOG_NUMBER("pid", getpid()));
    put_field(&line, LOG_TEXT("msg", message));
    for (; fields && fields->key; fields++)
        put_field(&line, *fields);
    if (setup.format == LOG_FORMAT_JSON)
        line.text[line.len++] = '}';
    line.text[line.len++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line.text, line.len);
    (void)ignored; /* nobody is left to tell */
    errno = saved;
}
