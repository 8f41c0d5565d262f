/* Who may touch what                              plan      compute              collect
 *   share[i].order: what worker i does            C write   Wi read              -
 *   share[i], the rest                            -         Wi                   C read
 *   slot[t]: timing of task t                     -         the W that runs it   C read
 *   cursor   next task of the shared queue        C reset   W fetch_add          -
 *   results  how many results count so far        C reset   W fetch_add          -
 *   stop     0, BATCH_FULL, REQUESTED             C reset   W set, W poll, any thread requests
 *
 * The pool's E1 and E2 publish all of it between C and W. cursor and results are relaxed: they
 * hand out numbers. Seeing stop late costs one layer of one task, never a wrong result. A
 * result is dropped by its number among the results, not by the flag. Each has cache lines of
 * its own, and all that a worker must learn of a round stands in one: each line that one core
 * writes and another reads costs some 100 ns. Checked by: make MODE=tsan stress_threads */
#include "exec/threads.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "machine/bind.h"
#include "machine/park.h"
#include <math.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

enum { RUNNING, BATCH_FULL, REQUESTED };

/* From this length on a task's CPU clock and core are read too: 0.4 us of at least 100. */
static const double CPU_CLOCK_FROM_S = 100e-6;

/* One line: written by the coordinator, read by the worker. */
struct order {
    uint64_t seed, round;
    double began_s; /* the round */
    const struct crew_work *run;
    const double *work;  /* [tasks + spare], or NULL: all are of full size */
    uint32_t first, end; /* tasks reserved */
    uint32_t limit;      /* then it draws from the queue up to here; 0: it does not */
    uint32_t tasks;      /* so many results count */
    bool drops;          /* later ones are dropped */
};

struct share {
    alignas(CREW_PAIR) struct order order;
    alignas(CREW_PAIR) crew_status failure;
    bool warm;     /* has run a task before, in any round */
    int cpu;       /* that it is pinned to, -1: none */
    double last_s; /* length of its last task */
    double cpu_s;  /* thread-CPU clock at the end of the task before, NaN: not read */
    double slowdown;
};

struct slot {
    alignas(CREW_LINE) struct crew_timing timing; /* seconds 0: not run */
};

struct threads {
    struct crew_threads_config cfg;
    uint32_t n;
    double born_s;
    struct share *share;        /* [n] */
    struct slot *slot;          /* [max_tasks] by task number */
    struct crew_timing *timing; /* [max_tasks] by (worker, order) */
    uint32_t *count;            /* [n + 1] for sorting */
    alignas(CREW_PAIR) _Atomic uint64_t cursor;
    alignas(CREW_PAIR) _Atomic uint32_t results;
    alignas(CREW_PAIR) _Atomic uint32_t stop;
};

bool crew_task_stopped(const struct crew_task_context *task)
{
    const _Atomic uint32_t *stop = task->stop;
    return stop && atomic_load_explicit(stop, memory_order_relaxed) != RUNNING;
}

static void raise_stop(struct threads *e, uint32_t why)
{
    uint32_t running = RUNNING;
    if (why == REQUESTED)
        atomic_store_explicit(&e->stop, REQUESTED, memory_order_release);
    else
        (void)atomic_compare_exchange_strong_explicit(
            &e->stop, &running, why, memory_order_release, memory_order_relaxed);
    crew_wake(&e->stop); /* emulated workers sleep on it */
}

static void note_timing(struct threads *e, struct share *s, uint32_t worker, uint32_t task,
                        double start_s, double seconds, bool kept)
{
    struct crew_timing *t = &e->slot[task].timing;
    double cpu = (double)NAN;
    uint32_t flags = s->warm ? 0 : CREW_WARM_UP;
    if (s->last_s >= CPU_CLOCK_FROM_S) {
        double now = crew_thread_cpu_s();
        cpu = now - s->cpu_s; /* NaN after a task whose clock was not read */
        s->cpu_s = now;
        int here = s->cpu >= 0 ? crew_bind_cpu() : -1;
        if (here >= 0 && here != s->cpu)
            flags |= CREW_MIGRATED;
    } else {
        s->cpu_s = (double)NAN;
    }
    s->last_s = seconds;
    s->warm = true;
    *t = (struct crew_timing){.worker = worker,
                              .task = task,
                              .start_s = start_s - s->order.began_s,
                              .seconds = seconds,
                              .cpu_seconds = cpu,
                              .work = s->order.work ? s->order.work[task] : 1.0,
                              .flags = flags,
                              .kept = kept};
}

