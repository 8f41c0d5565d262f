#include "data/shards.h"
#include "base/mem.h"
#include "base/rng.h"
#include <string.h>

enum { CURSORS = 3 }; /* of a sampler that drops nothing */

struct shard {
    uint32_t first, rows;
    crew_sampler *sampler;
    double before[CURSORS]; /* the sampler's state before what was dealt */
    uint64_t drawn;         /* rows in this round */
    uint32_t tasks;
};

struct crew_shards {
    struct crew_shards_config cfg;
    uint32_t *of_worker; /* [n_workers] */
    struct shard *shard; /* [n_shards] */
    uint64_t epoch, epoch_rows;
    bool dealt; /* and not settled: the samplers are ahead */
    struct crew_sampler_round round;
    uint32_t most_tasks; /* of any round */
    uint32_t *of_task;   /* [most_tasks] */
    uint32_t *n;         /* [most_tasks] */
    uint32_t *row;       /* [most_tasks][task_rows] */
};

static uint32_t tasks_for(const crew_shards *s, uint64_t rows)
{
    uint64_t parts = rows ? (rows - 1) / s->cfg.task_rows + 1 : 0;
    uint64_t tasks = parts < s->cfg.tasks ? parts : s->cfg.tasks;
    return tasks > s->cfg.n_shards ? (uint32_t)tasks : s->cfg.n_shards;
}

/* Where the rows of the first k workers end: a worker has one at least. */
static uint32_t end_of(const crew_shards *s, uint32_t k)
{
    return (uint32_t)((uint64_t)s->cfg.rows * k / s->cfg.n_workers);
}

static bool make_samplers(crew_shards *s)
{
    const struct crew_shards_config *c = &s->cfg;
    uint32_t before = 0;
    for (uint32_t g = 0; g < c->n_shards; g++) {
        struct shard *h = &s->shard[g];
        h->first = end_of(s, before);
        for (uint32_t i = 0; i < c->n_workers; i++)
            before += c->shard[i] == g;
        h->rows = end_of(s, before) - h->first;
        h->sampler = crew_sampler_create(h->rows, c->task_rows,
                                         crew_rng_u64(c->seed, CREW_STREAM_SHARD, g, 0));
        if (!h->sampler)
            return false;
    }
    return true;
}

crew_shards *crew_shards_create(const struct crew_shards_config *cfg)
{
    crew_shards *s = crew_zalloc(sizeof *s);
    if (!s)
        return NULL;
    s->cfg = *cfg;
    s->cfg.task_rows = cfg->task_rows < cfg->rows ? cfg->task_rows : cfg->rows;
    s->epoch = 1;
    s->most_tasks = tasks_for(s, cfg->rows);
    s->shard = crew_zalloc(cfg->n_shards * sizeof *s->shard);
    s->of_worker = crew_alloc(cfg->n_workers * sizeof *s->of_worker);
    s->of_task = crew_zalloc(s->most_tasks * sizeof *s->of_task);
    s->n = crew_zalloc(s->most_tasks * sizeof *s->n);
    s->row = crew_alloc((size_t)s->most_tasks * s->cfg.task_rows * sizeof *s->row);
    if (s->shard && s->of_worker && s->of_task && s->n && s->row && make_samplers(s)) {
        memcpy(s->of_worker, cfg->shard, cfg->n_workers * sizeof *s->of_worker);
        return s;
    }
    crew_shards_destroy(s);
    return NULL;
}

void crew_shards_destroy(crew_shards *s)
{
    if (!s)
        return;
    for (uint32_t g = 0; s->shard && g < s->cfg.n_shards; g++)
        crew_sampler_destroy(s->shard[g].sampler);
    crew_free(s->shard);
    crew_free(s->of_worker);
    crew_free(s->of_task);
    crew_free(s->n);
    crew_free(s->row);
    crew_free(s);
}

bool crew_shards_part(const crew_shards *s, uint32_t g, uint32_t *first, uint32_t *n)
{
    if (g >= s->cfg.n_shards)
        return false;
    *first = s->shard[g].first;
    *n = s->shard[g].rows;
    return true;
}

/* ---- A round ---- */

void crew_shards_round(crew_shards *s, struct crew_sampler_round *out)
{
    if (s->epoch_rows >= s->cfg.rows) {
        s->epoch++;
        s->epoch_rows = 0;
    }
    *out = (struct crew_sampler_round){.epoch = s->epoch,
                                       .tasks = tasks_for(s, s->cfg.rows - s->epoch_rows)};
}

/* A round that was dealt and did not count is as if it had not been. */
static void take_back(crew_shards *s)
{
    for (uint32_t g = 0; g < s->cfg.n_shards && s->dealt; g++)
        (void)!crew_sampler_load(s->shard[g].sampler, s->shard[g].before, CURSORS);
    s->dealt = false;
}

/* The last task of the group that has most reads shard g. */
static void take_from_most(crew_shards *s, uint32_t g, uint32_t tasks)
{
    uint32_t most = 0, t = tasks;
    for (uint32_t k = 1; k < s->cfg.n_shards; k++)
        most = s->shard[k].tasks > s->shard[most].tasks ? k : most;
    while (s->of_task[--t] != most)
        ;
    s->of_task[t] = g;
    s->shard[most].tasks--;
    s->shard[g].tasks++;
}

