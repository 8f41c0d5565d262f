/* Rows in two shards that differ as much as labels can, and two workers whose shares of the
 * tasks are given. Include testing.h first. */
#ifndef CREW_TESTS_SHARDS_RIG_H
#define CREW_TESTS_SHARDS_RIG_H

#include "checkpoint_rig.h"

/* A fifth of the labels is changed, so that no plane separates the classes; then rows are
 * sorted by label, so that of two shards one has the labels 0 and 1, the other 2 and 3, but for
 * a few rows. With 203 rows and tasks of 8 both end in a short part: 101 = 12 * 8 + 5, 102 = 12
 * * 8 + 6. */
static inline int open_sorted(void **state)
{
    static float x[RIG_ROWS][RIG_FEATURES];
    static uint32_t label[RIG_ROWS];
    uint32_t n = 0;
    if (ck_open(state))
        return 1;
    for (uint32_t r = 0; r < RIG_ROWS; r += 5)
        rig_label[r] = (rig_label[r] + 2) % RIG_CLASSES;
    for (uint32_t k = 0; k < RIG_CLASSES; k++)
        for (uint32_t r = 0; r < RIG_ROWS; r++)
            if (rig_label[r] == k) {
                memcpy(x[n], rig_x[r], sizeof x[n]);
                label[n++] = k;
            }
    memcpy(rig_x, x, sizeof rig_x);
    memcpy(rig_label, label, sizeof rig_label);
    return 0;
}

/* ---- A policy that gives worker 0 such a share of the tasks, or one drawn each round ---- */

static uint64_t first_gets, of_tasks;

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    (void)cfg, (void)err;
    *self = NULL;
    return CREW_OK;
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    uint64_t a = first_gets;
    (void)self;
    if (!a)
        a = 1 + crew_rng_u64(test_seed(), CREW_STREAM_TEST, 1, rq->round) % (rq->tasks - 1);
    else if (rq->tasks < of_tasks) /* the last round of an epoch */
        a = (2 * a * rq->tasks + of_tasks) / (2 * of_tasks);
    a = a < 1 ? 1 : a > rq->tasks - 1 ? rq->tasks - 1 : a;
    out->quota[0] = a;
    out->quota[1] = rq->tasks - a;
}

static const struct crew_policy_ops given = {
    .abi = CREW_POLICY_ABI, .name = "given", .create = create, .plan = plan};

/* Two virtual workers, each with a shard; worker 0 does `first` of so many tasks. */
static inline struct crew_config two_shards(uint64_t first, uint32_t tasks)
{
    struct crew_config cfg = rig_config();
    first_gets = first;
    of_tasks = tasks;
    cfg.model = "softmax";
    cfg.policy_ops = &given;
    cfg.executor = "sim";
    cfg.speeds = "2*1ms";
    cfg.workers = 0;
    cfg.batch_tasks = tasks;
    cfg.shards = "worker";
    cfg.optimizer = "sgd";
    cfg.momentum = 0;
    cfg.lr = 1;
    cfg.epochs = 0;
    cfg.rounds = 1;
    return cfg;
}

enum { PARAMS = (RIG_FEATURES + 1) * RIG_CLASSES };

/* Anywhere but at a special point. */
static inline void some_params(float *w)
{
    for (uint32_t i = 0; i < PARAMS; i++)
        w[i] = (float)(0.4 * crew_rng_unit(test_seed(), CREW_STREAM_TEST, 2, i) - 0.2);
}

#endif
