/* Shared by the files of `crew bench`. */
#ifndef CREW_STUDY_MEASURE_INTERNAL_H
#define CREW_STUDY_MEASURE_INTERNAL_H

#include "data/sampler.h"
#include "machine/claim.h"
#include "study/sample.h"
#include "train/network.h"

/* Three arrays of doubles in one piece of memory. */
struct crew_triad {
    double *a, *b, *c; /* [n]; a is where the memory begins */
    size_t n;
};
/* Over so many bytes, 192 or more; the calling thread touches all of them. */
void crew_triad_lay(struct crew_triad *t, void *memory, uint64_t bytes);
/* a = b + 3 c over [from, to): 24 bytes an element. */
void crew_triad_pass(const struct crew_triad *t, size_t from, size_t to);

/* A random cycle through memory, one step a cache line. */
struct crew_chain {
    uint64_t *next; /* [lines * 8] index of the next line's first word */
    size_t lines;
};
/* Over so many bytes, 128 or more; the calling thread touches all lines. */
void crew_chain_lay(struct crew_chain *c, void *memory, uint64_t bytes);
uint64_t crew_chain_walk(const struct crew_chain *c, uint64_t at, uint32_t steps);

/* What one worker works on; its memory is first touched by that worker. */
struct crew_bench_desk {
    float *matrix; /* [3][size][size] */
    struct crew_triad triad;
    float *x;        /* [task_rows][features] */
    uint32_t *label; /* [task_rows] */
    void *workspace;
    float *grad; /* [n_params] */
    char pad[128];
};

/* A bench under way. */
struct crew_bench_job {
    const struct crew_bench_config *cfg;
    struct crew_bench *out;
    crew_machine *machine;
    crew_claim *claim;
    bool blas_borrowed;
    crew_pool *pool;
    struct crew_data data;
    crew_network *net;
    crew_sampler *sampler;
    uint32_t parts; /* full tasks that the data has */
    float *params;
    crew_energy *energy;
    char *fingerprint;
    struct crew_bench_desk *desk; /* [n] */
    struct crew_sampled *sampled; /* [measures][settings][n]; the slots' once all is measured */
    bool *active;                 /* [n] */
    atomic_uint stop;             /* relaxed: carries no data */
    atomic_bool lacking;          /* a worker found no memory; relaxed, E2 of the pool orders */
    const char *_Atomic what;     /* is being measured */
    double began_s, planned_s;    /* of all windows */
    crew_status status;
};

/* A window over the active workers, added to out [n] and *joules (NULL: not wanted). */
CREW_CHECKED crew_status crew_bench_window(struct crew_bench_job *b, crew_turn *turn,
                                           void *self, double seconds, struct crew_sampled *out,
                                           double *joules);
bool crew_bench_stopped(const struct crew_bench_job *b);
/* Windows that the task is measured in, given so many seconds. */
uint32_t crew_bench_passes(double seconds);

/* setup.c of it: everything up to the threads. close: in any case. */
CREW_CHECKED crew_status crew_bench_open(struct crew_bench_job *b, struct crew_error *err);
void crew_bench_close(struct crew_bench_job *b);
void crew_bench_note(struct crew_bench *out, const char *fmt, ...) CREW_PRINTF(2, 3);

/* nodes.c. Numbers of nodes that have a slot, ascending; node has room for [n]. */
uint32_t crew_bench_find_nodes(const struct crew_bench *out, int32_t *node);
/* Of those whose memory may be taken, likewise; node has room for [n_all]. The others become
 * notes of `told`, or NULL. */
uint32_t crew_bench_find_memory(const struct crew_numa_node *all, uint32_t n_all, int32_t *node,
                                struct crew_bench *told);

/* What follows runs on the coordinator. nodes.c; latency.c: core to core. */
CREW_CHECKED crew_status crew_bench_nodes_run(struct crew_bench_job *b);
CREW_CHECKED crew_status crew_bench_latency_run(struct crew_bench_job *b);
CREW_CHECKED crew_status crew_bench_watch_run(struct crew_bench_job *b); /* turns.c */
double
crew_bench_pair_s(const struct crew_bench_job *b); /* longest that a pair of cores takes */

/* verdict.c, any thread. From measured[CREW_GRADIENT]: relative speeds, split, kinds, rounds.
 */
CREW_CHECKED crew_status crew_bench_verdict(struct crew_bench *out);
/* Expected seconds of a round in which everybody has the same number of tasks, and a random
 * choice of workers one more. sorted [n]: scratch. */
double crew_uniform_round_s(const double *cost, uint32_t n, uint64_t tasks, double *sorted);
/* Seconds of a round in which whoever is free takes the next task. free_s [n]: scratch. */
double crew_queue_round_s(const double *cost, uint32_t n, uint64_t tasks, double *free_s);

/* turns.c: desks and the turns of the three measures, on struct bench. */
size_t crew_bench_desk_bytes(const struct crew_bench_job *b);
CREW_CHECKED crew_status crew_bench_lay_desks(struct crew_bench_job *b); /* coordinator only */
void crew_bench_clear_desks(struct crew_bench_job *b);
void crew_turn_sgemm(void *self, uint32_t worker, uint64_t turn);
void crew_turn_gradient(void *self, uint32_t worker, uint64_t turn);
void crew_turn_triad(void *self, uint32_t worker, uint64_t turn);

#endif
