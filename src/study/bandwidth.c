/* Memory: the triad of STREAM (McCalpin, IEEE TCCA Newsletter, 1995), which counts 24 bytes an
 * element, and dependent loads. */
#include "base/mem.h"
#include "base/rng.h"
#include "study/measure_internal.h"

enum { WORDS = CREW_LINE / sizeof(uint64_t) };

void crew_triad_lay(struct crew_triad *t, void *memory, uint64_t bytes)
{
    size_t n = (size_t)(bytes / (3 * sizeof(double))) / WORDS * WORDS;
    double *all = memory;
    *t = (struct crew_triad){all, all + n, all + 2 * n, n};
    for (size_t i = 0; i < 3 * n; i++) /* not zeros: those might be one page for all */
        all[i] = 1.0;
}

__attribute__((noinline)) void crew_triad_pass(const struct crew_triad *t, size_t from,
                                               size_t to)
{
    double *restrict a = t->a;
    const double *restrict b = t->b, *restrict c = t->c;
    for (size_t i = from; i < to; i++)
        a[i] = b[i] + 3.0 * c[i];
}

/* One cycle through all lines. Source: Sattolo, Information Processing Letters 22, 1986. */
void crew_chain_lay(struct crew_chain *c, void *memory, uint64_t bytes)
{
    size_t lines = (size_t)(bytes / CREW_LINE);
    uint64_t *next = memory;
    for (size_t i = 0; i < lines; i++)
        next[i * WORDS] = i;
    for (size_t i = lines - 1; i > 0; i--) {
        size_t j = (size_t)(crew_rng_u64(1, CREW_STREAM_SPLIT, 0, i) % i);
        uint64_t other = next[j * WORDS];
        next[j * WORDS] = next[i * WORDS];
        next[i * WORDS] = other;
    }
    for (size_t i = 0; i < lines; i++)
        next[i * WORDS] *= WORDS;
    *c = (struct crew_chain){next, lines};
}

uint64_t crew_chain_walk(const struct crew_chain *c, uint64_t at, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++)
        at = c->next[at];
    return at;
}
