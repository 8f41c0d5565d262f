/* A comparison for people, and as CSV. */
#ifndef CREW_CLI_COMPARE_TABLE_H
#define CREW_CLI_COMPARE_TABLE_H

#include "study/compare.h"
#include <stdio.h>

void print_comparison(FILE *to, const struct crew_comparison *c);
/* One line a finished run. */
void print_comparison_csv(FILE *to, const struct crew_comparison *c);
/* What is to be said of the weights, in one line. */
void print_weights(FILE *to, const struct crew_comparison *c);

#endif
