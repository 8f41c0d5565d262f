/* A bench: each measure on each slot alone, then on all at once; what was asked for beside
 * them; the verdict. Everything runs as one job of the pool's coordinator, while the caller
 * sleeps and now and then tells how far it is. */
#include "study/measure.h"
#include "base/blas.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "study/measure_internal.h"
#include "train/profile.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double TELL_S = 0.1;
static const double WARM = 0.1; /* of a window, before it */

static const struct {
    crew_turn *turn;
    const char *what[CREW_SETTINGS];
} measures[CREW_MEASURES] = {
    {crew_turn_sgemm, {"sgemm, each alone", "sgemm, together"}},
    {crew_turn_gradient, {"gradient task, each alone", "gradient task, together"}},
    {crew_turn_triad, {"triad, each alone", "triad, together"}},
};

bool crew_bench_stopped(const struct crew_bench_job *b)
{
    return atomic_load_explicit(&b->stop, memory_order_relaxed);
}

static void now_measures(struct crew_bench_job *b, const char *what)
{
    atomic_store_explicit(&b->what, what, memory_order_relaxed);
}

crew_status crew_bench_window(struct crew_bench_job *b, crew_turn *turn, void *self,
                              double seconds, struct crew_sampled *out, double *joules)
{
    struct crew_window w = {.pool = b->pool,
                            .turn = turn,
                            .self = self,
                            .warm_s = WARM * seconds,
                            .seconds = seconds,
                            .stop = &b->stop,
                            .active = b->active,
                            .out = out,
                            .energy = joules ? b->energy : NULL};
    memset(out, 0, b->out->n * sizeof *out);
    if (crew_bench_stopped(b))
        return CREW_OK;
    crew_status status = crew_window_run(&w);
    if (joules)
        *joules = w.joules;
    return status;
}

/* ---- The three measures, alone and together ---- */

static crew_status measure_alone(struct crew_bench_job *b, enum crew_measure what,
                                 struct crew_sampled *sampled)
{
    now_measures(b, measures[what].what[CREW_ALONE]);
    for (uint32_t i = 0; i < b->out->n; i++) {
        struct crew_bench_slot *s = &b->out->slot[i];
        double joules = (double)NAN;
        memset(b->active, 0, b->out->n * sizeof *b->active);
        b->active[i] = true;
        crew_status status =
            crew_bench_window(b, measures[what].turn, b, b->cfg->seconds, sampled, &joules);
        s->measured[what][CREW_ALONE] = sampled[i];
        if (what == CREW_GRADIENT)
            s->task_j = joules / (double)sampled[i].turns;
        TRY(status);
    }
    return CREW_OK;
}

static crew_status measure_together(struct crew_bench_job *b, enum crew_measure what,
                                    struct crew_sampled *sampled)
{
    double joules = (double)NAN, turns = 0;
    now_measures(b, measures[what].what[CREW_TOGETHER]);
    memset(b->active, true, b->out->n * sizeof *b->active);
    crew_status status =
        crew_bench_window(b, measures[what].turn, b, b->cfg->seconds, sampled, &joules);
    for (uint32_t i = 0; i < b->out->n; i++) {
        b->out->slot[i].measured[what][CREW_TOGETHER] = sampled[i];
        turns += (double)sampled[i].turns;
    }
    if (what == CREW_GRADIENT)
        b->out->task_j = joules / turns;
    return status;
}

static crew_status measure_all(struct crew_bench_job *b)
{
    const struct crew_bench_config *cfg = b->cfg;
    struct crew_sampled *sampled = crew_zalloc(b->out->n * sizeof *sampled);
    crew_status status = sampled ? crew_bench_lay_desks(b) : CREW_ENOMEM;
    if (status == CREW_OK && cfg->watch_s > 0) {
        now_measures(b, "gradient task over time");
        status = crew_bench_watch_run(b); /* first: the cores are cold */
    }
    for (int what = 0; what < CREW_MEASURES && status == CREW_OK; what++) {
        status = measure_alone(b, (enum crew_measure)what, sampled);
        if (status == CREW_OK)
            status = measure_together(b, (enum crew_measure)what, sampled);
    }
    crew_free(sampled);
    TRY(status);
    crew_bench_clear_desks(b);
    if (cfg->latency && b->out->n > 1) {
        now_measures(b, "latency, core to core");
        TRY(crew_bench_latency_run(b));
    }
    if (b->out->nodes.n) {
        now_measures(b, "memory, node by node");
        TRY(crew_bench_nodes_run(b));
    }
    return CREW_OK;
}

/* ---- Around it ---- */

