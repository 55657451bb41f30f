/* The AsyncAPI 3.0.0 document. Schemas are JSON Schema (draft 7), the transport is described by the
 * binding of docs/spec/asyncapi-zmtp-binding.md. It must not know any message by name. */
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/run.h"
#include "tools/schema_doc.h"

#define ID_PATTERN "^[a-z0-9-]{1,64}$"
#define CODE_PATTERN "^[A-Z0-9-]{2,16}$"

/* json_pack whose failure (a wrong format, out of memory) ends the program. */
static json_t *
pack(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_error_t error;
    json_t *value = json_vpack_ex(&error, 0, format, args);
    va_end(args);
    if (!value) {
        fprintf(stderr, "schema-doc: %s: %s\n", format, error.text);
        exit(EX_SOFTWARE);
    }
    return value;
}

static void
set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        fputs("schema-doc: out of memory\n", stderr);
        exit(EX_OSERR);
    }
}

static json_t *
ref(const char *format, ...)
{
    char path[200];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    return pack("{s:s}", "$ref", path);
}

/* Names may hold only letters, digits and underscores to be safe everywhere: dots become "_". */
static const char *
plain(const char *name, char *out, size_t out_size)
{
    snprintf(out, out_size, "%s", name);
    for (char *at = out; *at; at++)
        if (*at == '.')
            *at = '_';
    return out;
}

static json_t *
one_type(const struct field *field, enum field_type type)
{
    json_t *words;
    switch (type) {
    case FIELD_TEXT:
        if (field->type == FIELD_LIST)
            return pack("{s:s, s:i, s:i}", "type", "string", "minLength", 1, "maxLength", 1000);
        return pack("{s:s, s:i, s:I}", "type", "string", "minLength", field->min > 0, "maxLength",
                    (json_int_t)field->max);
    case FIELD_ID: return pack("{s:s, s:s}", "type", "string", "pattern", ID_PATTERN);
    case FIELD_CODE: return pack("{s:s, s:s}", "type", "string", "pattern", CODE_PATTERN);
    case FIELD_ZONE: return pack("{s:s, s:i}", "type", "string", "maxLength", 64);
    case FIELD_INT:
        if (field->type == FIELD_LIST ||
            field->max == INT64_MAX) /* beyond what a JSON reader may hold: left out */
            return pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)field->min);
        return pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)field->min,
                    "maximum", (json_int_t)field->max);
    case FIELD_BOOL: return pack("{s:s}", "type", "boolean");
    case FIELD_DATE: return pack("{s:s, s:s}", "type", "string", "format", "date");
    case FIELD_TIME: return pack("{s:s, s:s}", "type", "string", "format", "date-time");
    case FIELD_WHEN:
        return pack("{s:s, s:[{s:s}, {s:s}]}", "type", "string", "anyOf", "format", "date",
                    "format", "date-time");
    case FIELD_ENUM:
        words = json_array();
        for (unsigned i = 0; field->words[i]; i++)
            json_array_append_new(words, json_string(field->words[i]));
        return pack("{s:s, s:o}", "type", "string", "enum", words);
    case FIELD_STRUCT: return ref("#/components/schemas/%s", field->sub->name);
    case FIELD_TEXTMAP:
        return pack("{s:s, s:I, s:{s:i, s:i}, s:{s:s, s:i, s:i}}", "type", "object",
                    "maxProperties", (json_int_t)field->max, "propertyNames", "minLength", 2,
                    "maxLength", 16, "additionalProperties", "type", "string", "minLength", 1,
                    "maxLength", 1000);
    case FIELD_LIST:
        return pack("{s:s, s:I, s:o}", "type", "array", "maxItems", (json_int_t)field->max, "items",
                    one_type(field, field->item));
    case FIELD_MAP: return pack("{s:s}", "type", "object");
    case FIELD_VALUE: return pack("{s:[s, s]}", "type", "string", "integer");
    }
    return json_true();
}

static json_t *
schema_json(const struct schema *schema)
{
    json_t *properties = json_object(), *required = json_array();
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        json_t *type = one_type(field, field->type);
        if (json_object_get(type, "$ref")) /* draft 7 ignores what stands beside a $ref */
            type = pack("{s:[o]}", "allOf", type);
        set(type, "description", json_string(field->doc));
        set(properties, field->name, type);
        if (field->required)
            json_array_append_new(required, json_string(field->name));
    }
    json_t *out = pack("{s:s, s:s, s:o}", "type", "object", "description", schema->doc,
                       "properties", properties);
    if (json_array_size(required))
        set(out, "required", required);
    else
        json_decref(required);
    return out;
}

