/* Runs, and what may be asked of a trainer beside them. */
#include "base/clock.h"
#include "base/error.h"
#include "train/checkpoint.h"
#include <math.h>
#include <string.h>

/* Virtual time stands still between rounds: there is no round in flight to be ended. */
static bool virtually_late(const crew_trainer *t)
{
    return t->virtual_time && t->cfg.time_limit_s > 0 &&
           crew_trainer_now(t) - t->began_s >= t->cfg.time_limit_s;
}

static bool out_of_patience(const crew_trainer *t)
{
    uint64_t since = t->best_epoch > t->first_epoch ? t->best_epoch : t->first_epoch;
    since = t->best_from > since ? t->best_from : since;
    return t->cfg.patience && t->epochs - since >= t->cfg.patience;
}

bool crew_trainer_finished(const crew_trainer *t)
{
    return (t->cfg.epochs && t->epochs - t->first_epoch >= t->cfg.epochs) ||
           (t->cfg.rounds && t->round - t->first_round >= t->cfg.rounds) || out_of_patience(t);
}

void crew_trainer_count_time(crew_trainer *t)
{
    double spent = crew_trainer_now(t) - t->began_s, real = crew_now_s() - t->real_began_s;
    t->wall_s += spent - t->spent_s;
    t->real_s += real - t->real_spent_s;
    t->spent_s = spent;
    t->real_spent_s = real;
}

/* The clocks of a run that goes on show what they would, had it not been interrupted. */
static void begin_run(crew_trainer *t)
{
    if (!t->goes_on) {
        t->first_round = t->round;
        t->first_epoch = t->epochs;
        t->spent_s = t->real_spent_s = 0;
    }
    t->goes_on = false;
    t->began_s = crew_trainer_now(t) - t->spent_s;
    t->real_began_s = crew_now_s() - t->real_spent_s;
    t->timed_out = t->out_of_patience = false;
    crew_checkpoint_begin(t);
}

static crew_status whole_round(crew_trainer *t)
{
    bool epoch_done = t->unmeasured;
    if (!epoch_done)
        TRY(crew_round_run(t, &epoch_done));
    if (epoch_done)
        TRY(crew_epoch_end(t));
    crew_checkpoint_round(t);
    t->timed_out = virtually_late(t) && !crew_trainer_finished(t);
    return CREW_OK;
}

static void end_run(crew_trainer *t)
{
    if (t->epoch_loss_rows)
        t->train_loss = t->epoch_loss / (double)t->epoch_loss_rows;
    crew_trainer_count_time(t);
    crew_checkpoint_end(t);
}

static void run(void *self, uint32_t worker)
{
    crew_trainer *t = self;
    (void)worker;
    crew_status status = CREW_OK;
    t->timed_out = virtually_late(t) && !crew_trainer_finished(t);
    while (status == CREW_OK && (t->unmeasured || !crew_trainer_finished(t)) && !t->timed_out &&
           !atomic_load_explicit(&t->stop, memory_order_relaxed))
        status = whole_round(t);
    if (crew_trainer_abandoned(t))
        return; /* nothing here is ours any more */
    t->out_of_patience = out_of_patience(t);
    end_run(t);
    if (t->best && t->best_epoch && (status == CREW_OK || status == CREW_ESTOPPED))
        memcpy(t->params, t->best, t->net->n_params * sizeof *t->best);
    t->run_status = status == CREW_ESTOPPED ? CREW_OK : status;
}

/* ---- A run, on the caller's thread ---- */

static void finish(crew_trainer *t)
{
    t->timed_out |= t->late;
    bool asked = atomic_exchange_explicit(&t->stop, false, memory_order_relaxed);
    t->stopped = asked && !t->timed_out && t->run_status != CREW_ETIMEOUT;
    t->loop.executor->resume(t->loop.executor_self); /* served: the next run goes on */
}

/* The caller's thread sleeps, and keeps the real limits. */
crew_status crew_trainer_run(crew_trainer *t, struct crew_error *err)
{
    double limit = t->virtual_time ? 0 : t->cfg.time_limit_s;
    TRY(crew_trainer_usable(t, err));
    if (t->running)
        return crew_fail(err, CREW_ESTATE, "the trainer is running: not a call for callbacks");
    t->running = true;
    t->late = t->stopped = false;
    atomic_store_explicit(&t->overdue, 0, memory_order_relaxed);
    t->run_error.status = CREW_OK;
    begin_run(t); /* before the limit is counted from: what it cuts off has used it up */
    double until_s = limit > 0 ? crew_now_s() + limit - t->spent_s : (double)INFINITY;
    crew_pool_begin(t->pool, run, t);
    bool ended = crew_watch(t, until_s);
    if (!ended)
        end_run(t);
    crew_checkpoint_settle(t);
    if (ended)
        finish(t);
    t->running = false;
    if (t->run_status == CREW_OK)
        return CREW_OK;
    return crew_fail(err, t->run_status, "%s",
                     t->run_error.status != CREW_OK ? t->run_error.text
                                                    : crew_status_text(t->run_status));
}

void crew_trainer_request_stop(crew_trainer *t)
{
    atomic_store_explicit(&t->stop, true, memory_order_relaxed);
    t->loop.executor->stop(t->loop.executor_self);
}

void crew_trainer_request_checkpoint(crew_trainer *t)
{
    atomic_store_explicit(&t->save_asked, true, memory_order_relaxed);
}

const struct crew_epoch_record *crew_trainer_history(const crew_trainer *t, size_t *n)
{
    *n = t->n_history;
    return t->history;
}

static crew_status check_count(const crew_trainer *t, size_t n, struct crew_error *err)
{
    if (n == t->net->n_params)
        return CREW_OK;
    return crew_fail(err, CREW_EINVAL, "%zu parameters are given, the model %s has %zu", n,
                     t->net->spec, t->net->n_params);
}

crew_status crew_trainer_get_params(const crew_trainer *t, float *out, size_t n,
                                    struct crew_error *err)
{
    TRY(check_count(t, n, err));
    memcpy(out, t->params, n * sizeof *out);
    return CREW_OK;
}

crew_status crew_trainer_set_params(crew_trainer *t, const float *in, size_t n,
                                    struct crew_error *err)
{
    TRY(crew_trainer_usable(t, err));
    TRY(check_count(t, n, err));
    if (!crew_all_finite(in, n))
        return crew_fail(err, CREW_ENONFINITE, "a parameter is not finite");
    memcpy(t->params, in, n * sizeof *in);
    crew_rollback_keep(t);
    crew_checkpoint_outdate(t);
    return CREW_OK;
}

crew_status crew_trainer_save(const crew_trainer *t, const char *path, bool replace,
                              struct crew_error *err)
{
    return crew_network_save(t->net, path, replace, err);
}

uint32_t crew_trainer_task_rows(const crew_trainer *t)
{
    return t->cfg.task_rows;
}

const crew_network *crew_trainer_network(const crew_trainer *t)
{
    return t->net;
}

const crew_machine *crew_trainer_machine(const crew_trainer *t)
{
    return t->machine;
}

const char *crew_trainer_note(const crew_trainer *t, size_t i)
{
    return i < t->n_notes ? t->note[i] : NULL;
}
