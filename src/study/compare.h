/* The same training with several policies, side by side: what `crew compare` does. */
#ifndef CREW_STUDY_COMPARE_H
#define CREW_STUDY_COMPARE_H

#include "study/pairs.h"
#include "study/rounds.h"

/* Which run this is. */
struct crew_comparison_step {
    const char *policy;
    uint32_t repeat;       /* from 1; 0: the warm-up, which does not count */
    uint32_t run, of_runs; /* from 1 */
};

struct crew_comparison_run;

struct crew_comparison_config {
    struct crew_config train;     /* its policy and callbacks are not used */
    const struct crew_data *data; /* borrowed */
    /* "uniform,ata:width=2"; "all", also with others; or NULL: uniform, queue, greedy,
     * adaptive, without those that are open where there are shards. The last two have fixed,
     * too, where the times of all workers are known. */
    const char *policy;
    const char *against; /* one of them, "best": the least median time; NULL: the first */
    /* Of all policies in turn, each time another one first. In virtual time, where nothing else
     * would differ, each has a seed of its own: seed, seed + 1, ...; the data stay the same. */
    uint32_t repeats;
    const char *powercap; /* folder of the energy counters, NULL: the system's */
    double warm_up_s;     /* of the first policy before all; not in virtual time */
    /* A run ends when the mean loss of the last rounds (crew_comparison.window) or the
     * validation accuracy reaches it. NaN: not asked for; one of them at most. */
    double target_loss, target_accuracy;
    /* Before each run; false ends the comparison. t lives until on_end(), with the run, or with
     * NULL: it is not among the results. */
    bool (*on_begin)(void *user, const struct crew_comparison_step *step, crew_trainer *t);
    void (*on_end)(void *user, const struct crew_comparison_step *step,
                   const struct crew_comparison_run *run);
    void (*on_round)(void *user, const struct crew_record *r); /* as in struct crew_config */
    void (*on_epoch)(void *user, const struct crew_epoch_record *r);
    void *user;
};

/* The figures of a run. */
enum crew_comparison_figure {
    CREW_FIGURE_TRAIN,
    CREW_FIGURE_WORKER,
    CREW_FIGURE_JOULES,
    CREW_FIGURE_ROUND_MEAN,
    CREW_FIGURE_ROUND_P95,
    CREW_FIGURE_IDLE,
    CREW_FIGURE_WASTED,
    CREW_FIGURE_ROUNDS,
    CREW_FIGURE_LOSS,
    CREW_FIGURE_ACCURACY,
    CREW_FIGURES
};

/* One run, up to the target or the end. Seconds are the executor's. */
struct crew_comparison_run {
    bool finished;   /* else nothing of it is known */
    bool reached;    /* the target */
    bool timed_out;  /* ended by the time limit */
    double train_s;  /* in rounds: validation is left out */
    double worker_s; /* busy */
    double joules;   /* of all packages, validation included; NaN: not known */
    double round_mean_s, round_p95_s;
    double idle_s, wasted_s;
    uint64_t rounds, dropped;
    double train_loss;    /* mean of the last epoch that has rounds */
    double test_accuracy; /* NaN: there are no test rows */
    uint64_t weights_digest;
};

enum { CREW_COMPARISON_REPEATS = 1000, CREW_COMPARISON_POINTS = 500 }; /* at most */

struct crew_comparison_policy {
    const char *policy;              /* as typed */
    struct crew_comparison_run *run; /* [repeats] */
    double median[CREW_FIGURES];     /* over the finished repeats; NaN: none */
    /* To `against`, of the repeats in which both runs are complete. */
    struct crew_spread ratio_train, ratio_worker;
    bool drops;         /* in one of its runs at least */
    bool other_weights; /* it dropped nothing, and yet ended with other ones than the first such
                           policy */
    /* Of the first finished run: loss over time, [n_points]; mean tasks a round, [workers] */
    struct crew_rounds_entry *point;
    size_t n_points;
    double *quota_mean, *tasks_mean; /* planned, done */
};

enum crew_same_weights {
    CREW_SAME_UNKNOWN, /* fewer than two runs can be compared */
    CREW_SAME_YES,
    CREW_SAME_NO
};

struct crew_comparison {
    size_t n_policies;
    struct crew_comparison_policy *policy; /* [n_policies] */
    uint32_t repeats;                      /* asked for */
    uint32_t workers;
    uint32_t window; /* rounds whose mean loss is held against target_loss */
    uint64_t seed;   /* of the first repeat */
    bool virtual_time;
    const char *apart;  /* by this option weights depend on who computed what, and are not
                           compared; NULL */
    bool stopped;       /* some runs are not finished */
    char error[600];    /* which run could not be finished and why; "": none failed */
    bool without_fixed; /* of "all": the times of the workers are not known */
    double target_loss, target_accuracy; /* NaN: none */
    size_t against; /* index of policy; ratios are NaN while nothing is finished */
    /* Runs of the same repeat that dropped nothing and were not cut off by the time limit. */
    enum crew_same_weights same;
    char no_energy[600]; /* why joules are not known; "": they are */
    char date[40];       /* when it began, UTC */
    crew_machine *machine;
    void *names; /* of the policies */
};

/* Statuses as of crew_trainer_create() and crew_trainer_run(). A stop is CREW_OK, with the runs
 * that were finished. Those are in *out, too, when a run fails: then it has policies, which it
 * has not when there was nothing to begin with. Runs start afresh and write no
 * checkpoints. */
CREW_CHECKED crew_status crew_compare(const struct crew_comparison_config *cfg,
                                      struct crew_comparison *out, struct crew_error *err);
void crew_comparison_free(struct crew_comparison *c); /* zeroed is fine, and after a failure */

/* A figure's name in JSON and CSV: "round_mean_s". */
const char *crew_comparison_key(enum crew_comparison_figure figure);
double crew_comparison_value(const struct crew_comparison_run *run,
                             enum crew_comparison_figure figure);

/* Its seconds are those of the whole task: of a target they are only once it is reached, and a
 * run that the time limit cut off has done something else. */
bool crew_comparison_complete(const struct crew_comparison *c,
                              const struct crew_comparison_run *run);

/* compare_figures.c: ratios, and whether the weights are the same, from the runs. */
void crew_comparison_summarise(struct crew_comparison *c, bool against_best);

#endif
