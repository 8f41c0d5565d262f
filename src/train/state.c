/* What a run needs to go on, besides vectors as long as the parameters: sections of numbers. A
 * double holds every count up to 2^53 exactly. Random numbers need nothing: they are functions
 * of the seed and of counts that are here. */
#include "base/error.h"
#include "base/mem.h"
#include "train/checkpoint.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

static const char *const names[CREW_STATE_PARTS] = {
    "state.trainer",  "state.sampler", "state.optimizer", "state.policy",
    "state.executor", "state.tally",   "state.history"};

const char *crew_state_name(enum crew_state_part part)
{
    return names[part];
}

/* ---- The trainer's own ---- */

/* The order is the file's: new ones go to the end of each list, and COUNTS before REALS. */
#define AT(F) offsetof(struct crew_trainer, F)
static const size_t counts[] = {AT(round),        AT(epochs),      AT(rows),
                                AT(first_round),  AT(first_epoch), AT(epoch_loss_rows),
                                AT(best_epoch),   AT(unmeasured),  AT(skipped),
                                AT(bad_in_a_row), AT(best_from),   AT(good_epoch)};
static const size_t reals[] = {AT(epoch_loss),       AT(train_loss),       AT(best_accuracy),
                               AT(wall_s),           AT(train_s),          AT(real_s),
                               AT(spent_s),          AT(real_spent_s),     AT(earlier.train_s),
                               AT(earlier.worker_s), AT(earlier.wasted_s), AT(earlier.slot_s),
                               AT(good_numbers[0]),  AT(good_numbers[1]),  AT(good_numbers[2])};
enum { COUNTS = sizeof counts / sizeof *counts, REALS = sizeof reals / sizeof *reals };

static void save_trainer(const crew_trainer *t, double *out)
{
    for (size_t i = 0; i < COUNTS; i++)
        out[i] = (double)*(const uint64_t *)(const void *)((const char *)t + counts[i]);
    for (size_t i = 0; i < REALS; i++)
        out[COUNTS + i] = *(const double *)(const void *)((const char *)t + reals[i]);
}

static crew_status load_trainer(crew_trainer *t, const double *in, size_t n)
{
    if (n != COUNTS + REALS)
        return CREW_EFORMAT;
    for (size_t i = 0; i < COUNTS; i++) {
        if (!(in[i] >= 0 && in[i] < 0x1p53))
            return CREW_EFORMAT;
        *(uint64_t *)(void *)((char *)t + counts[i]) = (uint64_t)in[i];
    }
    for (size_t i = 0; i < REALS; i++)
        *(double *)(void *)((char *)t + reals[i]) = in[COUNTS + i];
    bool ok = t->first_round <= t->round && t->first_epoch <= t->epochs &&
              t->best_epoch <= t->epochs && t->best_from <= t->epochs && t->spent_s >= 0 &&
              t->wall_s >= 0 && t->train_s >= 0;
    return ok ? CREW_OK : CREW_EFORMAT;
}

/* ---- What was measured of each worker ---- */

enum { PER_WORKER = 7 };

static void save_tally(const crew_trainer *t, double *out)
{
    for (uint32_t i = 0; i < t->n; i++, out += PER_WORKER) {
        const struct crew_tally *y = &t->tally[i];
        const double x[PER_WORKER] = {(double)y->kept, (double)y->dropped,  y->busy_s,
                                      y->wasted_s,     (double)y->task_s.n, y->task_s.mean,
                                      y->task_s.m2};
        memcpy(out, x, sizeof x);
    }
}

static bool are_tallies(const double *in, size_t n)
{
    bool ok = n % PER_WORKER == 0;
    for (size_t i = 0; i < n && ok; i++)
        ok = in[i] >= 0 && in[i] < 0x1p53;
    return ok;
}

crew_status crew_state_load_others(crew_trainer *t, const double *in, size_t n)
{
    if (!are_tallies(in, n))
        return CREW_EFORMAT;
    t->earlier.slot_s += (double)(n / PER_WORKER) * (t->train_s - t->earlier.train_s);
    t->earlier.train_s = t->train_s;
    for (size_t i = 0; i < n; i += PER_WORKER) {
        t->earlier.worker_s += in[i + 2];
        t->earlier.wasted_s += in[i + 3];
    }
    memset(t->tally, 0, t->n * sizeof *t->tally);
    return CREW_OK;
}

static crew_status load_tally(crew_trainer *t, const double *in, size_t n)
{
    if (n != (size_t)t->n * PER_WORKER || !are_tallies(in, n))
        return CREW_EFORMAT;
    for (uint32_t i = 0; i < t->n; i++, in += PER_WORKER)
        t->tally[i] = (struct crew_tally){
            .kept = (uint64_t)in[0],
            .dropped = (uint64_t)in[1],
            .busy_s = in[2],
            .wasted_s = in[3],
            .task_s = {.n = (uint64_t)in[4], .mean = in[5], .m2 = in[6]},
        };
    return CREW_OK;
}

/* ---- Finished epochs ---- */

enum { PER_EPOCH = 9 };

