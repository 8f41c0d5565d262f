/* The executor "sim": a plan in virtual time. */
#ifndef CREW_EXEC_SIM_H
#define CREW_EXEC_SIM_H

#include "exec/speed.h"
#include <crew/executor.h>

struct crew_sim_config {
    crew_speeds *speeds; /* borrowed; one executor at a time */
    uint32_t max_tasks;  /* of a round, spare ones included */
    /* Computes the kept tasks for real, on workers of its own; the sim owns it from
     * crew_sim_create() on, also when that fails. NULL: nothing is computed, and
     * crew_round.run may be NULL. */
    const struct crew_executor_ops *carrier;
    void *carrier_self;
    uint32_t carrier_workers;
};

/* CREW_ENOMEM. run_round() may fail with CREW_EINPUT: the recording of a worker has run out. */
CREW_CHECKED crew_status crew_sim_create(const struct crew_sim_config *cfg, void **self,
                                         struct crew_error *err);
/* Bytes that an executor for n workers and rounds of max_tasks takes. */
double crew_sim_bytes(uint32_t n, uint32_t max_tasks);
extern const struct crew_executor_ops crew_sim;

#endif
