/* The tables behind messages.h, made from the .def files. Data only. */
#include "common/msg/messages.h"

#define WORDS_BEGIN(name, doc) const char *const name##_words[] = {
#define WORD(constant, word) word,
#define WORDS_END(name) NULL};
#include "common/msg/def_begin.h"
#include "common/msg/all.def"
#include "common/msg/def_end.h"

#define AT(m, f) (uint32_t)offsetof(struct m, f)
#define ROW(m, f, t, i, required, min, max, words, sub, doc) \
    {#f, t, i, required, sizeof #f - 1, AT(m, f), min, max, words, sub, doc},
#define SCHEMA_BEGIN(m, doc) static const struct field m##_fields[] = {
#define SCHEMA_END(m) {NULL, FIELD_TEXT, FIELD_TEXT, false, 0, 0, 0, 0, NULL, NULL, NULL}};
#define TEXT(m, f, required, min, max, doc) \
    ROW(m, f, FIELD_TEXT, FIELD_TEXT, required, min, max, NULL, NULL, doc)
#define ID(m, f, required, doc) ROW(m, f, FIELD_ID, FIELD_ID, required, 1, 64, NULL, NULL, doc)
#define CODE(m, f, required, doc) \
    ROW(m, f, FIELD_CODE, FIELD_CODE, required, 2, 16, NULL, NULL, doc)
#define ZONE(m, f, required, doc) \
    ROW(m, f, FIELD_ZONE, FIELD_ZONE, required, 1, 64, NULL, NULL, doc)
#define INT(m, f, required, min, max, doc) \
    ROW(m, f, FIELD_INT, FIELD_INT, required, min, max, NULL, NULL, doc)
#define BOOL(m, f, required, doc) ROW(m, f, FIELD_BOOL, FIELD_BOOL, required, 0, 1, NULL, NULL, doc)
#define DATE(m, f, required, doc) ROW(m, f, FIELD_DATE, FIELD_DATE, required, 0, 0, NULL, NULL, doc)
#define TIME(m, f, required, doc) ROW(m, f, FIELD_TIME, FIELD_TIME, required, 0, 0, NULL, NULL, doc)
#define WHEN(m, f, required, doc) ROW(m, f, FIELD_WHEN, FIELD_WHEN, required, 0, 0, NULL, NULL, doc)
#define ENUM(m, f, required, words, doc) \
    ROW(m, f, FIELD_ENUM, FIELD_ENUM, required, 0, 0, words##_words, NULL, doc)
#define STRUCT(m, f, required, sub, doc) \
    ROW(m, f, FIELD_STRUCT, FIELD_STRUCT, required, 0, 0, NULL, &sub##_schema, doc)
#define MAP(m, f, required, doc) ROW(m, f, FIELD_MAP, FIELD_MAP, required, 0, 0, NULL, NULL, doc)
#define VALUE(m, f, required, doc) \
    ROW(m, f, FIELD_VALUE, FIELD_VALUE, required, 0, 0, NULL, NULL, doc)
#define TEXTMAP(m, f, required, max, doc) \
    ROW(m, f, FIELD_TEXTMAP, FIELD_TEXT, required, 0, max, NULL, NULL, doc)
#define LIST(m, f, required, item, max, doc) \
    ROW(m, f, FIELD_LIST, FIELD_##item, required, 0, max, NULL, NULL, doc)
#define STRUCTS(m, f, required, sub, max, doc) \
    ROW(m, f, FIELD_LIST, FIELD_STRUCT, required, 0, max, NULL, &sub##_schema, doc)
#include "common/msg/def_begin.h"
#include "common/msg/all.def"
#include "common/msg/def_end.h"

#define COUNT(array) (unsigned)(sizeof(array) / sizeof *(array))
#define SCHEMA_BEGIN(m, doc) \
    const struct schema m##_schema = {#m, doc, sizeof(struct m), m##_fields, COUNT(m##_fields) - 1};
#include "common/msg/def_begin.h"
#include "common/msg/all.def"
#include "common/msg/def_end.h"
