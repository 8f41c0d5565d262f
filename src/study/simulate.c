#include "study/simulate.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "exec/sim.h"
#include "study/lists.h"
#include "study/replication.h"
#include "study/scenario.h"
#include "train/profile.h"
#include <math.h>
#include <string.h>

static const double TELL_S = 0.1; /* between two calls of on_progress() */
/* Bytes a worker takes while a profile is written: 810 in jansson's objects and text. */
static const double PROFILE_BYTES = 1000;

/* What the figures' names and the seeds are, as long as they are shown. */
struct own {
    struct crew_policy_list policies;
    uint64_t *seed;
};

struct study {
    const struct crew_simulation_config *cfg;
    struct crew_simulation *out;
    struct own *own;
    crew_speeds *speeds;
    uint32_t n;
    double *mean_s;                         /* [n] */
    double *prior_tasks, *prior_mean_s;     /* [n]; NULL: nothing is known before */
    struct crew_stats *measured;            /* [n] of the counted rounds, or NULL */
    struct crew_stats *earlier;             /* [n] of the rounds before, or NULL */
    struct crew_curve curve;                /* if one is asked for */
    struct crew_replication_result *result; /* [n_policies][n_seeds] */
    const char *policy;                     /* under way */
    uint64_t seed;
    double rounds, rounds_before; /* of all simulations; of those that are done */
    double told_s;
};

/* ---- What was asked for ---- */

static crew_status check_range(const char *name, uint64_t v, struct crew_error *err)
{
    if (v <= UINT32_MAX)
        return CREW_OK;
    return crew_fail(err, CREW_EINVAL, "%s is %llu, must be below 2^32", name,
                     (unsigned long long)v);
}

/* What was not said. */
static crew_status fill_in(struct crew_simulation_config *cfg, struct crew_error *err)
{
    struct crew_scenario_size size = {0, 23, 10000};
    if (cfg->scenario)
        TRY(crew_scenario_size(cfg->scenario, &size, err));
    cfg->workers = cfg->workers ? cfg->workers : size.workers;
    cfg->batch_tasks = cfg->batch_tasks ? cfg->batch_tasks : size.batch_tasks;
    cfg->rounds = cfg->rounds ? cfg->rounds : size.rounds;
    return CREW_OK;
}

static crew_status check_config(const struct crew_simulation_config *cfg,
                                struct crew_error *err)
{
    if (!cfg->scenario == !cfg->speeds)
        return crew_fail(err, CREW_EINVAL, "either a scenario or speeds must be given%s",
                         cfg->speeds ? ", not both" : "");
    if (!cfg->policy || !cfg->seeds)
        return crew_fail(err, CREW_EINVAL, "policy or seeds is NULL");
    if (cfg->pretrain && cfg->profile)
        return crew_fail(err, CREW_EINVAL,
                         "what policies start from is either pretrain or a profile, not both");
    if (cfg->curve && cfg->save_profile && !strcmp(cfg->curve, cfg->save_profile))
        return crew_fail(err, CREW_EINVAL, "%s is named for two outputs", cfg->curve);
    TRY(check_range("rounds", cfg->rounds, err));
    return check_range("pretrain", cfg->pretrain, err);
}

static crew_status read_lists(struct study *s, struct crew_error *err)
{
    s->own = s->out->own = crew_zalloc(sizeof *s->own);
    if (!s->own)
        return crew_fail(err, CREW_ENOMEM, "no memory for the lists");
    TRY(crew_policy_list_parse_with(s->cfg->policy, CREW_ORACLE, &s->own->policies, err));
    TRY(crew_seeds_parse(s->cfg->seeds, &s->own->seed, &s->out->n_seeds, err));
    s->out->seeds = s->own->seed;
    if (s->cfg->save_profile && (s->own->policies.n > 1 || s->out->n_seeds > 1))
        return crew_fail(err, CREW_EINVAL,
                         "a profile is saved of one policy and one seed, not of %zu and %zu",
                         s->own->policies.n, s->out->n_seeds);
    return CREW_OK;
}

static crew_status check_outputs(const struct study *s, struct crew_error *err)
{
    if (s->cfg->curve)
        TRY(crew_output_check(s->cfg->curve, s->cfg->replace, err));
    if (s->cfg->save_profile)
        TRY(crew_output_check(s->cfg->save_profile, s->cfg->replace, err));
    return CREW_OK;
}

