/* What the canonical order of the sum costs: a round's gradients folded as a tree, against
 * adding them all into one buffer by sgemm with beta = 1, which depends on who computes what.
 * One thread, mlp:512,256. */
#include "shapes.h"
#include "train/reduce.h"

struct rig {
    struct gradient_rig gradient;
    float *into;
    crew_reduce *reduce;
};

static void into_one(void *self)
{
    struct rig *r = self;
    for (uint32_t t = 0; t < TASKS; t++)
        gradient_rig_run(&r->gradient, t > 0, r->into);
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
        gradient_rig_run(&r->gradient, pair, crew_reduce_sum(r->reduce, block));
        if (pair)
            crew_reduce_put_pair(r->reduce, t, block);
        else
            crew_reduce_put(r->reduce, t, 1, block);
    }
    (void)crew_reduce_finish(r->reduce, &loss);
}

int main(void)
{
    struct rig r;
    gradient_rig_open(&r.gradient);
    r.into = random_floats(r.gradient.n_params, 2);
    r.reduce = crew_reduce_create(r.gradient.n_params, TASKS, 0, 1);
    if (!r.reduce)
        return 1;
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
    gradient_rig_close(&r.gradient);
    crew_reduce_destroy(r.reduce);
    crew_free(r.into);
    return 0;
}
