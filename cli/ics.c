/* `cbm ics`: events as a calendar, on stdout or in a file. It must not know what is in a calendar.
 */
#include <stdio.h>

#include "cli/commands.h"

int
ics_run(const struct cli_command *command, int argc, char **argv)
{
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
