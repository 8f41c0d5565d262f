/* Draws of task times: their moments and distribution, and what they are a function of. SEED=7
 * make prop_speed draws others. */
#include "testing.h"
#include <crew/crew.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/stats.h"
#include "exec/speed.h"

/* Laws with a finite fourth moment, without which the spread of a variance is not known. */
static const struct crew_law laws[] = {
    {CREW_LAW_UNIFORM, 0, 0, 2},       {CREW_LAW_UNIFORM, 1, 3, 4},
    {CREW_LAW_EXP, 0, 0.002, 0},       {CREW_LAW_EXP, 29, 29, 0},
    {CREW_LAW_HALFNORMAL, 0, 2, 0},    {CREW_LAW_HALFNORMAL, 5, 0.1, 0},
    {CREW_LAW_LOGNORMAL, 0, 0.01, .2}, {CREW_LAW_LOGNORMAL, 3, 2, 0.5},
    {CREW_LAW_GAMMA, 0, 1, 2},         {CREW_LAW_GAMMA, 0, 0.3, 1},
    {CREW_LAW_GAMMA, 1, 2.5, 0.1},     {CREW_LAW_GAMMA, 0, 900, 1e-3},
    {CREW_LAW_WEIBULL, 0, 0.8, 1},     {CREW_LAW_WEIBULL, 1, 3, 0.5},
    {CREW_LAW_PARETO, 0, 12, 1},       {CREW_LAW_PARETO, 1, 9, 0.001},
};
enum { LAWS = sizeof laws / sizeof *laws };

