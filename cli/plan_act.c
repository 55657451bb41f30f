/* `cbm plan ACTION YEAR`: the life of a plan, what differs and what became of it. The server knows
 * which steps are allowed. */
#include "cli/plan_act.h"

#include <stdio.h>
#include <string.h>

static long long
number(const json_t *map, const char *key)
{
    return (long long)json_integer_value(json_object_get(map, key));
}

/* ---- what became of it ---- */

/* "710", "about 90", "more than 840", "-" without a count. */
static void
participants(const json_t *row, char out[48])
{
    const char *qualifier = cli_text(row, "participants_qualifier");
    if (!number(row, "counted"))
        snprintf(out, 48, "-");
    else
        snprintf(out, 48, "%s%lld",
                 strcmp(qualifier, "more_than") == 0 ? "more than "
                 : strcmp(qualifier, "about") == 0   ? "about "
                                                     : "",
                 number(row, "participants_count"));
}

static void
add_row(struct cli_table *table, const char *name, const json_t *row)
{
    static const char *const keys[] = {"events", "planned",   "additional",
                                       "held",   "postponed", "cancelled"};
    char cells[6][24], people[48];
    const char *texts[8] = {name};
    for (size_t i = 0; i < 6; i++) {
        snprintf(cells[i], sizeof cells[i], "%lld", number(row, keys[i]));
        texts[i + 1] = cells[i];
    }
    participants(row, people);
    texts[7] = people;
    cli_table_row(table, texts);
}

static void
print_table(const json_t *report, const char *key, const char *title)
{
    struct cli_table table = {.columns = 8};
    size_t i;
    const json_t *row;
    cli_table_row(&table, (const char *[]){title, "EVENTS", "PLANNED", "ADDITIONAL", "HELD",
                                           "POSTPONED", "CANCELLED", "PARTICIPANTS"});
    json_array_foreach(json_object_get(report, key), i, row)
    {
        add_row(&table, cli_text(row, "name"), row);
    }
    add_row(&table, "all", json_object_get(report, "total"));
    cli_table_print(&table);
    printf("\n");
}

static void
print_overdue(const json_t *report)
{
    struct cli_table table = {.columns = 5};
    size_t i;
    const json_t *one;
    printf("%lld to be reported on, %lld of the clock's proposals to confirm\n\n",
           number(report, "overdue_count"), number(report, "hold_due"));
    if (!number(report, "overdue_count"))
        return;
    cli_table_row(&table, (const char *[]){"DUE", "STATUS", "HOST", "ID", "TITLE"});
    json_array_foreach(json_object_get(report, "overdue"), i, one)
    {
        cli_table_row(&table, (const char *[]){cli_text(one, "due"), cli_text(one, "status"),
                                               cli_text(one, "host"), cli_text(one, "id"),
                                               cli_text(one, "title")});
    }
    cli_table_print(&table);
}

static void
print_report(const json_t *report)
{
    static const char *const tables[][2] = {{"by_dimension", "DIMENSION"},
                                            {"by_area", "AREA"},
                                            {"by_host", "HOST"},
                                            {"by_format", "FORMAT"},
                                            {"by_quarter", "QUARTER"}};
    size_t i;
    const json_t *area;
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
        print_table(report, tables[k][0], tables[k][1]);
    printf("areas without an event:");
    json_array_foreach(json_object_get(report, "areas_without"), i, area)
    {
        printf("%s %s", i ? "," : "", json_string_value(area));
    }
    printf("%s\n%zu states took part; %lld planned events are gone\n", i ? "" : " none",
           json_array_size(json_object_get(report, "states")), number(report, "planned_gone"));
    print_overdue(report);
}

/* ---- what differs ---- */

static void
print_diff(const json_t *diff)
{
    size_t i;
    const json_t *line;
    json_array_foreach(json_object_get(diff, "words"), i, line)
    {
        printf("%s\n", json_string_value(line));
    }
    if (!i)
        printf("nothing differs from version %lld\n", number(diff, "from"));
}

/* ---- steps ---- */

static void
print_step(const json_t *plan)
{
    const char *decision = cli_text(plan, "decision");
    printf("the plan of %lld is %s, version %lld%s%s (seq %lld)\n", number(plan, "year"),
           cli_text(plan, "status"), number(plan, "version"), *decision ? ", decision " : "",
           decision, number(plan, "seq"));
}

/* Each with the options that are its fields. */
static const struct action {
    const char *name, *method;
    void (*print)(const json_t *result);
    bool uses[PLAN_FIELDS];
} actions[] = {
    {"open", "plan.open", print_step, {[PLAN_TITLE] = true}},
    {"submit", "plan.submit", print_step, {[PLAN_PROCEDURE] = true, [PLAN_DEADLINE] = true}},
    {"adopt", "plan.adopt", print_step, {[PLAN_DECISION] = true}},
    {"close", "plan.close", print_step, {false}},
    {"diff", "plan.diff", print_diff, {[PLAN_FROM] = true, [PLAN_TO] = true}},
    {"report", "plan.report", print_report, {[PLAN_AS_OF] = true}},
};

static json_t *
fields_of(const struct plan_asked *asked, const struct action *action, int64_t year, int *code)
{
    json_t *fields = json_pack("{s:I}", "year", (json_int_t)year);
    *code = 0;
    for (int i = 0; i < PLAN_FIELDS && !*code; i++) {
        int64_t value;
        if (!asked->fields[i])
            continue;
        if (!action->uses[i])
            *code = cli_usage(asked->command, "plan %s has no --%s", action->name,
                              asked->options[i].name);
        else if (i != PLAN_FROM && i != PLAN_TO)
            json_object_set_new(fields, plan_fields[i], json_string(asked->fields[i]));
        else if (cli_number(asked->command, asked->options[i].name, asked->fields[i], &value))
            json_object_set_new(fields, plan_fields[i], json_integer(value));
        else
            *code = EX_USAGE;
    }
    return fields;
}

const char *const plan_fields[PLAN_FIELDS] = {"title", "procedure", "deadline", "decision",
                                              "from",  "to",        "as_of"};

int
plan_act(const struct plan_asked *asked, const char *name, int64_t year)
{
    const struct action *action = NULL;
    int code;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, name) == 0)
            action = &actions[i];
    if (!action)
        return cli_usage(asked->command, "there is no \"plan %s\"", name);
    json_t *fields = fields_of(asked, action, year, &code);
    struct cbm_client *client = code ? NULL : cli_connect();
    if (!client) {
        json_decref(fields);
        return code ? code : EX_CONFIG;
    }
    json_t *result = cli_call(client, "events", action->method, fields, NULL, &code);
    if (result && asked->as_json) {
        code = cli_print(result, false);
    } else if (result) {
        action->print(result);
        code = cli_flush();
    }
    json_decref(result);
    cbm_client_destroy(&client);
    return code;
}
