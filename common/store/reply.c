/* See reply.h. */
#include "common/store/reply.h"

#include <stdlib.h>
#include <string.h>

struct text
reply_text(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING)
        return TEXT_NONE;
    return (struct text){reply->str, (uint32_t)reply->len};
}

bool
reply_function_lost(const redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "Function not found");
}

/* What is behind the code of a refusal: "2 kept", "3 now". */
static struct text
refusal_of(struct text value)
{
    return value.len > 2 ? (struct text){value.ptr + 2, value.len - 2} : TEXT_LITERAL("");
}

#define SEQ_MAX (INT64_MAX / 2)

static bool
is_seq(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer <= SEQ_MAX;
}

/* Whether it is the seq before, then the numbers of some commits, in order, each with why it is
 * refused. */
static bool
refusals_sound(const redisReply *reply, unsigned count)
{
    int64_t next = 0;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3 || reply->elements % 2 == 0 ||
        !is_seq(reply->element[0]))
        return false;
    for (size_t i = 1; i < reply->elements; i += 2) {
        const redisReply *number = reply->element[i];
        struct text why = reply_text(reply->element[i + 1]);
        if (number->type != REDIS_REPLY_INTEGER || number->integer < next ||
            number->integer >= count || !why.len || why.ptr[0] < '1' || why.ptr[0] > '3')
            return false;
        next = number->integer + 1;
    }
    return true;
}

struct reply_commits
reply_commits(const redisReply *reply, unsigned count)
{
    struct reply_commits answers = {.reply = reply, .refused = 1};
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        return answers;
    if (is_seq(reply)) {
        answers.sound = true;
        answers.seq = reply->integer;
    } else if (refusals_sound(reply, count)) {
        answers.sound = true;
        answers.seq = reply->element[0]->integer;
    }
    return answers;
}

enum store_outcome
reply_commit(struct reply_commits *answers, unsigned index, unsigned records, int64_t *number,
             struct text *kept)
{
    const redisReply *reply = answers->reply;
    *number = 0;
    *kept = TEXT_NONE;
    if (!reply) {
        *kept = TEXT_LITERAL("the connection to Redis was lost");
        return STORE_UNKNOWN;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        *kept = (struct text){reply->str, (uint32_t)reply->len};
        return STORE_FAILED;
    }
    if (!answers->sound) {
        *kept = TEXT_LITERAL("the commit function answered something else");
        return STORE_UNKNOWN;
    }
    if (reply->type == REDIS_REPLY_INTEGER || answers->refused >= reply->elements ||
        reply->element[answers->refused]->integer != index) {
        *number = answers->seq += records;
        return STORE_COMMITTED;
    }
    struct text value = reply_text(reply->element[answers->refused + 1]);
    answers->refused += 2;
    if (value.ptr[0] == '1')
        return STORE_MOVED;
    if (value.ptr[0] == '2') {
        *kept = refusal_of(value);
        return STORE_KEPT;
    }
    *number = strtoll(refusal_of(value).ptr, NULL, 10);
    return STORE_CLOCK;
}

bool
reply_time(const redisReply *reply, int64_t *ms)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        !reply_text(reply->element[0]).ptr || !reply_text(reply->element[1]).ptr)
        return false;
    *ms = strtoll(reply->element[0]->str, NULL, 10) * 1000 +
          strtoll(reply->element[1]->str, NULL, 10) / 1000;
    return true;
}

#define FOUND_HEAD 2 /* last, first */

/* A decimal of at most 18 digits at the front, and the space behind it. */
static bool
take_number(struct text *from, int64_t *out)
{
    uint32_t at = 0;
    for (*out = 0; at < from->len && at < 18 && from->ptr[at] >= '0' && from->ptr[at] <= '9'; at++)
        *out = *out * 10 + (from->ptr[at] - '0');
    if (at == 0 || (at < from->len && from->ptr[at] != ' '))
        return false;
    uint32_t len = at < from->len ? at + 1 : at;
    *from = (struct text){from->ptr + len, from->len - len};
    return true;
}

/* The seqs of "seq steps" that are after `after`, at most `max`: into `out`, in order. The last one
 * comes first and the steps lead to it, so it is known where they begin only when they are summed
 * up. -1 if it is damaged. */
static int
take_block(struct text block, int64_t after, unsigned max, int64_t *out)
{
    int64_t seq, step;
    if (!take_number(&block, &seq))
        return -1;
    for (struct text steps = block; steps.len; seq -= step)
        if (!take_number(&steps, &step) || step < 1 || step >= seq)
            return -1;
    unsigned count = 0;
    for (bool more = true; more && count < max; seq += step) {
        if (seq > after)
            out[count++] = seq;
        more = take_number(&block, &step);
    }
    return (int)count;
}

bool
reply_log_found(const redisReply *reply, int64_t after, unsigned limit, struct reply_found *out)
{
    int64_t head[FOUND_HEAD];
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < FOUND_HEAD)
        return false;
    for (unsigned i = 0; i < FOUND_HEAD; i++) {
        struct text number = reply_text(reply->element[i]);
        if (!number.ptr || !take_number(&number, &head[i]) || number.len)
            return false;
    }
    *out = (struct reply_found){head[0], head[1], 0, malloc((limit + 1) * sizeof *out->seqs)};
    for (size_t i = FOUND_HEAD; out->seqs && i < reply->elements; i++) {
        struct text block = reply_text(reply->element[i]);
        int taken =
            block.ptr ? take_block(block, after, limit - out->count, out->seqs + out->count) : -1;
        if (taken < 0) {
            free(out->seqs);
            return false;
        }
        out->count += (unsigned)taken;
        after = taken ? out->seqs[out->count - 1] : after; /* in order, whatever Redis says */
    }
    return out->seqs != NULL;
}

struct log_record *
reply_log_stored(const redisReply *reply, const int64_t *seqs, unsigned count,
                 struct store_log_page *page)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != count)
        return NULL;
    struct log_record *records = calloc((size_t)count + 1, sizeof *records);
    page->records = records;
    page->count = 0;
    for (unsigned i = 0; records && i < count; i++) {
        struct text stored = reply_text(reply->element[i]);
        struct log_record *record = &records[page->count];
        if (!stored.ptr)
            continue;
        if (!log_record_parse(stored, seqs[i], record))
            *record = (struct log_record){.seq = seqs[i], .stored = stored};
        page->count++;
    }
    return records;
}

struct log_record *
reply_log_records(const redisReply *reply, int64_t after, const int64_t *seqs, unsigned count,
                  struct store_log_page *page)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != count)
        return NULL;
    struct log_record *records = malloc(((size_t)count + 1) * sizeof *records);
    page->records = records;
    page->count = 0;
    for (unsigned i = 0; records && i < count; i++) {
        const redisReply *stored = reply->element[i];
        if (stored->type == REDIS_REPLY_NIL)
            continue; /* older than what is kept */
        if (!log_record_parse(reply_text(stored), seqs ? seqs[i] : after + 1 + (int64_t)i,
                              &records[page->count++])) {
            free(records);
            return NULL;
        }
    }
    return records;
}
