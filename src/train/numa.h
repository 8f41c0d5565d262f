/* Where parameters lie on a machine with several NUMA nodes; see numa.c. */
#ifndef CREW_TRAIN_NUMA_H
#define CREW_TRAIN_NUMA_H

#include <crew/crew.h>

/* Is it one of the words that `numa` takes? */
CREW_CHECKED crew_status crew_numa_check(const char *mode, struct crew_error *err);
/* Most bytes that create() takes. */
size_t crew_numa_bytes(const crew_trainer *t);
/* Once parameters and threads are there. A placement that the system refuses is a note. */
CREW_CHECKED crew_status crew_numa_create(crew_trainer *t, struct crew_error *err);
void crew_numa_destroy(crew_trainer *t); /* before the machine; fine without create() */
/* Coordinator only, before a round: the parameters have changed. */
void crew_numa_copy(crew_trainer *t);
/* What worker i computes from. */
const float *crew_numa_params(const crew_trainer *t, uint32_t worker);

#endif
