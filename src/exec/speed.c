/* Which law gives a worker's task time: laws by group of workers, or one a worker. */
#include "exec/speed.h"
#include "base/error.h"
#include "base/mem.h"
#include "exec/speed_internal.h"
#include <string.h>

/* ---- Build ---- */

struct crew_speeds *crew_speeds_new(bool wrap)
{
    struct crew_speeds *s = crew_zalloc(sizeof *s);
    if (s)
        s->wrap = wrap;
    return s;
}

/* Room for one more in an array of n elements: the array, moved if need be, or NULL. */
static void *grow(void *array, uint32_t n, uint32_t *room, size_t size)
{
    if (n < *room)
        return array;
    size_t more = *room ? 2 * (size_t)*room : 8;
    void *moved = more <= UINT32_MAX ? crew_alloc(more * size) : NULL;
    if (!moved)
        return NULL;
    if (n)
        memcpy(moved, array, n * size);
    crew_free(array);
    *room = (uint32_t)more;
    return moved;
}

crew_status crew_speeds_add_law(struct crew_speeds *s, const struct crew_law *law,
                                struct crew_until until)
{
    uint32_t room = s->room_laws;
    struct crew_law *laws = grow(s->law, s->n_laws, &room, sizeof *laws);
    if (!laws)
        return CREW_ENOMEM;
    s->law = laws;
    struct crew_until *untils = grow(s->until, s->n_laws, &s->room_laws, sizeof *untils);
    if (!untils)
        return CREW_ENOMEM;
    s->until = untils;
    s->until[s->n_laws] = until;
    s->law[s->n_laws++] = *law;
    return CREW_OK;
}

crew_status crew_speeds_add_group(struct crew_speeds *s, uint32_t count, uint32_t n_laws,
                                  struct crew_replay *replay)
{
    struct crew_speed_group *groups =
        grow(s->group, s->n_groups, &s->room_groups, sizeof *groups);
    if (!groups) {
        crew_replay_destroy(replay);
        return CREW_ENOMEM;
    }
    s->group = groups;
    s->group[s->n_groups++] = (struct crew_speed_group){
        .begin = s->n,
        .end = s->n + count,
        .first = s->n_laws - n_laws,
        .last = s->n_laws - 1,
        .replay = replay,
    };
    s->n += count;
    s->vary |= n_laws > 1;
    return CREW_OK;
}

/* One entry a worker, up to a million workers; of more, one for every 2^shift. So 4 billion
 * workers in three groups take no memory to speak of. */
crew_status crew_speeds_index(struct crew_speeds *s)
{
    enum { ENTRIES = 1 << 20 };
    s->shift = s->n_groups == 1 ? 31 : 0;
    while ((s->n - 1) >> s->shift >= ENTRIES)
        s->shift++;
    uint32_t n = ((s->n - 1) >> s->shift) + 1;
    if (!(s->block = crew_alloc(n * sizeof *s->block)))
        return CREW_ENOMEM;
    for (uint32_t b = 0, g = 0; b < n; b++) {
        while (s->group[g].end <= b << s->shift)
            g++;
        s->block[b] = g;
    }
    return CREW_OK;
}

crew_status crew_speeds_create(const struct crew_law *law, uint32_t n, crew_speeds **out,
                               struct crew_error *err)
{
    *out = NULL;
    if (!n)
        return crew_fail(err, CREW_EINVAL, "there are no workers");
    for (uint32_t i = 0; i < n; i++) {
        char why[160];
        int argument;
        if (law[i].kind >= CREW_LAW_REPLAY)
            return crew_fail(err, CREW_EINVAL, "worker %u has an unknown law", i);
        if (!crew_law_check(&law[i], &argument, why, sizeof why))
            return crew_fail(err, CREW_EINVAL, "worker %u, %s: %s", i,
                             crew_law_at(law[i].kind)->name, why);
    }
    struct crew_speeds *s = crew_speeds_new(false);
    if (!s || !(s->law = crew_alloc(n * sizeof *s->law))) {
        crew_speeds_destroy(s);
        return crew_fail(err, CREW_ENOMEM, "no memory for the task times of %u workers", n);
    }
    memcpy(s->law, law, n * sizeof *s->law);
    s->n = n;
    *out = s;
    return CREW_OK;
}

