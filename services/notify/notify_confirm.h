/* That an address is its receiver's: what is kept of the code that was mailed to it. For the
 * handlers that begin and confirm, and for the engine that mails. It must not know how mails
 * travel.
 *
 *   wanted --take--> a code is in force --mailed--> mailed --the right code--> confirmed
 *      ^                     |  the mail failed, or the replica died
 *      +---------------------+
 *
 * Documents: kind "confirm" (the subscription): only the digest of the code in force, and how often
 * another was given; "confirm-quota" (the owner). */
#ifndef CBM_NOTIFY_CONFIRM_H
#define CBM_NOTIFY_CONFIRM_H

#include "common/msg/messages.h"
#include "common/service/op.h"

#define NOTIFY_CONFIRM_MS (72 * 3600 * INT64_C(1000)) /* from `pending_since` on */
#define NOTIFY_CONFIRM_TRIES 5                        /* wrong codes, then it is void */
#define NOTIFY_CONFIRM_MAILS 5                        /* asked for in 24 hours */
#define NOTIFY_CONFIRM_MAILS_OWNER 20                 /* … by one owner but the Secretariat */
#define NOTIFY_CODE_MAX 16

/* A new code of 59 bits, for people: "k7q2-m9xw-3hbt". */
void notify_confirm_code(char out[NOTIFY_CODE_MAX]);

/* A subscription begins: whether its address is confirmed already (never if it is `another`), else
 * a mail is wanted. STATUS_RESOURCE_EXHAUSTED, with the error filled, if too many were. */
enum status notify_confirm_begin(struct op *op, const struct subscription *subscription,
                                 bool another, int64_t now_ms, bool *confirmed);

/* Tries a code, in whatever case and with dashes or without. STATUS_OK with `*left`: how many more
 * may be wrong, -1 if it was right; or an error, filled, if there is no code in force. */
enum status notify_confirm_try(struct op *op, const struct subscription *subscription,
                               struct text code, int64_t now_ms, int *left);

/* Forgets all of a subscription that is deleted. */
enum status notify_confirm_forget(struct op *op, struct text subscription);

/* ---- operations of the service's own ---- */

struct notify_confirm_mail {
    char subscription[TEXT_ID_MAX + 1];
    char code[NOTIFY_CODE_MAX];
};
op_handler_fn notify_confirm_take;   /* the code is in force. Result: whether a mail is wanted */
op_handler_fn notify_confirm_mailed; /* the relay has it; nothing if another is in force */

#endif
