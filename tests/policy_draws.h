/* For the laws of splits and plans: numbers and costs by the seed of the test, policies made
 * for them. Include testing.h first. */
#ifndef CREW_TESTS_POLICY_DRAWS_H
#define CREW_TESTS_POLICY_DRAWS_H

#include "base/rng.h"
#include <crew/policy.h>
#include <math.h>

static uint64_t drawn;

static inline double unit(void)
{
    return crew_rng_unit(test_seed(), CREW_STREAM_TEST, 0, drawn++);
}

static inline uint32_t below(uint32_t n)
{
    return (uint32_t)(unit() * n);
}

/* Few small whole numbers (many exact ties), all equal, about one, 24 decades, each dearer than
 * all before it. */
static inline void draw_costs(double *cost, uint32_t n, uint32_t kind)
{
    for (uint32_t i = 0; i < n; i++)
        cost[i] = kind == 0   ? 1.0 + below(4)
                  : kind == 1 ? 0.1
                  : kind == 2 ? 0.5 + unit()
                  : kind == 3 ? pow(10, 24 * unit() - 12)
                              : pow(1.5, i);
}

static inline void *make_policy(const struct crew_policy_ops *ops, uint32_t n,
                                const double *mean_s, uint32_t groups)
{
    const struct crew_policy_config cfg = {.struct_size = sizeof cfg,
                                           .n = n,
                                           .seed = test_seed(),
                                           .mean_s = mean_s,
                                           .groups = groups};
    struct crew_error err;
    void *self;
    if (ops->create(&cfg, &self, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return self;
}

#endif
