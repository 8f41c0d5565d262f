/* The experiments: their laws and sizes, and machines whose speeds change.
 * Source of the former: Maranjyan, Saad, Richtarik, Orabona, "ATA: Adaptive Task Allocation for
 * Efficient Resource Management in Distributed Machine Learning", ICML 2025, arXiv:2502.00775.
 */
#include "study/scenario.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "study/simulate.h"
#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* ---- The experiments of the ATA paper: task times of worker j of n, from 0; the paper counts
 * from 1 ---- */

static struct crew_law root(uint32_t j, uint32_t n)
{
    (void)n;
    double half = 29 * sqrt(j + 1.0);
    return (struct crew_law){CREW_LAW_EXP, half, half, 0};
}

static struct crew_law linear(uint32_t j, uint32_t n)
{
    (void)n;
    double half = 29 * (j + 1.0);
    return (struct crew_law){CREW_LAW_EXP, half, half, 0};
}

/* Five laws of the same mean, each on top of a constant of that size. */
static struct crew_law mixed(uint32_t j, uint32_t n)
{
    (void)n;
    double m = 29 * (5.0 * (j / 5) + 1);
    switch (j % 5) {
    case 0:
        return (struct crew_law){CREW_LAW_EXP, m, m, 0};
    case 1:
        return (struct crew_law){CREW_LAW_UNIFORM, m, m / 2, 3 * m / 2};
    case 2:
        return (struct crew_law){CREW_LAW_HALFNORMAL, m, m * sqrt(PI / 2), 0};
    case 3:
        return (struct crew_law){CREW_LAW_LOGNORMAL, m, exp(log(m) / 2), sqrt(log(m))};
    default:
        return (struct crew_law){CREW_LAW_GAMMA, m, m * m, 1 / m};
    }
}

static struct crew_law regret(uint32_t j, uint32_t n)
{
    (void)n;
    return (struct crew_law){CREW_LAW_EXP, 0, 2 * (j + 1.0), 0};
}

/* ---- A machine of fast and slow cores, and what befalls it ---- */

static const double MS = 1e-3;

/* Of n workers the first half is fast. */
static uint32_t fast(uint32_t n)
{
    return (n + 1) / 2;
}

static struct crew_law steady_law(double mean_s)
{
    return (struct crew_law){CREW_LAW_EXP, 0.95 * mean_s, 0.05 * mean_s, 0};
}

static struct crew_law steady(uint32_t j, uint32_t n)
{
    return steady_law(j < fast(n) ? 1 * MS : 4 * MS);
}

static struct crew_law shared(uint32_t j, uint32_t n)
{
    return j ? steady(j, n) : steady_law(0.86 * MS);
}

static struct crew_law heavy(uint32_t j, uint32_t n)
{
    double mean_s = j < fast(n) ? 1 * MS : 4 * MS, shape = 1.5;
    return (struct crew_law){CREW_LAW_PARETO, 0, shape, mean_s * (shape - 1) / shape};
}

static void throttle(double *factor, uint32_t n, uint64_t seed, uint64_t last, uint64_t round)
{
    (void)n, (void)seed, (void)last;
    factor[0] = factor[1] = round >= 500 && round < 1500 ? 3 : 1;
}

static void churn(double *factor, uint32_t n, uint64_t seed, uint64_t last, uint64_t round)
{
    (void)n, (void)seed, (void)last;
    factor[0] = factor[1] = round >= 500 && round < 1000 ? 0 : 1;
}

static void ramp(double *factor, uint32_t n, uint64_t seed, uint64_t last, uint64_t round)
{
    (void)seed, (void)last;
    double part = round < 500 ? 0 : fmin(((double)round - 500) / 200, 1);
    for (uint32_t i = 0; i < n; i++)
        factor[i] = 1 + 0.5 * part;
}

/* To change with probability 1/100 a round is to stay for a geometric time of mean 100. */
static void co_runner(double *factor, uint32_t n, uint64_t seed, uint64_t last, uint64_t round)
{
    (void)n;
    for (uint64_t k = last + 1; k <= round; k++)
        if (k > 1 && crew_rng_unit(seed, CREW_STREAM_TWIST, UINT32_MAX, k) < 0.01)
            factor[0] = 3 - factor[0];
}

/* ---- All of them ---- */

enum { LEAST = 4 }; /* workers of such a machine: two fast ones may be away */