/* Does this result count? The first B do, in the order in which they come in. */
static bool claim_result(struct threads *e, const struct order *o, crew_status computed)
{
    if (computed != CREW_OK)
        return false;
    if (!o->drops)
        return true;
    uint32_t nth = atomic_fetch_add_explicit(&e->results, 1, memory_order_relaxed);
    if (nth + 1 == o->tasks)
        raise_stop(e, BATCH_FULL);
    return nth < o->tasks;
}

/* One task, from start_s on; returns when it ended. */
static double run_task(struct threads *e, uint32_t worker, uint32_t task, double start_s)
{
    struct share *s = &e->share[worker];
    const struct order *o = &s->order;
    const struct crew_work *run = o->run;
    struct crew_task_context context = {o->seed, o->round, task, &e->stop};
    __builtin_prefetch(&e->slot[task],
                       1); /* the coordinator has it since it read the last round's */
    double cpu_s = s->slowdown > 0 ? crew_thread_cpu_s() : 0;
    crew_status status = run->compute(run->self, worker, &context, o->drops);
    if (s->slowdown > 0 && status == CREW_OK) {
        double spent = crew_thread_cpu_s() - cpu_s;
        if (!crew_sleep_until(&e->stop, RUNNING, start_s + s->slowdown * spent))
            status = CREW_ESTOPPED;
    }
    bool kept = claim_result(e, o, status);
    if (status != CREW_OK && status != CREW_ESTOPPED && s->failure == CREW_OK) {
        s->failure = status;
        raise_stop(e, BATCH_FULL);
    }
    run->settle(run->self, worker, task, kept);
    double end_s = crew_now_s();
    double seconds = end_s > start_s ? end_s - start_s : 1e-9; /* a clock may stand still */
    note_timing(e, s, worker, task, start_s, seconds, kept);
    return end_s;
}

static bool stopped(struct threads *e)
{
    return atomic_load_explicit(&e->stop, memory_order_relaxed) != RUNNING;
}

static void run_share(void *self, uint32_t worker)
{
    struct threads *e = self;
    struct share *s = &e->share[worker];
    const struct order *o = &s->order;
    s->failure = CREW_OK;
    s->cpu_s = s->last_s >= CPU_CLOCK_FROM_S ? crew_thread_cpu_s() : (double)NAN;
    double now = crew_now_s();
    for (uint32_t t = o->first; t < o->end && !stopped(e); t++)
        now = run_task(e, worker, t, now);
    while (o->limit && !stopped(e)) {
        uint64_t t = atomic_fetch_add_explicit(&e->cursor, 1, memory_order_relaxed);
        if (t >= o->limit)
            return;
        now = run_task(e, worker, (uint32_t)t, now);
    }
}

static bool has_share(const struct crew_plan *plan, uint32_t i)
{
    return plan->quota[i] > 0 || plan->open[i];
}

static void collect(struct threads *e, uint32_t total, struct crew_outcome *out)
{
    uint32_t n = e->n;
    memset(e->count, 0, (n + 1) * sizeof *e->count);
    for (uint32_t t = 0; t < total;
         t++) /* a counting sort: task order is execution order of each worker */
        if (e->slot[t].timing.seconds > 0)
            e->count[e->slot[t].timing.worker + 1]++;
    for (uint32_t i = 0; i < n; i++)
        e->count[i + 1] += e->count[i];
    out->n_timings = e->count[n];
    out->timing = e->timing;
    for (uint32_t t = 0; t < total; t++) {
        struct crew_timing *from = &e->slot[t].timing;
        if (from->seconds > 0)
            e->timing[e->count[from->worker]++] = *from;
        from->seconds = 0;
    }
}