/* Parameters admit no other field; results and records may grow. */
static json_t *
params_json(const struct schema *schema)
{
    if (!schema->field_count)
        return pack("{s:s, s:i}", "type", "object", "maxProperties", 0);
    json_t *names = json_array();
    for (unsigned i = 0; i < schema->field_count; i++)
        json_array_append_new(names, json_string(schema->fields[i].name));
    return pack("{s:[o], s:{s:o}}", "allOf", ref("#/components/schemas/%s", schema->name),
                "propertyNames", "enum", names);
}

static json_t *
result_json(const struct method *method, const struct doc_schemas *schemas)
{
    const struct schema *item = doc_list_item(schemas, method->answers);
    json_t *seq = pack("{s:s, s:i}", "type", "integer", "minimum", 0);
    if (item)
        return pack("{s:s, s:[s, s, s], s:{s:{s:s, s:o}, s:{s:[s, s]}, s:o}}", "type", "object",
                    "required", "items", "next", "seq", "properties", "items", "type", "array",
                    "items", ref("#/components/schemas/%s", item->name), "next", "type", "string",
                    "null", "seq", seq);
    if (method->answers) {
        json_decref(seq);
        return pack("{s:s, s:s}", "type", "object", "description", method->answers);
    }
    if (method->read_only) {
        json_decref(seq);
        return ref("#/components/schemas/%s", method->result->name);
    }
    return pack("{s:[o, {s:s, s:{s:o}}]}", "allOf",
                ref("#/components/schemas/%s", method->result->name), "type", "object",
                "properties", "seq", seq);
}

static json_t *
msgid_json(void)
{
    return pack("{s:s, s:i, s:I}", "type", "integer", "minimum", 0, "maximum",
                (json_int_t)UINT32_MAX);
}

/* The messages, the channel and the operations of one service. */
static void
add_methods(json_t *root, const struct interface *interface, const struct doc_schemas *schemas)
{
    json_t *messages = json_object_get(json_object_get(root, "components"), "messages");
    json_t *operations = json_object_get(root, "operations"), *in_channel = json_object();
    for (unsigned i = 0; i < interface->method_count; i++) {
        const struct method *method = &interface->methods[i];
        char id[80], request[100], reply[100], roles[80];
        plain(method->name, id, sizeof id);
        snprintf(request, sizeof request, "%s_request", id);
        snprintf(reply, sizeof reply, "%s_reply", id);
        set(messages, request,
            pack("{s:s, s:s, s:{s:s, s:i, s:i, s:[{s:i}, o, {s:s}, {s:s, s:i, s:i, s:[o]}]}}",
                 "name", method->name, "contentType", "application/msgpack", "payload", "type",
                 "array", "minItems", 4, "maxItems", 4, "items", "const", 0, msgid_json(), "const",
                 method->name, "type", "array", "minItems", 1, "maxItems", 1, "items",
                 params_json(method->params)));
        set(messages, reply,
            pack("{s:s, s:s, s:{s:s, s:i, s:i, s:[{s:i}, o, {s:[{s:s}, o]}, {s:[{s:s}, o]}]}}",
                 "name", method->name, "contentType", "application/msgpack", "payload", "type",
                 "array", "minItems", 4, "maxItems", 4, "items", "const", 1, msgid_json(), "oneOf",
                 "type", "null", ref("#/components/schemas/_error"), "oneOf", "type", "null",
                 result_json(method, schemas)));
        set(in_channel, request, ref("#/components/messages/%s", request));
        set(in_channel, reply, ref("#/components/messages/%s", reply));
        set(operations, id,
            pack("{s:s, s:o, s:s, s:[o], s:{s:o, s:[o]}, s:b, s:s}", "action", "receive", "channel",
                 ref("#/channels/%s", interface->service), "summary", method->doc, "messages",
                 ref("#/channels/%s/messages/%s", interface->service, request), "reply", "channel",
                 ref("#/channels/%s", interface->service), "messages",
                 ref("#/channels/%s/messages/%s", interface->service, reply), "x-read-only",
                 method->read_only, "x-permission",
                 doc_permission(method->permission, roles, sizeof roles)));
    }
    set(json_object_get(root, "channels"), interface->service,
        pack("{s:s, s:s, s:[o], s:o, s:{s:{s:s, s:s, s:[s, s, s, s, s]}}}", "address",
             interface->service, "description", interface->doc, "servers",
             ref("#/servers/requests"), "messages", in_channel, "bindings", "x-zmtp",
             "bindingVersion", "0.1.0", "pattern", "request", "frames", "MDPC02", "command",
             "service", "payload", "context"));
}

/* "events.<dimension>.<id>." to "events.{dimension}.{id}." with its parameters, and a plain name.
 */
