/* `cbm verify log`: the whole log, or a span of it, as it is now, against what was signed of it;
 * and a file with a proof of it. It must not know decisions. */
#include "cli/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
verify_proof(const json_t *proof, const char *keys)
{
    int code;
    struct log_proof_check check = {.keys = keys};
    if (log_proof_check(&check, proof, &code) || code == CLI_REFUSED)
        return log_proof_tell(&check);
    fprintf(stderr, "cbm verify: %s\n", check.fault);
    return code;
}

/* Whether the log ends before what was signed of it, and what of it is not signed yet. */
static int
tell_end(const json_t *proof, bool whole)
{
    long long last = json_integer_value(json_object_get(proof, "last")),
              signed_seq = json_integer_value(json_object_get(proof, "signed"));
    if (last < signed_seq) {
        printf("FALSE: the log ends with %lld, but was signed up to %lld\n", last, signed_seq);
        return CLI_REFUSED;
    }
    if (whole && last > signed_seq)
        printf("  not signed  records %lld to %lld, yet\n", signed_seq + 1, last);
    return 0;
}

int
verify_live(const struct cli_command *command, const struct verify_span *span)
{
    struct log_proof_check check = {.keys = span->keys};
    struct cbm_client *client = cli_connect();
    const struct cbm_options options = {.safe = true};
    json_int_t from = span->from;
    int code = client ? 0 : EX_CONFIG;
    (void)command;
    for (bool more = client != NULL; more;) {
        json_t *params = json_object();
        if (from)
            json_object_set_new(params, "from", json_integer(from));
        if (span->to)
            json_object_set_new(params, "to", json_integer(span->to));
        json_t *proof = cli_call(client, "notify", "log.proof", params, &options, &code);
        if (!proof)
            break;
        const json_t *next = json_object_get(proof, "next");
        bool holds = log_proof_check(&check, proof, &code);
        more = holds && json_is_integer(next) && json_integer_value(next) > from;
        from = json_integer_value(next);
        if (!more) {
            int end = tell_end(proof, !span->to);
            code = log_proof_tell(&check);
            code = code ? code : end;
        }
        json_decref(proof);
    }
    cbm_client_destroy(&client);
    return code;
}
