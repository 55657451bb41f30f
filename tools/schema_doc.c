/* Prints the documents that come from the schema tables: `schema-doc markdown`, `schema-doc
 * roles` and `schema-doc asyncapi`. The same tables always give the same bytes. It must not know
 * any message by name. */
#include "tools/schema_doc.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static void
collect(struct doc_schemas *schemas, const struct schema *schema)
{
    for (unsigned i = 0; i < schemas->count; i++)
        if (schemas->items[i] == schema)
            return;
    if (schemas->count == DOC_SCHEMAS_MAX) {
        fputs("schema-doc: too many schemas\n", stderr);
        exit(EX_SOFTWARE);
    }
    schemas->items[schemas->count++] = schema;
    for (unsigned i = 0; i < schema->field_count; i++)
        if (schema->fields[i].sub)
            collect(schemas, schema->fields[i].sub);
}

void
doc_schemas_collect(struct doc_schemas *schemas)
{
    schemas->count = 0;
    for (unsigned s = 0; interfaces[s]; s++) {
        for (unsigned i = 0; i < interfaces[s]->method_count; i++) {
            collect(schemas, interfaces[s]->methods[i].params);
            collect(schemas, interfaces[s]->methods[i].result);
        }
        for (unsigned i = 0; i < interfaces[s]->record_count; i++)
            collect(schemas, interfaces[s]->records[i].data);
    }
}

const struct schema *
doc_schemas_find(const struct doc_schemas *schemas, struct text name)
{
    for (unsigned i = 0; i < schemas->count; i++)
        if (text_is(name, schemas->items[i]->name))
            return schemas->items[i];
    return NULL;
}

const struct schema *
doc_list_item(const struct doc_schemas *schemas, const char *answers)
{
    static const char before[] = "{items: [", after[] = "], next, seq}";
    if (!answers || strncmp(answers, before, sizeof before - 1) != 0)
        return NULL;
    const char *name = answers + sizeof before - 1, *end = strchr(name, ']');
    if (!end || strcmp(end, after) != 0)
        return NULL;
    return doc_schemas_find(schemas, (struct text){name, (uint32_t)(end - name)});
}

const char *
doc_permission(unsigned permission, char *out, size_t out_size)
{
    if (permission == PERMIT_ANY)
        return "anyone";
    size_t len = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < PERMISSION_ROLES && len < out_size; i++)
        if (permission & 1U << i)
            len += (size_t)snprintf(out + len, out_size - len, "%s%s", len ? ", " : "",
                                    permission_words[i]);
    return out;
}

int
main(int argc, char **argv)
{
    int failed = -1;
    if (argc == 2 && strcmp(argv[1], "markdown") == 0) {
        failed = doc_markdown(stdout);
    } else if (argc == 2 && strcmp(argv[1], "roles") == 0) {
        failed = doc_roles_page(stdout);
    } else if (argc == 2 && strcmp(argv[1], "asyncapi") == 0) {
        failed = doc_asyncapi(stdout);
    } else {
        fputs("usage: schema-doc markdown|roles|asyncapi\n", stderr);
        return EX_USAGE;
    }
    return failed || fflush(stdout) != 0 || ferror(stdout) ? EX_IOERR : EX_OK;
}
