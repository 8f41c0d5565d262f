/* The networks that are measured, on rows of MNIST's shape: what a user of small dense networks
 * runs. */
#ifndef CREW_BENCH_SHAPES_H
#define CREW_BENCH_SHAPES_H

#include "base/rng.h"
#include "bench.h"
#include <cblas.h>
#include <string.h>

enum { FEATURES = 784, CLASSES = 10, TASK_ROWS = 64, TASKS = 16, DATA_ROWS = 4096, ROUNDS = 4 };

static inline float *random_floats(size_t n, uint32_t stream)
{
    float *x = crew_alloc(n * sizeof *x);
    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)crew_rng_unit(1, CREW_STREAM_TEST, stream, i) - 0.5f;
    if (!x)
        exit(1);
    return x;
}

static inline crew_dataset *random_rows(void)
{
    crew_dataset *ds;
    struct crew_error err;
    uint32_t *label = crew_alloc(DATA_ROWS * sizeof *label);
    float *x = random_floats((size_t)DATA_ROWS * FEATURES, 1);
    for (uint32_t i = 0; label && i < DATA_ROWS; i++)
        label[i] = i % CLASSES;
    if (!label ||
        crew_dataset_wrap(x, label, DATA_ROWS, FEATURES, CLASSES, &ds, &err) != CREW_OK)
        exit(1);
    return ds; /* kept until the end, as its arrays are */
}

struct recipe {
    const char *model, *policy;
    uint32_t workers;
    const crew_dataset *rows;
};

static inline void *open_trainer(void *recipe)
{
    const struct recipe *r = recipe;
    struct crew_config cfg;
    struct crew_data data;
    struct crew_error err;
    crew_trainer *t;
    memset(&data, 0, sizeof data);
    memcpy(&data.train, &r->rows,
           sizeof r->rows); /* read only, but the struct owns it elsewhere */
    crew_config_init(&cfg);
    cfg.model = r->model;
    cfg.workers = r->workers;
    cfg.policy = r->policy;
    cfg.batch_tasks = TASKS;
    cfg.task_rows = TASK_ROWS;
    cfg.optimizer = "sgd";
    cfg.lr = 0.01;
    cfg.epochs = 0;
    cfg.rounds = ROUNDS;
    if (crew_trainer_create(&cfg, &data, &t, &err) != CREW_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return t;
}

static inline void close_trainer(void *t)
{
    crew_trainer_destroy(t);
}

static inline void run_trainer(void *self)
{
    struct crew_error err;
    if (crew_trainer_run(self, &err) != CREW_OK)
        exit(1);
}

#endif
