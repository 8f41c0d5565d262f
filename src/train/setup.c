/* Building a trainer and taking it apart. Each step sets what it made before the next one can
 * fail, so destroy may be called after any of them. */
#include "base/blas.h"
#include "base/error.h"
#include "base/mem.h"
#include "train/checkpoint.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

/* Some tens of microseconds: longer than a balanced round's imbalance, about the price of one
 * wake-up. */
static const double SPIN_S = 50e-6;

static const double MOMENTUM = 0.9; /* the table's default */
enum { FEW_STEPS = 100 };
enum { JOINED_ROWS = 1024 };
enum { EPOCHS = 30 }; /* when neither epochs nor rounds nor a time limit is given */

/* ---- What was asked for ---- */

/* The table's ranges hold for callers who fill in the struct themselves, too. */
static crew_status check_ranges(const struct crew_config *cfg, struct crew_error *err)
{
    for (const struct crew_option *o = crew_train_options(); o->type != CREW_OPTION_END; o++) {
        const char *field = (const char *)cfg + o->offset;
        double v;
        if (o->type == CREW_OPTION_U32)
            v = *(const uint32_t *)(const void *)field;
        else if (o->type == CREW_OPTION_REAL)
            v = *(const double *)(const void *)field;
        else
            continue;
        if (o->zero && v == 0)
            continue;
        bool given = o->value || v != 0, ranged = o->min != 0 || o->max != 0;
        if (given && (!isfinite(v) || (ranged && (v < o->min || v > o->max))))
            return crew_fail(err, CREW_EINVAL, "%s is %.15g, must be %.15g..%.15g", o->name, v,
                             o->min, o->max);
    }
    return CREW_OK;
}

/* Empty is not given: so a setting of a file can be taken back. */
static void drop_empty(const char **text)
{
    if (*text && !**text)
        *text = NULL;
}

static crew_status check_executor(crew_trainer *t, struct crew_error *err)
{
    const struct crew_config *c = &t->cfg;
    t->virtual_time = !strcmp(c->executor, "sim");
    if (!t->virtual_time && strcmp(c->executor, "threads") != 0)
        return crew_fail(err, CREW_EINVAL, "executor is '%.32s', must be threads or sim",
                         c->executor);
    if (t->virtual_time && !c->speeds)
        return crew_fail(err, CREW_EINVAL,
                         "executor sim needs speeds, as in \"4*1ms 12*exp(1ms,2ms)\"");
    if (t->virtual_time && c->emulate)
        return crew_fail(err, CREW_EINVAL,
                         "emulate slows real threads down, executor sim takes its times from "
                         "speeds: give one of them");
    if (t->virtual_time && c->fuse_quota)
        return crew_fail(
            err, CREW_EINVAL,
            "fuse-quota needs real threads, executor sim computes each task by itself");
    if (!t->virtual_time && (c->speeds || c->replay_wrap))
        return crew_fail(err, CREW_EINVAL, "%s is of the executor sim, this one is threads",
                         c->speeds ? "speeds" : "replay-wrap");
    if (c->replay_wrap && !strstr(c->speeds, "replay("))
        return crew_fail(err, CREW_EINVAL, "replay-wrap needs a replay(FILE) in speeds");
    return CREW_OK;
}

static crew_status check_config(crew_trainer *t, const struct crew_config *cfg,
                                struct crew_error *err)
{
    if (cfg->struct_size < offsetof(struct crew_config, policy))
        return crew_fail(err, CREW_EINVAL, "struct_size is %zu: call crew_config_init() first",
                         cfg->struct_size);
    if (cfg->struct_size > sizeof *cfg)
        return crew_fail(err, CREW_EINVAL,
                         "struct_size is %zu, here it is %zu: the program is newer than this "
                         "library, or did not call crew_config_init()",
                         cfg->struct_size, sizeof *cfg);
    crew_config_init(&t->cfg);
    memcpy(&t->cfg, cfg, cfg->struct_size);
    const struct crew_config *c = &t->cfg;
    drop_empty(&t->cfg.emulate);
    drop_empty(&t->cfg.speeds);
    drop_empty(&t->cfg.profile);
    drop_empty(&t->cfg.checkpoint);
    drop_empty(&t->cfg.augment);
    TRY(check_ranges(c, err));
    if (!c->model || !c->policy || !c->optimizer || !c->schedule || !c->bind || !c->every ||
        !c->resume || !c->on_nan || !c->executor || !c->numa || !c->shards)
        return crew_fail(err, CREW_EINVAL, "a name in the configuration is NULL");
    if (!c->epochs && !c->rounds && !(c->time_limit_s > 0))
        t->cfg.epochs = EPOCHS;
    if ((c->best || c->patience) && !t->validation)
        return crew_fail(err, CREW_EINVAL, "%s needs validation rows: see val-fraction",
                         c->best ? "best" : "patience");
    TRY(crew_nonfinite_parse(c->on_nan, &t->on_nan, err));
    TRY(crew_numa_check(c->numa, err));
    TRY(crew_rows_check(c->shards, err));
    TRY(crew_augment_parse(c->augment, &t->info, &t->augment, err));
    t->cfg.augment = *t->augment.text ? t->augment.text : NULL;
    if (!c->task_rows && !strcmp(c->executor, "sim"))
        return crew_fail(
            err, CREW_EINVAL,
            "task-rows auto is measured on real threads, executor sim needs a number");
    return check_executor(t, err);
}

