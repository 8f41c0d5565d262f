/* Everything that a bench needs before it measures: data, model, cores, threads. Each step sets
 * what it made before the next one can fail, so close may be called after any of them. */
#include "base/blas.h"
#include "base/error.h"
#include "base/mem.h"
#include "study/measure_internal.h"
#include "train/profile.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double MB = 1048576;
enum { LEAST_TRIAD_MB = 64, MOST_TRIAD_MB = 3072 };

void crew_bench_note(struct crew_bench *out, const char *fmt, ...)
{
    char text[700];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (out->n_notes < sizeof out->note / sizeof *out->note &&
        (out->note[out->n_notes] = crew_strdup(text)))
        out->n_notes++;
}

/* ---- The task ---- */

static crew_status open_task(struct crew_bench_job *b, struct crew_error *err)
{
    struct crew_bench *out = b->out;
    struct crew_data_config data = b->cfg->data;
    data.seed = b->cfg->seed;
    TRY(crew_data_open(&data, &b->data, err));
    crew_dataset_info(b->data.train, &out->rows);
    out->rows.class_names = NULL;
    if (out->rows.classes < 2 || out->rows.rows >= UINT32_MAX)
        return crew_fail(err, CREW_EINVAL,
                         "the data has %zu rows and %u classes, needs 1 and 2 at least",
                         out->rows.rows, out->rows.classes);
    struct crew_model_shape shape = {out->rows.height, out->rows.width, out->rows.depth,
                                     out->rows.classes};
    TRY(crew_network_create(b->cfg->model, &shape, NULL, NULL, &b->net, err));
    out->model = b->net->spec;
    out->n_params = b->net->n_params;
    out->task_rows = b->cfg->task_rows;
    if (out->task_rows > out->rows.rows)
        out->task_rows = (uint32_t)out->rows.rows;
    b->parts = (uint32_t)out->rows.rows / out->task_rows;
    struct crew_sampler_round all;
    b->sampler = crew_sampler_create((uint32_t)out->rows.rows, out->task_rows, b->cfg->seed);
    if (!b->sampler)
        return crew_fail(err, CREW_ENOMEM, "no memory for the order of %zu rows",
                         out->rows.rows);
    crew_sampler_round(b->sampler, UINT32_MAX, 0, &all);
    return CREW_OK;
}

/* After the memory was counted: this is where it would be taken. */
static crew_status make_params(struct crew_bench_job *b, struct crew_error *err)
{
    b->params = crew_alloc(b->out->n_params * sizeof *b->params);
    if (!b->params)
        return crew_fail(err, CREW_ENOMEM, "no memory for %zu parameters", b->out->n_params);
    b->net->ops->init(b->net->model, b->cfg->seed, b->params);
    return CREW_OK;
}

/* ---- Cores ---- */

static crew_status check_blas(struct crew_bench_job *b, struct crew_error *err)
{
    struct crew_blas_info blas;
    uint32_t n = b->out->n;
    crew_blas_info(&blas);
    if (n > blas.callers)
        return crew_fail(err, CREW_EINVAL,
                         "%u slots are chosen, but this BLAS bears at most %u callers at once: "
                         "see --workers",
                         n, blas.callers);
    if (n > 1 && !blas.concurrent)
        return crew_fail(err, CREW_EBLAS,
                         "the serial OpenBLAS gives wrong results to %u workers at once: "
                         "install libopenblas0-pthread, or use one worker",
                         n);
    if (blas.forced)
        crew_bench_note(b->out,
                        "warning: %s is set: the BLAS kernel is forced to %s, so these are not "
                        "the speeds of this machine",
                        blas.forced, blas.core);
    return CREW_OK;
}

