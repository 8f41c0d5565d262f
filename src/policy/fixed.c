/* The min-max split of known means, the same every round: the OFTA of the ATA paper (Maranjyan
 * et al., ICML 2025, arXiv:2502.00775). For speeds that were measured before, and as the mark
 * that ata should reach. */
#include "base/error.h"
#include "base/mem.h"
#include "policy/policies.h"
#include "policy/share.h"
#include <math.h>
#include <string.h>

struct fixed {
    struct crew_share share;
    double *mean_s; /* [n] */
};

static void destroy(void *self)
{
    struct fixed *f = self;
    if (!f)
        return;
    crew_share_close(&f->share);
    crew_free(f->mean_s);
    crew_free(f);
}

static crew_status check_means(const struct crew_policy_config *cfg, struct crew_error *err)
{
    if (!cfg->mean_s)
        return crew_fail(err, CREW_EINVAL,
                         "policy fixed needs the mean seconds per task (--times)");
    for (uint32_t i = 0; i < cfg->n; i++)
        if (!(cfg->mean_s[i] > 0) || isinf(cfg->mean_s[i]))
            return crew_fail(
                err, CREW_EINVAL,
                "policy fixed: the mean seconds of worker %u are %g, must be above 0", i,
                cfg->mean_s[i]);
    return CREW_OK;
}

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    *self = NULL;
    TRY(crew_option_settings(crew_policy_no_settings, cfg->settings, "policy fixed", NULL,
                             err));
    TRY(check_means(cfg, err));
    struct fixed *f = crew_zalloc(sizeof *f);
    if (!f)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for policy fixed");
    crew_status status = crew_share_open(&f->share, cfg->n, err);
    if (status != CREW_OK)
        goto fail;
    f->mean_s = crew_alloc(cfg->n * sizeof *f->mean_s);
    if (!f->mean_s) {
        status = crew_fail(err, CREW_ENOMEM, "not enough memory for %u workers", cfg->n);
        goto fail;
    }
    memcpy(f->mean_s, cfg->mean_s, cfg->n * sizeof *f->mean_s);
    *self = f;
    return CREW_OK;
fail:
    destroy(f);
    return status;
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    struct fixed *f = self;
    uint32_t m = crew_share_available(&f->share, rq);
    crew_share_by_mean(&f->share, m, rq, f->mean_s, out->quota);
}

const struct crew_policy_ops crew_policy_fixed = {
    .abi = CREW_POLICY_ABI,
    .name = "fixed",
    .summary = "the min-max split of known mean times, the same every round",
    .create = create,
    .plan = plan,
    .destroy = destroy,
};
