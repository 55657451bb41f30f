// LINK: common/client/cursor.c common/log/topic.c common/base/text.c common/base/status.c
/* Places kept in a file: through restarts, cut lines, growth, and files of others.
 * It must not know the log. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/client/cursor.h"

static char directory[] = "/tmp/cbm-cursor-XXXXXX";
static char path[64];

static int
set_up(void **state)
{
    (void)state;
    if (!directory[0] || !mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/cursor", directory);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static void
write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void
test_keeps(void **state)
{
    (void)state;
    struct cursor cursor;
    struct error error;
    unlink(path);
    assert_int_equal(cursor_open(&cursor, path, &error), STATUS_OK);
    assert_int_equal(cursor_seq(&cursor, "events."), -1);
    assert_int_equal(cursor_put(&cursor, "events.", 5), 0);
    assert_int_equal(cursor_put(&cursor, "", 7), 0);
    assert_int_equal(cursor_put(&cursor, "events.", 12), 0);
    assert_int_equal(cursor_sync(&cursor), 0);
    assert_int_equal(cursor_seq(&cursor, "events."), 12);
    cursor_close(&cursor);
    assert_int_equal(cursor_open(&cursor, path, &error), STATUS_OK);
    assert_int_equal(cursor_seq(&cursor, "events."), 12);
    assert_int_equal(cursor_seq(&cursor, ""), 7);
    assert_int_equal(cursor_seq(&cursor, "plan."), -1);
    cursor_close(&cursor);
}

static void
test_cut(void **state)
{
    (void)state;
    struct cursor cursor;
    struct error error;
    write_file(
        "cbm-cursor 1\n5 events.\nnonsense\n-3 events.\n9 eve\n99999999999999999999 events.\n"
        "6 events.\n700 events");
    assert_int_equal(cursor_open(&cursor, path, &error), STATUS_OK);
    assert_int_equal(cursor_seq(&cursor, "events."), 6);
    assert_int_equal(cursor_put(&cursor, "events.", 8), 0);
    cursor_close(&cursor);
    assert_int_equal(cursor_open(&cursor, path, &error), STATUS_OK);
    assert_int_equal(cursor_seq(&cursor, "events."), 8);
    cursor_close(&cursor);
}

static void
test_refused(void **state)
{
    (void)state;
    struct cursor cursor;
    struct error error;
    write_file("a diary\n");
    assert_int_equal(cursor_open(&cursor, path, &error), STATUS_INVALID_ARGUMENT);
    assert_int_equal(cursor_open(&cursor, "/nowhere/cursor", &error), STATUS_INVALID_ARGUMENT);
    write_file("");
    assert_int_equal(cursor_open(&cursor, path, &error), STATUS_OK);
    cursor_close(&cursor);
}

static void
test_grows(void **state)
{
    (void)state;
    struct cursor cursor;
    struct error error;
    struct stat status;
    unlink(path);
    assert_int_equal(cursor_open(&cursor, path, &error), STATUS_OK);
    for (int64_t seq = 1; seq <= 50000; seq++)
        assert_int_equal(cursor_put(&cursor, "events.economic.", seq), 0);
    cursor_close(&cursor);
    assert_int_equal(stat(path, &status), 0);
    assert_in_range(status.st_size, 1, 300 * 1024);
    assert_int_equal(cursor_open(&cursor, path, &error), STATUS_OK);
    assert_int_equal(cursor_seq(&cursor, "events.economic."), 50000);
    cursor_close(&cursor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_grows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
