/* Who may touch what                              plan      compute              collect
 *   share[i].order: what worker i does            C write   Wi read              -
 *   share[i], the rest                            -         Wi                   C
 *   slot[t]: timing of task t                     -         the W that runs it   C read
 *   cursor   next task of the shared queue        C reset   W fetch_add          -
 *   again    next of the tasks handed back        C reset   W fetch_add          -
 *   results  how many results count so far        C reset   W fetch_add          -
 *   stop     0, BATCH_FULL, REQUESTED             C reset   W set, W poll, any thread requests
 *
 * The pool's E1 and E2 publish all of it between C and W. cursor, again and results are
 * relaxed: they hand out numbers. Seeing stop late costs one layer of one task, never a wrong
 * result. A result is dropped by its number among the results, not by the flag. Each has cache
 * lines of its own, and all that a worker must learn of a round stands in one: each line that
 * one core writes and another reads costs some 100 ns. Checked by: make MODE=tsan
 * stress_threads */
#include "exec/threads.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "exec/home.h"
#include "machine/park.h"
#include <math.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

enum { RUNNING, BATCH_FULL, REQUESTED };

/* A task of this length that used next to no CPU time was not slow: the process was stopped, or
 * the machine slept. So that the one is told from the other, the CPU clock is looked at this
 * often where it is not at every task. */
static const double SUSPENDED_S = 60, SUSPENDED_SHARE = 0.01, CPU_CLOCK_EVERY_S = 0.1;

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
    uint32_t again;      /* so many tasks were handed back, and are there for all */
};

