/* `cbm verify`: computes the outcome of a decision again, from the records of decision.proof alone:
 * what it says rests on the file and on common/decision. Other proofs: verify.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/verify.h"
#include "common/decision/fact.h"
#include "common/json/json.h"

/* Where reading has come to. */
struct source {
    FILE *file;
    size_t left;
};

static size_t
read_some(void *buffer, size_t size, void *arg)
{
    struct source *source = arg;
    size_t len = fread(buffer, 1, size < source->left ? size : source->left, source->file);
    source->left -= len;
    return len;
}

/* The proof of a file ("-" for the standard input). NULL after a line on stderr, and `*code` set.
 */
static json_t *
load(const char *name, int *code)
{
    bool standard = strcmp(name, "-") == 0;
    struct source source = {standard ? stdin : fopen(name, "r"), JSON_BYTES_MAX};
    json_error_t error = {0};
    *code = EX_NOINPUT;
    if (!source.file) {
        perror(name);
        return NULL;
    }
    json_t *proof = json_load_callback(read_some, &source, JSON_REJECT_DUPLICATES, &error);
    bool failed = ferror(source.file) != 0;
    if (!standard)
        fclose(source.file);
    if (failed) {
        fprintf(stderr, "cbm verify: %s: cannot read\n", name);
    } else if (!json_is_array(json_object_get(proof, "records")) && !log_proof_is(proof) &&
               !verify_notice_is(proof)) {
        fprintf(stderr, "cbm verify: %s is no proof: %s\n", name,
                proof ? "want what decision.proof, log.proof or notice.proof answers" : error.text);
        *code = EX_DATAERR;
    } else {
        return proof;
    }
    json_decref(proof);
    return NULL;
}

/* What a proof comes to. */
struct verdict {
    struct decision_replay replay;
    struct decision data; /* of the last record */
    struct buf *records;  /* encoded, owned: the replay borrows from the first */
    size_t count;
    unsigned objected, lifted;
    struct error error;
};

