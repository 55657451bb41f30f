/* See event_text.h. */
#include "cli/event_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
session_text(const json_t *event, bool last, const char *key)
{
    const json_t *sessions = json_object_get(event, "sessions");
    size_t count = json_array_size(sessions);
    return count ? cli_text(json_array_get(sessions, last ? count - 1 : 0), key) : "";
}

void
event_text_dates(const json_t *event, char out[EVENT_DATES_MAX])
{
    const char *start = session_text(event, false, "start"),
               *end = session_text(event, true, "end");
    if (!*start)
        snprintf(out, EVENT_DATES_MAX, "-");
    else if (strncmp(start, end, 10) == 0)
        snprintf(out, EVENT_DATES_MAX, "%.10s", start);
    else
        snprintf(out, EVENT_DATES_MAX, "%.10s … %.10s", start, end);
}

void
event_text_table(const json_t *events)
{
    struct cli_table table = {.columns = 6};
    size_t i;
    json_t *event;
    cli_table_row(&table, (const char *[]){"DATE", "STATUS", "AREA", "HOST", "ID", "TITLE"});
    json_array_foreach(events, i, event)
    {
        char dates[EVENT_DATES_MAX], subject[160];
        const char *dimension = cli_text(event, "dimension"), *area = cli_text(event, "area");
        event_text_dates(event, dates);
        snprintf(subject, sizeof subject, "%s%s%s",
                 *dimension ? dimension : cli_text(event, "kind"), *area ? "/" : "", area);
        cli_table_row(&table, (const char *[]){dates, cli_text(event, "status"), subject,
                                               cli_text(event, "host"), cli_text(event, "id"),
                                               cli_text(event, "title")});
    }
    cli_table_print(&table);
}

static void
show_value(struct cli_table *table, const char *key, const json_t *value)
{
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                                       : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    cli_table_row(table, (const char *[]){key, text});
    free(text);
}

void
event_text_show(const json_t *event)
{
    struct cli_table table = {.columns = 2};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)event, key, value)
    {
        if (!json_is_array(value)) {
            show_value(&table, key, value);
            continue;
        }
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item)
        {
            const char *start = cli_text(item, "start");
            char span[80];
            snprintf(span, sizeof span, "%s … %s", start, cli_text(item, "end"));
            if (*start)
                cli_table_row(&table, (const char *[]){i ? "" : key, span});
            else
                show_value(&table, i ? "" : key, item);
        }
    }
    cli_table_print(&table);
}
