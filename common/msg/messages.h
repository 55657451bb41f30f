/* The messages as C sees them, made from the .def files: an enum for every set of words, a struct and
 * a schema for every message. For each method METHOD(id, …) services define `id##_handle`.
 * Data only; it must not know any codec. */
#ifndef CBM_MSG_MESSAGES_H
#define CBM_MSG_MESSAGES_H

#include "common/msg/schema.h"

/* enum participant_status { participant_status_absent = 0, PARTICIPANT_MEMBER = 1, … } */
#define WORDS_BEGIN(name, doc) enum name { name##_absent,
#define WORD(constant, word) constant,
#define WORDS_END(name) name##_end };
#include "common/msg/def_begin.h"
#include "common/msg/all.def"
#include "common/msg/def_end.h"

#define WORDS_BEGIN(name, doc) extern const char *const name##_words[];
#include "common/msg/def_begin.h"
#include "common/msg/all.def"
#include "common/msg/def_end.h"

/* C types of list items by the name of their row */
#define ITEM_TYPE_TEXT struct text
#define ITEM_TYPE_ID struct text
#define ITEM_TYPE_CODE struct text
#define ITEM_TYPE_INT int64_t

#define SCHEMA_BEGIN(m, doc) struct m { bool present;
#define SCHEMA_END(m) };
#define TEXT(m, f, required, min, max, doc) struct text f;
#define ID(m, f, required, doc) struct text f;
#define CODE(m, f, required, doc) struct text f;
#define ZONE(m, f, required, doc) struct text f;
#define INT(m, f, required, min, max, doc) int64_t f;
#define BOOL(m, f, required, doc) int8_t f;
#define DATE(m, f, required, doc) date_day f;
#define TIME(m, f, required, doc) int64_t f;
#define WHEN(m, f, required, doc) struct when f;
#define ENUM(m, f, required, words, doc) int f;
#define STRUCT(m, f, required, sub, doc) struct sub f;
#define MAP(m, f, required, doc) struct text f;
#define VALUE(m, f, required, doc) struct text f;
#define TEXTMAP(m, f, required, max, doc) struct { uint32_t count; struct text_pair items[max]; } f;
#define LIST(m, f, required, item, max, doc) struct { uint32_t count; ITEM_TYPE_##item items[max]; } f;
#define STRUCTS(m, f, required, sub, max, doc) struct { uint32_t count; struct sub items[max]; } f;
#include "common/msg/def_begin.h"
#include "common/msg/all.def"
#include "common/msg/def_end.h"

#define SCHEMA_BEGIN(m, doc) extern const struct schema m##_schema;
#include "common/msg/def_begin.h"
#include "common/msg/all.def"
#include "common/msg/def_end.h"

#endif
