/* What a few repeats say, and the rounds of a run in little memory. */
#include "base/mem.h"
#include "study/pairs.h"
#include "study/rounds.h"
#include "testing.h"
#include <math.h>

static void is_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.17g is not within %g of %.17g", a, tolerance, b);
}

/* ---- Spreads ---- */

static void few_values_spread_from_the_least_to_the_largest(void **state)
{
    (void)state;
    double v[] = {3, (double)NAN, 1, 2}, nothing[] = {(double)NAN};
    struct crew_spread s;
    crew_spread_of(v, 4, &s);
    assert_int_equal(s.n, 3);
    is_near(s.median, 2, 0);
    is_near(s.low, 1, 0);
    is_near(s.high, 3, 0);
    assert_true(crew_spread_holds_one(&s));
    crew_spread_of(nothing, 1, &s);
    assert_int_equal(s.n, 0);
    assert_true(isnan(s.median) && isnan(s.low) && isnan(s.high));
    v[0] = 1;
    crew_spread_of(v, 1, &s);
    assert_false(crew_spread_holds_one(&s)); /* one repeat knows nothing of noise */
}

/* From a table of the sign test at 5 %: it leaves out nothing of 8 values, one on each side of
 * 9 to 11, two of 12, five of 20. */
static void many_values_spread_as_the_sign_test_says(void **state)
{
    (void)state;
    static const size_t n[] = {5, 6, 8, 9, 11, 12, 20, 100}, out[] = {0, 0, 0, 1, 1, 2, 5, 39};
    double v[100];
    struct crew_spread s;
    for (size_t k = 0; k < sizeof n / sizeof *n; k++) {
        for (size_t i = 0; i < n[k]; i++)
            v[i] = (double)(n[k] - 1 - i);
        crew_spread_of(v, n[k], &s);
        is_near(s.low, (double)out[k], 0);
        is_near(s.high, (double)(n[k] - 1 - out[k]), 0);
        is_near(s.median, (double)(n[k] - 1) / 2, 1e-12);
    }
}

static void a_quantile_lies_between_its_neighbours(void **state)
{
    (void)state;
    static const double v[] = {0, 10, 20};
    is_near(crew_quantile(v, 3, 0), 0, 0);
    is_near(crew_quantile(v, 3, 0.5), 10, 0);
    is_near(crew_quantile(v, 3, 0.95), 19, 1e-12);
    is_near(crew_quantile(v, 3, 1), 20, 0);
    is_near(crew_quantile(v, 1, 0.95), 0, 0);
}

/* ---- Rounds ---- */

static void many_rounds_share_entries_and_lose_nothing(void **state)
{
    (void)state;
    enum { MANY = 3 * CREW_ROUNDS_ENTRIES, POINTS = 100 };
    struct crew_rounds r;
    struct crew_rounds_entry curve[POINTS];
    double *scratch = crew_alloc(CREW_ROUNDS_ENTRIES * sizeof *scratch), loss = 0;
    const double busy[] = {1, 2};
    assert_non_null(scratch);
    assert_int_equal(crew_rounds_init(&r, NULL), CREW_OK);
    for (uint64_t i = 0; i < MANY; i++) {
        struct crew_record record = {
            .seconds = (double)(i % 8), .loss = (double)i, .n = 2, .busy_s = busy};
        crew_rounds_add(&r, &record);
    }
    assert_int_equal(r.seen, MANY);
    assert_int_equal(r.each, 4);
    assert_int_equal(r.n, MANY / 4);
    assert_int_equal(crew_rounds_curve(&r, curve, POINTS), POINTS);
    is_near(curve[POINTS - 1].seconds, 3.5 * MANY, 0);
    is_near(curve[POINTS - 1].worker_s, 3.0 * MANY, 0);
    for (size_t i = 0; i < r.n; i++)
        loss += r.entry[i].loss / (double)r.n;
    is_near(loss, (MANY - 1) / 2.0, 1e-6 * MANY);
    is_near(crew_rounds_quantile(&r, 1, scratch), 7, 0);
    crew_rounds_clear(&r);
    assert_int_equal(crew_rounds_curve(&r, curve, POINTS), 0);
    assert_true(isnan(crew_rounds_quantile(&r, 0.95, scratch)));
    crew_rounds_free(&r);
    crew_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_values_spread_from_the_least_to_the_largest),
        cmocka_unit_test(many_values_spread_as_the_sign_test_says),
        cmocka_unit_test(a_quantile_lies_between_its_neighbours),
        cmocka_unit_test(many_rounds_share_entries_and_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
