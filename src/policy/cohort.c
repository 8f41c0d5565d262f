/* Greedy on the best m workers: they compute all the time, the first B gradients count, what
 * is unfinished then is dropped. The others rest. Where times are noisy a plan waits for the
 * worker that had bad luck; greedy waits for nobody, and on the m fastest it wastes little. m
 * is as large as `cost-budget` allows: the cost, m workers for the whole round, is at most that
 * many times that of the planned split (adaptive.c), by forecast. The round is planned where
 * that is as fast and within the budget, as it is where the noise is small; and where no m is
 * within it, as on equal workers: nothing is cheaper there than to drop nothing.
 *
 * - Workers are known as in adaptive, and the m fastest are those with the least bounds, so a
 *   worker of whom little is known is among them for a while.
 * - A dropped task counts for what its time says: shape.c.
 * - The shape of the noise is learnt from planned rounds, the first ones and then one in
 *   PLANNED_EVERY: in a greedy round short tasks are finished more often than long ones.
 * - Who is not in the cohort is tried again within `explore` of the workers' time; it costs no
 *   time, the round does not wait for it.
 *
 * Which gradients count depends on timing, as in greedy. */
#include "base/error.h"
#include "base/mem.h"
#include "policy/adaptive.h"
#include "policy/forecast.h"
#include "policy/policies.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* Tasks that the shape is learnt from before it is used; rounds from one that is planned to the
 * next, and from one decision to the next, with news of a worker and without. */
enum { SHAPE_TASKS = 256, PLANNED_EVERY = 32, NEWS_AFTER = 4, DECIDED_EVERY = 16 };
/* Forecasts err: a greedy round must be shorter than a planned one by one factor, and cost less
 * than the budget by the other. */
static const double SHORTER = 0.95, CHEAPER = 0.99;

struct settings {
    struct crew_adaptive_settings learn; /* first: its rows are in the table too */
    double cost_budget;
};

struct cohort {
    struct crew_adaptive learner; /* first: its functions are called with self */
    struct crew_shape shape;
    bool fitted; /* to all of its tasks */
    double cost_budget;
    /* The decision: the time and number of tasks of a round of the m in the cohort; 0: plan. */
    double m, time_s, tasks;
    double decided, planned; /* the last rounds that were */
    double news;             /* 1: something changed since the decision */
    double *member;          /* [n] 1: in the cohort */
    uint64_t *quota;         /* [n] scratch */
};

static const struct crew_option settings_table[] = {
    CREW_ADAPTIVE_SETTINGS,
    {.name = "cost-budget",
     .type = CREW_OPTION_REAL,
     .offset = offsetof(struct settings, cost_budget),
     .max = 1e6,
     .value = "1",
     .argument = "FACTOR",
     .help = "most that a round may cost, as a multiple of what the planned split does"},
    {.type = CREW_OPTION_END},
};

/* ---- Before and after ---- */

static void destroy(void *self)
{
    struct cohort *c = self;
    if (!c)
        return;
    crew_adaptive_close(&c->learner);
    crew_free(c->member);
    crew_free(c->quota);
    crew_free(c);
}

static crew_status open_all(struct cohort *c, const struct crew_policy_config *cfg,
                            const struct settings *set, struct crew_error *err)
{
    TRY(crew_adaptive_open(&c->learner, cfg, &set->learn, err));
    c->learner.shape = &c->shape;
    c->cost_budget = set->cost_budget;
    c->member = crew_zalloc(cfg->n * sizeof *c->member);
    c->quota = crew_zalloc(cfg->n * sizeof *c->quota);
    if (!c->member || !c->quota)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for %u workers", cfg->n);
    return CREW_OK;
}

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    struct settings set;
    *self = NULL;
    TRY(crew_policy_check_groups(cfg, "cohort", err));
    TRY(crew_policy_begin(cfg, "cohort", settings_table, &set, sizeof(struct cohort), self,
                          err));
    crew_status status = open_all(*self, cfg, &set, err);
    if (status != CREW_OK) {
        destroy(*self);
        *self = NULL;
    }
    return status;
}

/* ---- The decision ---- */

static bool comes_after(const double *score, uint32_t i, uint32_t j)
{
    return score[i] > score[j] || (score[i] == score[j] && i > j);
}

static void sift_down(const double *score, uint32_t *who, uint32_t at, uint32_t m)
{
    for (uint32_t child; (child = 2 * at + 1) < m; at = child) {
        child += child + 1 < m && comes_after(score, who[child + 1], who[child]);
        if (!comes_after(score, who[child], who[at]))
            return;
        uint32_t swap = who[at];
        who[at] = who[child];
        who[child] = swap;
    }
}

