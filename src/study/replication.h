/* One policy in virtual time with one seed: the trainer's round without a model. */
#ifndef CREW_STUDY_REPLICATION_H
#define CREW_STUDY_REPLICATION_H

#include "base/stats.h"
#include "exec/speed.h"
#include "study/curve.h"

/* A policy that only simulation has: every round the split of the true means at its start. */
#define CREW_ORACLE "oracle"

struct crew_replication {
    crew_speeds *speeds; /* replays start again */
    const char *policy;  /* also CREW_ORACLE */
    uint64_t seed;
    uint64_t rounds;
    uint32_t batch_tasks;
    const double *mean_s;                     /* [n] true means in round 1 */
    const double *prior_tasks, *prior_mean_s; /* [n] as in struct crew_policy_config, or NULL */
    struct crew_stats *measured;              /* [n] seconds per full task are added, or NULL */
    const struct crew_curve *curve;           /* which rounds have a point; NULL: none */
    struct crew_curve_point *point;           /* [curve->n_rounds] out */
    /* Asked every few milliseconds, or after every round where one takes longer; false ends it.
     */
    bool (*go_on)(void *user, uint64_t rounds_done);
    void *user;
};

/* Sums over the rounds, and the mean of a round's planning and learning, in real time. */
struct crew_replication_result {
    double time_s, worker_s;
    double regret_s; /* of the proxy loss; NaN: not defined, as workers were open */
    double best_s;   /* the proxy loss it is above */
    uint64_t explored;
    double plan_s;
};

/* CREW_EINVAL: the policy's settings, or it made an illegal plan; CREW_EINPUT: a recording ran
 * out; CREW_ENOMEM; CREW_ESTOPPED. */
CREW_CHECKED crew_status crew_replication_run(const struct crew_replication *cfg,
                                              struct crew_replication_result *out,
                                              struct crew_error *err);

/* Are the policy's name and settings good? As crew_replication_run(), without a round. */
CREW_CHECKED crew_status crew_replication_check(const struct crew_replication *cfg,
                                                struct crew_error *err);

/* Bytes it takes beside those of the executor, for n workers. */
double crew_replication_bytes(uint32_t n);

#endif
