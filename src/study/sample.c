/* Who may touch what
 *   window              coordinator before E1, then read by all; begin_s likewise
 *   out[i]              worker i until E2, then the coordinator
 *   joules              the reader until E2
 *   behind, failed      relaxed: counts that carry no data
 * E1, E2: start and wait of the pool. Between them a worker works on a copy of out[i]:
 * neighbours share cache lines, and a line that two cores write would be measured with every
 * sample. */
#include "study/sample.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/stats.h"
#include <stdlib.h>
#include <string.h>

enum { LEAST = 3 };                    /* samples of each */
static const double LEAST_S = 10e-6;   /* a sample: 300 times what reading the clock takes */
static const double CPU_FROM_S = 1e-3; /* the CPU clock is read where a share is so long */
static const double START_S = 300e-6;  /* waking a parked worker, with room to spare */
static const double ENERGY_S = 10;     /* a counter goes round in minutes: it is read earlier */

bool crew_sampled_add(struct crew_sampled *s, double seconds)
{
    bool full = s->n == CREW_SAMPLES;
    if (full) {
        s->n /= 2;
        for (size_t i = 0; i < s->n; i++)
            s->sample_s[i] = 0.5 * (s->sample_s[2 * i] + s->sample_s[2 * i + 1]);
    }
    s->sample_s[s->n++] = seconds / (double)s->repeat;
    s->turns += s->repeat;
    s->wall_s += seconds;
    /* the newest sample is of half the turns of the others: nothing that figures show */
    s->repeat *= full ? 2 : 1;
    return full;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

crew_status crew_sampled_finish(struct crew_sampled *s)
{
    struct crew_stats stats = {0};
    s->mean_s = s->sd_s = s->median_s = s->p75_s = s->p95_s = (double)NAN;
    if (!s->n)
        return CREW_OK;
    double *exact = crew_alloc(s->n * sizeof *exact);
    if (!exact)
        return CREW_ENOMEM;
    memcpy(exact, s->sample_s, s->n * sizeof *exact);
    for (size_t i = 0; i < s->n; i++)
        crew_stats_add(&stats, exact[i]);
    qsort(s->sample_s, s->n, sizeof *s->sample_s, by_value);
    s->mean_s = s->wall_s / (double)s->turns;
    s->sd_s = s->n > 1 ? crew_stats_sd(&stats) : (double)NAN;
    s->median_s = 0.5 * (s->sample_s[(s->n - 1) / 2] + s->sample_s[s->n / 2]);
    s->p75_s = s->sample_s[(size_t)(0.75 * (double)(s->n - 1) + 0.5)];
    s->p95_s = s->sample_s[(size_t)(0.95 * (double)(s->n - 1) + 0.5)];
    crew_free(s->sample_s);
    s->sample_s = exact;
    return CREW_OK;
}

void crew_sampled_free(struct crew_sampled *s)
{
    crew_free(s->sample_s);
    *s = (struct crew_sampled){0};
}

static bool stopped(const struct crew_window *w)
{
    return atomic_load_explicit(w->stop, memory_order_relaxed) != 0;
}

/* Turns that do not count; before the first window they also tell how many make a sample that
 * the clock can measure. */
static uint64_t warm_up(struct crew_window *w, uint32_t worker, struct crew_sampled *s)
{
    uint64_t turn = s->turns;
    double from = crew_now_s(), until = w->begin_s - START_S;
    for (;;) {
        for (uint64_t i = 0; i < s->repeat; i++)
            w->turn(w->self, worker, turn++);
        double now = crew_now_s();
        if (!s->n && now - from < LEAST_S && s->repeat < UINT64_C(1) << 30)
            s->repeat *= 2;
        else if (now >= until || stopped(w))
            return turn;
        from = crew_now_s();
    }
}

/* Until the window is over, and everybody has something to show. */
static void take_samples(struct crew_window *w, uint32_t worker, uint64_t turn,
                         struct crew_sampled *s)
{
    double from = crew_now_s(), until = w->begin_s + w->seconds, look = from + ENERGY_S;
    for (uint64_t taken = 1; !stopped(w); taken++) {
        for (uint64_t i = 0; i < s->repeat; i++)
            w->turn(w->self, worker, turn++);
        double now = crew_now_s();
        bool merged = crew_sampled_add(s, now - from);
        if (taken == LEAST)
            atomic_fetch_sub_explicit(&w->behind, 1, memory_order_relaxed);
        if (now >= until && !atomic_load_explicit(&w->behind, memory_order_relaxed))
            return;
        from = merged ? crew_now_s() : now;
        if (now >= look && w->energy && worker == w->reader) {
            (void)crew_energy_joules(w->energy);
            look = now + ENERGY_S;
        }
    }
}

/* The list is touched here: no page faults between samples. */
static bool have_room(struct crew_sampled *s)
{
    if (s->sample_s)
        return true;
    s->repeat = 1;
    s->sample_s = crew_zalloc(CREW_SAMPLES * sizeof *s->sample_s);
    return s->sample_s;
}

static void share(void *self, uint32_t worker)
{
    struct crew_window *w = self;
    struct crew_sampled mine = w->out[worker], *s = &mine;
    if (!have_room(s)) {
        atomic_fetch_add_explicit(&w->failed, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&w->behind, 1, memory_order_relaxed);
        return;
    }
    uint64_t turn = warm_up(w, worker, s);
    bool reads = w->energy && worker == w->reader;
    double joules = reads ? crew_energy_joules(w->energy) : (double)NAN;
    while (crew_now_s() < w->begin_s && !stopped(w))
        ;
    double cpu_s = crew_thread_cpu_s(), wall_s = s->wall_s, turns = (double)s->turns;
    take_samples(w, worker, turn, s);
    s->window_s = (s->wall_s - wall_s) / ((double)s->turns - turns);
    s->cpu_s += s->wall_s - wall_s >= CPU_FROM_S ? crew_thread_cpu_s() - cpu_s : (double)NAN;
    if (reads)
        w->joules = crew_energy_joules(w->energy) - joules;
    w->out[worker] = mine;
}

crew_status crew_window_run(struct crew_window *w)
{
    uint32_t n = crew_pool_workers(w->pool), taking_part = 0;
    for (uint32_t i = n; i-- > 0;) {
        taking_part += w->active[i];
        w->reader = w->active[i] ? i : w->reader;
    }
    atomic_store_explicit(&w->behind, taking_part, memory_order_relaxed);
    atomic_store_explicit(&w->failed, 0, memory_order_relaxed);
    w->joules = (double)NAN;
    w->begin_s = crew_now_s() + START_S + w->warm_s;
    for (uint32_t i = 1; i < n; i++)
        if (w->active[i])
            crew_pool_start(w->pool, i, share, w);
    if (w->active[0])
        share(w, 0);
    for (uint32_t i = 1; i < n; i++)
        if (w->active[i])
            crew_pool_wait(w->pool, i);
    return atomic_load_explicit(&w->failed, memory_order_relaxed) ? CREW_ENOMEM : CREW_OK;
}
