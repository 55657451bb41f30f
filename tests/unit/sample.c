/* See sample.h. */
#include "tests/unit/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/messages.h"

const char *const sample_names[SAMPLE_VARIANTS] = {"least", "full", "most"};

const struct schema *const sample_schemas[] = {
#define SCHEMA_BEGIN(m, doc) &m##_schema,
#include "common/msg/def_begin.h"
#include "common/msg/all.def"
#include "common/msg/def_end.h"
    NULL};

#define DAY 18821                      /* 2021-07-13 */
#define INSTANT INT64_C(1626163200000) /* 2021-07-13T08:00:00Z */

/* `base`, repeated or cut to the bounds in whole ASCII characters. */
static struct text
text_between(struct arena *arena, const char *base, int64_t least, int64_t most,
             enum sample_variant variant)
{
    size_t base_len = strlen(base);
    size_t len = variant == SAMPLE_MOST    ? (size_t)most
                 : variant == SAMPLE_LEAST ? (size_t)least
                                           : base_len;
    if (len > (size_t)most)
        len = (size_t)most;
    if (len < (size_t)least)
        len = (size_t)least;
    char *out = arena_alloc(arena, len + 1);
    if (!out)
        abort();
    for (size_t i = 0; i < len; i++)
        out[i] = base[i % base_len];
    return (struct text){out, (uint32_t)len};
}

static void
fill_text(const struct field *field, enum field_type type, unsigned index, char *at,
          enum sample_variant variant, struct arena *arena)
{
    static const char *const codes[] = {"KZ", "TJ", "UNESCAP", "A-1"};
    struct text text;
    if (type == FIELD_ID)
        text = text_between(arena, index % 2 ? "digital-forum-2" : "smart-agriculture-1", 1, 64,
                            variant);
    else if (type == FIELD_CODE)
        text = variant == SAMPLE_MOST ? text_between(arena, "ORGANISATION-1-X", 2, 16, variant)
                                      : text_of(codes[index % 4]);
    else if (type == FIELD_ZONE)
        text = index % 2 ? TEXT_LITERAL("UTC") : TEXT_LITERAL("Asia/Almaty");
    else if (field->type == FIELD_LIST)
        text = text_between(arena, field->name, 1, 1000, variant);
    else
        text = text_between(arena, field->name, field->min, field->max, variant);
    memcpy(at, &text, sizeof text);
}

static void
fill_one(const struct field *field, enum field_type type, unsigned index, char *at,
         enum sample_variant variant, struct arena *arena)
{
    int64_t number = INSTANT + index * 3600000 + (variant == SAMPLE_MOST ? 125 : 0);
    date_day day = DAY + (date_day)index;
    struct when when = {(index + variant) % 2 == 1, index * DATE_DAY_MS + DAY * DATE_DAY_MS};
    int word = 1;
    switch (type) {
    case FIELD_INT:
        number = variant == SAMPLE_LEAST ? field->min : variant == SAMPLE_MOST ? field->max : 2021;
        number = number < field->min ? field->min : number > field->max ? field->max : number;
        memcpy(at, &number, sizeof number);
        break;
    case FIELD_BOOL: *(int8_t *)at = variant != SAMPLE_LEAST; break;
    case FIELD_DATE: memcpy(at, &day, sizeof day); break;
    case FIELD_TIME: memcpy(at, &number, sizeof number); break;
    case FIELD_WHEN: memcpy(at, &when, sizeof when); break;
    case FIELD_ENUM:
        while (variant == SAMPLE_MOST && field->words[word])
            word++;
        memcpy(at, &word, sizeof word);
        break;
    case FIELD_STRUCT: sample_fill(field->sub, at, variant, arena); break;
    case FIELD_MAP: memcpy(at, &(struct text){"\x80", 1}, sizeof(struct text)); break;
    case FIELD_VALUE: memcpy(at, &(struct text){"\xa3now", 4}, sizeof(struct text)); break;
    default: fill_text(field, type, index, at, variant, arena); break;
    }
}

/* The items of a list or map: as the C compiler lays out struct { uint32_t count; T items[]; },
 * found by the greatest alignment in T rather than by the codec's own rule. */
static char *
items_at(const struct field *field, char *at)
{
    enum field_type type = field->type == FIELD_LIST ? field->item : FIELD_TEXT;
    bool narrow = type == FIELD_DATE || type == FIELD_ENUM || type == FIELD_BOOL;
    return at + (narrow ? 4 : 8);
}

static void
fill_items(const struct field *field, char *at, enum sample_variant variant, struct arena *arena)
{
    static const char *const languages[] = {"en", "ru", "kk", "tg", "zh", "ar", "tr", "uz"};
    static const char *const words[] = {"Seminar", "Семинар", "Семинар", "Семинар",
                                        "研讨会",  "ندوة",    "Seminer", "Seminar"};
    uint32_t count = variant == SAMPLE_LEAST ? 0 : variant == SAMPLE_FULL ? 2 : 8;
    if (count > field->max)
        count = (uint32_t)field->max;
    memcpy(at, &count, sizeof count);
    char *item = items_at(field, at);
    for (uint32_t i = 0; i < count; i++, item += schema_item_size(field)) {
        if (field->type == FIELD_TEXTMAP) {
            struct text_pair pair = {text_of(languages[i]), text_of(words[i])};
            memcpy(item, &pair, sizeof pair);
        } else {
            fill_one(field, field->item, i, item, variant, arena);
        }
    }
}

void
sample_fill(const struct schema *schema, void *message, enum sample_variant variant,
            struct arena *arena)
{
    memset(message, 0xa5, schema->size); /* what init forgets is seen */
    schema_init(schema, message);
    *(bool *)message = true;
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        char *at = (char *)message + field->offset;
        if (variant == SAMPLE_LEAST && !field->required)
            continue;
        if (field->type == FIELD_LIST || field->type == FIELD_TEXTMAP)
            fill_items(field, at, variant, arena);
        else
            fill_one(field, field->type, i, at, variant, arena);
    }
}
