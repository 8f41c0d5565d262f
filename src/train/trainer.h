/* A trainer's insides, for the files that build it (setup.c, arrange.c, prior.c), run it
 * (trainer.c) and report on it (summary.c). */
#ifndef CREW_TRAIN_TRAINER_H
#define CREW_TRAIN_TRAINER_H

#include "base/stats.h"
#include "data/augment.h"
#include "data/shards.h"
#include "exec/loop.h"
#include "exec/speed.h"
#include "machine/claim.h"
#include "machine/pool.h"
#include "train/network.h"
#include "train/numa.h"
#include "train/optimizer.h"
#include "train/reduce.h"
#include "train/rows.h"
#include "train/schedule.h"
#include <crew/crew.h>
#include <stdatomic.h>

/* What one worker computes with; its memory is first touched by that worker, once it is pinned.
 */
struct crew_desk {
    void *memory;    /* all of the following */
    float *x;        /* [task_rows * join][features] */
    uint32_t *label; /* [task_rows * join] */
    void *workspace; /* the model's */
    uint32_t joined; /* tasks under way */
    uint32_t block;  /* of crew_reduce, from compute to settle */
    bool pair;       /* it holds the left neighbour's gradient too */
    /* Kept only with a task_timeout_s; see watch.c */
    _Atomic double begun_s; /* its task under way, by crew_now_s(); 0: none */
    _Atomic uint32_t task;
    struct {
        double seconds;
        uint32_t task;
    } longest;     /* of this round */
    char pad[128]; /* desks are an array, and block is written once a task */
};

/* What is kept of one worker's timings. */
struct crew_tally {
    uint64_t kept, dropped;
    double busy_s, wasted_s;
    struct crew_stats task_s; /* of kept tasks, scaled to full size, warm-up left out */
};

enum { CREW_MAX_NOTES = 24, CREW_HISTORY = 4096 };

/* What becomes of a round whose loss or gradient is not finite. */
enum crew_on_nan { CREW_NAN_STOP, CREW_NAN_SKIP, CREW_NAN_ROLLBACK };
enum { CREW_GOOD = 3 }; /* parameters, and what an optimiser has at most */

/* Whose the trainer is: see watch.c. */
enum { CREW_COORDINATING, CREW_COMPUTING, CREW_ABANDONED };

struct crew_trainer {
    struct crew_config cfg; /* strings are not kept */
    const crew_dataset *train, *validation;
    struct crew_dataset_info info; /* of train */
    struct crew_augment augment;
    uint32_t n;       /* workers: of policy, loop, tallies and records */
    uint32_t threads; /* that compute: of pool, desks and sums; n unless time is virtual */
    bool virtual_time;
    crew_speeds *speeds; /* of the n virtual workers, or NULL */
    char *fingerprint;   /* of the machine, for profiles; NULL where time is virtual */

    crew_machine *machine;
    crew_claim *claim;
    bool blas_borrowed;
    crew_pool *pool;
    crew_network *net;
    crew_sampler *sampler; /* this or shards; see rows.c */
    crew_shards *shards;
    uint32_t *shard;       /* [n] of each worker, or NULL */
    uint64_t *shard_floor; /* [shards], or NULL */
    crew_reduce *reduce;
    crew_optimizer *optimizer;
    struct crew_schedule schedule;
    struct crew_loop loop;
    struct crew_work work;
    uint32_t join;      /* most tasks that work.join may be */
    bool adds_in_place; /* with the same bits as adding afterwards: tested in settle.c */

    float *params;            /* [n_params] */
    struct crew_numa *numa;   /* copies of them, or NULL */
    float *best;              /* [n_params] where it is asked for, else NULL */
    struct crew_desk *desk;   /* [threads] */
    struct crew_tally *tally; /* [n] */
    double *task_work;        /* [max_tasks] */
    bool *kept;               /* [max_tasks] */
    uint32_t spare;           /* most tasks that a round hands out beyond B */
    double bytes;             /* that all of it was to take, before the start */

    struct crew_sampler_round round_rows;
    uint64_t round, epochs, rows;      /* done */
    uint64_t first_round, first_epoch; /* done before this run */
    uint64_t unmeasured; /* 1: the rounds of an epoch are done, its end was interrupted */
    bool goes_on;        /* the next run is the rest of one that a checkpoint is of */
    bool running;      /* set by the caller of run(), read by callbacks: the pool's call stands
                          between */
    double epoch_loss; /* weighted by rows, of the epoch under way */
    double train_loss; /* of the last one; NaN */
    uint64_t epoch_loss_rows;
    double wall_s, train_s, real_s; /* of all runs */
    struct {                        /* what other workers did, whom the tallies do not have */
        double train_s, worker_s, wasted_s;
        double slot_s; /* train_s times their number */
    } earlier;
    double spent_s, real_spent_s; /* of this one, up to the last count_time() */
    double began_s;               /* this run, by crew_trainer_now() */
    double real_began_s;          /* by crew_now_s() */
    double best_accuracy;
    uint64_t best_epoch;
    uint64_t best_from;                /* best_epoch is that since this epoch */
    struct crew_epoch_record *history; /* [CREW_HISTORY] the last ones, oldest first */
    size_t n_history;
    struct crew_checkpoint *checkpoint; /* or NULL */
    _Atomic bool save_asked;            /* relaxed, it carries no data */
    bool resumed;                       /* from a checkpoint, which may be of round 0 */
    uint64_t resumed_round, checkpoints;
    bool checkpoint_failed;                   /* the last one */
    bool timed_out, stopped, out_of_patience; /* the last run */
    _Atomic bool stop;                        /* requested: relaxed, it carries no data */
    _Atomic uint32_t phase;                   /* CREW_COORDINATING ... */
    _Atomic uint32_t overdue;                 /* 1 + worker, 0: none */
    bool late;                                /* the time limit has ended the run */
    long process; /* that made it: a child has none of its threads */

