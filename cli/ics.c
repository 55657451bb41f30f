/* `cbm ics`: events as a calendar, on stdout or in a file, and outside calendars from files. It
 * must not know what is in a calendar. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"

#define IMPORT_BYTES_MAX ((size_t)768 * 1024) /* what calendar.import takes */

/* The file as a JSON text; NULL after a line on stderr. */
static json_t *
read_calendar(const struct cli_command *command, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    char *data = file ? malloc(IMPORT_BYTES_MAX + 1) : NULL;
    size_t len = data ? fread(data, 1, IMPORT_BYTES_MAX + 1, file) : 0;
    json_t *text = NULL;
    if (!data || ferror(file))
        fprintf(stderr, "cbm %s: cannot read %s: %s\n", command->name, path, strerror(errno));
    else if (len > IMPORT_BYTES_MAX)
        fprintf(stderr, "cbm %s: %s has more than %zu bytes\n", command->name, path,
                IMPORT_BYTES_MAX);
    else if (!(text = json_stringn(data, len)))
        fprintf(stderr, "cbm %s: %s is not UTF-8\n", command->name, path);
    if (file && file != stdin)
        fclose(file);
    free(data);
    return text;
}

static int
import(const struct cli_command *command, int argc, char **argv)
{
    enum { CALENDAR, SEVERITY, HOST, TITLE, ZONE, FROM, TO, OPTIONS };
    const char *text[OPTIONS] = {NULL};
    const struct cli_option options[] = {
        {"calendar", "ID", "the calendar, whose former spans are replaced", &text[CALENDAR], NULL,
         0},
        {"severity", "block|warn|ignore", "what a clash with it does", &text[SEVERITY], NULL, 0},
        {"host", "CODE", "only events of this host clash with it", &text[HOST], NULL, 0},
        {"title", "TEXT", "its title", &text[TITLE], NULL, 0},
        {"zone", "ZONE", "of times that name none (UTC)", &text[ZONE], NULL, 0},
        {"from", "DATE", "spans from this day", &text[FROM], NULL, 0},
        {"to", "DATE", "to this one", &text[TO], NULL, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 1, 1);
    if (code >= 0)
        return code;
    if (!text[CALENDAR])
        return cli_usage(command, "import needs --calendar ID");
    json_t *ics = read_calendar(command, argv[0]);
    if (!ics)
        return EX_NOINPUT;
    struct cbm_client *client = cli_connect();
    if (!client) {
        json_decref(ics);
        return EX_CONFIG;
    }
    json_t *params = json_pack("{s:o}", "ics", ics);
    for (int i = 0; i < OPTIONS; i++)
        if (text[i])
            json_object_set_new(params, options[i].name, json_string(text[i]));
    json_t *result = cli_call(client, "events", "calendar.import", params, NULL, &code);
    if (result) {
        printf("%s: %" JSON_INTEGER_FORMAT " spans from %s to %s (seq %" JSON_INTEGER_FORMAT ")\n",
               text[CALENDAR], json_integer_value(json_object_get(result, "spans")),
               cli_text(result, "from"), cli_text(result, "to"),
               json_integer_value(json_object_get(result, "seq")));
        code = cli_flush();
    }
    json_decref(result);
    cbm_client_destroy(&client);
    return code;
}

int
ics_run(const struct cli_command *command, int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "import") == 0)
        return import(command, argc - 1, argv + 1);
    enum { FROM, TO, DIMENSION, AREA, HOST, FILTERS };
    const char *text[FILTERS] = {NULL}, *output = NULL;
    const struct cli_option options[] = {
        {"from", "DATE", "that end on this day or later", &text[FROM], NULL, 0},
        {"to", "DATE", "that begin on this day or earlier", &text[TO], NULL, 0},
        {"dimension", "ID", "of this dimension", &text[DIMENSION], NULL, 0},
        {"area", "ID", "of this priority area", &text[AREA], NULL, 0},
        {"host", "CODE", "hosted by this participant", &text[HOST], NULL, 0},
        {"output", "FILE", "to this file, which is replaced at once (-o)", &output, NULL, 'o'},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 0, 0);
    if (code >= 0)
        return code;
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    json_t *filter = json_object();
    for (int i = 0; i < FILTERS; i++)
        if (text[i])
            json_object_set_new(filter, options[i].name, json_string(text[i]));
    json_t *result = cli_call(client, "events", "calendar.export", filter, NULL, &code);
    const json_t *ics = json_object_get(result, "ics");
    if (result && output) {
        code = cli_write_file(command, output, cli_text(result, "ics"), json_string_length(ics));
    } else if (result) {
        fwrite(cli_text(result, "ics"), 1, json_string_length(ics), stdout);
        code = cli_flush();
    }
    json_decref(result);
    cbm_client_destroy(&client);
    return code;
}
