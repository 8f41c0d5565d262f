/* Whoever gets no tasks makes no news. So it is tried again now and then, for a share of the
 * time and of the workers' time that is set beforehand. */
#ifndef CREW_POLICY_RETRY_H
#define CREW_POLICY_RETRY_H

#include <crew/policy.h>

#define CREW_NOBODY UINT32_MAX

struct crew_retry {
    double explore; /* share of every round that goes to the accounts */
    double time_s,
        worker_s;     /* the accounts; below 0 after a retry that took longer than expected */
    uint32_t next;    /* whose turn it is, or CREW_NOBODY: to be found */
    uint32_t who;     /* is tried again in this round, or CREW_NOBODY */
    double planned_s; /* what the round was to take without it */
};

/* What is known of the workers, [n] each. */
struct crew_retry_view {
    const double *mean_s; /* 0: not known: not tried again */
    const double *hope_s; /* the mean, or the one of better days */
    const double *tried;  /* last round with a task */
    const bool *lone;     /* the mean is that of one task */
};

/* A plan by the means: its length, all workers' time, who is done last. */
struct crew_outlook {
    double longest_s, sum_s;
    uint32_t busiest; /* of those who may give a task away; CREW_NOBODY: nobody may */
    bool cut;         /* when the round ends, so does every task */
};

/* Take a task from the busiest worker for the one whose turn it is, if the accounts allow it.
 */
void crew_retry_plan(struct crew_retry *r, const struct crew_retry_view *view,
                     const struct crew_plan_request *rq, const struct crew_outlook *o,
                     uint64_t *quota);
/* The retry took so long. */
void crew_retry_pay(struct crew_retry *r, double took_s);

#endif
