/* The page of methods, messages and records for people. It must not know any message by name. */
#include <inttypes.h>

#include "tools/schema_doc.h"

/* Text inside a table: a bar would end the cell. */
static void
cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc(*text, out);
    }
}

/* "64", or nothing where there is no bound but the type's. */
static void
bound(FILE *out, int64_t value)
{
    if (value != INT64_MAX)
        fprintf(out, "%" PRId64, value);
}

static void
print_type(FILE *out, const struct field *field, enum field_type type)
{
    switch (type) {
    case FIELD_TEXT:
        if (field->type == FIELD_LIST)
            fputs("text of 1..1000 bytes", out);
        else
            fprintf(out, "text of %" PRId64 "..%" PRId64 " bytes", field->min, field->max);
        break;
    case FIELD_ID: fputs("id", out); break;
    case FIELD_CODE: fputs("code", out); break;
    case FIELD_ZONE: fputs("zone", out); break;
    case FIELD_INT:
        fprintf(out, "int %" PRId64 "..", field->min);
        bound(out, field->type == FIELD_LIST ? INT64_MAX : field->max);
        break;
    case FIELD_BOOL: fputs("bool", out); break;
    case FIELD_DATE: fputs("date", out); break;
    case FIELD_TIME: fputs("time", out); break;
    case FIELD_WHEN: fputs("date or time", out); break;
    case FIELD_ENUM:
        for (unsigned i = 0; field->words[i]; i++)
            fprintf(out, "%s`%s`", i ? ", " : "one of ", field->words[i]);
        break;
    case FIELD_STRUCT: fprintf(out, "[%s](#%s)", field->sub->name, field->sub->name); break;
    case FIELD_TEXTMAP:
        fprintf(out, "map of at most %" PRId64 " languages to texts", field->max);
        break;
    case FIELD_LIST:
        fprintf(out, "list of at most %" PRId64 ": ", field->max);
        print_type(out, field, field->item);
        break;
    case FIELD_MAP: fputs("map", out); break;
    case FIELD_VALUE: fputs("text or int", out); break;
    }
}

static void
print_schema(FILE *out, const struct schema *schema)
{
    fprintf(out, "### %s\n\n%s\n\n", schema->name, schema->doc);
    if (!schema->field_count)
        return;
    fputs("| field | type | | |\n| --- | --- | --- | --- |\n", out);
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        fprintf(out, "| `%s` | ", field->name);
        print_type(out, field, field->type);
        fprintf(out, " | %s | ", field->required ? "required" : "");
        cell(out, field->doc);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

static void
print_service(FILE *out, const struct interface *interface, const struct doc_schemas *schemas)
{
    char roles[80];
    fprintf(out, "## Service `%s`\n\n%s\n\n", interface->service, interface->doc);
    fputs("| method | takes | answers | who | |\n| --- | --- | --- | --- | --- |\n", out);
    for (unsigned i = 0; i < interface->method_count; i++) {
        const struct method *method = &interface->methods[i];
        fprintf(out, "| `%s` | [%s](#%s) | ", method->name, method->params->name,
                method->params->name);
        const struct schema *item = doc_list_item(schemas, method->answers);
        if (item) {
            fprintf(out, "`{items: [`[%s](#%s)`], next, seq}`", item->name, item->name);
        } else if (method->answers) {
            fputc('`', out);
            cell(out, method->answers);
            fputc('`', out);
        } else {
            fprintf(out, "[%s](#%s)%s", method->result->name, method->result->name,
                    method->read_only ? "" : " and `seq`");
        }
        fprintf(out, " | %s | ", doc_permission(method->permission, roles, sizeof roles));
        cell(out, method->doc);
        fprintf(out, "%s |\n", method->read_only ? " Read only." : "");
    }
    fputc('\n', out);
    if (!interface->record_count)
        return;
    fputs("| record | topic | data | |\n| --- | --- | --- | --- |\n", out);
    for (unsigned i = 0; i < interface->record_count; i++) {
        const struct record_type *record = &interface->records[i];
        fprintf(out, "| `%s` | `%s` | [%s](#%s)%s | ", record->type, record->topic,
                record->data->name, record->data->name, record->has_from ? " and `from`" : "");
        cell(out, record->doc);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

int
doc_markdown(FILE *out)
{
    struct doc_schemas schemas;
    doc_schemas_collect(&schemas);
    fputs(
        "# Methods, messages and records\n\n"
        "Printed by `make docs` from the schema tables in `common/msg/*.def`; not edited by hand.\n"
        "How they travel is in [protocol.md](protocol.md).\n\n"
        "An *id* is `[a-z0-9-]{1,64}`, a *code* `[A-Z0-9-]{2,16}`, a *date* `YYYY-MM-DD`, a "
        "*time*\n"
        "RFC 3339 with an offset, a *zone* an IANA zone name. A map with an unknown, missing, "
        "doubled\n"
        "or ill-typed field is refused as `invalid_argument`, with the path of the field; null is "
        "the\n"
        "same as absent. Which rules of the domain apply beyond the role is said by the "
        "service.\n\n"
        "Every service also answers `$ping`, `$info` and `$stats`.\n\n",
        out);
    for (unsigned s = 0; interfaces[s]; s++)
        print_service(out, interfaces[s], &schemas);
    fputs("## Messages\n\n", out);
    for (unsigned i = 0; i < schemas.count; i++)
        print_schema(out, schemas.items[i]);
    return ferror(out) ? -1 : 0;
}
