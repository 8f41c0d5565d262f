/* What a few repeats say of a number: its median and how far to trust it. */
#ifndef CREW_STUDY_PAIRS_H
#define CREW_STUDY_PAIRS_H

#include <stdbool.h>
#include <stddef.h>

struct crew_spread {
    size_t n;                 /* values that are finite */
    double median, low, high; /* NaN: n is 0 */
};

/* low..high: the interval between order statistics that covers the median of what was sampled
 * with 95 % at least, whatever its distribution; of fewer than six values, where none does, the
 * smallest and the largest. Sorts value [n] and leaves out what is not finite. */
void crew_spread_of(double *value, size_t n, struct crew_spread *out);

/* Two repeats at least, and not all of the interval on one side of 1: a ratio that may be 1. */
bool crew_spread_holds_one(const struct crew_spread *ratio);

/* Of ascending values [n], n >= 1: linear between its neighbours. share: 0..1. */
double crew_quantile(const double *sorted, size_t n, double share);
/* For qsort(). */
int crew_ascending(const void *a, const void *b);

#endif
