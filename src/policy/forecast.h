/* How long a round is going to take. */
#ifndef CREW_POLICY_FORECAST_H
#define CREW_POLICY_FORECAST_H

#include "policy/shape.h"
#include <stdint.h>

/* Until the last worker has done its quota.
 * mean_s, quota: [n], some quota > 0; cv: standard deviation of a task's time / its mean */
double crew_forecast_planned(const double *mean_s, const uint64_t *quota, uint32_t n,
                             double cv);

/* Until the workers who[0..m), m >= 1, who all work all the time, have done so many tasks.
 * mean_s: [n] by worker. O(m) */
double crew_forecast_greedy(const struct crew_shape *shape, const double *mean_s,
                            const uint32_t *who, uint32_t m, uint64_t tasks);

#endif
