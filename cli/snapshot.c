/* `cbm snapshot`: the whole registry into a file and out of it (snapshot.h). */
#include "cli/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "common/json/json.h"

#define TRIES 50           /* exports of a registry that goes on changing */
#define PAUSE_US 100000    /* between them */
#define PAGE 500           /* documents asked for at once */
#define CHUNK_BYTES 400000 /* of JSON sent at once: as MessagePack it is less */
#define DEADLINE_MS 15000

/* ---- export ---- */

/* One page into `all`. Returns whether it was answered; `error` says why not. */
static bool
read_page(struct cbm_client *client, json_t *all, json_t **next, struct cbm_error *error)
{
    struct buf buf = {0};
    struct cbm_reply reply = {0};
    const struct cbm_options options = {.deadline_ms = DEADLINE_MS};
    json_t *params = json_pack("{s:i, s:O*}", "limit", PAGE, "cursor", *next);
    bool done = json_to_msgpack(params, &buf) && cbm_call(client, "registry", "snapshot.export",
                                                          buf.data, buf.len, &options, &reply) == 0;
    json_t *page = done ? json_of_msgpack(reply.result, reply.result_len) : NULL;
    *error = reply.error;
    if (done && json_array_extend(all, json_object_get(page, "items")) != 0) {
        *error = (struct cbm_error){"internal", "the answer has no items", ""};
        done = false;
    }
    json_decref(*next);
    *next = done && json_is_string(json_object_get(page, "next"))
                ? json_incref(json_object_get(page, "next"))
                : NULL;
    json_decref(page);
    json_decref(params);
    buf_fini(&buf);
    cbm_reply_free(&reply);
    return done;
}

/* All items, of one state: if the registry changes on the way it begins again. NULL with a line on
 * stderr. */
static json_t *
read_registry(struct cbm_client *client, int *code)
{
    struct cbm_error error = {.code = "aborted"};
    for (unsigned i = 0; i < TRIES && strcmp(error.code, "aborted") == 0; i++) {
        json_t *all = json_array(), *next = NULL;
        bool done = true;
        if (i)
            usleep(PAUSE_US);
        do
            done = read_page(client, all, &next, &error);
        while (done && next);
        if (done)
            return all;
        json_decref(all);
    }
    fprintf(stderr, "%s: %s\n", error.code, error.message);
    *code = strcmp(error.code, "unavailable") == 0 ? EX_UNAVAILABLE : CLI_REFUSED;
    return NULL;
}

static bool
append_line(struct buf *out, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (text)
        buf_append(out, text, strlen(text));
    buf_append(out, "\n", 1);
    free(text);
    return text != NULL;
}

static int
export_to(const struct cli_command *command, struct cbm_client *client, const char *path)
{
    int code = 0;
    size_t i;
    json_t *item, *all = read_registry(client, &code);
    if (!all)
        return code;
    struct buf out = {0};
    json_t *head = json_pack("{s:i, s:i}", "snapshot", 1, "documents", (int)json_array_size(all));
    bool made = append_line(&out, head);
    json_array_foreach(all, i, item) made = append_line(&out, item) && made;
    if (!made || out.failed) {
        fprintf(stderr, "cbm snapshot: out of memory\n");
        code = EX_OSERR;
    } else if (strcmp(path, "-") == 0) {
        fwrite(out.data, 1, out.len, stdout);
        code = cli_flush();
    } else {
        code = cli_write_file(command, path, (const char *)out.data, out.len);
    }
    if (!code && strcmp(path, "-") != 0)
        printf("%zu documents\n", json_array_size(all));
    json_decref(head);
    json_decref(all);
    buf_fini(&out);
    return code ? code : cli_flush();
}

/* ---- files ---- */

/* One line of a file into `all`; the first says how many follow. Returns NULL, or what is wrong. */
static const char *
take_line(json_t *all, json_t *line, unsigned number, json_int_t *expected)
{
    if (number == 1) {
        *expected = json_integer_value(json_object_get(line, "documents"));
        return json_integer_value(json_object_get(line, "snapshot")) == 1
                   ? NULL
                   : "want {\"snapshot\": 1, \"documents\": n}: this is no snapshot of ours";
    }
    if (!*cli_text(line, "kind") || !*cli_text(line, "id") ||
        !json_is_object(json_object_get(line, "document")) || json_object_size(line) != 3)
        return "want {\"kind\", \"id\", \"document\"}";
    return json_array_append(all, line) ? "out of memory" : NULL;
}

