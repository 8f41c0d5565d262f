/* Timing for benchmarks: warm up, double the repetitions until a sample takes 20 ms, take
 * samples of several candidates in turn, tell median and spread. Figures are ratios to a
 * yardstick of the same run: the machines these run on are shared, and absolute times mean
 * little.
 *
 * A table goes to stdout and, where BENCH_JSON names a file, one line of JSON a row to that
 * file's end; its first line are the facts of the machine. bench/run.sh makes one object of
 * them. */
#ifndef CREW_BENCH_BENCH_H
#define CREW_BENCH_BENCH_H

#include "base/clock.h"
#include "base/mem.h"
#include <crew/crew.h>
#include <crew/machine.h>
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 15, CANDIDATES = 16 };

struct bench {
    const char *name;
    void (*run)(void *self);
    void *self;
    void *(*open)(
        void *recipe); /* makes self from recipe before each sample, not timed; or NULL */
    void (*close)(void *self);
    void *recipe;
    const char *unit; /* "MB/s": shown as amount per second; NULL: as the time of a run */
    double amount;    /* what a run does, in that unit's terms */
    int samples;      /* 0: SAMPLES */
    uint64_t repeats;
    double sample[SAMPLES]; /* [samples] seconds a run */
};

/* Where the figures of one program go. */
struct bench_report {
    const char *name;
    FILE *json; /* or NULL */
};

/* ---- Measuring ---- */

static int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static inline double bench_quantile_of(const double *sample, int n, double q)
{
    double s[SAMPLES];
    memcpy(s, sample, (size_t)n * sizeof *s);
    qsort(s, (size_t)n, sizeof *s, bench_by_value);
    return s[(int)(q * (n - 1) + 0.5)];
}

static inline double bench_quantile(const struct bench *b, double q)
{
    return bench_quantile_of(b->sample, b->samples, q);
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
    for (int i = 0; i < n; i++) {
        b[i].samples = b[i].samples ? b[i].samples : SAMPLES;
        for (b[i].repeats = 1; bench_time(&b[i]) * (double)b[i].repeats < 0.02;
             b[i].repeats *= 2)
            ;
    }
    for (int s = 0; s < SAMPLES; s++)
        for (int i = 0; i < n; i++)
            if (s < b[i].samples)
                b[i].sample[s] = bench_time(&b[i]);
}

/* Median of the ratios of neighbouring samples, and their spread. */
static inline double bench_ratio(const struct bench *b, const struct bench *yardstick,
                                 double *low, double *high)
{
    double r[SAMPLES];
    for (int s = 0; s < b->samples; s++)
        r[s] = b->sample[s] / yardstick->sample[s];
    *low = bench_quantile_of(r, b->samples, 0.1);
    *high = bench_quantile_of(r, b->samples, 0.9);
    return bench_quantile_of(r, b->samples, 0.5);
}

/* ---- Telling ---- */

static inline void bench_line(FILE *json, json_t *line)
{
    if (!line || json_dumpf(line, json, JSON_COMPACT | JSON_REAL_PRECISION(6)) != 0 ||
        fputc('\n', json) == EOF || fflush(json) != 0) {
        fprintf(stderr, "the figures cannot be written: %s\n", strerror(errno));
        exit(1);
    }
    json_decref(line);
}

