/* See notify_history.h. What a filter is for may lie in several trees of the log, which are read
 * side by side and merged by seq. How far all of them are known is bounded by each page that is
 * not the last of its tree, and by the end of the log as it was before the first page was read. */
#include "services/notify/notify_history.h"

#include "common/auth/audience.h"
#include "common/log/facts.h"
#include "services/notify/notify_handlers_subscription.h"

#define PAGE_RECORDS 500

struct trees {
    unsigned count;
    struct text prefixes[NOTIFY_HISTORY_TREES];
    struct op_log_page pages[NOTIFY_HISTORY_TREES];
    unsigned next[NOTIFY_HISTORY_TREES]; /* record of the page */
};

/* Adds a tree unless what is there covers it. */
static void
add_tree(struct trees *trees, struct text prefix)
{
    for (unsigned i = 0; i < trees->count; i++)
        if (topic_starts_with(prefix, trees->prefixes[i]) &&
            (trees->prefixes[i].len || !topic_private(prefix)))
            return;
    trees->prefixes[trees->count++] = prefix;
}

static void
find_trees(const struct notify_history *history, struct trees *trees)
{
    struct text prefixes[FILTER_TREES_MAX];
    unsigned count = filter_prefixes(history->filter, prefixes);
    trees->count = 0;
    for (unsigned i = 0; i < count; i++)
        if (!history->all)
            add_tree(trees, prefixes[i]);
        else if (!topic_private(prefixes[i]))
            add_tree(trees, TEXT_LITERAL(""));
        else
            add_tree(trees, TEXT_LITERAL("private."));
    if (history->own_topic.ptr)
        add_tree(trees, history->own_topic);
}

/* One page of each tree; `horizon` is how far all of them are known then. */
static enum status
read_pages(struct op *op, struct trees *trees, int64_t after, int64_t *horizon)
{
    bool again = false;
    for (unsigned i = 0; i < trees->count; i++) {
        struct op_log_page *page = &trees->pages[i];
        enum status status = op_log_read(op, trees->prefixes[i], after, PAGE_RECORDS, page);
        if (status != STATUS_OK && status != STATUS_AGAIN)
            return status;
        again = again || status == STATUS_AGAIN;
        trees->next[i] = 0;
        if (status == STATUS_OK && page->count && page->next < page->last && page->next < *horizon)
            *horizon = page->next;
    }
    return again ? STATUS_AGAIN : STATUS_OK;
}

/* The next record of all trees in order, up to the horizon; NULL if there is none. */
static const struct log_record *
next_record(struct trees *trees, int64_t horizon)
{
    const struct log_record *first = NULL;
    unsigned from = 0;
    for (unsigned i = 0; i < trees->count; i++) {
        if (trees->next[i] == trees->pages[i].count)
            continue;
        const struct log_record *record = &trees->pages[i].records[trees->next[i]];
        if (record->seq <= horizon && (!first || record->seq < first->seq)) {
            first = record;
            from = i;
        }
    }
    if (first)
        trees->next[from]++;
    return first;
}

static bool
matches(const struct notify_history *history, const struct log_record *record)
{
    struct facts facts;
    facts_read(record, &facts);
    if (history->own_topic.ptr && text_equal(history->own_topic, record->topic) && facts.type.ptr &&
        topic_starts_with(facts.type, TEXT_LITERAL(NOTIFY_NOTICE)))
        return true;
    return filter_matches(history->filter, &facts);
}

/* Takes what the pages have; true if the limit was reached. */
static bool
take(struct notify_history *history, struct trees *trees, int64_t horizon)
{
    const struct log_record *record;
    while ((record = next_record(trees, horizon))) {
        bool own = history->own_topic.ptr && text_equal(history->own_topic, record->topic);
        history->scanned = record->seq;
        if (!own && !audience_may_see(history->owner, record->topic))
            continue;
        history->examined++;
        if (!matches(history, record))
            continue;
        history->matched++;
        if (history->count < history->limit)
            history->records[history->count++] = record;
        if (history->count == history->limit && history->limit && !history->all)
            return true;
    }
    if (horizon > history->scanned)
        history->scanned = horizon;
    return false;
}

enum status
notify_history_read(struct op *op, struct notify_history *history)
{
    struct trees trees;
    enum status status = op_seq(op, &history->last);
    if (status != STATUS_OK)
        return status;
    int64_t end = history->upto < history->last ? history->upto : history->last;
    history->records = op_alloc(op, (history->limit + 1) * sizeof *history->records);
    if (!history->records)
        return op_no_memory(op);
    history->count = 0;
    history->matched = history->examined = 0;
    history->scanned = history->after;
    find_trees(history, &trees);
    for (unsigned round = 0; round < history->rounds && history->scanned < end; round++) {
        int64_t horizon = end;
        status = read_pages(op, &trees, history->scanned, &horizon);
        if (status != STATUS_OK)
            return status;
        history->first = trees.pages[0].first;
        if (round == 0 && history->first > 1 && history->after < history->first - 1)
            return notify_handlers_trimmed(op, "after", history->after, history->first);
        if (take(history, &trees, horizon))
            break;
    }
    history->ended = history->scanned >= end;
    return STATUS_OK;
}
