/* Experiments by name: those of the ATA paper, and machines whose speeds change. */
#ifndef CREW_STUDY_SCENARIO_H
#define CREW_STUDY_SCENARIO_H

#include "exec/speed.h"

/* What an experiment has where nothing else is asked for; 0 workers: it has to be said. */
struct crew_scenario_size {
    uint32_t workers, batch_tasks;
    uint64_t rounds;
};
/* CREW_EINVAL: there is none of that name. */
CREW_CHECKED crew_status crew_scenario_size(const char *name, struct crew_scenario_size *out,
                                            struct crew_error *err);

/* The task times of n workers of the scenario called `name`. CREW_EINVAL: there is none of that
 * name, or n is too small for it; CREW_ENOMEM. */
CREW_CHECKED crew_status crew_scenario_create(const char *name, uint32_t n, crew_speeds **out,
                                              struct crew_error *err);

#endif
