/* Two accounts earn `explore` of every round, of its length and of all workers' time, and pay
 * for what a retry took: how much longer than the round was planned, and its seconds. So over a
 * run retries cost no more than that share, and what one of them takes beyond what was
 * expected.
 *
 * Whose turn it is: the longest wait, in units of the worker's task, in its better days if it
 * had some: they may be back. Who was tried a single time may have met an outlier: its task is
 * taken to be at most two rounds long. */
#include "policy/retry.h"
#include <math.h>

/* What a task of worker i may take, going by that mean. */
static double may_take(const struct crew_retry_view *v, uint32_t i, double mean_s,
                       double round_s)
{
    return v->lone[i] ? fmin(mean_s, 2 * round_s) : mean_s;
}

static bool is_parked(const struct crew_retry_view *v, const struct crew_plan_request *rq,
                      const uint64_t *quota, uint32_t i)
{
    return !quota[i] && v->mean_s[i] > 0 && (!rq->available || rq->available[i]);
}

static uint32_t longest_wait(const struct crew_retry_view *v,
                             const struct crew_plan_request *rq, const uint64_t *quota,
                             double round_s)
{
    uint32_t found = CREW_NOBODY;
    double most = -HUGE_VAL;
    for (uint32_t i = 0; i < rq->n; i++) {
        if (!is_parked(v, rq, quota, i))
            continue;
        double wait = ((double)rq->round - v->tried[i]) / may_take(v, i, v->hope_s[i], round_s);
        if (wait > most) {
            most = wait;
            found = i;
        }
    }
    return found;
}

void crew_retry_plan(struct crew_retry *r, const struct crew_retry_view *view,
                     const struct crew_plan_request *rq, const struct crew_outlook *o,
                     uint64_t *quota)
{
    if (r->explore <= 0 || o->busiest == CREW_NOBODY)
        return;
    if (r->next == CREW_NOBODY || !is_parked(view, rq, quota, r->next))
        r->next = longest_wait(view, rq, quota, o->longest_s);
    if (r->next == CREW_NOBODY)
        return;
    double s = may_take(view, r->next, view->mean_s[r->next], o->longest_s);
    if (o->cut)
        s = fmin(s, o->longest_s);
    r->time_s = fmin(r->time_s + r->explore * o->longest_s, 2 * s);
    r->worker_s = fmin(r->worker_s + r->explore * o->sum_s, 2 * s);
    if (r->time_s < fmax(s - o->longest_s, 0) || r->worker_s < s)
        return;
    quota[o->busiest]--;
    quota[r->next]++;
    r->planned_s = o->longest_s;
    r->who = r->next;
    r->next = CREW_NOBODY;
}

void crew_retry_pay(struct crew_retry *r, double took_s)
{
    r->time_s -= fmax(took_s - r->planned_s, 0);
    r->worker_s -= took_s;
}
