/* What a few repeats say, and the rounds of a run in little memory. */
#include "base/mem.h"
#include "base/rng.h"
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

/* Two policies that are the same: noise of 20 %, as many pairs as one likes. Whoever looks at
 * the sign alone is wrong 1 time in 2 of two pairs, 1 in 4 of three; here it is 1 in 20 at
 * most, give or take three standard deviations of 4000 trials. Half the time is another thing.
 */
static void few_repeats_do_not_tell_a_policy_from_itself(void **state)
{
    (void)state;
    enum { TRIALS = 4000 };
    for (size_t n = 2; n <= 12; n++) {
        uint32_t wrong = 0, missed = 0;
        for (uint64_t trial = 0; trial < TRIALS; trial++) {
            double same[12], half[12];
            struct crew_spread s;
            for (size_t i = 0; i < n; i++) {
                double u = 0; /* twelve uniform numbers: nearly normal, standard deviation 1 */
                for (uint32_t k = 0; k < 12; k++)
                    u += crew_rng_unit(test_seed(), CREW_STREAM_TEST, (uint32_t)n,
                                       (trial * 12 + i) * 12 + k) -
                         0.5;
                same[i] = exp(0.2 * u);
                half[i] = 0.5 * exp(0.01 * u);
            }
            crew_spread_of(same, n, &s);
            wrong += !crew_spread_holds_one(&s);
            assert_true(s.sure_low <= s.low && s.high <= s.sure_high);
            crew_spread_of(half, n, &s);
            missed += crew_spread_holds_one(&s);
        }
        if (wrong > TRIALS * 0.05 + 3 * sqrt(TRIALS * 0.05 * 0.95) || missed > TRIALS / 50)
            fail_msg("%zu pairs: %u of %d wrong, %u missed", n, wrong, TRIALS, missed);
    }
}

static void a_ratio_that_is_constant_is_no_noise(void **state)
{
    (void)state;
    double half[] = {0.5, 0.5, 0.5}, one[] = {1, 1, 1}, none[] = {0, 1, 2};
    struct crew_spread s;
    crew_spread_of(half, 3, &s);
    assert_false(crew_spread_holds_one(&s));
    is_near(s.sure_high, 0.5, 1e-15);
    crew_spread_of(one, 3, &s);
    assert_true(crew_spread_holds_one(&s));
    crew_spread_of(none, 3, &s); /* no ratio: nothing is known */
    assert_true(s.sure_low == 0 && isinf(s.sure_high));
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

/* Rounds of 3 s, every fourth, the last of an epoch, of 1 s. Whoever keeps every fourth keeps
 * only those. */
static void thinning_has_no_period(void **state)
{
    (void)state;
    struct crew_rounds r;
    double *scratch = crew_alloc(CREW_ROUNDS_ENTRIES * sizeof *scratch), share = 0;
    assert_non_null(scratch);
    assert_int_equal(crew_rounds_init(&r, NULL), CREW_OK);
    for (uint64_t i = 1; i <= 4 * CREW_ROUNDS_ENTRIES; i++) {
        struct crew_record record = {.seconds = i % 4 ? 3 : 1};
        crew_rounds_add(&r, &record);
    }
    assert_int_equal(r.each, 4);
    for (size_t i = 0; i < r.n; i++)
        share += (r.entry[i].round_s == 1) / (double)r.n;
    is_near(share, 0.25, 0.01); /* of 32768: four standard deviations */
    is_near(crew_rounds_quantile(&r, 0.95, scratch), 3, 0);
    crew_rounds_free(&r);
    crew_free(scratch);
}

static void a_lot_is_fair(void **state)
{
    (void)state;
    uint64_t lot = 0;
    uint32_t seen[3] = {0};
    for (int i = 0; i < 30000; i++)
        seen[crew_lot(&lot, 3)]++;
    for (int k = 0; k < 3; k++)
        is_near(seen[k], 10000, 4 * 82);
}

int main(void)
{
    test_print_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_values_spread_from_the_least_to_the_largest),
        cmocka_unit_test(many_values_spread_as_the_sign_test_says),
        cmocka_unit_test(few_repeats_do_not_tell_a_policy_from_itself),
        cmocka_unit_test(a_ratio_that_is_constant_is_no_noise),
        cmocka_unit_test(a_quantile_lies_between_its_neighbours),
        cmocka_unit_test(many_rounds_share_entries_and_lose_nothing),
        cmocka_unit_test(thinning_has_no_period),
        cmocka_unit_test(a_lot_is_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
