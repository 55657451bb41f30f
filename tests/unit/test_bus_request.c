// LINK: services/bus/bus_request.c services/bus/bus_service.c services/bus/bus_context.c common/bus/rpc.c common/msg/permission.c common/msg/mp.c common/base/buf.c common/base/text.c common/base/status.c -lmsgpackc
/* The bus without sockets: slots and tokens, the heap, the choice of worker, contexts.
 * It must not know ZeroMQ. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "services/bus/bus_context.h"
#include "services/bus/bus_service.h"

static void
test_slots(void **state)
{
    (void)state;
    struct bus_request_table table;
    struct bus_request *requests[600];
    assert_int_equal(bus_request_table_init(&table, 600), 0);
    for (unsigned i = 0; i < 600; i++) {
        requests[i] = bus_request_take(&table);
        assert_non_null(requests[i]);
        assert_int_equal(requests[i]->index, i);
        requests[i]->state = BUS_REQUEST_WAITING;
    }
    assert_null(bus_request_take(&table));
    bus_request_give(&table, requests[300]);
    assert_int_equal(table.used, 599);
    struct bus_request *again = bus_request_take(&table);
    assert_ptr_equal(again, requests[300]);
    assert_null(again->service);
    assert_null(bus_request_take(&table));
    bus_request_table_fini(&table);
}

/* What a request holds is its own, small or large, and gone when it is let go. */
static void
test_held(void **state)
{
    (void)state;
    struct bus_request_table table;
    char bytes[4 * BUS_REQUEST_SMALL];
    bus_request_table_init(&table, 10);
    struct bus_request *request = bus_request_take(&table);
    for (uint32_t len = 0; len <= sizeof bytes; len++) {
        memset(bytes, (int)(len & 0x7f), sizeof bytes);
        assert_true(bus_request_hold(request, TEXT_LITERAL("peer"), (struct text){bytes, len},
                                     TEXT_LITERAL("context")));
        memset(bytes, 0xff, sizeof bytes);
        assert_true(text_is(request->client, "peer") && text_is(request->context, "context"));
        assert_int_equal(request->rpc.len, len);
        for (uint32_t i = 0; i < len; i++)
            assert_int_equal(request->rpc.ptr[i], len & 0x7f);
        bus_request_let_go(request);
        assert_null(request->rpc.ptr);
    }
    bus_request_table_fini(&table);
}

/* An entry that stayed behind says too early when to look, and is put right then. */
static void
test_left_in_heap(void **state)
{
    (void)state;
    struct bus_request_table table;
    bus_request_table_init(&table, 10);
    struct bus_request *request = bus_request_take(&table);
    bus_request_schedule(&table, request, 5);
    bus_request_give(&table, request);
    request = bus_request_take(&table);
    bus_request_schedule(&table, request, 9);
    assert_true(bus_request_next_due(&table) <= 9);
    assert_null(bus_request_pop_due(&table, 8));
    assert_int_equal(bus_request_next_due(&table), 9);
    assert_ptr_equal(bus_request_pop_due(&table, 9), request);
    assert_null(bus_request_pop_due(&table, INT64_MAX));
    assert_int_equal(bus_request_next_due(&table), INT64_MAX);
    bus_request_schedule(&table, request, 7);
    bus_request_schedule(&table, request, 3);
    assert_ptr_equal(bus_request_pop_due(&table, 3), request);
    bus_request_table_fini(&table);
}

static void
test_tokens(void **state)
{
    (void)state;
    struct bus_request_table table;
    uint8_t first[BUS_TOKEN_LEN], second[BUS_TOKEN_LEN], forged[BUS_TOKEN_LEN + 1] = {0};
    bus_request_table_init(&table, 10);
    assert_null(bus_request_find(&table, forged, BUS_TOKEN_LEN));
    struct bus_request *request = bus_request_take(&table);
    request->state = BUS_REQUEST_SENT;
    bus_request_renew(request, first);
    assert_ptr_equal(bus_request_find(&table, first, sizeof first), request);
    assert_null(bus_request_find(&table, first, sizeof first - 1));
    memcpy(forged, first, sizeof first);
    assert_null(bus_request_find(&table, forged, sizeof forged));
    memset(forged, 0xff, sizeof forged);
    assert_null(bus_request_find(&table, forged, BUS_TOKEN_LEN));
    bus_request_renew(request, second);
    assert_null(bus_request_find(&table, first, sizeof first));
    assert_ptr_equal(bus_request_find(&table, second, sizeof second), request);
    bus_request_give(&table, request);
    assert_null(bus_request_find(&table, second, sizeof second));
    request = bus_request_take(&table);
    request->state = BUS_REQUEST_SENT;
    assert_null(bus_request_find(&table, second, sizeof second));
    bus_request_table_fini(&table);
}

