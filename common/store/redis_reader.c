/* See redis_reader.h: hiredis' own hooks for making replies. A hook that returns NULL is out of
 * memory: hiredis then ends the connection. */
#include "common/store/redis_reader.h"

#include <string.h>

#define BUFFER_KEPT                                                                                \
    (1024 * 1024) /* bytes of input that are not given back between large replies                  \
                   */

/* A reply of its own, with the arena in front: all that hiredis gives back when it frees one. */
struct whole {
    struct arena *arena;
    redisReply reply;
};

static redisReply *
make(const redisReadTask *task, int type)
{
    struct arena *arena = task->privdata;
    redisReply *reply;
    if (task->parent) {
        const redisReply *list = task->parent->obj;
        reply = arena_alloc(arena, sizeof *reply);
        list->element[task->idx] = reply;
    } else {
        struct whole *whole = arena_alloc(arena, sizeof *whole);
        if (!whole)
            return NULL;
        whole->arena = arena;
        reply = &whole->reply;
    }
    if (reply)
        *reply = (redisReply){.type = type};
    return reply;
}

static void *
make_string(const redisReadTask *task, char *bytes, size_t len)
{
    redisReply *reply = make(task, task->type);
    char *copy = reply ? arena_alloc(task->privdata, len + 1) : NULL;
    if (!copy)
        return NULL;
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    reply->str = copy;
    reply->len = len;
    return reply;
}

#if HIREDIS_MAJOR < 1
typedef int count;
#else
typedef size_t count;
#endif

static void *
make_array(const redisReadTask *task, count elements)
{
    redisReply *reply = make(task, task->type);
    if (!reply || !elements)
        return reply;
    size_t size = (size_t)elements * sizeof *reply->element;
    reply->element = arena_alloc(task->privdata, size);
    if (!reply->element)
        return NULL;
    memset(reply->element, 0, size);
    reply->elements = (size_t)elements;
    return reply;
}

static void *
make_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = make(task, task->type);
    if (reply)
        reply->integer = value;
    return reply;
}

static void *
make_nil(const redisReadTask *task)
{
    return make(task, REDIS_REPLY_NIL);
}

static void
free_whole(void *reply)
{
    const struct whole *whole = (void *)((char *)reply - offsetof(struct whole, reply));
    arena_reset(whole->arena);
}

void
redis_reader_use(redisReader *reader, struct arena *arena)
{
    static redisReplyObjectFunctions functions = {
        .createString = make_string,
        .createArray = make_array,
        .createInteger = make_integer,
        .createNil = make_nil,
        .freeObject = free_whole,
    };
    reader->maxbuf = BUFFER_KEPT;
    reader->fn = &functions;
    reader->privdata = arena;
}
