/* The executor "threads": a plan on the pool, in real time. */
#ifndef CREW_EXEC_THREADS_H
#define CREW_EXEC_THREADS_H

#include "machine/pool.h"
#include <crew/executor.h>

struct crew_threads_config {
    crew_pool *pool; /* borrowed; run_round() is called on its coordinator */
    const crew_machine *machine;
    uint32_t max_tasks; /* of a round, spare ones included */
    /* [n] emulation: a task of worker i takes so many times its own thread-CPU time, the rest
     * is slept; 0: as it is. NULL: none. Copied */
    const double *slowdown;
};

CREW_CHECKED crew_status crew_threads_create(const struct crew_threads_config *cfg, void **self,
                                             struct crew_error *err);
extern const struct crew_executor_ops crew_threads;
/* Memory that it takes. */
double crew_threads_bytes(uint32_t n, uint32_t max_tasks);

#endif
