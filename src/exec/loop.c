#include "exec/loop.h"
#include "base/error.h"
#include "base/mem.h"
#include <string.h>

crew_status crew_loop_init(struct crew_loop *l, uint32_t n)
{
    l->request.n = n;
    l->plan.quota = crew_zalloc(n * sizeof *l->plan.quota);
    l->plan.open = crew_zalloc(n * sizeof *l->plan.open);
    l->plan.overrun = crew_zalloc(n * sizeof *l->plan.overrun);
    return l->plan.quota && l->plan.open && l->plan.overrun ? CREW_OK : CREW_ENOMEM;
}

void crew_loop_free(struct crew_loop *l)
{
    crew_free(l->plan.quota);
    crew_free(l->plan.open);
    crew_free(l->plan.overrun);
}

crew_status crew_loop_plan(struct crew_loop *l, uint64_t round, uint64_t tasks,
                           struct crew_error *err)
{
    uint32_t n = l->request.n;
    l->request.round = round;
    l->request.tasks = tasks;
    memset(l->plan.quota, 0, n * sizeof *l->plan.quota);
    memset(l->plan.open, 0, n * sizeof *l->plan.open);
    memset(l->plan.overrun, 0, n * sizeof *l->plan.overrun);
    l->policy->plan(l->policy_self, &l->request, &l->plan);
    l->drops = memchr(l->plan.overrun, true, n * sizeof *l->plan.overrun) != NULL;
    struct crew_error why;
    crew_status status = crew_plan_check(&l->request, &l->plan, &why);
    return status == CREW_OK
               ? CREW_OK
               : crew_fail(err, status, "policy %s: %s", l->policy->name, why.text);
}

crew_status crew_loop_run(struct crew_loop *l, uint64_t seed, uint32_t spare,
                          const double *work, const struct crew_work *run)
{
    struct crew_round in = {
        .seed = seed,
        .round = l->request.round,
        .tasks = (uint32_t)l->request.tasks,
        .spare = l->drops ? spare : 0,
        .plan = &l->plan,
        .work = work,
        .run = run,
    };
    l->outcome.available = NULL; /* an executor may know nothing of it */
    crew_status status = l->executor->run_round(l->executor_self, &in, &l->outcome);
    l->request.available = l->outcome.available;
    return status;
}

void crew_loop_observe(struct crew_loop *l)
{
    if (l->policy->observe)
        l->policy->observe(l->policy_self, l->outcome.timing, l->outcome.n_timings);
}
