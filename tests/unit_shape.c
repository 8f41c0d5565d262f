/* The shape of the noise and the forecasts made of it, beside what is known in closed form. */
#include "base/rng.h"
#include "policy/forecast.h"
#include "policy/shape.h"
#include "testing.h"
#include <math.h>
#include <string.h>

enum { TASKS = 10000 };

static double unit(uint64_t index)
{
    return crew_rng_unit(test_seed(), CREW_STREAM_TEST, 4, index);
}

/* Laws by their quantiles; means 1. */
static double always(double u)
{
    (void)u;
    return 1;
}

static double exponential(double u)
{
    return -log(1 - u);
}

static double even(double u)
{
    return 2 * u;
}

static double half_exponential(double u)
{
    return 0.5 + 0.5 * exponential(u);
}

static double nearly_always(double u)
{
    return 0.95 + 0.05 * exponential(u);
}

static struct crew_shape shape_of(double (*law)(double))
{
    struct crew_shape s;
    memset(&s, 0, sizeof s);
    for (int k = 0; k < TASKS; k++)
        crew_shape_add(&s, law((k + 0.5) / TASKS));
    crew_shape_fit(&s);
    assert_true(crew_shape_valid(&s));
    return s;
}

static void near(double got, double want, double by, const char *what, double where)
{
    if (!(fabs(got - want) <= by))
        fail_msg("%s at %g is %g, not %g", what, where, got, want);
}

/* A Poisson process does t tasks in a time t. Of times even in 0..2 the renewal function is
 * e^(t / 2) - 1 up to 2. Of constant times it counts them. The lattice errs by up to 1 / 64. */
static void tasks_done_are_those_of_known_laws(void **state)
{
    (void)state;
    struct crew_shape poisson = shape_of(exponential), uniform = shape_of(even),
                      constant = shape_of(always);
    for (double t = 0; t < 20; t += 0.3)
        near(crew_shape_done(&poisson, t), t, 0.02 + 0.01 * t, "exponential", t);
    for (double t = 0; t < 2; t += 0.1)
        near(crew_shape_done(&uniform, t), exp(t / 2) - 1, 0.02, "uniform", t);
    for (double t = 0.5; t < 7; t++)
        near(crew_shape_done(&constant, t), floor(t), 0.01, "constant", t);
    double before = 0;
    for (double t = 0; t < 30; t += 0.01) {
        double done = crew_shape_done(&constant, t);
        assert_true(done >= before && done <= before + 1);
        before = done;
    }
}

/* Exponential: y > t is t + 1 on average, and a share 1 - e^-t is done by t. */
static void a_task_cut_short_stands_for_the_mean_of_those_as_long(void **state)
{
    (void)state;
    struct crew_shape s = shape_of(exponential);
    for (double t = 0.1; t < 3; t += 0.1) {
        struct crew_shape_cut cut = crew_shape_cut(&s, t);
        near(cut.weight, 1 - exp(-t), 0.01, "weight", t);
        near(cut.y, 1 + t / (1 - exp(-t)), 0.04, "time", t);
    }
    s = shape_of(half_exponential);
    assert_true(crew_shape_cut(&s, 0.3).weight == 0); /* nobody is done by then */
    struct crew_shape_cut late = crew_shape_cut(&s, 100);
    assert_true(late.weight == 1 && late.y >= 100 && late.y <= 200);
}

/* Whenever a task is cut, kept ones and stand-ins together say "as expected", of any shape; so
 * they do for tasks that take twice as long, only if that is their mean. */
static void kept_tasks_and_stand_ins_have_the_true_mean(void **state)
{
    (void)state;
    double (*const laws[])(double) = {exponential, even, half_exponential, nearly_always};
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++) {
        struct crew_shape s = shape_of(laws[k]);
        for (int slow = 1; slow <= 2; slow++) {
            double sum = 0, squares = 0;
            for (uint64_t j = 0; j < TASKS; j++) {
                double y = slow * laws[k](unit(2 * j)), until = 3 * unit(2 * j + 1);
                struct crew_shape_cut cut = crew_shape_cut(&s, until);
                double r = y <= until ? y - 1 : cut.weight * (cut.y - 1);
                sum += r;
                squares += r * r;
            }
            double z = sum / sqrt(squares);
            if (slow == 1 ? !(fabs(z) < 5) : !(z > 20))
                fail_msg("law %zu, %d times the mean: %g standard errors", k, slow, z);
        }
    }
}

static void one_outlier_is_chance_and_several_count(void **state)
{
    (void)state;
    struct crew_shape s = shape_of(half_exponential);
    double none = crew_shape_outliers(&s);
    crew_shape_add(&s, 508);
    near(crew_shape_outliers(&s), none, 0.001, "outliers", 1);
    for (int k = 0; k < 4; k++)
        crew_shape_add(&s, 508);
    near(crew_shape_outliers(&s), 4 * 500.0 / TASKS, 0.001, "outliers", 5);
}

