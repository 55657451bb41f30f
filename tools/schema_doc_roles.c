/* The page of who may call what. It must not know any message by name. */
#include <string.h>

#include "tools/schema_doc.h"

static const struct rule *
rule_of(const struct interface *interface, const char *method, unsigned role)
{
    for (unsigned i = 0; i < interface->rule_count; i++)
        if (interface->rules[i].roles & role && strcmp(interface->rules[i].method, method) == 0)
            return &interface->rules[i];
    return NULL;
}

static void
print_row(FILE *out, const struct interface *interface, const struct method *method)
{
    fprintf(out, "| `%s` |", method->name);
    for (unsigned i = 0; i < PERMISSION_ROLES; i++) {
        bool may = method->permission & 1U << i;
        bool depends = may && rule_of(interface, method->name, 1U << i);
        fprintf(out, " %s |", depends ? "if" : may ? "yes" : "-");
    }
    fputc('\n', out);
}

static void
print_rules(FILE *out, const struct interface *interface)
{
    char roles[80];
    if (interface->rule_count)
        fputs("\n*if*:\n\n", out);
    for (unsigned i = 0; i < interface->rule_count; i++) {
        const struct rule *rule = &interface->rules[i];
        fprintf(out, "- `%s` (%s): %s.\n", rule->method,
                doc_permission(rule->roles, roles, sizeof roles), rule->doc);
    }
}

int
doc_roles_page(FILE *out)
{
    fputs("# Who may call what\n\n"
          "Printed by `make docs` from the schema tables in `common/msg/*.def`; not edited by "
          "hand. A test "
          "calls each method\nof a running stack as each role and compares.\n\n"
          "A principal has one or more roles, and may call what any of them may: *yes*, *-* "
          "(never), *if* "
          "(the domain decides;\nbelow it says how). `cbm acl explain PRINCIPAL METHOD` answers it "
          "for one "
          "of them.\n",
          out);
    for (unsigned s = 0; interfaces[s]; s++) {
        fprintf(out, "\n## %s\n\n| method |", interfaces[s]->service);
        for (unsigned i = 0; i < PERMISSION_ROLES; i++)
            fprintf(out, " %s |", permission_words[i]);
        fputs("\n| --- | --- | --- | --- | --- | --- | --- |\n", out);
        for (unsigned i = 0; i < interfaces[s]->method_count; i++)
            print_row(out, interfaces[s], &interfaces[s]->methods[i]);
        print_rules(out, interfaces[s]);
    }
    return ferror(out) ? -1 : 0;
}