static void coordinate(void *self, uint32_t worker)
{
    struct crew_bench_job *b = self;
    (void)worker;
    b->status = measure_all(b);
}

static double planned_s(const struct crew_bench_job *b)
{
    double n = b->out->n, nodes = b->out->nodes.n;
    double windows = CREW_MEASURES * (n + 1) + nodes * nodes;
    return (1 + WARM) * (windows * b->cfg->seconds + b->cfg->watch_s) +
           (b->cfg->latency ? n * (n - 1) / 2 * crew_bench_pair_s(b) : 0);
}

static crew_status run(struct crew_bench_job *b, struct crew_error *err)
{
    const struct crew_bench_config *cfg = b->cfg;
    now_measures(b, "");
    b->began_s = crew_now_s();
    b->planned_s = planned_s(b);
    crew_pool_begin(b->pool, coordinate, b);
    while (!crew_pool_join(b->pool, crew_now_s() + TELL_S)) {
        double done = (crew_now_s() - b->began_s) / b->planned_s;
        if (cfg->on_progress &&
            !cfg->on_progress(cfg->user, atomic_load_explicit(&b->what, memory_order_relaxed),
                              done < 0.99 ? done : 0.99))
            atomic_store_explicit(&b->stop, true, memory_order_relaxed);
    }
    b->out->stopped = crew_bench_stopped(b);
    if (b->status == CREW_OK)
        return CREW_OK;
    return crew_fail(err, b->status, "no memory for the work areas of %u slots", b->out->n);
}

static crew_status save_profile(const struct crew_bench_job *b, struct crew_error *err)
{
    const struct crew_bench *out = b->out;
    struct crew_build_info build;
    crew_build_info(&build);
    struct crew_profile p = {.rows = out->task_rows, .n = out->n};
    p.model = crew_strdup(out->model);
    p.blas = crew_strdup(build.blas_core);
    p.machine = crew_strdup(b->fingerprint);
    p.slot = crew_zalloc(out->n * sizeof *p.slot);
    bool whole = p.model && p.blas && p.machine && p.slot;
    for (uint32_t i = 0; whole && i < out->n; i++) {
        const struct crew_sampled *s = &out->slot[i].measured[CREW_GRADIENT][CREW_TOGETHER];
        /* Tasks of a sample taken as independent: n of them have an n-th of one's variance. */
        p.slot[i] = (struct crew_profile_slot){
            .cpu = out->slot[i].bound ? (int64_t)out->slot[i].where.cpu : -1,
            .count = s->turns,
            .mean_s = s->mean_s,
            .variance_s2 = s->sd_s * s->sd_s * (double)s->repeat};
    }
    crew_status status =
        whole ? crew_profile_write(&p, b->cfg->save_profile, b->cfg->replace, err)
              : crew_fail(err, CREW_ENOMEM, "no memory for the profile");
    crew_profile_free(&p);
    return status;
}

crew_status crew_bench_run(const struct crew_bench_config *cfg, struct crew_bench *out,
                           struct crew_error *err)
{
    *out = (struct crew_bench){0};
    struct crew_bench_job *b = crew_zalloc(sizeof *b);
    if (!b)
        return crew_fail(err, CREW_ENOMEM, "no memory for the bench");
    b->cfg = cfg;
    b->out = out;
    crew_status status = crew_bench_open(b, err);
    if (status == CREW_OK)
        status = run(b, err);
    if (status == CREW_OK && !out->stopped) {
        status = crew_bench_verdict(out);
        if (status != CREW_OK)
            crew_fail(err, status, "no memory for the verdict on %u slots", out->n);
    }
    if (status == CREW_OK && !out->stopped && cfg->save_profile)
        status = save_profile(b, err);
    crew_bench_close(b);
    return status;
}

void crew_bench_free(struct crew_bench *out)
{
    struct crew_bench_job *b = out->own;
    for (uint32_t i = 0; out->slot && i < out->n; i++)
        for (int what = 0; what < CREW_MEASURES; what++)
            for (int how = 0; how < CREW_SETTINGS; how++)
                crew_sampled_free(&out->slot[i].measured[what][how]);
    for (size_t i = 0; i < out->n_notes; i++)
        crew_free(out->note[i]);
    crew_free(out->slot);
    crew_free(out->kind);
    crew_free(out->latency_s);
    crew_free(out->nodes.node);
    crew_free(out->nodes.bytes_per_s);
    crew_free(out->nodes.load_s);
    crew_free(out->watch.tasks);
    if (b) {
        crew_network_destroy(b->net);
        crew_machine_destroy(b->machine);
    }
    crew_free(b);
    *out = (struct crew_bench){0};
}
