/* Replies of Redis in an arena, where hiredis would make an allocation or two of every value.
 * It must not know connections. */
#ifndef CBM_STORE_REDIS_READER_H
#define CBM_STORE_REDIS_READER_H

#include <hiredis/hiredis.h>

#include "common/base/buf.h"

/* From now on the reader makes its replies (struct redisReply, as ever) in the arena, which belongs
 * to it alone and must outlive it. When hiredis frees a reply the arena is empty again. */
void redis_reader_use(redisReader *reader, struct arena *arena);

#endif