static crew_speeds *speeds_of(const struct crew_law *law, uint32_t n)
{
    crew_speeds *s;
    struct crew_error err;
    if (crew_speeds_create(law, n, &s, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return s;
}

static double draw(crew_speeds *s, uint32_t i, uint64_t seed, uint64_t round, uint32_t nth)
{
    uint32_t flags = 9;
    struct crew_draw d = {.seed = seed, .round = round, .nth = nth, .work = 1};
    double x = crew_speeds_draw(s, i, &d, &flags);
    assert_true(flags == 0 && x > 0 && isfinite(x));
    return x;
}

/* ---- Moments ---- */

/* Gamma(1 + 2 / shape) - Gamma(1 + 1 / shape)^2, which are nearly equal when shape is large. */
static double weibull_variance(double shape)
{
    int sign;
    double first = lgamma_r(1 + 1 / shape, &sign), second = lgamma_r(1 + 2 / shape, &sign);
    return fmax(0, exp(2 * first) * expm1(second - 2 * first));
}

static double variance_of(const struct crew_law *law)
{
    double a = law->a, b = law->b;
    switch (law->kind) {
    case CREW_LAW_UNIFORM:
        return (b - a) * (b - a) / 12;
    case CREW_LAW_EXP:
        return a * a;
    case CREW_LAW_HALFNORMAL:
        return a * a * (1 - 2 / acos(-1));
    case CREW_LAW_LOGNORMAL:
        return a * a * exp(b * b) * expm1(b * b);
    case CREW_LAW_GAMMA:
        return a * b * b;
    case CREW_LAW_WEIBULL:
        return b * b * weibull_variance(a);
    case CREW_LAW_PARETO:
        return b / (a - 1) * (b / (a - 1)) * (a / (a - 2));
    default:
        fail();
        return 0;
    }
}

static void means_and_variances_are_those_of_the_formulas(void **state)
{
    (void)state;
    enum { ROUNDS = 25000, TASKS = 10 };
    const double n = ROUNDS * TASKS;
    crew_speeds *s = speeds_of(laws, LAWS);
    for (uint32_t i = 0; i < LAWS; i++) {
        double mean = crew_law_mean(&laws[i]), variance = variance_of(&laws[i]);
        struct crew_stats sum = {0}, squares = {0};
        assert_true(crew_speeds_mean(s, i, 1, 0) == mean);
        for (uint64_t round = 1; round <= ROUNDS; round++) {
            for (uint32_t nth = 0; nth < TASKS; nth++) {
                double x = draw(s, i, test_seed(), round, nth);
                assert_true(x >= laws[i].shift);
                crew_stats_add(&sum, x);
                crew_stats_add(&squares, (x - mean) * (x - mean));
            }
        }
        double off = (sum.mean - mean) / sqrt(variance / n);
        double off2 = (squares.mean - variance) / (crew_stats_sd(&squares) / sqrt(n));
        if (!(fabs(off) < 5 && fabs(off2) < 5))
            fail_msg("law %u: mean %g off by %.2f, variance %g by %.2f standard errors", i,
                     mean, off, variance, off2);
    }
    crew_speeds_destroy(s);
}

/* ---- Distributions ---- */

/* P(gamma <= x) by its series. Source: Abramowitz and Stegun, 6.5.29. */
static double gamma_cdf(double shape, double x)
{
    double term = exp(shape * log(x) - x - lgamma(shape + 1)), sum = 0;
    for (int k = 1; term > 1e-17 * sum; k++) {
        sum += term;
        term *= x / (shape + k);
    }
    return sum;
}

/* P(time <= x), by definitions that share nothing with the draws. */
static double cdf(const struct crew_law *law, double x)
{
    double a = law->a, b = law->b, y = x - law->shift;
    switch (law->kind) {
    case CREW_LAW_UNIFORM:
        return (y - a) / (b - a);
    case CREW_LAW_EXP:
        return -expm1(-y / a);
    case CREW_LAW_HALFNORMAL:
        return erf(y / a / sqrt(2));
    case CREW_LAW_LOGNORMAL:
        return erfc(-log(y / a) / b / sqrt(2)) / 2;
    case CREW_LAW_GAMMA:
        return gamma_cdf(a, y / b);
    case CREW_LAW_WEIBULL:
        return -expm1(-pow(y / b, a));
    case CREW_LAW_PARETO:
        return -expm1(a * log(b / y));
    default:
        fail();
        return 0;
    }
}

/* Kolmogorov and Smirnov: sqrt(n) sup |F - F_n| exceeds 2.6 with a probability of 2 exp(-2 *
 * 2.6^2) = 3e-6. On bins, which makes it a little smaller. */
static void draws_follow_their_distribution(void **state)
{
    (void)state;
    enum { BINS = 1000, DRAWS = 100000 };
    static const struct crew_law more[] = {
        {CREW_LAW_PARETO, 0, 1.1, 1},   {CREW_LAW_LOGNORMAL, 0, 1, 3},
        {CREW_LAW_WEIBULL, 0, 0.2, 1},  {CREW_LAW_GAMMA, 0, 0.05, 1},
        {CREW_LAW_GAMMA, 0, 0.999, 10}, {CREW_LAW_GAMMA, 0, 1.001, 10},
    };
    struct crew_law all[LAWS + 6];
    memcpy(all, laws, sizeof laws);
    memcpy(all + LAWS, more, sizeof more);
    crew_speeds *s = speeds_of(all, LAWS + 6);
    for (uint32_t i = 0; i < LAWS + 6; i++) {
        double bin[BINS] = {0}, below = 0, most = 0;
        for (uint64_t round = 1; round <= DRAWS; round++) {
            double p = cdf(&all[i], draw(s, i, test_seed(), round, 0));
            assert_true(p >= -1e-9 && p <= 1 + 1e-9);
            bin[(int)(fmin(fmax(p, 0), 1) * (BINS - 1e-6))]++;
        }
        /* No draw is below 1e-12 s, where 1 in 4 of a gamma law of shape 0.05 would be. */
        double least = cdf(&all[i], all[i].shift + 1e-12);
        for (int k = 0; k < BINS; k++) {
            below += bin[k];
            if ((k + 1.0) / BINS > least)
                most = fmax(most, fabs(below / DRAWS - (k + 1.0) / BINS));
        }
        if (!(sqrt(DRAWS) * most < 2.6))
            fail_msg("law %u: sqrt(n) D = %g", i, sqrt(DRAWS) * most);
    }
    crew_speeds_destroy(s);
}

/* ---- What a draw is a function of ---- */

enum { WORKERS = 7, ROUNDS = 50, TASKS = 5 };

static void the_order_of_draws_does_not_matter(void **state)
{
    (void)state;
    crew_speeds *s, *other;
    struct crew_error err;
    static const char spec[] = "exp(1,2) gamma(0.5,1) 2*lognormal(1,1) halfnormal(1) "
                               "pareto(3,1) 1+gamma(7,1)";
    static double x[WORKERS][ROUNDS][TASKS];
    assert_int_equal(crew_speeds_parse(spec, false, &s, &err), CREW_OK);
    assert_int_equal(crew_speeds_parse(spec, true, &other, &err), CREW_OK);
    assert_int_equal(crew_speeds_n(s), WORKERS);
    for (uint32_t i = 0; i < WORKERS; i++)
        for (uint32_t round = 0; round < ROUNDS; round++)
            for (uint32_t nth = 0; nth < TASKS; nth++)
                x[i][round][nth] = draw(s, i, 5, round + 1, nth);
    for (uint64_t k = 0; k < 5000; k++) {
        uint64_t r = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 0, k);
        uint32_t i = (uint32_t)(r % WORKERS), round = (uint32_t)((r >> 16) % ROUNDS),
                 nth = (uint32_t)((r >> 32) % TASKS);
        assert_true(draw(other, i, 5, round + 1, nth) == x[i][round][nth]);
    }
    crew_speeds_destroy(s);
    crew_speeds_destroy(other);
}

/* The same law gives the same times, alone or one of many, by a text or by a list. */
static void the_other_workers_do_not_matter(void **state)
{
    (void)state;
    crew_speeds *all = speeds_of(laws, LAWS), *s;
    struct crew_error err;
    assert_int_equal(crew_speeds_parse("9*1 exp(0,2ms) 4", false, &s, &err), CREW_OK);
    struct crew_law exponentials[10];
    for (int i = 0; i < 10; i++)
        exponentials[i] = laws[2];
    crew_speeds *many = speeds_of(exponentials, 10);
    for (uint64_t round = 1; round <= 1000; round++) {
        assert_true(draw(s, 9, 3, round, 2) == draw(many, 9, 3, round, 2));
        assert_true(draw(all, 2, 3, round, 2) == draw(many, 2, 3, round, 2));
    }
    crew_speeds_destroy(all);
    crew_speeds_destroy(s);
    crew_speeds_destroy(many);
}

static double correlation(const double *x, const double *y, int n)
{
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    for (int k = 0; k < n; k++) {
        sx += x[k];
        sy += y[k];
        sxx += x[k] * x[k];
        syy += y[k] * y[k];
        sxy += x[k] * y[k];
    }
    return (sxy - sx * sy / n) / sqrt((sxx - sx * sx / n) * (syy - sy * sy / n));
}

static void draws_of_other_names_are_unrelated(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    static double x[DRAWS], y[4][DRAWS];
    static const struct crew_law kinds[] = {
        {CREW_LAW_EXP, 0, 1, 0}, {CREW_LAW_GAMMA, 0, 0.7, 1}, {CREW_LAW_LOGNORMAL, 0, 1, 0.5}};
    for (int kind = 0; kind < 3; kind++) {
        const struct crew_law pair[] = {kinds[kind], kinds[kind]};
        crew_speeds *s = speeds_of(pair, 2);
        uint64_t seed = test_seed();
        for (uint64_t k = 0; k < DRAWS; k++) {
            x[k] = draw(s, 0, seed, 2 * k + 1, 0);
            y[0][k] = draw(s, 0, seed, 2 * k + 1, 1);
            y[1][k] = draw(s, 0, seed, 2 * k + 2, 0);
            y[2][k] = draw(s, 1, seed, 2 * k + 1, 0);
            y[3][k] = draw(s, 0, seed + 1, 2 * k + 1, 0);
            for (int other = 0; other < 4; other++)
                assert_true(x[k] != y[other][k]);
        }
        for (int other = 0; other < 4; other++) {
            double r = correlation(x, y[other], DRAWS) * sqrt(DRAWS);
            if (!(fabs(r) < 5))
                fail_msg("law %d, name %d: %g standard errors", kind, other, r);
        }
        crew_speeds_destroy(s);
    }
}

static void time_is_proportional_to_work(void **state)
{
    (void)state;
    crew_speeds *s = speeds_of(laws, LAWS);
    for (uint32_t i = 0; i < LAWS; i++)
        for (uint64_t round = 1; round <= 100; round++) {
            double work = crew_rng_unit(test_seed(), CREW_STREAM_TEST, i, round) + 1e-3;
            uint32_t flags;
            struct crew_draw d = {.seed = 1, .round = round, .work = work};
            double x = crew_speeds_draw(s, i, &d, &flags);
            assert_true(x == work * draw(s, i, 1, round, 0));
        }
    crew_speeds_destroy(s);
}

/* A law that changes gives what the law of that moment would give: nothing is used up. */
static void a_changing_worker_draws_from_the_law_of_the_moment(void **state)
{
    (void)state;
    crew_speeds *s, *first, *second;
    struct crew_error err;
    assert_int_equal(crew_speeds_parse("exp(1,1)@0..50,gamma(2,1)@50..", false, &s, &err), 0);
    assert_int_equal(crew_speeds_parse("exp(1,1)", false, &first, &err), 0);
    assert_int_equal(crew_speeds_parse("gamma(2,1)", false, &second, &err), 0);
    for (uint64_t round = 1; round <= 100; round++)
        assert_true(draw(s, 0, 1, round, 3) ==
                    draw(round < 50 ? first : second, 0, 1, round, 3));
    crew_speeds_destroy(s);
    crew_speeds_destroy(first);
    crew_speeds_destroy(second);
}

/* ---- Text ---- */

static int print_law(const struct crew_law *law, char *out, size_t cap)
{
    static const char *const numbers[] = {
        [CREW_LAW_UNIFORM] = "%.17g+uniform(%.17gs,%.17g)",
        [CREW_LAW_EXP] = "exp(%.17gs, %.17g )",
        [CREW_LAW_HALFNORMAL] = "%.17gs+halfnormal(%.17g)",
        [CREW_LAW_LOGNORMAL] = "%.17g+lognormal(%.17gs,%.17g)",
        [CREW_LAW_GAMMA] = "%.17gs+gamma(%.17g,%.17gs)",
        [CREW_LAW_WEIBULL] = "%.17g+weibull( %.17g,%.17g )",
        [CREW_LAW_PARETO] = "%.17g+pareto(%.17g,%.17gs)",
    };
    return snprintf(out, cap, numbers[law->kind], law->shift, law->a, law->b);
}

static void a_printed_law_is_read_back_exactly(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 3000; k++) {
        uint64_t r = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 1, 4 * k);
        double u[3];
        for (int j = 0; j < 3; j++)
            u[j] = crew_rng_unit(test_seed(), CREW_STREAM_TEST, 1, 4 * k + 1 + (unsigned)j);
        struct crew_law law = {(enum crew_law_kind)(1 + r % CREW_LAW_PARETO), u[0],
                               0.1 + 4 * u[1], 0.1 + 3 * u[2]};
        if (law.kind == CREW_LAW_UNIFORM)
            law.b += law.a;
        law.a += law.kind == CREW_LAW_PARETO;
        char text[160];
        struct crew_error err;
        crew_speeds *read, *s = speeds_of(&law, 1);
        print_law(&law, text, sizeof text);
        if (crew_speeds_parse(text, false, &read, &err) != CREW_OK)
            fail_msg("%s", err.text);
        assert_true(crew_speeds_mean(read, 0, 1, 0) == crew_law_mean(&law));
        assert_true(draw(read, 0, 1, 1, 0) == draw(s, 0, 1, 1, 0));
        crew_speeds_destroy(read);
        crew_speeds_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_and_variances_are_those_of_the_formulas),
        cmocka_unit_test(draws_follow_their_distribution),
        cmocka_unit_test(the_order_of_draws_does_not_matter),
        cmocka_unit_test(the_other_workers_do_not_matter),
        cmocka_unit_test(draws_of_other_names_are_unrelated),
        cmocka_unit_test(time_is_proportional_to_work),
        cmocka_unit_test(a_changing_worker_draws_from_the_law_of_the_moment),
        cmocka_unit_test(a_printed_law_is_read_back_exactly),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
