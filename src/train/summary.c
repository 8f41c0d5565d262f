/* What is known of rounds and runs. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

void crew_tally_round(crew_trainer *t)
{
    const struct crew_outcome *out = &t->loop.outcome;
    memset(t->record_done, 0, t->n * sizeof *t->record_done);
    memset(t->record_busy, 0, t->n * sizeof *t->record_busy);
    for (size_t i = 0; i < out->n_timings; i++) {
        const struct crew_timing *x = &out->timing[i];
        struct crew_tally *y = &t->tally[x->worker];
        t->record_busy[x->worker] += x->seconds;
        if (!x->kept) {
            y->dropped++;
            y->wasted_s += x->seconds;
            continue;
        }
        y->kept++;
        t->record_done[x->worker]++;
        if (!(x->flags & (CREW_WARM_UP | CREW_SUSPENDED)))
            crew_stats_add(&y->task_s, x->seconds / x->work);
    }
    for (uint32_t i = 0; i < t->n; i++)
        t->tally[i].busy_s += t->record_busy[i];
}

bool crew_record_emit(crew_trainer *t, double loss, double lr, double seconds)
{
    if (!t->cfg.on_round)
        return true;
    const struct crew_policy_ops *policy = t->loop.policy;
    struct crew_record r = {
        .round = t->round,
        .epoch = t->round_rows.epoch,
        .epoch_rows = crew_rows_epoch_rows(t),
        .rows = t->round_rows.rows,
        .loss = loss,
        .lr = lr,
        .seconds = seconds,
        .wait_s = t->loop.outcome.seconds,
        .elapsed_s = crew_trainer_now(t) - t->began_s,
        .real_s = crew_now_s() - t->real_began_s,
        .n = t->n,
        .quota = t->loop.plan.quota,
        .done = t->record_done,
        .busy_s = t->record_busy,
        .timing = t->loop.outcome.timing,
        .n_timings = t->loop.outcome.n_timings,
        .available = t->loop.outcome.available,
        .shard = t->shard,
        .nonfinite = t->nonfinite[0] ? t->nonfinite : NULL,
        .remark = policy->remark ? policy->remark(t->loop.policy_self) : NULL,
    };
    if (policy->events)
        r.n_events = policy->events(t->loop.policy_self, &r.events);
    return t->cfg.on_round(t->cfg.user, &r);
}

static void place(const crew_trainer *t, uint32_t i, struct crew_worker_summary *w)
{
    const struct crew_machine_info *m = crew_machine_info(t->machine);
    w->kind = -1;
    if (t->virtual_time)
        return;
    w->slot = i % m->n_slots;
    w->cpu = m->slots[w->slot].cpu;
    w->kind = m->slots[w->slot].kind;
    w->bound = crew_pool_bound(t->pool, i);
}

void crew_trainer_summary(crew_trainer *t, struct crew_summary *out)
{
    memset(out, 0, sizeof *out);
    out->rounds = t->round;
    out->epochs = t->epochs;
    out->rows = t->rows;
    out->epoch_limit = t->cfg.epochs;
    out->round_limit = t->cfg.rounds;
    out->virtual_time = t->virtual_time;
    out->wall_s = t->wall_s;
    out->real_s = t->real_s;
    out->train_s = t->train_s;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct crew_tally *y = &t->tally[i];
        t->worker[i] = (struct crew_worker_summary){
            .tasks = y->kept,
            .dropped = y->dropped,
            .busy_s = y->busy_s,
            .mean_s = y->task_s.n ? y->task_s.mean : (double)NAN,
            .sd_s = y->task_s.n > 1 ? crew_stats_sd(&y->task_s) : (double)NAN,
        };
        place(t, i, &t->worker[i]);
        out->worker_s += y->busy_s;
        out->wasted_s += y->wasted_s;
    }
    double idle = t->n * (t->train_s - t->earlier.train_s) - out->worker_s + t->earlier.slot_s -
                  t->earlier.worker_s;
    out->worker_s += t->earlier.worker_s;
    out->wasted_s += t->earlier.wasted_s;
    out->idle_s = idle > 0 ? idle : 0;
    out->train_loss = t->train_loss;
    out->best_accuracy = t->best_epoch ? t->best_accuracy : (double)NAN;
    out->best_epoch = t->best_epoch;
    out->weights_digest =
        crew_hash(CREW_HASH_INIT, t->params, t->net->n_params * sizeof(float));
    out->n_params = t->net->n_params;
    out->stopped = t->stopped;
    out->timed_out = t->timed_out;
    out->out_of_patience = t->out_of_patience;
    out->hung = crew_trainer_abandoned(t);
    out->resumed = t->resumed;
    out->resumed_round = t->resumed_round;
    out->skipped = t->skipped;
    out->checkpoints = t->checkpoints;
    out->checkpoint_failed = t->checkpoint_failed;
    out->n = t->n;
    out->worker = t->worker;
}

/* ---- Evaluation on all threads ---- */

