/* A histogram of y = x / m in cells of 1 / 32 up to 8, and what follows from it. All of it is
 * divided by the histogram's own mean, which differs from 1 by chance and by the tasks
 * beyond 8.
 *
 * The renewal function H(t) = sum over k of P(y_1 + ... + y_k <= t) solves H = F + F' * H
 * (Feller, "An Introduction to Probability Theory and Its Applications" II, chapter XI), here
 * on the lattice of the cells' edges: half of a cell's tasks go to either edge. Beyond 8 it
 * goes on by one task a mean.
 *
 * A task that was cut short at t says that y > t, so it stands for r = E[y | y > t]: the means
 * of such stand-ins are right for any shape (Buckley and James, "Linear regression with
 * censored data", Biometrika 66, 1979; an EM algorithm). Left at that, one that was cut short
 * at once would count for as much as a whole one and say "as expected". It counts for the share
 * F(t) of the tasks that would have been done by then, and moves a sum of y - 1 by as much as
 * before: the y that does is 1 + (r - 1) / F(t). */
#include "policy/shape.h"
#include <math.h>

/* Cells of a mean; tasks that are lately; longest time. */
static const double CELLS_A_MEAN = 32, TASKS = 1e4, MOST = 1e9;

bool crew_shape_valid(const struct crew_shape *s)
{
    double tasks = 0;
    for (int j = 0; j < CREW_SHAPE_CELLS; j++) {
        if (!(s->count[j] >= 0))
            return false;
        tasks += s->count[j];
    }
    return tasks <= 3 * TASKS && fabs(tasks - s->tasks) <= 1e-6 * tasks && s->longest >= 0 &&
           s->longest <= s->beyond && s->beyond <= s->tasks * MOST;
}

void crew_shape_add(struct crew_shape *s, double y)
{
    if (!(y >= 0))
        return;
    double cell = floor(y * CELLS_A_MEAN);
    s->count[cell < CREW_SHAPE_CELLS ? (int)cell : CREW_SHAPE_CELLS - 1]++;
    if (cell >= CREW_SHAPE_CELLS) {
        double over = fmin(y, MOST) - CREW_SHAPE_CELLS / CELLS_A_MEAN;
        s->beyond += over;
        s->longest = fmax(s->longest, over);
    }
    if (++s->tasks <= 2 * TASKS)
        return;
    s->tasks /= 2;
    s->beyond /= 2;
    s->longest /= 2;
    for (int j = 0; j < CREW_SHAPE_CELLS; j++)
        s->count[j] /= 2;
}

static void renew(struct crew_shape *s)
{
    enum { N = CREW_SHAPE_CELLS };
    double edge[N + 1] = {0};
    for (int j = 0; j < N; j++) {
        double half = s->count[j] / s->tasks / 2;
        edge[j > 0 ? j : 1] += half; /* no task takes no time */
        edge[j + 1] += half;
    }
    s->done[0] = 0;
    for (int j = 1; j <= N; j++) {
        double sum = 0;
        for (int i = 1; i <= j; i++)
            sum += edge[i] * (1 + s->done[j - i]);
        s->done[j] = sum;
    }
}

void crew_shape_fit(struct crew_shape *s)
{
    double sum = 0, squares = 0, tasks = 0;
    for (int j = 0; j < CREW_SHAPE_CELLS; j++) {
        sum += s->count[j] * (j + 0.5);
        squares += s->count[j] * (j + 0.5) * (j + 0.5);
    }
    s->mean = sum / s->tasks / CELLS_A_MEAN;
    s->late = 1 - s->tasks * squares / (sum * sum) / 2;
    s->below[0] = s->part[0] = 0;
    for (int j = 0; j < CREW_SHAPE_CELLS; j++) {
        tasks += s->count[j];
        s->below[j + 1] = tasks / s->tasks;
        s->part[j + 1] = s->part[j] + s->count[j] * (j + 0.5) / sum;
    }
    renew(s);
}

/* Between the cells' edges: a straight line. */
static double read_at(const double *table, double place)
{
    if (place >= CREW_SHAPE_CELLS)
        return table[CREW_SHAPE_CELLS];
    int j = (int)place;
    return table[j] + (table[j + 1] - table[j]) * (place - j);
}

double crew_shape_done(const struct crew_shape *s, double time)
{
    double scale = s->mean * CELLS_A_MEAN;
    return read_at(s->done, time * scale) + fmax(time - CREW_SHAPE_CELLS / scale, 0);
}

/* One of them may be chance. */
double crew_shape_outliers(const struct crew_shape *s)
{
    return (s->beyond - s->longest) / s->tasks;
}

struct crew_shape_cut crew_shape_cut(const struct crew_shape *s, double time)
{
    double place = time * s->mean * CELLS_A_MEAN, below = read_at(s->below, place),
           one =
               1 / (s->tasks + 1); /* one task more, of any length: the longest is not known */
    double rest = (1 - read_at(s->part, place) + one * fmax(1, 2 * time)) / (1 - below + one);
    return (struct crew_shape_cut){below, below > 0 ? 1 + (rest - 1) / below : 0};
}
