/* Between connected and up: what Redis promises is checked, the commit function loaded.
 * It must not know commits. */
#include "common/store/reply.h"
#include "common/store/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/store/lua.h"
#include "common/store/reply.h"

static void
refuse(struct store *store, const char *why)
{
    store->refused = true;
    store->events.refused(store->arg, why);
}

#define FORM "2" /* of the log: FORM in commit.lua */

/* The seq of the log and the form it is kept in. */
static void
on_form(void *arg, const redisReply *reply)
{
    struct store *store = arg;
    if (!reply || store->closing || store->up)
        return;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        log_event(LOG_LEVEL_ERROR, "Redis does not tell the form of the log",
                  LOG_TEXT("error", reply->str ? reply->str : "no word"));
        redis_link_reset(store->link);
        return;
    }
    if (reply_text(reply->element[0]).ptr && !text_is(reply_text(reply->element[1]), FORM)) {
        refuse(store, "the log in this Redis is not one that this version reads: start on an empty "
                      "Redis, or with another CBM_ORG");
        return;
    }
    store->up = true;
    log_event(LOG_LEVEL_INFO, "store up",
              LOG_TEXT("durability", store_durability_words[store->found]));
    store->events.up(store->arg);
    store_flush(store);
}

static void
on_loaded(void *arg, const redisReply *reply)
{
    struct store *store = arg;
    if (!reply || store->closing)
        return; /* lost: the link connects anew and this begins again */
    if (reply->type == REDIS_REPLY_ERROR) {
        log_event(LOG_LEVEL_ERROR, "Redis does not load the commit function (is it version 7?)",
                  LOG_TEXT("error", reply->str));
        redis_link_reset(store->link);
        return;
    }
    redis_link_sendf(store->link, on_form, store, "HMGET %s # #form", store->keys[KEY_PREFIX]);
    redis_link_flush(store->link);
}

static const char *
setting(const redisReply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (reply->element[i]->str && strcmp(reply->element[i]->str, name) == 0)
            return reply->element[i + 1]->str ? reply->element[i + 1]->str : "";
    return "";
}

/* The level that the settings give (design section 2, "What an acknowledgement means"). */
static enum store_durability
level_of(const redisReply *reply)
{
    if (strcmp(setting(reply, "appendonly"), "yes") != 0 ||
        strcmp(setting(reply, "maxmemory-policy"), "noeviction") != 0)
        return STORE_MEMORY;
    const char *fsync = setting(reply, "appendfsync");
    if (strcmp(fsync, "always") == 0)
        return STORE_ALWAYS;
    return strcmp(fsync, "everysec") == 0 ? STORE_EVERYSEC : STORE_MEMORY;
}

static void
on_settings(void *arg, const redisReply *reply)
{
    struct store *store = arg;
    if (!reply || store->closing)
        return;
    char why[400];
    if (reply->type != REDIS_REPLY_ARRAY) {
        snprintf(why, sizeof why, "Redis does not tell its settings (CONFIG GET): %s",
                 reply->str ? reply->str : "no list");
    } else {
        store->found = level_of(reply);
        if (store->found <= store->wanted) {
            redis_command_add_string(&store->command, "FUNCTION");
            redis_command_add_string(&store->command, "LOAD");
            redis_command_add_string(&store->command, "REPLACE");
            redis_command_add_string(&store->command, lua_commit);
            redis_link_send(store->link, on_loaded, store, &store->command);
            return;
        }
        snprintf(why, sizeof why,
                 "Redis promises only \"%s\" (appendonly %s, appendfsync %s, maxmemory-policy %s); "
                 "want appendonly yes, appendfsync always, maxmemory-policy noeviction, or "
                 "CBM_DURABILITY=%s",
                 store_durability_words[store->found], setting(reply, "appendonly"),
                 setting(reply, "appendfsync"), setting(reply, "maxmemory-policy"),
                 store_durability_words[store->found]);
    }
    refuse(store, why);
}

static void
on_time(void *arg, const redisReply *reply)
{
    int64_t ms;
    if (reply_time(reply, &ms)) /* else the first commit tells */
        store_note_time(arg, ms);
}

void
store_setup_start(struct store *store)
{
    redis_link_sendf(store->link, on_time, store, "TIME");
    redis_link_sendf(store->link, on_settings, store, "CONFIG GET append* maxmemory-policy");
    redis_link_flush(store->link);
}
