/* A trainer's insides, for the files that build it (setup.c, arrange.c, prior.c), run it
 * (trainer.c) and report on it (summary.c). */
#ifndef CREW_TRAIN_TRAINER_H
#define CREW_TRAIN_TRAINER_H

#include "base/stats.h"
#include "data/sampler.h"
#include "exec/loop.h"
#include "exec/speed.h"
#include "machine/claim.h"
#include "machine/pool.h"
#include "train/network.h"
#include "train/optimizer.h"
#include "train/reduce.h"
#include "train/schedule.h"
#include <crew/crew.h>
#include <stdatomic.h>

/* What one worker computes with; its memory is first touched by that worker, once it is pinned.
 */
struct crew_desk {
    void *memory;    /* all of the following */
    float *x;        /* [task_rows][features] */
    uint32_t *label; /* [task_rows] */
    void *workspace; /* the model's */
    uint32_t block;  /* of crew_reduce, from compute to settle */
    bool pair;       /* it holds the left neighbour's gradient too */
    char pad[128];   /* desks are an array, and block is written once a task */
};

/* What is kept of one worker's timings. */
struct crew_tally {
    uint64_t kept, dropped;
    double busy_s, wasted_s;
    struct crew_stats task_s; /* of kept tasks, scaled to full size, warm-up left out */
};

enum { CREW_MAX_NOTES = 24 };

struct crew_trainer {
    struct crew_config cfg; /* strings are not kept */
    const crew_dataset *train, *validation;
    struct crew_dataset_info info; /* of train */
    uint32_t n;                    /* workers: of policy, loop, tallies and records */
    uint32_t threads; /* that compute: of pool, desks and sums; n unless time is virtual */
    bool virtual_time;
    crew_speeds *speeds; /* of the n virtual workers, or NULL */
    char *fingerprint;   /* of the machine, for profiles; NULL where time is virtual */

    crew_machine *machine;
    crew_claim *claim;
    bool blas_borrowed;
    crew_pool *pool;
    crew_network *net;
    crew_sampler *sampler;
    crew_reduce *reduce;
    crew_optimizer *optimizer;
    struct crew_schedule schedule;
    struct crew_loop loop;
    struct crew_work work;
    bool
        fuse; /* adding in place gives the same bits as adding afterwards: tested in settle.c */

    float *params;            /* [n_params] */
    float *best;              /* [n_params] kept for keep = best, else NULL */
    struct crew_desk *desk;   /* [threads] */
    struct crew_tally *tally; /* [n] */
    double *task_work;        /* [max_tasks] */
    bool *kept;               /* [max_tasks] */
    uint32_t spare;           /* most tasks that a round hands out beyond B */

    struct crew_sampler_round round_rows;
    uint64_t round, epochs, rows; /* done */
    uint64_t first_round;         /* done before this run */
    bool running;      /* set by the caller of run(), read by callbacks: the pool's call stands
                          between */
    double epoch_loss; /* weighted by rows, of the epoch under way */
    double train_loss; /* of the last one; NaN */
    uint64_t epoch_loss_rows;
    double wall_s, train_s, real_s; /* of all runs */
    double began_s;                 /* this run, by crew_trainer_now() */
    double real_began_s;            /* by crew_now_s() */
    double best_accuracy;
    uint64_t best_epoch;
    bool timed_out, stopped; /* the last run */
    _Atomic bool stop;       /* requested: relaxed, it carries no data */

    uint64_t *record_done;              /* [n] scratch of the record */
    double *record_busy;                /* [n] */
    struct crew_worker_summary *worker; /* [n] */
    crew_status run_status;
    struct crew_error *run_error;
    char *note[CREW_MAX_NOTES];
    size_t n_notes;
};

/* Seconds by the executor's clock, real or virtual. */
static inline double crew_trainer_now(const crew_trainer *t)
{
    return t->loop.executor->now(t->loop.executor_self);
}

/* Keep a sentence for crew_trainer_note(). */
void crew_trainer_add_note(crew_trainer *t, const char *fmt, ...) CREW_PRINTF(2, 3);

/* arrange.c: who computes, and who decides. crew_arrange_speeds(): the virtual workers, if they
 * are, and how many. crew_arrange(): executor and policy. */
CREW_CHECKED crew_status crew_arrange_speeds(crew_trainer *t, struct crew_error *err);
CREW_CHECKED crew_status crew_arrange(crew_trainer *t, struct crew_error *err);

/* prior.c: what a profile knows of the workers. */
struct crew_prior {
    double *tasks, *mean_s; /* [n] as in struct crew_policy_config, or NULL: nothing */
    uint32_t known;         /* workers with tasks */
};
/* From t->cfg.profile, NULL: none; notes say what is taken. CREW_EINPUT, CREW_EFORMAT,
 * CREW_ENOMEM, CREW_EINVAL: nothing fits and that was not to be. Free it in any case. */
CREW_CHECKED crew_status crew_prior_read(crew_trainer *t, struct crew_prior *out,
                                         struct crew_error *err);
void crew_prior_free(struct crew_prior *p);
/* Sets t->fingerprint. CREW_ENOMEM. */
CREW_CHECKED crew_status crew_prior_fingerprint(crew_trainer *t, struct crew_error *err);

/* settle.c: from outside the pool. crew_settle_workers(): CREW_EBLAS, CREW_ENOMEM; makes the
 * desks. crew_test_fusion() sets t->fuse. */
size_t crew_desk_bytes(const crew_trainer *t);
CREW_CHECKED crew_status crew_settle_workers(crew_trainer *t, struct crew_error *err);
void crew_test_fusion(crew_trainer *t);

/* step.c: coordinator only. */
bool crew_all_finite(const float *x, size_t n);
bool crew_step_finite(crew_trainer *t, const float *grad);
void crew_step(crew_trainer *t, const float *grad, double lr);

/* The work of a round; see struct crew_work. */
crew_status crew_task_compute(void *self, uint32_t worker, const struct crew_task_context *task,
                              bool droppable);
void crew_task_settle(void *self, uint32_t worker, uint32_t task, bool kept);

/* Coordinator: the present parameters on a data set, spread over the pool. */
crew_status crew_trainer_measure(crew_trainer *t, const crew_dataset *data,
                                 struct crew_evaluation *out);

/* After a round: tallies and the caller's callback; false: it wants to stop. */
void crew_tally_round(crew_trainer *t);
bool crew_record_emit(crew_trainer *t, double loss, double lr, double seconds);

#endif
