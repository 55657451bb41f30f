/* Messages described by data: every map on the wire, in the store and on the log is a row set in a
 * .def file, from which come its C struct, its decoder, its encoder and its documentation.
 * Pure: no socket, no store, and no MessagePack type shows here (schema_mp.h has the codec).
 *
 * A decoded message is a plain value: texts point into the message they came from, lists are
 * bounded arrays inside the struct. Absent values: text ptr NULL, numbers INT_NONE, dates
 * DATE_NONE, times TIME_NONE, bools BOOL_NONE, enums 0, lists count 0, sub-messages `present`
 * false. */
#ifndef CBM_MSG_SCHEMA_H
#define CBM_MSG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/date.h"
#include "common/base/text.h"

#define INT_NONE INT64_MIN
#define BOOL_NONE ((int8_t)-1)

enum field_type {
    FIELD_TEXT,    /* struct text, min..max bytes of UTF-8 */
    FIELD_ID,      /* struct text, [a-z0-9-]{1,64} */
    FIELD_CODE,    /* struct text, [A-Z0-9-]{2,16} */
    FIELD_ZONE,    /* struct text, an IANA zone name */
    FIELD_INT,     /* int64_t, min..max */
    FIELD_BOOL,    /* int8_t: BOOL_NONE, 0, 1 */
    FIELD_DATE,    /* date_day; on the wire "YYYY-MM-DD" */
    FIELD_TIME,    /* int64_t ms; on the wire RFC 3339 */
    FIELD_WHEN,    /* struct when; a date or a time */
    FIELD_ENUM,    /* int: 1 + index in `words`, 0 absent; on the wire the word */
    FIELD_STRUCT,  /* an embedded message of schema `sub`; its first member is `bool present` */
    FIELD_TEXTMAP, /* struct { uint32_t count; struct text_pair items[]; }: a map language: text */
    FIELD_LIST, /* struct { uint32_t count; T items[]; } of `item` (or of `sub` for FIELD_STRUCT) */
    FIELD_MAP,  /* struct text over an encoded map, unchanged */
    FIELD_VALUE, /* struct text over an encoded text or whole number, unchanged */
};

struct text_pair {
    struct text key, value;
};

struct schema;

struct field {
    const char *name;
    enum field_type type;
    enum field_type item; /* of a list */
    bool required;
    uint8_t name_len;
    uint32_t offset;
    int64_t min, max; /* bytes of a text, value of an int, items of a list or map (max only); an int
                       * in a list is not negative */
    const char *const *words;
    const struct schema *sub;
    const char *doc;
};

struct schema {
    const char *name;
    const char *doc;
    size_t size;
    const struct field *fields;
    unsigned field_count; /* at most 64 */
};

/* Size of one item of a list field in the struct; of the embedded value of any other field. */
size_t schema_item_size(const struct field *field);

/* Sets every value of the struct to absent. */
void schema_init(const struct schema *schema, void *message);

/* Whether the value (at field->offset of its message) is absent. A list that must be there never
 * is. */
bool schema_absent(const struct field *field, const void *value);

/* Copies every field of `src` that is present and has the same name and shape in `dst` (a list also
 * must fit); what else is in `dst` stays. Texts are borrowed on. Returns whether `dst` changed. */
bool schema_copy(const struct schema *dst_schema, void *dst, const struct schema *src_schema,
                 const void *src);

/* Whether two messages of a schema say the same; maps of texts by language in any order. */
bool schema_same(const struct schema *schema, const void *a, const void *b);

/* Who may call a method; "may" from roles here, rules of the domain come after. Bits. */
enum permission {
    PERMIT_SECRETARIAT = 1,
    PERMIT_CHAIR = 2,
    PERMIT_MEMBER = 4,
    PERMIT_OBSERVER = 8,
    PERMIT_SUBSCRIBER = 16,
    PERMIT_SERVICE = 32,
    PERMIT_OFFICERS = PERMIT_SECRETARIAT | PERMIT_CHAIR,
    PERMIT_MEMBERS = PERMIT_OFFICERS | PERMIT_MEMBER,
    PERMIT_STATES = PERMIT_SECRETARIAT | PERMIT_MEMBER,   /* a state for itself */
    PERMIT_DELEGATIONS = PERMIT_STATES | PERMIT_OBSERVER, /* who sends one, for itself */
    PERMIT_ANY = 63,
    PERMIT_OTHERS = PERMIT_ANY & ~PERMIT_SECRETARIAT,
};

/* The words of the roles on the wire, in the order of their bits (permission.c). */
#define PERMISSION_ROLES 6
extern const char *const permission_words[PERMISSION_ROLES];

/* The bit of a role; 0 for a word that is none. */
unsigned permission_of_word(struct text word);

/* A method of a service, declared once in the service's .def file. */
struct method {
    const char *name; /* "event.propose" */
    const struct schema *params;
    const struct schema *result; /* what it answers; `empty` where `answers` says it in words */
    const char *answers;
    bool read_only;      /* may be sent twice: libcbm sets `safe` for it */
    unsigned permission; /* bits of enum permission */
    const char *doc;
    uint32_t name_len;
};

/* What the domain says of a method beyond the role, in words that continue "may call it …": for
 * these roles. The rule itself is in the service; tests keep the words true. */
struct rule {
    const char *method;
    unsigned roles; /* bits of enum permission */
    const char *doc;
};

/* A kind of log record. `topic` is the pattern of its topics. */
struct record_type {
    const char *type; /* "event.proposed" */
    const char *topic;
    const struct schema *data;
    bool has_from;
    const char *doc;
};

/* Everything one service declares. */
struct interface {
    const char *service;
    const char *doc;
    const struct method *methods;
    unsigned method_count;
    const struct record_type *records;
    unsigned record_count;
    const struct rule *rules;
    unsigned rule_count;
};

extern const struct interface registry_interface, events_interface, notify_interface;

/* All interfaces, NULL at the end. */
extern const struct interface *const interfaces[];

/* The method of a service; NULL if there is none. */
const struct method *interface_method(const struct interface *interface, struct text name);
const struct interface *interface_of(struct text service);

#endif
