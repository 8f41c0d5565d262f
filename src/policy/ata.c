/* Adaptive Task Allocation: learn each worker's mean time while training, and give every round
 * the min-max split of optimistic estimates. Maranjyan, Saad, Richtarik, Orabona, ICML 2025,
 * arXiv:2502.00775.
 *
 * With K_i tasks and T_i seconds seen of worker i, m_i = T_i / K_i, in round k:
 *      L   = ln(2 k^2)            w_i = sqrt(L / K_i) + L / K_i
 *      ata             s_i = max(0, m_i - width alpha w_i)         alpha in seconds
 *      ata-empirical   s_i = max(0, m_i - width eta m_i w_i)       eta without unit
 * s_i is a lower confidence bound: alpha must be at least the largest sub-exponential norm of a
 * time's deviation from its mean, eta at least the largest ratio of that norm to the mean.
 * width is 2 in the paper (its first version: 4e).
 *
 * A score of 0 says that too little is known for any split: while there are such workers they
 * share the round's tasks evenly, the remainder at random. ata-empirical with width 2 leaves
 * score 0 at K_i > L / x^2, x = (sqrt(1 + 2 / eta) - 1) / 2: 7.46 L for eta = 1, 1.0 L for
 * 0.25. */
#include "base/error.h"
#include "base/mem.h"
#include "policy/policies.h"
#include "policy/share.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Two workers at a time. */
typedef double pair __attribute__((vector_size(16), may_alias));
typedef int64_t pair_of_bits __attribute__((vector_size(16)));

enum { REMARK = 96 };
static const double UNKNOWN = 1e120; /* its square is finite, and no score is above 0 */

struct settings {
    double alpha, eta, width; /* alpha 0: not given; eta 0: this is ata, not ata-empirical */
};

struct ata {
    struct crew_share share;
    uint64_t seed;
    struct settings set;
    double known;    /* alpha by the known means; 0: none are known */
    double alpha;    /* of the last plan; 0 before anything is known */
    bool exploring;  /* the last plan: somebody's score was 0 */
    double *tasks;   /* [n] K_i, in full tasks */
    double *seconds; /* [n] T_i */
    double *mean;    /* [even n] T_i / K_i; 0 where K_i is 0 */
    double *root;    /* [even n] 1 / sqrt(K_i); UNKNOWN where K_i is 0 */
    double *score;   /* [even n] s_i of the last plan */
    char *remark;    /* [REMARK] */
};

/* A real number in a range far wider than anyone needs: what it keeps out is 0 and below. */
#define REAL_SETTING(field, ...)                                                              \
    {                                                                                         \
        .name = #field, .type = CREW_OPTION_REAL, .offset = offsetof(struct settings, field), \
        .min = 1e-9, .max = 1e6, __VA_ARGS__                                                  \
    }
#define WIDTH_SETTING                                       \
    REAL_SETTING(width, .value = "2", .argument = "FACTOR", \
                 .help = "factor on the width of the confidence bounds")

static const struct crew_option ata_settings[] = {
    REAL_SETTING(
        alpha, .argument = "SECONDS",
        .help = "how far times stray from their mean; default twice the largest mean known, or "
                "seen"),
    WIDTH_SETTING,
    {.type = CREW_OPTION_END},
};

static const struct crew_option empirical_settings[] = {
    REAL_SETTING(eta, .value = "1", .argument = "RATIO",
                 .help = "how far times stray from their mean, as a multiple of it"),
    WIDTH_SETTING,
    {.type = CREW_OPTION_END},
};

static void destroy(void *self)
{
    struct ata *a = self;
    if (!a)
        return;
    crew_share_close(&a->share);
    crew_free(a->tasks);
    crew_free(a->seconds);
    crew_free(a->mean);
    crew_free(a->root);
    crew_free(a->score);
    crew_free(a->remark);
    crew_free(a);
}

/* What plan() needs of K_i and T_i: so it divides nothing. */
static void refresh(struct ata *a, uint32_t i)
{
    bool seen = a->tasks[i] > 0;
    a->mean[i] = seen ? a->seconds[i] / a->tasks[i] : 0;
    a->root[i] = seen ? 1 / sqrt(a->tasks[i]) : UNKNOWN;
}