/* Least score first: a heap sort. */
static void sort_by_score(const double *score, uint32_t *who, uint32_t m)
{
    for (uint32_t at = m / 2; at-- > 0;)
        sift_down(score, who, at, m);
    for (uint32_t last = m; last-- > 1;) {
        uint32_t swap = who[0];
        who[0] = who[last];
        who[last] = swap;
        sift_down(score, who, 0, last);
    }
}

/* Most workers of who[0..most), in this order, whose greedy round costs no more than that, and
 * how long it takes; 0: not even the first. A round of more workers costs more. */
static uint32_t most_within(const struct cohort *c, uint32_t most, uint64_t tasks,
                            double cost_s, double *time_s)
{
    const struct crew_adaptive *a = &c->learner;
    uint32_t enough = 0;
    for (uint32_t beyond = most + 1; enough + 1 < beyond;) {
        uint32_t m = enough + (beyond - enough) / 2;
        double s = crew_forecast_greedy(&c->shape, a->mean, a->share.who, m, tasks);
        if (m * s * (1 + a->set.explore) > CHEAPER * cost_s) {
            beyond = m;
        } else {
            enough = m;
            *time_s = s;
        }
    }
    return enough;
}

/* Is a greedy round of that time worth it? The forecast of the plan is for the cases where its
 * proxy loss does not tell. outliers_s: how much longer they make it */
static bool is_shorter(const struct cohort *c, double time_s, double outliers_s)
{
    const struct crew_adaptive *a = &c->learner;
    double longest_s = 0;
    for (uint32_t i = 0; i < a->share.n; i++)
        longest_s = fmax(longest_s, (double)c->quota[i] * a->mean[i]);
    return time_s < SHORTER * (longest_s + outliers_s) ||
           time_s < SHORTER * (crew_forecast_planned(a->mean, c->quota, a->share.n,
                                                     crew_noise_cv(&a->noise)) +
                               outliers_s);
}

/* Everybody available is known. */
static void decide(struct cohort *c, const struct crew_plan_request *rq)
{
    struct crew_adaptive *a = &c->learner;
    uint32_t n = a->share.n, here = crew_share_available(&a->share, rq);
    double cost_s = 0;
    memset(c->quota, 0, n * sizeof *c->quota);
    crew_share_by_mean(&a->share, here, rq, a->mean, c->quota);
    for (uint32_t i = 0; i < n; i++)
        cost_s += (double)c->quota[i] * a->mean[i];
    double outliers_s = cost_s * crew_shape_outliers(&c->shape); /* a plan waits for them */
    cost_s += outliers_s;
    sort_by_score(a->score, a->share.who, here);
    uint32_t m = most_within(c, here, rq->tasks, c->cost_budget * cost_s, &c->time_s);
    c->m = m && (c->cost_budget < 1 || is_shorter(c, c->time_s, outliers_s)) ? m : 0;
    c->tasks = (double)rq->tasks;
    c->decided = (double)rq->round;
    c->news = 0;
    memset(c->quota, 0, n * sizeof *c->quota);
    for (uint32_t j = 0; j < m && c->m > 0; j++)
        c->quota[a->share.who[j]] = 1;
    for (uint32_t i = 0; i < n; i++) {
        bool was = c->member[i] > 0, is = c->quota[i] > 0;
        c->member[i] = is;
        if (was != is)
            crew_adaptive_tell(a, i, is ? "in the cohort" : "out of the cohort", a->mean[i]);
    }
}

static bool is_here(const struct crew_plan_request *rq, uint32_t i)
{
    return !rq->available || rq->available[i];
}

/* Is there a worker to try first? known: all are. */
static bool somebody_new(const struct cohort *c, const struct crew_plan_request *rq, bool known)
{
    bool found = false;
    for (uint32_t i = 0; i < rq->n && !known; i++)
        found |= is_here(rq, i) && !(c->learner.mean[i] > 0);
    return found;
}

static bool due(const struct cohort *c, const struct crew_plan_request *rq)
{
    bool gone = false;
    for (uint32_t i = 0; i < rq->n && c->m > 0 && rq->available; i++)
        gone |= c->member[i] > 0 && !rq->available[i];
    return gone || c->tasks != (double)rq->tasks ||
           (double)rq->round >= c->decided + (c->news > 0 ? NEWS_AFTER : DECIDED_EVERY);
}

