/* The same number of tasks for everybody: what a static OpenMP loop or an MPI rank does, and
 * the UTA of the ATA paper (Maranjyan et al., ICML 2025, arXiv:2502.00775). Waits for the
 * slowest worker. */
#include "base/error.h"
#include "base/mem.h"
#include "policy/policies.h"
#include "policy/share.h"

struct uniform {
    struct crew_share share;
    uint64_t seed;
};

static void destroy(void *self)
{
    struct uniform *u = self;
    if (!u)
        return;
    crew_share_close(&u->share);
    crew_free(u);
}

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    TRY(crew_policy_begin(cfg, "uniform", crew_policy_no_settings, NULL, sizeof(struct uniform),
                          self, err));
    struct uniform *u = *self;
    u->seed = cfg->seed;
    crew_status status = crew_share_open(&u->share, cfg->n, err);
    if (status != CREW_OK) {
        destroy(u);
        *self = NULL;
    }
    return status;
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    struct uniform *u = self;
    uint32_t m = crew_share_available(&u->share, rq);
    crew_share_evenly(&u->share, m, rq, u->seed, out->quota);
}

const struct crew_policy_ops crew_policy_uniform = {
    .abi = CREW_POLICY_ABI,
    .name = "uniform",
    .summary = "the same number of tasks for every worker",
    .create = create,
    .plan = plan,
    .destroy = destroy,
};
