/* `cbm import`: files of declarative records, many under way at once, each line reported.
 * What a record needs is in import_job.c. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/import_job.h"
#include "common/json/json.h"
#include "common/msg/schema_mp.h"

#define AT_ONCE 64
#define LINE_BYTES_MAX ((size_t)1024 * 1024)
#define DEADLINE_MS 15000
#define PROGRESS_EVERY 500

struct slot {
    struct import_job job;
    uint32_t request; /* 0: free */
    const char *file;
    unsigned line;
};

struct importer {
    const struct cli_command *command;
    struct cbm_client *client; /* NULL in a dry run */
    struct slot slots[AT_ONCE];
    unsigned active;
    int64_t before; /* the last seq when it began */
    int64_t seq;    /* the newest seq answered: what follows must see it */
    unsigned records, changed, same, refused;
    bool tty;
    int stop; /* exit code that ended it early */
};

static void
progress(const struct importer *importer, bool end)
{
    unsigned done = importer->changed + importer->same + importer->refused;
    if (importer->tty)
        fprintf(stderr, "\r%u records, %u refused%s", done, importer->refused, end ? "\n" : "");
    else if (!end && done % PROGRESS_EVERY == 0)
        fprintf(stderr, "%u records, %u refused\n", done, importer->refused);
}

static void
tell_refused(struct importer *importer, const char *file, unsigned line,
             const struct import_job *job)
{
    importer->refused++;
    fprintf(stderr, "%s%s:%u: %s%s%s%s\n", importer->tty ? "\r\033[K" : "", file, line, job->kind,
            job->name[0] ? " " : "", job->name, "");
    fprintf(stderr, "    %s\n", job->why);
}

static void
end_job(struct importer *importer, struct slot *slot, enum import_next how)
{
    if (how == IMPORT_REFUSED)
        tell_refused(importer, slot->file, slot->line, &slot->job);
    else if (slot->job.changed)
        importer->changed++;
    else
        importer->same++;
    import_job_close(&slot->job);
    slot->request = 0;
    importer->active--;
    progress(importer, false);
}

/* In a dry run: would the server be able to read the request? */
static void
check_params(struct import_job *job, const json_t *params)
{
    struct buf buf = {0};
    struct error error = {0};
    const struct interface *interface = interface_of(text_of(job->service));
    const struct method *method = interface_method(interface, text_of(job->method));
    if (!method)
        return;
    void *message = malloc(method->params->size);
    if (message && json_to_msgpack(params, &buf) &&
        schema_decode_bytes(method->params, buf.data, buf.len, message, SCHEMA_STRICT, &error) !=
            STATUS_OK)
        snprintf(job->why, sizeof job->why, "%s: %s (%s)", job->method, error.message, error.field);
    free(message);
    buf_fini(&buf);
}

static bool
send_request(struct importer *importer, struct slot *slot, const json_t *params)
{
    struct buf buf = {0};
    struct cbm_error error = {.code = "invalid_argument", .message = "nested too deep"};
    struct cbm_options options = {.deadline_ms = DEADLINE_MS, .min_seq = importer->seq};
    struct import_job *job = &slot->job;
    if (json_to_msgpack(params, &buf))
        slot->request = cbm_send(importer->client, job->service, job->method, buf.data, buf.len,
                                 &options, &error);
    else
        slot->request = 0;
    buf_fini(&buf);
    if (!slot->request)
        snprintf(job->why, sizeof job->why, "%s: %s", error.code, error.message);
    return slot->request != 0;
}

/* Goes on with a job until it waits for an answer or is over. */
static void
advance(struct importer *importer, struct slot *slot)
{
    while (true) {
        json_t *params = NULL;
        enum import_next next = import_job_next(&slot->job, &params);
        if (next != IMPORT_ASK) {
            end_job(importer, slot, next);
            return;
        }
        bool sent = false;
        if (importer->client) {
            sent = send_request(importer, slot, params);
        } else {
            check_params(&slot->job, params);
            if (!slot->job.why[0])
                import_job_pretend(&slot->job);
        }
        json_decref(params);
        if (sent)
            return;
    }
}

static void
on_reply(void *arg, const struct cbm_reply *reply)
{
    struct importer *importer = arg;
    struct slot *slot = NULL;
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (importer->slots[i].request == reply->id)
            slot = &importer->slots[i];
    if (!slot)
        return;
    struct cbm_error error = reply->error;
    json_t *result = error.code[0] ? NULL : json_of_msgpack(reply->result, reply->result_len);
    if (!result && !error.code[0])
        error = (struct cbm_error){.code = "internal", .message = "the answer cannot be read"};
    if (strcmp(error.code, "unavailable") == 0)
        importer->stop = EX_UNAVAILABLE; /* the next would wait as long, for nothing */
    int64_t seq = json_integer_value(json_object_get(result, "seq"));
    if (seq > importer->seq)
        importer->seq = seq;
    import_job_answer(&slot->job, result, &error);
    json_decref(result);
    advance(importer, slot);
}

/* Waits until at most `left` jobs are under way. */
static void
settle(struct importer *importer, unsigned left)
{
    while (importer->active > left)
        cbm_poll(importer->client, -1, on_reply, importer);
}

