/* What is timed: a product of matrices, a gradient task as in training, a triad; and the
 * gradient task over time. */
#include "base/blas.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "study/measure_internal.h"
#include <string.h>

enum { BUCKETS = 20 };

/* ---- Desks ---- */

size_t crew_bench_desk_bytes(const struct crew_bench_job *b)
{
    const struct crew_bench *out = b->out;
    size_t rows = out->task_rows, size = out->size;
    return (size_t)out->triad_bytes + 3 * size * size * sizeof(float) +
           rows * out->rows.features * sizeof(float) + out->n_params * sizeof(float) +
           b->net->ops->workspace_bytes(b->net->model, out->task_rows);
}

static void lay(void *self, uint32_t worker)
{
    struct crew_bench_job *b = self;
    struct crew_bench_desk *d = &b->desk[worker];
    size_t rows = b->out->task_rows, size = b->out->size;
    d->matrix = crew_alloc(3 * size * size * sizeof *d->matrix);
    d->x = crew_zalloc(rows * b->out->rows.features * sizeof *d->x);
    d->label = crew_zalloc(rows * sizeof *d->label);
    d->workspace = crew_zalloc(b->net->ops->workspace_bytes(b->net->model, b->out->task_rows));
    d->grad = crew_zalloc(b->out->n_params * sizeof *d->grad);
    double *arrays = crew_alloc((size_t)b->out->triad_bytes);
    if (!d->matrix || !d->x || !d->label || !d->workspace || !d->grad || !arrays) {
        crew_free(arrays);
        atomic_store_explicit(&b->lacking, true, memory_order_relaxed);
        return;
    }
    crew_triad_lay(&d->triad, arrays, b->out->triad_bytes);
    for (size_t i = 0; i < 3 * size * size; i++) /* some of both signs: sums stay small */
        d->matrix[i] = (float)((i * 7919) % 1021) / 1021.0f - 0.5f;
}

crew_status crew_bench_lay_desks(struct crew_bench_job *b)
{
    crew_pool_all(b->pool, lay, b);
    return atomic_load_explicit(&b->lacking, memory_order_relaxed) ? CREW_ENOMEM : CREW_OK;
}

void crew_bench_clear_desks(struct crew_bench_job *b)
{
    for (uint32_t i = 0; b->desk && i < b->out->n; i++) {
        struct crew_bench_desk *d = &b->desk[i];
        crew_free(d->matrix);
        crew_free(d->triad.a);
        crew_free(d->x);
        crew_free(d->label);
        crew_free(d->workspace);
        crew_free(d->grad);
    }
    crew_free(b->desk);
    b->desk = NULL;
}

/* ---- Turns ---- */

void crew_turn_sgemm(void *self, uint32_t worker, uint64_t turn)
{
    struct crew_bench_job *b = self;
    size_t n = b->out->size;
    float *a = b->desk[worker].matrix;
    (void)turn;
    crew_gemm_nn(n, n, n, a, a + n * n, a + 2 * n * n);
}

/* Rows are gathered and their gradient is computed, as in training; the sum of a round's
 * gradients and the step are not a task's. */
void crew_turn_gradient(void *self, uint32_t worker, uint64_t turn)
{
    struct crew_bench_job *b = self;
    struct crew_bench_desk *d = &b->desk[worker];
    struct crew_batch batch = {d->x, d->label, 0, 1.0f / (float)b->out->task_rows};
    const struct crew_task_context task = {.seed = b->cfg->seed, .round = 1, .stop = &b->stop};
    double loss;
    const uint32_t *rows = crew_sampler_rows(
        b->sampler, (uint32_t)((turn * b->out->n + worker) % b->parts), &batch.rows);
    crew_dataset_gather(b->data.train, rows, batch.rows, d->x, d->label);
    /* once stopped nothing counts, and initial weights give finite numbers: no failure */
    (void)!b->net->ops->gradient(b->net->model, &task, b->params, &batch, d->workspace, false,
                                 d->grad, &loss);
}

void crew_turn_triad(void *self, uint32_t worker, uint64_t turn)
{
    struct crew_bench_job *b = self;
    const struct crew_triad *t = &b->desk[worker].triad;
    (void)turn;
    crew_triad_pass(t, 0, t->n);
}

/* ---- Over time ---- */

struct watch {
    struct crew_bench_job *b;
    double from_s;   /* set by the coordinator before the window */
    uint64_t *tasks; /* [n][BUCKETS] rows of different workers share no line */
};

static void turn_and_count(void *self, uint32_t worker, uint64_t turn)
{
    struct watch *w = self;
    crew_turn_gradient(w->b, worker, turn);
    double at = (crew_now_s() - w->from_s) / w->b->out->watch.bucket_s;
    if (at >= 0 && at < BUCKETS)
        w->tasks[worker * (size_t)crew_round_up(BUCKETS, 16) + (size_t)at]++;
}

/* From the first task on: warming up is what it shows. */
crew_status crew_bench_watch_run(struct crew_bench_job *b)
{
    struct crew_bench_watch *out = &b->out->watch;
    size_t n = b->out->n, row = crew_round_up(BUCKETS, 16);
    struct watch w = {b, 0, crew_zalloc(n * row * sizeof *w.tasks)};
    struct crew_sampled *sampled = crew_zalloc(n * sizeof *sampled);
    crew_status status = CREW_ENOMEM;
    out->tasks = crew_zalloc(BUCKETS * n * sizeof *out->tasks);
    if (w.tasks && sampled && out->tasks) {
        out->buckets = BUCKETS;
        out->bucket_s = b->cfg->watch_s / BUCKETS;
        w.from_s = crew_now_s();
        memset(b->active, true, n * sizeof *b->active);
        status = crew_bench_window(b, turn_and_count, &w, b->cfg->watch_s, sampled, NULL);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < BUCKETS; k++)
                out->tasks[k * n + i] = (double)w.tasks[i * row + k];
    }
    for (size_t i = 0; sampled && i < n; i++)
        crew_sampled_free(&sampled[i]);
    crew_free(sampled);
    crew_free(w.tasks);
    return status;
}