void crew_speeds_destroy(crew_speeds *s)
{
    if (!s)
        return;
    for (uint32_t g = 0; g < s->n_groups; g++)
        crew_replay_destroy(s->group[g].replay);
    crew_free(s->group);
    crew_free(s->block);
    crew_free(s->law);
    crew_free(s->until);
    crew_twist_destroy(s->twist);
    crew_free(s);
}

/* ---- Use ---- */

uint32_t crew_speeds_n(const crew_speeds *s)
{
    return s->n;
}

bool crew_speeds_vary(const crew_speeds *s)
{
    return s->vary;
}

static inline const struct crew_speed_group *group_of(const struct crew_speeds *s, uint32_t i)
{
    const struct crew_speed_group *g = &s->group[s->block[i >> s->shift]];
    while (i >= g->end)
        g++;
    return g;
}

static inline const struct crew_law *law_of(const struct crew_speeds *s,
                                            const struct crew_speed_group *g, uint64_t round,
                                            double at_s)
{
    uint32_t k = g->first;
    while (k < g->last && ((double)round >= s->until[k].round || at_s >= s->until[k].s))
        k++;
    return &s->law[k];
}

static double mean_by_law(const crew_speeds *s, uint32_t i, uint64_t round, double at_s)
{
    if (!s->group)
        return crew_law_mean(&s->law[i]);
    const struct crew_speed_group *g = group_of(s, i);
    return g->replay ? crew_replay_mean(g->replay, i - g->begin)
                     : crew_law_mean(law_of(s, g, round, at_s));
}

double crew_speeds_mean(const crew_speeds *s, uint32_t i, uint64_t round, double at_s)
{
    double mean_s = mean_by_law(s, i, round, at_s);
    return s->twist ? crew_twist_mean(s->twist, i, mean_s) : mean_s;
}

double crew_speeds_draw(crew_speeds *s, uint32_t i, const struct crew_draw *d, uint32_t *flags)
{
    const struct crew_law *law;
    *flags = 0;
    if (s->group) {
        const struct crew_speed_group *g = group_of(s, i);
        if (g->replay)
            return crew_replay_next(g->replay, i - g->begin, d->work, s->wrap, flags);
        law = law_of(s, g, d->round, d->at_s);
    } else {
        law = &s->law[i];
    }
    double seconds = d->work * crew_law_draw(law, d->seed, i, d->round << 32 | d->nth);
    return s->twist ? crew_twist_draw(s->twist, i, d, seconds) : seconds;
}

void crew_speeds_undo(crew_speeds *s, uint32_t i)
{
    const struct crew_speed_group *g = s->group ? group_of(s, i) : NULL;
    if (g && g->replay)
        crew_replay_undo(g->replay, i - g->begin);
}

void crew_speeds_rewind(crew_speeds *s)
{
    for (uint32_t g = 0; g < s->n_groups; g++)
        if (s->group[g].replay)
            crew_replay_rewind(s->group[g].replay);
    if (s->twist)
        crew_twist_rewind(s->twist, s->n);
}

bool crew_speeds_replays(const crew_speeds *s)
{
    for (uint32_t g = 0; g < s->n_groups; g++)
        if (s->group[g].replay)
            return true;
    return false;
}

double crew_speeds_position(const crew_speeds *s, uint32_t i)
{
    const struct crew_speed_group *g = s->group ? group_of(s, i) : NULL;
    return g && g->replay ? (double)crew_replay_position(g->replay, i - g->begin) : 0;
}

bool crew_speeds_seek(crew_speeds *s, uint32_t i, double position)
{
    const struct crew_speed_group *g = s->group ? group_of(s, i) : NULL;
    if (!(position >= 0 && position < 0x1p53))
        return false;
    return g && g->replay ? crew_replay_seek(g->replay, i - g->begin, (size_t)position)
                          : position == 0;
}
