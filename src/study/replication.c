/* What a round costs here beside the loop itself is one pass over its timings: nothing is done
 * n times a round, unless the speeds change in time.
 *
 * Proxy loss of an allocation a at means mu: l(a, mu) = max_i a_i mu_i. Regret: its sum over
 * the rounds above that of the min-max split of mu. Source: Maranjyan, Saad, Richtarik,
 * Orabona, ICML 2025, arXiv:2502.00775. */
#include "study/replication.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "exec/loop.h"
#include "exec/sim.h"
#include "policy/policies.h"
#include "policy/share.h"
#include <math.h>
#include <string.h>

/* Reading the clock costs more than a short round of planning: of many rounds every 61st is
 * timed, a prime, so that no rhythm of a policy's is met, and none of the first few, whose
 * memory is cold. */
enum { TIMED = 61, COLD = 3, FEW = 100 * TIMED };
enum { LOOK = 256 }; /* at most so many rounds between two looks at the clock */
static const double LOOK_S = 0.01;

struct replication {
    const struct crew_replication *cfg;
    struct crew_loop loop;
    uint32_t n;
    bool vary;
    double *mean_s;  /* [n] true means, now */
    uint64_t *quota; /* [n] min-max split of mean_s over those who are available */
    struct crew_share share;
    double best_s;    /* its proxy loss */
    size_t point;     /* of the curve, the next */
    uint64_t n_timed; /* rounds */
    double looked_s;  /* at the clock, last; the next time before round next_look */
    uint64_t next_look, stride;
    struct crew_replication_result sum;
};

/* ---- The oracle ---- */

static void oracle_plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    const struct replication *r = self;
    memcpy(out->quota, r->quota, rq->n * sizeof *out->quota);
}

static void oracle_destroy(void *self)
{
    (void)self; /* the replication itself */
}

static const struct crew_policy_ops oracle = {
    .abi = CREW_POLICY_ABI,
    .name = CREW_ORACLE,
    .plan = oracle_plan,
    .destroy = oracle_destroy,
};

static bool is_oracle(const char *policy)
{
    size_t n = crew_text_name(policy, NULL);
    return n == strlen(CREW_ORACLE) && !strncmp(policy, CREW_ORACLE, n);
}

/* ---- Before and after ---- */

static crew_status create_policy(const struct crew_replication *cfg,
                                 const struct crew_policy_ops **ops, void **self,
                                 struct crew_error *err)
{
    struct crew_policy_config c = {.struct_size = sizeof c,
                                   .n = crew_speeds_n(cfg->speeds),
                                   .seed = cfg->seed,
                                   .mean_s = cfg->mean_s,
                                   .prior_tasks = cfg->prior_tasks,
                                   .prior_mean_s = cfg->prior_mean_s};
    crew_text_name(cfg->policy, &c.settings);
    *ops = is_oracle(cfg->policy) ? &oracle : crew_policy_find(cfg->policy);
    if (!*ops)
        return crew_fail(err, CREW_EINVAL, "unknown policy '%.64s'", cfg->policy);
    if (*ops == &oracle)
        return crew_option_settings(crew_policy_no_settings, c.settings, "policy oracle", NULL,
                                    err);
    return (*ops)->create(&c, self, err);
}

crew_status crew_replication_check(const struct crew_replication *cfg, struct crew_error *err)
{
    const struct crew_policy_ops *ops;
    void *self = NULL;
    TRY(create_policy(cfg, &ops, &self, err));
    ops->destroy(self);
    return CREW_OK;
}

double crew_replication_bytes(uint32_t n)
{
    double plan = sizeof(uint64_t) + 2 * sizeof(bool), mine = 6 * sizeof(double),
           policy = 34 * sizeof(double); /* of cohort, the largest */
    return (double)n * (plan + mine + policy);
}

static void close_all(struct replication *r)
{
    if (r->loop.executor_self)
        crew_sim.destroy(r->loop.executor_self);
    if (r->loop.policy)
        r->loop.policy->destroy(r->loop.policy_self);
    crew_loop_free(&r->loop);
    crew_free(r->mean_s);
    crew_free(r->quota);
    crew_share_close(&r->share);
}

static crew_status open_all(struct replication *r, struct crew_error *err)
{
    const struct crew_policy_ops *policy;
    struct crew_sim_config sim = {.speeds = r->cfg->speeds,
                                  .max_tasks = r->cfg->batch_tasks + r->n};
    r->mean_s = crew_alloc(r->n * sizeof *r->mean_s);
    r->quota = crew_alloc(r->n * sizeof *r->quota);
    if (!r->mean_s || !r->quota || crew_loop_init(&r->loop, r->n) != CREW_OK ||
        crew_share_open(&r->share, r->n, NULL) != CREW_OK)
        return crew_fail(err, CREW_ENOMEM, "no memory to simulate %u workers", r->n);
    TRY(crew_sim_create(&sim, &r->loop.executor_self, err));
    r->loop.executor = &crew_sim;
    TRY(create_policy(r->cfg, &policy, &r->loop.policy_self, err));
    r->loop.policy = policy;
    if (policy == &oracle)
        r->loop.policy_self = r;
    return CREW_OK;
}

/* ---- A round ---- */

/* True means at the start of that round, and the loss of their split. */
static void find_best(struct replication *r, uint64_t round)
{
    double now_s = crew_sim.now(r->loop.executor_self);
    struct crew_plan_request rq = {.tasks = r->cfg->batch_tasks, .n = r->n};
    crew_speeds_enter(r->cfg->speeds, r->cfg->seed, round);
    rq.available = crew_speeds_available(r->cfg->speeds);
    r->best_s = 0;
    for (uint32_t i = 0; i < r->n; i++)
        r->mean_s[i] = crew_speeds_mean(r->cfg->speeds, i, round, now_s);
    memset(r->quota, 0, r->n * sizeof *r->quota);
    crew_share_by_mean(&r->share, crew_share_available(&r->share, &rq), &rq, r->mean_s,
                       r->quota);
    for (uint32_t i = 0; i < r->n; i++)
        r->best_s = fmax(r->best_s, (double)r->quota[i] * r->mean_s[i]);
}

