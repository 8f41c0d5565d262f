/* For cores whose speed is not known, or does not stay: the min-max split of optimistic
 * estimates, as in ata, but with bounds as wide as the times call for, and means that follow
 * changes. In round k, with K_i the tasks that worker i's mean m_i is made of (pace.c), and c
 * the relative standard deviation of a task's time, learnt from all workers together,
 *
 *      s_i = m_i max(0.05, 1 - c sqrt(2 width ln(1 + k) / K_i))
 *
 * and the round is the min-max split of s. It is a lower confidence bound, that of UCB1 (Auer,
 * Cesa-Bianchi, Fischer, Machine Learning 47, 2002) with the measured c in place of a known
 * range; the allocation is that of ATA (Maranjyan, Saad, Richtarik, Orabona, ICML 2025,
 * arXiv:2502.00775), whose own bounds need 100 to 1000 times as many rounds.
 *
 * - A worker that was never tried gets one task; the others share the rest. Where nobody was,
 *   all share the round evenly.
 * - A worker of few tasks, new or after a change, gets at most 2 K_i + 1: nobody is flooded on
 *   the word of one task. Not while most are new.
 * - A worker that gets nothing is tried again, within `explore` of time and of workers' time:
 *   retry.c.
 *
 * Everything is a ratio of times: their unit does not matter. */
#include "policy/adaptive.h"
#include "base/error.h"
#include "base/mem.h"
#include "policy/policies.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* Two workers at a time. */
typedef double pair __attribute__((vector_size(16), may_alias));
typedef int64_t pair_of_bits __attribute__((vector_size(16)));

/* Least share of a mean that a score is; tasks below which a worker is young; most tasks that
 * what was measured before counts for; wall time over CPU time of a preempted task; tasks from
 * which a mean is one to learn the shape by. */
static const double FLOOR = 0.05, YOUNG = 8, PRIOR_TASKS = 50, PREEMPTED = 1.5, SHAPE_FROM = 4;
/* Numbers of a state, and arrays. */
enum { GLOBALS = 7, PER_WORKER = sizeof(struct crew_pace) / sizeof(double), ARRAYS = 6 };

static const struct crew_option settings_table[] = {
    CREW_ADAPTIVE_SETTINGS,
    {.type = CREW_OPTION_END},
};

/* ---- Before and after ---- */

void crew_adaptive_close(struct crew_adaptive *a)
{
    crew_share_close(&a->share);
    crew_free(a->pace);
    crew_free(a->numbers);
    crew_free(a->lone);
    crew_free(a->event);
}

/* What plan() needs of a pace. */
static void refresh(struct crew_adaptive *a, uint32_t i)
{
    double tasks = a->pace[i].tasks, before_s = a->pace[i].before_s;
    a->mean[i] = crew_pace_mean(&a->pace[i]);
    a->hope[i] = before_s > 0 ? fmin(a->mean[i], before_s) : a->mean[i];
    a->root[i] = tasks > 0 ? 1 / sqrt(tasks) : 0;
    a->limit[i] = tasks < YOUNG ? 2 * tasks + 1 : (double)INFINITY;
    a->lone[i] = tasks < 2;
}

/* A profile may be of another day: it soon gives way to what is seen. */
static void start_from(struct crew_adaptive *a, const struct crew_policy_config *cfg)
{
    a->mean[crew_round_up(cfg->n, 2) - 1] = 1; /* beside an odd n: a score above 0 */
    a->noise = crew_noise_start();
    a->retry =
        (struct crew_retry){.explore = a->set.explore, .next = CREW_NOBODY, .who = CREW_NOBODY};
    for (uint32_t i = 0; i < cfg->n; i++) {
        if (cfg->prior_tasks && cfg->prior_tasks[i] > 0) {
            a->pace[i].tasks = fmin(cfg->prior_tasks[i], PRIOR_TASKS);
            a->pace[i].seconds = a->pace[i].tasks * cfg->prior_mean_s[i];
        }
        refresh(a, i);
    }
}

static crew_status take_memory(struct crew_adaptive *a, uint32_t n, struct crew_error *err)
{
    size_t even = crew_round_up(n, 2);
    double **array[ARRAYS] = {&a->mean, &a->root, &a->score, &a->hope, &a->limit, &a->seen};
    TRY(crew_share_open(&a->share, n, err));
    a->pace = crew_zalloc(n * sizeof *a->pace);
    a->numbers = crew_zalloc(ARRAYS * even * sizeof *a->numbers);
    a->lone = crew_zalloc(n * sizeof *a->lone);
    a->event = crew_zalloc(n * sizeof *a->event);
    if (!a->pace || !a->numbers || !a->lone || !a->event)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for %u workers", n);
    for (size_t k = 0; k < ARRAYS; k++)
        *array[k] = a->numbers + k * even;
    return CREW_OK;
}

