/* See cursor.h. */
#include "common/client/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "cbm-cursor 1\n"
#define REWRITE_SIZE ((size_t)256 * 1024)
#define FILE_MAX ((size_t)1024 * 1024)
#define LINE_MAX_LEN (TOPIC_MAX + 32)

static struct cursor_place *
place_of(struct cursor *cursor, const char *prefix)
{
    for (unsigned i = 0; i < cursor->count; i++)
        if (strcmp(cursor->places[i].prefix, prefix) == 0)
            return &cursor->places[i];
    return NULL;
}

static int
remember(struct cursor *cursor, const char *prefix, int64_t seq)
{
    struct cursor_place *place = place_of(cursor, prefix);
    if (!place) {
        if (cursor->count == CURSOR_PLACES_MAX) {
            errno = ENOSPC;
            return -1;
        }
        place = &cursor->places[cursor->count++];
        snprintf(place->prefix, sizeof place->prefix, "%s", prefix);
    }
    place->seq = seq;
    return 0;
}

/* A line "12 events." without its end. What is no such line is passed over: it was cut. */
static void
read_line(struct cursor *cursor, const char *line)
{
    char *end;
    errno = 0;
    long long seq = strtoll(line, &end, 10);
    if (end == line || *end != ' ' || seq < 0 || errno || strlen(end + 1) > TOPIC_MAX ||
        !topic_prefix_valid(text_of(end + 1)))
        return;
    remember(cursor, end + 1, seq);
}

static enum status
read_all(struct cursor *cursor, char *text, struct error *error)
{
    if (strncmp(text, HEAD, sizeof HEAD - 1) != 0)
        return error_set(error, STATUS_INVALID_ARGUMENT, "cursor",
                         "%.200s is there and is no cursor file: name another", cursor->path);
    char *line = text + sizeof HEAD - 1;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        read_line(cursor, line);
    }
    return STATUS_OK;
}

/* Puts the name of a new file on disk: the directory must be written too. */
static void
sync_directory(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

/* A new file of one line a prefix in place of the old one. 0, or -1 with errno; the old stays. */
static int
rewrite(struct cursor *cursor)
{
    size_t len = strlen(cursor->path) + 5;
    char *name = malloc(len);
    if (!name)
        return -1;
    snprintf(name, len, "%s.new", cursor->path);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644), result = -1;
    if (fd < 0)
        goto out;
    size_t size = sizeof HEAD - 1;
    bool good = write(fd, HEAD, size) == (ssize_t)size;
    for (unsigned i = 0; good && i < cursor->count; i++) {
        char line[LINE_MAX_LEN];
        int n = snprintf(line, sizeof line, "%" PRId64 " %s\n", cursor->places[i].seq,
                         cursor->places[i].prefix);
        good = write(fd, line, (size_t)n) == n;
        size += (size_t)n;
    }
    if (!good || fsync(fd) || rename(name, cursor->path)) {
        close(fd);
        unlink(name);
        goto out;
    }
    sync_directory(cursor->path);
    if (cursor->fd >= 0)
        close(cursor->fd);
    cursor->fd = fd;
    cursor->size = size;
    cursor->dirty = false;
    result = 0;
out:
    free(name);
    return result;
}

enum status
cursor_open(struct cursor *cursor, const char *path, struct error *error)
{
    *cursor = (struct cursor){.fd = -1, .path = strdup(path)};
    char *text = malloc(FILE_MAX + 1);
    enum status status = STATUS_OK;
    if (!cursor->path || !text) {
        status = error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
        goto out;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t len = read(fd, text, FILE_MAX);
        close(fd);
        text[len > 0 ? len : 0] = '\0';
        if (len != 0) /* an empty file is a new one */
            status = read_all(cursor, text, error);
    }
    /* the rewriting also shows that the place can be written */
    if (status == STATUS_OK && ((fd < 0 && errno != ENOENT) || rewrite(cursor)))
        status = error_set(error, STATUS_INVALID_ARGUMENT, "cursor", "cannot use %.200s: %s", path,
                           strerror(errno));
out:
    free(text);
    if (status != STATUS_OK)
        cursor_close(cursor);
    return status;
}

void
cursor_close(struct cursor *cursor)
{
    if (cursor->path && cursor->fd >= 0) {
        cursor_sync(cursor);
        close(cursor->fd);
    }
    free(cursor->path);
    *cursor = (struct cursor){.fd = -1};
}

int64_t
cursor_seq(const struct cursor *cursor, const char *prefix)
{
    for (unsigned i = 0; i < cursor->count; i++)
        if (strcmp(cursor->places[i].prefix, prefix) == 0)
            return cursor->places[i].seq;
    return -1;
}

int
cursor_put(struct cursor *cursor, const char *prefix, int64_t seq)
{
    if (remember(cursor, prefix, seq))
        return -1;
    if (cursor->size > REWRITE_SIZE && rewrite(cursor) == 0)
        return 0;
    char line[LINE_MAX_LEN];
    int len = snprintf(line, sizeof line, "%" PRId64 " %s\n", seq, prefix);
    cursor->dirty = true;
    if (write(cursor->fd, line, (size_t)len) != len)
        return -1;
    cursor->size += (size_t)len;
    return 0;
}

int
cursor_sync(struct cursor *cursor)
{
    if (!cursor->path || !cursor->dirty)
        return 0;
    if (fdatasync(cursor->fd))
        return -1;
    cursor->dirty = false;
    return 0;
}
