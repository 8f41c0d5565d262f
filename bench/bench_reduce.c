/* What the canonical order of the sum costs: a round's gradients folded as a tree, against
 * adding them all into one buffer by sgemm with beta = 1, which depends on who computes what.
 * One thread, mlp:512,256. */
#include "shapes.h"
#include "train/reduce.h"

struct rig {
    const struct crew_model_ops *ops;
    void *model;
    float *params, *x, *into;
    uint32_t label[TASK_ROWS];
    void *workspace;
    crew_reduce *reduce;
};

static void gradient(struct rig *r, bool add, float *sum)
{
    const struct crew_task_context task = {.seed = 1};
    struct crew_batch batch = {r->x, r->label, TASK_ROWS, 1e-3f};
    double loss;
    if (r->ops->gradient(r->model, &task, r->params, &batch, r->workspace, add, sum, &loss) !=
        CREW_OK)
        exit(1);
}

static void into_one(void *self)
{
    struct rig *r = self;
    for (uint32_t t = 0; t < TASKS; t++)
        gradient(r, t > 0, r->into);
}

static void as_tree(void *self)
{
    struct rig *r = self;
    double loss;
    crew_reduce_begin(r->reduce, TASKS);
    for (uint32_t t = 0; t < TASKS; t++) {
        uint32_t block = crew_reduce_left(r->reduce, t);
        bool pair = block != CREW_NO_BLOCK;
        block = pair ? block : crew_reduce_take(r->reduce);
        gradient(r, pair, crew_reduce_sum(r->reduce, block));
        if (pair)
            crew_reduce_put_pair(r->reduce, t, block);
        else
            crew_reduce_put(r->reduce, t, block);
    }
    (void)crew_reduce_finish(r->reduce, &loss);
}

int main(void)
{
    struct crew_model_shape shape = {28, 28, 1, CLASSES};
    struct rig r = {.ops = crew_model_find("mlp")};
    struct crew_error err;
    if (r.ops->create("512,256", &shape, &r.model, &err) != CREW_OK)
        return 1;
    size_t n = r.ops->n_params(r.model);
    r.params = random_floats(n, 1);
    r.into = random_floats(n, 2);
    r.x = random_floats(TASK_ROWS * FEATURES, 3);
    r.workspace = crew_zalloc(r.ops->workspace_bytes(r.model, TASK_ROWS));
    r.reduce = crew_reduce_create(n, TASKS, 0, 1);
    if (!r.workspace || !r.reduce)
        return 1;
    r.ops->init(r.model, 1, r.params);
    openblas_set_num_threads(1);
    struct bench b[] = {{.name = "all tasks into one buffer", .run = into_one, .self = &r},
                        {.name = "the canonical tree", .run = as_tree, .self = &r}};
    struct bench_report report;
    double low, high;
    bench_begin(&report, "reduce",
                "the canonical sum, a round of 16 tasks of 64 rows, mlp:512,256");
    bench_run(b, 2);
    bench_rows(&report, "", b, 2);
    double share = 1 - 1 / bench_ratio(&b[1], &b[0], &low, &high);
    printf("  the order costs %.1f %% of the round (%.1f .. %.1f)\n", 100 * share,
           100 * (1 - 1 / low), 100 * (1 - 1 / high));
    bench_end(&report);
    r.ops->destroy(r.model);
    crew_reduce_destroy(r.reduce);
    crew_free(r.params);
    crew_free(r.into);
    crew_free(r.x);
    crew_free(r.workspace);
    return 0;
}