/* Everything that is set before a round; false: a stop was requested. */
static bool begin(struct threads *e, const struct crew_round *in, double began_s)
{
    const struct crew_plan *plan = in->plan;
    struct order o = {.seed = in->seed,
                      .round = in->round,
                      .began_s = began_s,
                      .run = in->run,
                      .work = in->work,
                      .tasks = in->tasks,
                      .drops = false};
    uint32_t full = BATCH_FULL;
    for (uint32_t i = 0; i < e->n; i++)
        o.drops |= plan->overrun[i];
    for (uint32_t i = 0; i < e->n; i++) {
        o.first = o.end;
        o.end += (uint32_t)plan->quota[i];
        o.limit = !plan->open[i] ? 0 : plan->overrun[i] ? in->tasks + in->spare : in->tasks;
        e->share[i].order = o;
    }
    atomic_store_explicit(&e->cursor, o.end, memory_order_relaxed);
    atomic_store_explicit(&e->results, 0, memory_order_relaxed);
    if (stopped(e)) /* asked first: writing would take the line away from every worker */
        (void)atomic_compare_exchange_strong_explicit(
            &e->stop, &full, RUNNING, memory_order_relaxed, memory_order_relaxed);
    return !stopped(e);
}

static crew_status run_round(void *self, const struct crew_round *in, struct crew_outcome *out)
{
    struct threads *e = self;
    double start = crew_now_s();
    if (!begin(e, in, start))
        return CREW_ESTOPPED;
    for (uint32_t i = 1; i < e->n; i++)
        if (has_share(in->plan, i))
            crew_pool_start(e->cfg.pool, i, run_share, e);
    if (has_share(in->plan, 0))
        run_share(e, 0);
    crew_status failure = has_share(in->plan, 0) ? e->share[0].failure : CREW_OK;
    for (uint32_t i = 1; i < e->n; i++)
        if (has_share(in->plan, i)) {
            crew_pool_wait(e->cfg.pool, i);
            failure = failure != CREW_OK ? failure : e->share[i].failure;
        }
    out->seconds = crew_now_s() - start;
    collect(e, in->tasks + in->spare, out);
    if (failure != CREW_OK)
        return failure;
    return atomic_load_explicit(&e->stop, memory_order_acquire) == REQUESTED ? CREW_ESTOPPED
                                                                             : CREW_OK;
}

static double now(const void *self)
{
    return crew_now_s() - ((const struct threads *)self)->born_s;
}

static void stop(void *self)
{
    raise_stop(self, REQUESTED);
}

static void resume(void *self)
{
    struct threads *e = self;
    atomic_store_explicit(&e->stop, RUNNING, memory_order_relaxed);
}

static void destroy(void *self)
{
    struct threads *e = self;
    if (!e)
        return;
    crew_free(e->share);
    crew_free(e->slot);
    crew_free(e->timing);
    crew_free(e->count);
    crew_free(e);
}

crew_status crew_threads_create(const struct crew_threads_config *cfg, void **self,
                                struct crew_error *err)
{
    const struct crew_machine_info *info = crew_machine_info(cfg->machine);
    struct threads *e = crew_zalloc(sizeof *e);
    *self = NULL;
    if (!e)
        return crew_fail(err, CREW_ENOMEM, "no memory for the executor");
    e->cfg = *cfg;
    e->n = crew_pool_workers(cfg->pool);
    e->born_s = crew_now_s();
    e->share = crew_zalloc(e->n * sizeof *e->share);
    e->slot = crew_zalloc(cfg->max_tasks * sizeof *e->slot);
    e->timing = crew_zalloc(cfg->max_tasks * sizeof *e->timing);
    e->count = crew_zalloc((e->n + 1) * sizeof *e->count);
    if (!e->share || !e->slot || !e->timing || !e->count) {
        destroy(e);
        return crew_fail(err, CREW_ENOMEM, "no memory for rounds of %u tasks", cfg->max_tasks);
    }
    for (uint32_t i = 0; i < e->n; i++) {
        e->share[i].slowdown = cfg->slowdown ? cfg->slowdown[i] : 0;
        e->share[i].cpu =
            crew_pool_bound(cfg->pool, i) ? (int)info->slots[i % info->n_slots].cpu : -1;
    }
    *self = e;
    return CREW_OK;
}

const struct crew_executor_ops crew_threads = {
    .abi = CREW_EXECUTOR_ABI,
    .name = "threads",
    .run_round = run_round,
    .now = now,
    .stop = stop,
    .resume = resume,
    .destroy = destroy,
};
