/* What one worker's tasks take when its speed may change: a mean that survives a rare outlier,
 * tells the truth of a core that is shared, and forgets what was before a change. */
#ifndef CREW_POLICY_PACE_H
#define CREW_POLICY_PACE_H

#include <stdbool.h>

/* What all workers have in common. Doubles only, so a state is saved by copying it. */
struct crew_noise {
    double tasks, squares; /* squared residuals, lately: see pace.c */
    double window, odd;    /* sums over the workers that are not bursty */
};

/* Of one worker; zeroed: nothing is known. Tasks are counted by their work, seconds are those
 * of full tasks. "Lately": what is older counts less. */
struct crew_pace {
    double tasks, seconds; /* ordinary ones since the last change, lately: the mean */
    double slower, slower_tasks, slower_s; /* a CUSUM, and what was seen since it left 0 */
    double faster, faster_tasks, faster_s;
    double checks, squares;       /* squared residuals, lately */
    double window, odd, excess_s; /* tasks of every kind, odd ones, what those took beyond the
                                     mean; lately */
    double row, row_s;            /* odd ones in a row, just now */
    double bursty;                /* 1: odd ones are a part of its speed, else 0 */
    double
        before_s; /* its least mean before it became slower; 0: it did not, or is fast again */
};

enum crew_news {
    CREW_NEWS_NONE,
    CREW_NEWS_FIRST, /* it was not known before */
    CREW_NEWS_SLOWER,
    CREW_NEWS_FASTER,
    CREW_NEWS_BURSTS, /* from now on odd tasks count */
    CREW_NEWS_BURSTS_OVER
};

/* What is believed before anything is seen. */
struct crew_noise crew_noise_start(void);
/* Standard deviation of a task's time, as a multiple of its worker's mean. */
double crew_noise_cv(const struct crew_noise *noise);

struct crew_task_time {
    double seconds; /* of a full task, wall, > 0 */
    double work;    /* how much of a full task it was, > 0 */
    bool preempted; /* its core was somebody else's for a good part of it */
    bool cut_round; /* of a round that drops tasks: says nothing of the noise */
};

/* One more task. cv: crew_noise_cv() at the beginning of the round; memory: most tasks the mean
 * is made of. */
enum crew_news crew_pace_add(struct crew_pace *p, struct crew_noise *noise, double cv,
                             double memory, const struct crew_task_time *t);

/* A task that was dropped: t is what it stands for (shape.h). The worker is known. */
enum crew_news crew_pace_add_cut(struct crew_pace *p, double cv, double memory,
                                 const struct crew_task_time *t);

/* Seconds of a full task; 0: nothing is known. */
double crew_pace_mean(const struct crew_pace *p);

#endif
