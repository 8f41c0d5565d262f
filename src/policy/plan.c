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
    return !rq->available && !rq->group && !open && any <= UINT32_MAX && sum == rq->tasks;
}

/* Of a plan that is legal otherwise: so the sums are at most B. */
static crew_status check_groups(const struct crew_plan_request *rq,
                                const struct crew_plan *plan, struct crew_error *err)
{
    enum { AT_ONCE = 256 };
    for (uint32_t first = 0; rq->floor && first < rq->groups; first += AT_ONCE) {
        uint64_t sum[AT_ONCE] = {0};
        bool here[AT_ONCE] = {false};
        for (uint32_t i = 0; i < rq->n; i++) {
            uint32_t g = rq->group[i] - first; /* wraps below first */
            if (g < AT_ONCE) {
                sum[g] += plan->quota[i];
                here[g] |= !rq->available || rq->available[i];
            }
        }
        for (uint32_t g = 0; g < AT_ONCE && g < rq->groups - first; g++)
            if (here[g] && sum[g] < rq->floor[first + g])
                return crew_fail(err, CREW_EINVAL,
                                 "round %" PRIu64 ": shard %" PRIu32 " gets %" PRIu64
                                 " tasks, must get %" PRIu64 " at least",
                                 rq->round, first + g, sum[g], rq->floor[first + g]);
    }
    return CREW_OK;
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
        if (plan->open[i] && rq->group)
            return crew_fail(err, CREW_EINVAL,
                             "round %" PRIu64 ": worker %" PRIu32
                             " is open, but a task from the queue would be of no shard",
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
    return rq->group ? check_groups(rq, plan, err) : CREW_OK;
}