crew_status crew_adaptive_open(struct crew_adaptive *a, const struct crew_policy_config *cfg,
                               const struct crew_adaptive_settings *set, struct crew_error *err)
{
    *a = (struct crew_adaptive){.seed = cfg->seed, .set = *set};
    TRY(take_memory(a, cfg->n, err));
    start_from(a, cfg);
    return CREW_OK;
}

static void destroy(void *self)
{
    if (!self)
        return;
    crew_adaptive_close(self);
    crew_free(self);
}

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    struct crew_adaptive_settings set;
    TRY(crew_policy_begin(cfg, "adaptive", settings_table, &set, sizeof(struct crew_adaptive),
                          self, err));
    crew_status status = crew_adaptive_open(*self, cfg, &set, err);
    if (status != CREW_OK) {
        destroy(*self);
        *self = NULL;
    }
    return status;
}

/* ---- The split ---- */

bool crew_adaptive_begin(struct crew_adaptive *a, uint64_t round)
{
    double wide = crew_noise_cv(&a->noise) * sqrt(2 * a->set.width * log(1 + (double)round));
    const pair *mean = (const pair *)a->mean, *root = (const pair *)a->root;
    pair *s = (pair *)a->score;
    const pair one = {1, 1}, least = {FLOOR, FLOOR};
    pair_of_bits known = {-1, -1};
    a->round = round;
    a->retry.who = CREW_NOBODY;
    a->n_events = 0;
    a->cut = false;
    for (size_t i = 0, pairs = ((size_t)a->share.n + 1) / 2; i < pairs; i++) {
        pair factor = one - wide * root[i];
        pair_of_bits more = factor > least;
        factor = (pair)((more & (pair_of_bits)factor) | (~more & (pair_of_bits)least));
        s[i] = mean[i] * factor;
        known &= s[i] > 0;
    }
    return known[0] & known[1];
}

/* List in share.who whoever is available and is known, or is not. */
static uint32_t list(struct crew_adaptive *a, const struct crew_plan_request *rq, bool known)
{
    uint32_t m = 0;
    for (uint32_t i = 0; i < a->share.n; i++) {
        a->share.who[m] = i;
        m += (!rq->available || rq->available[i]) && (a->mean[i] > 0) == known;
    }
    return m;
}

/* By the means; *over: somebody has more than its limit. */
static struct crew_outlook look(struct crew_adaptive *a, const struct crew_plan_request *rq,
                                const uint64_t *quota, bool *over)
{
    struct crew_outlook o = {0, 0, CREW_NOBODY, false};
    *over = false;
    for (uint32_t i = 0; i < a->share.n; i++) {
        if (!quota[i])
            continue;
        double tasks = (double)quota[i], s = tasks * a->mean[i];
        *over |= tasks > crew_share_limit(rq, a->limit, i);
        o.sum_s += s;
        if (s > o.longest_s) {
            o.longest_s = s;
            o.busiest = i;
        }
    }
    if (rq->group) /* who is at its group's floor has no task to give away */
        o.busiest = crew_floors_giver(&a->share.floors, rq, a->mean, quota);
    return o;
}

/* Nobody gets more than its limit, while most have none and may take what that leaves. */
static void hold_back(struct crew_adaptive *a, const struct crew_plan_request *rq,
                      uint64_t *quota)
{
    uint32_t m = list(a, rq, true), young = 0;
    for (uint32_t j = 0; j < m; j++)
        young += a->limit[a->share.who[j]] < (double)INFINITY;
    if (young <= m / 2)
        crew_share_within(&a->share, m, rq, a->score, a->limit, quota);
}

void crew_adaptive_retry(struct crew_adaptive *a, const struct crew_plan_request *rq,
                         const struct crew_outlook *o, uint64_t *quota)
{
    const struct crew_retry_view view = {a->mean, a->hope, a->seen, a->lone};
    crew_retry_plan(&a->retry, &view, rq, o, quota);
}

static void plan_known(struct crew_adaptive *a, uint32_t m, const struct crew_plan_request *rq,
                       bool all, uint64_t *quota)
{
    bool over;
    crew_share_by_mean(&a->share, m, rq, a->score, quota);
    struct crew_outlook o = look(a, rq, quota, &over);
    if (over)
        hold_back(a, rq, quota);
    else if (all)
        crew_adaptive_retry(a, rq, &o, quota);
}

