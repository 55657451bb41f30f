/* `cbm call`, `cbm ping`. It must not know any method. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "common/json/json.h"
#include "common/base/clock.h"
#include "common/msg/schema.h"

int
call_run(const struct cli_command *command, int argc, char **argv)
{
    const char *key = NULL, *deadline = NULL, *min_seq = NULL;
    bool compact = false;
    const struct cli_option options[] = {
        {"key", "TEXT", "idempotency key (a random one otherwise)", &key, NULL},
        {"deadline", "MS", "give up after so many milliseconds (5000)", &deadline, NULL},
        {"min-seq", "SEQ", "answer from a state at least this new", &min_seq, NULL},
        {"compact", NULL, "print in one line", NULL, &compact},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 2, 3);
    if (code >= 0)
        return code;
    struct cbm_options how = {.key = key};
    if ((deadline && !cli_number(command, "--deadline", deadline, &how.deadline_ms)) ||
        (min_seq && !cli_number(command, "--min-seq", min_seq, &how.min_seq)))
        return EX_USAGE;
    json_t *params = NULL;
    char why[200];
    if (argc == 3 && !(params = json_object_of_text(argv[2], strlen(argv[2]), why)))
        return cli_usage(command, "the parameters are %s", why);
    struct cbm_client *client = cli_connect();
    if (!client) {
        json_decref(params);
        return EX_CONFIG;
    }
    json_t *result = cli_call(client, argv[0], argv[1], params, &how, &code);
    if (result)
        code = cli_print(result, compact);
    json_decref(result);
    cbm_client_destroy(&client);
    return code;
}

static int
ping(struct cbm_client *client, const char *service, bool as_json)
{
    struct cbm_reply reply;
    struct cbm_options options = {.deadline_ms = 2000};
    int64_t start = clock_mono_us();
    int code = 0;
    if (cbm_call(client, service, "$ping", NULL, 0, &options, &reply)) {
        code = EX_UNAVAILABLE;
        if (!as_json)
            printf("%-10s %s: %s\n", service, reply.error.code, reply.error.message);
    }
    int64_t took_us = clock_mono_us() - start;
    json_t *one = as_json ? json_pack("{s:s}", "service", service) : NULL;
    if (one && code)
        json_object_set_new(one, "error", json_string(reply.error.code));
    else if (one)
        json_object_set_new(one, "us", json_integer(took_us));
    else if (!code)
        printf("%-10s %.1f ms\n", service, (double)took_us / 1000);
    if (one)
        cli_print(one, true);
    json_decref(one);
    cbm_reply_free(&reply);
    return code;
}

int
call_ping_run(const struct cli_command *command, int argc, char **argv)
{
    bool as_json = false;
    const struct cli_option options[] = {
        {"json", NULL, "one JSON object a line", NULL, &as_json, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 0, 1);
    if (code >= 0)
        return code;
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    code = ping(client, argc == 1 ? argv[0] : "bus", as_json);
    for (const struct interface *const *at = interfaces; argc == 0 && *at; at++) {
        int one = ping(client, (*at)->service, as_json);
        code = code ? code : one;
    }
    cbm_client_destroy(&client);
    int written = cli_flush();
    return code ? code : written;
}
