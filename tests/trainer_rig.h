/* A small classification problem and trainers on it, for the tests of the trainer. Include
 * testing.h first. */
#ifndef CREW_TESTS_TRAINER_RIG_H
#define CREW_TESTS_TRAINER_RIG_H

#include "base/rng.h"
#include "train/trainer.h"
#include <string.h>

/* 203 rows in tasks of 8: 26 parts, the last one of 3 rows. */
enum { RIG_ROWS = 203, RIG_FEATURES = 13, RIG_CLASSES = 4, RIG_TASK_ROWS = 8, RIG_PARTS = 26 };

static float rig_x[RIG_ROWS][RIG_FEATURES];
static uint32_t rig_label[RIG_ROWS];
static struct crew_data rig_data;

/* Which results count depends on timing: of these policies the weights do, too. */
static inline bool rig_drops(const char *policy)
{
    return strcmp(policy, "greedy") == 0 || strcmp(policy, "cohort") == 0;
}

/* Noise of 1 around the corners of a cube of edge 1.2: learnable, not separable. */
static inline int rig_open(void **state)
{
    (void)state;
    for (uint32_t r = 0; r < RIG_ROWS; r++) {
        rig_label[r] = r % RIG_CLASSES;
        for (uint32_t i = 0; i < RIG_FEATURES; i++) {
            double noise = 2 * crew_rng_unit(test_seed(), CREW_STREAM_TEST, r, i) - 1;
            rig_x[r][i] = (float)(noise + (rig_label[r] >> i % 2 & 1 ? 0.6 : -0.6));
        }
    }
    return crew_dataset_wrap(&rig_x[0][0], rig_label, RIG_ROWS, RIG_FEATURES, RIG_CLASSES,
                             &rig_data.train, NULL) != CREW_OK;
}

static inline int rig_close(void **state)
{
    (void)state;
    crew_dataset_destroy(rig_data.train);
    return 0;
}

static inline struct crew_config rig_config(void)
{
    struct crew_config cfg;
    crew_config_init(&cfg);
    cfg.model = "mlp:9";
    cfg.policy = "queue";
    cfg.workers = 2;
    cfg.task_rows = RIG_TASK_ROWS;
    cfg.batch_tasks = 7;
    cfg.epochs = 3;
    return cfg;
}

static inline crew_trainer *rig_trainer(const struct crew_config *cfg)
{
    struct crew_error err = {.status = CREW_OK};
    crew_trainer *t;
    if (crew_trainer_create(cfg, &rig_data, &t, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return t;
}

static inline void rig_run(crew_trainer *t)
{
    struct crew_error err = {.status = CREW_OK};
    if (crew_trainer_run(t, &err) != CREW_OK)
        fail_msg("%s", err.text);
}

static inline uint64_t rig_digest(crew_trainer *t)
{
    struct crew_summary s;
    crew_trainer_summary(t, &s);
    return s.weights_digest;
}

/* Create, run, destroy: the digest. */
static inline uint64_t rig_result(const struct crew_config *cfg)
{
    crew_trainer *t = rig_trainer(cfg);
    rig_run(t);
    uint64_t digest = rig_digest(t);
    crew_trainer_destroy(t);
    return digest;
}

#endif
