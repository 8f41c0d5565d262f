/* Everybody computes all the time; the first B gradients count, what is unfinished then is
 * dropped and all start afresh at the new parameters: the GTA of the ATA paper (Maranjyan et
 * al., ICML 2025, arXiv:2502.00775), Rennala SGD of Tyurin and Richtarik, NeurIPS 2023. The
 * shortest rounds, the most work; which gradients count depends on timing, so weights are not
 * the same bits in every run. */
#include "base/error.h"
#include "policy/policies.h"

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    *self = NULL; /* no state */
    TRY(crew_policy_check_groups(cfg, "greedy", err));
    return crew_option_settings(crew_policy_no_settings, cfg->settings, "policy greedy", NULL,
                                err);
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    (void)self;
    for (uint32_t i = 0; i < rq->n; i++) {
        out->quota[i] = 0;
        out->open[i] = out->overrun[i] = !rq->available || rq->available[i];
    }
}

static void destroy(void *self)
{
    (void)self;
}

const struct crew_policy_ops crew_policy_greedy = {
    .abi = CREW_POLICY_ABI,
    .name = "greedy",
    .summary = "everybody computes until the first B results are in, the rest is dropped",
    .create = create,
    .plan = plan,
    .destroy = destroy,
};
