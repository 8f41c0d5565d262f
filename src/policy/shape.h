/* How a task's time is spread about its worker's mean, the same for all workers but for the
 * mean: y = x / m. What a task cut short says, and how many tasks a worker finishes in a time,
 * follow from it. */
#ifndef CREW_POLICY_SHAPE_H
#define CREW_POLICY_SHAPE_H

#include <stdbool.h>

enum { CREW_SHAPE_CELLS = 256 };

/* Times here are in units of the mean. Zeroed: nothing is known. */
struct crew_shape {
    double tasks;                       /* seen, lately: the sum of count */
    double count[CREW_SHAPE_CELLS];     /* tasks with y in the cell; the last one: or beyond */
    double beyond, longest;             /* what they took beyond the last cell; one of them */
    double mean;                        /* what follows is made of those by crew_shape_fit() */
    double below[CREW_SHAPE_CELLS + 1]; /* share of the tasks that are done at a cell's start */
    double part[CREW_SHAPE_CELLS + 1];  /* their times, as a share of all tasks' times */
    double late; /* (1 - c^2) / 2: what a worker has done by a random time is less than time /
                    mean by that in the long run, unlike by the end of one of its tasks */
    double done[CREW_SHAPE_CELLS + 1]; /* expected number of tasks done, one after another */
};

/* Could it be one that was saved? */
bool crew_shape_valid(const struct crew_shape *s);
/* One more task that nothing cut short. */
void crew_shape_add(struct crew_shape *s, double y);
/* To be called before the functions below, once tasks were added. Some tasks, O(cells^2). */
void crew_shape_fit(struct crew_shape *s);

/* Expected number of tasks that a worker finishes in that time, starting afresh: the renewal
 * function. Not decreasing. */
double crew_shape_done(const struct crew_shape *s, double time);

/* How much longer a task takes, on average, because of those beyond the last cell. */
double crew_shape_outliers(const struct crew_shape *s);

/* A task that was cut short after that time. */
struct crew_shape_cut {
    double weight; /* how much of a whole task it tells, 0..1 */
    double y;      /* and of which time, > 0 where weight > 0 */
};
struct crew_shape_cut crew_shape_cut(const struct crew_shape *s, double time);

#endif
