/* A digest as digest.get answers it: as a structure, or a text. It must not know how it is made. */
#ifndef CBM_NOTIFY_DIGEST_ANSWER_H
#define CBM_NOTIFY_DIGEST_ANSWER_H

#include "common/service/op.h"
#include "services/notify/notify_domain_digest.h"

/* Writes the answer; `seq` is that of the log before it was walked. */
void notify_digest_answer_structure(struct op *op, const struct notify_digest *digest, int64_t seq);

/* The same as a text; `form` is Markdown or HTML. STATUS_OK, or op_no_memory. */
enum status notify_digest_answer_text(struct op *op, const struct notify_digest *digest, int form,
                                      int64_t seq);

#endif
