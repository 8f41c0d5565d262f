/* The round, and what belongs to it: an epoch that ends with it. Coordinator only. */
#include "base/clock.h"
#include "base/error.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

static double learning_rate(const crew_trainer *t)
{
    double per_epoch = (double)crew_rows_rounds_per_epoch(t);
    return t->cfg.lr *
           crew_schedule_at_epoch(&t->schedule,
                                  ((double)(t->round - t->first_round) + 0.5) / per_epoch);
}

static void keep_record(crew_trainer *t, const struct crew_epoch_record *r)
{
    if (t->n_history == CREW_HISTORY)
        memmove(t->history, t->history + 1, --t->n_history * sizeof *t->history);
    t->history[t->n_history++] = *r;
}

/* The rounds of an epoch are done. Interrupted, it is taken up again by the next run. */
crew_status crew_epoch_end(crew_trainer *t)
{
    struct crew_epoch_record r = {.epoch = t->epochs + 1, .round = t->round};
    t->unmeasured = 1;
    if (t->validation)
        TRY(crew_trainer_measure(t, t->validation, &r.validation));
    t->unmeasured = 0;
    t->epochs++;
    t->train_loss = r.train_loss = t->epoch_loss / (double)t->epoch_loss_rows;
    t->epoch_loss = 0;
    t->epoch_loss_rows = 0;
    if (t->validation && !(r.validation.accuracy <= t->best_accuracy)) {
        t->best_accuracy = r.validation.accuracy;
        t->best_epoch = t->epochs;
        if (t->best)
            memcpy(t->best, t->params, t->net->n_params * sizeof *t->best);
    }
    r.elapsed_s = crew_trainer_now(t) - t->began_s;
    r.real_s = crew_now_s() - t->real_began_s;
    keep_record(t, &r);
    if (t->cfg.on_epoch && !t->cfg.on_epoch(t->cfg.user, &r))
        crew_trainer_request_stop(t);
    return CREW_OK;
}

/* Executors have no words, so why one failed is said here. */
static crew_status compute(crew_trainer *t)
{
    crew_status status = crew_watched_round(t);
    if (status != CREW_EINPUT || !t->virtual_time)
        return status;
    return crew_fail(&t->run_error, CREW_EINPUT,
                     "the recording of a worker in speeds has run out after %llu rounds; "
                     "replay-wrap starts it again",
                     (unsigned long long)t->round);
}

/* The step is taken, or the round is left out: what is not finite must not reach the weights.
 */
static crew_status step(crew_trainer *t, const float *grad, double loss, double lr)
{
    bool finite = isfinite(loss) && crew_step_finite(t, grad);
    t->nonfinite[0] = 0;
    if (!finite)
        return crew_nonfinite(t, loss);
    crew_rollback_prove(t);
    crew_step(t, grad, lr);
    t->bad_in_a_row = 0;
    t->epoch_loss += loss * (double)t->round_rows.rows;
    t->epoch_loss_rows += t->round_rows.rows;
    return CREW_OK;
}

/* One round of synchronous SGD. The order is the design: plan, compute, combine, check, step,
 * learn, report. Nothing here asks which policy or which executor it is talking to. */
crew_status crew_round_run(crew_trainer *t, bool *epoch_done)
{
    const struct crew_sampler_round *rows = &t->round_rows;
    double began = crew_trainer_now(t), loss, lr = learning_rate(t);
    crew_rows_begin(t);
    TRY(crew_loop_plan(&t->loop, t->round + 1, rows->tasks, &t->run_error));
    crew_rows_deal(t);
    crew_reduce_begin(t->reduce, rows->tasks + rows->spare);
    crew_numa_copy(t);
    TRY(compute(t));
    const float *grad = crew_reduce_finish(t->reduce, &loss);
    TRY(step(t, grad, loss, lr));
    t->round++;
    t->rows += rows->rows;
    crew_loop_observe(&t->loop);
    crew_tally_round(t);
    *epoch_done = crew_rows_settle(t);
    double seconds = crew_trainer_now(t) - began;
    t->train_s += seconds;
    if (!crew_record_emit(t, loss, lr, seconds))
        crew_trainer_request_stop(t);
    return CREW_OK;
}
