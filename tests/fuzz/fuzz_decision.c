// LINK: common/decision/fact.c common/decision/decision.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/msg/schema_mp.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc -lsodium
/* Records of a proof from outside, a row of them: read or refused, and what is replayed keeps its
 * promises. It must not know files. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "common/decision/fact.h"
#include "common/msg/mp.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct decision decision;
    struct decision_replay replay = {0};
    struct decision_fact fact;
    struct error error;
    while (len) {
        size_t item_len = mp_object_len(data, len);
        if (!item_len)
            item_len = len;
        struct text item = {(const char *)data, (uint32_t)item_len};
        enum status status = decision_fact_read(item, &decision, &fact, &error);
        if (status == STATUS_OK)
            status = decision_replay(&replay, &fact, &error);
        PROMISE(status == STATUS_OK || status == STATUS_INVALID_ARGUMENT ||
                status == STATUS_FAILED_PRECONDITION);
        if (status != STATUS_OK)
            return 0;
        unsigned standing = 0;
        for (unsigned i = 0; i < replay.member_count; i++)
            standing += replay.standing[i];
        int64_t at;
        enum decision_status outcome = decision_replay_outcome(&replay, INT64_MAX, &at);
        PROMISE(standing == replay.standing_count);
        PROMISE(replay.about < (int)replay.member_count);
        PROMISE(outcome >= DECISION_OPEN && outcome <= DECISION_WITHDRAWN);
        PROMISE(outcome == DECISION_OPEN || replay.imported || at != TIME_NONE);
        data += item_len;
        len -= item_len;
    }
    return 0;
}