static size_t save_history(const crew_trainer *t, double *out)
{
    size_t n;
    const struct crew_epoch_record *e = crew_trainer_history(t, &n);
    for (size_t i = 0; i < n; i++, e++, out += PER_EPOCH) {
        const double x[PER_EPOCH] = {(double)e->epoch,
                                     (double)e->round,
                                     e->train_loss,
                                     (double)e->validation.rows,
                                     (double)e->validation.correct,
                                     e->validation.loss,
                                     e->validation.accuracy,
                                     e->elapsed_s,
                                     e->real_s};
        memcpy(out, x, sizeof x);
    }
    return n * PER_EPOCH;
}

static crew_status load_history(crew_trainer *t, const double *in, size_t n)
{
    if (n % PER_EPOCH || n / PER_EPOCH > CREW_HISTORY)
        return CREW_EFORMAT;
    for (size_t i = 0; i < n; i++) {
        size_t k = i % PER_EPOCH;
        bool count = k == 0 || k == 1 || k == 3 || k == 4;
        if (count && !(in[i] >= 0 && in[i] < 0x1p53))
            return CREW_EFORMAT;
    }
    t->n_history = n / PER_EPOCH;
    for (size_t i = 0; i < t->n_history; i++, in += PER_EPOCH)
        t->history[i] = (struct crew_epoch_record){
            .epoch = (uint64_t)in[0],
            .round = (uint64_t)in[1],
            .train_loss = in[2],
            .validation = {(uint64_t)in[3], (uint64_t)in[4], in[5], in[6]},
            .elapsed_s = in[7],
            .real_s = in[8],
        };
    return CREW_OK;
}

/* ---- All of them ---- */

size_t crew_state_room(const crew_trainer *t, enum crew_state_part part)
{
    const struct crew_loop *l = &t->loop;
    switch (part) {
    case CREW_STATE_TRAINER:
        return COUNTS + REALS;
    case CREW_STATE_SAMPLER:
        return crew_rows_state_max(t);
    case CREW_STATE_OPTIMIZER:
        return CREW_OPTIMIZER_NUMBERS;
    case CREW_STATE_POLICY:
        return l->policy->save ? l->policy->save(l->policy_self, NULL, 0) : 0;
    case CREW_STATE_EXECUTOR:
        return l->executor->save ? l->executor->save(l->executor_self, NULL, 0) : 0;
    case CREW_STATE_TALLY:
        return (size_t)t->n * PER_WORKER;
    case CREW_STATE_HISTORY:
        return (size_t)CREW_HISTORY * PER_EPOCH;
    default:
        return 0;
    }
}

crew_status crew_state_create(const crew_trainer *t, struct crew_state *out)
{
    for (int i = 0; i < CREW_STATE_PARTS; i++) {
        struct crew_state_section *s = &out->part[i];
        s->room = crew_state_room(t, (enum crew_state_part)i);
        if (s->room && !(s->x = crew_alloc(s->room * sizeof *s->x)))
            return CREW_ENOMEM;
    }
    return CREW_OK;
}

void crew_state_free(struct crew_state *s)
{
    for (int i = 0; i < CREW_STATE_PARTS; i++)
        crew_free(s->part[i].x);
}

void crew_state_save(crew_trainer *t, struct crew_state *s)
{
    const struct crew_loop *l = &t->loop;
    struct crew_state_section *p = s->part;
    for (int i = 0; i < CREW_STATE_PARTS; i++)
        p[i].n = p[i].room;
    save_trainer(t, p[CREW_STATE_TRAINER].x);
    save_tally(t, p[CREW_STATE_TALLY].x);
    crew_optimizer_save(t->optimizer, p[CREW_STATE_OPTIMIZER].x);
    p[CREW_STATE_SAMPLER].n =
        crew_rows_save(t, p[CREW_STATE_SAMPLER].x, p[CREW_STATE_SAMPLER].room);
    p[CREW_STATE_HISTORY].n = save_history(t, p[CREW_STATE_HISTORY].x);
    struct crew_state_section *y = &p[CREW_STATE_POLICY], *e = &p[CREW_STATE_EXECUTOR];
    if (y->room && l->policy->save(l->policy_self, y->x, y->room) != y->room)
        y->n = 0; /* it has grown: a policy of somebody else's; it learns anew */
    if (e->room)
        (void)l->executor->save(l->executor_self, e->x, e->room);
}

crew_status crew_state_load(crew_trainer *t, enum crew_state_part part, const double *x,
                            size_t n)
{
    const struct crew_loop *l = &t->loop;
    switch (part) {
    case CREW_STATE_TRAINER:
        return load_trainer(t, x, n);
    case CREW_STATE_SAMPLER:
        return crew_rows_load(t, x, n);
    case CREW_STATE_OPTIMIZER:
        return crew_optimizer_load(t->optimizer, x, n);
    case CREW_STATE_POLICY:
        return !n                ? CREW_OK
               : l->policy->load ? l->policy->load(l->policy_self, x, n)
                                 : CREW_EFORMAT;
    case CREW_STATE_EXECUTOR:
        return !n                  ? CREW_OK
               : l->executor->load ? l->executor->load(l->executor_self, x, n)
                                   : CREW_EFORMAT;
    case CREW_STATE_TALLY:
        return load_tally(t, x, n);
    case CREW_STATE_HISTORY:
        return load_history(t, x, n);
    default:
        return CREW_EFORMAT;
    }
}
