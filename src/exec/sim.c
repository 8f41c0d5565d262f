/* A worker's tasks follow one another, workers go on side by side, and nothing else takes time.
 *
 * Without open workers a round is each worker's quota, drawn and added up: the timings come in
 * their order at once. With them it is a queue of events: whoever is done first goes on first,
 * those who are done at the same time in the order of their numbers.
 *
 * When something is computed for real, it is computed once the round's times are known: only
 * what counts, on the threads of another executor, whose times nobody looks at. So dropped
 * tasks cost nothing, and workers need not be threads. */
#include "exec/sim.h"
#include "base/error.h"
#include "base/mem.h"
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* Stands for no time, where it must be above 0: far below the shortest task. */
static const double NO_TIME_S = 1e-15;

/* A task under way, and when it is done. */
struct event {
    double done_s;
    uint32_t worker;
    uint32_t timing; /* index of its timing */
};

struct sim {
    struct crew_sim_config cfg;
    uint32_t n;
    double now_s; /* start of the round */
    const struct crew_round *round;
    struct crew_timing *timing; /* [max_tasks] by (worker, order) */
    /* Rounds with open workers only: */
    struct crew_timing *started; /* [max_tasks] in the order of their start */
    size_t n_started;
    struct event *event; /* [n] a heap: the first done is at the top */
    size_t n_events;
    uint32_t *nth;  /* [n] tasks a worker has begun */
    uint32_t *next; /* [n] its next reserved task */
    uint32_t *left; /* [n] reserved tasks it has not begun */
    uint32_t *at;   /* [n + 1] for sorting */
    uint32_t cursor;
    bool ran_out; /* a recording has */
    /* Computing for real: */
    struct crew_plan carried; /* [carrier_workers] all open */
    bool *counts;             /* [max_tasks] does the task count */
    uint32_t *kept;           /* [max_tasks] numbers of those that do */
    bool drops;
    _Atomic bool stop; /* relaxed: it carries no data */
};

static double draw(struct sim *s, uint32_t worker, uint32_t nth, double at_s,
                   struct crew_timing *t, uint32_t task)
{
    const struct crew_round *r = s->round;
    struct crew_draw d = {r->seed, r->round, nth, s->now_s + at_s, r->work ? r->work[task] : 1};
    *t = (struct crew_timing){.worker = worker,
                              .task = task,
                              .start_s = at_s,
                              .cpu_seconds = (double)NAN,
                              .work = d.work,
                              .kept = true};
    t->seconds = crew_speeds_draw(s->cfg.speeds, worker, &d, &t->flags);
    s->ran_out |= t->seconds < 0;
    return t->seconds;
}

/* ---- Quotas alone ---- */

static void run_quotas(struct sim *s, struct crew_outcome *out)
{
    const uint64_t *quota = s->round->plan->quota;
    uint32_t task = 0, tasks = s->round->tasks;
    out->seconds = 0;
    for (uint32_t i = 0; task < tasks; i++) {
        double t = 0;
        for (uint32_t nth = 0; nth < quota[i]; nth++, task++)
            t += draw(s, i, nth, t, &s->timing[task], task);
        out->seconds = t > out->seconds ? t : out->seconds;
    }
    out->n_timings = tasks;
}

/* ---- Open workers ---- */

static bool before(const struct event *a, const struct event *b)
{
    return a->done_s < b->done_s || (a->done_s == b->done_s && a->worker < b->worker);
}

static void sift_down(struct event *e, size_t n, size_t i)
{
    struct event moved = e[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && before(&e[child + 1], &e[child]);
        if (!before(&e[child], &moved))
            break;
        e[i] = e[child];
    }
    e[i] = moved;
}

/* The worker's next task: of its quota, else from the queue. False: there is none for it. */
static bool begin_task(struct sim *s, uint32_t i, double at_s, struct event *e)
{
    const struct crew_plan *plan = s->round->plan;
    uint32_t limit = s->round->tasks + (plan->overrun[i] ? s->round->spare : 0), task;
    if (s->left[i]) {
        s->left[i]--;
        task = s->next[i]++;
    } else if (plan->open[i] && s->cursor < limit) {
        task = s->cursor++;
    } else {
        return false;
    }
    struct crew_timing *t = &s->started[s->n_started];
    *e = (struct event){at_s + draw(s, i, s->nth[i]++, at_s, t, task), i,
                        (uint32_t)s->n_started++};
    t->kept = false; /* until it is done */
    return true;
}

static void begin_all(struct sim *s)
{
    const uint64_t *quota = s->round->plan->quota;
    s->n_started = s->n_events = 0;
    s->cursor = 0;
    memset(s->nth, 0, s->n * sizeof *s->nth);
    for (uint32_t i = 0; i < s->n; i++) {
        s->next[i] = s->cursor;
        s->left[i] = (uint32_t)quota[i];
        s->cursor += s->left[i];
    }
    for (uint32_t i = 0; i < s->n; i++)
        s->n_events += begin_task(s, i, 0, &s->event[s->n_events]);
    for (size_t i = s->n_events / 2; i-- > 0;)
        sift_down(s->event, s->n_events, i);
}