static crew_status check_data(crew_trainer *t, const struct crew_data *data,
                              struct crew_error *err)
{
    struct crew_dataset_info v;
    if (!data || !data->train)
        return crew_fail(err, CREW_EINVAL, "no training data");
    t->train = data->train;
    t->validation = data->validation;
    crew_dataset_info(t->train, &t->info);
    if (t->info.classes < 2 || !t->info.rows || t->info.rows >= UINT32_MAX)
        return crew_fail(
            err, CREW_EINVAL,
            "the training data has %zu rows and %u classes, needs 1 and 2 at least",
            t->info.rows, t->info.classes);
    if (!t->validation)
        return CREW_OK;
    crew_dataset_info(t->validation, &v);
    if (v.features != t->info.features || v.classes != t->info.classes || !v.rows)
        return crew_fail(err, CREW_EINVAL,
                         "the validation data has %zu rows of %u features in %u classes, the "
                         "training data %u in %u",
                         v.rows, v.features, v.classes, t->info.features, t->info.classes);
    return CREW_OK;
}

/* ---- Cores and threads ---- */

static crew_status check_blas(crew_trainer *t, struct crew_error *err)
{
    struct crew_blas_info b;
    crew_blas_info(&b);
    if (t->virtual_time && !b.concurrent) /* nobody asked for so many threads */
        t->threads = 1;
    if (t->threads > b.callers)
        return crew_fail(err, CREW_EINVAL,
                         "workers is %u, but this BLAS bears at most %u callers at once",
                         t->threads, b.callers);
    if (t->threads > 1 && !b.concurrent)
        return crew_fail(err, CREW_EBLAS,
                         "the serial OpenBLAS gives wrong results to %u workers at once: "
                         "install libopenblas0-pthread "
                         "(Fedora: openblas-threads), or use one worker",
                         t->threads);
    if (b.forced)
        crew_trainer_add_note(t, "%s is set: the BLAS kernel is forced to %s", b.forced,
                              b.core);
    return CREW_OK;
}

static crew_status find_cores(crew_trainer *t, struct crew_error *err)
{
    struct crew_blas_info b;
    crew_blas_info(&b);
    bool asked = t->cfg.workers && !t->virtual_time;
    struct crew_machine_request rq = {t->cfg.cores, t->cfg.smt,
                                      asked ? t->cfg.workers : b.callers};
    TRY(crew_machine_create(&rq, &t->machine, err));
    const struct crew_machine_info *m = crew_machine_info(t->machine);
    t->threads = asked ? t->cfg.workers : m->n_slots;
    t->n = t->virtual_time ? crew_speeds_n(t->speeds) : t->threads;
    for (uint32_t i = 0; i < m->n_notes; i++)
        crew_trainer_add_note(t, "%s", m->notes[i]);
    if (!asked && m->n_slots == b.callers && m->usable_cores > m->n_slots)
        crew_trainer_add_note(t, "%u of %u cores: this BLAS bears no more callers at once",
                              m->n_slots, m->usable_cores);
    if (t->threads > m->n_slots)
        crew_trainer_add_note(
            t, "%u workers share %u cores: they take turns, and waiting threads sleep at once",
            t->threads, m->n_slots);
    return check_blas(t, err);
}

