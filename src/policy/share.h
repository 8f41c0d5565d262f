/* What the policies that plan have in common: who takes part in a round, and how its tasks are
 * spread over them, evenly or by the min-max split. Scratch is taken once, so a round allocates
 * nothing. */
#ifndef CREW_POLICY_SHARE_H
#define CREW_POLICY_SHARE_H

#include "policy/floors.h"
#include "policy/minmax.h"

struct crew_share {
    uint32_t n;      /* workers */
    uint32_t *who;   /* [n] the first m take part; what m is, the calls below say. Ascending */
    double *cost;    /* [n] costs of those who take part */
    double *scratch; /* [n] for crew_minmax_split() */
    uint64_t *part;  /* [n] quotas of those who take part */
    struct crew_minmax_bound bound; /* of crew_minmax_split_again() */
    struct crew_floors floors;
};

/* *s is zeroed first, so crew_share_close() is legal after a failure. */
CREW_CHECKED crew_status crew_share_open(struct crew_share *s, uint32_t n,
                                         struct crew_error *err);
void crew_share_close(struct crew_share *s);

/* List the available workers in s->who and return how many there are. */
uint32_t crew_share_available(struct crew_share *s, const struct crew_plan_request *rq);

/* quota [n] is all zeros at first, as plan() gets it; but nobody's who does not take part is
 * touched, unless all do. With groups, what others have in it by then counts for their floors,
 * and the tasks are enough for what is left of them. */

/* Spread the round's tasks over the m workers in s->who as evenly as whole tasks allow. The
 * remainder goes to a random subset, a function of (seed, round); s->who is left in another
 * order. With fewer tasks than workers that is one task each for a random subset. */
void crew_share_evenly(struct crew_share *s, uint32_t m, const struct crew_plan_request *rq,
                       uint64_t seed, uint64_t *quota);

/* Min-max split of the round's tasks over the m workers in s->who.
 * mean_s: [n] seconds per task by worker; > 0 for those in who */
void crew_share_by_mean(struct crew_share *s, uint32_t m, const struct crew_plan_request *rq,
                        const double *mean_s, uint64_t *quota);

/* What limit[i] comes to: no worker is kept from having all of its group's floor. */
static inline double crew_share_limit(const struct crew_plan_request *rq, const double *limit,
                                      uint32_t i)
{
    double floor = rq->group && rq->floor ? (double)rq->floor[rq->group[i]] : 0;
    return limit[i] > floor ? limit[i] : floor;
}

/* After that: who has more than limit[i] >= 1 has just that many, and the others what it
 * leaves, by the same split; some of them may then be over theirs, after a few such steps.
 * limit: [n] by worker, infinite for one of them at least. s->who is left shorter. */
void crew_share_within(struct crew_share *s, uint32_t m, const struct crew_plan_request *rq,
                       const double *mean_s, const double *limit, uint64_t *quota);

#endif
