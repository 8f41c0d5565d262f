/* Mean and variance in one pass. Source: Welford, Technometrics 4(3), 1962. */
#ifndef CREW_BASE_STATS_H
#define CREW_BASE_STATS_H

#include <math.h>
#include <stdint.h>

struct crew_stats {
    uint64_t n;
    double mean, m2; /* m2 = sum of squared deviations from the mean */
};

static inline void crew_stats_add(struct crew_stats *s, double x)
{
    double d = x - s->mean;
    s->mean += d / (double)++s->n;
    s->m2 += d * (x - s->mean);
}

static inline double crew_stats_sd(const struct crew_stats *s)
{
    return s->n > 1 ? sqrt(s->m2 / (double)(s->n - 1)) : 0.0;
}

#endif
