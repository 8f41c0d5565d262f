/* What the measured task times mean: who is how fast, what a planned split gives to whom, and
 * how long a round then takes. Predictions hold the mean times constant. */
#include "base/error.h"
#include "base/mem.h"
#include "base/stats.h"
#include "study/measure_internal.h"
#include <math.h>
#include <stdlib.h>

/* Nothing else runs: 0.99 and more. A quota or a neighbour of the same weight: 0.5. */
static const double SHARED = 0.9;
static const double ERRORS = 2; /* noise strays farther one time in twenty */

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

/* Workers with one more task: `more` of n, all choices alike. The slowest of them is the i-th
 * slowest of all with probability (1 - more/n) ... (1 - more/(n-i+1)) more/(n-i). */
double crew_uniform_round_s(const double *cost, uint32_t n, uint64_t tasks, double *sorted)
{
    uint64_t each = tasks / n, more = tasks % n;
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = cost[i];
    qsort(sorted, n, sizeof *sorted, falling);
    double least = (double)each * sorted[0], expected = 0, left = 1;
    if (!more)
        return least;
    for (uint32_t i = 0; i <= n - more; i++) {
        double chance = (double)more / (double)(n - i), s = (double)(each + 1) * sorted[i];
        expected += left * chance * (s > least ? s : least);
        left *= 1 - chance;
    }
    return expected;
}

double crew_queue_round_s(const double *cost, uint32_t n, uint64_t tasks, double *free_s)
{
    double end = 0;
    for (uint32_t i = 0; i < n; i++)
        free_s[i] = 0;
    for (uint64_t t = 0; t < tasks; t++) {
        uint32_t next = 0;
        for (uint32_t i = 1; i < n; i++)
            next = free_s[i] < free_s[next] ? i : next;
        free_s[next] += cost[next];
        end = free_s[next] > end ? free_s[next] : end;
    }
    return end;
}

static double mean_s(const struct crew_bench *out, uint32_t worker, int how)
{
    return out->slot[worker].measured[CREW_GRADIENT][how].mean_s;
}

static void predict(struct crew_bench *out, const double *cost, const uint64_t *quota,
                    double *scratch)
{
    double alone = (double)INFINITY, fixed = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        double one = mean_s(out, i, out->n > 1 ? CREW_ALONE : CREW_TOGETHER); /* the same */
        alone = one < alone ? one : alone;
        double share = (double)quota[i] * cost[i];
        fixed = share > fixed ? share : fixed;
    }
    uint64_t tasks = out->batch_tasks;
    out->round[0] = (struct crew_bench_round){"one core", (double)tasks * alone};
    out->round[1] = (struct crew_bench_round){
        "uniform", crew_uniform_round_s(cost, out->n, tasks, scratch)};
    out->round[2] =
        (struct crew_bench_round){"queue", crew_queue_round_s(cost, out->n, tasks, scratch)};
    out->round[3] = (struct crew_bench_round){"fixed", fixed};
}

/* From how far the passes differ in best / cost. Each pass has both, so what slows down all
 * cores for longer than that is not counted. */
static double speed_se(const struct crew_bench *out, int how, uint32_t best, uint32_t worker)
{
    struct crew_stats passes = {0};
    for (uint32_t p = 0; p < out->passes; p++) {
        const double *cost = &out->pass_s[((size_t)p * CREW_SETTINGS + (size_t)how) * out->n];
        if (isfinite(cost[worker]) && isfinite(cost[best]))
            crew_stats_add(&passes, cost[best] / cost[worker]);
    }
    return passes.n > 1 ? crew_stats_sd(&passes) / sqrt((double)passes.n) : (double)NAN;
}

static void find_speeds(struct crew_bench *out, int how)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < out->n; i++)
        if (mean_s(out, i, how) < mean_s(out, best, how))
            best = i;
    for (uint32_t i = 0; i < out->n; i++) {
        out->slot[i].speed[how] = mean_s(out, best, how) / mean_s(out, i, how);
        out->slot[i].speed_se[how] = speed_se(out, how, best, i);
    }
}

static void judge(struct crew_bench_slot *s)
{
    for (int how = 0; how < CREW_SETTINGS; how++) { /* a clock that was not read is NaN */
        const struct crew_sampled *task = &s->measured[CREW_GRADIENT][how];
        s->shared |= task->cpu_s < SHARED * task->wall_s;
    }
    double slower = 1 - s->speed[CREW_TOGETHER];
    s->within_noise = slower > 0 && slower <= ERRORS * s->speed_se[CREW_TOGETHER];
}

static struct crew_bench_kind *row_of(struct crew_bench *out, int32_t kind)
{
    for (uint32_t k = 0; k < out->n_kinds; k++)
        if (out->kind[k].kind == kind)
            return &out->kind[k];
    struct crew_bench_kind *row = &out->kind[out->n_kinds++];
    *row = (struct crew_bench_kind){.kind = kind, .slowest = (double)INFINITY};
    return row;
}

static void group(struct crew_bench *out)
{
    out->n_kinds = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        const struct crew_bench_slot *s = &out->slot[i];
        struct crew_bench_kind *k = row_of(out, s->where.kind);
        k->slots++;
        k->parked += !s->planned;
        k->planned += s->planned;
        double speed = s->speed[CREW_ALONE];
        k->mean += (speed - k->mean) / k->slots;
        k->slowest = speed < k->slowest ? speed : k->slowest;
        k->fastest = speed > k->fastest ? speed : k->fastest;
    }
}

crew_status crew_bench_verdict(struct crew_bench *out)
{
    uint32_t n = out->n;
    double *cost = crew_alloc(n * sizeof *cost), *scratch = crew_alloc(n * sizeof *scratch);
    uint64_t *quota = crew_alloc(n * sizeof *quota);
    out->kind = crew_zalloc(n * sizeof *out->kind);
    bool whole = cost && scratch && quota && out->kind;
    for (uint32_t i = 0; whole && i < n; i++)
        cost[i] = mean_s(out, i, CREW_TOGETHER);
    if (whole) {
        crew_minmax_split(cost, n, out->batch_tasks, scratch, quota);
        for (uint32_t i = 0; i < n; i++)
            out->slot[i].planned = quota[i];
        find_speeds(out, CREW_ALONE);
        find_speeds(out, CREW_TOGETHER);
        for (uint32_t i = 0; i < n; i++)
            judge(&out->slot[i]);
        predict(out, cost, quota, scratch);
        group(out);
    }
    crew_free(cost);
    crew_free(scratch);
    crew_free(quota);
    return whole ? CREW_OK : CREW_ENOMEM;
}
