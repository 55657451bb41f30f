/* See notify_subscriptions.h. Once the publisher has reached the end of the log, all documents are
 * read, page by page, while records about them go on coming in: whichever has the greater revision
 * is the newer, and a deleted one stays as a revision until all is read. So nothing between the two
 * is missed. */
#include "services/notify/notify_subscriptions.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/auth/audience.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/msg/schema_mp.h"
#include "common/service/chores.h"
#include "common/log/facts.h"
#include "services/notify/notify_handlers_subscription.h"
#include "services/notify/notify_hash.h"
#include "services/notify/notify_match.h"
#include "services/notify/notify_publisher.h"

#define LOCAL "local" /* who everybody is without access control */
#define AGAIN_MS 500
#define LOOK_MS 200 /* how often the rights of owners are compared with what access knows */

/* The owner of some subscriptions. */
struct owner {
    struct notify_link link; /* by name; the first member */
    struct entry *first;
    struct principal principal;
    bool known, revoked;
};

struct entry {
    struct notify_link link; /* by id; the first member */
    struct notify_subscription public;
    char *bytes; /* owned: the document, which its texts point into */
    struct owner *owner;
    struct entry *prev, *next; /* of the same owner */
    struct notify_match_item *item;
    bool deleted; /* only its revision counts */
};

struct notify_subscriptions {
    struct loop *loop;
    struct access *access;
    struct service *service; /* NULL until started */
    struct chores *chores;   /* owned: subscriptions of who was revoked, by id */
    struct notify_match *match;
    struct notify_hash by_id, owners;
    const struct notify_subscriptions_events *events;
    void *arg;
    struct subscription *message; /* owned: the document being read */
    uint64_t access_version;
    int64_t count; /* a gauge */
    bool passed, reading, current, owners_current;
};

/* ---- owners ---- */

static struct owner *
owner_find(const struct notify_subscriptions *all, struct text name)
{
    struct notify_link *at =
        notify_hash_first(&all->owners, notify_hash_of(&all->owners, name.ptr, name.len));
    while (at && !text_is(name, ((struct owner *)at)->principal.id))
        at = notify_hash_again(&all->owners, at);
    return (struct owner *)at;
}

/* What is found of a principal: of several keys, the one that is let in. */
struct looked {
    struct text name;
    struct principal principal;
    bool known, revoked;
};

static void
look_at(void *arg, const struct identity *identity)
{
    struct looked *looked = arg;
    if (!text_is(looked->name, identity->principal.id))
        return;
    if (identity->allowed)
        looked->principal = identity->principal;
    looked->revoked = !identity->allowed && (looked->revoked || !looked->known);
    looked->known = looked->known || identity->allowed;
}

static void
look_up(const struct notify_subscriptions *all, struct text name, struct looked *out)
{
    *out = (struct looked){.name = name};
    snprintf(out->principal.id, sizeof out->principal.id, "%.*s", TEXT_ARG(name));
    if (access_mode(all->access) == ACCESS_OPEN || text_is(name, LOCAL))
        out->principal.roles = PERMIT_SECRETARIAT;
    else
        access_each(all->access, look_at, out);
}

bool
notify_subscriptions_owner(struct notify_subscriptions *all, struct text name,
                           struct principal *out)
{
    struct looked looked;
    const struct owner *owner = owner_find(all, name);
    if (owner && all->owners_current && all->access_version == access_version(all->access)) {
        *out = owner->principal;
        return !owner->revoked;
    }
    look_up(all, name, &looked);
    *out = looked.principal;
    return !looked.revoked;
}

/* They are told to the store too; whichever replica is first. */
static void
disable_all(struct notify_subscriptions *all, const struct owner *owner)
{
    for (const struct entry *at = owner->first; at; at = at->next)
        if (at->public.document.status != SUBSCRIPTION_DISABLED &&
            !chores_put(all->chores, at->public.document.id, TEXT_LITERAL("")))
            log_event(LOG_LEVEL_ERROR, "no memory to disable a subscription",
                      LOG_TEXT("owner", owner->principal.id));
}

/* Takes over what access knows of the owner. */
static void
owner_take(struct notify_subscriptions *all, struct owner *owner, const struct looked *looked)
{
    owner->principal = looked->principal;
    owner->revoked = looked->revoked;
    for (struct entry *at = owner->first; at; at = at->next)
        at->public.owner = owner->principal;
    if (owner->revoked)
        disable_all(all, owner);
}

