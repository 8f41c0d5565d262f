/* One task, or several joined: gather the rows, compute their gradient, hand it to the sum.
 * Runs on workers.
 *
 *   desk[i]          Wi only, but for what watch.c says
 *   params, rows     read by all; written by the coordinator between rounds
 *   reduce           see reduce.h */
#include "base/clock.h"
#include "base/error.h"
#include "train/trainer.h"

void crew_task_gather(const crew_trainer *t, struct crew_desk *d, uint32_t at,
                      const uint32_t *row, uint32_t n)
{
    float *x = d->x + (size_t)at * t->info.features;
    crew_dataset_gather(t->train, row, n, x, d->label + at);
    crew_augment_rows(&t->augment, &t->info, t->cfg.seed, t->round_rows.epoch, row, n, x);
}

static uint32_t gather(const crew_trainer *t, struct crew_desk *d, uint32_t task)
{
    uint32_t rows = 0, n;
    for (uint32_t k = 0; k < d->joined; k++, rows += n) {
        const uint32_t *row = crew_rows_of(t, task + k, &n);
        crew_task_gather(t, d, rows, row, n);
    }
    return rows;
}

crew_status crew_task_compute(void *self, uint32_t worker, const struct crew_task_context *task,
                              bool droppable)
{
    crew_trainer *t = self;
    struct crew_desk *d = &t->desk[worker];
    struct crew_batch batch = {d->x, d->label, 0, crew_rows_weight(t, task->task)};
    double loss = 0;
    d->joined = task->joined > 1 ? task->joined : 1;
    if (t->cfg.task_timeout_s > 0) {
        atomic_store_explicit(&d->task, task->task, memory_order_relaxed);
        atomic_store_explicit(&d->begun_s, crew_now_s(), memory_order_relaxed);
    }
    /* A result that may be dropped must not be mixed with its neighbour's. */
    d->block = t->adds_in_place && !droppable && d->joined == 1
                   ? crew_reduce_left(t->reduce, task->task)
                   : CREW_NO_BLOCK;
    d->pair = d->block != CREW_NO_BLOCK;
    if (!d->pair)
        d->block = crew_reduce_take(t->reduce);
    batch.rows = gather(t, d, task->task);
    TRY(t->net->ops->gradient(t->net->model, task, crew_numa_params(t, worker), &batch,
                              d->workspace, d->pair, crew_reduce_sum(t->reduce, d->block),
                              &loss));
    double *sum = crew_reduce_loss(t->reduce, d->block);
    *sum = d->pair ? *sum + loss : loss;
    return CREW_OK;
}

static void stop_the_clock(struct crew_desk *d, uint32_t task)
{
    double seconds = crew_now_s() - atomic_load_explicit(&d->begun_s, memory_order_relaxed);
    atomic_store_explicit(&d->begun_s, 0, memory_order_relaxed);
    if (seconds > d->longest.seconds) {
        d->longest.seconds = seconds;
        d->longest.task = task;
    }
}

void crew_task_settle(void *self, uint32_t worker, uint32_t task, bool kept)
{
    crew_trainer *t = self;
    struct crew_desk *d = &t->desk[worker];
    if (t->cfg.task_timeout_s > 0)
        stop_the_clock(d, task);
    if (!kept) /* of a pair: the round is being given up */
        crew_reduce_drop(t->reduce, d->block);
    else if (d->pair)
        crew_reduce_put_pair(t->reduce, task, d->block);
    else
        crew_reduce_put(t->reduce, task, d->joined, d->block);
}
