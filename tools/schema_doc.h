/* What the two printers share. It must not know any message by name. */
#ifndef CBM_TOOLS_SCHEMA_DOC_H
#define CBM_TOOLS_SCHEMA_DOC_H

#include <stdio.h>

#include "common/msg/schema.h"

#define DOC_SCHEMAS_MAX 256

/* The schemas that methods and records of all services reach, each once, in the order first met. */
struct doc_schemas {
    unsigned count;
    const struct schema *items[DOC_SCHEMAS_MAX];
};

void doc_schemas_collect(struct doc_schemas *schemas);

/* The schema of this name, NULL if none of them. */
const struct schema *doc_schemas_find(const struct doc_schemas *schemas, struct text name);

/* The item schema of an answer written "{items: [name], next, seq}"; NULL if it is another. */
const struct schema *doc_list_item(const struct doc_schemas *schemas, const char *answers);

/* The words of a permission's bits, "secretariat, chair", or "anyone". */
const char *doc_permission(unsigned permission, char *out, size_t out_size);

/* schema_doc_markdown.c, schema_doc_roles.c and schema_doc_asyncapi.c: 0, or -1 if writing failed.
 */
int doc_markdown(FILE *out);
int doc_roles_page(FILE *out);
int doc_asyncapi(FILE *out);

#endif
