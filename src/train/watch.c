/* The caller of run() watches the coordinator: the real time limit, and tasks that take too
 * long. A round with such a task is stopped. Where even that does not bring the task back, the
 * trainer is taken from the coordinator, who waits for it: what is left is saved by the caller.
 *
 *   phase      coordinator: COORDINATING -> COMPUTING -> COORDINATING, around the executor's
 *              round; caller: COMPUTING -> ABANDONED, and the trainer is its own, but for what
 *              tasks use: desks, sums, and the parameters, which it may read. Release and
 *              acquire on both sides: what the one wrote before, the other sees after
 *   overdue    1 + the worker whose task took too long, 0: none. The caller sets it, then stops
 *              the round; the coordinator asks once the round is over. Relaxed: it carries
 *              no data
 *   desk[i].begun_s, task   Wi; relaxed, the caller asks
 *   desk[i].longest         C reset, Wi, then C: the pool publishes it */
#include "base/blas.h"
#include "base/clock.h"
#include "base/error.h"
#include "train/checkpoint.h"
#include <math.h>
#include <unistd.h>

/* A watcher that wakes up so much too late was stopped itself, or the machine slept: then no
 * task is to blame, and each begins anew. */
static const double JUMP_S = 1;
static const double LOOK_S = 1;  /* at least that often; four times in the time a task has */
static const double GRACE_S = 2; /* to see the stop, at most */

/* Who computes; virtual workers do not. */
static const char *carrier(const crew_trainer *t)
{
    return t->virtual_time ? "thread" : "worker";
}

/* ---- The coordinator ---- */

/* The trainer is whole again: the task has returned, and may be described. */
static crew_status say_late(crew_trainer *t, uint32_t worker)
{
    const struct crew_desk *d = &t->desk[worker];
    char where[CREW_TASK_TEXT];
    if (d->longest.seconds <= t->cfg.task_timeout_s) /* it was one of the round before */
        return crew_fail(&t->run_error, CREW_ETIMEOUT, "a task of %s %u took longer than %g s",
                         carrier(t), worker, t->cfg.task_timeout_s);
    crew_task_describe(t, carrier(t), worker, d->longest.task, where, sizeof where);
    return crew_fail(&t->run_error, CREW_ETIMEOUT, "%s took %.3g s, longer than %g s", where,
                     d->longest.seconds, t->cfg.task_timeout_s);
}

crew_status crew_watched_round(crew_trainer *t)
{
    uint32_t computing = CREW_COMPUTING;
    for (uint32_t i = 0; t->cfg.task_timeout_s > 0 && i < t->threads; i++)
        t->desk[i].longest.seconds = 0;
    atomic_store_explicit(&t->phase, CREW_COMPUTING, memory_order_release);
    crew_status status =
        crew_loop_run(&t->loop, t->cfg.seed, t->round_rows.spare, t->task_work, &t->work);
    if (!atomic_compare_exchange_strong_explicit(&t->phase, &computing, CREW_COORDINATING,
                                                 memory_order_acq_rel, memory_order_acquire))
        return CREW_ETIMEOUT;
    uint32_t overdue = atomic_load_explicit(&t->overdue, memory_order_relaxed);
    bool late = overdue && (status == CREW_OK || status == CREW_ESTOPPED);
    return late ? say_late(t, overdue - 1) : status;
}

bool crew_trainer_abandoned(const crew_trainer *t)
{
    return atomic_load_explicit(&t->phase, memory_order_acquire) == CREW_ABANDONED;
}

/* ---- The caller of run() ---- */

struct watch {
    double until_s;    /* the time limit */
    double looked_s;   /* when it last looked */
    double patience_s; /* no task is older than from then on */
    double give_up_s;  /* once one is overdue */
    uint32_t worker, task;
    bool overdue;
};