static crew_status start_threads(crew_trainer *t, struct crew_error *err)
{
    const struct crew_machine_info *m = crew_machine_info(t->machine);
    struct crew_pool_config pool = {
        .machine = t->machine, .n = t->threads, .fewer = true, .spin_s = SPIN_S};
    uint32_t taken = 0;
    TRY(crew_bind_parse(t->cfg.bind, &pool.bind, err));
    uint32_t n = t->threads, *slot = crew_zalloc(n * sizeof *slot);
    if (!slot)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u workers", n);
    for (uint32_t i = 0; i < n; i++)
        slot[i] = i % m->n_slots;
    crew_status status = crew_claim_create(t->machine, slot, n, &t->claim, &taken, err);
    crew_free(slot);
    TRY(status);
    if (taken)
        crew_trainer_add_note(t,
                              "another crew runs on %u of these cores: both will be slower; "
                              "waiting threads sleep "
                              "at once",
                              taken);
    bool shared = taken || n > m->n_slots || (m->quota_cores > 0 && m->quota_cores < n);
    if (shared)
        pool.spin_s = 0;
    crew_blas_borrow();
    t->blas_borrowed = true;
    TRY(crew_pool_create(&pool, &t->pool, err));
    t->threads = crew_pool_workers(t->pool);
    t->n = t->virtual_time ? t->n : t->threads;
    const char *const notes[] = {crew_pool_fewer_note(t->pool), crew_pool_bind_note(t->pool)};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (notes[i])
            crew_trainer_add_note(t, "%s", notes[i]);
    return CREW_OK;
}

/* ---- Memory ---- */

/* Spare tasks are there for workers that overrun: one each, but no more than there are. Joined
 * tasks are to fill the matrix product, which more rows would not make faster. */
static void limit_tasks(crew_trainer *t)
{
    if (t->cfg.task_rows > t->info.rows)
        t->cfg.task_rows = (uint32_t)t->info.rows;
    uint32_t most = JOINED_ROWS / t->cfg.task_rows;
    most = most < t->cfg.batch_tasks ? most : t->cfg.batch_tasks;
    t->work.join = t->join = t->cfg.fuse_quota && most > 1 ? most : 1;
    uint32_t parts = (uint32_t)((t->info.rows - 1) / t->cfg.task_rows + 1);
    t->spare = t->n < parts ? t->n : parts;
}

/* Results of virtual workers are known to be dropped before anything is computed. */
uint32_t crew_trainer_holes(const crew_trainer *t)
{
    return t->virtual_time ? t->spare : 0;
}

static crew_status take_memory(crew_trainer *t, struct crew_error *err)
{
    size_t params = t->net->n_params * sizeof(float),
           tasks = t->cfg.batch_tasks + (size_t)t->spare;
    t->params = crew_alloc(params);
    t->best = t->cfg.best ? crew_alloc(params) : NULL;
    t->history = crew_zalloc(CREW_HISTORY * sizeof *t->history);
    t->tally = crew_zalloc(t->n * sizeof *t->tally);
    t->task_work = crew_zalloc(tasks * sizeof *t->task_work);
    t->kept = crew_zalloc(tasks * sizeof *t->kept);
    t->record_done = crew_zalloc(t->n * sizeof *t->record_done);
    t->record_busy = crew_zalloc(t->n * sizeof *t->record_busy);
    t->worker = crew_zalloc(t->n * sizeof *t->worker);
    t->reduce = crew_reduce_create(t->net->n_params, (uint32_t)tasks, crew_trainer_holes(t),
                                   t->threads);
    if (!t->params || (t->cfg.best && !t->best) || !t->history || !t->tally || !t->task_work ||
        !t->kept || !t->record_done || !t->record_busy || !t->worker || !t->reduce)
        return crew_fail(err, CREW_ENOMEM, "no memory for %zu parameters and %u workers",
                         t->net->n_params, t->n);
    t->net->params = t->params;
    return CREW_OK;
}

static crew_status make_optimizer(crew_trainer *t, struct crew_error *err)
{
    const struct crew_config *c = &t->cfg;
    if (c->momentum != MOMENTUM && strncmp(c->optimizer, "sgd", 3) != 0)
        return crew_fail(err, CREW_EINVAL,
                         "momentum is of the optimizer sgd, this one is %.32s", c->optimizer);
    TRY(crew_optimizer_create(c->optimizer, c->momentum, t->net->n_params, &t->optimizer, err));
    if (!(t->cfg.lr > 0))
        t->cfg.lr = crew_optimizer_default_lr(t->optimizer);
    double per_epoch = (double)crew_rows_rounds_per_epoch(t);
    double by_rounds = (double)c->rounds / per_epoch, epochs = (double)c->epochs;
    if (c->rounds && (!c->epochs || by_rounds < epochs))
        epochs = by_rounds;
    return crew_schedule_parse(c->schedule, epochs, &t->schedule, err);
}

/* ---- Together ---- */