static json_t *
channel_of(const char *topic, char *name, size_t name_size)
{
    char address[200], parameter[60];
    size_t at = 0, named = 0;
    json_t *parameters = json_object();
    for (const char *from = topic; *from && at + 2 < sizeof address; from++) {
        address[at++] = *from == '<' ? '{' : *from == '>' ? '}' : *from;
        if (*from == '<') {
            snprintf(parameter, sizeof parameter, "%.*s", (int)strcspn(from + 1, ">"), from + 1);
            set(parameters, parameter,
                pack("{s:s}", "description", "A level of the topic, [A-Za-z0-9_-]+."));
        }
        if (*from != '<' && *from != '>' && named + 1 < name_size)
            name[named++] = *from == '.' ? '_' : *from;
    }
    address[at] = '\0';
    while (named && name[named - 1] == '_')
        named--;
    name[named] = '\0';
    json_t *channel = pack("{s:s, s:[o], s:{}}", "address", address, "servers",
                           ref("#/servers/notifications"), "messages");
    set(channel, "parameters", parameters);
    set(channel, "bindings",
        pack("{s:{s:s, s:s, s:[s, s, s], s:s}}", "x-zmtp", "bindingVersion", "0.1.0", "pattern",
             "publish", "frames", "topic", "headers", "payload", "gapDetection", "prev"));
    return channel;
}

static void
add_records(json_t *root, const struct interface *interface)
{
    json_t *messages = json_object_get(json_object_get(root, "components"), "messages");
    json_t *channels = json_object_get(root, "channels");
    json_t *operations = json_object_get(root, "operations");
    for (unsigned i = 0; i < interface->record_count; i++) {
        const struct record_type *record = &interface->records[i];
        char id[80], name[160], operation[180];
        json_t *channel = channel_of(record->topic, name, sizeof name);
        if (json_object_get(channels, name))
            json_decref(channel);
        else
            set(channels, name, channel);
        channel = json_object_get(channels, name);
        json_t *payload = ref("#/components/schemas/%s", record->data->name);
        if (record->has_from)
            payload = pack("{s:[o, {s:s, s:[s], s:{s:{s:s, s:s}}}]}", "allOf", payload, "type",
                           "object", "required", "from", "properties", "from", "type", "string",
                           "description", "The state before.");
        plain(record->type, id, sizeof id);
        set(messages, id,
            pack("{s:s, s:s, s:s, s:{s:[o, {s:s, s:{s:{s:s}}}]}, s:o}", "name", record->type,
                 "summary", record->doc, "contentType", "application/msgpack", "headers", "allOf",
                 ref("#/components/schemas/_meta"), "type", "object", "properties", "type", "const",
                 record->type, "payload", payload));
        set(json_object_get(channel, "messages"), id, ref("#/components/messages/%s", id));
        snprintf(operation, sizeof operation, "publish_%s", name);
        json_t *sending = json_object_get(operations, operation);
        if (!sending) {
            set(operations, operation,
                pack("{s:s, s:o, s:[]}", "action", "send", "channel", ref("#/channels/%s", name),
                     "messages"));
            sending = json_object_get(operations, operation);
        }
        json_array_append_new(json_object_get(sending, "messages"),
                              ref("#/channels/%s/messages/%s", name, id));
    }
}

/* What the transport itself adds: errors, meta, watermarks. */
static const char fixed_schemas[] =
    "{\"_error\": {\"type\": \"object\", \"required\": [\"code\", \"message\"], \"properties\": {"
    "\"code\": {\"type\": \"string\", \"enum\": [\"invalid_argument\", \"not_found\","
    " \"already_exists\", \"failed_precondition\", \"aborted\", \"permission_denied\","
    " \"unauthenticated\", \"resource_exhausted\", \"unavailable\", \"deadline_exceeded\","
    " \"unimplemented\", \"internal\"]},"
    "\"message\": {\"type\": \"string\", \"description\": \"What was wrong and what would be "
    "right.\"},"
    "\"field\": {\"type\": \"string\", \"description\": \"The path of the bad value.\"},"
    "\"details\": {\"type\": \"object\"}}},"
    "\"_meta\": {\"type\": \"object\", \"description\": \"CloudEvents 1.0 attributes, and the "
    "place in"
    " the log.\", \"required\": [\"specversion\", \"id\", \"source\", \"type\", \"subject\", "
    "\"time\","
    " \"datacontenttype\", \"seq\", \"prev\"], \"properties\": {"
    "\"specversion\": {\"const\": \"1.0\"}, \"id\": {\"type\": \"string\"},"
    "\"source\": {\"type\": \"string\"}, \"type\": {\"type\": \"string\"},"
    "\"subject\": {\"type\": \"string\"}, \"time\": {\"type\": \"string\", \"format\": "
    "\"date-time\"},"
    "\"datacontenttype\": {\"const\": \"application/msgpack\"},"
    "\"seq\": {\"type\": \"integer\", \"minimum\": 1},"
    "\"prev\": {\"type\": \"array\", \"items\": {\"type\": \"integer\", \"minimum\": 0}, "
    "\"maxItems\": 9,"
    " \"description\": \"For every prefix of the topic at a dot the seq of the record before, 0 if"
    " none.\"}, \"actor\": {\"type\": \"string\"}, \"traceparent\": {\"type\": \"string\"}}},"
    "\"_watermark\": {\"type\": \"object\", \"required\": [\"type\", \"prefix\", \"seq\"],"
    " \"properties\": {\"type\": {\"const\": \"watermark\"}, \"prefix\": {\"type\": \"string\"},"
    "\"seq\": {\"type\": \"integer\", \"minimum\": 0},"
    "\"records\": {\"type\": \"array\", \"description\": \"In a batch alone (docs/protocol.md, "
    "Compact"
    " publication): topic, meta and data of one record after another.\"}}}}";

