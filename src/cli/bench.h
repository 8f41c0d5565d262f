/* What `crew bench` found, in its three forms. */
#ifndef CREW_CLI_BENCH_H
#define CREW_CLI_BENCH_H

#include "study/measure.h"
#include <stdio.h>

void print_bench(FILE *to, const struct crew_bench *b);
void print_bench_csv(FILE *to, const struct crew_bench *b); /* one line a slot */
void print_bench_json(FILE *to, const struct crew_bench *b, bool samples);

/* How a measure is called, and what its rate counts: turn_size / mean_s / rate_unit. */
struct bench_name {
    const char *key, *unit, *head;
    double rate_unit;
};
extern const struct bench_name bench_names[CREW_MEASURES];
extern const char *const bench_settings[CREW_SETTINGS]; /* "alone", "together" */

#endif
