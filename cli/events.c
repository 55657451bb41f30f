/* `cbm events`: looking at events and moving them on. The server knows which steps are allowed. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/event_text.h"
#include "cli/json.h"

struct events_arguments {
    const struct cli_command *command;
    struct cbm_client *client;
    bool as_json;
    int count;
    char **words; /* after the name of the action */
    json_t *filter;
};

static int
list(struct events_arguments *in)
{
    int code = 0;
    size_t i;
    json_t *event;
    json_t *events = cli_list(in->client, "events", "event.list", json_incref(in->filter), &code);
    if (!events)
        return code;
    if (!in->as_json)
        event_text_table(events);
    json_array_foreach(events, i, event) if (in->as_json) cli_print(event, true);
    json_decref(events);
    return cli_flush();
}

static int
show(struct events_arguments *in)
{
    int code = 0;
    json_t *event = cli_call(in->client, "events", "event.get",
                             json_pack("{s:s}", "id", in->words[0]), NULL, &code);
    if (!event)
        return code;
    if (in->as_json) {
        code = cli_print(event, false);
    } else {
        event_text_show(event);
        code = cli_flush();
    }
    json_decref(event);
    return code;
}

static int
history(struct events_arguments *in)
{
    int code = 0;
    size_t i;
    json_t *step;
    json_t *result = cli_call(in->client, "events", "event.history",
                              json_pack("{s:s}", "id", in->words[0]), NULL, &code);
    if (!result)
        return code;
    struct cli_table table = {.columns = 6};
    cli_table_row(&table, (const char *[]){"SEQ", "TIME", "STEP", "STATUS", "ACTOR", "REASON"});
    json_array_foreach(json_object_get(result, "items"), i, step)
    {
        char seq[24];
        snprintf(seq, sizeof seq, "%lld",
                 (long long)json_integer_value(json_object_get(step, "seq")));
        const char *const cells[] = {seq,
                                     cli_text(step, "time"),
                                     cli_text(step, "type"),
                                     cli_text(step, "status"),
                                     cli_text(step, "actor"),
                                     cli_text(step, "reason")};
        if (in->as_json)
            cli_print(step, true);
        else
            cli_table_row(&table, cells);
    }
    if (in->as_json)
        cli_table_free(&table);
    else
        cli_table_print(&table);
    json_decref(result);
    return cli_flush();
}

/* What an event collides with, as it is or with what a draft would change. */
static int
clashes(struct events_arguments *in)
{
    int code = 0;
    size_t i;
    char why[200];
    json_t *clash, *params = json_pack("{s:s}", "id", in->words[0]);
    if (in->count > 1) {
        json_t *draft = json_object_of_text(in->words[1], strlen(in->words[1]), why);
        if (!draft) {
            json_decref(params);
            return cli_usage(in->command, "the draft is %s", why);
        }
        json_object_set_new(params, "draft", draft);
    }
    json_t *result = cli_call(in->client, "events", "event.clashes", params, NULL, &code);
    if (!result)
        return code;
    const json_t *items = json_object_get(result, "items");
    if (!in->as_json && !json_array_size(items))
        printf("%s clashes with nothing\n", in->words[0]);
    json_array_foreach(items, i, clash)
    {
        const char *repair = cli_text(clash, "repair");
        if (in->as_json)
            cli_print(clash, true);
        else
            printf("%-5s %-16s %s%s%s\n", cli_text(clash, "severity"), cli_text(clash, "rule"),
                   cli_text(clash, "explanation"), *repair ? "; " : "", repair);
    }
    json_decref(result);
    return cli_flush();
}

/* What the actions that change take, beside the id: nothing, a reason, or more fields in JSON. */
enum takes { TAKES_JSON, TAKES_ID, TAKES_ID_REASON, TAKES_ID_JSON };