static struct owner *
owner_get(struct notify_subscriptions *all, struct text name)
{
    struct looked looked;
    struct owner *owner = owner_find(all, name);
    if (owner)
        return owner;
    owner = calloc(1, sizeof *owner);
    if (!owner || !notify_hash_add(&all->owners, &owner->link,
                                   notify_hash_of(&all->owners, name.ptr, name.len))) {
        free(owner);
        return NULL;
    }
    look_up(all, name, &looked);
    owner_take(all, owner, &looked);
    return owner;
}

static void
owner_leave(struct notify_subscriptions *all, struct entry *entry)
{
    struct owner *owner = entry->owner;
    if (entry->prev)
        entry->prev->next = entry->next;
    else
        owner->first = entry->next;
    if (entry->next)
        entry->next->prev = entry->prev;
    if (owner->first)
        return;
    notify_hash_remove(&all->owners, &owner->link);
    free(owner);
}

/* Owners as access knows them now: one pass over its keys, however many owners there are. */
static void
forget_known(struct notify_subscriptions *all)
{
    for (struct notify_link *at = notify_hash_walk(&all->owners, NULL); at;
         at = notify_hash_walk(&all->owners, at))
        ((struct owner *)at)->known = false;
}

static void
renew_owner(void *arg, const struct identity *identity)
{
    struct notify_subscriptions *all = arg;
    struct owner *owner = owner_find(all, text_of(identity->principal.id));
    if (!owner || text_is(text_of(LOCAL), owner->principal.id) ||
        (owner->known && !identity->allowed))
        return;
    owner->known = identity->allowed;
    struct looked looked = {.principal = identity->allowed ? identity->principal : owner->principal,
                            .revoked = !identity->allowed};
    if (!identity->allowed) {
        looked.principal.roles = 0;
        looked.principal.member[0] = '\0';
    }
    owner_take(all, owner, &looked);
}

static int64_t
on_tick(void *arg, int64_t now_ms)
{
    struct notify_subscriptions *all = arg;
    uint64_t version = access_version(all->access);
    if (access_current(all->access) && (version != all->access_version || !all->owners_current)) {
        all->access_version = version;
        all->owners_current = true;
        forget_known(all);
        access_each(all->access, renew_owner, all);
    }
    return now_ms + LOOK_MS;
}

/* ---- the table ---- */

static struct entry *
entry_find(const struct notify_subscriptions *all, struct text id)
{
    struct notify_link *at =
        notify_hash_first(&all->by_id, notify_hash_of(&all->by_id, id.ptr, id.len));
    while (at && !text_equal(id, ((struct entry *)at)->public.document.id))
        at = notify_hash_again(&all->by_id, at);
    return (struct entry *)at;
}

static void
tell(const struct notify_subscriptions *all, const struct entry *before, const struct entry *after)
{
    if (all->events && (before || after))
        all->events->changed(all->arg, before ? &before->public : NULL,
                             after ? &after->public : NULL);
}

/* Takes it out of everything and frees it. */
static void
entry_end(struct notify_subscriptions *all, struct entry *entry)
{
    notify_match_remove(all->match, &entry->item);
    if (entry->owner)
        owner_leave(all, entry);
    notify_hash_remove(&all->by_id, &entry->link);
    free(entry->bytes);
    free(entry);
}

/* A subscription of that document, in the table; NULL without memory. */
static struct entry *
entry_new(struct notify_subscriptions *all, struct text document)
{
    struct entry *entry = calloc(1, sizeof *entry);
    char *bytes = malloc(document.len);
    if (!entry || !bytes)
        goto out;
    memcpy(bytes, document.ptr, document.len);
    entry->bytes = bytes;
    struct subscription *read = &entry->public.document;
    if (schema_decode_bytes(&subscription_schema, bytes, document.len, read, SCHEMA_STORED, NULL) !=
            STATUS_OK ||
        !notify_hash_add(&all->by_id, &entry->link,
                         notify_hash_of(&all->by_id, read->id.ptr, read->id.len)))
        goto out;
    entry->deleted = read->status == SUBSCRIPTION_DELETED;
    if (entry->deleted)
        return entry;
    entry->owner = owner_get(all, read->owner);
    if (entry->owner) {
        entry->next = entry->owner->first;
        if (entry->next)
            entry->next->prev = entry;
        entry->owner->first = entry;
        entry->public.owner = entry->owner->principal;
        entry->item = notify_match_add(all->match, &read->filter, entry);
    }
    if (entry->item)
        return entry;
    entry_end(all, entry);
    return NULL;
out:
    free(bytes);
    free(entry);
    return NULL;
}

