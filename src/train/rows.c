#include "train/rows.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "machine/place.h"
#include "train/trainer.h"
#include <string.h>

static const char *const modes[] = {"off", "node", "worker"};
enum mode { OFF, NODE, WORKER, MODES };

static int mode_of(const char *mode)
{
    int i = 0;
    while (i < MODES && strcmp(mode, modes[i]))
        i++;
    return i;
}

crew_status crew_rows_check(const char *mode, struct crew_error *err)
{
    return mode_of(mode) < MODES ? CREW_OK
                                 : crew_fail_unknown(err, "shards", mode, modes, MODES);
}

double crew_rows_bytes(const crew_trainer *t)
{
    double rows = (double)t->info.rows, parts = (rows - 1) / t->cfg.task_rows + 1,
           order = (rows + parts) * sizeof(uint32_t);
    if (mode_of(t->cfg.shards) == OFF)
        return order;
    /* a round's rows, and of each shard its sampler and what plans keep to */
    return 2 * order + t->n * (200. + t->cfg.task_rows * sizeof(uint32_t));
}

/* ---- Who owns what ---- */

static int32_t node_of(const crew_trainer *t, uint32_t worker)
{
    const struct crew_machine_info *m = crew_machine_info(t->machine);
    return t->virtual_time ? CREW_PLACE_UNKNOWN : m->slots[worker % m->n_slots].numa;
}

/* t->shard [n]: nodes in the order of their first workers, or workers. How many. */
static uint32_t find_shards(crew_trainer *t, enum mode mode)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t first = i; /* who is on the same node */
        for (uint32_t k = 0; mode == NODE && k < i && first == i; k++)
            if (node_of(t, k) == node_of(t, i))
                first = k;
        t->shard[i] = first < i ? t->shard[first] : n++;
    }
    return n;
}

static crew_status make_shards(crew_trainer *t, uint32_t n_shards, struct crew_error *err)
{
    const struct crew_shards_config cfg = {.rows = (uint32_t)t->info.rows,
                                           .task_rows = t->cfg.task_rows,
                                           .tasks = t->cfg.batch_tasks,
                                           .seed = t->cfg.seed,
                                           .n_workers = t->n,
                                           .shard = t->shard,
                                           .n_shards = n_shards};
    if (t->cfg.batch_tasks < n_shards)
        return crew_fail(err, CREW_EINVAL,
                         "batch-tasks is %u, but there are %u shards, and each gets a task in "
                         "every round",
                         t->cfg.batch_tasks, n_shards);
    if (t->info.rows < t->n)
        return crew_fail(err, CREW_EINVAL,
                         "%zu training rows are too few for shards of %u workers", t->info.rows,
                         t->n);
    t->shard_floor = crew_alloc(n_shards * sizeof *t->shard_floor);
    t->shards = crew_shards_create(&cfg);
    if (!t->shard_floor || !t->shards)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u shards of %zu rows", n_shards,
                         t->info.rows);
    for (uint32_t g = 0; g < n_shards; g++)
        t->shard_floor[g] = 1;
    t->loop.request.group = t->shard;
    t->loop.request.floor = t->shard_floor;
    t->loop.request.groups = n_shards;
    crew_trainer_add_note(t,
                          "the training rows are in %u shards, one a %s: each gets a task in "
                          "every round, and the weights depend on who does how many",
                          n_shards, mode_of(t->cfg.shards) == NODE ? "NUMA node" : "worker");
    return CREW_OK;
}

crew_status crew_rows_create(crew_trainer *t, struct crew_error *err)
{
    enum mode mode = (enum mode)mode_of(t->cfg.shards); /* checked before */
    if (mode != OFF) {
        if (!(t->shard = crew_alloc(t->n * sizeof *t->shard)))
            return crew_fail(err, CREW_ENOMEM, "no memory for %u workers", t->n);
        uint32_t n_shards = find_shards(t, mode);
        if (n_shards > 1)
            return make_shards(t, n_shards, err);
        crew_trainer_add_note(t, "shards %s: %s, so there is one shard and nothing changes",
                              t->cfg.shards,
                              mode == WORKER    ? "there is one worker"
                              : t->virtual_time ? "virtual workers are on no NUMA node"
                                                : "all workers are on one NUMA node");
        crew_free(t->shard);
        t->shard = NULL;
    }
    t->sampler = crew_sampler_create((uint32_t)t->info.rows, t->cfg.task_rows, t->cfg.seed);
    return t->sampler ? CREW_OK
                      : crew_fail(err, CREW_ENOMEM, "no memory for an order of %zu rows",
                                  t->info.rows);
}

void crew_rows_destroy(crew_trainer *t)
{
    crew_sampler_destroy(t->sampler);
    crew_shards_destroy(t->shards);
    crew_free(t->shard);
    crew_free(t->shard_floor);
}

uint32_t crew_rows_in_shard(const crew_trainer *t, uint32_t g)
{
    uint32_t first, n = 0;
    if (!t->shards)
        return g ? 0 : (uint32_t)t->info.rows;
    return crew_shards_part(t->shards, g, &first, &n) ? n : 0;
}

/* ---- Where they lie ---- */