static int
change(struct events_arguments *in, const char *method, enum takes takes)
{
    json_t *params = NULL;
    const char *text = takes == TAKES_JSON      ? in->words[0]
                       : takes == TAKES_ID_JSON ? in->words[1]
                                                : "{}";
    char why[200];
    if (!(params = json_object_of_text(text, strlen(text), why)))
        return cli_usage(in->command, "the fields are %s", why);
    if (takes != TAKES_JSON)
        json_object_set_new(params, "id", json_string(in->words[0]));
    if (takes == TAKES_ID_REASON)
        json_object_set_new(params, "reason", json_string(in->words[1]));
    int code = 0;
    json_t *event = cli_call(in->client, "events", method, params, NULL, &code);
    if (!event)
        return code;
    if (in->as_json) {
        code = cli_print(event, false);
    } else {
        char dates[EVENT_DATES_MAX];
        event_text_dates(event, dates);
        printf("%s is %s (%s, seq %lld)\n", cli_text(event, "id"), cli_text(event, "status"), dates,
               (long long)json_integer_value(json_object_get(event, "seq")));
        code = cli_flush();
    }
    json_decref(event);
    return code;
}

static const struct action {
    const char *name;
    int words;
    int (*look)(struct events_arguments *in);
    const char *method;
    enum takes takes;
    int optional; /* words more */
} actions[] = {
    {"list", 0, list, NULL, TAKES_ID},
    {"show", 1, show, NULL, TAKES_ID},
    {"history", 1, history, NULL, TAKES_ID},
    {"clashes", 1, clashes, NULL, TAKES_ID, 1},
    {"propose", 1, NULL, "event.propose", TAKES_JSON},
    {"amend", 2, NULL, "event.amend", TAKES_ID_JSON},
    {"accept", 1, NULL, "event.accept", TAKES_ID},
    {"schedule", 2, NULL, "event.schedule", TAKES_ID_JSON},
    {"postpone", 2, NULL, "event.postpone", TAKES_ID_REASON},
    {"cancel", 2, NULL, "event.cancel", TAKES_ID_REASON},
    {"withdraw", 2, NULL, "event.withdraw", TAKES_ID_REASON},
    {"hold", 1, NULL, "event.hold", TAKES_ID},
    {"report", 2, NULL, "event.report", TAKES_ID_JSON},
};

static int
act(struct events_arguments *in, const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        const struct action *action = &actions[i];
        if (strcmp(action->name, name) != 0)
            continue;
        if (in->count < action->words || in->count > action->words + action->optional)
            return cli_usage(in->command, "events %s takes %d argument%s", name, action->words,
                             action->words == 1 ? "" : "s");
        in->client = cli_connect();
        if (!in->client)
            return EX_CONFIG;
        int code = action->look ? action->look(in) : change(in, action->method, action->takes);
        cbm_client_destroy(&in->client);
        return code;
    }
    return cli_usage(in->command, "there is no \"events %s\"", name);
}

int
events_run(const struct cli_command *command, int argc, char **argv)
{
    enum { FROM, TO, DIMENSION, AREA, HOST, KIND, STATUS, TEXT, FILTERS };
    const char *text[FILTERS] = {NULL}, *year_text = NULL;
    bool as_json = false;
    const struct cli_option options[] = {
        {"from", "DATE", "list: that end on this day or later", &text[FROM], NULL},
        {"to", "DATE", "list: that begin on this day or earlier", &text[TO], NULL},
        {"dimension", "ID", "list: of this dimension", &text[DIMENSION], NULL},
        {"area", "ID", "list: of this priority area", &text[AREA], NULL},
        {"host", "CODE", "list: hosted by this participant", &text[HOST], NULL},
        {"kind", "KIND", "list: of this kind", &text[KIND], NULL},
        {"status", "STATUS", "list: in this status", &text[STATUS], NULL},
        {"text", "TEXT", "list: with this text in the title", &text[TEXT], NULL},
        {"year", "YEAR", "list: of this year's plan", &year_text, NULL},
        {"json", NULL, "print JSON, lists one object a line", NULL, &as_json},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 1, 3);
    int64_t year;
    if (code >= 0)
        return code;
    if (year_text && !cli_number(command, "--year", year_text, &year))
        return EX_USAGE;
    json_t *filter = json_object();
    for (int i = 0; i < FILTERS; i++)
        if (text[i])
            json_object_set_new(filter, options[i].name, json_string(text[i]));
    if (year_text)
        json_object_set_new(filter, "year", json_integer(year));
    struct events_arguments in = {.command = command,
                                  .as_json = as_json,
                                  .count = argc - 1,
                                  .words = argv + 1,
                                  .filter = filter};
    code = act(&in, argv[0]);
    json_decref(filter);
    return code;
}
