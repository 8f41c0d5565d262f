/* Which rows each task of each round reads. An epoch is one random order of all rows, a
 * function of (seed, epoch), cut into parts of task_rows; the last part may be short. A round
 * takes the next B parts, the last round of an epoch what is left: no row is lost, none is read
 * twice. A part whose result was dropped goes back to the front and is handed out again in the
 * next round. */
#ifndef CREW_DATA_SAMPLER_H
#define CREW_DATA_SAMPLER_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct crew_sampler crew_sampler;

/* rows >= 1, task_rows >= 1. NULL: no memory. */
crew_sampler *crew_sampler_create(uint32_t rows, uint32_t task_rows, uint64_t seed);
void crew_sampler_destroy(crew_sampler *s);

struct crew_sampler_round {
    uint64_t epoch; /* from 1 */
    uint32_t tasks; /* B, or what is left of the epoch */
    uint32_t spare; /* parts beyond, for workers that overrun; all of full size */
    uint64_t rows;  /* in the tasks that count, whichever of them are kept */
};
/* The next round, of at most `tasks` and `spare`. Called again without settle(): the same
 * round. */
void crew_sampler_round(crew_sampler *s, uint32_t tasks, uint32_t spare,
                        struct crew_sampler_round *out);
/* Rows of task t < tasks + spare of that round: *n of them. Any thread. */
const uint32_t *crew_sampler_rows(const crew_sampler *s, uint32_t task, uint32_t *n);
/* The round counts. kept [tasks + spare]: which parts were used, exactly `tasks` of them; NULL:
 * the first `tasks`. True: it was the last of its epoch. */
bool crew_sampler_settle(crew_sampler *s, const bool *kept);

uint64_t crew_sampler_rounds_per_epoch(const crew_sampler *s, uint32_t tasks);
uint64_t crew_sampler_epoch_rows(const crew_sampler *s); /* of this epoch that are settled */

/* Where it is, as numbers: how many there are; the first cap of them go to out. At most
 * crew_sampler_state_max(). load(): CREW_EFORMAT: they are not of this sampler. */
size_t crew_sampler_state_max(const crew_sampler *s);
size_t crew_sampler_save(const crew_sampler *s, double *out, size_t cap);
CREW_CHECKED crew_status crew_sampler_load(crew_sampler *s, const double *in, size_t n);

#endif
