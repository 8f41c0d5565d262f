/* Memory: the triad of STREAM (McCalpin, IEEE TCCA Newsletter, 1995), which counts 24 bytes an
 * element, and dependent loads; by node of the cores and node of the memory. */
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "study/measure_internal.h"
#include <stdlib.h>
#include <string.h>

enum { WORDS = CREW_LINE / sizeof(uint64_t), STEPS = 1000 };

bool crew_triad_take(struct crew_triad *t, uint64_t bytes)
{
    size_t n = (size_t)(bytes / (3 * sizeof(double))) / WORDS * WORDS;
    n = n ? n : WORDS;
    double *all = crew_alloc(3 * n * sizeof *all);
    if (!all)
        return false;
    *t = (struct crew_triad){all, all + n, all + 2 * n, n};
    for (size_t i = 0; i < 3 * n; i++) /* not zeros: those might be one page for all */
        all[i] = 1.0;
    return true;
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
bool crew_chain_take(struct crew_chain *c, uint64_t bytes)
{
    size_t lines = (size_t)(bytes / CREW_LINE);
    lines = lines > 2 ? lines : 2;
    uint64_t *next = crew_zalloc(lines * CREW_LINE);
    if (!next)
        return false;
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
    return true;
}

uint64_t crew_chain_walk(const struct crew_chain *c, uint64_t at, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++)
        at = c->next[at];
    return at;
}

/* ---- Node by node ---- */

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

uint32_t crew_bench_find_nodes(const struct crew_bench *out, int32_t *node)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        int32_t mine = out->slot[i].where.numa;
        bool known = mine < 0;
        for (uint32_t k = 0; k < n && !known; k++)
            known = node[k] == mine;
        if (!known)
            node[n++] = mine;
    }
    qsort(node, n, sizeof *node, by_number);
    return n;
}

/* Memory of one node, worked on by the cores of another. */
struct far {
    struct crew_bench_job *b;
    struct crew_triad triad;
    struct crew_chain chain;
    bool taken;
    uint32_t *rank; /* [n] of a worker among those that take part */
    uint32_t takers;
    uint64_t at; /* in the chain; one worker walks */
};

static void take(void *self, uint32_t worker)
{
    struct far *f = self;
    uint64_t bytes = f->b->out->triad_bytes;
    (void)worker;
    f->taken = crew_triad_take(&f->triad, bytes) && crew_chain_take(&f->chain, bytes);
}

static void triad_slice(void *self, uint32_t worker, uint64_t turn)
{
    struct far *f = self;
    size_t n = f->triad.n, rank = f->rank[worker];
    (void)turn;
    crew_triad_pass(&f->triad, n * rank / f->takers, n * (rank + 1) / f->takers);
}

static void walk(void *self, uint32_t worker, uint64_t turn)
{
    struct far *f = self;
    (void)worker, (void)turn;
    f->at = crew_chain_walk(&f->chain, f->at, STEPS);
}

/* Run a job on one worker; the coordinator is worker 0. */
static void on_worker(struct crew_bench_job *b, uint32_t worker, crew_job *job, void *self)
{
    if (worker == 0) {
        job(self, 0);
        return;
    }
    crew_pool_start(b->pool, worker, job, self);
    crew_pool_wait(b->pool, worker);
}

static uint32_t first_on(const struct crew_bench *out, int32_t node)
{
    uint32_t i = 0;
    while (out->slot[i].where.numa != node)
        i++;
    return i;
}

static crew_status from_node(struct far *f, int32_t node, struct crew_sampled *sampled,
                             double *bytes_per_s, double *load_s)
{
    struct crew_bench_job *b = f->b;
    const struct crew_bench *out = b->out;
    uint32_t first = first_on(out, node);
    *bytes_per_s = 0;
    f->takers = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        b->active[i] = out->slot[i].where.numa == node;
        f->rank[i] = f->takers;
        f->takers += b->active[i];
    }
    crew_status status =
        crew_bench_window(b, triad_slice, f, b->cfg->seconds / 2, sampled, NULL);
    for (uint32_t i = 0; i < out->n; i++) {
        size_t n = f->triad.n, rank = f->rank[i];
        size_t mine = n * (rank + 1) / f->takers - n * rank / f->takers;
        if (b->active[i] && sampled[i].n)
            *bytes_per_s += 24 * (double)mine / sampled[i].mean_s;
        crew_sampled_free(&sampled[i]);
    }
    TRY(status);
    memset(b->active, 0, out->n * sizeof *b->active);
    b->active[first] = true;
    status = crew_bench_window(b, walk, f, b->cfg->seconds / 2, sampled, NULL);
    *load_s = sampled[first].median_s / STEPS;
    crew_sampled_free(&sampled[first]);
    return status;
}

static crew_status each_pair(struct crew_bench_job *b, struct far *f,
                             struct crew_sampled *sampled)
{
    struct crew_bench_nodes *nodes = &b->out->nodes;
    for (uint32_t memory = 0; memory < nodes->n && !crew_bench_stopped(b); memory++) {
        crew_status status = CREW_OK;
        f->taken = false;
        f->at = 0;
        f->triad.a = NULL;
        f->chain.next = NULL;
        on_worker(b, first_on(b->out, nodes->node[memory]), take, f);
        if (!f->taken)
            status = CREW_ENOMEM;
        for (uint32_t cores = 0; cores < nodes->n && status == CREW_OK; cores++) {
            size_t at = (size_t)cores * nodes->n + memory;
            status = from_node(f, nodes->node[cores], sampled, &nodes->bytes_per_s[at],
                               &nodes->load_s[at]);
        }
        crew_free(f->triad.a);
        crew_free(f->chain.next);
        TRY(status);
    }
    return CREW_OK;
}

crew_status crew_bench_nodes_run(struct crew_bench_job *b)
{
    struct crew_bench_nodes *nodes = &b->out->nodes;
    struct far f = {.b = b, .rank = crew_alloc(b->out->n * sizeof *f.rank)};
    struct crew_sampled *sampled = crew_zalloc(b->out->n * sizeof *sampled);
    size_t squared = (size_t)nodes->n * nodes->n;
    nodes->bytes_per_s = crew_zalloc(squared * sizeof *nodes->bytes_per_s);
    nodes->load_s = crew_zalloc(squared * sizeof *nodes->load_s);
    crew_status status = CREW_ENOMEM;
    if (f.rank && sampled && nodes->bytes_per_s && nodes->load_s)
        status = each_pair(b, &f, sampled);
    crew_free(f.rank);
    crew_free(sampled);
    return status;
}
