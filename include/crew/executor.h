/** @file executor.h
 * Write an executor: carry out one planned round, on threads or in virtual time. An executor runs
 * a function it was handed and never sees a model; it obeys a plan and never sees a policy. */
#ifndef CREW_EXECUTOR_H
#define CREW_EXECUTOR_H

#include <crew/policy.h>
#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CREW_EXECUTOR_ABI 1u

/** What one task is a function of, besides the parameters. Everything random in a task is drawn
 *  from (seed, round, task), so it does not matter who computes it. */
struct crew_task_context {
    uint64_t seed;
    uint64_t round;
    uint32_t task;
    const void *stop; /**< ask crew_task_stopped(); NULL: cannot be stopped */
    uint32_t joined;  /**< tasks computed together, from `task` on; 0, 1: this one alone */
};

/** True once the result of this task is no longer wanted. Models ask between layers and may then return
 *  CREW_ESTOPPED with an unfinished gradient. One relaxed load. Any thread. */
CREW_API bool crew_task_stopped(const struct crew_task_context *task);

/** The work of a round, as the executor sees it. Called on worker threads, several at once, each
 *  worker number by one thread at a time. */
struct crew_work {
    void *self;
    /** Compute task t->task and those joined to it. droppable: its result may yet be dropped. CREW_ESTOPPED: it
     *  saw the stop. */
    CREW_CHECKED crew_status (*compute)(void *self, uint32_t worker,
                                        const struct crew_task_context *t, bool droppable);
    /** Called once after each compute(), on the same worker: the result counts (kept) or not. */
    void (*settle)(void *self, uint32_t worker, uint32_t task, bool kept);
    /** So many neighbours of one worker's quota may be computed by one call, where none can be dropped; 0, 1: each
     *  by its own. An executor need not join. Their timings divide what it took by their sizes. */
    uint32_t join;
};

/** One round to carry out. Everything is borrowed for the call. */
struct crew_round {
    uint64_t seed;
    uint64_t round;               /**< from 1 */
    uint32_t tasks;               /**< B: so many results count */
    uint32_t spare;               /**< tasks B..B+spare-1 exist too, for workers that overrun */
    const struct crew_plan *plan; /**< [n] arrays; worker i's quota follows worker i-1's in task order */
    const double *work;           /**< [B+spare] size of each task in units of a full one */
    const struct crew_work *run;
};

/** What happened. The executor owns the arrays; they are valid until its next round. */
struct crew_outcome {
    const struct crew_timing *timing; /**< sorted by (worker, order of execution) */
    size_t n_timings;
    double seconds; /**< from the start of the round until its last needed result */
    /** [n] false: this worker has lost its core and is to get nothing until it is back; what it had not begun
     *  was done by the others. NULL: all are on their cores. All true: some are not, but no other one is free */
    const bool *available;
};

/** An executor as a table of functions. Coordinator only. */
struct crew_executor_ops {
    uint32_t abi;
    const char *name; /**< "threads", "sim" */
    /** CREW_ESTOPPED: a stop was requested, the round does not count. Any other failure is the first
     *  that a task returned. */
    CREW_CHECKED crew_status (*run_round)(void *self, const struct crew_round *in,
                                          struct crew_outcome *out);
    double (*now)(const void *self); /**< seconds since create, real or virtual */
    void (*stop)(void *self); /**< end the round in flight and all later ones until resume(); from any thread
                                   or signal handler */
    void (*resume)(void *self); /**< forget a stop */
    void (*destroy)(void *self);
    /** State as numbers, for checkpoints: how many there are; the first cap of them go to out; NULL: there is
     *  none. load(): CREW_EFORMAT: not of this executor. */
    size_t (*save)(const void *self, double *out, size_t cap);
    CREW_CHECKED crew_status (*load)(void *self, const double *in, size_t n);
};

#ifdef __cplusplus
}
#endif
#endif
