/* How long a cache line takes from one core to another and back: two pinned workers change it
 * in turn by compare and swap. Median of samples, since an interrupt costs more than all of
 * them. */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "study/measure_internal.h"
#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { TRIPS = 500, SAMPLES = 31, LOOK = 1 << 12 };
static const double LEAST_S = 2e-3;
static const double PATIENCE = 10; /* times as long, where two busy cores never play at once */

/* ball: even, the first worker's turn; odd, the second's; END: over. Acquire and release in
 * both directions, although it carries nothing: that is what is measured. */
#define END UINT64_MAX
struct court {
    struct crew_bench_job *b;
    double until_s, over_s; /* the end with samples, and without any */
    uint32_t first;         /* worker that serves */
    uint32_t n;
    double sample_s[SAMPLES];
    alignas(CREW_PAIR) _Atomic uint64_t ball;
    char pad[CREW_PAIR - sizeof(uint64_t)];
};

double crew_bench_pair_s(const struct crew_bench_job *b)
{
    double share = b->cfg->seconds / 20;
    return share > LEAST_S ? share : LEAST_S;
}

static bool over(const struct court *c, double now)
{
    return now >= (c->n ? c->until_s : c->over_s) || crew_bench_stopped(c->b);
}

/* Change `from` into `to` once it is there; false: over, or too late. */
static bool strike(struct court *c, uint64_t from, uint64_t to, bool serves)
{
    for (uint32_t tries = 1;; tries++) {
        uint64_t seen = from;
        if (atomic_compare_exchange_weak_explicit(&c->ball, &seen, to, memory_order_acq_rel,
                                                  memory_order_acquire))
            return true;
        if (seen == END)
            return false;
        if (serves && tries % LOOK == 0 && over(c, crew_now_s()))
            return false;
    }
}

static void serve(struct court *c)
{
    uint64_t turn = 0;
    bool going = true;
    for (int warm = 1; going && c->n < SAMPLES; warm = 0) {
        double from = crew_now_s();
        for (int i = 0; i < TRIPS && going; i++, turn += 2)
            going = strike(c, turn, turn + 1, true);
        double now = crew_now_s();
        if (going && !warm)
            c->sample_s[c->n++] = (now - from) / TRIPS;
        going = going && !over(c, now);
    }
    atomic_store_explicit(&c->ball, END, memory_order_release);
}

static void play(void *self, uint32_t worker)
{
    struct court *c = self;
    if (worker == c->first) {
        serve(c);
        return;
    }
    for (uint64_t turn = 1; strike(c, turn, turn + 1, false); turn += 2)
        ;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Seconds of a round trip between two workers, NaN: none came to an end. */
static double rally(struct court *c, uint32_t first, uint32_t second)
{
    c->first = first;
    c->n = 0;
    c->until_s = crew_now_s() + crew_bench_pair_s(c->b);
    c->over_s = c->until_s + (PATIENCE - 1) * crew_bench_pair_s(c->b);
    atomic_store_explicit(&c->ball, 0,
                          memory_order_relaxed); /* published by the pool's start */
    crew_pool_start(c->b->pool, second, play, c);
    if (first)
        crew_pool_start(c->b->pool, first, play, c);
    else
        play(c, 0);
    crew_pool_wait(c->b->pool, second);
    if (first)
        crew_pool_wait(c->b->pool, first);
    qsort(c->sample_s, c->n, sizeof *c->sample_s, by_value);
    return c->n ? c->sample_s[c->n / 2] : (double)NAN;
}

crew_status crew_bench_latency_run(struct crew_bench_job *b)
{
    uint32_t n = b->out->n;
    size_t squared = (size_t)n * n;
    struct court *c = crew_zalloc(sizeof *c);
    b->out->latency_s = crew_alloc(squared * sizeof *b->out->latency_s);
    if (!c || !b->out->latency_s) {
        crew_free(c);
        return CREW_ENOMEM;
    }
    c->b = b;
    for (size_t i = 0; i < squared; i++)
        b->out->latency_s[i] = (double)NAN;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = i + 1; j < n && !crew_bench_stopped(b); j++)
            b->out->latency_s[(size_t)i * n + j] = b->out->latency_s[(size_t)j * n + i] =
                rally(c, i, j);
    crew_free(c);
    return CREW_OK;
}
