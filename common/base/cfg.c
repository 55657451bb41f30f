/* See cfg.h. Files are ZPL, read by czmq's zconfig. */
#include "common/base/cfg.h"

#include <ctype.h>
#include <czmq.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
cfg_next_endpoint(const char *list, char *out, size_t out_size)
{
    while (*list == ',' || *list == ' ')
        list++;
    if (!*list)
        return NULL;
    size_t len = strcspn(list, ", ");
    snprintf(out, out_size, "%.*s", (int)len, list);
    return list + len;
}

static bool
endpoints_valid(const char *list)
{
    char one[CFG_TEXT_MAX];
    unsigned count = 0;
    for (const char *at = list; (at = cfg_next_endpoint(at, one, sizeof one)); count++)
        if (strncmp(one, "tcp://", 6) != 0 && strncmp(one, "ipc://", 6) != 0 &&
            strncmp(one, "inproc://", 9) != 0)
            return false;
    return count > 0;
}

/* The index of value in "a|b|c", -1 if it is none of them. */
static int64_t
word_index(const char *words, const char *value)
{
    size_t len = strlen(value);
    for (int64_t i = 0;; i++) {
        size_t word = strcspn(words, "|");
        if (word == len && strncmp(words, value, len) == 0)
            return i;
        if (!words[word])
            return -1;
        words += word + 1;
    }
}

static int
complain(const struct cfg_row *row, const char *value, const char *want)
{
    fprintf(stderr, "%s: \"%s\" is wrong: %s\n", row->name, value, want);
    return -1;
}

static int
set_value(const struct cfg_row *row, void *config, const char *value)
{
    char *at = (char *)config + row->offset;
    char want[160];
    if (row->kind == CFG_INT) {
        char *end;
        errno = 0;
        long long number = strtoll(value, &end, 10);
        snprintf(want, sizeof want, "want a whole number from %lld to %lld", (long long)row->min,
                 (long long)row->max);
        if (errno || end == value || *end || number < row->min || number > row->max)
            return complain(row, value, want);
        int64_t stored = number;
        memcpy(at, &stored, sizeof stored);
        return 0;
    }
    if (row->kind == CFG_WORD) {
        int64_t index = word_index(row->words, value);
        snprintf(want, sizeof want, "want one of %s", row->words);
        if (index < 0)
            return complain(row, value, want);
        memcpy(at, &index, sizeof index);
        return 0;
    }
    size_t len = strlen(value);
    snprintf(want, sizeof want, "want %lld to %lld characters", (long long)row->min,
             (long long)row->max - 1);
    if ((int64_t)len < row->min || (int64_t)len >= row->max)
        return complain(row, value, want);
    if (row->kind == CFG_ENDPOINTS && !(len == 0 && row->min == 0) && !endpoints_valid(value))
        return complain(row, value, "want endpoints such as tcp://127.0.0.1:5550, by comma");
    memcpy(at, value, len + 1);
    return 0;
}

/* CBM_LOG_LEVEL -> log_level */
static void
file_key(const char *name, char *out, size_t size)
{
    size_t i = 0;
    if (strncmp(name, "CBM_", 4) == 0)
        name += 4;
    for (; name[i] && i + 1 < size; i++)
        out[i] = (char)tolower((unsigned char)name[i]);
    out[i] = '\0';
}

int
cfg_load(const struct cfg_row *rows, void *config, const char *file)
{
    zconfig_t *tree = NULL;
    if (file && !(tree = zconfig_load(file))) {
        fprintf(stderr, "%s: cannot be read as a ZPL file\n", file);
        return -1;
    }
    int result = 0;
    for (const struct cfg_row *row = rows; row->name && result == 0; row++) {
        char key[64];
        file_key(row->name, key, sizeof key);
        const char *value = getenv(row->name);
        if (!value && tree)
            value = zconfig_get(tree, key, NULL);
        result = set_value(row, config, value ? value : row->fallback);
    }
    zconfig_destroy(&tree);
    return result;
}

void
cfg_print(const struct cfg_row *rows)
{
    for (const struct cfg_row *row = rows; row->name; row++)
        printf("  %-22s %s%s%s (default: %s)\n", row->name, row->doc, row->words ? ": " : "",
               row->words ? row->words : "", *row->fallback ? row->fallback : "none");
}
