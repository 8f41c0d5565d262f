/* The policy adaptive at work on workers whose speeds are made up. */
#ifndef CREW_TESTS_ADAPTIVE_WORLD_H
#define CREW_TESTS_ADAPTIVE_WORLD_H

#include "base/rng.h"
#include "testing.h"
#include <crew/policy.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { N = 24, TASKS = 400 };

static uint64_t drawn;

static inline double unit(void)
{
    return crew_rng_unit(test_seed(), CREW_STREAM_TEST, 2, drawn++);
}

static inline uint32_t below(uint32_t n)
{
    return (uint32_t)(unit() * n);
}

/* The policy at work. A task takes unit_s mean_s (1 - cv + cv Exp(1)). */
struct world {
    void *self;
    uint32_t n;
    uint64_t round;
    double unit_s, mean_s[N], cv;
    bool available[N];
    uint64_t quota[N];
    double busy_s[N]; /* of the last round */
};

static inline const struct crew_policy_ops *ops(void)
{
    return crew_policy_find("adaptive");
}

static inline void world_open(struct world *w, uint32_t n, const char *settings,
                              const double *tasks, const double *mean_s)
{
    *w = (struct world){.n = n, .unit_s = 1, .cv = 0.05};
    struct crew_policy_config cfg = {.struct_size = sizeof cfg,
                                     .n = n,
                                     .seed = 3,
                                     .settings = settings,
                                     .prior_tasks = tasks,
                                     .prior_mean_s = mean_s};
    for (uint32_t i = 0; i < n; i++) {
        w->available[i] = true;
        w->mean_s[i] = 1 + 9 * unit();
    }
    assert_int_equal(ops()->create(&cfg, &w->self, NULL), CREW_OK);
}

static inline void world_plan(struct world *w, uint64_t tasks)
{
    bool open[N] = {false}, overrun[N] = {false};
    struct crew_plan_request rq = {
        .round = ++w->round, .tasks = tasks, .n = w->n, .available = w->available};
    struct crew_plan p = {w->quota, open, overrun};
    struct crew_error err;
    memset(w->quota, 0, sizeof w->quota);
    ops()->plan(w->self, &rq, &p);
    if (crew_plan_check(&rq, &p, &err) != CREW_OK)
        fail_msg("n %u, %" PRIu64 " tasks: %s", w->n, tasks, err.text);
}

static inline void world_observe(struct world *w)
{
    static struct crew_timing t[TASKS];
    size_t m = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        w->busy_s[i] = 0;
        for (uint64_t j = 0; j < w->quota[i]; j++, m++) {
            double s = w->unit_s * w->mean_s[i] * (1 - w->cv - w->cv * log(1 - unit()));
            t[m] = (struct crew_timing){i, (uint32_t)m, 0, s, (double)NAN, 1, 0, true};
            w->busy_s[i] += s;
        }
    }
    ops()->observe(w->self, t, m);
}

static inline void world_rounds(struct world *w, int rounds, uint64_t tasks)
{
    for (int k = 0; k < rounds; k++) {
        world_plan(w, tasks);
        world_observe(w);
    }
}

static inline double longest(const struct world *w, const uint64_t *quota)
{
    double most = 0;
    for (uint32_t i = 0; i < w->n; i++)
        most = fmax(most, (double)quota[i] * w->mean_s[i]);
    return most;
}

#endif