/* A document as it is in the store or was in a record; what is known already is passed over. */
static void
take(struct notify_subscriptions *all, struct text document)
{
    struct error error;
    struct subscription *read = all->message;
    if (schema_decode_bytes(&subscription_schema, document.ptr, document.len, read, SCHEMA_STORED,
                            &error) != STATUS_OK) {
        log_event(LOG_LEVEL_ERROR, "a subscription cannot be read",
                  LOG_TEXT("error", error.message));
        return;
    }
    struct entry *before = entry_find(all, read->id);
    if (before && before->public.document.rev >= read->rev)
        return;
    struct entry *after = entry_new(all, document);
    if (!after) {
        log_event(LOG_LEVEL_ERROR, "no memory for a subscription", LOG_NUMBER("rev", read->rev));
        exit(EXIT_FAILURE); /* never go on with a hole in what is known */
    }
    all->count += !after->deleted - (before && !before->deleted);
    tell(all, before && !before->deleted ? before : NULL, after->deleted ? NULL : after);
    if (before)
        entry_end(all, before);
    if (after->deleted && all->current)
        entry_end(all, after);
    else if (after->owner && after->owner->revoked)
        disable_all(all, after->owner);
}

/* ---- reading what was there ---- */

static void read_page(struct notify_subscriptions *all, struct text from);

/* Revisions of what was deleted meanwhile need not be known any more. */
static void
become_current(struct notify_subscriptions *all)
{
    struct notify_link *next;
    all->current = true;
    for (struct notify_link *at = notify_hash_walk(&all->by_id, NULL); at; at = next) {
        next = notify_hash_walk(&all->by_id, at);
        if (((struct entry *)at)->deleted)
            entry_end(all, (struct entry *)at);
    }
    log_event(LOG_LEVEL_INFO, "subscriptions known", LOG_NUMBER("count", all->by_id.count));
}

/* A page: [next index entry or nil, document, …]. */
static void
on_page(void *arg, enum status status, struct text result)
{
    struct notify_subscriptions *all = arg;
    struct mp_value head, next, document;
    all->reading = false;
    if (status != STATUS_OK) {
        all->passed = false; /* begins anew when the log was passed again */
        return;
    }
    const char *at = mp_read(mp_read(result.ptr, &head), &next);
    for (int64_t i = 1; i < head.number; i++) {
        at = mp_read(at, &document);
        take(all, document.bytes);
    }
    if (next.type == MP_TEXT)
        read_page(all, next.bytes);
    else
        become_current(all);
}

static void
read_page(struct notify_subscriptions *all, struct text from)
{
    struct notify_page page = {{0}};
    snprintf(page.from, sizeof page.from, "%.*s", TEXT_ARG(from));
    all->reading = true;
    if (!service_submit(all->service, notify_handlers_page, &page, sizeof page, on_page, all))
        all->reading = false;
}

static void
on_record(void *arg, const struct log_record *record)
{
    struct text type = log_record_type(record);
    if (topic_private(record->topic) && topic_starts_with(type, TEXT_LITERAL("subscription.")) &&
        !topic_starts_with(type, TEXT_LITERAL(NOTIFY_NOTICE)))
        take(arg, record->data);
}

static void
on_passed(void *arg, int64_t seq)
{
    struct notify_subscriptions *all = arg;
    (void)seq;
    if (all->passed || all->current || all->reading || !all->service)
        return;
    all->passed = true;
    read_page(all, TEXT_LITERAL(""));
}

/* ---- matching ---- */

struct text
notify_subscription_topic(const struct subscription *document, char out[NOTIFY_OWN_TOPIC_MAX])
{
    struct text audience = document->member.ptr ? document->member : TEXT_LITERAL("secretariat");
    int len = snprintf(out, NOTIFY_OWN_TOPIC_MAX, "private.%.*s.subscriptions.%.*s.",
                       TEXT_ARG(audience), TEXT_ARG(document->id));
    return (struct text){out, (uint32_t)len};
}