void crew_adaptive_plan(struct crew_adaptive *a, bool known, const struct crew_plan_request *rq,
                        struct crew_plan *out)
{
    struct crew_plan_request first = *rq, rest = *rq;
    uint32_t m = a->share.n, untried = 0;
    if (rq->available || !known) {
        untried = list(a, rq, false);
        m = list(a, rq, true);
    }
    if (untried) {
        (void)list(a, rq, false);
        first.tasks = m && untried < rq->tasks ? untried : rq->tasks;
        if (rq->group && m)
            crew_floors_first(&a->share.floors, a->share.who, untried, first.tasks, 1, rq,
                              &first);
        crew_share_evenly(&a->share, untried, &first, a->seed, out->quota);
        rest.tasks -= first.tasks;
        m = list(a, rq, true);
    }
    if (m && rest.tasks)
        plan_known(a, m, &rest, !untried, out->quota);
    a->learning = untried || a->retry.who != CREW_NOBODY;
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    crew_adaptive_plan(self, crew_adaptive_begin(self, rq->round), rq, out);
}

bool crew_adaptive_exploring(const void *self)
{
    return ((const struct crew_adaptive *)self)->learning;
}

void crew_adaptive_tell(struct crew_adaptive *a, uint32_t i, const char *reason,
                        double before_s)
{
    if (a->n_events < a->share.n)
        a->event[a->n_events++] = (struct crew_policy_event){
            i, reason, before_s > 0 ? before_s : (double)NAN, a->mean[i]};
}

static const char *const reasons[] = {
    [CREW_NEWS_FIRST] = "first task",        [CREW_NEWS_SLOWER] = "slower",
    [CREW_NEWS_FASTER] = "faster",           [CREW_NEWS_BURSTS] = "bursts",
    [CREW_NEWS_BURSTS_OVER] = "bursts over",
};

/* Of a plan that drops tasks: who finishes many in a round is who had short ones, and the last
 * one is cut short. So they say how fast a worker is, together, not how far its times stray. */
static enum crew_news learn_task(struct crew_adaptive *a, const struct crew_timing *t,
                                 double cv)
{
    struct crew_pace *p = &a->pace[t->worker];
    double x = t->seconds / t->work, ordinary_s = p->seconds / p->tasks;
    struct crew_task_time task = {.seconds = x,
                                  .work = t->work,
                                  .preempted = t->seconds > PREEMPTED * t->cpu_seconds,
                                  .cut_round = a->cut};
    if (t->kept) {
        /* the bursts of a bursty worker are in its mean, and not of the others' shape */
        if (a->shape && !a->cut && p->tasks >= SHAPE_FROM && !(p->bursty > 0))
            crew_shape_add(a->shape, x / crew_pace_mean(p));
        return crew_pace_add(p, &a->noise, cv, a->set.memory, &task);
    }
    if (!a->cut || !(p->tasks > 0))
        return CREW_NEWS_NONE;
    struct crew_shape_cut cut = crew_shape_cut(a->shape, x / ordinary_s);
    task.work *= cut.weight;
    task.seconds = cut.y * ordinary_s;
    return task.work > 0 ? crew_pace_add_cut(p, cv, a->set.memory, &task) : CREW_NEWS_NONE;
}

/* All that one worker did in the round. A first task on a cold core and a sleep of the machine
 * say nothing of the next round. */
static void learn(struct crew_adaptive *a, const struct crew_timing *t, size_t n_timings,
                  double cv)
{
    uint32_t i = t->worker;
    enum crew_news news = CREW_NEWS_NONE;
    double before_s = a->mean[i], took_s = 0;
    for (size_t j = 0; j < n_timings; j++) {
        took_s += t[j].seconds;
        if (t[j].flags & (CREW_WARM_UP | CREW_SUSPENDED))
            continue;
        enum crew_news now = learn_task(a, &t[j], cv);
        news = now != CREW_NEWS_NONE ? now : news;
    }
    refresh(a, i);
    a->seen[i] = (double)a->round;
    if (i == a->retry.who) {
        crew_retry_pay(&a->retry, took_s);
        crew_adaptive_tell(a, i, "retried", before_s);
    } else if (news != CREW_NEWS_NONE) {
        crew_adaptive_tell(a, i, reasons[news], before_s);
    }
}

