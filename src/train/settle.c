/* What is found out once the threads run, each on its core: is the BLAS fit for several
 * callers, is adding a gradient in place as exact as adding it afterwards; and each worker
 * touches its memory first. */
#include "base/blas.h"
#include "base/error.h"
#include "base/mem.h"
#include "train/trainer.h"
#include <string.h>

struct first_job {
    crew_trainer *t;
    uint64_t *probe; /* [threads] */
    bool *ready;     /* [threads] */
};

/* A desk's memory, and where its parts begin. */
static size_t desk_layout(const crew_trainer *t, size_t *label_at, size_t *workspace_at)
{
    size_t rows = (size_t)t->cfg.task_rows * t->join;
    *label_at = crew_round_up(rows * t->info.features * sizeof(float), CREW_LINE);
    *workspace_at = *label_at + crew_round_up(rows * sizeof(uint32_t), CREW_LINE);
    return *workspace_at + t->net->ops->workspace_bytes(t->net->model, (uint32_t)rows);
}

size_t crew_desk_bytes(const crew_trainer *t)
{
    size_t label, workspace;
    return desk_layout(t, &label, &workspace);
}

static void probe(void *self, uint32_t worker)
{
    struct first_job *job = self;
    float *scratch = crew_alloc(crew_blas_probe_floats() * sizeof *scratch);
    job->ready[worker] = scratch != NULL;
    if (scratch)
        job->probe[worker] = crew_blas_probe(scratch);
    crew_free(scratch);
}

static void lay_desk(void *self, uint32_t worker)
{
    struct first_job *job = self;
    struct crew_desk *d = &job->t->desk[worker];
    size_t label, workspace, bytes = desk_layout(job->t, &label, &workspace);
    char *memory = d->memory = crew_zalloc(bytes); /* touched here: on this core's NUMA node */
    job->ready[worker] = memory != NULL;
    if (!memory)
        return;
    d->x = (float *)(void *)memory;
    d->label = (uint32_t *)(void *)(memory + label);
    d->workspace = memory + workspace;
}

static void first_jobs(void *self, uint32_t worker)
{
    struct first_job *job = self;
    probe(job, worker); /* the coordinator alone: what the others must get, all at once */
    uint64_t alone = job->probe[worker];
    crew_pool_all(job->t->pool, probe, job);
    for (uint32_t i = 0; i < job->t->threads; i++)
        if (job->ready[i] && job->probe[i] != alone)
            job->t->run_status = CREW_EBLAS;
    if (job->t->run_status == CREW_OK && memchr(job->ready, false, job->t->threads) == NULL)
        crew_pool_all(job->t->pool, lay_desk, job);
}

crew_status crew_settle_workers(crew_trainer *t, struct crew_error *err)
{
    struct first_job job = {t, crew_zalloc(t->threads * sizeof *job.probe),
                            crew_zalloc(t->threads * sizeof *job.ready)};
    t->desk = crew_zalloc(t->threads * sizeof *t->desk);
    bool memory = job.probe && job.ready && t->desk;
    if (memory)
        crew_pool_call(t->pool, first_jobs, &job);
    memory = memory && memchr(job.ready, false, t->threads) == NULL;
    crew_free(job.probe);
    crew_free(job.ready);
    if (t->run_status == CREW_EBLAS)
        return crew_fail(
            err, CREW_EBLAS,
            "the BLAS library gives other results to %u threads at once than to one: "
            "install another one (libopenblas0-pthread)",
            t->threads);
    return memory ? CREW_OK
                  : crew_fail(err, CREW_ENOMEM, "no memory for the work areas of %u workers",
                              t->threads);
}

/* Two gradients of a task's size, of other weights so that their bits have nothing in common,
 * summed both ways. Depends on the BLAS kernel and the shapes alone; where the bits differ,
 * gradients are added afterwards. */
static bool exact_in_place(crew_trainer *t, uint32_t rows)
{
    const struct crew_model_ops *ops = t->net->ops;
    struct crew_desk *d = &t->desk[0];
    struct crew_batch batch = {d->x, d->label, rows, 1.0f / 3.0f};
    size_t n = t->net->n_params;
    double loss;
    const struct crew_task_context task = {.seed = 0};
    for (uint32_t r = 0; r < rows; r++)
        crew_dataset_gather(t->train, &r, 1, d->x + (size_t)r * t->info.features, &d->label[r]);
    crew_reduce_begin(t->reduce, 2);
    float *a = crew_reduce_sum(t->reduce, crew_reduce_take(t->reduce));
    float *b = crew_reduce_sum(t->reduce, crew_reduce_take(t->reduce));
    bool ok = ops->gradient(t->net->model, &task, t->params, &batch, d->workspace, false, a,
                            &loss) == CREW_OK;
    batch.weight = 1.0f / 7.0f;
    ok = ok && ops->gradient(t->net->model, &task, t->params, &batch, d->workspace, false, b,
                             &loss) == CREW_OK;
    for (size_t i = 0; ok && i < n; i++)
        b[i] += a[i];
    ok = ok && ops->gradient(t->net->model, &task, t->params, &batch, d->workspace, true, a,
                             &loss) == CREW_OK;
    return ok && memcmp(a, b, n * sizeof *a) == 0;
}

/* Tasks of every size that there will be. */
static void test_in_place(void *self, uint32_t worker)
{
    enum { KNOWN = 4 };
    crew_trainer *t = self;
    uint32_t rows, known[KNOWN] = {0}, n = 0;
    (void)worker;
    t->adds_in_place = true;
    for (uint32_t g = 0; t->adds_in_place && (rows = crew_rows_in_shard(t, g)); g++) {
        uint32_t full = t->cfg.task_rows < rows ? t->cfg.task_rows : rows,
                 size[] = {full, (rows - 1) % full + 1};
        for (int k = 0; k < 2; k++) {
            bool tested = false;
            for (int i = 0; i < KNOWN; i++)
                tested |= known[i] == size[k];
            t->adds_in_place = t->adds_in_place && (tested || exact_in_place(t, size[k]));
            known[n++ % KNOWN] = size[k];
        }
    }
}

void crew_test_in_place(crew_trainer *t)
{
    crew_pool_call(t->pool, test_in_place, t);
}
