/* Nothing here depends on the unit of time: a task is judged by x / m, its time over its
 * worker's mean.
 *
 * Noise. c, the standard deviation of x / m, is learnt from residuals r = x / m - 1 of ordinary
 * tasks: with a mean of K tasks, r^2 K / (K + 1) has mean c^2. One c is pooled over all
 * workers, another is the worker's own, which starts from it; squares are clipped at 4 c, so
 * that a change of speed is no noise.
 *
 * Odd tasks are those far beyond the mean. One in a thousand may be 500 times as long and mean
 * nothing; on a core that is shared with another process it is one in sixteen, and the truth.
 * So they are held apart and counted in a window, and are a part of the worker's speed once
 * they are more than the other workers' would explain: by Poisson's law, as many plus twice
 * its standard deviation and 4. Many in a row are a change of speed.
 *
 * Changes. Two one-sided CUSUMs (Page, "Continuous inspection schemes", Biometrika 41, 1954),
 * on u = r / (c sqrt(1 + 1 / K)), the uncertain mean included: g = max(0, g + u - 1). Upwards u
 * is at most 5, so that it takes four tasks, not one that was interrupted; downwards r = -ln(x
 * / m), and nothing is clipped: no task is faster than its core. When g passes its limit, the
 * mean is that of the tasks since g was 0, or of those since the first that says more than all
 * the others before it, and what was before is forgotten. */
#include "policy/pace.h"
#include <math.h>
#include <stddef.h>

/* Noise: the first guess, the tasks it counts for, those it is learnt from lately, of all and
 * of one worker, how many of the worker's own the pooled c is worth, where residuals are
 * clipped; tasks after which a mean from elsewhere (a profile) is trusted, if it is no change
 * by then. */
static const double GUESS_CV = 0.5, GUESS_TASKS = 4, NOISE_TASKS = 1e4, OWN_TASKS = 256,
                    POOL_WORTH = 16, CLIP = 4, CLIP_LEAST = 0.2, TRUSTED = 5;
/* Odd tasks: residuals from which one is, a preempted one too; the window; how many begin to
 * count, beyond what is expected, and end; how many in a row are a change, of a bursty worker
 * so many as chance brings once in e^20 times. */
static const double ODD_LEAST = 4, ODD_CV = 10, PREEMPTED = 0.5, WINDOW = 256, BURSTS = 4,
                    BURSTS_OVER = 2, ROW = 3, ROW_CHANCE = 20;
/* Changes: least c, most that one task adds upwards, limits. */
static const double CV_LEAST = 0.02, MOST_UP = 5, SLOWER = 15, FASTER = 7.5;

/* Of numbers; fmax() and fmin() heed NaN, and are calls. */
static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

static inline double smaller(double a, double b)
{
    return a < b ? a : b;
}

struct crew_noise crew_noise_start(void)
{
    return (struct crew_noise){GUESS_TASKS, GUESS_TASKS * GUESS_CV * GUESS_CV, 0, 0};
}

double crew_noise_cv(const struct crew_noise *noise)
{
    return sqrt(noise->squares / noise->tasks);
}

double crew_pace_mean(const struct crew_pace *p)
{
    if (p->tasks <= 0)
        return 0;
    return p->seconds / p->tasks + (p->bursty > 0 ? p->excess_s / p->window : 0);
}

/* Older tasks count less once there are more than that. */
static void fade(double *tasks, double *sum, double *sum2, double most)
{
    if (*tasks <= most)
        return;
    double by = most / *tasks;
    *tasks = most;
    *sum *= by;
    if (sum2)
        *sum2 *= by;
}

/* The same, now and then: halved at twice as many. */
static void halve(double *tasks, double *sum, double most)
{
    if (*tasks <= 2 * most)
        return;
    *tasks /= 2;
    *sum /= 2;
}

/* ---- Noise ---- */

static double own_cv(const struct crew_pace *p, double cv)
{
    return sqrt((p->squares + POOL_WORTH * cv * cv) / (p->checks + POOL_WORTH));
}

static double square_of(double r, double cv)
{
    double a = smaller(fabs(r), larger(CLIP * cv, CLIP_LEAST));
    return a * a;
}

static void add_residual(struct crew_pace *p, struct crew_noise *noise, double cv, double own,
                         double r, double work)
{
    double weight = work * p->tasks / (p->tasks + 1);
    noise->tasks += work;
    noise->squares += weight * square_of(r, cv);
    halve(&noise->tasks, &noise->squares, NOISE_TASKS);
    p->checks += work;
    p->squares += weight * square_of(r, own);
    halve(&p->checks, &p->squares, OWN_TASKS);
}

/* ---- Changes ---- */

static void forget_sums(struct crew_pace *p)
{
    p->slower = p->slower_tasks = p->slower_s = 0;
    p->faster = p->faster_tasks = p->faster_s = 0;
}

/* One task that says more than all before it since g was 0 is taken for the first one after the
 * change: those before were chance. */
static void add_to_sum(double *g, double *tasks, double *seconds, double u,
                       const struct crew_task_time *t)
{
    double more = t->work * (u - 1);
    if (more > *g || *g + more <= 0)
        *tasks = *seconds = 0;
    *g = larger(*g + more, 0);
    if (*g > 0) {
        *tasks += t->work;
        *seconds += t->work * t->seconds;
    }
}

/* Of now and before. */
static double least_mean(const struct crew_pace *p)
{
    double mean = crew_pace_mean(p);
    return p->before_s > 0 ? smaller(mean, p->before_s) : mean;
}

/* How much faster than the mean a task was, in standard deviations of -ln(x / m) by the gamma
 * law, of those with that c the one of which short times are the most usual. */
