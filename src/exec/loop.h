/* The part of a round that needs no model: plan, run, observe. Shared by trainer and
 * simulation. */
#ifndef CREW_EXEC_LOOP_H
#define CREW_EXEC_LOOP_H

#include <crew/executor.h>
#include <crew/policy.h>

struct crew_loop {
    const struct crew_policy_ops *policy;
    void *policy_self;
    const struct crew_executor_ops *executor;
    void *executor_self;
    struct crew_plan_request request;
    struct crew_plan plan;
    bool drops; /* the plan lets somebody overrun: results may be dropped */
    struct crew_outcome outcome;
};

/* n workers. Policy and executor are set by the caller, borrowed. CREW_ENOMEM. */
CREW_CHECKED crew_status crew_loop_init(struct crew_loop *l, uint32_t n);
void crew_loop_free(struct crew_loop *l);

/* Who does how much of this round's tasks. CREW_EINVAL: the policy made an illegal plan. */
CREW_CHECKED crew_status crew_loop_plan(struct crew_loop *l, uint64_t round, uint64_t tasks,
                                        struct crew_error *err);
/* Carry it out; see struct crew_round. */
CREW_CHECKED crew_status crew_loop_run(struct crew_loop *l, uint64_t seed, uint32_t spare,
                                       const double *work, const struct crew_work *run);
/* The policy learns. */
void crew_loop_observe(struct crew_loop *l);

#endif