static crew_status check_memory(const struct study *s, uint32_t n, struct crew_error *err)
{
    uint32_t tasks = s->cfg->batch_tasks;
    if (tasks > UINT32_MAX - n)
        return crew_fail(err, CREW_EINVAL,
                         "%u workers and %u tasks are more than 2^32 together", n, tasks);
    double mine = (double)n *
                  (3 * sizeof(double) + 2 * sizeof(struct crew_stats) +
                   sizeof(struct crew_law) + (s->cfg->save_profile ? PROFILE_BYTES : 0)),
           need = mine + crew_sim_bytes(n, tasks + n) + crew_replication_bytes(n),
           have = (double)crew_machine_free_bytes();
    if (need <= have)
        return CREW_OK;
    return crew_fail(err, CREW_ENOMEM,
                     "simulating %u workers and %u tasks takes about %.0f MB, %.0f MB are free",
                     n, tasks, need / 1e6, have / 1e6);
}

static crew_status create_speeds(struct study *s, struct crew_error *err)
{
    const struct crew_simulation_config *cfg = s->cfg;
    if (cfg->scenario) { /* its laws take memory, a text's are few */
        TRY(check_memory(s, cfg->workers, err));
        TRY(crew_scenario_create(cfg->scenario, cfg->workers, &s->speeds, err));
    } else {
        TRY(crew_speeds_parse(cfg->speeds, cfg->replay_wrap, &s->speeds, err));
    }
    s->n = crew_speeds_n(s->speeds);
    if (cfg->workers && cfg->workers != s->n)
        return crew_fail(err, CREW_EINVAL, "workers is %u, but speeds describes %u",
                         cfg->workers, s->n);
    return check_memory(s, s->n, err);
}

/* ---- What policies start from ---- */

static crew_status take_memory(struct study *s, struct crew_error *err)
{
    const struct crew_simulation_config *cfg = s->cfg;
    size_t runs = s->own->policies.n * s->out->n_seeds, n = s->n;
    bool earlier = cfg->pretrain > 0, prior = earlier || cfg->profile;
    s->mean_s = crew_alloc(n * sizeof *s->mean_s);
    s->prior_tasks = prior ? crew_zalloc(n * sizeof *s->prior_tasks) : NULL;
    s->prior_mean_s = prior ? crew_zalloc(n * sizeof *s->prior_mean_s) : NULL;
    s->earlier = earlier ? crew_zalloc(n * sizeof *s->earlier) : NULL;
    s->measured = cfg->save_profile ? crew_zalloc(n * sizeof *s->measured) : NULL;
    s->result = crew_zalloc(runs * sizeof *s->result);
    s->out->figures = crew_zalloc(s->own->policies.n * sizeof *s->out->figures);
    if (!s->mean_s || !s->result || !s->out->figures || (earlier && !s->earlier) ||
        (prior && (!s->prior_tasks || !s->prior_mean_s)) || (cfg->save_profile && !s->measured))
        return crew_fail(err, CREW_ENOMEM, "no memory for %zu simulations of %u workers", runs,
                         s->n);
    for (uint32_t i = 0; i < s->n; i++)
        s->mean_s[i] = crew_speeds_mean(s->speeds, i, 1, 0);
    return cfg->curve ? crew_curve_init(&s->curve, cfg->rounds, cfg->curve_every, runs, err)
                      : CREW_OK;
}

static crew_status read_profile(struct study *s, struct crew_error *err)
{
    struct crew_profile p = {0};
    crew_status status = crew_profile_read(s->cfg->profile, &p, err);
    if (status == CREW_OK && p.n != s->n)
        status = crew_fail(err, CREW_EINVAL, "profile %s is of %u workers, not of %u",
                           s->cfg->profile, p.n, s->n);
    for (uint32_t i = 0; status == CREW_OK && i < p.n; i++) {
        s->prior_tasks[i] = crew_profile_weight(&p.slot[i]);
        s->prior_mean_s[i] = p.slot[i].mean_s;
    }
    crew_profile_free(&p);
    return status;
}

static struct crew_replication plan_of(const struct study *s, const char *policy, uint64_t seed)
{
    return (struct crew_replication){
        .speeds = s->speeds,
        .policy = policy,
        .seed = seed,
        .rounds = s->cfg->rounds,
        .batch_tasks = s->cfg->batch_tasks,
        .mean_s = s->mean_s,
        .prior_tasks = s->prior_tasks,
        .prior_mean_s = s->prior_mean_s,
    };
}

