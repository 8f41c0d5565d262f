/* The result of a run: tables for people, one JSON object for programs. */
#ifndef CREW_CLI_SUMMARY_H
#define CREW_CLI_SUMMARY_H

#include <crew/crew.h>
#include <stdio.h>

/* test->rows 0: there was no test set. */
void print_summary(FILE *to, const crew_trainer *t, const struct crew_summary *s,
                   const struct crew_evaluation *test);
void print_summary_json(FILE *to, const crew_trainer *t, const struct crew_summary *s,
                        const struct crew_evaluation *test, const char *policy);

#endif
