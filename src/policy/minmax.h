/* crew_minmax_split(), round after round. */
#ifndef CREW_POLICY_MINMAX_H
#define CREW_POLICY_MINMAX_H

#include <crew/policy.h>

/* What is kept from call to call; zeroed at first. */
struct crew_minmax_bound {
    double cost, margin; /* who is dearer than cost (1 + margin) need not be looked at */
};

/* The same split, found faster where the costs are nearly those of the call before and tasks <
 * n. A wrong bound costs time, never exactness. quota is all zeros at first. */
void crew_minmax_split_again(const double *cost, uint32_t n, uint64_t tasks,
                             struct crew_minmax_bound *bound, double *scratch, uint64_t *quota);

#endif
