/* A loss or gradient that is not a number: whose it is, and what becomes of the round. What is
 * decided depends on the sum alone, so not on who computed what. */
#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "train/trainer.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_IN_A_ROW = 100, /* then it is not the data: nothing is learnt any more */
    DOUBT = 3            /* nor is it, when the first ones of an epoch are all bad */
};

static const char *const answers[] = {
    [CREW_NAN_STOP] = "stop", [CREW_NAN_SKIP] = "skip", [CREW_NAN_ROLLBACK] = "rollback"};

crew_status crew_nonfinite_parse(const char *text, enum crew_on_nan *out,
                                 struct crew_error *err)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (!strcmp(text, answers[i])) {
            *out = (enum crew_on_nan)i;
            return CREW_OK;
        }
    return crew_fail(err, CREW_EINVAL, "on-nan is '%.32s', must be stop, skip or rollback",
                     text);
}

/* Rows of a task again, by the coordinator, with the parameters as they still are: what is
 * wrong with them, or NULL. The sum is over, its blocks are free. */
static const char *wrong_with(crew_trainer *t, uint32_t task, const uint32_t *row, uint32_t n)
{
    struct crew_desk *d = &t->desk[0];
    const struct crew_batch batch = {d->x, d->label, n, crew_rows_weight(t, task)};
    const struct crew_task_context context = {
        .seed = t->cfg.seed, .round = t->round + 1, .task = task};
    crew_reduce_begin(t->reduce, 1);
    float *sum = crew_reduce_sum(t->reduce, crew_reduce_take(t->reduce));
    double loss = 0;
    crew_task_gather(t, d, 0, row, n);
    if (t->net->ops->gradient(t->net->model, &context, t->params, &batch, d->workspace, false,
                              sum, &loss) != CREW_OK)
        return NULL;
    return !isfinite(loss)                          ? "loss"
           : crew_all_finite(sum, t->net->n_params) ? NULL
                                                    : "gradient";
}

enum { SHOWN = 8, ROWS_TEXT = 120 };

/* "17, 203, 4 and 13 more", as they were read. */
static void list_rows(const crew_trainer *t, const uint32_t *row, uint32_t n, char *out,
                      size_t cap)
{
    size_t at = 0;
    for (uint32_t i = 0; i < n && i < SHOWN && at < cap; i++)
        at += (size_t)snprintf(out + at, cap - at, "%s%u", i ? ", " : "",
                               crew_dataset_origin(t->train, row[i]));
    if (n > SHOWN && at < cap)
        snprintf(out + at, cap - at, " and %u more", n - SHOWN);
}

static void describe(const crew_trainer *t, const char *who, uint32_t number, uint32_t task,
                     const char *rows, char *out, size_t cap)
{
    snprintf(out, cap, "task %u of round %llu (epoch %llu, %s %u, rows %s)", task,
             (unsigned long long)t->round + 1, (unsigned long long)t->round_rows.epoch, who,
             number, rows);
}

void crew_task_describe(const crew_trainer *t, const char *who, uint32_t number, uint32_t task,
                        char *out, size_t cap)
{
    char rows[ROWS_TEXT] = "";
    uint32_t n;
    const uint32_t *row = crew_rows_of(t, task, &n);
    list_rows(t, row, n, rows, sizeof rows);
    describe(t, who, number, task, rows, out, cap);
}

/* Those of a task that are not finite by themselves: "123 of its 16"; if there are none, all.
 */
static void list_culprits(crew_trainer *t, uint32_t task, char *out, size_t cap)
{
    uint32_t n, bad[SHOWN], n_bad = 0;
    const uint32_t *row = crew_rows_of(t, task, &n);
    for (uint32_t i = 0; i < n; i++)
        if (wrong_with(t, task, &row[i], 1)) {
            bad[n_bad < SHOWN ? n_bad : SHOWN - 1] = row[i];
            n_bad++;
        }
    list_rows(t, n_bad ? bad : row, n_bad ? n_bad : n, out, cap);
    size_t at = strlen(out);
    if (n_bad && n_bad < n)
        snprintf(out + at, cap - at, " of its %u", n);
}

