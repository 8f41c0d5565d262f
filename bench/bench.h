/* Timing for benchmarks: warm up, double the repetitions until a sample takes 20 ms, take
 * samples of several candidates in turn, print median and spread. Figures are ratios to a
 * yardstick of the same run: the machines these run on are shared, and absolute times mean
 * little. */
#ifndef CREW_BENCH_BENCH_H
#define CREW_BENCH_BENCH_H

#include "base/clock.h"
#include "base/mem.h"
#include <crew/crew.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 15, CANDIDATES = 16 };

struct bench {
    const char *name;
    void (*run)(void *self);
    void *self;
    void *(*open)(
        void *recipe); /* makes self from recipe before each sample, not timed; or NULL */
    void (*close)(void *self);
    void *recipe;
    uint64_t repeats;
    double sample[SAMPLES]; /* seconds a run */
};

static int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static inline double bench_quantile(const double *sample, double q)
{
    double s[SAMPLES];
    for (int i = 0; i < SAMPLES; i++)
        s[i] = sample[i];
    qsort(s, SAMPLES, sizeof *s, bench_by_value);
    return s[(int)(q * (SAMPLES - 1) + 0.5)];
}

static inline double bench_time(struct bench *b)
{
    if (b->open) {
        b->self = b->open(b->recipe);
        b->run(b->self); /* warm */
    }
    double t = crew_now_s();
    for (uint64_t i = 0; i < b->repeats; i++)
        b->run(b->self);
    t = (crew_now_s() - t) / (double)b->repeats;
    if (b->open)
        b->close(b->self);
    return t;
}

/* Samples of all candidates in turn: what disturbs one disturbs its neighbours. */
static inline void bench_run(struct bench *b, int n)
{
    for (int i = 0; i < n; i++)
        for (b[i].repeats = 1; bench_time(&b[i]) * (double)b[i].repeats < 0.02;
             b[i].repeats *= 2)
            ;
    for (int s = 0; s < SAMPLES; s++)
        for (int i = 0; i < n; i++)
            b[i].sample[s] = bench_time(&b[i]);
}

/* Median of the ratios of neighbouring samples, and their spread. */
static inline double bench_ratio(const struct bench *b, const struct bench *yardstick,
                                 double *low, double *high)
{
    double r[SAMPLES];
    for (int s = 0; s < SAMPLES; s++)
        r[s] = b->sample[s] / yardstick->sample[s];
    *low = bench_quantile(r, 0.1);
    *high = bench_quantile(r, 0.9);
    return bench_quantile(r, 0.5);
}

static inline void bench_print(const struct bench *b, const struct bench *yardstick)
{
    double low, high, ratio = bench_ratio(b, yardstick, &low, &high);
    printf("%-44s %12.3f us  (%.3f .. %.3f)   %6.3f x  (%.3f .. %.3f)\n", b->name,
           1e6 * bench_quantile(b->sample, 0.5), 1e6 * bench_quantile(b->sample, 0.1),
           1e6 * bench_quantile(b->sample, 0.9), ratio, low, high);
}

/* The machine, and a warning where it would mislead. */
static inline void bench_header(const char *what)
{
    struct crew_build_info b;
    crew_build_info(&b);
    printf("%s\n%s; %s, %s, kernel %s\nmedian of %d samples (10 %% .. 90 %%); x: against the "
           "first row\n",
           what, b.compiler, b.blas, b.blas_flavour, b.blas_core, SAMPLES);
    if (b.blas_forced)
        printf("WARNING: %s forces the BLAS kernel: unset it\n", b.blas_forced);
}

#endif