/* What bench/run.sh knows, or NULL. */
static inline const char *bench_fact(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

/* The machine, and a warning where it would mislead. */
static inline void bench_machine(FILE *json)
{
    struct crew_build_info b;
    struct crew_error err;
    crew_machine *m;
    double load = 0;
    char warning[200] = "", date[24];
    crew_build_info(&b);
    crew_date(date, sizeof date);
    if (crew_machine_create(NULL, &m, &err) != CREW_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    int cores = (int)crew_machine_info(m)->usable_cores;
    crew_machine_destroy(m);
    printf("%d cores; %s; BLAS kernel %s (%s; %s)\n"
           "median (10 %% .. 90 %%) of %d samples where no other number is told; x: times as "
           "long as the yardstick\n",
           cores, b.compiler, b.blas_core, b.blas_flavour, b.blas, SAMPLES);
    if (getloadavg(&load, 1) == 1 && load > 0.75 * cores)
        snprintf(warning, sizeof warning, "the machine is not quiet: load %.2f on %d cores",
                 load, cores);
    if (b.blas_forced)
        snprintf(warning, sizeof warning, "%s forces the BLAS kernel: unset it", b.blas_forced);
    if (*warning)
        printf("WARNING: %s\n", warning);
    if (json)
        bench_line(json,
                   json_pack("{s:s, s:s?, s:i, s:s?, s:s, s:s?, s:s, s:s, s:s, s:f, s:s?}",
                             "date", date, "cpu", bench_fact("BENCH_CPU"), "cores", cores,
                             "commit", bench_fact("BENCH_COMMIT"), "compiler", b.compiler,
                             "flags", bench_fact("BENCH_FLAGS"), "blas", b.blas, "blas_flavour",
                             b.blas_flavour, "blas_kernel", b.blas_core, "load", load,
                             "warning", *warning ? warning : NULL));
}

/* `name` is short and stands in the JSON, `title` above the table. */
static inline void bench_begin(struct bench_report *r, const char *name, const char *title)
{
    const char *path = bench_fact("BENCH_JSON");
    setvbuf(stdout, NULL, _IOLBF, 0);
    r->name = name;
    r->json = path ? fopen(path, "a") : NULL;
    if (path && !r->json) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    if (!r->json || (fseek(r->json, 0, SEEK_END) == 0 && ftell(r->json) == 0))
        bench_machine(r->json);
    printf("\n==== %s\n", title);
}

static inline void bench_end(struct bench_report *r)
{
    if (r->json && fclose(r->json) != 0)
        exit(1);
}

/* Four digits, and no exponent. */
static inline const char *bench_digits(double x, char out[24])
{
    snprintf(out, 24, "%.*f", x < 10 ? 3 : x < 100 ? 2 : x < 1000 ? 1 : 0, x);
    return out;
}

/* Median, 10 % and 90 % in the unit of the row. */
static inline const char *bench_values(const struct bench *b, double v[3])
{
    static const double at[3] = {0.5, 0.1, 0.9};
    for (int i = 0; i < 3; i++)
        v[i] =
            b->unit ? b->amount / bench_quantile(b, 1 - at[i]) : 1e6 * bench_quantile(b, at[i]);
    return b->unit ? b->unit : "us";
}

/* One row; yardstick NULL: it has none, or is one. */
static inline void bench_row(const struct bench_report *r, const char *group,
                             const struct bench *b, const struct bench *yardstick)
{
    double v[3], low = 0, high = 0;
    const char *unit = bench_values(b, v), *shown = unit;
    char digits[3][24], spread[64];
    double scale = 1, ratio = yardstick ? bench_ratio(b, yardstick, &low, &high) : 0;
    if (!b->unit) {
        shown = v[0] < 1 ? "ns" : v[0] < 1e3 ? "us" : v[0] < 1e6 ? "ms" : "s";
        scale = v[0] < 1 ? 1e3 : v[0] < 1e3 ? 1 : v[0] < 1e6 ? 1e-3 : 1e-6;
    }
    for (int i = 0; i < 3; i++)
        bench_digits(scale * v[i], digits[i]);
    snprintf(spread, sizeof spread, "(%s .. %s)", digits[1], digits[2]);
    printf("  %-33s %7s %-8s %-*s", b->name, digits[0], shown, yardstick ? 18 : 0, spread);
    if (yardstick)
        printf(" %7s x (%s .. %s)", bench_digits(ratio, digits[0]),
               bench_digits(low, digits[1]), bench_digits(high, digits[2]));
    putchar('\n');
    char name[200];
    snprintf(name, sizeof name, "%s/%s%s%s", r->name, group, *group ? "/" : "", b->name);
    if (r->json && yardstick)
        bench_line(r->json,
                   json_pack("{s:s, s:s, s:f, s:f, s:f, s:i, s:s, s:f, s:f, s:f}", "name", name,
                             "unit", unit, "median", v[0], "low", v[1], "high", v[2], "samples",
                             b->samples, "yardstick", yardstick->name, "ratio", ratio,
                             "ratio_low", low, "ratio_high", high));
    else if (r->json)
        bench_line(r->json,
                   json_pack("{s:s, s:s, s:f, s:f, s:f, s:i, s:n, s:n, s:n, s:n}", "name", name,
                             "unit", unit, "median", v[0], "low", v[1], "high", v[2], "samples",
                             b->samples, "yardstick", "ratio", "ratio_low", "ratio_high"));
}

/* A table: b[0] is the yardstick of the others. */
static inline void bench_rows(const struct bench_report *r, const char *group,
                              const struct bench *b, int n)
{
    if (*group)
        printf("%s\n", group);
    for (int i = 0; i < n; i++)
        bench_row(r, group, &b[i], i ? &b[0] : NULL);
}

#endif
