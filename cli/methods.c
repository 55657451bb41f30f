/* `cbm methods`: the schema tables for people. It must not know any method by name. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "common/msg/schema.h"

static const char *const type_words[] = {
    [FIELD_TEXT] = "text", [FIELD_ID] = "id",      [FIELD_CODE] = "code",
    [FIELD_ZONE] = "zone", [FIELD_INT] = "number", [FIELD_BOOL] = "true|false",
    [FIELD_DATE] = "date", [FIELD_TIME] = "time",  [FIELD_WHEN] = "date or time",
    [FIELD_ENUM] = "",     [FIELD_STRUCT] = "map", [FIELD_TEXTMAP] = "{language: text}",
    [FIELD_LIST] = "list", [FIELD_MAP] = "map",    [FIELD_VALUE] = "text or number",
};

static void
describe_type(const struct field *field, char *out, size_t size)
{
    if (field->type == FIELD_ENUM || (field->type == FIELD_LIST && field->item == FIELD_ENUM)) {
        size_t at = 0;
        out[0] = '\0';
        for (const char *const *word = field->words; *word && at < size; word++)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at ? "|" : "", *word);
    } else if (field->type == FIELD_LIST) {
        snprintf(out, size, "[%s]", type_words[field->item]);
    } else {
        snprintf(out, size, "%s", type_words[field->type]);
    }
}

static void
list_fields(struct cli_table *table, const struct schema *schema, const char *before,
            unsigned depth)
{
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        char name[128], type[160];
        snprintf(name, sizeof name, "  %s%s%s", before, field->name, field->required ? "" : "?");
        describe_type(field, type, sizeof type);
        cli_table_row(table, (const char *[]){name, type, field->doc});
        if (field->sub && depth < 4) {
            snprintf(name, sizeof name, "%s%s%s.", before, field->name,
                     field->type == FIELD_LIST ? "[]" : "");
            list_fields(table, field->sub, name, depth + 1);
        }
    }
}

static void
list_methods(const struct interface *interface)
{
    struct cli_table table = {.columns = 3};
    printf("%s: %s\n", interface->service, interface->doc);
    for (unsigned i = 0; i < interface->method_count; i++) {
        const struct method *method = &interface->methods[i];
        char name[80];
        snprintf(name, sizeof name, "  %s", method->name);
        cli_table_row(&table,
                      (const char *[]){name, method->read_only ? "reads" : "changes", method->doc});
    }
    cli_table_print(&table);
}

static int
describe_method(const struct cli_command *command, const struct interface *interface,
                const char *name)
{
    const struct method *method = interface_method(interface, text_of(name));
    if (!method)
        return cli_usage(command, "%s has no method \"%s\"", interface->service, name);
    printf("%s %s: %s\n", interface->service, method->name, method->doc);
    struct cli_table table = {.columns = 3};
    list_fields(&table, method->params, "", 0);
    cli_table_print(&table);
    if (method->answers)
        printf("answers %s\n", method->answers);
    else
        printf("answers %s: %s\n", method->result->name, method->result->doc);
    return cli_flush();
}

/* A method a line, with its parameters. */
static void
print_json(const struct interface *interface)
{
    for (unsigned i = 0; i < interface->method_count; i++) {
        const struct method *method = &interface->methods[i];
        json_t *params = json_array();
        for (unsigned f = 0; f < method->params->field_count; f++) {
            const struct field *field = &method->params->fields[f];
            char type[160];
            describe_type(field, type, sizeof type);
            json_array_append_new(params, json_pack("{s:s, s:s, s:b, s:s}", "name", field->name,
                                                    "type", type, "required", (int)field->required,
                                                    "doc", field->doc));
        }
        json_t *one = json_pack("{s:s, s:s, s:b, s:s, s:o}", "service", interface->service,
                                "method", method->name, "read_only", (int)method->read_only, "doc",
                                method->doc, "params", params);
        cli_print(one, true);
        json_decref(one);
    }
}

int
methods_run(const struct cli_command *command, int argc, char **argv)
{
    bool as_json = false;
    const struct cli_option options[] = {
        {"json", NULL, "one JSON object a line, a method each", NULL, &as_json, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 0, 2);
    if (code >= 0)
        return code;
    const struct interface *only = argc ? interface_of(text_of(argv[0])) : NULL;
    if (argc && !only)
        return cli_usage(command, "there is no service \"%s\"", argv[0]);
    if (argc == 2)
        return describe_method(command, only, argv[1]);
    for (const struct interface *const *at = interfaces; *at; at++)
        if (only && *at != only)
            continue;
        else if (as_json)
            print_json(*at);
        else
            list_methods(*at);
    return cli_flush();
}