/* Whether the job may run beside those under way: of one kind, about different things. */
static bool
fits(const struct importer *importer, const struct import_job *job)
{
    for (unsigned i = 0; i < AT_ONCE; i++) {
        const struct import_job *other = &importer->slots[i].job;
        if (!importer->slots[i].request)
            continue;
        if (job->one_by_one || strcmp(other->kind, job->kind) != 0 ||
            strcmp(other->name, job->name) == 0)
            return false;
    }
    return true;
}

static void
start(struct importer *importer, const char *file, unsigned line, json_t *record)
{
    struct import_job job;
    importer->records++;
    if (!import_job_open(&job, record)) {
        tell_refused(importer, file, line, &job);
        import_job_close(&job);
        return;
    }
    while (importer->active == AT_ONCE || !fits(importer, &job))
        settle(importer, importer->active - 1);
    struct slot *slot = importer->slots;
    while (slot->request)
        slot++;
    job.before = importer->before;
    *slot = (struct slot){.job = job, .file = file, .line = line};
    importer->active++;
    advance(importer, slot);
}

static void
take_line(struct importer *importer, const char *file, unsigned number, const char *text,
          size_t len)
{
    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
        len--;
    size_t blank = strspn(text, " \t");
    if (blank >= len || text[blank] == '#')
        return;
    struct import_job job = {.kind = "line"};
    json_t *record = NULL;
    char why[200] = "longer than a line may be";
    if (len <= LINE_BYTES_MAX)
        record = json_object_of_text(text, len, why);
    if (record) {
        start(importer, file, number, record);
        return;
    }
    importer->records++;
    snprintf(job.why, sizeof job.why, "%s", why);
    tell_refused(importer, file, number, &job);
}

static int
import_file(struct importer *importer, const char *name)
{
    FILE *file = fopen(name, "r");
    if (!file) {
        fprintf(stderr, "cbm import: %s: %s\n", name, strerror(errno));
        return EX_NOINPUT;
    }
    char *text = NULL;
    size_t size = 0;
    ssize_t len;
    for (unsigned number = 1; !importer->stop && (len = getline(&text, &size, file)) >= 0; number++)
        take_line(importer, name, number, text, (size_t)len);
    int code = ferror(file) ? EX_IOERR : 0;
    if (code)
        fprintf(stderr, "cbm import: %s: cannot read: %s\n", name, strerror(errno));
    free(text);
    fclose(file);
    settle(importer, 0); /* the names of files and their order count */
    return code;
}

static int
is_lines(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 6 && strcmp(entry->d_name + len - 6, ".jsonl") == 0;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int
import_directory(struct importer *importer, const char *name)
{
    struct dirent **entries;
    int count = scandir(name, &entries, is_lines, by_name), code = 0;
    if (count < 0) {
        fprintf(stderr, "cbm import: %s: %s\n", name, strerror(errno));
        return EX_NOINPUT;
    }
    if (count == 0) {
        fprintf(stderr, "cbm import: %s has no *.jsonl\n", name);
        code = EX_NOINPUT;
    }
    for (int i = 0; i < count; i++) {
        size_t size = strlen(name) + strlen(entries[i]->d_name) + 2;
        char *path = malloc(size);
        if (path)
            snprintf(path, size, "%s/%s", name, entries[i]->d_name);
        if (!code && !importer->stop)
            code = path ? import_file(importer, path) : EX_OSERR;
        free(path);
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int
finish(struct importer *importer, int code)
{
    progress(importer, true);
    printf("%u records: %u %s, %u as they were, %u refused\n", importer->records, importer->changed,
           importer->client ? "changed something" : "could be sent", importer->same,
           importer->refused);
    if (importer->stop)
        fprintf(stderr, "cbm import: stopped, for a service is not there; run it again later: what "
                        "was done stays\n");
    int written = cli_flush();
    if (code)
        return code;
    if (importer->stop)
        return importer->stop;
    return importer->refused ? CLI_REFUSED : written;
}

/* Where the log ends now. 0, or the exit code after a line on stderr. */
static int
look_at_log(struct importer *importer)
{
    int code = 0;
    json_t *last = cli_call(importer->client, "notify", "log.last",
                            json_pack("{s:s}", "prefix", ""), NULL, &code);
    importer->before = importer->seq = json_integer_value(json_object_get(last, "seq"));
    json_decref(last);
    return code;
}

int
import_run(const struct cli_command *command, int argc, char **argv)
{
    bool dry_run = false;
    const struct cli_option options[] = {
        {"dry-run", NULL, "check the records here and send nothing", NULL, &dry_run},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 1, 10000);
    if (code >= 0)
        return code;
    struct importer *importer = calloc(1, sizeof *importer);
    if (!importer)
        return EX_OSERR;
    importer->command = command;
    importer->tty = isatty(STDERR_FILENO);
    if (!dry_run && !(importer->client = cli_connect())) {
        free(importer);
        return EX_CONFIG;
    }
    code = importer->client ? look_at_log(importer) : 0;
    for (int i = 0; i < argc && !code && !importer->stop; i++) {
        struct stat status;
        bool directory = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);
        code = directory ? import_directory(importer, argv[i]) : import_file(importer, argv[i]);
    }
    code = finish(importer, code);
    cbm_client_destroy(&importer->client);
    free(importer);
    return code;
}
