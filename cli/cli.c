/* See cli.h. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/json.h"
#include "common/base/man.h"

/* ---- arguments --------------------------------------------------------------------------------
 */

int
cli_usage(const struct cli_command *command, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "cbm %s: ", command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nusage: cbm %s %s   (cbm %s --help tells more)\n", command->name,
            command->arguments, command->name);
    return EX_USAGE;
}

static int
help(const struct cli_command *command, const struct cli_option *options)
{
    printf("usage: cbm %s %s\n%s\n", command->name, command->arguments, command->doc);
    if (command->more)
        printf("\n%s\n", command->more);
    if (options->name)
        printf("\nOptions:\n");
    for (; options->name; options++) {
        char name[64];
        snprintf(name, sizeof name, "--%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        printf("  %-22s %s\n", name, options->doc);
    }
    return cli_flush();
}

/* The same as a page of the manual. */
static int
manual(const struct cli_command *command, const struct cli_option *options)
{
    char name[64], line[512];
    snprintf(name, sizeof name, "cbm-%s", command->name);
    man_page(name, 1, cbm_version(), command->doc);
    man_section("SYNOPSIS");
    snprintf(line, sizeof line, "cbm %s %s", command->name, command->arguments);
    man_lines(line);
    man_section("DESCRIPTION");
    man_text(command->doc);
    if (command->more) {
        man_paragraph();
        man_lines(command->more);
    }
    if (options->name)
        man_section("OPTIONS");
    for (; options->name; options++) {
        snprintf(line, sizeof line, "--%s", options->name);
        man_item(line, options->value, options->doc);
    }
    man_section("SEE ALSO");
    man_text("cbm(1)");
    return cli_flush();
}

/* The option that "-o" is short for; NULL if it is none, and then a word. */
static const struct cli_option *
short_option(const struct cli_option *options, const char *word)
{
    for (; options->name; options++)
        if (options->letter && word[0] == '-' && word[1] == options->letter && !word[2])
            return options;
    return NULL;
}

/* Takes one option, `*at` its place; -1 to go on. */
static int
take_option(const struct cli_command *command, const struct cli_option *options, int argc,
            char **argv, int *at)
{
    const struct cli_option *by_letter = short_option(options, argv[*at]);
    const char *name = by_letter ? by_letter->name : argv[*at] + 2;
    size_t len = strcspn(name, "=");
    for (; options->name; options++) {
        if (strlen(options->name) != len || strncmp(options->name, name, len) != 0)
            continue;
        if (options->flag) {
            if (name[len])
                return cli_usage(command, "--%s takes no value", options->name);
            *options->flag = true;
            return -1;
        }
        if (!name[len] && *at + 1 == argc)
            return cli_usage(command, "--%s needs a value: %s", options->name, options->value);
        *options->text = name[len] ? name + len + 1 : argv[++*at];
        return -1;
    }
    return cli_usage(command, "there is no option --%.*s", (int)len, name);
}

int
cli_arguments(const struct cli_command *command, const struct cli_option *options, int *argc,
              char **argv, int min, int max)
{
    int count = 0, end = *argc;
    bool only_words = false;
    for (int at = 0; at < end; at++) {
        bool dashes = strncmp(argv[at], "--", 2) == 0;
        if (only_words || (!dashes && !short_option(options, argv[at]))) {
            argv[count++] = argv[at];
        } else if (dashes && !argv[at][2]) {
            only_words = true;
        } else if (strcmp(argv[at], "--help") == 0) {
            return help(command, options);
        } else if (strcmp(argv[at], "--man") == 0) {
            return manual(command, options);
        } else {
            int code = take_option(command, options, end, argv, &at);
            if (code >= 0)
                return code;
        }
    }
    *argc = count;
    if (count < min)
        return cli_usage(command, "too few arguments");
    if (count > max)
        return cli_usage(command, "too many arguments: \"%s\"", argv[max]);
    return -1;
}

bool
cli_number(const struct cli_command *command, const char *what, const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || errno || number < 0) {
        cli_usage(command, "%s: \"%s\" is not a whole number", what, text);
        return false;
    }
    *out = number;
    return true;
}

/* ---- calls ------------------------------------------------------------------------------------
 */

struct cbm_client *
cli_connect(void)
{
    struct cbm_error error;
    struct cbm_client *client = cbm_client_new(NULL, &error);
    if (!client)
        fprintf(stderr, "cbm: %s\n", error.message);
    return client;
}

int
cli_error(const struct cbm_reply *reply)
{
    const struct cbm_error *error = &reply->error;
    fprintf(stderr, "%s: %s\n", error->code, error->message);
    if (error->field[0])
        fprintf(stderr, "  field: %s\n", error->field);
    json_t *details = json_of_msgpack(reply->details, reply->details_len);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    if (text)
        fprintf(stderr, "  details: %s\n", text);
    free(text);
    json_decref(details);
    return strcmp(error->code, "unavailable") == 0 ? EX_UNAVAILABLE : CLI_REFUSED;
}

json_t *
cli_call(struct cbm_client *client, const char *service, const char *method, json_t *params,
         const struct cbm_options *options, int *code)
{
    struct buf buf = {0};
    struct cbm_reply reply = {0};
    json_t *result = NULL;
    if (params && !json_to_msgpack(params, &buf)) {
        fprintf(stderr, "invalid_argument: the parameters are nested too deep\n");
        *code = CLI_REFUSED;
    } else if (cbm_call(client, service, method, buf.data, buf.len, options, &reply)) {
        *code = cli_error(&reply);
    } else {
        result = json_of_msgpack(reply.result, reply.result_len);
        if (!result)
            fprintf(stderr, "internal: the answer of %s cannot be read\n", service);
        *code = result ? 0 : EX_PROTOCOL;
    }
    json_decref(params);
    buf_fini(&buf);
    cbm_reply_free(&reply);
    return result;
}

json_t *
cli_list(struct cbm_client *client, const char *service, const char *method, json_t *params,
         int *code)
{
    json_t *all = json_array();
    json_object_set_new(params, "limit", json_integer(1000));
    while (all) {
        json_t *page = cli_call(client, service, method, json_incref(params), NULL, code);
        if (!page || json_array_extend(all, json_object_get(page, "items"))) {
            if (page)
                fprintf(stderr, "internal: the answer of %s has no items\n", method);
            *code = page ? EX_PROTOCOL : *code;
            json_decref(all);
            all = NULL;
        }
        json_t *next = json_object_get(page, "next");
        bool more = all && json_is_string(next) && json_string_length(next) > 0;
        if (more)
            json_object_set(params, "cursor", next);
        json_decref(page);
        if (!more)
            break;
    }
    json_decref(params);
    return all;
}

/* ---- printing ---------------------------------------------------------------------------------
 */

int
cli_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    if (errno != EPIPE)
        fprintf(stderr, "cbm: cannot write: %s\n", strerror(errno));
    return EX_IOERR;
}

int
cli_print(const json_t *json, bool compact)
{
    json_dumpf(json, stdout,
               compact ? JSON_COMPACT | JSON_ENCODE_ANY : JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
    return cli_flush();
}

const char *
cli_text(const json_t *map, const char *key)
{
    const char *text = json_string_value(json_object_get(map, key));
    return text ? text : "";
}