static crew_status build(crew_trainer *t, const struct crew_config *cfg,
                         const struct crew_data *data, struct crew_error *err)
{
    TRY(check_data(t, data, err));
    TRY(check_config(t, cfg, err));
    struct crew_model_shape shape = {t->info.height, t->info.width, t->info.depth,
                                     t->info.classes};
    TRY(crew_network_create(t->cfg.model, &shape, t->info.class_names, &data->scaler, &t->net,
                            err));
    TRY(crew_arrange_speeds(t, err));
    TRY(find_cores(t, err));
    bool find_size = !t->cfg.task_rows;
    t->cfg.task_rows = find_size ? 1 : t->cfg.task_rows;
    limit_tasks(t);
    TRY(crew_trainer_check_memory(t, err));
    TRY(start_threads(t, err));
    if (find_size) {
        TRY(crew_task_size_find(t, err));
        limit_tasks(t);
        TRY(crew_trainer_check_memory(t, err));
    }
    TRY(crew_settle_workers(t, err));
    TRY(crew_rows_create(t, err));
    TRY(take_memory(t, err));
    t->net->ops->init(t->net->model, t->cfg.seed, t->params);
    TRY(make_optimizer(t, err));
    uint64_t steps = t->cfg.epochs * crew_rows_rounds_per_epoch(t);
    if (!t->cfg.rounds && !(t->cfg.time_limit_s > 0) && steps < FEW_STEPS)
        crew_trainer_add_note(
            t,
            "only %llu steps in all: more epochs, or fewer rows a round (batch-tasks x "
            "task-rows), learn more",
            (unsigned long long)steps);
    if (!find_size && !t->virtual_time)
        crew_task_size_check(t);
    TRY(crew_arrange(t, err));
    TRY(crew_numa_create(t, err));
    crew_rows_place(t);
    crew_test_in_place(t);
    if (!t->adds_in_place)
        crew_trainer_add_note(t, "this BLAS kernel adds in place with other last bits: "
                                 "gradients are added afterwards");
    if (crew_rollback_create(t) != CREW_OK)
        return crew_fail(err, CREW_ENOMEM, "no memory for parameters to roll back to");
    return crew_checkpoint_create(t, err);
}

crew_status crew_trainer_create(const struct crew_config *cfg, const struct crew_data *data,
                                crew_trainer **out, struct crew_error *err)
{
    *out = NULL;
    crew_trainer *t = crew_zalloc(sizeof *t);
    if (!t)
        return crew_fail(err, CREW_ENOMEM, "no memory for the trainer");
    t->process = getpid();
    t->train_loss = t->best_accuracy = (double)NAN;
    crew_status status = build(t, cfg, data, err);
    t->cfg.model = t->cfg.policy = t->cfg.cores = t->cfg.bind = t->cfg.emulate = t->cfg.times =
        t->cfg.numa = t->cfg.shards = NULL;
    t->cfg.optimizer = t->cfg.schedule = NULL;
    t->cfg.on_nan = t->cfg.checkpoint = t->cfg.every = t->cfg.resume = NULL;
    t->cfg.executor = t->cfg.speeds = t->cfg.profile = NULL; /* borrowed until here */
    if (status == CREW_OK)
        *out = t;
    else
        crew_trainer_destroy(t);
    return status;
}

void crew_trainer_destroy(crew_trainer *t)
{
    if (!t || !crew_trainer_let_go(t))
        return;
    crew_checkpoint_destroy(t->checkpoint);
    crew_numa_destroy(t);
    for (uint32_t i = 0; t->desk && i < t->threads; i++)
        crew_free(t->desk[i].memory);
    if (t->loop.executor)
        t->loop.executor->destroy(t->loop.executor_self);
    if (t->loop.policy && t->loop.policy->destroy)
        t->loop.policy->destroy(t->loop.policy_self);
    crew_loop_free(&t->loop);
    crew_speeds_destroy(t->speeds);
    crew_pool_destroy(t->pool);
    if (t->blas_borrowed)
        crew_blas_return();
    crew_claim_destroy(t->claim);
    crew_optimizer_destroy(t->optimizer);
    crew_reduce_destroy(t->reduce);
    crew_rows_destroy(t);
    crew_network_destroy(t->net);
    crew_machine_destroy(t->machine);
    crew_free(t->desk);
    crew_free(t->params);
    crew_free(t->best);
    crew_free(t->history);
    for (unsigned i = 0; i < CREW_GOOD; i++)
        crew_free(t->good[i]);
    crew_free(t->tally);
    crew_free(t->task_work);
    crew_free(t->kept);
    crew_free(t->record_done);
    crew_free(t->record_busy);
    crew_free(t->worker);
    crew_free(t->fingerprint);
    for (size_t i = 0; i < t->n_notes; i++)
        crew_free(t->note[i]);
    crew_free(t);
}