/* The one that is under way for longest; false: there is none. */
static bool oldest_task(const crew_trainer *t, struct watch *w, double *begun_s)
{
    *begun_s = (double)INFINITY;
    for (uint32_t i = 0; i < t->threads; i++) {
        double begun = atomic_load_explicit(&t->desk[i].begun_s, memory_order_relaxed);
        if (!(begun > 0 && begun < *begun_s))
            continue;
        *begun_s = begun;
        w->worker = i;
        w->task = atomic_load_explicit(&t->desk[i].task, memory_order_relaxed);
    }
    return isfinite(*begun_s);
}

static bool take_away(crew_trainer *t, const struct watch *w)
{
    uint32_t computing = CREW_COMPUTING;
    char where[CREW_TASK_TEXT];
    if (!atomic_compare_exchange_strong_explicit(&t->phase, &computing, CREW_ABANDONED,
                                                 memory_order_acq_rel, memory_order_acquire))
        return false;
    crew_task_describe(t, carrier(t), w->worker, w->task, where, sizeof where);
    t->run_status = crew_fail(&t->run_error, CREW_ETIMEOUT, "%s has not returned after %g s",
                              where, t->cfg.task_timeout_s);
    return true;
}

/* True: a task never returns, and the trainer was taken away. */
static bool look_at_tasks(crew_trainer *t, struct watch *w, double now, double step)
{
    double limit = t->cfg.task_timeout_s, grace = fmin(fmax(limit, 0.1), GRACE_S), begun;
    if (now - w->looked_s > step + fmax(step, JUMP_S)) {
        w->patience_s = now;
        w->give_up_s = now + grace;
    }
    w->looked_s = now;
    bool under_way = oldest_task(t, w, &begun);
    if (w->overdue)
        return under_way && now >= w->give_up_s && take_away(t, w);
    if (under_way && now - fmax(begun, w->patience_s) > limit) {
        w->overdue = true;
        w->give_up_s = now + grace;
        atomic_store_explicit(&t->overdue, w->worker + 1, memory_order_relaxed);
        crew_trainer_request_stop(t);
    }
    return false;
}

bool crew_watch(crew_trainer *t, double until_s)
{
    double limit = t->cfg.task_timeout_s,
           step = limit > 0 ? fmin(limit / 4, LOOK_S) : (double)INFINITY;
    struct watch w = {.until_s = until_s, .looked_s = crew_now_s()};
    for (;;) {
        double next = fmin(w.until_s, crew_now_s() + step);
        if (crew_pool_join(t->pool, isfinite(next) ? next : -1))
            return true;
        double now = crew_now_s();
        if (now >= w.until_s) {
            w.until_s = (double)INFINITY;
            t->late = true;
            crew_trainer_request_stop(t);
        }
        if (limit > 0 && look_at_tasks(t, &w, now, step))
            return false;
    }
}

/* ---- Anybody ---- */

crew_status crew_trainer_usable(const crew_trainer *t, struct crew_error *err)
{
    if (t->process != getpid())
        return crew_fail(err, CREW_ESTATE,
                         "this process was forked after the trainer was made: its threads are "
                         "not here");
    if (crew_trainer_abandoned(t))
        return crew_fail(err, CREW_ESTATE,
                         "a task of this trainer has never returned: it can be saved and "
                         "destroyed, no more");
    return CREW_OK;
}

/* What a child holds of its parent's trainer, others wait for: descriptors, and its copy of a
 * count. */
static void leave_to_parent(crew_trainer *t)
{
    crew_checkpoint_leave(t->checkpoint);
    crew_claim_destroy(t->claim);
    t->claim = NULL;
    if (t->blas_borrowed)
        crew_blas_return();
    t->blas_borrowed = false;
}

/* Threads that are not here, or that do not return, cannot be joined: what they use stays. The
 * folder of checkpoints does not: another trainer may go on from them. */
bool crew_trainer_let_go(crew_trainer *t)
{
    if (t->process != getpid()) {
        leave_to_parent(t);
        return false;
    }
    if (!crew_trainer_abandoned(t) || crew_pool_join(t->pool, 0))
        return true;
    crew_checkpoint_destroy(t->checkpoint);
    t->checkpoint = NULL;
    return false;
}