struct measure {
    crew_trainer *t;
    const crew_dataset *data;
    size_t rows;
    size_t scratch_bytes;
    char *scratch;                /* [threads][scratch_bytes] */
    struct crew_evaluation *part; /* one a block: summed in order, whoever did it */
    size_t n_parts;
    _Atomic size_t next; /* relaxed: hands out numbers, the pool publishes the parts */
};

static void measure_blocks(void *self, uint32_t worker)
{
    struct measure *m = self;
    void *scratch = m->scratch + worker * m->scratch_bytes;
    while (!atomic_load_explicit(&m->t->stop, memory_order_relaxed)) {
        size_t i = atomic_fetch_add_explicit(&m->next, 1, memory_order_relaxed);
        if (i >= m->n_parts)
            return;
        size_t first = i * CREW_EVAL_ROWS, left = m->rows - first;
        crew_network_block(m->t->net, m->data, first,
                           (uint32_t)(left < CREW_EVAL_ROWS ? left : CREW_EVAL_ROWS), scratch,
                           &m->part[i], NULL);
    }
}

crew_status crew_trainer_measure(crew_trainer *t, const crew_dataset *data,
                                 struct crew_evaluation *out)
{
    struct crew_dataset_info info;
    memset(out, 0, sizeof *out);
    crew_dataset_info(data, &info);
    struct measure m = {.t = t, .data = data, .rows = info.rows};
    m.n_parts = (info.rows + CREW_EVAL_ROWS - 1) / CREW_EVAL_ROWS;
    m.scratch_bytes = crew_round_up(crew_network_block_bytes(t->net), CREW_PAIR);
    m.scratch = crew_alloc(t->threads * m.scratch_bytes);
    m.part = crew_zalloc((m.n_parts + 1) * sizeof *m.part);
    if (m.scratch && m.part)
        crew_pool_all(t->pool, measure_blocks, &m);
    for (size_t i = 0; m.scratch && m.part && i < m.n_parts; i++) {
        out->rows += m.part[i].rows;
        out->correct += m.part[i].correct;
        out->loss += m.part[i].loss;
    }
    crew_status status = m.scratch && m.part ? CREW_OK : CREW_ENOMEM;
    crew_free(m.scratch);
    crew_free(m.part);
    if (out->rows) {
        out->loss /= (double)out->rows;
        out->accuracy = (double)out->correct / (double)out->rows;
    }
    if (status == CREW_OK && out->rows < info.rows)
        return CREW_ESTOPPED;
    return status;
}

struct call {
    crew_trainer *t;
    const crew_dataset *data;
    struct crew_evaluation *out;
    crew_status status;
};

static void measure_call(void *self, uint32_t worker)
{
    struct call *c = self;
    (void)worker;
    c->status = crew_trainer_measure(c->t, c->data, c->out);
}

crew_status crew_trainer_evaluate(crew_trainer *t, const crew_dataset *data,
                                  struct crew_evaluation *out, struct crew_error *err)
{
    struct call c = {t, data, out, CREW_OK};
    memset(out, 0, sizeof *out);
    TRY(crew_trainer_usable(t, err));
    TRY(crew_network_fits(t->net, data, err));
    if (t->running) /* in a callback: this is the coordinator */
        measure_call(&c, 0);
    else
        crew_pool_call(t->pool, measure_call, &c);
    if (c.status == CREW_OK)
        return CREW_OK;
    return crew_fail(err, c.status, "evaluation: %s", crew_status_text(c.status));
}
