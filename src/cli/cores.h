/* The machine in words and as JSON: what `crew cores` prints. */
#ifndef CREW_CLI_CORES_H
#define CREW_CLI_CORES_H

#include <crew/machine.h>
#include <jansson.h>
#include <stdio.h>

void print_machine(FILE *to, const struct crew_machine_info *m);

/* The name of a kind, NULL for -1. */
const char *kind_of(const struct crew_machine_info *m, int32_t kind);

/* CPU numbers in ascending order from that column on, in several lines where they do not fit:
 * "0-7,16-30:2" (every second one). Ends the line. */
void print_cpu_list(FILE *to, const uint32_t *cpu, uint32_t n, int column);

/* Everything; the caller owns it. */
json_t *machine_as_json(const struct crew_machine_info *m);

#endif