static void start_from(struct ata *a, const struct crew_policy_config *cfg)
{
    a->mean[crew_round_up(cfg->n, 2) - 1] = 1; /* beside an odd n: a score above 0 */
    for (uint32_t i = 0; i < cfg->n; i++) {
        if (cfg->prior_tasks && cfg->prior_tasks[i] > 0) {
            a->tasks[i] = cfg->prior_tasks[i];
            a->seconds[i] = cfg->prior_tasks[i] * cfg->prior_mean_s[i];
        }
        refresh(a, i);
        if (cfg->mean_s)
            a->known = fmax(a->known, 2 * cfg->mean_s[i]);
    }
}

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err, const struct crew_option *table,
                          const char *name)
{
    struct settings set = {0};
    TRY(crew_policy_begin(cfg, name, table, &set, sizeof(struct ata), self, err));
    struct ata *a = *self;
    a->seed = cfg->seed;
    a->set = set;
    size_t even = crew_round_up(cfg->n, 2);
    crew_status status = crew_share_open(&a->share, cfg->n, err);
    if (status != CREW_OK)
        goto fail;
    a->tasks = crew_zalloc(cfg->n * sizeof *a->tasks);
    a->seconds = crew_zalloc(cfg->n * sizeof *a->seconds);
    a->mean = crew_zalloc(even * sizeof *a->mean);
    a->root = crew_zalloc(even * sizeof *a->root);
    a->score = crew_zalloc(even * sizeof *a->score);
    a->remark = crew_zalloc(REMARK);
    if (!a->tasks || !a->seconds || !a->mean || !a->root || !a->score || !a->remark) {
        status = crew_fail(err, CREW_ENOMEM, "not enough memory for %u workers", cfg->n);
        goto fail;
    }
    start_from(a, cfg);
    return CREW_OK;
fail:
    destroy(a);
    *self = NULL;
    return status;
}

static crew_status create_ata(const struct crew_policy_config *cfg, void **self,
                              struct crew_error *err)
{
    return create(cfg, self, err, ata_settings, "ata");
}

static crew_status create_empirical(const struct crew_policy_config *cfg, void **self,
                                    struct crew_error *err)
{
    return create(cfg, self, err, empirical_settings, "ata-empirical");
}

/* alpha as given, else twice the largest mean, known or seen: the paper's own choice, there
 * from true means. */
static double alpha_now(const struct ata *a)
{
    double largest = 0;
    if (a->set.alpha > 0)
        return a->set.alpha;
    if (a->known > 0)
        return a->known;
    for (uint32_t i = 0; i < a->share.n; i++)
        largest = a->mean[i] > largest ? a->mean[i] : largest;
    return 2 * largest;
}

/* All scores, at most 0 where too little is known; returns whether there is none such. */
static bool score(const double *mean_of, const double *root_of, uint32_t n, double once,
                  double twice, bool relative, double *out)
{
    const pair *mean = (const pair *)mean_of, *root = (const pair *)root_of;
    pair *s = (pair *)out;
    const pair one = {1, 1};
    pair_of_bits known = {-1, -1};
    for (size_t i = 0, pairs = ((size_t)n + 1) / 2; i < pairs; i++) {
        pair width = once * root[i] + twice * (root[i] * root[i]);
        s[i] = mean[i] - (relative ? mean[i] : one) * width;
        known &= s[i] > 0;
    }
    return known[0] & known[1];
}

/* Of the first m in who those whose score is not above 0 come to the front. Returns how many;
 * if there is none, who stays as it is. */
static uint32_t pick_unknown(const double *s, uint32_t m, uint32_t *who)
{
    uint32_t unknown = 0, first = m ? who[0] : 0;
    for (uint32_t j = 0; j < m; j++) {
        uint32_t i = who[j]; /* in place: unknown <= j */
        who[unknown] = i;
        unknown += !(s[i] > 0);
    }
    if (m && !unknown)
        who[0] = first;
    return unknown;
}

