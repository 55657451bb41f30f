/* `cbm reminder`: what is reminded of, and when. The server knows what may be asked for. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

enum {
    EVENT,
    DECISION,
    ANCHOR,
    OFFSET,
    TITLE,
    TEXT,
    ID,
    DIMENSION,
    AREA,
    HOST,
    BODY,
    STATUS,
    OPTIONS
};

struct reminder_asked {
    const struct cli_command *command;
    const char *text[OPTIONS];
    bool every, as_json;
};

/* "every KZ tourism" of a rule. */
static void
about(const json_t *reminder, char *out, size_t size)
{
    static const char *const keys[] = {"dimension", "area", "host", "body"};
    const json_t *every = json_object_get(reminder, "every");
    const char *event = cli_text(reminder, "event");
    int len = snprintf(out, size, "%s",
                       every    ? "every"
                       : *event ? event
                                : cli_text(reminder, "decision"));
    for (size_t i = 0; every && i < sizeof keys / sizeof *keys; i++)
        if (*cli_text(every, keys[i]) && len > 0 && (size_t)len < size)
            len += snprintf(out + len, size - (size_t)len, " %s", cli_text(every, keys[i]));
}

static void
add_row(struct cli_table *table, const json_t *reminder)
{
    char when[128], what[400];
    const char *due = cli_text(reminder, "due"), *reason = cli_text(reminder, "reason");
    bool late = json_is_true(json_object_get(reminder, "late"));
    snprintf(when, sizeof when, "%s %s", cli_text(reminder, "offset"),
             cli_text(reminder, "anchor"));
    about(reminder, what, sizeof what);
    const char *status = json_object_get(reminder, "every") ? "rule"
                         : late                             ? "sent late"
                                                            : cli_text(reminder, "status");
    cli_table_row(table,
                  (const char *[]){*due ? due : "-", status, when, what, cli_text(reminder, "id"),
                                   *reason ? reason : cli_text(reminder, "text")});
}

static int
list(struct cbm_client *client, const struct reminder_asked *asked)
{
    static const int filters[] = {EVENT, DECISION, STATUS};
    static const char *const names[] = {"event", "decision", "status"};
    int code = 0;
    size_t i;
    json_t *params = json_object(), *one;
    for (i = 0; i < sizeof filters / sizeof *filters; i++)
        if (asked->text[filters[i]])
            json_object_set_new(params, names[i], json_string(asked->text[filters[i]]));
    json_t *all = cli_list(client, "notify", "reminder.list", params, &code);
    struct cli_table table = {.columns = 6};
    if (!asked->as_json)
        cli_table_row(&table, (const char *[]){"DUE", "STATUS", "WHEN", "ABOUT", "ID", "TEXT"});
    json_array_foreach(all, i, one)
    {
        if (asked->as_json)
            cli_print(one, true);
        else
            add_row(&table, one);
    }
    if (all && !asked->as_json)
        cli_table_print(&table);
    else
        cli_table_free(&table);
    if (all)
        code = cli_flush();
    json_decref(all);
    return code;
}

/* Calls a method that answers one reminder, and says how that stands. */
static int
change(struct cbm_client *client, const struct reminder_asked *asked, const char *method,
       json_t *params)
{
    int code = 0;
    json_t *reminder = cli_call(client, "notify", method, params, NULL, &code);
    if (!reminder)
        return code;
    const char *due = cli_text(reminder, "due"), *reason = cli_text(reminder, "reason");
    const char *status = cli_text(reminder, "status");
    if (asked->as_json) {
        code = cli_print(reminder, false);
    } else {
        printf("%s is %s%s%s%s%s (seq %lld)\n", cli_text(reminder, "id"),
               *status ? status : "a rule", *due ? ", due " : "", due, *reason ? ": " : "", reason,
               (long long)json_integer_value(json_object_get(reminder, "seq")));
        code = cli_flush();
    }
    json_decref(reminder);
    return code;
}

static int
put(struct cbm_client *client, const struct reminder_asked *asked)
{
    static const char *const names[] = {"event", "decision",  "anchor", "offset", "title", "text",
                                        "id",    "dimension", "area",   "host",   "body"};
    json_t *params = json_object(), *every = json_object();
    for (int i = 0; i < STATUS; i++)
        if (asked->text[i])
            json_object_set_new(i >= DIMENSION ? every : params, names[i],
                                json_string(asked->text[i]));
    if (asked->every)
        json_object_set(params, "every", every);
    json_decref(every);
    return change(client, asked, "reminder.put", params);
}

/* What is wrong with the words and options; NULL if nothing is. */
static const char *
mistake(const struct reminder_asked *asked, const char *action, int words)
{
    const char *const *text = asked->text;
    bool filtered = text[DIMENSION] || text[AREA] || text[HOST] || text[BODY];
    if (strcmp(action, "delete") == 0)
        return words == 2 ? NULL : "delete takes the ID";
    if (words != 1)
        return "put and list take options only";
    if (strcmp(action, "list") == 0)
        return NULL;
    if (strcmp(action, "put") != 0)
        return "want put, list or delete";
    if (!text[ANCHOR] || !text[OFFSET])
        return "put needs --anchor and --offset";
    if ((text[EVENT] != NULL) + (text[DECISION] != NULL) + asked->every != 1)
        return "put needs one of --event, --decision and --every";
    return filtered && !asked->every ? "--dimension, --area, --host and --body go with --every"
                                     : NULL;
}

int
reminder_run(const struct cli_command *command, int argc, char **argv)
{
    struct reminder_asked asked = {.command = command};
    const char **text = asked.text;
    const struct cli_option options[] = {
        {"event", "ID", "put, list: about this event", &text[EVENT], NULL, 0},
        {"decision", "ID", "put, list: about this decision", &text[DECISION], NULL, 0},
        {"anchor", "ANCHOR", "put: session, session-end, milestone:KIND or silence", &text[ANCHOR],
         NULL, 0},
        {"offset", "DURATION", "put: before the anchor with a minus: -P14D, -PT2H; P1D after it",
         &text[OFFSET], NULL, 0},
        {"title", "TEXT", "put: the headline (that of the event)", &text[TITLE], NULL, 0},
        {"text", "TEXT", "put: what there is to do", &text[TEXT], NULL, 0},
        {"id", "ID", "put: the id; one that is there is replaced", &text[ID], NULL, 0},
        {"every", NULL, "put: a rule, for all events that match", NULL, &asked.every, 0},
        {"dimension", "ID", "put --every: of this dimension", &text[DIMENSION], NULL, 0},
        {"area", "ID", "put --every: of this priority area", &text[AREA], NULL, 0},
        {"host", "CODE", "put --every: with this host", &text[HOST], NULL, 0},
        {"body", "CODE", "put --every --anchor silence: decisions of this body", &text[BODY], NULL,
         0},
        {"status", "STATUS", "list: planned, waiting, sent or dropped", &text[STATUS], NULL, 0},
        {"json", NULL, "print JSON, lists one object a line", NULL, &asked.as_json, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 1, 2);
    if (code >= 0)
        return code;
    const char *wrong = mistake(&asked, argv[0], argc);
    if (wrong)
        return cli_usage(command, "%s", wrong);
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    if (strcmp(argv[0], "list") == 0)
        code = list(client, &asked);
    else if (strcmp(argv[0], "put") == 0)
        code = put(client, &asked);
    else
        code = change(client, &asked, "reminder.delete", json_pack("{s:s}", "id", argv[1]));
    cbm_client_destroy(&client);
    return code;
}
