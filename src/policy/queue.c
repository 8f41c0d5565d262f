/* One queue for all: a free worker takes the next task, nothing is planned and nothing dropped.
 * What OpenMP's dynamic schedule and task pools do, and the rival of every plan: hard to beat
 * with many small tasks, poor with few and large ones, where the last task often lands on a
 * slow core. */
#include "base/error.h"
#include "policy/policies.h"

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    *self = NULL; /* no state */
    TRY(crew_policy_check_groups(cfg, "queue", err));
    return crew_option_settings(crew_policy_no_settings, cfg->settings, "policy queue", NULL,
                                err);
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    (void)self;
    for (uint32_t i = 0; i < rq->n; i++) {
        out->quota[i] = 0;
        out->open[i] = !rq->available || rq->available[i];
    }
}

static void destroy(void *self)
{
    (void)self;
}

const struct crew_policy_ops crew_policy_queue = {
    .abi = CREW_POLICY_ABI,
    .name = "queue",
    .summary = "a free worker takes the next task from one queue",
    .create = create,
    .plan = plan,
    .destroy = destroy,
};
