/* A planned round: the expected maximum of the workers' sums, the integral of 1 minus the
 * product of their distributions, each taken for a gamma law, whose cube root is normal
 * (Wilson and Hilferty, "The distribution of chi-square", PNAS 17, 1931). What it is to tell is
 * whether a plan is nearly as fast as its proxy loss, max a_i m_i, so the shape matters little.
 *
 * A greedy round: the time at which the workers have done that many tasks on average, by the
 * renewal function of each; but whoever does the last one has just finished a task. Within 1 %
 * of the expected round time for 3 to 459 workers of times m / 2 + Exp(m / 2) and 23 tasks. */
#include "policy/forecast.h"
#include <math.h>

/* Steps of the integral, of the search; how far a sum may stray, in standard deviations. */
enum { STEPS = 16, HALVINGS = 16 };
static const double FAR = 6, NEGLIGIBLE = 1e-6;

/* Share of rounds that are over by then. */
static double over_by(const double *mean_s, const uint64_t *quota, uint32_t n, double cv,
                      double time_s)
{
    double share = 1;
    for (uint32_t i = 0; i < n && share > NEGLIGIBLE; i++) {
        if (!quota[i])
            continue;
        double tasks = (double)quota[i], spread = cv * cv / (9 * tasks);
        double z = (cbrt(time_s / (tasks * mean_s[i])) - 1 + spread) / sqrt(spread);
        share *= z > FAR ? 1 : 0.5 * erfc(-z / sqrt(2));
    }
    return share;
}

double crew_forecast_planned(const double *mean_s, const uint64_t *quota, uint32_t n, double cv)
{
    double longest = 0, latest = 0;
    for (uint32_t i = 0; i < n; i++) {
        double tasks = (double)quota[i];
        longest = fmax(longest, tasks * mean_s[i]);
        latest = fmax(latest, mean_s[i] * (tasks + FAR * cv * sqrt(tasks)));
    }
    if (!(latest > longest))
        return longest;
    double from = fmax(0, 2 * longest - latest), step = (latest - from) / STEPS, sum = from;
    for (int k = 0; k < STEPS; k++)
        sum += step * (1 - over_by(mean_s, quota, n, cv, from + (k + 0.5) * step));
    return sum;
}

/* No fewer than time / mean - 1: with the task under way it is past the time. */
double crew_forecast_greedy(const struct crew_shape *shape, const double *mean_s,
                            const uint32_t *who, uint32_t m, uint64_t tasks)
{
    double rate = 0, low = 0, enough = (double)tasks - shape->late;
    for (uint32_t j = 0; j < m; j++)
        rate += 1 / mean_s[who[j]];
    double high = ((double)tasks + m) / rate;
    for (int k = 0; k < HALVINGS; k++) {
        double middle = (low + high) / 2, done = 0;
        for (uint32_t j = 0; j < m; j++)
            done += crew_shape_done(shape, middle / mean_s[who[j]]);
        if (done < enough)
            low = middle;
        else
            high = middle;
    }
    return high;
}
