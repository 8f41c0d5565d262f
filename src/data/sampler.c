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

static void begin_epoch(crew_sampler *s, uint64_t epoch)
{
    s->epoch = epoch;
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
        begin_epoch(s, 1);
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
        begin_epoch(s, s->epoch + 1);
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

/* State: epoch, parts settled, rows settled; then the parts in the order in which they are
 * handed out, unless that is 0, 1, 2 ... */
enum { CURSORS = 3 };

size_t crew_sampler_state_max(const crew_sampler *s)
{
    return CURSORS + (size_t)s->parts;
}

size_t crew_sampler_save(const crew_sampler *s, double *out, size_t cap)
{
    const double cursor[CURSORS] = {(double)s->epoch, s->head, (double)s->settled_rows};
    bool in_order = true;
    for (uint32_t i = 0; i < s->parts && in_order; i++)
        in_order = s->queue[i] == i;
    size_t n = in_order ? CURSORS : crew_sampler_state_max(s);
    for (size_t i = 0; i < n && i < cap; i++)
        out[i] = i < CURSORS ? cursor[i] : s->queue[i - CURSORS];
    return n;
}

/* Whole, and from lowest to highest. */
static bool whole(double x, double lowest, double highest)
{
    return x >= lowest && x <= highest && x == (double)(uint64_t)x;
}

/* Each part once; order is scratch, and made anew afterwards. */
static bool load_queue(crew_sampler *s, const double *in)
{
    for (uint32_t i = 0; i < s->parts; i++)
        s->order[i] = 0;
    for (uint32_t i = 0; i < s->parts; i++)
        if (!whole(in[i], 0, s->parts - 1) || s->order[(uint32_t)in[i]]++)
            return false;
    return true;
}

crew_status crew_sampler_load(crew_sampler *s, const double *in, size_t n)
{
    uint64_t before = s->epoch;
    bool ok = (n == CURSORS || n == crew_sampler_state_max(s)) && whole(in[0], 1, UINT32_MAX) &&
              whole(in[1], 0, s->parts) && whole(in[2], 0, s->rows) &&
              (n == CURSORS || load_queue(s, in + CURSORS));
    begin_epoch(s, ok ? (uint64_t)in[0] : before);
    if (!ok)
        return CREW_EFORMAT;
    s->head = (uint32_t)in[1];
    s->settled_rows = (uint64_t)in[2];
    for (uint32_t i = 0; n > CURSORS && i < s->parts; i++)
        s->queue[i] = (uint32_t)in[CURSORS + i];
    return CREW_OK;
}
