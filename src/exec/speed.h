/* How long a task takes on each worker of a simulated machine: "4*1ms 12*exp(1ms,2ms)". */
#ifndef CREW_EXEC_SPEED_H
#define CREW_EXEC_SPEED_H

#include <crew/crew.h>

enum crew_law_kind {
    CREW_LAW_CONST,      /* shift */
    CREW_LAW_UNIFORM,    /* shift + U(a, b), 0 <= a < b */
    CREW_LAW_EXP,        /* shift + exponential of mean a */
    CREW_LAW_HALFNORMAL, /* shift + |N(0, a^2)| */
    CREW_LAW_LOGNORMAL,  /* shift + a exp(b N(0, 1)): median a */
    CREW_LAW_GAMMA,      /* shift + gamma of shape a and scale b */
    CREW_LAW_WEIBULL,    /* shift + Weibull of shape a and scale b */
    CREW_LAW_PARETO,     /* shift + Pareto of shape a > 1 from b on */
    CREW_LAW_REPLAY      /* recorded times, one after the other */
};

/* The law of one worker's task times. shift, and whichever of a and b is a time: seconds. */
struct crew_law {
    enum crew_law_kind kind;
    double shift, a, b;
};

double crew_law_mean(const struct crew_law *law); /* not of a replay */

/* The laws by name, with their arguments, for help: NULL past the end. */
const struct crew_entry *crew_law_at(size_t i);

typedef struct crew_speeds crew_speeds;

/* Parse the grammar of `crew help speeds`. wrap: a recording that runs out starts again.
 * CREW_EINVAL: the sentence, the text and a caret under the mistake, in three lines;
 * CREW_EINPUT, CREW_EFORMAT: a recording; CREW_ENOMEM. */
CREW_CHECKED crew_status crew_speeds_parse(const char *spec, bool wrap, crew_speeds **out,
                                           struct crew_error *err);
/* One law a worker; law [n] is copied. CREW_EINVAL: a law that gives times that are not above
 * 0; CREW_ENOMEM. */
CREW_CHECKED crew_status crew_speeds_create(const struct crew_law *law, uint32_t n,
                                            crew_speeds **out, struct crew_error *err);
void crew_speeds_destroy(crew_speeds *s); /* NULL is fine */

/* What a scenario adds to the laws: speeds that change with the rounds, at random, too, and
 * tasks that are rarely far longer. */
struct crew_twist {
    /* From round `last` to `round`, which is after it. factor [n] in and out: times of a worker
     * are multiplied by it, 0: it is absent; all 1 where last is 0, and in round 1 nobody is
     * absent. A function of its arguments. NULL: nothing changes. */
    void (*turn)(double *factor, uint32_t n, uint64_t seed, uint64_t last, uint64_t round);
    /* A task of one of the first rare_workers takes, with that chance, `times` as long, and
     * more_s on top. */
    uint32_t rare_workers;
    double chance, times, more_s;
};
/* Before its use; copied. CREW_ENOMEM: s is to be destroyed. */
CREW_CHECKED crew_status crew_speeds_twist(crew_speeds *s, const struct crew_twist *twist);
/* Means and draws are those of that round from here on, where a twist changes them; cheap in
 * ascending order. */
void crew_speeds_enter(crew_speeds *s, uint64_t seed, uint64_t round);
/* [n] who is here in that round, until another is entered; NULL: all are. */
const bool *crew_speeds_available(const crew_speeds *s);

uint32_t crew_speeds_n(const crew_speeds *s);
/* Does anything depend on the round or on the time? */
bool crew_speeds_vary(const crew_speeds *s);
/* True mean seconds of a full task of worker i begun in that round (from 1), that many seconds
 * after the start; 0: it is absent. Of a replay: the mean of its recorded full tasks. */
double crew_speeds_mean(const crew_speeds *s, uint32_t i, uint64_t round, double at_s);

/* One task. */
struct crew_draw {
    uint64_t seed;
    uint64_t round; /* from 1, below 2^32 */
    uint32_t nth;   /* of this worker's tasks of the round, from 0 */
    double at_s;    /* when it begins, seconds after the start */
    double work;    /* in units of a full task */
};

/* Seconds of one task of worker i, > 0; *flags as in struct crew_timing. A function of (seed,
 * worker, round, nth, work) and of which law holds at that time, never of what was drawn
 * before; only a replay moves on with each call. Negative: the recording of this worker has run
 * out. */
double crew_speeds_draw(crew_speeds *s, uint32_t i, const struct crew_draw *draw,
                        uint32_t *flags);
/* A replay takes back what it gave worker i last, and will give it again. */
void crew_speeds_undo(crew_speeds *s, uint32_t i);
/* Replays start again from their first times. */
void crew_speeds_rewind(crew_speeds *s);
/* Where worker i's replay stands, 0 for a law; seek(): false: it has not so many times. */
double crew_speeds_position(const crew_speeds *s, uint32_t i);
bool crew_speeds_seek(crew_speeds *s, uint32_t i, double position);
bool crew_speeds_replays(const crew_speeds *s); /* does any worker? */

#endif
