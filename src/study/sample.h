/* A piece of work timed again and again, on one worker or on several at once. */
#ifndef CREW_STUDY_SAMPLE_H
#define CREW_STUDY_SAMPLE_H

#include "machine/energy.h"
#include "machine/pool.h"
#include "study/measure.h"
#include <stdatomic.h>
#include <stddef.h>

/* One turn; `turn` counts up. Runs on the worker. */
typedef void crew_turn(void *self, uint32_t worker, uint64_t turn);

struct crew_window {
    crew_pool *pool;
    crew_turn *turn;
    void *self;
    double warm_s;                /* turns that do not count before it; at least one */
    double seconds;               /* how long; three samples in any case */
    const _Atomic uint32_t *stop; /* not 0: ends it; relaxed */
    const bool *active;           /* [workers] who takes part */
    struct crew_sampled
        *out;            /* [workers] added to where active; zeroed before the first time */
    crew_energy *energy; /* or NULL */
    double joules;       /* out: what it took, NaN */
    double begin_s;      /* set when it begins; a turn may read it */
    uint32_t reader;     /* of energy */
    atomic_uint behind;  /* workers with too few samples yet */
    atomic_uint failed;
};

/* Coordinator of the pool only. CREW_ENOMEM. Once all windows are over, crew_sampled_finish()
 * each of out; crew_sampled_free() in any case. */
CREW_CHECKED crew_status crew_window_run(struct crew_window *w);

/* Add `repeat` turns that took so long together. sample_s has room for CREW_SAMPLES. True:
 * merged. */
bool crew_sampled_add(struct crew_sampled *s, double seconds);
/* Fill in the figures, cut sample_s to its length. CREW_ENOMEM. */
CREW_CHECKED crew_status crew_sampled_finish(struct crew_sampled *s);
void crew_sampled_free(struct crew_sampled *s);

#endif
