/* The exact min-max split, for fewer and for more tasks than workers. Yardstick: what anybody
 * has to do who does not know the costs yet, one pass over them: the sum of 1 / cost. Costs lie
 * within a factor of 100 of each other. */
#include "base/rng.h"
#include "bench.h"
#include "policy/minmax.h"
#include <math.h>

enum { WANDERS = 8 };

struct rig {
    uint32_t n;
    uint64_t tasks;
    double *cost[WANDERS]; /* [n] each, within 0.1 % of each other */
    unsigned turn;
    struct crew_minmax_bound bound;
    double *scratch;
    uint64_t *quota;
    double sum;
};

static void one_pass(void *self)
{
    struct rig *r = self;
    const double *cost = r->cost[0];
    double a[4] = {0}; /* they do not wait for each other */
    uint32_t i = 0;
    for (; i + 4 <= r->n; i += 4)
        for (uint32_t j = 0; j < 4; j++)
            a[j] += 1 / cost[i + j];
    for (; i < r->n; i++)
        a[0] += 1 / cost[i];
    r->sum = a[0] + a[1] + a[2] + a[3];
    __asm__("" ::"g"(&r->sum) : "memory");
}

static void split(void *self)
{
    struct rig *r = self;
    crew_minmax_split(r->cost[0], r->n, r->tasks, r->scratch, r->quota);
}

static void split_again(void *self)
{
    struct rig *r = self;
    crew_minmax_split_again(r->cost[++r->turn % WANDERS], r->n, r->tasks, &r->bound, r->scratch,
                            r->quota);
}

static void *take(size_t n)
{
    void *p = crew_zalloc(n * sizeof(double));
    if (!p)
        exit(1);
    return p;
}

static void measure(const struct bench_report *report, uint32_t n, uint64_t fewer)
{
    struct rig few = {.n = n, .tasks = fewer, .scratch = take(n), .quota = take(n)}, many;
    char group[64];
    for (uint32_t w = 0; w < WANDERS; w++) {
        few.cost[w] = take(n);
        for (uint32_t i = 0; i < n; i++)
            few.cost[w][i] = pow(100, crew_rng_unit(1, CREW_STREAM_TEST, 0, i)) *
                             (1 + 0.001 * crew_rng_unit(1, CREW_STREAM_TEST, 1 + w, i));
    }
    many = few;
    many.tasks = 10 * (uint64_t)n;
    struct bench b[] = {{.name = "the sum of 1 / cost", .run = one_pass, .self = &few},
                        {.name = "B < n", .run = split, .self = &few},
                        {.name = "B < n, the costs wander", .run = split_again, .self = &few},
                        {.name = "B = 10 n", .run = split, .self = &many}};
    bench_run(b, 4);
    snprintf(group, sizeof group, "n = %u, B = %llu and %llu", n, (unsigned long long)fewer,
             (unsigned long long)many.tasks);
    bench_rows(report, group, b, 4);
    for (uint32_t w = 0; w < WANDERS; w++)
        crew_free(few.cost[w]);
    crew_free(few.scratch);
    crew_free(few.quota);
}

int main(void)
{
    struct bench_report report;
    bench_begin(&report, "minmax", "the exact min-max split");
    measure(&report, 2, 1);
    measure(&report, 64, 23);
    measure(&report, 1000, 100);
    measure(&report, 1000000, 100000);
    bench_end(&report);
    return 0;
}