static double fast_residual(double c, double r)
{
    double c2 = c * c, sd = c * sqrt(1 + c2 * (1.0 / 2 + c2 / 6));
    return r < 0 ? (-log1p(r) - c2 * (1.0 / 2 + c2 / 12)) / sd : -r / sd;
}

/* r = x / m - 1. Most tasks leave both sums at 0: -ln(1 + r) > c only if r < -c / (1 + c). */
static enum crew_news look_for_change(struct crew_pace *p, double own, double r,
                                      const struct crew_task_time *t)
{
    double c = larger(own, CV_LEAST);
    if (p->slower <= 0 && p->faster <= 0 && r <= c && r * (1 + c) >= -c)
        return CREW_NEWS_NONE;
    double unsure = sqrt(1 + 1 / p->tasks);
    add_to_sum(&p->slower, &p->slower_tasks, &p->slower_s, smaller(r / (c * unsure), MOST_UP),
               t);
    add_to_sum(&p->faster, &p->faster_tasks, &p->faster_s, fast_residual(c, r) / unsure, t);
    bool slower = p->slower > SLOWER;
    if (!slower && !(p->faster > FASTER))
        return CREW_NEWS_NONE;
    p->before_s = slower ? least_mean(p) : 0;
    p->tasks = slower ? p->slower_tasks : p->faster_tasks;
    p->seconds = slower ? p->slower_s : p->faster_s;
    forget_sums(p);
    return slower ? CREW_NEWS_SLOWER : CREW_NEWS_FASTER;
}

/* ---- Odd tasks ---- */

static double too_many(const struct crew_pace *p)
{
    return p->bursty > 0 ? larger(ROW, ROW_CHANCE / -log(smaller(p->odd / p->window, 0.9)))
                         : ROW;
}

/* The window moves on; excess_s > 0: by an odd task. */
static void move_window(struct crew_pace *p, struct crew_noise *noise, double work,
                        double excess_s)
{
    double window = p->window, odd = p->odd;
    p->window += work;
    p->odd += excess_s > 0 ? work : 0;
    p->excess_s += excess_s;
    fade(&p->window, &p->odd, &p->excess_s, WINDOW);
    if (p->bursty > 0)
        return;
    noise->window = larger(0, noise->window + p->window - window);
    noise->odd = larger(0, noise->odd + p->odd - odd);
}

/* Does what the window holds beyond the other workers' odd tasks begin to count, or end? */
static enum crew_news judge_bursts(struct crew_pace *p, struct crew_noise *noise)
{
    bool bursty = p->bursty > 0;
    double others = noise->window - (bursty ? 0 : p->window),
           odd = noise->odd - (bursty ? 0 : p->odd),
           expected = others > 0 && odd > 0 ? p->window * odd / others : 0;
    if (bursty ? p->odd >= BURSTS_OVER + expected
               : p->odd < BURSTS + expected + 2 * sqrt(expected))
        return CREW_NEWS_NONE;
    p->bursty = !bursty;
    noise->window = larger(0, noise->window + (bursty ? p->window : -p->window));
    noise->odd = larger(0, noise->odd + (bursty ? p->odd : -p->odd));
    return bursty ? CREW_NEWS_BURSTS_OVER : CREW_NEWS_BURSTS;
}

/* The row is all that is known. */
static enum crew_news start_again(struct crew_pace *p, struct crew_noise *noise)
{
    if (!(p->bursty > 0)) {
        noise->window = larger(0, noise->window - p->window);
        noise->odd = larger(0, noise->odd - p->odd);
    }
    *p = (struct crew_pace){.tasks = p->row,
                            .seconds = p->row_s,
                            .checks = p->checks,
                            .squares = p->squares,
                            .before_s = least_mean(p)};
    return CREW_NEWS_SLOWER;
}

static enum crew_news add_to_mean(struct crew_pace *p, double own, double r, double memory,
                                  const struct crew_task_time *t)
{
    enum crew_news change = look_for_change(p, own, r, t);
    if (change != CREW_NEWS_NONE)
        return change;
    p->tasks += t->work;
    p->seconds += t->work * t->seconds;
    fade(&p->tasks, &p->seconds, NULL, memory);
    return CREW_NEWS_NONE;
}

enum crew_news crew_pace_add_cut(struct crew_pace *p, double cv, double memory,
                                 const struct crew_task_time *t)
{
    double r = t->seconds * p->tasks / p->seconds - 1;
    return add_to_mean(p, own_cv(p, cv), r, memory, t);
}

enum crew_news crew_pace_add(struct crew_pace *p, struct crew_noise *noise, double cv,
                             double memory, const struct crew_task_time *t)
{
    if (p->tasks <= 0) {
        p->tasks = t->work;
        p->seconds = t->work * t->seconds;
        return CREW_NEWS_FIRST;
    }
    double r = t->seconds * p->tasks / p->seconds - 1, own = own_cv(p, cv);
    bool odd = r > larger(ODD_LEAST, ODD_CV * own) || (t->preempted && r > PREEMPTED);
    move_window(p, noise, t->work, odd ? t->work * (t->seconds - p->seconds / p->tasks) : 0);
    enum crew_news bursts = judge_bursts(p, noise);
    if (odd) {
        p->row += t->work;
        p->row_s += t->work * t->seconds;
        return p->row >= too_many(p) ? start_again(p, noise) : bursts;
    }
    if (r < MOST_UP * larger(own, CV_LEAST))
        p->row = p->row_s = 0;
    if (!t->cut_round && (p->window > TRUSTED || p->tasks <= p->window + 1))
        add_residual(p, noise, cv, own, r, t->work);
    enum crew_news change = add_to_mean(p, own, r, memory, t);
    return change != CREW_NEWS_NONE ? change : bursts;
}
