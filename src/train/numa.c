/* On a machine with several NUMA nodes: a copy of the parameters on each node that workers sit
 * on, so that what all of them read B times a round stays on the node; made anew before each
 * round, by workers of that node. Parameters too large for that are spread over the nodes page
 * by page, and so are the training rows, which everybody reads once an epoch: else they lie
 * where whoever read the file ran, and its memory serves all.
 *
 *   copy[k]   workers of node k: write before the round (the pool publishes it), read in it */
#include "train/numa.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "machine/place.h"
#include "train/trainer.h"
#include <string.h>

/* Larger ones take as long to copy as a task takes to compute. */
static const size_t SMALL_BYTES = 64 << 20;

/* Fewer rows are soon in everybody's cache. */
static const size_t LARGE_BYTES = 1 << 20;

struct crew_numa {
    uint32_t n;             /* nodes */
    int32_t *node;          /* [threads] OS numbers; the first n are set */
    uint32_t *home;         /* [threads] which of them worker i sits on */
    uint32_t *part, *parts; /* [threads] of the copying; parts 0: not worker i's */
    float **copy;           /* [n][n_params], or NULL: none are made */
    size_t bytes;           /* of one */
};

static const char *const modes[] = {"auto", "off", "replicate", "interleave"};
enum mode { AUTO, OFF, REPLICATE, INTERLEAVE, MODES };

crew_status crew_numa_check(const char *mode, struct crew_error *err)
{
    for (int i = 0; i < MODES; i++)
        if (strcmp(mode, modes[i]) == 0)
            return CREW_OK;
    return crew_fail_unknown(err, "numa", mode, modes, MODES);
}

/* Which node workers sit on, each node once. */
static void find_nodes(struct crew_numa *a, const crew_trainer *t)
{
    const struct crew_machine_info *m = crew_machine_info(t->machine);
    for (uint32_t i = 0; i < t->threads; i++) {
        int32_t here = m->slots[i % m->n_slots].numa;
        uint32_t k = 0;
        while (k < a->n && a->node[k] != here)
            k++;
        a->node[k] = here;
        a->n += k == a->n;
        a->home[i] = k;
    }
}

/* ---- Copying ---- */

static void copy_part(void *self, uint32_t worker)
{
    const crew_trainer *t = self;
    const struct crew_numa *a = t->numa;
    uint32_t parts = a->parts[worker];
    if (!parts)
        return;
    size_t n = t->net->n_params, first = n * a->part[worker] / parts,
           end = n * (a->part[worker] + 1) / parts;
    memcpy(a->copy[a->home[worker]] + first, t->params + first,
           (end - first) * sizeof *t->params);
}

/* On each node the workers that did at least half as much as its busiest one: a slow core would
 * only be waited for. */
static void hand_out_parts(const crew_trainer *t)
{
    struct crew_numa *a = t->numa;
    for (uint32_t k = 0; k < a->n; k++) {
        uint64_t most = 0;
        uint32_t n = 0;
        for (uint32_t i = 0; i < t->threads; i++)
            if (a->home[i] == k && !t->virtual_time && t->record_done[i] > most)
                most = t->record_done[i];
        for (uint32_t i = 0; i < t->threads; i++)
            if (a->home[i] == k && (t->virtual_time || 2 * t->record_done[i] >= most))
                a->part[i] = n++;
        for (uint32_t i = 0; i < t->threads; i++)
            if (a->home[i] == k)
                a->parts[i] = t->virtual_time || 2 * t->record_done[i] >= most ? n : 0;
    }
}

void crew_numa_copy(crew_trainer *t)
{
    struct crew_numa *a = t->numa;
    if (!a || !a->copy)
        return;
    hand_out_parts(t);
    for (uint32_t i = 1; i < t->threads; i++)
        if (a->parts[i])
            crew_pool_start(t->pool, i, copy_part, t);
    copy_part(t, 0);
    for (uint32_t i = 1; i < t->threads; i++)
        if (a->parts[i])
            crew_pool_wait(t->pool, i);
}

const float *crew_numa_params(const crew_trainer *t, uint32_t worker)
{
    const struct crew_numa *a = t->numa;
    return a && a->copy ? a->copy[a->home[worker]] : t->params;
}

/* ---- Setting up ---- */

