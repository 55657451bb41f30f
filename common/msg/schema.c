/* See schema.h: what needs no MessagePack. */
#include "common/msg/schema.h"

#include <string.h>

size_t
schema_item_size(const struct field *field)
{
    switch (field->type == FIELD_LIST ? field->item : field->type) {
    case FIELD_TEXT:
    case FIELD_ID:
    case FIELD_CODE:
    case FIELD_ZONE:
    case FIELD_ANY: return sizeof(struct text);
    case FIELD_INT:
    case FIELD_TIME: return sizeof(int64_t);
    case FIELD_BOOL: return sizeof(int8_t);
    case FIELD_DATE: return sizeof(date_day);
    case FIELD_WHEN: return sizeof(struct when);
    case FIELD_ENUM: return sizeof(int);
    case FIELD_STRUCT: return field->sub->size;
    case FIELD_TEXTMAP: return sizeof(struct text_pair);
    case FIELD_LIST: break;
    }
    return 0;
}

static void
init_field(const struct field *field, char *at)
{
    static const int64_t no_int = INT_NONE, no_time = TIME_NONE;
    static const date_day no_date = DATE_NONE;
    static const struct when no_when = {false, TIME_NONE};
    switch (field->type) {
    case FIELD_INT: memcpy(at, &no_int, sizeof no_int); break;
    case FIELD_TIME: memcpy(at, &no_time, sizeof no_time); break;
    case FIELD_DATE: memcpy(at, &no_date, sizeof no_date); break;
    case FIELD_WHEN: memcpy(at, &no_when, sizeof no_when); break;
    case FIELD_BOOL: *(int8_t *)at = BOOL_NONE; break;
    case FIELD_ENUM: memset(at, 0, sizeof(int)); break;
    case FIELD_LIST:
    case FIELD_TEXTMAP: memset(at, 0, sizeof(uint32_t)); break;
    case FIELD_STRUCT: schema_init(field->sub, at); break;
    default: memset(at, 0, sizeof(struct text)); break;
    }
}

void
schema_init(const struct schema *schema, void *message)
{
    *(bool *)message = false; /* the first member of every message is `present` */
    for (unsigned i = 0; i < schema->field_count; i++)
        init_field(&schema->fields[i], (char *)message + schema->fields[i].offset);
}

const struct method *
interface_method(const struct interface *interface, struct text name)
{
    for (unsigned i = 0; i < interface->method_count; i++)
        if (text_is(name, interface->methods[i].name))
            return &interface->methods[i];
    return NULL;
}

const struct interface *
interface_of(struct text service)
{
    for (unsigned i = 0; interfaces[i]; i++)
        if (text_is(service, interfaces[i]->service))
            return interfaces[i];
    return NULL;
}
