#include "policy/share.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"

crew_status crew_share_open(struct crew_share *s, uint32_t n, struct crew_error *err)
{
    *s = (struct crew_share){.n = n};
    if (!n)
        return crew_fail(err, CREW_EINVAL, "workers is 0, must be at least 1");
    s->who = crew_alloc(n * sizeof *s->who);
    s->cost = crew_alloc(n * sizeof *s->cost);
    s->scratch = crew_alloc(n * sizeof *s->scratch);
    s->part = crew_alloc(n * sizeof *s->part);
    if (!s->who || !s->cost || !s->scratch || !s->part ||
        crew_floors_open(&s->floors, n) != CREW_OK)
        return crew_fail(err, CREW_ENOMEM, "not enough memory to plan for %u workers", n);
    return CREW_OK;
}

void crew_share_close(struct crew_share *s)
{
    crew_free(s->who);
    crew_free(s->cost);
    crew_free(s->scratch);
    crew_free(s->part);
    crew_floors_close(&s->floors);
}

uint32_t crew_share_available(struct crew_share *s, const struct crew_plan_request *rq)
{
    uint32_t m = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        s->who[m] = i;
        m += !rq->available || rq->available[i];
    }
    return m;
}

/* Bring a random `k` of who[0..m) to its front: the first k steps of a Fisher-Yates shuffle. */
static void draw_subset(uint32_t *who, uint32_t m, uint32_t k, uint64_t seed, uint64_t round)
{
    for (uint32_t j = 0; j < k; j++) {
        uint64_t index = (round >> 32) << 32 | j; /* 64 bits of round, 32 of draw */
        double u = crew_rng_unit(seed, CREW_STREAM_POLICY, (uint32_t)round, index);
        uint32_t pick = j + (uint32_t)(u * (m - j)), swap = who[j];
        who[j] = who[pick];
        who[pick] = swap;
    }
}

static void split_by_cost(struct crew_share *s, uint32_t m, const struct crew_plan_request *rq,
                          uint64_t *quota)
{
    if (rq->group)
        crew_floors_split(&s->floors, s->who, m, rq, s->cost, quota, s->part);
    else
        crew_minmax_split(s->cost, m, rq->tasks, s->scratch, s->part);
    for (uint32_t j = 0; j < m; j++)
        quota[s->who[j]] = s->part[j];
}

/* Equal costs spread evenly, and where they are equal the order of who decides. */
static void spread_over_groups(struct crew_share *s, uint32_t m,
                               const struct crew_plan_request *rq, uint64_t seed,
                               uint64_t *quota)
{
    draw_subset(s->who, m, m, seed, rq->round);
    for (uint32_t j = 0; j < m; j++)
        s->cost[j] = 1;
    split_by_cost(s, m, rq, quota);
}

void crew_share_evenly(struct crew_share *s, uint32_t m, const struct crew_plan_request *rq,
                       uint64_t seed, uint64_t *quota)
{
    if (!m)
        return;
    if (rq->group) {
        spread_over_groups(s, m, rq, seed, quota);
        return;
    }
    uint64_t each = rq->tasks / m;
    uint32_t rest = (uint32_t)(rq->tasks % m);
    draw_subset(s->who, m, rest, seed, rq->round);
    for (uint32_t j = 0; j < m; j++)
        quota[s->who[j]] = each + (j < rest);
}

void crew_share_by_mean(struct crew_share *s, uint32_t m, const struct crew_plan_request *rq,
                        const double *mean_s, uint64_t *quota)
{
    if (m == s->n && !rq->group) {
        crew_minmax_split_again(mean_s, m, rq->tasks, &s->bound, s->scratch, quota);
        return;
    }
    if (!m)
        return;
    for (uint32_t i = 0; i < m && m == s->n; i++)
        s->who[i] = i; /* they need not have been listed */
    for (uint32_t j = 0; j < m; j++)
        s->cost[j] = mean_s[s->who[j]];
    split_by_cost(s, m, rq, quota);
}

void crew_share_within(struct crew_share *s, uint32_t m, const struct crew_plan_request *rq,
                       const double *mean_s, const double *limit, uint64_t *quota)
{
    enum { STEPS = 3 };
    struct crew_plan_request rest = *rq;
    for (int k = 0; k < STEPS; k++) {
        uint32_t within = 0;
        for (uint32_t j = 0; j < m; j++) {
            uint32_t i = s->who[j];
            double most = crew_share_limit(rq, limit, i);
            if ((double)quota[i] > most)
                rest.tasks -= quota[i] = (uint64_t)most;
            else
                s->who[within++] = i;
        }
        if (within == m)
            return;
        m = within;
        crew_share_by_mean(s, m, &rest, mean_s, quota);
    }
}
