/* `cbm digest`: what took place in a period and was decided in it. It must not know how a digest is
 * made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"

#define DEADLINE_MS 120000 /* it reads the whole log */

static int
write_digest(const struct cli_command *command, json_t *digest, const char *path)
{
    json_t *text = json_object_get(digest, "text");
    char *dumped = text ? NULL : json_dumps(digest, JSON_INDENT(2));
    const char *data = text ? json_string_value(text) : dumped;
    size_t len = text ? json_string_length(text) : dumped ? strlen(dumped) : 0;
    int code = EX_OSERR;
    if (data && path) {
        code = cli_write_file(command, path, data, len);
    } else if (data) {
        fwrite(data, 1, len, stdout);
        if (dumped)
            putchar('\n');
        code = cli_flush();
    }
    free(dumped);
    return code;
}

int
digest_run(const struct cli_command *command, int argc, char **argv)
{
    const char *form = "markdown", *language = NULL, *dimension = NULL, *path = NULL;
    const struct cli_option options[] = {
        {"form", "FORM", "markdown (if not given), html or json", &form, NULL, 0},
        {"language", "LANGUAGE", "of titles and names, where there is one: ru", &language, NULL, 0},
        {"dimension", "ID", "only the events of this dimension", &dimension, NULL, 0},
        {"output", "FILE", "write to a file", &path, NULL, 'o'},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 2, 2);
    if (code >= 0)
        return code;
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    const struct cbm_options patient = {.deadline_ms = DEADLINE_MS, .safe = true};
    json_t *digest =
        cli_call(client, "notify", "digest.get",
                 json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "from", argv[0], "to", argv[1], "form",
                           form, "language", language, "dimension", dimension),
                 &patient, &code);
    if (digest)
        code = write_digest(command, digest, path);
    json_decref(digest);
    cbm_client_destroy(&client);
    return code;
}