/* Before anything runs: a wrong setting of the last policy is not told after an hour. */
static crew_status check_policies(const struct study *s, struct crew_error *err)
{
    for (size_t p = 0; p < s->own->policies.n; p++) {
        struct crew_replication r = plan_of(s, s->own->policies.name[p], s->own->seed[0]);
        TRY(crew_replication_check(&r, err));
    }
    return CREW_OK;
}

static crew_status prepare(struct study *s, struct crew_simulation_config *cfg,
                           struct crew_error *err)
{
    TRY(check_config(cfg, err));
    TRY(fill_in(cfg, err));
    TRY(read_lists(s, err));
    TRY(check_outputs(s, err));
    TRY(create_speeds(s, err));
    TRY(take_memory(s, err));
    if (s->cfg->profile)
        TRY(read_profile(s, err));
    s->rounds = (double)(s->own->policies.n * s->out->n_seeds) *
                (double)(s->cfg->rounds + s->cfg->pretrain);
    return check_policies(s, err);
}

/* ---- Running ---- */

static bool go_on(void *user, uint64_t rounds_done)
{
    struct study *s = user;
    double now_s = crew_now_s();
    if (!s->cfg->on_progress || now_s - s->told_s < TELL_S)
        return true;
    s->told_s = now_s;
    return s->cfg->on_progress(s->cfg->user, s->policy, s->seed,
                               (s->rounds_before + (double)rounds_done) / s->rounds);
}

/* Rounds of their own random numbers; what they measured is where the counted ones start. */
static crew_status pretrain(struct study *s, struct crew_error *err)
{
    struct crew_replication r =
        plan_of(s, s->policy, crew_rng_u64(s->seed, CREW_STREAM_PRETRAIN, 0, 0));
    struct crew_replication_result ignored;
    memset(s->earlier, 0, s->n * sizeof *s->earlier);
    r.rounds = s->cfg->pretrain;
    r.prior_tasks = r.prior_mean_s = NULL;
    r.measured = s->earlier;
    r.go_on = go_on;
    r.user = s;
    TRY(crew_replication_run(&r, &ignored, err));
    for (uint32_t i = 0; i < s->n; i++) {
        s->prior_tasks[i] = (double)s->earlier[i].n;
        s->prior_mean_s[i] = s->earlier[i].mean;
    }
    s->rounds_before += (double)s->cfg->pretrain;
    return CREW_OK;
}

static crew_status simulate(struct study *s, struct crew_replication_result *result,
                            struct crew_error *err)
{
    if (s->cfg->pretrain)
        TRY(pretrain(s, err));
    struct crew_replication r = plan_of(s, s->policy, s->seed);
    r.measured = s->measured;
    r.go_on = go_on;
    r.user = s;
    if (s->cfg->curve) {
        r.curve = &s->curve;
        r.point = crew_curve_open(&s->curve, s->policy, s->seed);
    }
    TRY(crew_replication_run(&r, result, err));
    if (s->cfg->curve)
        crew_curve_close(&s->curve);
    s->rounds_before += (double)s->cfg->rounds;
    return CREW_OK;
}

static crew_status simulate_all(struct study *s, struct crew_error *err)
{
    size_t n_seeds = s->out->n_seeds;
    s->told_s = crew_now_s();
    for (size_t p = 0; p < s->own->policies.n; p++) {
        s->policy = s->own->policies.name[p];
        for (size_t k = 0; k < n_seeds; k++) {
            s->seed = s->own->seed[k];
            TRY(simulate(s, &s->result[p * n_seeds + k], err));
        }
        s->out->n_policies++;
    }
    return CREW_OK;
}

/* ---- Figures ---- */

static void add(struct crew_stats *stats, double v)
{
    crew_stats_add(stats, v); /* NaN stays NaN */
}

static struct crew_figure figure(const struct crew_stats *s)
{
    return (struct crew_figure){s->mean,
                                s->n > 1 ? crew_stats_sd(s) / sqrt((double)s->n) : (double)NAN};
}

