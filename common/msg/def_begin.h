/* Included before a .def file: every row macro that the includer did not define expands to nothing.
 * No include guard: it is meant to be included many times. */
#ifndef WORDS_BEGIN
#define WORDS_BEGIN(name, doc)
#endif
#ifndef WORD
#define WORD(constant, word)
#endif
#ifndef WORDS_END
#define WORDS_END(name)
#endif
#ifndef SCHEMA_BEGIN
#define SCHEMA_BEGIN(m, doc)
#endif
#ifndef SCHEMA_END
#define SCHEMA_END(m)
#endif
#ifndef TEXT
#define TEXT(m, f, required, min, max, doc)
#endif
#ifndef ID
#define ID(m, f, required, doc)
#endif
#ifndef CODE
#define CODE(m, f, required, doc)
#endif
#ifndef ZONE
#define ZONE(m, f, required, doc)
#endif
#ifndef INT
#define INT(m, f, required, min, max, doc)
#endif
#ifndef BOOL
#define BOOL(m, f, required, doc)
#endif
#ifndef DATE
#define DATE(m, f, required, doc)
#endif
#ifndef TIME
#define TIME(m, f, required, doc)
#endif
#ifndef WHEN
#define WHEN(m, f, required, doc)
#endif
#ifndef ENUM
#define ENUM(m, f, required, words, doc)
#endif
#ifndef STRUCT
#define STRUCT(m, f, required, sub, doc)
#endif
#ifndef MAP
#define MAP(m, f, required, doc)
#endif
#ifndef VALUE
#define VALUE(m, f, required, doc)
#endif
#ifndef TEXTMAP
#define TEXTMAP(m, f, required, max, doc)
#endif
#ifndef LIST
#define LIST(m, f, required, item, max, doc)
#endif
#ifndef STRUCTS
#define STRUCTS(m, f, required, sub, max, doc)
#endif
#ifndef METHOD
#define METHOD(id, name, params, result, read_only, permission, answers, doc)
#endif
#ifndef RULE
#define RULE(method, roles, doc)
#endif
#ifndef RECORD
#define RECORD(type, topic, data, has_from, doc)
#endif
#define REQUIRED true
#define OPTIONAL false
