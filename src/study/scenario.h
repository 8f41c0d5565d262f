/* The experiments of the ATA paper as task times. */
#ifndef CREW_STUDY_SCENARIO_H
#define CREW_STUDY_SCENARIO_H

#include "exec/speed.h"

/* The task times of n workers of the scenario called `name`. CREW_EINVAL: there is none of that
 * name; CREW_ENOMEM. */
CREW_CHECKED crew_status crew_scenario_create(const char *name, uint32_t n, crew_speeds **out,
                                              struct crew_error *err);

#endif