static void what_no_shape_can_be_is_seen(void **state)
{
    (void)state;
    struct crew_shape good = shape_of(exponential), s = good;
    s.count[3] = -1;
    assert_false(crew_shape_valid(&s));
    s.count[3] = (double)NAN;
    assert_false(crew_shape_valid(&s));
    s = good;
    s.tasks *= 2;
    assert_false(crew_shape_valid(&s));
    s = good;
    s.longest = s.beyond + 1;
    assert_false(crew_shape_valid(&s));
    s.longest = s.beyond = HUGE_VAL;
    assert_false(crew_shape_valid(&s));
    crew_shape_add(&good, (double)NAN);
    crew_shape_add(&good, HUGE_VAL);
    assert_true(crew_shape_valid(&good));
}

/* ---- Rounds ---- */

enum { N = 12, ROUNDS = 400 };

/* Until `tasks` are done by m workers that never rest. */
static double greedy_round(double (*law)(double), const double *mean_s, uint32_t m,
                           uint64_t tasks, uint64_t *drawn)
{
    double done_s[N], last = 0;
    for (uint32_t i = 0; i < m; i++)
        done_s[i] = mean_s[i] * law(unit((*drawn)++));
    for (uint64_t k = 0; k < tasks; k++) {
        uint32_t first = 0;
        for (uint32_t i = 1; i < m; i++)
            first = done_s[i] < done_s[first] ? i : first;
        last = done_s[first];
        done_s[first] += mean_s[first] * law(unit((*drawn)++));
    }
    return last;
}

/* Means of 400 rounds, of standard error below 1.5 %. */
static void forecasts_are_near_the_means_of_rounds(void **state)
{
    (void)state;
    static const uint64_t counts[] = {1, 5, 23, 200};
    double (*const laws[])(double) = {exponential, even, half_exponential, nearly_always};
    uint64_t drawn = 0;
    uint32_t who[N];
    double mean_s[N];
    for (uint32_t i = 0; i < N; i++) {
        who[i] = i;
        mean_s[i] = 1e-3 * sqrt(1 + i);
    }
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++) {
        struct crew_shape s = shape_of(laws[k]);
        for (size_t b = 1; b < sizeof counts / sizeof *counts; b++)
            for (uint32_t m = 1; m <= N; m += m + 1) {
                double sum = 0, said = crew_forecast_greedy(&s, mean_s, who, m, counts[b]);
                for (int r = 0; r < ROUNDS; r++)
                    sum += greedy_round(laws[k], mean_s, m, counts[b], &drawn);
                if (!(fabs(said * ROUNDS / sum - 1) < 0.08))
                    fail_msg("law %zu, %u workers, %d tasks: %g, not %g", k, m, (int)counts[b],
                             said, sum / ROUNDS);
            }
    }
}

static void a_plans_forecast_is_near_the_mean_of_rounds(void **state)
{
    (void)state;
    static const uint64_t quota[N] = {5, 3, 3, 2, 2, 0, 1, 1, 1, 1, 1, 1};
    static const struct {
        double (*law)(double);
        double cv, by;
    } cases[] = {{half_exponential, 0.5, 0.08},
                 {even, 0.577, 0.1},
                 {nearly_always, 0.05, 0.02},
                 {always, 0, 1e-9}};
    uint64_t drawn = 1 << 30;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double mean_s[N], sum = 0;
        for (uint32_t i = 0; i < N; i++)
            mean_s[i] = 1e-3 * sqrt(1 + i);
        double said = crew_forecast_planned(mean_s, quota, N, cases[k].cv);
        for (int r = 0; r < ROUNDS; r++) {
            double longest = 0;
            for (uint32_t i = 0; i < N; i++) {
                double s = 0;
                for (uint64_t j = 0; j < quota[i]; j++)
                    s += mean_s[i] * cases[k].law(unit(drawn++));
                longest = fmax(longest, s);
            }
            sum += longest;
        }
        near(said * ROUNDS / sum, 1, cases[k].by, "forecast / mean of law", (double)k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_done_are_those_of_known_laws),
        cmocka_unit_test(a_task_cut_short_stands_for_the_mean_of_those_as_long),
        cmocka_unit_test(kept_tasks_and_stand_ins_have_the_true_mean),
        cmocka_unit_test(one_outlier_is_chance_and_several_count),
        cmocka_unit_test(what_no_shape_can_be_is_seen),
        cmocka_unit_test(forecasts_are_near_the_means_of_rounds),
        cmocka_unit_test(a_plans_forecast_is_near_the_mean_of_rounds),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