json_t *
snapshot_read(const struct cli_command *command, const char *path, int *code)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    json_t *all = json_array();
    json_int_t expected = -1;
    char *text = NULL, why[200] = "";
    size_t size = 0;
    unsigned number = 0;
    ssize_t len = 0;
    while (file && !why[0] && (len = getline(&text, &size, file)) >= 0) {
        json_t *line = json_object_of_text(text, (size_t)len, why);
        const char *wrong = line ? take_line(all, line, ++number, &expected) : NULL;
        if (wrong)
            snprintf(why, sizeof why, "%s", wrong);
        json_decref(line);
    }
    *code = EX_DATAERR;
    if (!file || ferror(file)) {
        snprintf(why, sizeof why, "%s", strerror(errno));
        *code = EX_NOINPUT;
    } else if (!why[0] && expected != (json_int_t)json_array_size(all)) {
        snprintf(why, sizeof why, "it is not whole: %zu documents of %lld", json_array_size(all),
                 (long long)expected);
    }
    if (file && file != stdin)
        fclose(file);
    free(text);
    if (!why[0]) {
        *code = 0;
        return all;
    }
    fprintf(stderr, "cbm %s: %s:%u: %s\n", command->name, path, number, why);
    json_decref(all);
    return NULL;
}

/* ---- import ---- */

static size_t
bytes_of(const json_t *item)
{
    char *text = json_dumps(item, JSON_COMPACT);
    size_t len = text ? strlen(text) : 0;
    free(text);
    return len;
}

static int
import_from(const struct cli_command *command, struct cbm_client *client, const char *path)
{
    int code;
    const struct cbm_options options = {.deadline_ms = DEADLINE_MS};
    json_int_t restored = 0, same = 0;
    json_t *all = snapshot_read(command, path, &code), *after = NULL;
    size_t at = 0, count = json_array_size(all);
    for (bool last = false; all && !code && !last;) {
        json_t *items = json_array(), *item = NULL;
        size_t bytes = 0;
        while (at < count && json_array_size(items) < PAGE) {
            bytes += bytes_of(json_array_get(all, at));
            if (item && bytes > CHUNK_BYTES)
                break; /* one that is larger than a chunk goes alone */
            item = json_array_get(all, at++);
            json_array_append(items, item);
        }
        last = at == count;
        json_t *params =
            json_pack("{s:o, s:O*, s:b}", "items", items, "after", after, "last", last);
        json_t *result = cli_call(client, "registry", "snapshot.import", params, &options, &code);
        restored += json_integer_value(json_object_get(result, "restored"));
        same += json_integer_value(json_object_get(result, "same"));
        json_decref(result);
        json_decref(after);
        after = item ? json_sprintf("%s:%s", cli_text(item, "kind"), cli_text(item, "id")) : NULL;
    }
    if (all)
        printf("%lld documents restored, %lld as they were\n", (long long)restored,
               (long long)same);
    json_decref(after);
    json_decref(all);
    return code ? code : cli_flush();
}

/* ---- the command ---- */

static int
diff(const struct cli_command *command, const char *first, const char *second)
{
    int code;
    unsigned differences = 0;
    json_t *before = snapshot_read(command, first, &code), *after = NULL;
    if (before)
        after = snapshot_read(command, second, &code);
    if (after)
        differences = snapshot_diff(before, after);
    json_decref(before);
    json_decref(after);
    int written = cli_flush();
    return code ? code : written ? written : differences ? CLI_REFUSED : 0;
}

int
snapshot_run(const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_OPTIONS_END};
    int code = cli_arguments(command, options, &argc, argv, 2, 3);
    if (code >= 0)
        return code;
    bool exports = strcmp(argv[0], "export") == 0, compares = strcmp(argv[0], "diff") == 0;
    if ((!exports && !compares && strcmp(argv[0], "import") != 0) || argc != (compares ? 3 : 2))
        return cli_usage(command, "want export FILE, import FILE or diff FILE FILE");
    if (compares)
        return diff(command, argv[1], argv[2]);
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    code = exports ? export_to(command, client, argv[1]) : import_from(command, client, argv[1]);
    cbm_client_destroy(&client);
    return code;
}