static void
test_list(void **state)
{
    (void)state;
    struct bus_request a = {0}, b = {0}, c = {0};
    struct bus_request_list list = {0};
    bus_request_append(&list, &b);
    bus_request_append(&list, &c);
    bus_request_prepend(&list, &a);
    assert_ptr_equal(list.first, &a);
    assert_ptr_equal(list.last, &c);
    bus_request_remove(&list, &b);
    assert_ptr_equal(a.next, &c);
    assert_ptr_equal(c.previous, &a);
    bus_request_remove(&list, &a);
    bus_request_remove(&list, &c);
    assert_null(list.first);
    assert_null(list.last);
    assert_int_equal(list.count, 0);
}

/* Schedules, re-schedules and gives back at random; what comes out is in order and complete. */
static void
test_heap(void **state)
{
    (void)state;
    struct bus_request_table table;
    struct bus_request *requests[1000];
    int64_t due[1000], last = INT64_MIN;
    bus_request_table_init(&table, 1000);
    assert_int_equal(bus_request_next_due(&table), INT64_MAX);
    srand(7);
    for (unsigned i = 0; i < 1000; i++) {
        requests[i] = bus_request_take(&table);
        requests[i]->state = BUS_REQUEST_WAITING;
        due[i] = rand() % 500;
        bus_request_schedule(&table, requests[i], due[i]);
    }
    for (unsigned i = 0; i < 1000; i += 3) {
        due[i] = rand() % 500;
        bus_request_schedule(&table, requests[i], due[i]);
    }
    for (unsigned i = 1; i < 1000; i += 7)
        bus_request_give(&table, requests[i]);
    unsigned count = 0;
    struct bus_request *request;
    while ((request = bus_request_pop_due(&table, 400))) {
        assert_true(request->index % 7 != 1);
        assert_true(due[request->index] >= last && due[request->index] <= 400);
        last = due[request->index];
        due[request->index] = INT64_MAX;
        count++;
    }
    assert_true(bus_request_next_due(&table) > 400);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(i % 7 == 1 || due[i] > 400);
    assert_true(count > 500);
    bus_request_table_fini(&table);
}