    enum crew_on_nan on_nan;
    float *good[CREW_GOOD]; /* [n_params] to roll back to, or NULL; see crew_rollback_keep() */
    double good_numbers[CREW_OPTIMIZER_NUMBERS];
    uint64_t good_epoch;            /* the last one that had a finite round */
    uint64_t skipped, bad_in_a_row; /* rounds without a step */
    char nonfinite[400];            /* what was wrong with the last round, or "" */

    uint64_t *record_done;              /* [n] scratch of the record */
    double *record_busy;                /* [n] */
    struct crew_worker_summary *worker; /* [n] */
    crew_status run_status;
    struct crew_error run_error; /* CREW_OK: nothing was said */
    char *note[CREW_MAX_NOTES];
    size_t n_notes;
};

/* Seconds by the executor's clock, real or virtual. */
static inline double crew_trainer_now(const crew_trainer *t)
{
    return t->loop.executor->now(t->loop.executor_self);
}

/* Brings the seconds of all runs and of this one up to date. Coordinator, while one runs. */
void crew_trainer_count_time(crew_trainer *t);
/* Has this run all the rounds and epochs it was to have? Not its time. */
bool crew_trainer_finished(const crew_trainer *t);

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

/* memory.c: sets t->bytes; who computes must be known. CREW_ENOMEM: so much is not free.
 * crew_trainer_holes() is for crew_reduce. */
CREW_CHECKED crew_status crew_trainer_check_memory(crew_trainer *t, struct crew_error *err);
uint32_t crew_trainer_holes(const crew_trainer *t);

/* settle.c: from outside the pool. crew_settle_workers(): CREW_EBLAS, CREW_ENOMEM; makes the
 * desks. crew_test_in_place() sets t->adds_in_place. */
size_t crew_desk_bytes(const crew_trainer *t);
CREW_CHECKED crew_status crew_settle_workers(crew_trainer *t, struct crew_error *err);
void crew_test_in_place(crew_trainer *t);

/* round.c: coordinator only. Both may return CREW_ESTOPPED. After CREW_ETIMEOUT ask
 * crew_trainer_abandoned(): then nothing must be touched. */
CREW_CHECKED crew_status crew_round_run(crew_trainer *t, bool *epoch_done);
CREW_CHECKED crew_status crew_epoch_end(crew_trainer *t);

/* nonfinite.c: coordinator only, but for the first. crew_nonfinite(): CREW_OK: the round
 * counts, but takes no step. */
CREW_CHECKED crew_status crew_nonfinite_parse(const char *text, enum crew_on_nan *out,
                                              struct crew_error *err);
CREW_CHECKED crew_status crew_nonfinite(crew_trainer *t, double loss);
/* To roll back to: from now on; the present state; and the present state if it is the first of
 * this epoch that is known to be good, from which no step was taken yet. CREW_ENOMEM. */
CREW_CHECKED crew_status crew_rollback_create(crew_trainer *t);

/* task_size.c: cfg.task_rows by measurement, or that of the run this one goes on with.
 * CREW_ENOMEM. check(): a note where tasks are too small to be worth handing out. Once the
 * threads run. */
CREW_CHECKED crew_status crew_task_size_find(crew_trainer *t, struct crew_error *err);
void crew_task_size_check(crew_trainer *t);
void crew_rollback_keep(crew_trainer *t);
void crew_rollback_prove(crew_trainer *t);
/* "task 3 of round 12 (epoch 2, worker 1, rows 17, 203 and 14 more)", of the round under way.
 */
enum { CREW_TASK_TEXT = 240 };
void crew_task_describe(const crew_trainer *t, const char *who, uint32_t number, uint32_t task,
                        char *out, size_t cap);

/* watch.c. Coordinator: the tasks of a round; CREW_ETIMEOUT: one took too long. */
CREW_CHECKED crew_status crew_watched_round(crew_trainer *t);
/* Caller of run(): until it is over; until_s ends it. False: a task never returned, and the
 * trainer is the caller's: the coordinator must not touch it any more. */
bool crew_watch(crew_trainer *t, double until_s);
bool crew_trainer_abandoned(const crew_trainer *t);
/* CREW_ESTATE: it was abandoned, or this is a child of the process that made it. */
CREW_CHECKED crew_status crew_trainer_usable(const crew_trainer *t, struct crew_error *err);
/* May what belongs to it be freed, with its threads? */
bool crew_trainer_let_go(crew_trainer *t);

/* step.c: coordinator only. */
bool crew_all_finite(const float *x, size_t n);
bool crew_step_finite(crew_trainer *t, const float *grad);
void crew_step(crew_trainer *t, const float *grad, double lr);

/* task.c: rows of the training data as this epoch has them, to d->x and d->label from row `at`
 * on. */
void crew_task_gather(const crew_trainer *t, struct crew_desk *d, uint32_t at,
                      const uint32_t *row, uint32_t n);
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