static enum status
replay_records(struct verdict *verdict, const json_t *records)
{
    size_t count = json_array_size(records);
    verdict->records = calloc(count + 1, sizeof *verdict->records);
    if (!verdict->records)
        return error_set(&verdict->error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    for (verdict->count = 0; verdict->count < count;) {
        struct decision_fact fact;
        struct buf *buf = &verdict->records[verdict->count];
        if (!json_to_msgpack(json_array_get(records, verdict->count++), buf))
            return error_set(&verdict->error, STATUS_INVALID_ARGUMENT, NULL,
                             "a record is nested deeper than one can be");
        struct text item = {(const char *)buf->data, (uint32_t)buf->len};
        enum status status = decision_fact_read(item, &verdict->data, &fact, &verdict->error);
        if (status == STATUS_OK)
            status = decision_replay(&verdict->replay, &fact, &verdict->error);
        if (status != STATUS_OK)
            return status;
        verdict->objected += text_is(fact.type, "decision.objected");
        verdict->lifted += text_is(fact.type, "decision.lifted");
    }
    return count ? STATUS_OK
                 : error_set(&verdict->error, STATUS_FAILED_PRECONDITION, NULL, "has no records");
}

/* Whether what the proof claims beside its records is what they say. NULL, or what is not. */
static const char *
find_false_claim(const struct verdict *verdict, const json_t *proof, enum decision_status status,
                 int64_t at)
{
    const struct decision_replay *replay = &verdict->replay;
    const json_t *outcome = json_object_get(proof, "outcome"),
                 *electorate = json_object_get(proof, "electorate");
    char time[TIME_TEXT_MAX] = "";
    if (!text_is(replay->id, cli_text(proof, "id")))
        return "the id";
    if (!text_is(replay->digest, cli_text(proof, "digest")))
        return "the digest";
    time_print(replay->notified_at, time);
    if (strcmp(time, cli_text(proof, "notified_at")) != 0)
        return "the time of the notice";
    if (json_array_size(electorate) != replay->member_count)
        return "who was notified";
    for (unsigned i = 0; i < replay->member_count; i++) {
        const char *code = json_string_value(json_array_get(electorate, i));
        if (!code || !text_is(replay->members[i], code))
            return "who was notified";
    }
    if (strcmp(cli_text(outcome, "status"), decision_word(status)) != 0)
        return "the outcome";
    if (at != TIME_NONE)
        time_print(at, time);
    return at == TIME_NONE || strcmp(time, cli_text(outcome, "at")) == 0
               ? NULL
               : "the time of the outcome";
}

static void
tell(const struct verdict *verdict, enum decision_status status, int64_t at)
{
    const struct decision_replay *replay = &verdict->replay;
    char time[TIME_TEXT_MAX];
    printf("%.*s: %.*s (%.*s%s)\n", TEXT_ARG(replay->id), TEXT_ARG(replay->title),
           TEXT_ARG(replay->body),
           replay->mode == DECISION_SILENCE     ? ", by silence"
           : replay->mode == DECISION_CONSENSUS ? ", by consensus"
                                                : "");
    printf("  text        SHA-256 %.*s, computed again\n", TEXT_ARG(replay->digest));
    time_print(replay->notified_at, time);
    if (replay->imported)
        printf("  recorded    at %s, of what was decided elsewhere\n", time);
    else
        printf("  notified    %u members at %s\n", replay->member_count, time);
    if (!replay->imported)
        printf("  objections  %u made, %u lifted, %u stand\n", verdict->objected, verdict->lifted,
               replay->standing_count);
    time_print(at == TIME_NONE ? replay->deadline : at, time);
    if (at != TIME_NONE)
        printf("  outcome     %s at %s%s\n", decision_word(status), time,
               replay->ended ? "" : "; its record is not written yet");
    else
        printf("  outcome     none yet%s%s\n",
               replay->mode == DECISION_SILENCE ? "; the deadline is " : "",
               replay->mode == DECISION_SILENCE ? time : "");
}

/* The exit code of a proof that could be read. */
static int
judge(struct verdict *verdict, const json_t *proof)
{
    int64_t as_of, at;
    const json_t *next = json_object_get(proof, "next");
    enum status status = replay_records(verdict, json_object_get(proof, "records"));
    if (status == STATUS_OK && !time_parse(text_of(cli_text(proof, "as_of")), &as_of))
        status = error_set(&verdict->error, STATUS_INVALID_ARGUMENT, NULL, "as_of is no time");
    if (status == STATUS_OK && next && !json_is_null(next))
        status = error_set(&verdict->error, STATUS_FAILED_PRECONDITION, NULL,
                           "there are more records: append those of decision.proof with `after`, "
                           "until its `next` is null");
    if (status != STATUS_OK) {
        fprintf(stderr, "cbm verify: %s\n", verdict->error.message);
        return status == STATUS_INVALID_ARGUMENT ? EX_DATAERR : CLI_REFUSED;
    }
    enum decision_status outcome = decision_replay_outcome(&verdict->replay, as_of, &at);
    tell(verdict, outcome, at);
    const char *claim = find_false_claim(verdict, proof, outcome, at);
    if (claim)
        printf("FALSE: the proof says otherwise of %s\n", claim);
    else
        printf("holds: the outcome follows from the records\n");
    int written = cli_flush();
    return claim ? CLI_REFUSED : written;
}

static int
verify_decision(const json_t *proof)
{
    struct verdict *verdict = calloc(1, sizeof *verdict);
    int code = verdict ? judge(verdict, proof) : EX_OSERR;
    for (size_t i = 0; verdict && i < verdict->count; i++)
        buf_fini(&verdict->records[i]);
    if (verdict)
        free(verdict->records);
    free(verdict);
    return code;
}

static int
verify_file(const char *name, const char *keys)
{
    int code;
    json_t *proof = load(name, &code);
    if (proof)
        code = log_proof_is(proof)       ? verify_proof(proof, keys)
               : verify_notice_is(proof) ? verify_notice(proof, keys)
                                         : verify_decision(proof);
    json_decref(proof);
    return code;
}

#define KEYS_MAX 65536

/* What a file of public keys says. False after a line on stderr. */
static bool
read_keys(const char *name, char keys[KEYS_MAX])
{
    FILE *file = fopen(name, "r");
    size_t len = file ? fread(keys, 1, KEYS_MAX - 1, file) : 0;
    if (!file || ferror(file))
        perror(name);
    keys[len] = '\0';
    if (file)
        fclose(file);
    return len > 0;
}

int
verify_run(const struct cli_command *command, int argc, char **argv)
{
    static char keys[KEYS_MAX];
    const char *from = NULL, *to = NULL, *key = NULL;
    struct verify_span span = {0};
    const struct cli_option options[] = {
        {"key", "FILE", "the public keys that may have signed, in hex (keys/checkpoint.pub)", &key,
         NULL, 0},
        {"from", "SEQ", "of the log: the first record (the oldest kept)", &from, NULL, 0},
        {"to", "SEQ", "of the log: the last one (the last one signed)", &to, NULL, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 1, 1);
    if (code >= 0)
        return code;
    if ((from && !cli_number(command, "--from", from, &span.from)) ||
        (to && !cli_number(command, "--to", to, &span.to)))
        return EX_USAGE;
    if (key && !read_keys(key, keys))
        return EX_NOINPUT;
    span.keys = key ? keys : NULL;
    if (strcmp(argv[0], "log") == 0)
        return verify_live(command, &span);
    if (from || to)
        return cli_usage(command, "--from and --to are for cbm verify log");
    return verify_file(argv[0], span.keys);
}
