/* What a scenario adds to the laws of task times. */
#include "base/mem.h"
#include "base/rng.h"
#include "exec/speed_internal.h"
#include <string.h>

crew_status crew_speeds_twist(crew_speeds *s, const struct crew_twist *twist)
{
    crew_twist_destroy(s->twist);
    s->twist = crew_zalloc(sizeof *s->twist);
    if (!s->twist)
        return CREW_ENOMEM;
    s->twist->is = *twist;
    s->vary |= twist->turn != NULL;
    if (!twist->turn)
        return CREW_OK;
    s->twist->factor = crew_alloc(s->n * sizeof *s->twist->factor);
    s->twist->here = crew_alloc(s->n * sizeof *s->twist->here);
    if (!s->twist->factor || !s->twist->here)
        return CREW_ENOMEM;
    crew_twist_rewind(s->twist, s->n);
    return CREW_OK;
}

void crew_twist_destroy(struct crew_twist_state *t)
{
    if (!t)
        return;
    crew_free(t->factor);
    crew_free(t->here);
    crew_free(t);
}

void crew_twist_rewind(struct crew_twist_state *t, uint32_t n)
{
    t->round = 0;
    t->absent = 0;
    for (uint32_t i = 0; t->factor && i < n; i++)
        t->factor[i] = 1;
}

void crew_speeds_enter(crew_speeds *s, uint64_t seed, uint64_t round)
{
    struct crew_twist_state *t = s->twist;
    if (!t || !t->factor || (t->round == round && t->seed == seed))
        return;
    if (t->seed != seed || t->round > round)
        crew_twist_rewind(t, s->n);
    t->is.turn(t->factor, s->n, seed, t->round, round);
    t->seed = seed;
    t->round = round;
    t->absent = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        t->here[i] = t->factor[i] > 0;
        t->absent += !t->here[i];
    }
}

const bool *crew_speeds_available(const crew_speeds *s)
{
    return s->twist && s->twist->absent ? s->twist->here : NULL;
}

double crew_twist_mean(const struct crew_twist_state *t, uint32_t i, double mean_s)
{
    if (i < t->is.rare_workers)
        mean_s += t->is.chance * ((t->is.times - 1) * mean_s + t->is.more_s);
    return t->factor ? t->factor[i] * mean_s : mean_s;
}

double crew_twist_draw(const struct crew_twist_state *t, uint32_t i,
                       const struct crew_draw *draw, double seconds)
{
    if (i < t->is.rare_workers && crew_rng_unit(draw->seed, CREW_STREAM_TWIST, i,
                                                draw->round << 32 | draw->nth) < t->is.chance)
        seconds = seconds * t->is.times + draw->work * t->is.more_s;
    return t->factor ? t->factor[i] * seconds : seconds;
}