static void first_copy(void *self, uint32_t worker)
{
    (void)worker;
    crew_numa_copy(self);
}

static crew_status replicate(crew_trainer *t, struct crew_error *err)
{
    struct crew_numa *a = t->numa;
    uint32_t placed = 0;
    if (!(a->copy = crew_zalloc(a->n * sizeof *a->copy)))
        return crew_fail(err, CREW_ENOMEM, "no memory for %u NUMA nodes", a->n);
    for (uint32_t k = 0; k < a->n; k++)
        if (!(a->copy[k] = crew_place_alloc(t->machine, a->node[k], a->bytes)))
            return crew_fail(err, CREW_ENOMEM, "no memory for %zu parameters on each NUMA node",
                             t->net->n_params);
    crew_pool_call(t->pool, first_copy, t);
    for (uint32_t k = 0; k < a->n; k++)
        placed += crew_place_node(t->machine, a->copy[k], a->bytes) == a->node[k];
    if (placed == a->n)
        crew_trainer_add_note(t, "parameters are copied to each of %u NUMA nodes", a->n);
    else
        crew_trainer_add_note(
            t,
            "parameters are copied for each of %u NUMA nodes, but %u of these "
            "copies lie elsewhere: the system did not place them",
            a->n, a->n - placed);
    return CREW_OK;
}

/* What is there already moves. */
static void interleave(crew_trainer *t, const char *what, void *p, size_t bytes)
{
    struct crew_numa *a = t->numa;
    bool done = crew_place_spread(t->machine, a->node, a->n, p, bytes);
    if (bytes >= LARGE_BYTES) /* enough pages for all nodes */
        done = done && crew_place_node(t->machine, p, bytes) == CREW_PLACE_MIXED;
    crew_trainer_add_note(t, "%s are %sspread over %u NUMA nodes%s", what, done ? "" : "not ",
                          a->n, done ? "" : ": the system refuses");
}

static void spread_rows(crew_trainer *t)
{
    size_t bytes;
    void *p = crew_dataset_memory(t->train, &bytes);
    if (p && bytes >= LARGE_BYTES && !crew_rows_by_node(t))
        interleave(t, "training rows", p, bytes);
}

size_t crew_numa_bytes(const crew_trainer *t)
{
    const struct crew_machine_info *m = crew_machine_info(t->machine);
    size_t bytes = t->net->n_params * sizeof(float), nodes = m->numa_nodes;
    bool may = strcmp(t->cfg.numa, modes[REPLICATE]) == 0 ||
               (strcmp(t->cfg.numa, modes[AUTO]) == 0 && bytes <= SMALL_BYTES);
    return may && nodes > 1 ? bytes * (nodes < t->threads ? nodes : t->threads) : 0;
}

crew_status crew_numa_create(crew_trainer *t, struct crew_error *err)
{
    enum mode mode = AUTO;
    while (strcmp(t->cfg.numa, modes[mode]) != 0) /* checked before */
        mode++;
    if (mode == OFF)
        return CREW_OK;
    struct crew_numa *a = t->numa = crew_zalloc(sizeof *a);
    if (a) {
        a->bytes = t->net->n_params * sizeof(float);
        a->node = crew_zalloc(t->threads * sizeof *a->node);
        a->home = crew_zalloc(t->threads * sizeof *a->home);
        a->part = crew_zalloc(t->threads * sizeof *a->part);
        a->parts = crew_zalloc(t->threads * sizeof *a->parts);
    }
    if (!a || !a->node || !a->home || !a->part || !a->parts)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u workers", t->threads);
    find_nodes(a, t);
    if (a->n < 2)
        return CREW_OK;
    spread_rows(t);
    if (mode == REPLICATE || (mode == AUTO && a->bytes <= SMALL_BYTES))
        return replicate(t, err);
    interleave(t, "parameters", t->params, a->bytes);
    return CREW_OK;
}

void crew_numa_destroy(crew_trainer *t)
{
    struct crew_numa *a = t->numa;
    if (!a)
        return;
    for (uint32_t k = 0; a->copy && k < a->n; k++)
        crew_place_free(t->machine, a->copy[k], a->bytes);
    crew_free(a->copy);
    crew_free(a->node);
    crew_free(a->home);
    crew_free(a->part);
    crew_free(a->parts);
    crew_free(a);
    t->numa = NULL;
}
