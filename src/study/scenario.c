/* Source: Maranjyan, Saad, Richtarik, Orabona, "ATA: Adaptive Task Allocation for Efficient
 * Resource Management in Distributed Machine Learning", ICML 2025, arXiv:2502.00775. */
#include "study/scenario.h"
#include "base/error.h"
#include "base/mem.h"
#include "study/simulate.h"
#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* Task times of worker j, from 0; the paper counts from 1. */

static struct crew_law root(uint32_t j)
{
    double half = 29 * sqrt(j + 1.0);
    return (struct crew_law){CREW_LAW_EXP, half, half, 0};
}

static struct crew_law linear(uint32_t j)
{
    double half = 29 * (j + 1.0);
    return (struct crew_law){CREW_LAW_EXP, half, half, 0};
}

/* Five laws of the same mean, each on top of a constant of that size. */
static struct crew_law mixed(uint32_t j)
{
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

static struct crew_law regret(uint32_t j)
{
    return (struct crew_law){CREW_LAW_EXP, 0, 2 * (j + 1.0), 0};
}

static const struct scenario {
    struct crew_entry entry;
    struct crew_law (*law)(uint32_t j);
} scenarios[] = {
    {{"paper-sqrt",
      "worker i takes 29 sqrt(i) s and an exponential time of that mean; B = 23, n = 17, 51, "
      "153, 459",
      NULL},
     root},
    {{"paper-linear",
      "worker i takes 29 i s and an exponential time of that mean; B = 23, n = 17, 51, 153",
      NULL},
     linear},
    {{"paper-mixed",
      "worker j = 5 g + 0..4 takes m = 29 (5 g + 1) s and an exponential, uniform, "
      "half-normal, "
      "lognormal or gamma time of mean m; B = 23, n = 15, 45, 150",
      NULL},
     mixed},
    {{"paper-regret", "worker i takes an exponential time of mean 2 i s; B = 5, n = 20", NULL},
     regret},
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

crew_status crew_scenario_create(const char *name, uint32_t n, crew_speeds **out,
                                 struct crew_error *err)
{
    *out = NULL;
    const struct scenario *s = find(name, err);
    if (!s)
        return CREW_EINVAL;
    if (!n)
        return crew_fail(err, CREW_EINVAL, "scenario %s needs workers: how many", name);
    struct crew_law *law = crew_alloc(n * sizeof *law);
    if (!law)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u workers", n);
    for (uint32_t j = 0; j < n; j++)
        law[j] = s->law(j);
    crew_status status = crew_speeds_create(law, n, out, err);
    crew_free(law);
    return status;
}
