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

/* One task's gradient of mlp:512,256. */
struct gradient_rig {
    const struct crew_model_ops *ops;
    void *model;
    size_t n_params;
    float *params, *x;
    uint32_t label[TASK_ROWS];
    void *workspace;
};

static inline void gradient_rig_open(struct gradient_rig *r)
{
    struct crew_model_shape shape = {28, 28, 1, CLASSES};
    struct crew_error err;
    memset(r, 0, sizeof *r);
    r->ops = crew_model_find("mlp");
    if (r->ops->create("512,256", &shape, &r->model, &err) != CREW_OK)
        exit(1);
    r->n_params = r->ops->n_params(r->model);
    r->params = random_floats(r->n_params, 1);
    r->x = random_floats(TASK_ROWS * FEATURES, 3);
    r->workspace = crew_zalloc(r->ops->workspace_bytes(r->model, TASK_ROWS));
    if (!r->workspace)
        exit(1);
    r->ops->init(r->model, 1, r->params);
    openblas_set_num_threads(1);
}

static inline void gradient_rig_run(struct gradient_rig *r, bool add, float *sum)
{
    const struct crew_task_context task = {.seed = 1};
    struct crew_batch batch = {r->x, r->label, TASK_ROWS, 1e-3f};
    double loss;
    if (r->ops->gradient(r->model, &task, r->params, &batch, r->workspace, add, sum, &loss) !=
        CREW_OK)
        exit(1);
}

static inline void gradient_rig_close(struct gradient_rig *r)
{
    r->ops->destroy(r->model);
    crew_free(r->params);
    crew_free(r->x);
    crew_free(r->workspace);
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
    uint32_t task_rows; /* TASKS * TASK_ROWS a round, whatever it is */
    bool fuse;
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
    cfg.batch_tasks = TASKS * TASK_ROWS / r->task_rows;
    cfg.task_rows = r->task_rows;
    cfg.fuse_quota = r->fuse;
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
