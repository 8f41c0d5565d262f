/* The list of statuses, and how a failure is told. */
#include "base/error.h"
#include "testing.h"
#include <string.h>

static const struct {
    crew_status status;
    int value;
    const char *text;
} all[] = {
#define X(name, value, text) {CREW_##name, value, text},
    CREW_STATUSES(X)
#undef X
};
enum { COUNT = sizeof all / sizeof *all };

static void every_status_has_its_value_and_text(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(all[i].status, all[i].value);
        assert_string_equal(crew_status_text(all[i].status), all[i].text);
        assert_true(strlen(all[i].text) > 3);
        assert_true(all[i].text[strlen(all[i].text) - 1] != '.');
        for (int j = 0; j < i; j++)
            assert_string_not_equal(all[i].text, all[j].text);
    }
}

/* 0, -1, -2 ...: a value that was given out once stays where it is. */
static void success_is_0_and_failures_go_down_from_it(void **state)
{
    (void)state;
    assert_int_equal(CREW_OK, 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(all[i].value, -i);
}

static void foreign_values_are_unknown(void **state)
{
    (void)state;
    assert_string_equal(crew_status_text((crew_status)-COUNT), "unknown status");
    assert_string_equal(crew_status_text((crew_status)1), "unknown status");
}

static void a_failure_is_one_line(void **state)
{
    (void)state;
    struct crew_error err = {.status = CREW_OK};
    assert_int_equal(crew_fail(&err, CREW_EINVAL, "lr is %d, must be above %s", -1, "0"),
                     CREW_EINVAL);
    assert_int_equal(err.status, CREW_EINVAL);
    assert_string_equal(err.text, "lr is -1, must be above 0");
    assert_int_equal(crew_fail(NULL, CREW_ENOMEM, "nobody listens"), CREW_ENOMEM);
}

static void a_long_sentence_is_cut_and_terminated(void **state)
{
    (void)state;
    struct crew_error err;
    memset(&err, 'x', sizeof err);
    (void)crew_fail(&err, CREW_EINVAL, "%0600d", 7);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_value_and_text),
        cmocka_unit_test(success_is_0_and_failures_go_down_from_it),
        cmocka_unit_test(foreign_values_are_unknown),
        cmocka_unit_test(a_failure_is_one_line),
        cmocka_unit_test(a_long_sentence_is_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
