/* What a comparison makes of its runs: ratios, spreads, whether the weights are the same. */
#include "testing.h"

#include "study/compare.h"
#include <math.h>

static void is_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.17g is not within %g of %.17g", a, tolerance, b);
}

static struct crew_comparison_run made_up(double train_s, uint64_t digest)
{
    return (struct crew_comparison_run){
        .finished = true, .train_s = train_s, .worker_s = 1, .weights_digest = digest};
}

static struct crew_comparison of_two(struct crew_comparison_policy *p, uint32_t repeats)
{
    return (struct crew_comparison){.n_policies = 2,
                                    .policy = p,
                                    .repeats = repeats,
                                    .target_loss = (double)NAN,
                                    .target_accuracy = (double)NAN};
}

static void ratios_are_taken_within_each_repeat(void **state)
{
    (void)state;
    struct crew_comparison_run a[] = {made_up(1, 7), made_up(10, 7), made_up(100, 7)},
                               b[] = {made_up(2, 7), made_up(30, 7), made_up(150, 7)};
    struct crew_comparison_policy p[] = {{.policy = "a", .run = a}, {.policy = "b", .run = b}};
    struct crew_comparison c = of_two(p, 3);
    crew_comparison_summarise(&c, false);
    is_near(p[1].ratio_train.median, 2, 1e-12); /* of 2, 3, 1.5; all seconds: 182 / 111 */
    is_near(p[1].ratio_train.low, 1.5, 1e-12);
    is_near(p[1].ratio_train.high, 3, 1e-12);
    is_near(p[1].median[CREW_FIGURE_TRAIN], 30, 0);
    assert_true(
        crew_spread_holds_one(&p[1].ratio_train)); /* three on one side are not enough */
    a[2].finished = false;
    b[0].train_s = 0.5;
    crew_comparison_summarise(&c, false);
    assert_int_equal(p[1].ratio_train.n, 2); /* 0.5, 3 */
    assert_true(crew_spread_holds_one(&p[1].ratio_train));
    b[1].train_s = b[2].train_s = 0.5;
    crew_comparison_summarise(&c, true);
    assert_int_equal(c.against, 1);
}

/* A run that ended before the target has seconds, but not those to the target. */
static void ratios_are_of_runs_that_did_the_same_work(void **state)
{
    (void)state;
    struct crew_comparison_run a[] = {made_up(4, 7), made_up(4, 7), made_up(4, 7)},
                               b[] = {made_up(1, 7), made_up(2, 7), made_up(3, 7)};
    struct crew_comparison_policy p[] = {{.policy = "a", .run = a}, {.policy = "b", .run = b}};
    struct crew_comparison c = of_two(p, 3);
    b[0].timed_out = true; /* not: a quarter of the time */
    crew_comparison_summarise(&c, false);
    assert_int_equal(p[1].ratio_train.n, 2);
    is_near(p[1].ratio_train.low, 0.5, 0);
    c.target_loss = 1;
    a[0].reached = a[1].reached = a[2].reached = b[2].reached = true;
    crew_comparison_summarise(&c, true);
    assert_int_equal(c.against, 0); /* b is faster, but seldom gets there */
    assert_int_equal(p[1].ratio_train.n, 1);
    is_near(p[1].ratio_train.median, 0.75, 0);
    b[2].reached = false;
    crew_comparison_summarise(&c, false);
    assert_true(p[1].ratio_train.n == 0 && isnan(p[1].ratio_train.median));
    b[0].reached = true; /* in the very round that passed the limit */
    crew_comparison_summarise(&c, false);
    is_near(p[1].ratio_train.median, 0.25, 0);
}

static void other_weights_are_found(void **state)
{
    (void)state;
    struct crew_comparison_run a[] = {made_up(1, 7), made_up(1, 7)},
                               b[] = {made_up(1, 7), made_up(1, 7)};
    struct crew_comparison_policy p[] = {{.policy = "a", .run = a}, {.policy = "b", .run = b}};
    struct crew_comparison c = of_two(p, 2);
    crew_comparison_summarise(&c, false);
    assert_int_equal(c.same, CREW_SAME_YES);
    b[1].weights_digest = 8;
    crew_comparison_summarise(&c, false);
    assert_int_equal(c.same, CREW_SAME_NO);
    assert_true(p[1].other_weights && !p[0].other_weights);
    p[1].other_weights = false;
    b[1].dropped = 1; /* or cut off: it may */
    crew_comparison_summarise(&c, false);
    assert_int_equal(c.same, CREW_SAME_YES);
    b[1].dropped = 0;
    b[1].timed_out = b[0].timed_out = a[1].timed_out = true;
    crew_comparison_summarise(&c, false);
    assert_int_equal(c.same, CREW_SAME_UNKNOWN);
    a[1] =
        made_up(1, 9); /* another repeat in virtual time has another seed, in real time not */
    c.virtual_time = true;
    crew_comparison_summarise(&c, false);
    assert_int_equal(c.same, CREW_SAME_UNKNOWN);
    c.virtual_time = false;
    crew_comparison_summarise(&c, false);
    assert_int_equal(c.same, CREW_SAME_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ratios_are_taken_within_each_repeat),
        cmocka_unit_test(ratios_are_of_runs_that_did_the_same_work),
        cmocka_unit_test(other_weights_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
