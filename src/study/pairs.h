/* What a few repeats say of a number: its median and how far to trust it. */
#ifndef CREW_STUDY_PAIRS_H
#define CREW_STUDY_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crew_spread {
    size_t n;                   /* values that are finite */
    double median, low, high;   /* NaN: n is 0 */
    double sure_low, sure_high; /* within is the truth, at 95 % */
};

enum { CREW_SPREAD_BY_ORDER = 6 }; /* so few values suffice */

/* low..high: the interval between order statistics that covers the median of what was sampled
 * with 95 % at least, whatever its distribution; of fewer than six values, where none does, the
 * smallest and the largest.
 * sure_low..sure_high: the same; of fewer than six values, which have to be ratios, above 0,
 * Student's interval of the mean of their logarithms (two of the same law differ by chance, in
 * one direction, every other time), and low..high in any case; of one or none 0..infinity.
 * Sorts value [n] and leaves out what is not finite. */
void crew_spread_of(double *value, size_t n, struct crew_spread *out);

/* Two repeats at least, and they do not tell the ratio from 1: it is within noise. */
bool crew_spread_holds_one(const struct crew_spread *ratio);

/* Of ascending values [n], n >= 1: linear between its neighbours. share: 0..1. */
double crew_quantile(const double *sorted, size_t n, double share);
/* For qsort(). */
int crew_ascending(const void *a, const void *b);

/* A number below n, drawn by lot: the same ones in every run from a state of 0. Which values
 * stay when there are too many for all must not go by their turn: epochs have a period. */
uint64_t crew_lot(uint64_t *state, uint64_t n);

#endif
