/* See events_diff.h. The documents are our own, written field by field in one order, so a field
 * differs if its bytes do. It must not know stores or clocks. */
#include "services/events/events_diff.h"

#include <stdio.h>

#include "common/msg/mp.h"

#define FIELDS_MAX 64 /* as many as a schema can have */
#define DEPTH_MAX 4   /* of values that are said in words */
#define VALUE_MAX 300 /* bytes of a value in words; a longer one is cut */

struct fields {
    unsigned count;
    struct {
        struct text key, value;
    } items[FIELDS_MAX];
};

static void
read_fields(struct text document, struct fields *out)
{
    struct mp_value map, key;
    out->count = 0;
    if (!document.ptr)
        return;
    const char *at = mp_read(document.ptr, &map);
    for (int64_t left = map.number; left > 0 && out->count < FIELDS_MAX; left--) {
        at = mp_next(at, &key);
        const char *end = mp_skip(at);
        out->items[out->count].key = key.bytes;
        out->items[out->count++].value = (struct text){at, (uint32_t)(end - at)};
        at = end;
    }
}

static struct text
value_of(const struct fields *fields, struct text key)
{
    for (unsigned i = 0; i < fields->count; i++)
        if (text_equal(fields->items[i].key, key))
            return fields->items[i].value;
    return TEXT_NONE;
}

static void
append(struct buf *buf, struct text text)
{
    buf_append(buf, text.ptr, text.len);
}

/* ---- the patch ---- */

static void
write_operation(struct events_diff_list *patch, const char *operation, struct text id,
                struct text key, struct text value)
{
    char path[160]; /* neither ids nor names of fields have what a pointer escapes */
    snprintf(path, sizeof path, "/events/%.*s%s%.*s", TEXT_ARG(id), key.ptr ? "/" : "",
             TEXT_ARG(key));
    mp_map(&patch->items, value.ptr ? 3 : 2);
    mp_string(&patch->items, "op");
    mp_string(&patch->items, operation);
    mp_string(&patch->items, "path");
    mp_string(&patch->items, path);
    if (value.ptr) {
        mp_string(&patch->items, "value");
        append(&patch->items, value);
    }
    patch->count++;
}

void
events_diff_patch(const struct events_diff *diff, struct events_diff_list *patch)
{
    struct fields before, after;
    if (!diff->before.ptr || !diff->after.ptr) {
        write_operation(patch, diff->after.ptr ? "add" : "remove", diff->id, TEXT_NONE,
                        diff->after);
        return;
    }
    read_fields(diff->before, &before);
    read_fields(diff->after, &after);
    for (unsigned i = 0; i < before.count; i++) {
        struct text key = before.items[i].key, now = value_of(&after, key);
        if (!now.ptr)
            write_operation(patch, "remove", diff->id, key, TEXT_NONE);
        else if (!text_equal(now, before.items[i].value))
            write_operation(patch, "replace", diff->id, key, now);
    }
    for (unsigned i = 0; i < after.count; i++)
        if (!value_of(&before, after.items[i].key).ptr)
            write_operation(patch, "add", diff->id, after.items[i].key, after.items[i].value);
}

/* ---- words ---- */

static const char *say(const char *at, unsigned depth, struct buf *out);

/* The items of a list by commas, of a map with their keys; a span as "A to B". */
static const char *
say_items(const char *at, const struct mp_value *head, unsigned depth, struct buf *out)
{
    struct mp_value key;
    for (int64_t i = 0; i < head->number; i++) {
        bool is_end = false;
        if (head->type == MP_MAP) {
            at = mp_next(at, &key);
            is_end = i == 1 && head->number == 2 && text_is(key.bytes, "end");
            if (is_end)
                append(out, TEXT_LITERAL(" to "));
            else if (i)
                append(out, TEXT_LITERAL(", "));
            if (!is_end && !text_is(key.bytes, "start")) {
                append(out, key.bytes);
                append(out, TEXT_LITERAL(" "));
            }
        } else if (i) {
            append(out, TEXT_LITERAL(", "));
        }
        at = say(at, depth + 1, out);
    }
    if (!head->number)
        append(out, TEXT_LITERAL("none"));
    return at;
}

