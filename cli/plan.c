/* `cbm plan` and `cbm members`: what the officer looks up most. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/event_text.h"
#include "cli/plan_act.h"

/* Counts items by the text under a key and prints "key: 12 a, 3 b". */
static void
print_counts(const json_t *items, const char *label, const char *key, const char *without)
{
    json_t *counts = json_object(), *item, *count;
    size_t i;
    const char *name;
    json_array_foreach(items, i, item)
    {
        const char *text = cli_text(item, key);
        const char *group = *text ? text : without;
        json_int_t before = json_integer_value(json_object_get(counts, group));
        json_object_set_new(counts, group, json_integer(before + 1));
    }
    printf("%s:", label);
    bool first = true;
    json_object_foreach(counts, name, count)
    {
        printf("%s %lld %s", first ? "" : ",", (long long)json_integer_value(count), name);
        first = false;
    }
    printf("%s\n", first ? " none" : "");
    json_decref(counts);
}

/* "submitted, version 2, decision plan-2026-v2; sent back before: the decision … was blocked" */
static void
print_standing(const json_t *plan)
{
    const char *decision = cli_text(plan, "decision"), *reason = cli_text(plan, "reason");
    printf("%s: %s, version %lld%s%s%s%s\n\n",
           *cli_text(plan, "title") ? cli_text(plan, "title") : "The plan",
           cli_text(plan, "status"),
           (long long)json_integer_value(json_object_get(plan, "version")),
           *decision ? ", decision " : "", decision, *reason ? "; sent back: " : "", reason);
}

static void
print_plan(const json_t *plan, const json_t *events, long long year)
{
    if (plan)
        print_standing(plan);
    else
        printf("No plan of %lld is open; its events:\n\n", year);
    event_text_table(events);
    printf("\n%zu events of %lld\n", json_array_size(events), year);
    print_counts(events, "by status", "status", "-");
    print_counts(events, "by dimension", "dimension", "without dimension");
    print_counts(events, "by format", "format", "not yet known");
}

static int
show_plan(int64_t year, bool as_json)
{
    int code = 0;
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    json_t *plan = NULL;
    /* the events first: they tell a wrong year, and there may be events without a plan */
    json_t *events = cli_list(client, "events", "event.list",
                              json_pack("{s:I}", "year", (json_int_t)year), &code);
    json_t *plans = events ? cli_list(client, "events", "plan.list", json_object(), &code) : NULL;
    size_t i;
    json_t *one;
    json_array_foreach(plans, i, one)
    {
        if (json_integer_value(json_object_get(one, "year")) == year)
            plan = one;
    }
    if (plans && as_json) {
        json_t *all = json_pack("{s:O?, s:O}", "plan", plan, "events", events);
        code = cli_print(all, false);
        json_decref(all);
    } else if (plans) {
        print_plan(plan, events, (long long)year);
        code = cli_flush();
    }
    json_decref(plans);
    json_decref(events);
    cbm_client_destroy(&client);
    return code;
}

int
plan_run(const struct cli_command *command, int argc, char **argv)
{
    struct plan_asked asked = {.command = command};
    const char **fields = asked.fields;
    const struct cli_option options[] = {
        {"title", "TEXT", "open: its title", &fields[PLAN_TITLE], NULL, 0},
        {"procedure", "CODE", "submit: the template of the decision (CONSENSUS)",
         &fields[PLAN_PROCEDURE], NULL, 0},
        {"deadline", "TIME", "submit: of a silence", &fields[PLAN_DEADLINE], NULL, 0},
        {"decision", "ID", "adopt: the decision that adopted it", &fields[PLAN_DECISION], NULL, 0},
        {"from", "VERSION", "diff: the version before (the adopted one)", &fields[PLAN_FROM], NULL,
         0},
        {"to", "VERSION", "diff: the version after (now)", &fields[PLAN_TO], NULL, 0},
        {"as-of", "DATE", "report: what had taken place by then (now)", &fields[PLAN_AS_OF], NULL,
         0},
        {"json", NULL, "print JSON; of a plan alone {plan, events}", NULL, &asked.as_json, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 1, 2);
    int64_t year;
    if (code >= 0)
        return code;
    if (!cli_number(command, "YEAR", argv[argc - 1], &year))
        return EX_USAGE;
    asked.options = options;
    if (argc == 2)
        return plan_act(&asked, argv[0], year);
    for (int i = 0; i < PLAN_FIELDS; i++)
        if (fields[i])
            return cli_usage(command, "--%s is for an action", options[i].name);
    return show_plan(year, asked.as_json);
}

int
members_run(const struct cli_command *command, int argc, char **argv)
{
    const char *as_of = NULL, *status = NULL;
    bool as_json = false;
    const struct cli_option options[] = {
        {"as-of", "DATE", "as they stood on this day (today)", &as_of, NULL},
        {"status", "STATUS", "only members, observers, partners, applicants or former ones",
         &status, NULL},
        {"json", NULL, "one JSON object a line", NULL, &as_json},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 0, 0);
    if (code >= 0)
        return code;
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    json_t *params = json_object(), *one;
    if (as_of)
        json_object_set_new(params, "as_of", json_string(as_of));
    if (status)
        json_object_set_new(params, "status", json_string(status));
    json_t *all = cli_list(client, "registry", "participant.list", params, &code);
    struct cli_table table = {.columns = 5};
    size_t i;
    if (!as_json)
        cli_table_row(&table, (const char *[]){"CODE", "STATUS", "SINCE", "KIND", "NAME"});
    json_array_foreach(all, i, one)
    {
        if (as_json)
            cli_print(one, true);
        else
            cli_table_row(&table, (const char *[]){cli_text(one, "code"), cli_text(one, "status"),
                                                   cli_text(one, "since"), cli_text(one, "kind"),
                                                   cli_text(one, "name")});
    }
    if (all && !as_json) {
        cli_table_print(&table);
        print_counts(all, "\nby status", "status", "-");
    } else {
        cli_table_free(&table);
    }
    if (all)
        code = cli_flush();
    json_decref(all);
    cbm_client_destroy(&client);
    return code;
}