static void
test_names(void **state)
{
    (void)state;
    char longest[MDP_SERVICE_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(bus_service_name_valid(TEXT_LITERAL("events")));
    assert_true(bus_service_name_valid((struct text){longest, MDP_SERVICE_MAX}));
    assert_false(bus_service_name_valid((struct text){longest, sizeof longest}));
    assert_false(bus_service_name_valid(TEXT_NONE));
    assert_false(bus_service_name_valid(TEXT_LITERAL("")));
    assert_false(bus_service_name_valid(TEXT_LITERAL("a b")));
    assert_false(bus_service_name_valid(TEXT_LITERAL("a\n")));
    assert_false(bus_service_name_valid(TEXT_LITERAL("\xc3\xa9")));
}

static struct bus_worker *
add(struct bus_directory *directory, struct bus_service *service, const char *id, uint32_t credit)
{
    struct bus_worker *worker = bus_service_add_worker(directory, service, id, strlen(id), credit);
    assert_non_null(worker);
    return worker;
}

static void
test_choice(void **state)
{
    (void)state;
    struct bus_directory directory = {0};
    struct bus_service *service = bus_service_get(&directory, TEXT_LITERAL("s"), 10);
    assert_null(bus_service_choose(service));
    struct bus_worker *a = add(&directory, service, "a", 4);
    struct bus_worker *b = add(&directory, service, "b", 2);
    unsigned turns = 0;
    for (unsigned i = 0; i < 10; i++)
        turns += bus_service_choose(service) == a;
    assert_int_equal(turns, 5); /* equals take turns */
    a->sent.count = 1;
    assert_ptr_equal(bus_service_choose(service), b);
    b->sent.count = 1; /* 1/4 against 1/2 */
    assert_ptr_equal(bus_service_choose(service), a);
    a->sent.count = 4;
    assert_ptr_equal(bus_service_choose(service), b);
    b->sent.count = 2;
    assert_null(bus_service_choose(service));
    a->sent.count = b->sent.count = 0;
    bus_service_drain_worker(a);
    bus_service_drain_worker(a);
    assert_int_equal(service->accepting, 1);
    assert_ptr_equal(bus_service_choose(service), b);
    bus_service_lose_worker(a);
    bus_service_lose_worker(b);
    assert_int_equal(service->accepting, 0);
    assert_null(bus_service_choose(service));
    bus_service_remove_worker(&directory, a);
    assert_ptr_equal(bus_service_find_worker(&directory, "b", 1), b);
    assert_null(bus_service_find_worker(&directory, "a", 1));
    bus_directory_fini(&directory);
}

static void
test_services_are_bounded(void **state)
{
    (void)state;
    struct bus_directory directory = {0};
    struct bus_service *kept = bus_service_get(&directory, TEXT_LITERAL("kept"), 3);
    struct bus_worker *worker = add(&directory, kept, "w", 1);
    struct bus_service *idle = bus_service_get(&directory, TEXT_LITERAL("idle"), 3);
    struct bus_service *asked = bus_service_get(&directory, TEXT_LITERAL("asked"), 3);
    struct bus_request waiting = {0};
    bus_request_append(&asked->waiting, &waiting);
    bus_service_release(&directory, asked);
    assert_ptr_equal(bus_service_find(&directory, TEXT_LITERAL("asked")), asked);
    idle->known = true; /* was served once: kept until there is no room */
    bus_service_release(&directory, idle);
    assert_int_equal(directory.service_count, 3);
    assert_non_null(bus_service_get(&directory, TEXT_LITERAL("new"), 3));
    assert_null(bus_service_find(&directory, TEXT_LITERAL("idle")));
    bus_request_append(&bus_service_find(&directory, TEXT_LITERAL("new"))->waiting,
                       &(struct bus_request){0});
    assert_null(bus_service_get(&directory, TEXT_LITERAL("more"), 3));
    assert_non_null(bus_service_get(&directory, TEXT_LITERAL("more"), 4));
    bus_service_remove_worker(&directory, worker);
    bus_directory_fini(&directory);
}

static void
rewrite(const char *in, size_t in_len, const char *want, size_t want_len)
{
    struct buf buf = {0};
    assert_int_equal(mp_scan(in, in_len, NULL), STATUS_OK);
    bus_context_rewrite(&buf, in, in_len, 7);
    assert_int_equal(buf.len, want_len);
    assert_memory_equal(buf.data, want, want_len);
    buf_fini(&buf);
}
#define REWRITE(in, want) rewrite(in, sizeof(in) - 1, want, sizeof(want) - 1)

static void
test_context(void **state)
{
    (void)state;
    REWRITE("\x80", "\x81\xa8"
                    "deadline\x07");
    REWRITE("\x81\xa8"
            "deadline\xcd\x10\x00",
            "\x81\xa8"
            "deadline\x07");
    REWRITE("\xde\x00\x02\xa1"
            "a\x92\x01\x02\xd9\x08"
            "deadline\x01",
            "\x82\xa8"
            "deadline\x07\xa1"
            "a\x92\x01\x02");
    REWRITE("\xdf\x00\x00\x00\x02\xda\x00\x08"
            "deadline\x01\xa9"
            "xdeadline\x01",
            "\x82\xa8"
            "deadline\x07\xa9"
            "xdeadline\x01");
    REWRITE("\x82\xc4\x08"
            "deadline\x01\xa8"
            "deadlinf\x01",
            "\x83\xa8"
            "deadline\x07\xc4\x08"
            "deadline\x01\xa8"
            "deadlinf\x01");
    struct bus_context context;
    struct error error;
    static const char safe[] = "\x82\xa4"
                               "safe\xc3\xa8"
                               "deadline\x05";
    assert_int_equal(bus_context_read(safe, sizeof safe - 1, &context, &error), STATUS_OK);
    assert_true(context.may_repeat);
    assert_int_equal(context.deadline_ms, 5);
    static const char unsafe[] = "\x81\xa4"
                                 "safe\xc2";
    assert_int_equal(bus_context_read(unsafe, sizeof unsafe - 1, &context, &error), STATUS_OK);
    assert_false(context.may_repeat);
    assert_int_equal(context.deadline_ms, INT64_MIN);
    assert_int_equal(bus_context_read("\x93", 1, &context, &error), STATUS_INVALID_ARGUMENT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),   cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_list),    cmocka_unit_test(test_heap),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_choice),
        cmocka_unit_test(test_context), cmocka_unit_test(test_services_are_bounded),
        cmocka_unit_test(test_held),    cmocka_unit_test(test_left_in_heap),
    };
    return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