/* Says the value at `at`; returns what is behind it. */
static const char *
say(const char *at, unsigned depth, struct buf *out)
{
    struct mp_value value;
    char digits[TEXT_NUMBER_MAX];
    const char *next = mp_read(at, &value);
    switch (value.type) {
    case MP_TEXT: append(out, value.bytes); return next;
    case MP_INT: buf_append(out, digits, text_number(value.number, digits)); return next;
    case MP_BOOL: append(out, value.number ? TEXT_LITERAL("yes") : TEXT_LITERAL("no")); return next;
    case MP_ARRAY:
    case MP_MAP:
        if (depth < DEPTH_MAX)
            return say_items(next, &value, depth, out);
        break;
    default: break;
    }
    append(out, TEXT_LITERAL("…"));
    return mp_skip(at);
}

static void
say_value(struct text value, struct buf *out)
{
    size_t begin = out->len;
    if (!value.ptr) {
        append(out, TEXT_LITERAL("none"));
        return;
    }
    say(value.ptr, 0, out);
    if (out->failed || out->len - begin <= VALUE_MAX)
        return;
    out->len = begin + VALUE_MAX;
    while (out->len > begin && (out->data[out->len] & 0xc0) == 0x80)
        out->len--; /* not within a character */
    append(out, TEXT_LITERAL("…"));
}

/* What changes with every change, or says nothing to people. */
static bool
is_said(struct text key)
{
    return !text_is(key, "rev") && !text_is(key, "changed") && !text_is(key, "schedules") &&
           !text_is(key, "hold_due");
}

static void
add_line(struct buf *line, struct events_diff_list *words)
{
    mp_text(&words->items, (struct text){(const char *)line->data, (uint32_t)line->len});
    words->items.failed |= line->failed;
    words->count++;
}

static void
say_change(const struct events_diff *diff, struct text key, struct text before, struct text after,
           struct events_diff_list *words)
{
    struct buf line = {0};
    append(&line, diff->id);
    append(&line, TEXT_LITERAL(": "));
    append(&line, key);
    append(&line, TEXT_LITERAL(": "));
    say_value(before, &line);
    append(&line, TEXT_LITERAL(" → "));
    say_value(after, &line);
    add_line(&line, words);
    buf_fini(&line);
}

/* "added: asean-forum: ASEAN Forum, hosted by KZ, accepted" */
static void
say_whole(const struct events_diff *diff, struct events_diff_list *words)
{
    static const struct {
        const char *before, *key;
    } parts[] = {{": ", "title"}, {", hosted by ", "host"}, {", ", "sessions"}, {", ", "status"}};
    struct fields fields;
    struct buf line = {0};
    read_fields(diff->after.ptr ? diff->after : diff->before, &fields);
    append(&line, diff->after.ptr ? TEXT_LITERAL("added: ") : TEXT_LITERAL("removed: "));
    append(&line, diff->id);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct text value = value_of(&fields, text_of(parts[i].key));
        if (!value.ptr || value.len == 1) /* absent, or an empty list */
            continue;
        append(&line, text_of(parts[i].before));
        say_value(value, &line);
    }
    add_line(&line, words);
    buf_fini(&line);
}

void
events_diff_words(const struct events_diff *diff, struct events_diff_list *words)
{
    struct fields before, after;
    if (!diff->before.ptr || !diff->after.ptr) {
        say_whole(diff, words);
        return;
    }
    read_fields(diff->before, &before);
    read_fields(diff->after, &after);
    for (unsigned i = 0; i < before.count; i++) {
        struct text key = before.items[i].key, now = value_of(&after, key);
        if (is_said(key) && !text_equal(now, before.items[i].value))
            say_change(diff, key, before.items[i].value, now, words);
    }
    for (unsigned i = 0; i < after.count; i++)
        if (is_said(after.items[i].key) && !value_of(&before, after.items[i].key).ptr)
            say_change(diff, after.items[i].key, TEXT_NONE, after.items[i].value, words);
}
