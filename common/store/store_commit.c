/* Commits under construction (see store.h): six lists of texts. It must not know Redis. */
#include "common/store/store_internal.h"

#include <stdlib.h>

static void
list_add(struct store_list *list, struct text text)
{
    if (list->count == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : 8;
        uint32_t *lens = realloc(list->lens, cap * sizeof *lens);
        if (!lens) {
            list->bytes.failed = true;
            return;
        }
        list->lens = lens;
        list->cap = cap;
    }
    list->lens[list->count++] = text.len;
    buf_append(&list->bytes, text.ptr, text.len);
}

static void
list_clear(struct store_list *list)
{
    buf_clear(&list->bytes);
    list->count = 0;
}

static void
list_fini(struct store_list *list)
{
    buf_fini(&list->bytes);
    free(list->lens);
    *list = (struct store_list){0};
}

bool
store_walk_next(struct store_walk *walk, struct text *out)
{
    const struct store_list *list = walk->list;
    if (walk->at == list->count)
        return false;
    *out = (struct text){(const char *)list->bytes.data + walk->offset, list->lens[walk->at]};
    walk->offset += list->lens[walk->at++];
    return true;
}

void
store_commit_clear(struct store_commit *commit)
{
    commit->key = commit->digest = commit->reply = TEXT_NONE;
    commit->not_before = commit->before = 0;
    list_clear(&commit->checks);
    list_clear(&commit->writes);
    list_clear(&commit->add);
    list_clear(&commit->remove);
    list_clear(&commit->records);
    list_clear(&commit->floors);
}

void
store_commit_fini(struct store_commit *commit)
{
    list_fini(&commit->checks);
    list_fini(&commit->writes);
    list_fini(&commit->add);
    list_fini(&commit->remove);
    list_fini(&commit->records);
    list_fini(&commit->floors);
}

void
store_commit_check(struct store_commit *commit, struct text field, struct text revision)
{
    list_add(&commit->checks, field);
    list_add(&commit->checks, revision);
}

void
store_commit_write(struct store_commit *commit, struct text field, struct text document)
{
    list_add(&commit->writes, field);
    list_add(&commit->writes, document);
}

void
store_commit_floor(struct store_commit *commit, struct text field, struct text revision)
{
    list_add(&commit->floors, field);
    list_add(&commit->floors, revision);
}

void
store_commit_index_add(struct store_commit *commit, struct text entry)
{
    list_add(&commit->add, entry);
}

void
store_commit_index_remove(struct store_commit *commit, struct text entry)
{
    list_add(&commit->remove, entry);
}

void
store_commit_record(struct store_commit *commit, struct text topic, struct text attributes,
                    struct text data)
{
    list_add(&commit->records, topic);
    list_add(&commit->records, attributes);
    list_add(&commit->records, data);
}

bool
store_commit_failed(const struct store_commit *commit)
{
    return commit->checks.bytes.failed || commit->writes.bytes.failed || commit->add.bytes.failed ||
           commit->remove.bytes.failed || commit->records.bytes.failed ||
           commit->floors.bytes.failed;
}
