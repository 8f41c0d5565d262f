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

enum { REMARK = 96 };

struct settings {
    double alpha, eta, width; /* alpha 0: not given; eta 0: this is ata, not ata-empirical */
};

struct ata {
    struct crew_share share;
    uint64_t seed;
    struct settings set;
    double alpha;    /* of the last plan; 0 before anything is known */
    double *tasks;   /* [n] K_i, in full tasks */
    double *seconds; /* [n] T_i */
    double *score;   /* [n] s_i of the last plan */
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
        .help = "how far times stray from their mean; default twice the largest mean seen"),
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
    crew_free(a->score);
    crew_free(a->remark);
    crew_free(a);
}

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err, const struct crew_option *table,
                          const char *what)
{
    *self = NULL;
    struct settings set = {0};
    crew_option_defaults(table, &set);
    TRY(crew_option_settings(table, cfg->settings, what, &set, err));
    struct ata *a = crew_zalloc(sizeof *a);
    if (!a)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for %s", what);
    a->seed = cfg->seed;
    a->set = set;
    crew_status status = crew_share_open(&a->share, cfg->n, err);
    if (status != CREW_OK)
        goto fail;
    a->tasks = crew_zalloc(cfg->n * sizeof *a->tasks);
    a->seconds = crew_zalloc(cfg->n * sizeof *a->seconds);
    a->score = crew_zalloc(cfg->n * sizeof *a->score);
    a->remark = crew_zalloc(REMARK);
    if (!a->tasks || !a->seconds || !a->score || !a->remark) {
        status = crew_fail(err, CREW_ENOMEM, "not enough memory for %u workers", cfg->n);
        goto fail;
    }
    *self = a;
    return CREW_OK;
fail:
    destroy(a);
    return status;
}

static crew_status create_ata(const struct crew_policy_config *cfg, void **self,
                              struct crew_error *err)
{
    return create(cfg, self, err, ata_settings, "policy ata");
}

static crew_status create_empirical(const struct crew_policy_config *cfg, void **self,
                                    struct crew_error *err)
{
    return create(cfg, self, err, empirical_settings, "policy ata-empirical");
}

/* alpha as given, else twice the largest mean: the paper's own choice, there from true means.
 */
static double alpha_now(const struct ata *a)
{
    if (a->set.alpha > 0)
        return a->set.alpha;
    double largest = 0;
    for (uint32_t i = 0; i < a->share.n; i++)
        if (a->seconds[i] > largest * a->tasks[i])
            largest = a->seconds[i] / a->tasks[i];
    return 2 * largest;
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    struct ata *a = self;
    uint32_t m = crew_share_available(&a->share, rq), *who = a->share.who, unknown = 0;
    double k = (double)rq->round, L = log(2 * k * k), eta = a->set.eta;
    if (eta == 0)
        a->alpha = alpha_now(a);
    for (uint32_t j = 0; j < m; j++) {
        uint32_t i = who[j];
        a->score[i] = 0;
        if (a->tasks[i] > 0) {
            double mean = a->seconds[i] / a->tasks[i], few = L / a->tasks[i];
            double stray = eta > 0 ? eta * mean : a->alpha;
            a->score[i] = mean - a->set.width * stray * (sqrt(few) + few);
        }
        if (!(a->score[i] > 0))
            who[unknown++] = i; /* in place: unknown <= j. If none is, who stays as it is */
    }
    if (unknown)
        crew_share_evenly(&a->share, unknown, rq, a->seed, out->quota);
    else
        crew_share_by_mean(&a->share, m, rq, a->score, out->quota);
}

/* A short last task counts as the part of a full task that it is: means stay seconds per full
 * task, and are trusted by the work behind them. A first task on a cold core and a sleep of the
 * machine say nothing of the next round. What was dropped was cut short, so it would bias the
 * mean downwards. */
static void observe(void *self, const struct crew_timing *t, size_t n_timings)
{
    struct ata *a = self;
    for (size_t j = 0; j < n_timings; j++) {
        if (!t[j].kept || t[j].flags & (CREW_WARM_UP | CREW_SUSPENDED))
            continue;
        a->tasks[t[j].worker] += t[j].work;
        a->seconds[t[j].worker] += t[j].seconds;
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
    return CREW_OK;
}

static const char *remark(const void *self)
{
    const struct ata *a = self;
    if (a->set.alpha > 0 || a->alpha == 0)
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
};
