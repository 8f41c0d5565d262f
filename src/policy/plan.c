#include "base/error.h"
#include <crew/policy.h>
#include <inttypes.h>

/* The plan that nearly all are, in one pass without a branch: quotas alone, of workers that are
 * all there, and none so large that their sum could overflow. */
static bool plainly_legal(const struct crew_plan_request *rq, const struct crew_plan *plan)
{
    uint64_t sum = 0, any = 0;
    uint8_t open = 0;
    for (uint32_t i = 0; i < rq->n; i++) {
        sum += plan->quota[i];
        any |= plan->quota[i];
    }
    for (uint32_t i = 0; i < rq->n; i++)
        open |= plan->open[i] | plan->overrun[i];
    return !rq->available && !open && any <= UINT32_MAX && sum == rq->tasks;
}

crew_status crew_plan_check(const struct crew_plan_request *rq, const struct crew_plan *plan,
                            struct crew_error *err)
{
    uint64_t left = rq->tasks;
    bool someone_open = false;
    if (plainly_legal(rq, plan))
        return CREW_OK;
    for (uint32_t i = 0; i < rq->n; i++) {
        bool here = !rq->available || rq->available[i];
        if (!here && (plan->quota[i] || plan->open[i] || plan->overrun[i]))
            return crew_fail(err, CREW_EINVAL,
                             "round %" PRIu64 ": worker %" PRIu32
                             " is not available but has a share",
                             rq->round, i);
        if (plan->overrun[i] && !plan->open[i])
            return crew_fail(err, CREW_EINVAL,
                             "round %" PRIu64 ": worker %" PRIu32 " overruns but is not open",
                             rq->round, i);
        if (plan->quota[i] > left) /* not a sum that is compared: that could overflow */
            return crew_fail(err, CREW_EINVAL,
                             "round %" PRIu64 ": quotas sum to more than %" PRIu64
                             " tasks from worker %" PRIu32 " on",
                             rq->round, rq->tasks, i);
        left -= plan->quota[i];
        someone_open = someone_open || plan->open[i];
    }
    if (left && !someone_open)
        return crew_fail(err, CREW_EINVAL,
                         "round %" PRIu64 ": quotas sum to %" PRIu64 " of %" PRIu64
                         " tasks and no worker is open",
                         rq->round, rq->tasks - left, rq->tasks);
    return CREW_OK;
}
