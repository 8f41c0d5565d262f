#include "policy/floors.h"
#include "base/mem.h"
#include <string.h>

crew_status crew_floors_open(struct crew_floors *f, uint32_t n)
{
    *f = (struct crew_floors){.n = n};
    f->least = crew_alloc(n * sizeof *f->least);
    f->part = crew_alloc(n * sizeof *f->part);
    f->first = crew_alloc(n * sizeof *f->first);
    f->start = crew_alloc(((size_t)n + 1) * sizeof *f->start);
    f->order = crew_alloc(n * sizeof *f->order);
    f->cost = crew_alloc(n * sizeof *f->cost);
    f->scratch = crew_alloc(3 * (size_t)n * sizeof *f->scratch);
    bool all = f->least && f->part && f->first && f->start && f->order && f->cost && f->scratch;
    return all ? CREW_OK : CREW_ENOMEM;
}

void crew_floors_close(struct crew_floors *f)
{
    crew_free(f->least);
    crew_free(f->part);
    crew_free(f->first);
    crew_free(f->start);
    crew_free(f->order);
    crew_free(f->cost);
    crew_free(f->scratch);
}

static uint64_t floor_of(const struct crew_plan_request *rq, uint32_t g)
{
    return rq->floor ? rq->floor[g] : 0;
}

/* What each group's floor lacks, to f->least [groups]. */
static void find_lacking(struct crew_floors *f, const struct crew_plan_request *rq,
                         const uint64_t *quota)
{
    for (uint32_t g = 0; g < rq->groups; g++)
        f->least[g] = floor_of(rq, g);
    for (uint32_t i = 0; i < rq->n; i++) {
        uint64_t *lacks = &f->least[rq->group[i]];
        *lacks -= quota[i] < *lacks ? quota[i] : *lacks;
    }
}

/* A counting sort; f->start[g] becomes the end of group g. */
static void sort_by_group(struct crew_floors *f, const uint32_t *who, uint32_t m,
                          const struct crew_plan_request *rq)
{
    memset(f->start, 0, ((size_t)rq->groups + 1) * sizeof *f->start);
    for (uint32_t j = 0; j < m; j++)
        f->start[rq->group[who[j]] + 1]++;
    for (uint32_t g = 0; g < rq->groups; g++)
        f->start[g + 1] += f->start[g];
    for (uint32_t j = 0; j < m; j++)
        f->order[f->start[rq->group[who[j]]]++] = j;
}

/* First every floor among its group's workers: these tasks they have in any case. */
void crew_floors_split(struct crew_floors *f, const uint32_t *who, uint32_t m,
                       const struct crew_plan_request *rq, const double *cost, uint64_t *quota,
                       uint64_t *part)
{
    for (uint32_t j = 0; j < m; j++)
        quota[who[j]] = 0;
    find_lacking(f, rq, quota);
    sort_by_group(f, who, m, rq);
    for (uint32_t j = 0; j < m; j++)
        f->cost[j] = cost[f->order[j]];
    for (uint32_t g = 0, begin = 0; g < rq->groups; begin = f->start[g++])
        if (begin < f->start[g])
            crew_minmax_split(f->cost + begin, f->start[g] - begin, f->least[g], f->scratch,
                              f->part + begin);
    for (uint32_t j = 0; j < m; j++)
        f->least[f->order[j]] = f->part[j];
    crew_minmax_split_from(cost, m, rq->tasks, f->least, f->scratch, part);
}

/* Of a floor F, where u of who and others are in the group, the first get min(F, u each) at
 * least, and all of F where there are no others; the rest of F is kept for the others. */
void crew_floors_first(struct crew_floors *f, const uint32_t *who, uint32_t m, uint64_t wanted,
                       uint64_t each, const struct crew_plan_request *rq,
                       struct crew_plan_request *out)
{
    uint64_t need = 0, kept = 0;
    *out = *rq;
    out->floor = f->first;
    memset(f->least, 0, rq->groups * sizeof *f->least); /* u */
    memset(f->start, 0, rq->groups * sizeof *f->start); /* available ones */
    for (uint32_t i = 0; i < rq->n; i++)
        f->start[rq->group[i]] += !rq->available || rq->available[i];
    for (uint32_t j = 0; j < m; j++)
        f->least[rq->group[who[j]]]++;
    for (uint32_t g = 0; g < rq->groups; g++) {
        uint64_t floor = f->start[g] ? floor_of(rq, g) : 0, u = f->least[g], first = floor;
        if (floor && u < f->start[g] && (!u || each <= (floor - 1) / u)) /* u each < F */
            first = u * each;
        f->first[g] = first;
        need += first;
        kept += floor - first;
    }
    wanted = wanted > need ? wanted : need;
    out->tasks = wanted < rq->tasks - kept ? wanted : rq->tasks - kept;
}

uint32_t crew_floors_giver(struct crew_floors *f, const struct crew_plan_request *rq,
                           const double *mean_s, const uint64_t *quota)
{
    uint32_t giver = UINT32_MAX;
    double longest = 0;
    uint64_t *sum = f->least;
    memset(sum, 0, rq->groups * sizeof *sum);
    for (uint32_t i = 0; i < rq->n; i++)
        sum[rq->group[i]] += quota[i];
    for (uint32_t i = 0; i < rq->n; i++) {
        double s = (double)quota[i] * mean_s[i];
        if (s > longest && sum[rq->group[i]] > floor_of(rq, rq->group[i])) {
            longest = s;
            giver = i;
        }
    }
    return giver;
}