static const struct scenario {
    struct crew_entry entry;
    struct crew_law (*law)(uint32_t j, uint32_t n);
    struct crew_scenario_size size;
    uint32_t least; /* workers */
    struct crew_twist twist;
} scenarios[] = {
    {.entry = {"paper-sqrt",
               "worker i takes 29 sqrt(i) s and an exponential time of that mean; B = 23, n = "
               "17, 51, 153, 459",
               NULL},
     .law = root,
     .size = {0, 23, 10000}},
    {.entry = {"paper-linear",
               "worker i takes 29 i s and an exponential time of that mean; B = 23, n = 17, "
               "51, 153",
               NULL},
     .law = linear,
     .size = {0, 23, 10000}},
    {.entry = {"paper-mixed",
               "worker j = 5 g + 0..4 takes m = 29 (5 g + 1) s and an exponential, uniform, "
               "half-normal, lognormal or gamma time of mean m; B = 23, n = 15, 45, 150",
               NULL},
     .law = mixed,
     .size = {0, 23, 10000}},
    {.entry = {"paper-regret",
               "worker i takes an exponential time of mean 2 i s; B = 5, n = 20", NULL},
     .law = regret,
     .size = {20, 5, 10000}},
#define MACHINE(NAME, SUMMARY, LAW, ...)                                                    \
    {                                                                                       \
        .entry = {NAME, SUMMARY, NULL}, .law = LAW, .size = {16, 40, 2500}, .least = LEAST, \
        __VA_ARGS__                                                                         \
    }
    MACHINE("steady",
            "half of the workers fast (1 ms), half slow (4 ms), times 95 % constant and 5 % "
            "exponential; n = 16, B = 40, 2500 rounds unless others are given",
            steady, .twist = {.turn = NULL}),
    MACHINE("throttle",
            "the same, but workers 0 and 1 are three times slower in rounds 500..1499", steady,
            .twist = {.turn = throttle}),
    MACHINE("co-runner",
            "the same, but worker 0 is twice as slow every now and then, for 100 rounds in the "
            "mean",
            steady, .twist = {.turn = co_runner}),
    MACHINE("outliers", "the same, but one task in a thousand takes 500 times as long", steady,
            .twist = {.rare_workers = UINT32_MAX, .chance = 0.001, .times = 500}),
    MACHINE("ramp", "the same, but all become slower, to 1.5 times, over rounds 500..700",
            steady, .twist = {.turn = ramp}),
    MACHINE("churn", "the same, but workers 0 and 1 are away in rounds 500..999", steady,
            .twist = {.turn = churn}),
    MACHINE("timeshare",
            "the same, but worker 0 shares its core: 0.86 ms, and 13 ms more for one task in "
            "sixteen",
            shared,
            .twist = {.rare_workers = 1, .chance = 1.0 / 16, .times = 1, .more_s = 13e-3}),
    MACHINE("heavy", "the same means, but times of a heavy tail: Pareto of shape 1.5", heavy,
            .twist = {.turn = NULL}),
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

const struct crew_entry *crew_scenario_at(size_t i)
{
    return i < SCENARIOS ? &scenarios[i].entry : NULL;
}

const struct crew_entry *crew_simulation_law_at(size_t i)
{
    return crew_law_at(i);
}

static const struct scenario *find(const char *name, struct crew_error *err)
{
    const char *names[SCENARIOS];
    for (size_t i = 0; i < SCENARIOS; i++) {
        names[i] = scenarios[i].entry.name;
        if (!strcmp(names[i], name))
            return &scenarios[i];
    }
    (void)crew_fail_unknown(err, "scenario", name, names, SCENARIOS);
    return NULL;
}

crew_status crew_scenario_size(const char *name, struct crew_scenario_size *out,
                               struct crew_error *err)
{
    const struct scenario *s = find(name, err);
    if (s)
        *out = s->size;
    return s ? CREW_OK : CREW_EINVAL;
}

crew_status crew_scenario_create(const char *name, uint32_t n, crew_speeds **out,
                                 struct crew_error *err)
{
    *out = NULL;
    const struct scenario *s = find(name, err);
    if (!s)
        return CREW_EINVAL;
    if (!n)
        return crew_fail(err, CREW_EINVAL, "scenario %s needs workers: how many", name);
    if (n < s->least)
        return crew_fail(err, CREW_EINVAL, "workers is %u, scenario %s needs at least %u", n,
                         name, s->least);
    struct crew_law *law = crew_alloc(n * sizeof *law);
    if (!law)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u workers", n);
    for (uint32_t j = 0; j < n; j++)
        law[j] = s->law(j, n);
    crew_status status = crew_speeds_create(law, n, out, err);
    crew_free(law);
    if (status == CREW_OK && (s->twist.turn || s->twist.rare_workers) &&
        crew_speeds_twist(*out, &s->twist) != CREW_OK) {
        crew_speeds_destroy(*out);
        *out = NULL;
        return crew_fail(err, CREW_ENOMEM, "no memory for %u workers", n);
    }
    return status;
}