/* Which shard each task reads; true: some another than their worker's. */
static bool assign(crew_shards *s, const uint64_t *quota, uint32_t tasks)
{
    for (uint32_t g = 0; g < s->cfg.n_shards; g++) {
        s->shard[g].tasks = 0;
        s->shard[g].drawn = 0;
    }
    for (uint32_t i = 0, t = 0; i < s->cfg.n_workers; i++)
        for (uint64_t k = 0; k < quota[i]; k++, t++) {
            s->of_task[t] = s->of_worker[i];
            s->shard[s->of_worker[i]].tasks++;
        }
    bool moved = false;
    for (uint32_t g = 0; g < s->cfg.n_shards; g++)
        if (!s->shard[g].tasks) {
            take_from_most(s, g, tasks);
            moved = true;
        }
    return moved;
}

/* The shard's next part. */
static void draw(crew_shards *s, uint32_t task)
{
    struct shard *h = &s->shard[s->of_task[task]];
    uint32_t *to = s->row + (size_t)task * s->cfg.task_rows, n;
    struct crew_sampler_round one;
    crew_sampler_round(h->sampler, 1, 0, &one);
    const uint32_t *row = crew_sampler_rows(h->sampler, 0, &n);
    for (uint32_t i = 0; i < n; i++)
        to[i] = h->first + row[i];
    (void)crew_sampler_settle(h->sampler, NULL);
    s->n[task] = n;
    h->drawn += n;
}

bool crew_shards_deal(crew_shards *s, const uint64_t *quota, struct crew_sampler_round *out)
{
    take_back(s);
    for (uint32_t g = 0; g < s->cfg.n_shards; g++)
        (void)crew_sampler_save(s->shard[g].sampler, s->shard[g].before, CURSORS);
    s->dealt = true;
    bool moved = assign(s, quota, out->tasks);
    out->rows = 0;
    for (uint32_t t = 0; t < out->tasks; t++) {
        draw(s, t);
        out->rows += s->n[t];
    }
    s->round = *out;
    return moved;
}

const uint32_t *crew_shards_rows(const crew_shards *s, uint32_t task, uint32_t *n)
{
    *n = s->n[task];
    return s->row + (size_t)task * s->cfg.task_rows;
}

double crew_shards_weight(const crew_shards *s, uint32_t task)
{
    const struct shard *h = &s->shard[s->of_task[task]];
    return (double)h->rows / ((double)s->cfg.rows * (double)h->drawn);
}

bool crew_shards_settle(crew_shards *s)
{
    s->dealt = false;
    s->epoch_rows += s->round.rows;
    return s->epoch_rows >= s->cfg.rows;
}

uint64_t crew_shards_rounds_per_epoch(const crew_shards *s)
{
    return ((uint64_t)(s->cfg.rows - 1) / s->cfg.task_rows) / s->cfg.tasks + 1;
}

uint64_t crew_shards_epoch_rows(const crew_shards *s)
{
    return s->epoch_rows;
}

/* ---- State: epoch, its rows, shards; then of each shard its rows, and its sampler's ---- */

enum { HEAD = 3, PER_SHARD = 1 + CURSORS };

size_t crew_shards_state_max(const crew_shards *s)
{
    return HEAD + (size_t)s->cfg.n_shards * PER_SHARD;
}

size_t crew_shards_save(const crew_shards *s, double *out, size_t cap)
{
    size_t n = crew_shards_state_max(s);
    const double head[HEAD] = {(double)s->epoch, (double)s->epoch_rows, s->cfg.n_shards};
    if (cap < n)
        return n;
    memcpy(out, head, sizeof head);
    for (uint32_t g = 0; g < s->cfg.n_shards; g++) {
        const struct shard *h = &s->shard[g];
        double *to = out + HEAD + (size_t)g * PER_SHARD;
        *to = h->rows;
        if (s->dealt)
            memcpy(to + 1, h->before, sizeof h->before);
        else
            (void)crew_sampler_save(h->sampler, to + 1, CURSORS);
    }
    return n;
}

static crew_status check_state(const crew_shards *s, const double *in, size_t n)
{
    double most_rows = (double)s->cfg.rows + (double)s->most_tasks * s->cfg.task_rows;
    if (n < HEAD || !(in[0] >= 1 && in[0] < 0x1p53) || !(in[1] >= 0 && in[1] <= most_rows) ||
        in[0] != (double)(uint64_t)in[0] || in[1] != (double)(uint64_t)in[1])
        return CREW_EFORMAT;
    if (in[2] != s->cfg.n_shards || n != crew_shards_state_max(s))
        return CREW_EINVAL;
    for (uint32_t g = 0; g < s->cfg.n_shards; g++)
        if (in[HEAD + (size_t)g * PER_SHARD] != s->shard[g].rows)
            return CREW_EINVAL;
    return CREW_OK;
}

crew_status crew_shards_load(crew_shards *s, const double *in, size_t n)
{
    crew_status status = check_state(s, in, n);
    for (uint32_t g = 0; g < s->cfg.n_shards && status == CREW_OK; g++)
        status = crew_sampler_load(s->shard[g].sampler, in + HEAD + (size_t)g * PER_SHARD + 1,
                                   CURSORS);
    if (status != CREW_OK)
        return status;
    s->dealt = false;
    s->epoch = (uint64_t)in[0];
    s->epoch_rows = (uint64_t)in[1];
    return CREW_OK;
}
