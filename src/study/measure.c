/* A bench: each measure on each slot alone, then on all at once, in several passes; what was
 * asked for beside them; the verdict. Everything runs as one job of the pool's coordinator,
 * while the caller sleeps and now and then tells how far it is.
 *
 * Why passes: what else happens on a machine (other programs, other guests of a host, heat)
 * changes over parts of a second and more. Windows spread over the whole run meet more of its
 * states than one long window, each slot and setting meets the same ones, and how far the
 * passes differ tells how far the figures can be trusted. Why not shorter windows: one has to
 * be long against the period of a CPU quota and the slices of the scheduler. */
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
/* What does not count before a window: a share of it, at least what a core takes to speed up
 * after a rest (governors look every 10 ms or so), and where there is a CPU quota its usual
 * period, since one who rested does not feel it before; no more than the window. */
static const double WARM = 0.1, RAMP_S = 0.03, QUOTA_PERIOD_S = 0.1;
static const double WINDOW_S = 0.25; /* shortest one of several */
/* On the task hang the speeds, the split and the rounds: it is in every pass, the other
 * measures in one of some. */
enum { PASSES = 20, SOME = 4 };

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
    return atomic_load_explicit(&b->stop, memory_order_relaxed) != 0;
}

static void now_measures(struct crew_bench_job *b, const char *what)
{
    atomic_store_explicit(&b->what, what, memory_order_relaxed);
}

static double warm_s(const struct crew_bench_job *b, double seconds)
{
    bool quota = crew_machine_info(b->machine)->quota_cores > 0;
    double least = quota ? QUOTA_PERIOD_S : RAMP_S;
    least = least < seconds ? least : seconds;
    return WARM * seconds > least ? WARM * seconds : least;
}

crew_status crew_bench_window(struct crew_bench_job *b, crew_turn *turn, void *self,
                              double seconds, struct crew_sampled *out, double *joules)
{
    struct crew_window w = {.pool = b->pool,
                            .turn = turn,
                            .self = self,
                            .warm_s = warm_s(b, seconds),
                            .seconds = seconds,
                            .stop = &b->stop,
                            .active = b->active,
                            .out = out,
                            .energy = joules ? b->energy : NULL};
    if (crew_bench_stopped(b))
        return CREW_OK;
    crew_status status = crew_window_run(&w);
    if (joules)
        *joules += w.joules;
    return status;
}

/* ---- The three measures, alone and together ---- */

uint32_t crew_bench_passes(double seconds)
{
    double passes = seconds / WINDOW_S;
    return passes < 1 ? 1 : passes > PASSES ? PASSES : (uint32_t)passes;
}

static uint32_t windows_of(const struct crew_bench_job *b, int what)
{
    return what == CREW_GRADIENT ? b->out->passes : (b->out->passes + SOME - 1) / SOME;
}

static struct crew_sampled *sampled_of(const struct crew_bench_job *b, int what, int how)
{
    return &b->sampled[(size_t)(what * CREW_SETTINGS + how) * b->out->n];
}

/* One of the windows, unless turns are so long that the earlier ones took all the time. */
static crew_status one_window(struct crew_bench_job *b, int what, int how, double *joules)
{
    struct crew_sampled *s = sampled_of(b, what, how);
    double window = b->cfg->seconds / b->out->passes, seconds = window * windows_of(b, what);
    for (uint32_t i = 0; i < b->out->n; i++)
        if (b->active[i] && s[i].wall_s >= seconds)
            return CREW_OK;
    now_measures(b, measures[what].what[how]);
    return crew_bench_window(b, measures[what].turn, b, window, s, joules);
}

/* Each slot, then all of them. */
static crew_status measure(struct crew_bench_job *b, int what)
{
    struct crew_bench *out = b->out;
    bool task = what == CREW_GRADIENT;
    double none = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        memset(b->active, 0, out->n * sizeof *b->active);
        b->active[i] = true;
        TRY(one_window(b, what, CREW_ALONE, task ? &out->slot[i].task_j : &none));
    }
    memset(b->active, true, out->n * sizeof *b->active);
    return one_window(b, what, CREW_TOGETHER, task ? &out->task_j : &none);
}

