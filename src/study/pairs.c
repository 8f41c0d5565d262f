#include "study/pairs.h"
#include <math.h>
#include <stdlib.h>

int crew_ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

double crew_quantile(const double *sorted, size_t n, double share)
{
    double at = share * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n)
        return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

/* How many values to leave out on each side of n sorted ones. The median lies below the k
 * smallest with the chance of fewer than k heads in n throws of a coin: the largest k for which
 * that is 2.5 % at most. */
static size_t outside(size_t n)
{
    double chance = pow(0.5, (double)n), below = chance;
    size_t k = 0;
    for (; below <= 0.025 && k < n / 2; below += chance) {
        k++;
        chance *= (double)(n - k + 1) / (double)k;
    }
    return k ? k - 1 : 0;
}

void crew_spread_of(double *value, size_t n, struct crew_spread *out)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(value[i]))
            value[m++] = value[i];
    *out = (struct crew_spread){m, (double)NAN, (double)NAN, (double)NAN};
    if (!m)
        return;
    qsort(value, m, sizeof *value, crew_ascending);
    out->median = crew_quantile(value, m, 0.5);
    out->low = value[outside(m)];
    out->high = value[m - 1 - outside(m)];
}

bool crew_spread_holds_one(const struct crew_spread *ratio)
{
    return ratio->n > 1 && ratio->low <= 1 && ratio->high >= 1;
}