/* By (worker, order of execution): what a worker starts, it starts in order. */
static void sort_started(struct sim *s)
{
    memset(s->at, 0, (s->n + 1) * sizeof *s->at);
    for (size_t j = 0; j < s->n_started; j++)
        s->at[s->started[j].worker + 1]++;
    for (uint32_t i = 0; i < s->n; i++)
        s->at[i + 1] += s->at[i];
    for (size_t j = 0; j < s->n_started; j++)
        s->timing[s->at[s->started[j].worker]++] = s->started[j];
}

/* The round ends with its last needed result; what is under way then is dropped. */
static void cut_short(struct sim *s, double end_s)
{
    for (size_t j = 0; j < s->n_events; j++) {
        struct crew_timing *t = &s->started[s->event[j].timing];
        double ran_s = fmax(end_s - t->start_s, NO_TIME_S); /* one may begin as it ends */
        t->seconds = fmin(t->seconds, ran_s);
    }
}

static void run_events(struct sim *s, struct crew_outcome *out)
{
    double now = 0;
    begin_all(s);
    for (uint32_t results = 0; s->n_events && !s->ran_out; results++) {
        struct event *top = s->event, last = *top;
        now = last.done_s;
        s->started[last.timing].kept = true;
        bool enough = results + 1 == s->round->tasks;
        if (enough || !begin_task(s, last.worker, now, top))
            *top = s->event[--s->n_events];
        sift_down(s->event, s->n_events, 0);
        if (enough)
            break;
    }
    cut_short(s, now);
    sort_started(s);
    out->seconds = now;
    out->n_timings = s->n_started;
}

/* ---- Computing for real ---- */

static crew_status compute(void *self, uint32_t worker, const struct crew_task_context *task,
                           bool droppable)
{
    struct sim *s = self;
    const struct crew_work *run = s->round->run;
    struct crew_task_context mapped = *task;
    (void)droppable; /* all that is computed counts; yet the gaps between them matter */
    mapped.task = s->kept[task->task];
    return run->compute(run->self, worker, &mapped, s->drops);
}

static void settle(void *self, uint32_t worker, uint32_t task, bool kept)
{
    struct sim *s = self;
    const struct crew_work *run = s->round->run;
    run->settle(run->self, worker, s->kept[task], kept);
}

static crew_status carry(struct sim *s, const struct crew_outcome *virtual)
{
    const struct crew_work work = {.self = s, .compute = compute, .settle = settle};
    struct crew_round in = {
        .seed = s->round->seed, .round = s->round->round, .plan = &s->carried, .run = &work};
    struct crew_outcome real;
    uint32_t total = s->round->tasks + s->round->spare;
    memset(s->counts, false, total * sizeof *s->counts);
    for (size_t j = 0; j < virtual->n_timings; j++)
        s->counts[virtual->timing[j].task] = virtual->timing[j].kept;
    for (uint32_t task = 0; task < total; task++) /* in order: so their sum needs least room */
        if (s->counts[task])
            s->kept[in.tasks++] = task;
    s->drops = in.tasks < virtual->n_timings;
    return s->cfg.carrier->run_round(s->cfg.carrier_self, &in, &real);
}

/* ---- The executor ---- */

/* A round that does not count: what was recorded is there again for the one in its place. */
static void take_back(struct sim *s, const struct crew_outcome *out)
{
    for (size_t j = 0; j < out->n_timings; j++)
        crew_speeds_undo(s->cfg.speeds, out->timing[j].worker);
}

static crew_status run_round(void *self, const struct crew_round *in, struct crew_outcome *out)
{
    struct sim *s = self;
    if (atomic_load_explicit(&s->stop, memory_order_relaxed))
        return CREW_ESTOPPED;
    s->round = in;
    crew_speeds_enter(s->cfg.speeds, in->seed, in->round);
    out->timing = s->timing;
    if (memchr(in->plan->open, true, s->n))
        run_events(s, out);
    else
        run_quotas(s, out);
    if (s->ran_out)
        return CREW_EINPUT;
    crew_status status = s->cfg.carrier ? carry(s, out) : CREW_OK;
    if (status != CREW_OK) {
        take_back(s, out);
        return status;
    }
    s->now_s += out->seconds;
    crew_speeds_enter(s->cfg.speeds, in->seed, in->round + 1);
    out->available = crew_speeds_available(s->cfg.speeds);
    return CREW_OK;
}

static double now(const void *self)
{
    return ((const struct sim *)self)->now_s;
}