static crew_status measure_passes(struct crew_bench_job *b)
{
    struct crew_bench *out = b->out;
    size_t row = CREW_SETTINGS * (size_t)out->n;
    struct crew_sampled *task = sampled_of(b, CREW_GRADIENT, 0);
    out->task_j = 0;
    for (uint32_t pass = 0; pass < out->passes; pass++) {
        for (size_t i = 0; i < row; i++)
            task[i].window_s = (double)NAN;
        for (int what = 0; what < CREW_MEASURES; what++)
            if (what == CREW_GRADIENT || pass % SOME == 0)
                TRY(measure(b, what));
        for (size_t i = 0; i < row; i++)
            out->pass_s[pass * row + i] = task[i].window_s;
    }
    return CREW_OK;
}

/* Nothing is done for no energy at all: such a counter is a dummy. */
static double per_task(double joules, double tasks)
{
    return joules > 0 ? joules / tasks : (double)NAN;
}

/* The samples become the slots', finished or not; joules become those of a task. */
static crew_status hand_over(struct crew_bench_job *b)
{
    struct crew_bench *out = b->out;
    crew_status status = CREW_OK;
    double turns = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        struct crew_bench_slot *s = &out->slot[i];
        for (int what = 0; what < CREW_MEASURES; what++)
            for (int how = 0; how < CREW_SETTINGS; how++) {
                struct crew_sampled *mine = &s->measured[what][how];
                *mine = sampled_of(b, what, how)[i];
                if (status == CREW_OK)
                    status = crew_sampled_finish(mine);
            }
        s->task_j = per_task(s->task_j, (double)s->measured[CREW_GRADIENT][CREW_ALONE].turns);
        turns += (double)s->measured[CREW_GRADIENT][CREW_TOGETHER].turns;
    }
    if (!(out->task_j > 0) && b->energy)
        snprintf(out->no_energy, sizeof out->no_energy, "%s",
                 isnan(out->task_j) ? "a counter could not be read"
                                    : "the counters stand still");
    out->task_j = per_task(out->task_j, turns);
    return status;
}

static crew_status measure_all(struct crew_bench_job *b)
{
    const struct crew_bench_config *cfg = b->cfg;
    crew_status status = crew_bench_lay_desks(b);
    if (status == CREW_OK && cfg->watch_s > 0) {
        now_measures(b, "gradient task over time");
        status = crew_bench_watch_run(b); /* first: the cores are cold */
    }
    if (status == CREW_OK)
        status = measure_passes(b);
    crew_status handed = hand_over(b);
    TRY(status);
    TRY(handed);
    crew_bench_clear_desks(b);
    if (cfg->latency && b->out->n > 1) {
        now_measures(b, "latency, core to core");
        TRY(crew_bench_latency_run(b));
    }
    if (b->out->nodes.n_cores) {
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
    const struct crew_bench *out = b->out;
    double n = out->n,
           seconds = b->cfg->watch_s > 0 ? b->cfg->watch_s + warm_s(b, b->cfg->watch_s) : 0;
    double nodes = 2.0 * out->nodes.n_cores * out->nodes.n_memory;
    for (int what = 0; what < CREW_MEASURES; what++)
        for (int how = 0; how < CREW_SETTINGS; how++) {
            double window = b->cfg->seconds / out->passes;
            seconds += windows_of(b, what) * (how == CREW_ALONE ? n : 1) *
                       (window + warm_s(b, window));
        }
    seconds += nodes * (b->cfg->seconds / 2 + warm_s(b, b->cfg->seconds / 2));
    return seconds + (b->cfg->latency ? n * (n - 1) / 2 * crew_bench_pair_s(b) : 0);
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
            atomic_store_explicit(&b->stop, 1, memory_order_relaxed);
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
    struct crew_profile p = {.rows = out->task_rows,
                             .features = out->rows.features,
                             .classes = out->rows.classes,
                             .parameters = out->n_params,
                             .n = out->n};
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
        out->measured = status == CREW_OK;
    }
    if (out->measured && cfg->save_profile)
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
    crew_free(out->pass_s);
    crew_free(out->nodes.cores);
    crew_free(out->nodes.memory);
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
