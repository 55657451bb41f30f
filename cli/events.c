/* `cbm events`: looking at events and moving them on. The server knows which steps are allowed. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/event_text.h"
#include "common/json/json.h"

struct events_arguments {
    const struct cli_command *command;
    struct cbm_client *client;
    bool as_json;
    int count;
    char **words;   /* after the name of the action */
    json_t *filter; /* what the options say, by the names of event.list and event.propose */
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

/* What the actions that change take, beside the id: nothing, a reason, or more fields, which
 * options or JSON say. */
enum takes { TAKES_FIELDS, TAKES_ID, TAKES_ID_REASON, TAKES_ID_FIELDS };

/* The fields in JSON, if they are given so, with those of the options over them. */
static json_t *
fields(struct events_arguments *in, int word)
{
    char why[200];
    const char *text = word < in->count ? in->words[word] : "{}";
    json_t *params = json_object_of_text(text, strlen(text), why);
    if (!params)
        cli_usage(in->command, "the fields are %s", why);
    else
        json_object_update(params, in->filter);
    return params;
}

/* What an event collides with, as it is or with what a draft would change. */
static int
clashes(struct events_arguments *in)
{
    int code = 0;
    size_t i;
    json_t *clash, *draft = fields(in, 1);
    if (!draft)
        return EX_USAGE;
    json_t *params = json_pack("{s:s}", "id", in->words[0]);
    if (json_object_size(draft))
        json_object_set(params, "draft", draft);
    json_decref(draft);
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

static int
change(struct events_arguments *in, const char *method, enum takes takes)
{
    json_t *params = takes == TAKES_FIELDS      ? fields(in, 0)
                     : takes == TAKES_ID_FIELDS ? fields(in, 1)
                                                : json_object();
    if (!params)
        return EX_USAGE;
    if (takes != TAKES_FIELDS)
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
    int least, most; /* words */
    int (*look)(struct events_arguments *in);
    const char *method;
    enum takes takes;
} actions[] = {
    {"list", 0, 0, list, NULL, TAKES_ID},
    {"show", 1, 1, show, NULL, TAKES_ID},
    {"history", 1, 1, history, NULL, TAKES_ID},
    {"clashes", 1, 2, clashes, NULL, TAKES_ID},
    {"propose", 0, 1, NULL, "event.propose", TAKES_FIELDS},
    {"amend", 1, 2, NULL, "event.amend", TAKES_ID_FIELDS},
    {"accept", 1, 1, NULL, "event.accept", TAKES_ID},
    {"schedule", 1, 2, NULL, "event.schedule", TAKES_ID_FIELDS},
    {"postpone", 2, 2, NULL, "event.postpone", TAKES_ID_REASON},
    {"cancel", 2, 2, NULL, "event.cancel", TAKES_ID_REASON},
    {"withdraw", 2, 2, NULL, "event.withdraw", TAKES_ID_REASON},
    {"hold", 1, 1, NULL, "event.hold", TAKES_ID},
    {"report", 1, 2, NULL, "event.report", TAKES_ID_FIELDS},
};

static int
act(struct events_arguments *in, const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        const struct action *action = &actions[i];
        if (strcmp(action->name, name) != 0)
            continue;
        if (in->count < action->least || in->count > action->most)
            return cli_usage(in->command, "%s %s takes %d%s argument%s", in->command->name, name,
                             action->least, action->least < action->most ? " or one more" : "",
                             action->least == 1 ? "" : "s");
        in->client = cli_connect();
        if (!in->client)
            return EX_CONFIG;
        int code = action->look ? action->look(in) : change(in, action->method, action->takes);
        cbm_client_destroy(&in->client);
        return code;
    }
    return cli_usage(in->command, "there is no \"%s\"; --help lists what there is", name);
}

/* ---- options ----------------------------------------------------------------------------------
 */

