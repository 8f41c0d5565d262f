/* Bandwidth and latency of memory by node of the cores and node of the memory.
 *
 * All slots of a node work on one triad; each has as much of it as in the triad of one core, so
 * that together they, too, are beyond all their caches. */
#include "base/error.h"
#include "base/mem.h"
#include "machine/place.h"
#include "study/measure_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 1000 };                       /* a turn of the walk */
static const uint64_t LEAST_BYTES = 1 << 20; /* however little is free on a node */

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

/* Why nothing is taken from a node; NULL: it may be tried. */
static const char *refusal(const struct crew_numa_node *d)
{
    return !d->bytes && !d->free_bytes                          ? "has no memory"
           : !d->allowed                                        ? "is not allowed"
           : d->subtype && strcmp(d->subtype, "GPUMemory") == 0 ? "is a GPU's"
                                                                : NULL;
}

uint32_t crew_bench_find_memory(const struct crew_numa_node *all, uint32_t n_all, int32_t *node,
                                struct crew_bench *told)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_all; i++) {
        const char *why = refusal(&all[i]);
        if (!why)
            node[n++] = (int32_t)all[i].node;
        else if (told)
            crew_bench_note(told, "the memory of NUMA node %u is not measured: it %s",
                            all[i].node, why);
    }
    qsort(node, n, sizeof *node, by_number);
    return n;
}

/* Memory of one node, and the slots of another that work on it. */
struct far {
    struct crew_bench_job *b;
    struct crew_sampled *sampled; /* [n] zeroed */
    void *memory;
    uint64_t bytes;
    bool chained; /* else three arrays */
    struct crew_triad triad;
    struct crew_chain chain;
    uint32_t *rank; /* [n] of a worker among those that take part */
    uint32_t takers;
    uint64_t at; /* in the chain; one worker walks */
};

static void lay(void *self, uint32_t worker)
{
    struct far *f = self;
    (void)worker;
    f->at = 0;
    if (f->chained)
        crew_chain_lay(&f->chain, f->memory, f->bytes);
    else
        crew_triad_lay(&f->triad, f->memory, f->bytes);
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

/* out->n: a node without a slot. */
static uint32_t first_on(const struct crew_bench *out, int32_t node)
{
    uint32_t i = 0;
    while (i < out->n && out->slot[i].where.numa != node)
        i++;
    return i;
}

/* The cores of a node at work; *result as the chain's seconds a load or the triad's bytes/s. */
static crew_status from_node(struct far *f, int32_t node, double *result)
{
    struct crew_bench_job *b = f->b;
    const struct crew_bench *out = b->out;
    struct crew_sampled *s = f->sampled;
    double bytes_per_s = 0, load_s = 0;
    f->takers = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        b->active[i] = out->slot[i].where.numa == node && !(f->chained && f->takers);
        f->rank[i] = f->takers;
        f->takers += b->active[i];
    }
    crew_status status =
        crew_bench_window(b, f->chained ? walk : triad_slice, f, b->cfg->seconds / 2, s, NULL);
    for (uint32_t i = 0; i < out->n; i++) {
        size_t n = f->triad.n, rank = f->rank[i];
        double mine = (double)(n * (rank + 1) / f->takers - n * rank / f->takers);
        if (status == CREW_OK && b->active[i])
            status = crew_sampled_finish(&s[i]);
        if (b->active[i] && s[i].n) {
            bytes_per_s += 24 * mine / s[i].mean_s;
            load_s = s[i].median_s / STEPS;
        }
        crew_sampled_free(&s[i]);
    }
    *result = f->chained ? load_s : bytes_per_s;
    return status;
}

/* As much as is wanted, at most half of what is free on the node. */
static uint64_t bytes_on(const struct crew_bench *out, int32_t node, bool chained)
{
    const struct crew_machine_info *m = crew_machine_info(out->machine);
    uint64_t most = 0, bytes = out->triad_bytes, half = UINT64_MAX;
    for (uint32_t k = 0; k < out->nodes.n_cores; k++) {
        uint64_t slots = 0;
        for (uint32_t i = 0; i < out->n; i++)
            slots += out->slot[i].where.numa == out->nodes.cores[k];
        most = slots > most ? slots : most;
    }
    bytes *= chained ? 1 : most;
    for (uint32_t i = 0; i < m->numa_nodes; i++)
        if ((int32_t)m->node[i].node == node)
            half = m->node[i].free_bytes / 2;
    bytes = bytes > half ? half : bytes;
    return bytes > LEAST_BYTES ? bytes : LEAST_BYTES;
}

/* A column of a matrix. A node that did not give the memory leaves it empty. */
static crew_status column(struct far *f, uint32_t at, double *matrix)
{
    struct crew_bench *out = f->b->out;
    const struct crew_bench_nodes *nodes = &out->nodes;
    int32_t node = nodes->memory[at];
    uint32_t toucher = first_on(out, node);
    f->bytes = bytes_on(out, node, f->chained);
    f->memory = crew_place_alloc(out->machine, node, f->bytes);
    if (!f->memory)
        return CREW_ENOMEM;
    on_worker(f->b, toucher < out->n ? toucher : 0, lay, f);
    int32_t found = crew_place_node(out->machine, f->memory, f->bytes);
    bool there = found == node || (found == CREW_PLACE_UNKNOWN && toucher < out->n);
    if (!there && f->chained)
        crew_bench_note(out, "the memory of NUMA node %d is not measured: %s", node,
                        found == CREW_PLACE_UNKNOWN
                            ? "the system does not tell where memory lies"
                            : "what was taken of it lies on others");
    crew_status status = CREW_OK;
    for (uint32_t k = 0; k < nodes->n_cores && there && status == CREW_OK; k++)
        status = from_node(f, nodes->cores[k], &matrix[(size_t)k * nodes->n_memory + at]);
    crew_place_free(out->machine, f->memory, f->bytes);
    return status;
}

crew_status crew_bench_nodes_run(struct crew_bench_job *b)
{
    struct crew_bench_nodes *nodes = &b->out->nodes;
    struct far f = {.b = b,
                    .rank = crew_alloc(b->out->n * sizeof *f.rank),
                    .sampled = crew_zalloc(b->out->n * sizeof *f.sampled)};
    size_t size = (size_t)nodes->n_cores * nodes->n_memory;
    nodes->bytes_per_s = crew_alloc(size * sizeof *nodes->bytes_per_s);
    nodes->load_s = crew_alloc(size * sizeof *nodes->load_s);
    bool whole = f.rank && f.sampled && nodes->bytes_per_s && nodes->load_s;
    crew_status status = whole ? CREW_OK : CREW_ENOMEM;
    for (size_t i = 0; i < size && whole; i++)
        nodes->bytes_per_s[i] = nodes->load_s[i] = (double)NAN;
    for (uint32_t m = 0; m < nodes->n_memory; m++)
        for (int chained = 0; chained < 2; chained++) {
            f.chained = chained;
            if (status == CREW_OK && !crew_bench_stopped(b))
                status = column(&f, m, chained ? nodes->load_s : nodes->bytes_per_s);
        }
    crew_free(f.rank);
    crew_free(f.sampled);
    return status;
}
