/* The roles as words (schema.h). It must not know who has them. */
#include "common/msg/schema.h"

const char *const permission_words[PERMISSION_ROLES] = {"secretariat", "chair",      "member",
                                                        "observer",    "subscriber", "service"};

unsigned
permission_of_word(struct text word)
{
    for (unsigned role = 0; role < PERMISSION_ROLES; role++)
        if (text_is(word, permission_words[role]))
            return 1U << role;
    return 0;
}