/* Whose notice it is: the id of the subscription; absent if it is none. */
static struct text
own_notice(const struct facts *facts)
{
    bool own = facts->level_count == 4 && text_is(facts->levels[0], "private") &&
               text_is(facts->levels[2], "subscriptions") && facts->type.ptr &&
               topic_starts_with(facts->type, TEXT_LITERAL(NOTIFY_NOTICE));
    return own ? facts->levels[3] : TEXT_NONE;
}

struct found {
    const struct facts *facts;
    struct text own;
    notify_match_fn *fn;
    void *arg;
};

static bool
may_see(const struct entry *entry, struct text topic)
{
    return !entry->owner->revoked && audience_may_see(&entry->public.owner, topic);
}

static void
on_match(void *context, void *arg)
{
    const struct found *found = context;
    const struct entry *entry = arg;
    if (may_see(entry, found->facts->topic) && !text_equal(found->own, entry->public.document.id))
        found->fn(found->arg, &entry->public);
}

void
notify_subscriptions_match(struct notify_subscriptions *all, const struct log_record *record,
                           notify_match_fn *fn, void *arg)
{
    struct facts facts;
    if (!all->count)
        return;
    facts_read(record, &facts);
    struct found found = {&facts, own_notice(&facts), fn, arg};
    const struct entry *own = found.own.ptr ? entry_find(all, found.own) : NULL;
    if (own && !own->deleted && !own->owner->revoked)
        fn(arg, &own->public);
    notify_match_find(all->match, &facts, on_match, &found);
}

bool
notify_subscription_matches(const struct notify_subscription *subscription,
                            const struct log_record *record)
{
    struct facts facts;
    facts_read(record, &facts);
    return text_equal(own_notice(&facts), subscription->document.id) ||
           (audience_may_see(&subscription->owner, record->topic) &&
            filter_matches(&subscription->document.filter, &facts));
}

const struct notify_subscription *
notify_subscriptions_get(const struct notify_subscriptions *all, struct text id)
{
    const struct entry *entry = entry_find(all, id);
    return entry && !entry->deleted ? &entry->public : NULL;
}

void
notify_subscriptions_each(const struct notify_subscriptions *all, notify_match_fn *fn, void *arg)
{
    for (struct notify_link *at = notify_hash_walk(&all->by_id, NULL); at;
         at = notify_hash_walk(&all->by_id, at))
        if (!((struct entry *)at)->deleted)
            fn(arg, &((struct entry *)at)->public);
}

bool
notify_subscriptions_current(const struct notify_subscriptions *all)
{
    return all->current;
}

/* ---- life ---- */

struct notify_subscriptions *
notify_subscriptions_new(struct loop *loop, struct notify_publisher *publisher,
                         struct access *access)
{
    struct notify_subscriptions *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->loop = loop;
    all->access = access;
    notify_hash_init(&all->by_id);
    notify_hash_init(&all->owners);
    all->match = notify_match_new();
    all->message = malloc(sizeof *all->message);
    all->chores = chores_new(loop, notify_handlers_disable);
    if (!all->match || !all->message || !all->chores ||
        !notify_publisher_listen(publisher, on_record, on_passed, all) ||
        loop_add_tick(loop, on_tick, all) != 0)
        notify_subscriptions_destroy(&all);
    return all;
}

void
notify_subscriptions_watch(struct notify_subscriptions *all,
                           const struct notify_subscriptions_events *events, void *arg)
{
    all->events = events;
    all->arg = arg;
}

void
notify_subscriptions_start(struct notify_subscriptions *all, struct service *service)
{
    all->service = service;
    service_add_gauge(service, "subscriptions", &all->count);
    chores_start(all->chores, service);
}

void
notify_subscriptions_destroy(struct notify_subscriptions **subscriptions)
{
    struct notify_subscriptions *all = *subscriptions;
    if (!all)
        return;
    loop_remove_tick(all->loop, on_tick, all);
    chores_destroy(&all->chores);
    for (struct notify_link *at; (at = notify_hash_walk(&all->by_id, NULL));)
        entry_end(all, (struct entry *)at);
    notify_hash_fini(&all->by_id);
    notify_hash_fini(&all->owners);
    notify_match_destroy(&all->match);
    free(all->message);
    free(all);
    *subscriptions = NULL;
}