/* State: the time, then where each worker's recording stands, if there is one. */
static size_t save(const void *self, double *out, size_t cap)
{
    const struct sim *s = self;
    size_t n = 1 + (crew_speeds_replays(s->cfg.speeds) ? s->n : 0);
    for (size_t i = 0; i < n && i < cap; i++)
        out[i] = i ? crew_speeds_position(s->cfg.speeds, (uint32_t)i - 1) : s->now_s;
    return n;
}

static crew_status load(void *self, const double *in, size_t n)
{
    struct sim *s = self;
    if (n != save(s, NULL, 0) || !(in[0] >= 0 && in[0] <= DBL_MAX))
        return CREW_EFORMAT;
    for (size_t i = 1; i < n; i++)
        if (in[i] != floor(in[i]) || !crew_speeds_seek(s->cfg.speeds, (uint32_t)i - 1, in[i]))
            return CREW_EFORMAT;
    s->now_s = in[0];
    return CREW_OK;
}

static void stop(void *self)
{
    struct sim *s = self;
    atomic_store_explicit(&s->stop, true, memory_order_relaxed);
    if (s->cfg.carrier)
        s->cfg.carrier->stop(s->cfg.carrier_self);
}

static void resume(void *self)
{
    struct sim *s = self;
    atomic_store_explicit(&s->stop, false, memory_order_relaxed);
    if (s->cfg.carrier)
        s->cfg.carrier->resume(s->cfg.carrier_self);
}

static void destroy(void *self)
{
    struct sim *s = self;
    if (!s)
        return;
    if (s->cfg.carrier)
        s->cfg.carrier->destroy(s->cfg.carrier_self);
    crew_free(s->timing);
    crew_free(s->started);
    crew_free(s->event);
    crew_free(s->nth);
    crew_free(s->next);
    crew_free(s->left);
    crew_free(s->at);
    crew_free(s->carried.quota);
    crew_free(s->carried.open);
    crew_free(s->carried.overrun);
    crew_free(s->counts);
    crew_free(s->kept);
    crew_free(s);
}

double crew_sim_bytes(uint32_t n, uint32_t max_tasks)
{
    return (double)n * (sizeof(struct event) + 4 * sizeof(uint32_t)) +
           (double)max_tasks *
               (2 * sizeof(struct crew_timing) + sizeof(uint32_t) + sizeof(bool));
}

static bool take_memory(struct sim *s)
{
    size_t tasks = s->cfg.max_tasks, m = s->cfg.carrier_workers;
    s->timing = crew_alloc(tasks * sizeof *s->timing);
    s->started = crew_alloc(tasks * sizeof *s->started);
    s->event = crew_alloc(s->n * sizeof *s->event);
    s->nth = crew_alloc(s->n * sizeof *s->nth);
    s->next = crew_alloc(s->n * sizeof *s->next);
    s->left = crew_alloc(s->n * sizeof *s->left);
    s->at = crew_alloc(((size_t)s->n + 1) * sizeof *s->at);
    if (!s->timing || !s->started || !s->event || !s->nth || !s->next || !s->left || !s->at)
        return false;
    if (!s->cfg.carrier)
        return true;
    s->counts = crew_alloc(tasks * sizeof *s->counts);
    s->kept = crew_alloc(tasks * sizeof *s->kept);
    s->carried.quota = crew_zalloc(m * sizeof *s->carried.quota);
    s->carried.open = crew_zalloc(m * sizeof *s->carried.open);
    s->carried.overrun = crew_zalloc(m * sizeof *s->carried.overrun);
    if (!s->counts || !s->kept || !s->carried.quota || !s->carried.open || !s->carried.overrun)
        return false;
    for (size_t i = 0; i < m; i++)
        s->carried.open[i] = true;
    return true;
}

crew_status crew_sim_create(const struct crew_sim_config *cfg, void **self,
                            struct crew_error *err)
{
    *self = NULL;
    struct sim *s = crew_zalloc(sizeof *s);
    if (!s) {
        if (cfg->carrier)
            cfg->carrier->destroy(cfg->carrier_self);
        return crew_fail(err, CREW_ENOMEM, "no memory for the simulation");
    }
    s->cfg = *cfg;
    s->n = crew_speeds_n(cfg->speeds);
    if (!take_memory(s)) {
        destroy(s);
        return crew_fail(err, CREW_ENOMEM, "no memory for rounds of %u workers and %u tasks",
                         crew_speeds_n(cfg->speeds), cfg->max_tasks);
    }
    crew_speeds_rewind(cfg->speeds);
    *self = s;
    return CREW_OK;
}

const struct crew_executor_ops crew_sim = {
    .abi = CREW_EXECUTOR_ABI,
    .name = "sim",
    .run_round = run_round,
    .now = now,
    .stop = stop,
    .resume = resume,
    .destroy = destroy,
    .save = save,
    .load = load,
};
