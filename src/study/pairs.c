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

/* Of n sorted values, fewer than six: half the width of the 95 % interval is t sd / sqrt(n). */
static void find_sure(const double *value, size_t n, struct crew_spread *out)
{
    static const double t[CREW_SPREAD_BY_ORDER - 2] = {12.706, 4.303, 3.182, 2.776};
    double mean = 0, squares = 0;
    out->sure_low = 0;
    out->sure_high = (double)INFINITY;
    if (n < 2 || !(value[0] > 0))
        return;
    for (size_t i = 0; i < n; i++)
        mean += log(value[i]) / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (log(value[i]) - mean) * (log(value[i]) - mean);
    double half = t[n - 2] * sqrt(squares / (double)(n - 1) / (double)n);
    out->sure_low = fmin(out->low, exp(mean - half));
    out->sure_high = fmax(out->high, exp(mean + half));
}

void crew_spread_of(double *value, size_t n, struct crew_spread *out)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(value[i]))
            value[m++] = value[i];
    *out = (struct crew_spread){m, (double)NAN, (double)NAN, (double)NAN, 0, (double)INFINITY};
    if (!m)
        return;
    qsort(value, m, sizeof *value, crew_ascending);
    out->median = crew_quantile(value, m, 0.5);
    out->low = value[outside(m)];
    out->high = value[m - 1 - outside(m)];
    if (m < CREW_SPREAD_BY_ORDER) {
        find_sure(value, m, out);
    } else {
        out->sure_low = out->low;
        out->sure_high = out->high;
    }
}

bool crew_spread_holds_one(const struct crew_spread *ratio)
{
    return ratio->n > 1 && ratio->sure_low <= 1 && ratio->sure_high >= 1;
}

/* A linear congruential generator modulo 2^64, of which only the upper half is used. */
uint64_t crew_lot(uint64_t *state, uint64_t n)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 32) % n;
}