/* Of all a worker's timings in a row; a worker that was not open has as many as its quota. */
static void add_timings(struct replication *r)
{
    const struct crew_timing *t = r->loop.outcome.timing, *end = t + r->loop.outcome.n_timings;
    double loss_s = 0, worker_s = 0;
    bool planned = true;
    while (t < end) {
        uint32_t i = t->worker;
        uint64_t tasks = 0;
        for (; t < end && t->worker == i; t++, tasks++)
            worker_s += t->seconds;
        double busy_s = (double)tasks * r->mean_s[i];
        loss_s = busy_s > loss_s ? busy_s : loss_s;
        planned &= tasks == r->loop.plan.quota[i];
    }
    r->sum.time_s += r->loop.outcome.seconds;
    r->sum.worker_s += worker_s;
    r->sum.best_s += r->best_s;
    r->sum.regret_s += planned ? loss_s - r->best_s : (double)NAN;
}

static void measure(const struct replication *r)
{
    const struct crew_outcome *o = &r->loop.outcome;
    for (size_t j = 0; j < o->n_timings; j++)
        if (o->timing[j].kept && !(o->timing[j].flags & CREW_WARM_UP))
            crew_stats_add(&r->cfg->measured[o->timing[j].worker],
                           o->timing[j].seconds / o->timing[j].work);
}

/* Which recording has run out shows in what was to be its next time. */
static crew_status ran_out(const struct replication *r, uint64_t round, struct crew_error *err)
{
    const struct crew_outcome *o = &r->loop.outcome;
    for (size_t j = 0; j < o->n_timings; j++)
        if (o->timing[j].seconds < 0)
            return crew_fail(err, CREW_EINPUT,
                             "policy %.64s, round %llu: the recording of worker %u has run out "
                             "(replay-wrap starts it again)",
                             r->cfg->policy, (unsigned long long)round, o->timing[j].worker);
    return crew_fail(err, CREW_EINPUT,
                     "policy %.64s, round %llu: a recording has run out (replay-wrap starts it "
                     "again)",
                     r->cfg->policy, (unsigned long long)round);
}

static bool is_timed(const struct replication *r, uint64_t round)
{
    uint64_t rounds = r->cfg->rounds;
    return rounds < FEW ? round > COLD || rounds <= COLD : round % TIMED == 0;
}

static crew_status run_round(struct replication *r, uint64_t round, struct crew_error *err)
{
    struct crew_loop *l = &r->loop;
    bool timed = is_timed(r, round);
    if (r->vary)
        find_best(r, round);
    double planning_s = timed ? crew_now_s() : 0;
    TRY(crew_loop_plan(l, round, r->cfg->batch_tasks, err));
    if (timed)
        planning_s = crew_now_s() - planning_s;
    r->sum.explored += l->policy->exploring && l->policy->exploring(l->policy_self);
    crew_status status = crew_loop_run(l, r->cfg->seed, r->n, NULL, NULL);
    if (status != CREW_OK)
        return status == CREW_EINPUT ? ran_out(r, round, err) : status;
    double learning_s = timed ? crew_now_s() : 0;
    crew_loop_observe(l);
    if (timed) {
        r->sum.plan_s += planning_s + crew_now_s() - learning_s;
        r->n_timed++;
    }
    add_timings(r);
    if (r->cfg->measured)
        measure(r);
    return CREW_OK;
}

/* ---- All rounds ---- */

static bool go_on(struct replication *r, uint64_t round)
{
    if (round < r->next_look)
        return true;
    double now_s = crew_now_s();
    if (now_s - r->looked_s < LOOK_S && r->stride < LOOK)
        r->stride *= 2;
    else if (now_s - r->looked_s > 4 * LOOK_S && r->stride > 1)
        r->stride /= 2;
    r->looked_s = now_s;
    r->next_look = round + r->stride;
    return !r->cfg->go_on || r->cfg->go_on(r->cfg->user, round - 1);
}

static void add_point(struct replication *r, uint64_t round)
{
    const struct crew_curve *c = r->cfg->curve;
    if (c && c->round[r->point] == round)
        r->cfg->point[r->point++] = (struct crew_curve_point){r->sum.time_s, r->sum.worker_s,
                                                              r->sum.best_s, r->sum.regret_s};
}

static crew_status run_rounds(struct replication *r, struct crew_error *err)
{
    find_best(r, 1);
    r->looked_s = crew_now_s();
    r->next_look = r->stride = 1;
    for (uint64_t round = 1; round <= r->cfg->rounds; round++) {
        if (!go_on(r, round))
            return CREW_ESTOPPED;
        TRY(run_round(r, round, err));
        add_point(r, round);
    }
    r->sum.plan_s /= r->n_timed ? (double)r->n_timed : 1;
    return CREW_OK;
}

crew_status crew_replication_run(const struct crew_replication *cfg,
                                 struct crew_replication_result *out, struct crew_error *err)
{
    struct replication r = {
        .cfg = cfg, .n = crew_speeds_n(cfg->speeds), .vary = crew_speeds_vary(cfg->speeds)};
    crew_status status = open_all(&r, err);
    if (status == CREW_OK)
        status = run_rounds(&r, err);
    *out = r.sum;
    close_all(&r);
    return status;
}
