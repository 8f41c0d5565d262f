#include "train/trainer.h"
#include "base/clock.h"
#include "base/error.h"
#include <math.h>
#include <string.h>

/* Before the last good weights change. */
static crew_status check_finite(crew_trainer *t, const float *grad, double loss)
{
    const char *what = !isfinite(loss) ? "loss" : crew_step_finite(t, grad) ? NULL : "gradient";
    if (!what)
        return CREW_OK;
    return crew_fail(
        t->run_error, CREW_ENONFINITE,
        "the %s of round %llu (epoch %llu) is not finite; a smaller lr or clip may help", what,
        (unsigned long long)t->round + 1, (unsigned long long)t->round_rows.epoch);
}

static double learning_rate(const crew_trainer *t)
{
    double per_epoch = (double)crew_sampler_rounds_per_epoch(t->sampler, t->cfg.batch_tasks);
    return t->cfg.lr *
           crew_schedule_at_epoch(&t->schedule,
                                  ((double)(t->round - t->first_round) + 0.5) / per_epoch);
}

/* Parts whose results were dropped are handed out again. */
static bool settle(crew_trainer *t)
{
    const struct crew_outcome *out = &t->loop.outcome;
    if (!t->round_rows.spare)
        return crew_sampler_settle(t->sampler, NULL);
    memset(t->kept, 0, (t->round_rows.tasks + t->round_rows.spare) * sizeof *t->kept);
    for (size_t i = 0; i < out->n_timings; i++)
        t->kept[out->timing[i].task] = out->timing[i].kept;
    return crew_sampler_settle(t->sampler, t->kept);
}

static crew_status end_epoch(crew_trainer *t)
{
    struct crew_epoch_record r = {.epoch = t->round_rows.epoch, .round = t->round};
    t->epochs++;
    t->train_loss = t->epoch_loss / (double)t->epoch_loss_rows;
    t->epoch_loss = 0;
    t->epoch_loss_rows = 0;
    r.train_loss = t->train_loss;
    if (t->validation) {
        TRY(crew_trainer_measure(t, t->validation, &r.validation));
        if (!(r.validation.accuracy <= t->best_accuracy)) {
            t->best_accuracy = r.validation.accuracy;
            t->best_epoch = t->epochs;
            if (t->best)
                memcpy(t->best, t->params, t->net->n_params * sizeof *t->best);
        }
    }
    r.elapsed_s = crew_trainer_now(t) - t->began_s;
    r.real_s = crew_now_s() - t->real_began_s;
    if (t->cfg.on_epoch && !t->cfg.on_epoch(t->cfg.user, &r))
        crew_trainer_request_stop(t);
    return CREW_OK;
}

/* Executors have no words, so why one failed is said here. */
static crew_status compute(crew_trainer *t)
{
    crew_status status =
        crew_loop_run(&t->loop, t->cfg.seed, t->round_rows.spare, t->task_work, &t->work);
    if (status != CREW_EINPUT || !t->virtual_time)
        return status;
    return crew_fail(t->run_error, CREW_EINPUT,
                     "the recording of a worker in speeds has run out after %llu rounds; "
                     "replay-wrap starts it again",
                     (unsigned long long)t->round);
}

/* One round of synchronous SGD. Coordinator only. The order is the design: plan, compute,
 * combine, check, step, learn, report. Nothing here asks which policy or which executor it is
 * talking to. */
static crew_status run_round(crew_trainer *t)
{
    struct crew_sampler_round *rows = &t->round_rows;
    double began = crew_trainer_now(t), loss, lr = learning_rate(t);
    crew_sampler_round(t->sampler, t->cfg.batch_tasks, t->spare, rows);
    TRY(crew_loop_plan(&t->loop, t->round + 1, rows->tasks, t->run_error));
    if (!t->loop.drops) /* nobody overruns: no part is handed out twice */
        crew_sampler_round(t->sampler, t->cfg.batch_tasks, 0, rows);
    for (uint32_t i = 0; i < rows->tasks + rows->spare; i++) {
        uint32_t n;
        (void)crew_sampler_rows(t->sampler, i, &n);
        t->task_work[i] = (double)n / (double)t->cfg.task_rows;
    }
    crew_reduce_begin(t->reduce, rows->tasks + rows->spare);
    TRY(compute(t));
    const float *grad = crew_reduce_finish(t->reduce, &loss);
    TRY(check_finite(t, grad, loss));
    crew_step(t, grad, lr);
    t->round++;
    t->rows += rows->rows;
    t->epoch_loss += loss * (double)rows->rows;
    t->epoch_loss_rows += rows->rows;
    crew_loop_observe(&t->loop);
    crew_tally_round(t);
    bool epoch_done = settle(t);
    double seconds = crew_trainer_now(t) - began;
    t->train_s += seconds;
    if (!crew_record_emit(t, loss, lr, seconds))
        crew_trainer_request_stop(t);
    return epoch_done ? end_epoch(t) : CREW_OK;
}