/* "2021-05-18", or "2021-05-18/2021-05-20", or times; more of them by comma. */
static json_t *
sessions_of(const char *text)
{
    json_t *sessions = json_array();
    while (*text) {
        int len = (int)strcspn(text, ","), first = (int)strcspn(text, "/,");
        const char *end = first < len ? text + first + 1 : text;
        int end_len = first < len ? len - first - 1 : len;
        json_array_append_new(sessions, json_pack("{s:s%, s:s%}", "start", text, (size_t)first,
                                                  "end", end, (size_t)end_len));
        text += len + (text[len] == ',');
    }
    return sessions;
}

static const struct cli_field field_options[] = {
    {"from", "DATE", "list: that end on this day or later", "from", CLI_AS_TEXT, NULL},
    {"to", "DATE", "list: that begin on this day or earlier", "to", CLI_AS_TEXT, NULL},
    {"status", "STATUS", "list: in this status", "status", CLI_AS_TEXT, NULL},
    {"text", "TEXT", "list: with this text in the title", "text", CLI_AS_TEXT, NULL},
    {"dimension", "ID", "list, propose, amend: the dimension", "dimension", CLI_AS_TEXT, NULL},
    {"area", "ID", "list, propose, amend: the priority area", "area", CLI_AS_TEXT, NULL},
    {"host", "CODE", "list, propose, amend: the participant that hosts", "host", CLI_AS_TEXT, NULL},
    {"kind", "KIND", "list, propose, amend: the kind", "kind", CLI_AS_TEXT, NULL},
    {"year", "YEAR", "list, propose, amend: the year of the plan", "year", CLI_AS_NUMBER, NULL},
    {"id", "ID", "propose: the id (made from the title)", "id", CLI_AS_TEXT, NULL},
    {"title", "TEXT", "propose, amend: the title", "title", CLI_AS_TEXT, NULL},
    {"sessions", "SPANS", "propose, schedule: START/END, or a day, more by comma", "sessions",
     CLI_AS_OTHER, sessions_of},
    {"format", "FORMAT", "propose, schedule: online, in-person or hybrid", "format", CLI_AS_TEXT,
     NULL},
    {"place", "TEXT", "propose, schedule: where", "place", CLI_AS_TEXT, NULL},
    {"zone", "ZONE", "propose, schedule: the IANA zone of the place", "zone", CLI_AS_TEXT, NULL},
    {"override", "REASON", "schedule: why a blocking clash is accepted", "override", CLI_AS_TEXT,
     NULL},
    {"reason", "TEXT", "amend: why", "reason", CLI_AS_TEXT, NULL},
    {"states", "CODES", "report: the member states that took part, by comma", "member_states",
     CLI_AS_WORDS, NULL},
    {"participants", "N", "report: how many people took part", "participants_count", CLI_AS_NUMBER,
     NULL},
    {"qualifier", "WORD", "report: exact, about or more_than", "participants_qualifier",
     CLI_AS_TEXT, NULL},
    {"summary", "TEXT", "report: what came of it", "summary", CLI_AS_TEXT, NULL},
};
#define FIELD_OPTIONS (sizeof field_options / sizeof *field_options)

int
events_run(const struct cli_command *command, int argc, char **argv)
{
    const char *text[FIELD_OPTIONS] = {NULL};
    bool as_json = false;
    struct cli_option options[FIELD_OPTIONS + 2] = {
        [FIELD_OPTIONS] = {"json", NULL, "print JSON, lists one object a line", NULL, &as_json, 0},
        [FIELD_OPTIONS + 1] = CLI_OPTIONS_END,
    };
    cli_field_options(field_options, FIELD_OPTIONS, text, options);
    int code = cli_arguments(command, options, &argc, argv, 1, 3);
    if (code >= 0)
        return code;
    json_t *given = cli_fields(command, field_options, FIELD_OPTIONS, text);
    if (!given)
        return EX_USAGE;
    struct events_arguments in = {.command = command,
                                  .as_json = as_json,
                                  .count = argc - 1,
                                  .words = argv + 1,
                                  .filter = given};
    code = act(&in, argv[0]);
    json_decref(given);
    return code;
}