void crew_adaptive_observe(struct crew_adaptive *a, const struct crew_timing *t,
                           size_t n_timings)
{
    double cv = crew_noise_cv(&a->noise);
    for (size_t j = 0, end; j < n_timings; j = end) {
        for (end = j + 1; end < n_timings && t[end].worker == t[j].worker; end++)
            ;
        learn(a, t + j, end - j, cv);
    }
}

static void observe(void *self, const struct crew_timing *t, size_t n_timings)
{
    crew_adaptive_observe(self, t, n_timings);
}

size_t crew_adaptive_events(const void *self, const struct crew_policy_event **out)
{
    const struct crew_adaptive *a = self;
    *out = a->event;
    return a->n_events;
}

/* ---- State ---- */

/* What all workers share, then each worker's last round and its pace. */
size_t crew_adaptive_save(const struct crew_adaptive *a, double *out, size_t cap)
{
    const struct crew_retry *r = &a->retry;
    double all[GLOBALS] = {
        [4] = r->time_s, r->worker_s, r->next == CREW_NOBODY ? -1 : (double)r->next};
    memcpy(all, &a->noise, sizeof a->noise);
    size_t n = GLOBALS + (size_t)a->share.n * (1 + PER_WORKER);
    for (size_t j = 0; j < n && j < cap; j++) {
        size_t i = (j - GLOBALS) / (1 + PER_WORKER), k = (j - GLOBALS) % (1 + PER_WORKER);
        const void *from = j < GLOBALS ? &all[j]
                           : k == 0    ? &a->seen[i]
                                       : (const double *)(const void *)&a->pace[i] + (k - 1);
        memcpy(&out[j], from, sizeof *out);
    }
    return n;
}

static bool is_amount(double x)
{
    return x >= 0 && x <= DBL_MAX;
}

static bool is_pace(const struct crew_pace *p)
{
    double x[PER_WORKER], mean = crew_pace_mean(p);
    bool ok = (p->bursty == 0 || (p->bursty == 1 && p->window > 0)) && p->odd <= p->window &&
              (p->tasks > 0) == (p->seconds > 0) && (p->tasks > 0) == (mean > 0);
    memcpy(x, p, sizeof x);
    for (int k = 0; k < PER_WORKER; k++)
        ok = ok && is_amount(x[k]);
    return ok && is_amount(mean);
}

crew_status crew_adaptive_load(struct crew_adaptive *a, const double *in, size_t n_numbers)
{
    uint32_t n = a->share.n;
    const double *worker = in + GLOBALS;
    if (n_numbers != GLOBALS + (size_t)n * (1 + PER_WORKER))
        return CREW_EFORMAT;
    for (int k = 0; k < GLOBALS; k++)
        if (!(k < 4 ? is_amount(in[k]) : fabs(in[k]) <= DBL_MAX))
            return CREW_EFORMAT;
    if (!(in[0] > 0 && isfinite(in[1] / in[0])) || in[6] < -1 || in[6] >= n ||
        in[6] != floor(in[6]))
        return CREW_EFORMAT;
    for (uint32_t i = 0; i < n; i++) {
        struct crew_pace p;
        memcpy(&p, worker + i * (1 + PER_WORKER) + 1, sizeof p);
        if (!is_amount(worker[i * (1 + PER_WORKER)]) || !is_pace(&p))
            return CREW_EFORMAT;
    }
    a->noise = (struct crew_noise){in[0], in[1], in[2], in[3]};
    a->retry.time_s = in[4];
    a->retry.worker_s = in[5];
    a->retry.next = in[6] < 0 ? CREW_NOBODY : (uint32_t)in[6];
    for (uint32_t i = 0; i < n; i++, worker += 1 + PER_WORKER) {
        a->seen[i] = worker[0];
        memcpy(&a->pace[i], worker + 1, sizeof a->pace[i]);
        refresh(a, i);
    }
    return CREW_OK;
}

static size_t save(const void *self, double *out, size_t cap)
{
    return crew_adaptive_save(self, out, cap);
}

static crew_status load(void *self, const double *in, size_t n)
{
    return crew_adaptive_load(self, in, n);
}

const struct crew_policy_ops crew_policy_adaptive = {
    .abi = CREW_POLICY_ABI,
    .name = "adaptive",
    .summary = "learns the times as fast as their noise allows, and follows changes",
    .settings = settings_table,
    .create = create,
    .plan = plan,
    .observe = observe,
    .save = save,
    .load = load,
    .destroy = destroy,
    .exploring = crew_adaptive_exploring,
    .events = crew_adaptive_events,
};
