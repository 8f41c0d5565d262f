/* The round's tasks where workers are in groups, and each group gets so many at least
 * (crew_plan_request.group, .floor). Groups that have no available worker are left out: whoever
 * reads a plan must do without their tasks. */
#ifndef CREW_POLICY_FLOORS_H
#define CREW_POLICY_FLOORS_H

#include <crew/policy.h>

struct crew_floors {
    uint32_t n;
    uint64_t *least; /* [n] by group: what its floor lacks; then seats of who[j] */
    uint64_t *part;  /* [n] splits of the floors */
    uint64_t *first; /* [n] floors of who comes first */
    uint32_t *start; /* [n + 1] of each group in order */
    uint32_t *order; /* [n] 0..m-1 by the group of who[j] */
    double *cost;    /* [n] in that order */
    double *scratch; /* [3 n] for crew_minmax_split_from() */
};

/* *f is zeroed first, so crew_floors_close() is legal after a failure. CREW_ENOMEM. */
CREW_CHECKED crew_status crew_floors_open(struct crew_floors *f, uint32_t n);
void crew_floors_close(struct crew_floors *f);

/* Min-max split of rq->tasks over who[0..m), m >= 1, where what all others have in quota [n]
 * counts for their groups. Tasks are enough for what the floors of who's groups then lack.
 * cost: [m] of who[j]; part: [m] out, tasks of who[j]. O(n) */
void crew_floors_split(struct crew_floors *f, const uint32_t *who, uint32_t m,
                       const struct crew_plan_request *rq, const double *cost, uint64_t *quota,
                       uint64_t *part);

/* who[0..m) are to get `wanted` of rq's tasks before the other available workers: as many of
 * them as keep all floors, if they get `each` at most where others of their group can have what
 * is left. *out: the request for them, whose floors belong to f until the next call. O(n) */
void crew_floors_first(struct crew_floors *f, const uint32_t *who, uint32_t m, uint64_t wanted,
                       uint64_t each, const struct crew_plan_request *rq,
                       struct crew_plan_request *out);

/* Whose tasks last longest of those whose group has more tasks than its floor; UINT32_MAX:
 * nobody's. mean_s: [n] */
uint32_t crew_floors_giver(struct crew_floors *f, const struct crew_plan_request *rq,
                           const double *mean_s, const uint64_t *quota);

#endif
