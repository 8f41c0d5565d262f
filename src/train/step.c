/* From the mean gradient to new parameters: is it finite, how long is it, the optimiser's step.
 * In slices that whoever is free takes: the coordinator, and the workers that did at least half
 * as many tasks as the busiest in the round before. A parked or slow core would only be waited
 * for; threads that compute for virtual workers all help. The bits do not depend on who did
 * what: every parameter's update stands alone.
 *
 *   next    relaxed: hands out numbers, the pool publishes the rest
 *   bad     relaxed: read after the pool's E2 */
#include "train/trainer.h"
#include <math.h>
#include <string.h>

enum { SLICE = 1 << 14 }; /* parameters: some 20 us */

struct pass {
    crew_trainer *t;
    const float *grad;
    double lr;
    float scale;
    bool only_check;
    _Atomic bool bad;
    _Atomic size_t next;
};

/* Largest magnitude's exponent says it all: infinities and NaN have all its bits set. */
bool crew_all_finite(const float *x, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !bad;
}

/* Euclidean norm, in lanes that do not depend on the vector width. */
static double norm(const float *x, size_t n)
{
    double lane[8] = {0}, sum = 0;
    size_t whole = n - n % 8;
    for (size_t i = 0; i < whole; i += 8)
        for (size_t j = 0; j < 8; j++)
            lane[j] += (double)x[i + j] * (double)x[i + j];
    for (size_t i = whole; i < n; i++)
        lane[i % 8] += (double)x[i] * (double)x[i];
    for (size_t j = 0; j < 8; j++)
        sum += lane[j];
    return sqrt(sum);
}

static void slices(void *self, uint32_t worker)
{
    struct pass *p = self;
    size_t n = p->t->net->n_params;
    (void)worker;
    for (;;) {
        size_t first = SLICE * atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        size_t some = n - first < SLICE ? n - first : SLICE;
        if (first >= n)
            return;
        if (!p->only_check)
            crew_optimizer_step(p->t->optimizer, p->lr, p->scale, p->grad, p->t->params, first,
                                some);
        else if (!crew_all_finite(p->grad + first, some))
            atomic_store_explicit(&p->bad, true, memory_order_relaxed);
    }
}

static bool helps(const crew_trainer *t, uint32_t i, uint64_t most)
{
    return t->virtual_time || 2 * t->record_done[i] >= most;
}

static void run(struct pass *p)
{
    crew_trainer *t = p->t;
    uint64_t most = 0;
    for (uint32_t i = 0; i < t->threads && !t->virtual_time; i++)
        most = t->record_done[i] > most ? t->record_done[i] : most;
    bool spread = t->net->n_params > 2 * SLICE && (most > 0 || t->virtual_time);
    for (uint32_t i = 1; i < t->threads && spread; i++)
        if (helps(t, i, most))
            crew_pool_start(t->pool, i, slices, p);
    slices(p, 0);
    for (uint32_t i = 1; i < t->threads && spread; i++)
        if (helps(t, i, most))
            crew_pool_wait(t->pool, i);
}

bool crew_step_finite(crew_trainer *t, const float *grad)
{
    struct pass p = {.t = t, .grad = grad, .only_check = true};
    run(&p);
    return !atomic_load_explicit(&p.bad, memory_order_relaxed);
}

void crew_step(crew_trainer *t, const float *grad, double lr)
{
    double length = t->cfg.clip > 0 ? norm(grad, t->net->n_params) : 0;
    struct pass p = {.t = t, .grad = grad, .lr = lr, .scale = 1};
    if (length > t->cfg.clip)
        p.scale = (float)(t->cfg.clip / length);
    crew_optimizer_begin(t->optimizer);
    run(&p);
}
