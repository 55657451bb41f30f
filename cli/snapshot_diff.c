/* What differs between two snapshots, in words: a line a difference, "participant KZ: status:
 * member, was observer" (snapshot.h). It must not know what the documents say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/snapshot.h"

#define PATH_MAX_LEN 400

struct difference {
    unsigned count;
    char path[PATH_MAX_LEN];
};

/* Writes a value in words: "status member, from 2021-10-12"; control characters as blanks. */
static void
print_value(const json_t *value)
{
    const char *key, *joint = "";
    json_t *one;
    size_t i;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, one)
        {
            printf("%s%s ", joint, key);
            print_value(one);
            joint = ", ";
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, one)
        {
            printf("%s", joint);
            print_value(one);
            joint = " and ";
        }
    } else if (json_is_string(value)) {
        for (i = 0; i < json_string_length(value); i++) {
            unsigned char c = (unsigned char)json_string_value(value)[i];
            putchar(c < 0x20 || c == 0x7f ? ' ' : c);
        }
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        printf("%s", text ? text : "");
        free(text);
    }
}

static void
tell(struct difference *difference, const char *what, const json_t *value, const json_t *was)
{
    difference->count++;
    printf("%s: %s", difference->path, what);
    if (value)
        print_value(value);
    if (was)
        printf(", was ");
    if (was)
        print_value(was);
    putchar('\n');
}

static bool
has(const json_t *array, const json_t *value)
{
    size_t i;
    json_t *one;
    json_array_foreach(array, i, one) if (json_equal(one, value)) return true;
    return false;
}

/* Tells what stands in one list and not in the other; entries are told whole, as they
 * are never edited. Returns how many. */
static unsigned
tell_missing(struct difference *difference, const char *what, const json_t *from, const json_t *in)
{
    size_t i;
    unsigned missing = 0;
    json_t *one;
    json_array_foreach(from, i, one)
    {
        if (has(in, one))
            continue;
        missing++;
        tell(difference, what, one, NULL);
    }
    return missing;
}

/* The same in another order is a difference too. */
static void
compare_lists(struct difference *difference, const json_t *before, const json_t *after)
{
    unsigned missing = tell_missing(difference, "removed ", before, after);
    missing += tell_missing(difference, "added ", after, before);
    if (!missing)
        tell(difference, "", after, before);
}

static void compare_maps(struct difference *difference, const json_t *before, const json_t *after);

static void
compare(struct difference *difference, const char *key, const json_t *before, const json_t *after)
{
    size_t len = strlen(difference->path);
    if (json_equal(before, after))
        return;
    snprintf(difference->path + len, sizeof difference->path - len, ": %s", key);
    if (json_is_object(before) && json_is_object(after))
        compare_maps(difference, before, after);
    else if (json_is_array(before) && json_is_array(after))
        compare_lists(difference, before, after);
    else if (!before)
        tell(difference, "new, ", after, NULL);
    else if (!after)
        tell(difference, "gone", NULL, before);
    else
        tell(difference, "", after, before);
    difference->path[len] = '\0';
}

static void
compare_maps(struct difference *difference, const json_t *before, const json_t *after)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)before, key, value)
    {
        compare(difference, key, value, json_object_get(after, key));
    }
    json_object_foreach((json_t *)after, key, value)
    {
        if (!json_object_get(before, key))
            compare(difference, key, NULL, value);
    }
}

/* By kind and id, in bytes, as snapshots are ordered. */
static int
order(const json_t *a, const json_t *b)
{
    if (!a || !b)
        return a ? -1 : b ? 1 : 0;
    int kinds = strcmp(cli_text(a, "kind"), cli_text(b, "kind"));
    return kinds ? kinds : strcmp(cli_text(a, "id"), cli_text(b, "id"));
}

unsigned
snapshot_diff(const json_t *before, const json_t *after)
{
    struct difference difference = {0};
    size_t a = 0, b = 0;
    while (a < json_array_size(before) || b < json_array_size(after)) {
        const json_t *old = json_array_get(before, a), *new = json_array_get(after, b);
        int which = order(old, new);
        const json_t *one = which > 0 ? new : old;
        snprintf(difference.path, sizeof difference.path, "%s %s", cli_text(one, "kind"),
                 cli_text(one, "id"));
        if (which < 0)
            tell(&difference, "removed", NULL, NULL);
        else if (which > 0)
            tell(&difference, "added, ", json_object_get(new, "document"), NULL);
        else
            compare_maps(&difference, json_object_get(old, "document"),
                         json_object_get(new, "document"));
        a += which <= 0;
        b += which >= 0;
    }
    return difference.count;
}