/* Results that count. */
static void find_kept(crew_trainer *t)
{
    const struct crew_outcome *out = &t->loop.outcome;
    memset(t->kept, 0, (t->round_rows.tasks + t->round_rows.spare) * sizeof *t->kept);
    for (size_t i = 0; i < out->n_timings; i++)
        t->kept[out->timing[i].task] = out->timing[i].kept;
}

static uint32_t worker_of(const crew_trainer *t, uint32_t task)
{
    const struct crew_timing *x = t->loop.outcome.timing;
    while (x->task != task || !x->kept)
        x++;
    return x->worker;
}

/* The first task, in order, that is not finite by itself. */
static void find_culprit(crew_trainer *t, double loss)
{
    char where[CREW_TASK_TEXT], rows[ROWS_TEXT] = "";
    uint32_t tasks = t->round_rows.tasks + t->round_rows.spare;
    find_kept(t);
    for (uint32_t task = 0; task < tasks; task++) {
        uint32_t n;
        const uint32_t *row = crew_rows_of(t, task, &n);
        const char *what = t->kept[task] ? wrong_with(t, task, row, n) : NULL;
        if (!what)
            continue;
        list_culprits(t, task, rows, sizeof rows);
        describe(t, "worker", worker_of(t, task), task, rows, where, sizeof where);
        snprintf(t->nonfinite, sizeof t->nonfinite, "the %s of %s is not finite", what, where);
        return;
    }
    snprintf(t->nonfinite, sizeof t->nonfinite,
             "the %s of round %llu (epoch %llu) is not finite, though that of each task is",
             isfinite(loss) ? "gradient" : "loss", (unsigned long long)t->round + 1,
             (unsigned long long)t->round_rows.epoch);
}

/* ---- Back to where the epoch began, or the one before: independent of time, as everything is
 * that the weights depend on ---- */

static float *live(const crew_trainer *t, unsigned i)
{
    return i ? crew_optimizer_vector(t->optimizer, i - 1) : t->params;
}

crew_status crew_rollback_create(crew_trainer *t)
{
    if (t->on_nan != CREW_NAN_ROLLBACK)
        return CREW_OK;
    for (unsigned i = 0; i < CREW_GOOD && live(t, i); i++)
        if (!(t->good[i] = crew_alloc(t->net->n_params * sizeof(float))))
            return CREW_ENOMEM;
    crew_rollback_keep(t);
    return CREW_OK;
}

void crew_rollback_keep(crew_trainer *t)
{
    for (unsigned i = 0; i < CREW_GOOD && t->good[i]; i++)
        memcpy(t->good[i], live(t, i), t->net->n_params * sizeof(float));
    crew_optimizer_save(t->optimizer, t->good_numbers);
}

/* Weights may be spoilt by a step that was finite: whether they are, the next loss tells. So
 * what is kept is what an epoch began with, once one of its rounds was good. */
void crew_rollback_prove(crew_trainer *t)
{
    if (t->good[0] && t->good_epoch != t->round_rows.epoch)
        crew_rollback_keep(t);
    t->good_epoch = t->round_rows.epoch;
}

/* Before that round there is nothing to take back, unless what the epoch began with is to
 * blame. */
static void roll_back(crew_trainer *t)
{
    if (t->good_epoch != t->round_rows.epoch && t->bad_in_a_row < DOUBT)
        return;
    for (unsigned i = 0; i < CREW_GOOD && t->good[i]; i++)
        memcpy(live(t, i), t->good[i], t->net->n_params * sizeof(float));
    (void)!crew_optimizer_load(t->optimizer, t->good_numbers, CREW_OPTIMIZER_NUMBERS);
}

crew_status crew_nonfinite(crew_trainer *t, double loss)
{
    find_culprit(t, loss);
    if (t->on_nan == CREW_NAN_STOP)
        return crew_fail(
            &t->run_error, CREW_ENONFINITE,
            "%s; a smaller lr or clip may help, on-nan skip leaves such rounds out",
            t->nonfinite);
    if (++t->bad_in_a_row >= MOST_IN_A_ROW)
        return crew_fail(&t->run_error, CREW_ENONFINITE, "%d rounds without a step, and now %s",
                         MOST_IN_A_ROW - 1, t->nonfinite);
    t->skipped++;
    if (t->on_nan == CREW_NAN_ROLLBACK)
        roll_back(t);
    return CREW_OK;
}