/* Rows that were set aside may lie among them, and stay with their neighbours. */
static bool move_shard(crew_trainer *t, uint32_t g, int32_t node)
{
    const crew_dataset *ds = t->train;
    uint32_t first, n;
    size_t bytes, row;
    char *p = crew_dataset_memory(ds, &bytes);
    if (!p || !crew_shards_part(t->shards, g, &first, &n))
        return false;
    for (uint32_t i = first + 1; i < first + n; i++) /* a choice of somebody's, in any order */
        if (crew_dataset_origin(ds, i) < crew_dataset_origin(ds, i - 1))
            return false;
    row = bytes / ds->store->rows;
    size_t begin = crew_dataset_origin(ds, first),
           end = crew_dataset_origin(ds, first + n - 1) + 1;
    p += begin * row;
    bytes = (end - begin) * row;
    return crew_place_move(t->machine, node, p, bytes) &&
           crew_place_node(t->machine, p, bytes) == node;
}

bool crew_rows_by_node(const crew_trainer *t)
{
    return t->shards && mode_of(t->cfg.shards) == NODE;
}

void crew_rows_place(crew_trainer *t)
{
    uint32_t moved = 0, n = t->loop.request.groups;
    size_t bytes;
    if (!crew_rows_by_node(t))
        return;
    if (!crew_dataset_memory(t->train, &bytes)) {
        crew_trainer_add_note(t, "the rows stay where they are: in a file, or the caller's");
        return;
    }
    for (uint32_t g = 0; g < n; g++) {
        uint32_t i = 0;
        while (t->shard[i] != g)
            i++;
        moved += move_shard(t, g, node_of(t, i));
    }
    if (moved == n)
        crew_trainer_add_note(t, "the rows of %u shards lie on their NUMA nodes", n);
    else
        crew_trainer_add_note(t,
                              "the rows of %u of %u shards lie elsewhere than on their NUMA "
                              "nodes: the system did not move them",
                              n - moved, n);
}

/* ---- A round ---- */

void crew_rows_begin(crew_trainer *t)
{
    if (t->shards)
        crew_shards_round(t->shards, &t->round_rows);
    else
        crew_sampler_round(t->sampler, t->cfg.batch_tasks, t->spare, &t->round_rows);
}

void crew_rows_deal(crew_trainer *t)
{
    struct crew_sampler_round *r = &t->round_rows;
    t->work.join = t->join;
    if (t->shards) {
        /* joined tasks have one weight: they must be of one shard */
        if (crew_shards_deal(t->shards, t->loop.plan.quota, r))
            t->work.join = 1;
    } else if (!t->loop.drops) { /* nobody overruns: no part is handed out twice */
        crew_sampler_round(t->sampler, t->cfg.batch_tasks, 0, r);
    }
    for (uint32_t i = 0; i < r->tasks + r->spare; i++) {
        uint32_t n;
        (void)crew_rows_of(t, i, &n);
        t->task_work[i] = (double)n / (double)t->cfg.task_rows;
    }
}

const uint32_t *crew_rows_of(const crew_trainer *t, uint32_t task, uint32_t *n)
{
    return t->shards ? crew_shards_rows(t->shards, task, n)
                     : crew_sampler_rows(t->sampler, task, n);
}

/* With shards the weights of a round's rows add up to 1, too, and a task's gradient has its own
 * in it: so the one sum over task numbers is that of the shards' means by their shares, and no
 * sum of its own is needed for a shard. Losses likewise. */
float crew_rows_weight(const crew_trainer *t, uint32_t task)
{
    return t->shards ? (float)crew_shards_weight(t->shards, task)
                     : 1.0f / (float)t->round_rows.rows;
}

bool crew_rows_settle(crew_trainer *t)
{
    const struct crew_outcome *out = &t->loop.outcome;
    if (t->shards)
        return crew_shards_settle(t->shards);
    if (!t->round_rows.spare)
        return crew_sampler_settle(t->sampler, NULL);
    memset(t->kept, 0, (t->round_rows.tasks + t->round_rows.spare) * sizeof *t->kept);
    for (size_t i = 0; i < out->n_timings; i++)
        t->kept[out->timing[i].task] = out->timing[i].kept;
    return crew_sampler_settle(t->sampler, t->kept);
}

uint64_t crew_rows_rounds_per_epoch(const crew_trainer *t)
{
    return t->shards ? crew_shards_rounds_per_epoch(t->shards)
                     : crew_sampler_rounds_per_epoch(t->sampler, t->cfg.batch_tasks);
}

uint64_t crew_rows_epoch_rows(const crew_trainer *t)
{
    return t->shards ? crew_shards_epoch_rows(t->shards) : crew_sampler_epoch_rows(t->sampler);
}

size_t crew_rows_state_max(const crew_trainer *t)
{
    return t->shards ? crew_shards_state_max(t->shards) : crew_sampler_state_max(t->sampler);
}

size_t crew_rows_save(const crew_trainer *t, double *out, size_t cap)
{
    return t->shards ? crew_shards_save(t->shards, out, cap)
                     : crew_sampler_save(t->sampler, out, cap);
}

/* Checkpoints say which mode they were made with; how many shards that gave shows here. */
crew_status crew_rows_load(crew_trainer *t, const double *in, size_t n)
{
    if (t->shards)
        return crew_shards_load(t->shards, in, n);
    crew_status status = crew_sampler_load(t->sampler, in, n);
    return status == CREW_EFORMAT && mode_of(t->cfg.shards) != OFF ? CREW_EINVAL : status;
}
