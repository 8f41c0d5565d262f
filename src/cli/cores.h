/* The machine in words and as JSON: what `crew cores` prints. */
#ifndef CREW_CLI_CORES_H
#define CREW_CLI_CORES_H

#include <crew/machine.h>
#include <jansson.h>
#include <stdio.h>

void print_machine(FILE *to, const struct crew_machine_info *m);

/* The name of a kind, NULL for -1. */
const char *kind_of(const struct crew_machine_info *m, int32_t kind);

/* Everything; the caller owns it. */
json_t *machine_as_json(const struct crew_machine_info *m);

#endif