static crew_status find_cores(struct crew_bench_job *b, struct crew_error *err)
{
    struct crew_bench *out = b->out;
    struct crew_machine_request rq = {b->cfg->cores, b->cfg->smt, b->cfg->workers};
    TRY(crew_machine_create(&rq, &b->machine, err));
    const struct crew_machine_info *m = crew_machine_info(b->machine);
    out->machine = b->machine;
    if (!m->this_system)
        return crew_fail(err, CREW_EINVAL,
                         "the machine is described by the environment (HWLOC_XMLFILE or "
                         "HWLOC_SYNTHETIC): only the real one can be measured");
    out->n = m->n_slots;
    for (uint32_t i = 0; i < m->n_notes; i++)
        crew_bench_note(out, "%s", m->notes[i]);
    if (b->cfg->workers > out->n)
        crew_bench_note(out, "%u slots are measured, not %u: one worker a core", out->n,
                        b->cfg->workers);
    if (b->cfg->latency && out->n == 1)
        crew_bench_note(out, "one slot: there is no latency from core to core");
    out->slot = crew_zalloc(out->n * sizeof *out->slot);
    b->active = crew_zalloc(out->n * sizeof *b->active);
    b->desk = crew_zalloc(out->n * sizeof *b->desk);
    b->sampled =
        crew_zalloc((size_t)CREW_MEASURES * CREW_SETTINGS * out->n * sizeof *b->sampled);
    out->passes = crew_bench_passes(b->cfg->seconds);
    out->pass_s =
        crew_zalloc((size_t)out->passes * CREW_SETTINGS * out->n * sizeof *out->pass_s);
    b->fingerprint = crew_profile_machine(b->machine);
    if (!out->slot || !b->active || !b->desk || !b->sampled || !out->pass_s || !b->fingerprint)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u slots", out->n);
    for (uint32_t i = 0; i < out->n; i++)
        out->slot[i].where = m->slots[i];
    return check_blas(b, err);
}

/* The largest of the last level; 0: unknown. */
static double last_cache_mb(const struct crew_machine_info *m)
{
    uint32_t level = 0;
    double most = 0;
    for (uint32_t i = 0; i < m->n_caches; i++) {
        const struct crew_cache *c = &m->caches[i];
        double mb = (double)c->bytes / MB;
        most = c->level > level || mb > most ? mb : most;
        level = c->level > level ? c->level : level;
    }
    return most;
}

/* Three arrays of a worker: each as large as the last cache, which all workers share, but no
 * more than a quarter of what is free for all of them. */
static crew_status size_memory(struct crew_bench_job *b, struct crew_error *err)
{
    struct crew_bench *out = b->out;
    double have = (double)crew_machine_free_bytes();
    double mb = b->cfg->triad_mb, cache_mb = last_cache_mb(crew_machine_info(b->machine));
    if (!(mb > 0)) {
        mb = 3 * cache_mb;
        mb = mb < LEAST_TRIAD_MB ? LEAST_TRIAD_MB : mb > MOST_TRIAD_MB ? MOST_TRIAD_MB : mb;
        double most = have / 4 / MB / out->n;
        mb = mb > most ? most : mb;
        mb = mb < 1 ? 1 : mb;
    }
    if (mb < 2 * cache_mb)
        crew_bench_note(out,
                        "the triad's arrays are %.0f MiB a worker, the last cache is %.0f MiB: "
                        "not the speed of memory alone",
                        mb, cache_mb);
    out->triad_bytes = (uint64_t)(mb * MB);
    double samples = CREW_SAMPLES * sizeof(double) * (CREW_MEASURES * CREW_SETTINGS + 1);
    double need = out->n * ((double)crew_bench_desk_bytes(b) + samples) +
                  (double)out->n_params * sizeof(float);
    if (need <= have)
        return CREW_OK;
    return crew_fail(err, CREW_ENOMEM,
                     "measuring %u slots takes about %.0f MB, %.0f MB are free", out->n,
                     need / 1e6, have / 1e6);
}

