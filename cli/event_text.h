/* An event in words and columns, for the commands that show events. */
#ifndef CBM_CLI_EVENT_TEXT_H
#define CBM_CLI_EVENT_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "cli/cli.h"

/* "2021-05-18", "2021-05-18 … 2021-10-20", "-" if it has no dates. */
#define EVENT_DATES_MAX 64
void event_text_dates(const json_t *event, char out[EVENT_DATES_MAX]);

/* Prints events as a table: dates, status, subject, host, id, title. */
void event_text_table(const json_t *events);

/* Prints what is said of one event, a line a field. */
void event_text_show(const json_t *event);

#endif