static json_t *
skeleton(void)
{
    json_t *schemas = json_loads(fixed_schemas, 0, NULL);
    if (!schemas) {
        fputs("schema-doc: the fixed schemas are no JSON\n", stderr);
        exit(EX_SOFTWARE);
    }
    json_t *root =
        pack("{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:s}", "asyncapi", "3.0.0", "info", "title",
             "CBM Bus", "version", CBM_VERSION, "description",
             "Requests and notifications of the CBM Bus. Lengths of texts are bytes of UTF-8. The "
             "binding"
             " x-zmtp is docs/spec/asyncapi-zmtp-binding.md.",
             "license", "name", "Apache-2.0", "url", "https://www.apache.org/licenses/LICENSE-2.0",
             "defaultContentType", "application/msgpack");
    set(root, "servers",
        pack(
            "{s:{s:s, s:s, s:s, s:s, s:{s:{s:s, s:s, s:s}}}, s:{s:s, s:s, s:s, s:s, s:{s:{s:s, s:s,"
            " s:s}}}}",
            "requests", "host", "localhost:5550", "protocol", "zmtp", "protocolVersion", "3.1",
            "description", "RFC 18/MDP 0.2 carrying MessagePack-RPC.", "bindings", "x-zmtp",
            "bindingVersion", "0.1.0", "socketType", "ROUTER", "peerSocketType", "DEALER",
            "notifications", "host", "localhost:5560", "protocol", "zmtp", "protocolVersion", "3.1",
            "description", "Every record of the log as it is committed, and watermarks.",
            "bindings", "x-zmtp", "bindingVersion", "0.1.0", "socketType", "XPUB", "peerSocketType",
            "SUB"));
    set(root, "channels", json_object());
    set(root, "operations", json_object());
    set(root, "components", pack("{s:{}, s:o}", "messages", "schemas", schemas));
    return root;
}

static void
add_watermark(json_t *root)
{
    json_t *messages = json_object_get(json_object_get(root, "components"), "messages");
    set(messages, "watermark",
        pack("{s:s, s:s, s:s, s:o, s:{s:s, s:s}}", "name", "watermark", "summary",
             "The newest seq under a prefix that somebody subscribes to; the payload frame is "
             "absent.",
             "contentType", "application/msgpack", "headers",
             ref("#/components/schemas/_watermark"), "payload", "type", "null", "description",
             "No frame."));
    set(json_object_get(root, "channels"), "watermarks",
        pack("{s:n, s:s, s:[o], s:{s:o}, s:{s:{s:s, s:s, s:[s, s]}}}", "address", "description",
             "The first frame is the prefix, or for a batch what was subscribed to.", "servers",
             ref("#/servers/notifications"), "messages", "watermark",
             ref("#/components/messages/watermark"), "bindings", "x-zmtp", "bindingVersion",
             "0.1.0", "pattern", "publish", "frames", "topic", "headers"));
    set(json_object_get(root, "operations"), "publish_watermarks",
        pack("{s:s, s:o}", "action", "send", "channel", ref("#/channels/watermarks")));
}

int
doc_asyncapi(FILE *out)
{
    struct doc_schemas schemas;
    doc_schemas_collect(&schemas);
    json_t *root = skeleton();
    json_t *components = json_object_get(json_object_get(root, "components"), "schemas");
    for (unsigned i = 0; i < schemas.count; i++)
        set(components, schemas.items[i]->name, schema_json(schemas.items[i]));
    for (unsigned s = 0; interfaces[s]; s++) {
        add_methods(root, interfaces[s], &schemas);
        add_records(root, interfaces[s]);
    }
    add_watermark(root);
    int failed = json_dumpf(root, out, JSON_INDENT(2));
    json_decref(root);
    return failed || fputc('\n', out) == EOF ? -1 : 0;
}