/* Nobody spins: whoever waits would take the time of others' turbo. */
static crew_status start_threads(struct crew_bench_job *b, struct crew_error *err)
{
    struct crew_bench *out = b->out;
    struct crew_pool_config pool = {.machine = b->machine, .n = out->n};
    uint32_t taken = 0;
    TRY(crew_bind_parse(b->cfg->bind, &pool.bind, err));
    uint32_t *slot = crew_alloc(out->n * sizeof *slot);
    if (!slot)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u slots", out->n);
    for (uint32_t i = 0; i < out->n; i++)
        slot[i] = i;
    crew_status status = crew_claim_create(b->machine, slot, out->n, &b->claim, &taken, err);
    crew_free(slot);
    TRY(status);
    if (taken)
        crew_bench_note(out, "warning: another crew runs on %u of these cores", taken);
    crew_blas_borrow();
    b->blas_borrowed = true;
    TRY(crew_pool_create(&pool, &b->pool, err));
    if (crew_pool_bind_note(b->pool))
        crew_bench_note(out, "%s", crew_pool_bind_note(b->pool));
    for (uint32_t i = 0; i < out->n; i++)
        out->slot[i].bound = crew_pool_bound(b->pool, i);
    return CREW_OK;
}

static crew_status choose_nodes(struct crew_bench_job *b, struct crew_error *err)
{
    struct crew_bench *out = b->out;
    struct crew_bench_nodes *nodes = &out->nodes;
    const struct crew_machine_info *m = crew_machine_info(b->machine);
    nodes->cores = crew_alloc(out->n * sizeof *nodes->cores);
    nodes->memory = crew_alloc((m->numa_nodes + 1) * sizeof *nodes->memory);
    if (!nodes->cores || !nodes->memory)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u slots", out->n);
    uint32_t n = crew_bench_find_nodes(out, nodes->cores);
    nodes->n_memory = crew_bench_find_memory(m->node, m->numa_nodes, nodes->memory, NULL);
    if (nodes->n_memory && (n > 1 || nodes->n_memory > 1 || b->cfg->numa))
        nodes->n_cores = n;
    if (nodes->n_cores)
        (void)crew_bench_find_memory(m->node, m->numa_nodes, nodes->memory, out);
    else if (b->cfg->numa)
        crew_bench_note(out, "this machine names no NUMA node that can be measured");
    return CREW_OK;
}

crew_status crew_bench_open(struct crew_bench_job *b, struct crew_error *err)
{
    const struct crew_bench_config *cfg = b->cfg;
    struct crew_bench *out = b->out;
    struct crew_error why;
    *out = (struct crew_bench){.batch_tasks = cfg->batch_tasks,
                               .size = cfg->size,
                               .seconds = cfg->seconds,
                               .task_j = (double)NAN,
                               .own = b};
    if (!cfg->task_rows)
        return crew_fail(err, CREW_EINVAL,
                         "task-rows auto is for training: a measurement needs a number");
    if (!cfg->batch_tasks || !cfg->size || !(cfg->seconds > 0))
        return crew_fail(err, CREW_EINVAL, "batch_tasks, size or seconds is 0");
    if (cfg->save_profile)
        TRY(crew_output_check(cfg->save_profile, cfg->replace, err));
    TRY(find_cores(b, err));
    TRY(open_task(b, err));
    TRY(choose_nodes(b, err));
    TRY(size_memory(b, err));
    TRY(make_params(b, err));
    if (crew_energy_open(cfg->powercap, &b->energy, &why) != CREW_OK)
        snprintf(out->no_energy, sizeof out->no_energy, "%s", why.text);
    double size = cfg->size;
    out->turn_size[CREW_SGEMM] = 2 * size * size * size;
    out->turn_size[CREW_GRADIENT] = 1;
    out->turn_size[CREW_TRIAD] = (double)out->triad_bytes;
    return start_threads(b, err);
}

/* What was measured stays; the machine and the model's name are the result's now. */
void crew_bench_close(struct crew_bench_job *b)
{
    if (b->desk)
        crew_bench_clear_desks(b);
    crew_pool_destroy(b->pool);
    if (b->blas_borrowed)
        crew_blas_return();
    crew_claim_destroy(b->claim);
    crew_energy_close(b->energy);
    crew_sampler_destroy(b->sampler);
    crew_data_close(&b->data);
    crew_free(b->params);
    crew_free(b->active);
    crew_free(b->sampled);
    crew_free(b->fingerprint);
    b->pool = NULL;
    b->blas_borrowed = false;
    b->claim = NULL;
    b->energy = NULL;
    b->sampler = NULL;
    b->params = NULL;
    b->active = NULL;
    b->sampled = NULL;
    b->fingerprint = NULL;
}
