// LINK: services/notify/notify_hash.c -lsodium
/* The hash table against a plain list, through adds and removes, with hashes that collide. It must
 * not know what is held. */
#include "tests/unit/check.h"

#include <string.h>

#include "services/notify/notify_hash.h"

#define ITEMS 300
#define STEPS 20000

struct item {
    struct notify_link link; /* the first member */
    bool there;
    unsigned seen;
};

static uint32_t seed = 1;

static uint32_t
random_below(uint32_t bound)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % bound;
}

/* Equal ones, ones that want the same slot, and ones at the end of the table. */
static uint64_t
random_hash(void)
{
    uint64_t low = random_below(2) ? random_below(8) : UINT64_MAX - random_below(8);
    return low ^ (uint64_t)random_below(3) << 40;
}

/* Those with this hash are found by it, each once, and no others. */
static void
check_found(const struct notify_hash *hash, struct item *items, uint64_t wanted)
{
    unsigned expected = 0, found = 0;
    for (unsigned i = 0; i < ITEMS; i++)
        expected += items[i].there && items[i].link.hash == wanted;
    struct notify_link *at = notify_hash_first(hash, wanted);
    for (; at; at = notify_hash_again(hash, at)) {
        assert_true(((struct item *)at)->there);
        assert_int_equal(at->hash, wanted);
        assert_true(++found <= expected);
    }
    assert_int_equal(found, expected);
}

static void
check_walk(const struct notify_hash *hash, struct item *items, unsigned step)
{
    size_t count = 0;
    for (struct notify_link *at = NULL; (at = notify_hash_walk(hash, at)); count++) {
        struct item *item = (struct item *)at;
        assert_true(item->there && item->seen != step);
        item->seen = step;
    }
    assert_int_equal(count, hash->count);
    for (unsigned i = 0; i < ITEMS; i++)
        assert_true(!items[i].there || items[i].seen == step);
}

static void
test_the_same_as_a_list(void **state)
{
    (void)state;
    static struct item items[ITEMS];
    struct notify_hash hash;
    notify_hash_init(&hash);
    assert_null(notify_hash_first(&hash, 1));
    assert_null(notify_hash_walk(&hash, NULL));
    for (unsigned step = 1; step <= STEPS; step++) {
        struct item *item = &items[random_below(ITEMS)];
        uint64_t its = item->there ? item->link.hash : random_hash();
        if (item->there)
            notify_hash_remove(&hash, &item->link);
        else
            assert_true(notify_hash_add(&hash, &item->link, its));
        item->there = !item->there;
        check_found(&hash, items, its);
        check_found(&hash, items, random_hash());
        if (step % 16 == 0)
            check_walk(&hash, items, step);
    }
    notify_hash_fini(&hash);
    assert_null(notify_hash_first(&hash, 1));
}

/* Every other one is removed while they are walked over, and none of them is missed. */
static void
test_removed_on_the_way(void **state)
{
    (void)state;
    static struct item items[ITEMS];
    struct notify_hash hash;
    notify_hash_init(&hash);
    for (unsigned i = 0; i < ITEMS; i++) {
        assert_true(notify_hash_add(&hash, &items[i].link, random_hash()));
        items[i].there = i % 2;
    }
    for (struct notify_link *at = notify_hash_walk(&hash, NULL), *next; at; at = next) {
        next = notify_hash_walk(&hash, at);
        if (!((struct item *)at)->there)
            notify_hash_remove(&hash, at);
    }
    assert_int_equal(hash.count, ITEMS / 2);
    check_walk(&hash, items, 1);
    notify_hash_fini(&hash);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_as_a_list),
        cmocka_unit_test(test_removed_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