/* ---- The plan ---- */

/* The cohort, and maybe one more: in a greedy round it gets no quota, but is let in. */
static void open_cohort(struct cohort *c, const struct crew_plan_request *rq,
                        struct crew_plan *out)
{
    struct crew_outlook o = {c->time_s, c->m * c->time_s, 0, true};
    for (uint32_t i = 0; i < rq->n; i++) {
        c->quota[i] = c->member[i] > 0 ? 2 : 0;
        if (c->quota[i])
            o.busiest = i;
    }
    crew_adaptive_retry(&c->learner, rq, &o, c->quota);
    for (uint32_t i = 0; i < rq->n; i++)
        out->open[i] = out->overrun[i] = c->quota[i] > 0;
    c->learner.cut = true;
    c->learner.learning = false; /* nobody waits for who is tried */
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    struct cohort *c = self;
    bool known = crew_adaptive_begin(&c->learner, rq->round);
    bool planned = c->shape.tasks < SHAPE_TASKS ||
                   (double)rq->round >= c->planned + PLANNED_EVERY ||
                   somebody_new(c, rq, known);
    if (!planned && !c->fitted) {
        crew_shape_fit(&c->shape);
        c->fitted = true;
    }
    if (!planned && due(c, rq))
        decide(c, rq);
    if (!planned && c->m > 0) {
        open_cohort(c, rq, out);
        return;
    }
    crew_adaptive_plan(&c->learner, known, rq, out);
    c->planned = (double)rq->round;
}

static void observe(void *self, const struct crew_timing *t, size_t n_timings)
{
    struct cohort *c = self;
    size_t before = c->learner.n_events;
    crew_adaptive_observe(&c->learner, t, n_timings);
    c->fitted &= c->learner.cut;
    c->news = c->news > 0 || c->learner.n_events > before;
}

/* ---- State ---- */

enum { OWN = 9 };

static double *own(struct cohort *c, int k)
{
    double *const all[OWN] = {&c->m,           &c->time_s,       &c->tasks,
                              &c->decided,     &c->planned,      &c->news,
                              &c->shape.tasks, &c->shape.beyond, &c->shape.longest};
    return all[k];
}

/* The decision, the shape, the cohort, then what adaptive has. */
static size_t save(const void *self, double *out, size_t cap)
{
    struct cohort c = *(const struct cohort *)self;
    size_t n = c.learner.share.n, mine = OWN + CREW_SHAPE_CELLS + n;
    for (size_t j = 0; j < mine && j < cap; j++)
        out[j] = j < OWN                      ? *own(&c, (int)j)
                 : j < OWN + CREW_SHAPE_CELLS ? c.shape.count[j - OWN]
                                              : c.member[j - OWN - CREW_SHAPE_CELLS];
    return mine + crew_adaptive_save(&c.learner, cap > mine ? out + mine : NULL,
                                     cap > mine ? cap - mine : 0);
}

static bool is_decision(const struct cohort *c, const double *member, size_t n)
{
    const double all[] = {c->m, c->time_s, c->tasks, c->decided, c->planned, c->news};
    double members = 0;
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        if (!(all[k] >= 0 && all[k] <= DBL_MAX))
            return false;
    for (size_t i = 0; i < n; i++) {
        if (member[i] != 0 && member[i] != 1)
            return false;
        members += member[i];
    }
    return members == c->m && (members == 0 || c->shape.tasks >= 1);
}

static crew_status load(void *self, const double *in, size_t n_numbers)
{
    struct cohort *c = self, new = *c;
    size_t n = c->learner.share.n, mine = OWN + CREW_SHAPE_CELLS + n;
    if (n_numbers < mine)
        return CREW_EFORMAT;
    for (int k = 0; k < OWN; k++)
        *own(&new, k) = in[k];
    memcpy(new.shape.count, in + OWN, sizeof new.shape.count);
    if (!crew_shape_valid(&new.shape) || !is_decision(&new, in + OWN + CREW_SHAPE_CELLS, n))
        return CREW_EFORMAT;
    TRY(crew_adaptive_load(&c->learner, in + mine, n_numbers - mine));
    new.learner = c->learner;
    *c = new;
    c->fitted = false;
    memcpy(c->member, in + OWN + CREW_SHAPE_CELLS, n * sizeof *c->member);
    return CREW_OK;
}

const struct crew_policy_ops crew_policy_cohort = {
    .abi = CREW_POLICY_ABI,
    .name = "cohort",
    .summary = "greedy on as many of the fastest as cost no more than the planned split",
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