/* The unknown ones share all but what groups without any of them must have. */
static void share_groups(struct ata *a, uint32_t unknown, const struct crew_plan_request *rq,
                         uint64_t *quota)
{
    struct crew_plan_request part;
    uint32_t m = 0;
    crew_floors_first(&a->share.floors, a->share.who, unknown, rq->tasks, rq->tasks, rq, &part);
    crew_share_evenly(&a->share, unknown, &part, a->seed, quota);
    uint64_t rest = rq->tasks - part.tasks;
    for (uint32_t i = 0; i < a->share.n; i++) {
        a->share.who[m] = i;
        m += (!rq->available || rq->available[i]) && a->score[i] > 0;
    }
    part = *rq;
    part.tasks = rest;
    if (rest)
        crew_share_by_mean(&a->share, m, &part, a->score, quota);
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    struct ata *a = self;
    double k = (double)rq->round, L = log(2 * k * k), eta = a->set.eta;
    if (eta == 0)
        a->alpha = alpha_now(a);
    double wide = a->set.width * (eta > 0 ? eta : a->alpha);
    uint32_t n = a->share.n, unknown = 0, m = n;
    bool known = score(a->mean, a->root, n, wide * sqrt(L), wide * L, eta > 0, a->score);
    if (rq->available || !known) {
        m = crew_share_available(&a->share, rq);
        unknown = pick_unknown(a->score, m, a->share.who);
    }
    a->exploring = unknown > 0;
    if (unknown && rq->group)
        share_groups(a, unknown, rq, out->quota);
    else if (unknown)
        crew_share_evenly(&a->share, unknown, rq, a->seed, out->quota);
    else
        crew_share_by_mean(&a->share, m, rq, a->score, out->quota);
}

static bool exploring(const void *self)
{
    return ((const struct ata *)self)->exploring;
}

/* A short last task counts as the part of a full task that it is: means stay seconds per full
 * task, and are trusted by the work behind them. A first task on a cold core and a sleep of the
 * machine say nothing of the next round. What was dropped was cut short, so it would bias the
 * mean downwards. */
static void observe(void *self, const struct crew_timing *t, size_t n_timings)
{
    struct ata *a = self;
    for (size_t j = 0; j < n_timings; j++) {
        uint32_t i = t[j].worker;
        if (t[j].kept && !(t[j].flags & (CREW_WARM_UP | CREW_SUSPENDED))) {
            a->tasks[i] += t[j].work;
            a->seconds[i] += t[j].seconds;
        }
        if (j + 1 == n_timings || t[j + 1].worker != i)
            refresh(a, i);
    }
}

/* State: K_i of all workers, then T_i. */
static size_t save(const void *self, double *out, size_t cap)
{
    const struct ata *a = self;
    size_t n = a->share.n;
    for (size_t i = 0; i < 2 * n && i < cap; i++)
        out[i] = i < n ? a->tasks[i] : a->seconds[i - n];
    return 2 * n;
}

static crew_status load(void *self, const double *in, size_t n_numbers)
{
    struct ata *a = self;
    size_t n = a->share.n;
    if (n_numbers != 2 * n)
        return CREW_EFORMAT;
    for (size_t i = 0; i < n; i++)
        if (!(in[i] >= 0 && in[n + i] >= 0 && isfinite(in[i]) && isfinite(in[n + i])) ||
            (in[i] > 0) != (in[n + i] > 0))
            return CREW_EFORMAT;
    memcpy(a->tasks, in, n * sizeof *in);
    memcpy(a->seconds, in + n, n * sizeof *in);
    for (uint32_t i = 0; i < n; i++)
        refresh(a, i);
    return CREW_OK;
}

static const char *remark(const void *self)
{
    const struct ata *a = self;
    if (a->set.alpha > 0 || a->known > 0 || a->alpha == 0)
        return NULL;
    snprintf(a->remark, REMARK, "alpha is %.3g s, twice the largest mean seen", a->alpha);
    return a->remark;
}

const struct crew_policy_ops crew_policy_ata = {
    .abi = CREW_POLICY_ABI,
    .name = "ata",
    .summary = "learns the times; bounds from a known spread in seconds",
    .settings = ata_settings,
    .create = create_ata,
    .plan = plan,
    .observe = observe,
    .save = save,
    .load = load,
    .remark = remark,
    .destroy = destroy,
    .exploring = exploring,
};

const struct crew_policy_ops crew_policy_ata_empirical = {
    .abi = CREW_POLICY_ABI,
    .name = "ata-empirical",
    .summary = "learns the times; bounds in proportion to each worker's mean",
    .settings = empirical_settings,
    .create = create_empirical,
    .plan = plan,
    .observe = observe,
    .save = save,
    .load = load,
    .destroy = destroy,
    .exploring = exploring,
};