/* Virtual time stands still between rounds: there is no round in flight to be ended. */
static bool virtually_late(const crew_trainer *t)
{
    return t->virtual_time && t->cfg.time_limit_s > 0 &&
           crew_trainer_now(t) - t->began_s >= t->cfg.time_limit_s;
}

static bool finished(const crew_trainer *t, uint64_t last_epoch, uint64_t last_round)
{
    return (t->cfg.epochs && t->epochs >= last_epoch) ||
           (t->cfg.rounds && t->round >= last_round);
}

static void run(void *self, uint32_t worker)
{
    crew_trainer *t = self;
    (void)worker;
    uint64_t last_epoch = t->epochs + t->cfg.epochs, last_round = t->round + t->cfg.rounds;
    crew_status status = CREW_OK;
    t->began_s = crew_trainer_now(t);
    t->real_began_s = crew_now_s();
    t->first_round = t->round;
    t->timed_out = false;
    while (status == CREW_OK && !finished(t, last_epoch, last_round) && !t->timed_out &&
           !atomic_load_explicit(&t->stop, memory_order_relaxed)) {
        status = run_round(t);
        t->timed_out = virtually_late(t) && !finished(t, last_epoch, last_round);
    }
    if (t->epoch_loss_rows)
        t->train_loss = t->epoch_loss / (double)t->epoch_loss_rows;
    if (t->best && t->best_epoch && (status == CREW_OK || status == CREW_ESTOPPED))
        memcpy(t->params, t->best, t->net->n_params * sizeof *t->best);
    t->wall_s += crew_trainer_now(t) - t->began_s;
    t->real_s += crew_now_s() - t->real_began_s;
    t->run_status = status == CREW_ESTOPPED ? CREW_OK : status;
}

/* The caller's thread sleeps, and keeps the real time limit: it ends the round in flight. */
crew_status crew_trainer_run(crew_trainer *t, struct crew_error *err)
{
    struct crew_error own = {.status = CREW_OK};
    double limit = t->virtual_time ? 0 : t->cfg.time_limit_s;
    if (t->running)
        return crew_fail(err, CREW_ESTATE, "the trainer is running: not a call for callbacks");
    t->running = true;
    t->run_error = &own;
    crew_pool_begin(t->pool, run, t);
    bool late = limit > 0 && !crew_pool_join(t->pool, crew_now_s() + limit);
    if (late)
        crew_trainer_request_stop(t);
    (void)crew_pool_join(t->pool, -1);
    t->run_error = NULL;
    t->timed_out |= late;
    t->stopped =
        atomic_exchange_explicit(&t->stop, false, memory_order_relaxed) && !t->timed_out;
    t->loop.executor->resume(t->loop.executor_self); /* served: the next run goes on */
    t->running = false;
    if (t->run_status == CREW_OK)
        return CREW_OK;
    return crew_fail(err, t->run_status, "%s",
                     own.status != CREW_OK ? own.text : crew_status_text(t->run_status));
}

void crew_trainer_request_stop(crew_trainer *t)
{
    atomic_store_explicit(&t->stop, true, memory_order_relaxed);
    t->loop.executor->stop(t->loop.executor_self);
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
    TRY(check_count(t, n, err));
    if (!crew_all_finite(in, n))
        return crew_fail(err, CREW_ENONFINITE, "a parameter is not finite");
    memcpy(t->params, in, n * sizeof *in);
    return CREW_OK;
}

crew_status crew_trainer_save(const crew_trainer *t, const char *path, bool replace,
                              struct crew_error *err)
{
    return crew_network_save(t->net, path, replace, err);
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