/* Results [n_seeds] of a policy, beside those of others with the same seeds, or NULL. */
static void summarise(const struct study *s, const struct crew_replication_result *mine,
                      const struct crew_replication_result *greedy,
                      const struct crew_replication_result *oracle,
                      struct crew_policy_figures *f)
{
    double rounds = (double)s->cfg->rounds;
    struct crew_stats round = {0}, worker = {0}, time = {0}, cost = {0}, beside = {0},
                      loss = {0}, regret = {0}, explore = {0}, plan = {0};
    for (size_t k = 0; k < s->out->n_seeds; k++) {
        add(&round, mine[k].time_s / rounds);
        add(&worker, mine[k].worker_s / rounds);
        add(&time, greedy ? mine[k].time_s / greedy[k].time_s : (double)NAN);
        add(&cost, greedy ? greedy[k].worker_s / mine[k].worker_s : (double)NAN);
        add(&beside, oracle ? mine[k].time_s / oracle[k].time_s : (double)NAN);
        add(&loss, 1 + mine[k].regret_s / mine[k].best_s);
        add(&regret, mine[k].regret_s);
        add(&explore, (double)mine[k].explored / rounds);
        add(&plan, 1e6 * mine[k].plan_s);
    }
    f->round_s = figure(&round);
    f->worker_s = figure(&worker);
    f->time_ratio = figure(&time);
    f->cost_ratio = figure(&cost);
    f->oracle_ratio = figure(&beside);
    f->loss_ratio = figure(&loss);
    f->regret_s = figure(&regret);
    f->explore_share = figure(&explore);
    f->plan_us = figure(&plan);
}

/* [n_seeds] of the policy of that name, if it is one of those that are finished. */
static const struct crew_replication_result *result_of(const struct study *s, const char *name)
{
    for (size_t p = 0; p < s->out->n_policies; p++)
        if (!strcmp(s->own->policies.name[p], name))
            return &s->result[p * s->out->n_seeds];
    return NULL;
}

static void summarise_all(struct study *s)
{
    for (size_t p = 0; p < s->out->n_policies; p++) {
        s->out->figures[p].policy = s->own->policies.name[p];
        summarise(s, &s->result[p * s->out->n_seeds], result_of(s, "greedy"),
                  result_of(s, CREW_ORACLE), &s->out->figures[p]);
    }
}

/* ---- Files ---- */

static crew_status save_profile(const struct study *s, struct crew_error *err)
{
    struct crew_profile p = {.n = s->n, .slot = crew_zalloc(s->n * sizeof *p.slot)};
    if (!p.slot)
        return crew_fail(err, CREW_ENOMEM, "no memory for the profile of %u workers", s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct crew_stats *m = &s->measured[i];
        p.slot[i] = (struct crew_profile_slot){
            .cpu = -1,
            .count = m->n,
            .mean_s = m->n ? m->mean : (double)NAN,
            .variance_s2 = m->n > 1 ? m->m2 / (double)(m->n - 1) : (double)NAN};
    }
    crew_status status = crew_profile_write(&p, s->cfg->save_profile, s->cfg->replace, err);
    crew_free(p.slot);
    return status;
}

/* Of a study that was stopped the finished curves; a profile only of a whole one. */
static crew_status write_files(const struct study *s, struct crew_error *err)
{
    if (s->cfg->curve)
        TRY(crew_curve_write(&s->curve, s->cfg->curve, s->cfg->replace, err));
    return s->cfg->save_profile && !s->out->stopped ? save_profile(s, err) : CREW_OK;
}

static void close_study(struct study *s)
{
    crew_speeds_destroy(s->speeds);
    crew_curve_free(&s->curve);
    crew_free(s->mean_s);
    crew_free(s->prior_tasks);
    crew_free(s->prior_mean_s);
    crew_free(s->measured);
    crew_free(s->earlier);
    crew_free(s->result);
}

crew_status crew_simulate(const struct crew_simulation_config *given,
                          struct crew_simulation *out, struct crew_error *err)
{
    struct crew_simulation_config cfg = *given;
    struct study s = {.cfg = &cfg, .out = out};
    *out = (struct crew_simulation){0};
    crew_status status = prepare(&s, &cfg, err);
    out->batch_tasks = cfg.batch_tasks;
    out->rounds = cfg.rounds;
    if (status == CREW_OK)
        status = simulate_all(&s, err);
    if (status == CREW_ESTOPPED) {
        out->stopped = true;
        status = CREW_OK;
    }
    out->workers = s.n;
    if (status == CREW_OK) {
        summarise_all(&s);
        status = write_files(&s, err);
    }
    close_study(&s);
    if (status != CREW_OK)
        crew_simulation_free(out);
    return status;
}

void crew_simulation_free(struct crew_simulation *s)
{
    struct own *own = s->own;
    if (own) {
        crew_policy_list_free(&own->policies);
        crew_free(own->seed);
    }
    crew_free(own);
    crew_free(s->figures);
    *s = (struct crew_simulation){0};
}