struct share {
    alignas(CREW_PAIR) struct order order;
    alignas(CREW_PAIR) crew_status failure;
    bool warm;        /* has run a task before, in any round */
    bool works;       /* in this wave */
    uint32_t left;    /* of its reserved tasks, the first that it has not begun */
    double last_s;    /* length of its last task */
    double cpu_s;     /* thread-CPU clock at the end of the task before, NaN: not read */
    double checked_s; /* when that clock was last read, and what it showed */
    double checked_cpu_s;
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
    uint32_t *returned;         /* [max_tasks] tasks that were handed back */
    struct crew_homes homes;
    alignas(CREW_PAIR) _Atomic uint64_t cursor;
    alignas(CREW_PAIR) _Atomic uint32_t again;
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

/* Was this task's time spent in a machine that slept? */
static bool was_suspended(struct share *s, double end_s, double seconds)
{
    bool look = end_s - s->checked_s > CPU_CLOCK_EVERY_S;
    double cpu = look ? crew_thread_cpu_s() : 0, used = cpu - s->checked_cpu_s;
    if (look) {
        s->checked_s = end_s;
        s->checked_cpu_s = cpu;
    }
    return seconds >= SUSPENDED_S && used < SUSPENDED_SHARE * seconds && !(s->slowdown > 0);
}

/* What `joined` tasks took together is theirs by their sizes. */
static void divide_timing(struct threads *e, struct share *s, struct crew_timing all,
                          uint32_t joined)
{
    const double *work = s->order.work ? s->order.work + all.task : NULL;
    double sum = 0;
    for (uint32_t k = 0; k < joined; k++)
        sum += work ? work[k] : 1;
    for (uint32_t k = 0; k < joined; k++) {
        struct crew_timing *t = &e->slot[all.task + k].timing;
        double size = work ? work[k] : 1, part = joined > 1 ? size / sum : 1;
        *t = all;
        t->task += k;
        t->work = size;
        t->seconds *= part;
        t->cpu_seconds *= part;
        all.start_s += t->seconds;
    }
}

static void note_timing(struct threads *e, struct share *s, uint32_t worker, uint32_t task,
                        uint32_t joined, double start_s, double seconds, bool kept)
{
    double cpu = (double)NAN;
    uint32_t flags = s->warm ? 0 : CREW_WARM_UP;
    if (s->last_s >= CPU_CLOCK_FROM_S) {
        double now = crew_thread_cpu_s();
        cpu = now - s->cpu_s; /* NaN after a task whose clock was not read */
        s->cpu_s = now;
        flags |= crew_homes_check(&e->homes, worker) ? CREW_MIGRATED : 0;
    } else {
        s->cpu_s = (double)NAN;
    }
    flags |= was_suspended(s, start_s + seconds, seconds) ? CREW_SUSPENDED : 0;
    s->last_s = seconds;
    s->warm = true;
    struct crew_timing t = {.worker = worker,
                            .task = task,
                            .start_s = start_s - s->order.began_s,
                            .seconds = seconds,
                            .cpu_seconds = cpu,
                            .flags = flags,
                            .kept = kept};
    divide_timing(e, s, t, joined);
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

/* One task, or several joined, from start_s on; returns when it ended. */
static double run_task(struct threads *e, uint32_t worker, uint32_t task, uint32_t joined,
                       double start_s)
{
    struct share *s = &e->share[worker];
    const struct order *o = &s->order;
    const struct crew_work *run = o->run;
    struct crew_task_context context = {o->seed, o->round, task, &e->stop, joined};
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
    note_timing(e, s, worker, task, joined, start_s, seconds, kept);
    return end_s;
}

static bool stopped(struct threads *e)
{
    return atomic_load_explicit(&e->stop, memory_order_relaxed) != RUNNING;
}

/* May the worker begin another task? */
static bool goes_on(struct threads *e, uint32_t worker)
{
    return !crew_homes_lost(&e->homes, worker) && !stopped(e);
}

/* How many of its next tasks a worker computes at once: nearly equal parts of what it has. */
static uint32_t joins(const struct order *o, uint32_t left)
{
    uint32_t most = o->drops || o->run->join < 2 ? 1 : o->run->join;
    return (left - 1) / ((left - 1) / most + 1) + 1;
}

/* What is reserved, what was handed back, what is open; until the worker has to leave. */
static void run_tasks(struct threads *e, struct share *s, uint32_t worker, double now)
{
    const struct order *o = &s->order;
    while (s->left < o->end && goes_on(e, worker)) {
        uint32_t task = s->left, joined = joins(o, o->end - task);
        s->left += joined;
        now = run_task(e, worker, task, joined, now);
    }
    while (o->again && goes_on(e, worker)) {
        uint32_t i = atomic_fetch_add_explicit(&e->again, 1, memory_order_relaxed);
        if (i >= o->again)
            break;
        now = run_task(e, worker, e->returned[i], 1, now);
    }
    while (o->limit && goes_on(e, worker)) {
        uint64_t t = atomic_fetch_add_explicit(&e->cursor, 1, memory_order_relaxed);
        if (t >= o->limit)
            break;
        now = run_task(e, worker, (uint32_t)t, 1, now);
    }
}

static void run_share(void *self, uint32_t worker)
{
    struct threads *e = self;
    struct share *s = &e->share[worker];
    s->failure = CREW_OK;
    s->left = s->order.first;
    (void)crew_homes_check(&e->homes, worker);
    s->cpu_s = s->last_s >= CPU_CLOCK_FROM_S ? crew_thread_cpu_s() : (double)NAN;
    run_tasks(e, s, worker, crew_now_s());
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
    out->seconds = 0;
    for (uint32_t t = 0; t < total; t++) {
        struct crew_timing *from = &e->slot[t].timing;
        double end_s = from->start_s + from->seconds;
        if (!(from->seconds > 0))
            continue;
        e->timing[e->count[from->worker]++] = *from;
        out->seconds = from->kept && end_s > out->seconds ? end_s : out->seconds;
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
        e->share[i].works = has_share(plan, i);
    }
    atomic_store_explicit(&e->cursor, o.end, memory_order_relaxed);
    atomic_store_explicit(&e->results, 0, memory_order_relaxed);
    if (stopped(e)) /* asked first: writing would take the line away from every worker */
        (void)atomic_compare_exchange_strong_explicit(
            &e->stop, &full, RUNNING, memory_order_relaxed, memory_order_relaxed);
    return !stopped(e);
}

/* All that have something to do, at once; the first failure. */
static crew_status run_wave(struct threads *e)
{
    crew_status failure = CREW_OK;
    for (uint32_t i = 1; i < e->n; i++)
        if (e->share[i].works)
            crew_pool_start(e->cfg.pool, i, run_share, e);
    if (e->share[0].works)
        run_share(e, 0);
    for (uint32_t i = 0; i < e->n; i++)
        if (e->share[i].works) {
            if (i)
                crew_pool_wait(e->cfg.pool, i);
            failure = failure != CREW_OK ? failure : e->share[i].failure;
        }
    return failure;
}

/* What was handed back before and not taken, which all share in; what was reserved and not
 * begun. How many tasks. */
static uint32_t gather_returned(struct threads *e)
{
    uint32_t n = 0, taken = atomic_load_explicit(&e->again, memory_order_relaxed);
    for (uint32_t k = taken; k < e->share[0].order.again; k++)
        e->returned[n++] = e->returned[k];
    for (uint32_t i = 0; i < e->n; i++)
        for (uint32_t t = e->share[i].left; e->share[i].works && t < e->share[i].order.end; t++)
            e->returned[n++] = t;
    return n;
}

/* After a wave: what those who were lost in it have not begun goes to those who are here.
 * False: the round is over. */
static bool hand_out_again(struct threads *e)
{
    uint32_t limit = 0;
    bool lost = false;
    for (uint32_t i = 0; i < e->n; i++) {
        lost |= e->share[i].works && crew_homes_lost(&e->homes, i);
        limit = e->share[i].order.limit > limit ? e->share[i].order.limit : limit;
    }
    if (!lost)
        return false;
    uint32_t n = gather_returned(e);
    crew_homes_count(&e->homes);
    bool open = atomic_load_explicit(&e->cursor, memory_order_relaxed) < limit;
    if (stopped(e) || (!n && !open))
        return false;
    for (uint32_t i = 0; i < e->n; i++) {
        struct share *s = &e->share[i];
        s->works = !crew_homes_lost(&e->homes, i);
        s->order.first = s->order.end = 0;
        s->order.again = n;
        s->order.limit = limit;
    }
    atomic_store_explicit(&e->again, 0, memory_order_relaxed);
    return true;
}

static crew_status run_round(void *self, const struct crew_round *in, struct crew_outcome *out)
{
    struct threads *e = self;
    double start = crew_now_s();
    crew_status failure;
    if (!begin(e, in, start))
        return CREW_ESTOPPED;
    crew_homes_recall(&e->homes, start);
    do
        failure = run_wave(e);
    while (failure == CREW_OK && hand_out_again(e));
    out->available = e->homes.away ? e->homes.available : NULL;
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
    crew_free(e->returned);
    crew_homes_free(&e->homes);
    crew_free(e->share);
    crew_free(e->slot);
    crew_free(e->timing);
    crew_free(e->count);
    crew_free(e);
}

double crew_threads_bytes(uint32_t n, uint32_t max_tasks)
{
    return n * (double)(sizeof(struct share) + sizeof(struct crew_home)) +
           max_tasks *
               (double)(sizeof(struct slot) + sizeof(struct crew_timing) + sizeof(uint32_t));
}

crew_status crew_threads_create(const struct crew_threads_config *cfg, void **self,
                                struct crew_error *err)
{
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
    e->returned = crew_alloc(cfg->max_tasks * sizeof *e->returned);
    crew_status homes = crew_homes_create(cfg->pool, cfg->machine, &e->homes);
    if (!e->share || !e->slot || !e->timing || !e->count || !e->returned || homes != CREW_OK) {
        destroy(e);
        return crew_fail(err, CREW_ENOMEM, "no memory for rounds of %u tasks", cfg->max_tasks);
    }
    for (uint32_t i = 0; i < e->n; i++)
        e->share[i].slowdown = cfg->slowdown ? cfg->slowdown[i] : 0;
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
