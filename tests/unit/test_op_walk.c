// LINK: common/service/op_ask.c common/service/guess.c common/base/buf.c common/base/text.c common/base/status.c
/* Walking a log that is longer than the request's time: the store and the clock are the test's. It
 * must not know any service. */
#include "tests/unit/check.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/msg/schema_mp.h"
#include "common/service/service_internal.h"

#define DEADLINE_MS 1000

/* ---- what it stands on, as the test has it ---- */

static int64_t now_ms;
static unsigned runs;
static struct {
    store_log_fn *fn; /* NULL: nothing is asked for */
    void *arg;
    unsigned slot;
    int64_t after;
} asked;

int64_t
clock_mono_ms(void)
{
    return now_ms;
}

void
service_run_op(struct op *op)
{
    (void)op;
    runs++;
}

void
store_log_read(struct store *store, struct text prefix, int64_t after, unsigned limit,
               store_log_fn *fn, void *arg, unsigned slot)
{
    (void)store;
    assert_true(text_is(prefix, "events."));
    assert_true(limit > 0 && !asked.fn);
    asked.fn = fn;
    asked.arg = arg;
    asked.slot = slot;
    asked.after = after;
}

/* Nothing of what follows is reached. */
void
op_current_end(struct service *service, int64_t seq)
{
    (void)service, (void)seq;
    fail();
}

void
store_get_doc(struct store *store, struct text field, store_value_fn *fn, void *arg, unsigned slot)
{
    (void)store, (void)field, (void)fn, (void)arg, (void)slot;
    fail();
}

void
store_get_seq(struct store *store, store_value_fn *fn, void *arg, unsigned slot)
{
    (void)store, (void)fn, (void)arg, (void)slot;
    fail();
}

void
store_get_time(struct store *store, store_value_fn *fn, void *arg, unsigned slot)
{
    (void)store, (void)fn, (void)arg, (void)slot;
    fail();
}

void
store_scan(struct store *store, struct text from, struct text upto, unsigned limit,
           store_list_fn *fn, void *arg, unsigned slot)
{
    (void)store, (void)from, (void)upto, (void)limit, (void)fn, (void)arg, (void)slot;
    fail();
}

struct text
store_document(struct text value, struct text *revision)
{
    (void)revision;
    fail();
    return value;
}

bool
log_record_parse(struct text stored, int64_t seq, struct log_record *out)
{
    (void)stored, (void)seq, (void)out;
    fail();
    return false;
}

enum status
schema_decode_bytes(const struct schema *schema, const void *data, size_t len, void *message,
                    enum schema_mode mode, struct error *error)
{
    (void)schema, (void)data, (void)len, (void)message, (void)mode, (void)error;
    fail();
    return STATUS_INTERNAL;
}

struct text
op_field(struct op *op, const char *kind, struct text id)
{
    (void)op, (void)kind;
    fail();
    return id;
}

enum status
op_no_memory(struct op *op)
{
    (void)op;
    fail();
    return STATUS_RESOURCE_EXHAUSTED;
}

/* ---- the walk ---- */

static struct service service;
static struct op op;
static unsigned seen;

static int
fresh(void **state)
{
    (void)state;
    op = (struct op){.service = &service, .deadline_ms = DEADLINE_MS};
    asked.fn = NULL;
    now_ms = 0;
    runs = seen = 0;
    return 0;
}

static int
over(void **state)
{
    (void)state;
    free(op.asks);
    arena_fini(&op.memory);
    return 0;
}

static void
see(struct op *of, void *arg, const struct log_record *record)
{
    (void)arg;
    assert_ptr_equal(of, &op);
    assert_int_equal(record->seq, ++seen);
}

static enum status
walk(void)
{
    return op_log_walk(&op, "events.", see, NULL);
}

/* The store answers with two records of a log of `last`. */
static void
answer(int64_t last)
{
    const struct log_record records[] = {{.seq = asked.after + 1}, {.seq = asked.after + 2}};
    const struct store_log_page page = {.last = last, .first = 1, .count = 2, .records = records};
    store_log_fn *fn = asked.fn;
    assert_non_null(fn);
    asked.fn = NULL;
    fn(asked.arg, asked.slot, true, &page);
}

static void
test_to_the_end(void **state)
{
    (void)state;
    assert_int_equal(walk(), STATUS_AGAIN);
    assert_int_equal(walk(), STATUS_AGAIN); /* it is asked for once */
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(runs, 0);
        answer(6);
    }
    assert_int_equal(runs, 1);
    assert_null(asked.fn);
    now_ms = 10 * DEADLINE_MS; /* what has come in time is there */
    assert_int_equal(walk(), STATUS_OK);
    assert_int_equal(seen, 6);
}

static void
test_the_time_is_up(void **state)
{
    (void)state;
    assert_int_equal(walk(), STATUS_AGAIN);
    answer(1000);
    now_ms = DEADLINE_MS - 1;
    answer(1000);
    assert_non_null(asked.fn);
    now_ms = DEADLINE_MS;
    answer(1000);
    assert_null(asked.fn); /* no more is read for who does not wait any more */
    assert_int_equal(runs, 1);
    assert_int_equal(walk(), STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(op.error.code, STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(seen, 6);
}

static void
test_the_end_comes_with_the_deadline(void **state)
{
    (void)state;
    assert_int_equal(walk(), STATUS_AGAIN);
    now_ms = DEADLINE_MS;
    answer(2);
    assert_int_equal(walk(), STATUS_OK); /* all of it was seen */
    assert_int_equal(seen, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_to_the_end, fresh, over),
        cmocka_unit_test_setup_teardown(test_the_time_is_up, fresh, over),
        cmocka_unit_test_setup_teardown(test_the_end_comes_with_the_deadline, fresh, over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
