/* What a decision's outcome is: a function of its recorded objections, its deadline and a clock
 * (domain.md, decisions); and the same from the log's records alone, for whoever doubts. Shared by
 * the registry and `cbm verify`. Pure: it must not know stores, sockets or clocks. */
#ifndef CBM_DECISION_DECISION_H
#define CBM_DECISION_DECISION_H

#include "common/base/status.h"
#include "common/msg/messages.h"

#define DECISION_DIGEST_MAX 65
#define DECISION_MEMBERS_MAX 256 /* of an electorate, as registry_decisions.def bounds it */

/* SHA-256 of the text, of the title if there is none, as hexadecimal digits and a terminator. */
void decision_digest(struct text text, struct text title, char out[DECISION_DIGEST_MAX]);

/* How many objections stand. */
unsigned decision_standing(const struct decision *decision);

/* Whether the deadline of an open silence has come. */
bool decision_due(const struct decision *decision, int64_t now_ms);

/* Gives a decision that is due its outcome, dated at its deadline; any other stays as it is. */
void decision_settle(struct decision *decision, int64_t now_ms);

/* The word of a record's type behind "decision.": of an outcome its status. */
const char *decision_word(enum decision_status status);

/* What follows from the records of one decision, read in the order of the log. */
struct decision_replay {
    bool begun, imported, ended; /* imported: it was decided elsewhere */
    enum decision_mode mode;
    enum decision_status status;         /* of the outcome record, DECISION_OPEN if there is none */
    struct text id, title, body, digest; /* borrowed from the data of the first record */
    int64_t seq;                         /* of the last record */
    int64_t notified_at, deadline, outcome_at;
    unsigned member_count, standing_count;
    int about; /* the member that the last record is about, -1 if none */
    struct text members[DECISION_MEMBERS_MAX];
    bool standing[DECISION_MEMBERS_MAX];
};

/* One record as it is on the log. */
struct decision_fact {
    struct text type;
    int64_t seq, prev; /* prev: of the whole topic */
    int64_t time_ms;   /* when it was committed, by the store's clock */
    const struct decision *data;
};

/* Takes the next record; `replay` is zeroed before the first. STATUS_OK, or
 * STATUS_FAILED_PRECONDITION with what does not fit: then the log is not that of a decision rightly
 * taken. */
enum status decision_replay(struct decision_replay *replay, const struct decision_fact *fact,
                            struct error *error);

/* What the records say of a moment by the store's clock, after the last of them: the outcome, or
 * DECISION_OPEN. `at` gets the time of the outcome, TIME_NONE if there is none. */
enum decision_status decision_replay_outcome(const struct decision_replay *replay, int64_t now_ms,
                                             int64_t *at);

#endif
