/* See chores.h. There are few, so they are a list. It must not know what they are. */
#include "common/service/chores.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"

#define RETRY_MS 1000

struct chore {
    struct chore *next;
    struct chores *chores;
    bool busy, again, gone; /* again: its data changed while it was under way */
    int64_t try_at;
    size_t size;
    struct head *params; /* owned */
};

/* What the handler gets; the key, a NUL and the data follow. */
struct head {
    uint32_t key_len, data_len;
};

struct chores {
    struct loop *loop;
    op_handler_fn *handler;
    struct service *service; /* NULL until started */
    struct chore *first;     /* owned */
};

void
chores_read(const void *params, struct text *key, struct text *data)
{
    const struct head *head = params;
    *key = (struct text){(const char *)(head + 1), head->key_len};
    *data = (struct text){key->ptr + head->key_len + 1, head->data_len};
}

static struct chore *
find(const struct chores *chores, struct text wanted)
{
    struct text key, data;
    for (struct chore *chore = chores->first; chore; chore = chore->next) {
        chores_read(chore->params, &key, &data);
        if (text_equal(key, wanted))
            return chore;
    }
    return NULL;
}

static void
end(struct chore *chore)
{
    struct chore **link = &chore->chores->first;
    while (*link != chore)
        link = &(*link)->next;
    *link = chore->next;
    free(chore->params);
    free(chore);
}

static void
on_done(void *arg, enum status status, struct text result)
{
    struct chore *chore = arg;
    struct text key, data;
    (void)result;
    chores_read(chore->params, &key, &data);
    chore->busy = false;
    if (chore->gone || (status == STATUS_OK && !chore->again)) {
        end(chore);
        return;
    }
    if (status != STATUS_OK) {
        log_event(LOG_LEVEL_WARN, "a chore is not done yet", LOG_TEXT("key", key.ptr),
                  LOG_TEXT("status", status_word(status)));
        chore->try_at = clock_mono_ms() + RETRY_MS;
    }
    chore->again = false;
    loop_tick_by(chore->chores->loop, chore->try_at);
}

static int64_t
tick(void *arg, int64_t now_ms)
{
    struct chores *chores = arg;
    int64_t next_ms = LOOP_NEVER;
    for (struct chore *chore = chores->first, *next; chore; chore = next) {
        next = chore->next; /* it may be done at once */
        if (chore->busy)
            continue;
        if (chore->try_at <= now_ms) {
            chore->busy = true;
            chore->try_at = now_ms + RETRY_MS;
            if (service_submit(chores->service, chores->handler, chore->params, chore->size,
                               on_done, chore))
                continue;
            chore->busy = false; /* it is ending; another replica goes on */
        }
        if (chore->try_at < next_ms)
            next_ms = chore->try_at;
    }
    return next_ms;
}

bool
chores_put(struct chores *chores, struct text key, struct text data)
{
    struct chore *chore = find(chores, key);
    size_t size = sizeof(struct head) + key.len + 1 + data.len;
    struct head *params = malloc(size);
    struct chore *new = chore ? NULL : calloc(1, sizeof *new);
    if (!params || (!chore && !new)) {
        free(params);
        free(new);
        return false;
    }
    *params = (struct head){key.len, data.len};
    char *at = (char *)(params + 1);
    memcpy(at, key.ptr, key.len);
    at[key.len] = '\0';
    if (data.len)
        memcpy(at + key.len + 1, data.ptr, data.len);
    if (new) {
        new->chores = chores;
        new->next = chores->first;
        chores->first = chore = new;
    }
    free(chore->params);
    chore->params = params;
    chore->size = size;
    chore->gone = false;
    chore->again = chore->busy;
    if (!chore->busy)
        chore->try_at = 0;
    if (chores->service)
        loop_tick_by(chores->loop, clock_mono_ms());
    return true;
}

void
chores_drop(struct chores *chores, struct text key)
{
    struct chore *chore = find(chores, key);
    if (chore && chore->busy)
        chore->gone = true;
    else if (chore)
        end(chore);
}

struct chores *
chores_new(struct loop *loop, op_handler_fn *handler)
{
    struct chores *chores = calloc(1, sizeof *chores);
    if (!chores)
        return NULL;
    chores->loop = loop;
    chores->handler = handler;
    return chores;
}

void
chores_start(struct chores *chores, struct service *service)
{
    if (chores->service)
        return;
    chores->service = service;
    if (loop_add_tick(chores->loop, tick, chores) != 0)
        chores->service = NULL;
    else
        loop_tick_by(chores->loop, clock_mono_ms());
}

void
chores_destroy(struct chores **chores)
{
    if (!*chores)
        return;
    if ((*chores)->service)
        loop_remove_tick((*chores)->loop, tick, *chores);
    while ((*chores)->first)
        end((*chores)->first);
    free(*chores);
    *chores = NULL;
}
