#include "data/sampler.h"
#include "base/mem.h"
#include "base/rng.h"

struct crew_sampler {
    uint64_t seed, epoch;
    uint32_t rows, task_rows, parts;
    uint32_t head;         /* parts before it are settled */
    uint64_t settled_rows; /* of this epoch */
    struct crew_sampler_round round;
    uint32_t *order; /* [rows] this epoch's order */
    uint32_t *queue; /* [parts] parts in the order in which they are handed out */
};

static void begin_epoch(crew_sampler *s)
{
    s->epoch++;
    s->head = 0;
    s->settled_rows = 0;
    crew_rng_shuffle(s->seed, CREW_STREAM_EPOCH, (uint32_t)s->epoch, s->order, s->rows);
    for (uint32_t i = 0; i < s->parts; i++)
        s->queue[i] = i;
}

crew_sampler *crew_sampler_create(uint32_t rows, uint32_t task_rows, uint64_t seed)
{
    crew_sampler *s = crew_zalloc(sizeof *s);
    if (!s)
        return NULL;
    s->rows = rows;
    s->task_rows = task_rows < rows ? task_rows : rows;
    s->seed = seed;
    s->parts = (rows - 1) / s->task_rows + 1;
    s->order = crew_alloc(rows * sizeof *s->order);
    s->queue = crew_alloc(s->parts * sizeof *s->queue);
    if (s->order && s->queue) {
        begin_epoch(s);
        return s;
    }
    crew_sampler_destroy(s);
    return NULL;
}

void crew_sampler_destroy(crew_sampler *s)
{
    if (!s)
        return;
    crew_free(s->order);
    crew_free(s->queue);
    crew_free(s);
}

static uint32_t part_rows(const crew_sampler *s, uint32_t part)
{
    return part + 1 < s->parts ? s->task_rows : s->rows - part * s->task_rows;
}

void crew_sampler_round(crew_sampler *s, uint32_t tasks, uint32_t spare,
                        struct crew_sampler_round *out)
{
    if (s->head == s->parts)
        begin_epoch(s);
    uint32_t left = s->parts - s->head;
    struct crew_sampler_round *r = &s->round;
    r->epoch = s->epoch;
    r->tasks = tasks < left ? tasks : left;
    /* A short part never competes: then the number of rows would depend on who was late. It is
     * the last of the queue unless it was handed out as one of the tasks. */
    uint32_t full = left - (part_rows(s, s->parts - 1) < s->task_rows && left > r->tasks);
    uint32_t beyond = full > r->tasks ? full - r->tasks : 0;
    r->spare = spare < beyond ? spare : beyond;
    r->rows = 0;
    for (uint32_t t = 0; t < r->tasks; t++)
        r->rows += part_rows(s, s->queue[s->head + t]);
    *out = *r;
}

const uint32_t *crew_sampler_rows(const crew_sampler *s, uint32_t task, uint32_t *n)
{
    uint32_t part = s->queue[s->head + task];
    *n = part_rows(s, part);
    return s->order + (size_t)part * s->task_rows;
}

bool crew_sampler_settle(crew_sampler *s, const bool *kept)
{
    uint32_t given = s->round.tasks + s->round.spare, free = given;
    s->settled_rows += s->round.rows;
    if (kept) /* parts that were not used move to the end of what was handed out, the new front
               */
        for (uint32_t t = given; t-- > 0;)
            if (!kept[t]) {
                uint32_t part = s->queue[s->head + t];
                s->queue[s->head + t] = s->queue[s->head + --free];
                s->queue[s->head + free] = part;
            }
    s->head += s->round.tasks;
    return s->head == s->parts;
}

uint64_t crew_sampler_rounds_per_epoch(const crew_sampler *s, uint32_t tasks)
{
    return (s->parts - 1) / tasks + 1;
}

uint64_t crew_sampler_epoch_rows(const crew_sampler *s)
{
    return s->settled_rows;
}
