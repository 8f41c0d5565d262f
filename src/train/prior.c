/* What an earlier run measured, for a policy to start from: which of it is about these workers
 * and this task; and the same the other way round, for the next run. */
#include "base/blas.h"
#include "base/error.h"
#include "base/mem.h"
#include "train/profile.h"
#include "train/trainer.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *kernel(void)
{
    struct crew_blas_info b;
    crew_blas_info(&b);
    return b.core;
}

/* Emulated cores are other cores. */
crew_status crew_prior_fingerprint(crew_trainer *t, struct crew_error *err)
{
    if (t->virtual_time)
        return CREW_OK;
    char *machine = crew_profile_machine(t->machine);
    size_t bytes = machine ? strlen(machine) + 32 : 0;
    if (t->cfg.emulate)
        bytes += strlen(t->cfg.emulate);
    if (machine && (t->fingerprint = crew_alloc(bytes)))
        snprintf(t->fingerprint, bytes, "%s%s%s", machine, t->cfg.emulate ? ", emulates " : "",
                 t->cfg.emulate ? t->cfg.emulate : "");
    crew_free(machine);
    return t->fingerprint ? CREW_OK
                          : crew_fail(err, CREW_ENOMEM, "no memory for the machine's name");
}

/* ---- Does it fit? ---- */

static bool CREW_PRINTF(2, 3) refuse(crew_trainer *t, const char *fmt, ...)
{
    char why[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    crew_trainer_add_note(t, "profile %.200s: nothing is taken: %s", t->cfg.profile, why);
    return false;
}

/* What a simulation leaves open, fits a simulation. */
static bool task_fits(crew_trainer *t, const struct crew_profile *p)
{
    if (!p->model && !t->virtual_time)
        return refuse(t, "its times are simulated");
    if (p->model && strcmp(p->model, t->net->spec) != 0)
        return refuse(t, "its model is %.100s, this one %.100s", p->model, t->net->spec);
    if (p->model && p->rows != t->cfg.task_rows)
        return refuse(t, "its task has %u rows, this one %u", p->rows, t->cfg.task_rows);
    if (p->features &&
        (p->features != t->net->features || p->classes != t->net->shape.classes ||
         p->parameters != t->net->n_params))
        return refuse(t,
                      "its task has %u features, %u classes and %llu parameters, this one %u, "
                      "%u and %zu",
                      p->features, p->classes, (unsigned long long)p->parameters,
                      t->net->features, t->net->shape.classes, t->net->n_params);
    if (!p->blas && !t->virtual_time)
        return refuse(t, "its times are simulated");
    if (p->blas && strcmp(p->blas, kernel()) != 0)
        return refuse(t, "its BLAS kernel is %.100s, this one %.100s", p->blas, kernel());
    return true;
}

static bool machine_fits(crew_trainer *t, const struct crew_profile *p)
{
    if (!p->machine && !t->virtual_time)
        return refuse(t, "its machine is simulated");
    if (p->machine && t->virtual_time)
        return refuse(t, "its machine is real, this one is simulated");
    if (p->machine && strcmp(p->machine, t->fingerprint) != 0)
        return refuse(t, "its machine is '%.150s', this one '%.150s'", p->machine,
                      t->fingerprint);
    if (t->virtual_time && p->n != t->n)
        return refuse(t, "it has %u worker%s, speeds %u", p->n, p->n == 1 ? "" : "s", t->n);
    return true;
}

/* ---- What of it ---- */

static void take(struct crew_prior *out, uint32_t worker, const struct crew_profile_slot *s)
{
    if (!s->count)
        return;
    out->tasks[worker] = crew_profile_weight(s);
    out->mean_s[worker] = s->mean_s;
    out->known++;
}

/* By CPU number. Where workers share a core, the k-th of them is the k-th there. */
static crew_status take_by_cpu(const crew_trainer *t, const struct crew_profile *p,
                               struct crew_prior *out)
{
    const struct crew_machine_info *m = crew_machine_info(t->machine);
    uint32_t most = 0;
    for (uint32_t i = 0; i < m->n_slots; i++)
        most = m->slots[i].cpu > most ? m->slots[i].cpu : most;
    uint32_t *next = crew_alloc(((size_t)most + 1) * sizeof *next); /* worker on that CPU */
    if (!next)
        return CREW_ENOMEM;
    memset(next, 0xff, ((size_t)most + 1) * sizeof *next);
    for (uint32_t i = 0; i < m->n_slots && i < t->n; i++)
        next[m->slots[i].cpu] = i;
    for (uint32_t j = 0; j < p->n; j++) {
        int64_t cpu = p->slot[j].cpu;
        uint32_t i = cpu >= 0 && cpu <= most ? next[cpu] : UINT32_MAX;
        if (i >= t->n)
            continue;
        if (crew_pool_bound(t->pool, i))
            take(out, i, &p->slot[j]);
        next[cpu] = i + m->n_slots;
    }
    crew_free(next);
    return CREW_OK;
}

/* All of it fits, and yet no worker's times are in it. */
static const char *why_none(const crew_trainer *t, const struct crew_profile *p)
{
    bool measured = false, pinned = t->virtual_time, pinned_here = t->virtual_time;
    for (uint32_t j = 0; j < p->n; j++) {
        measured |= p->slot[j].count > 0;
        pinned |= p->slot[j].count > 0 && p->slot[j].cpu >= 0;
    }
    for (uint32_t i = 0; i < t->n && !pinned_here; i++)
        pinned_here = crew_pool_bound(t->pool, i);
    return !measured      ? "it measured no task"
           : !pinned      ? "its workers were bound to no CPU"
           : !pinned_here ? "these workers are bound to no CPU"
                          : "it measured other CPUs";
}

static crew_status take_all(crew_trainer *t, const struct crew_profile *p,
                            struct crew_prior *out, struct crew_error *err)
{
    out->tasks = crew_zalloc(t->n * sizeof *out->tasks);
    out->mean_s = crew_zalloc(t->n * sizeof *out->mean_s);
    crew_status status = out->tasks && out->mean_s ? CREW_OK : CREW_ENOMEM;
    for (uint32_t i = 0; i < t->n && status == CREW_OK && t->virtual_time; i++)
        take(out, i, &p->slot[i]);
    if (status == CREW_OK && !t->virtual_time)
        status = take_by_cpu(t, p, out);
    if (status != CREW_OK)
        return crew_fail(err, status, "no memory for the profile of %u workers", t->n);
    if (out->known) {
        crew_trainer_add_note(t, "profile %.200s: times of %u of %u worker%s are taken",
                              t->cfg.profile, out->known, t->n, t->n == 1 ? "" : "s");
        if (p->model && !p->features)
            crew_trainer_add_note(
                t,
                "profile %.200s: it does not say how many features, classes and "
                "parameters its task had",
                t->cfg.profile);
        return CREW_OK;
    }
    (void)refuse(t, "%s", why_none(t, p));
    crew_prior_free(out);
    return CREW_OK;
}

crew_status crew_prior_read(crew_trainer *t, struct crew_prior *out, struct crew_error *err)
{
    struct crew_profile p;
    *out = (struct crew_prior){.tasks = NULL};
    if (!t->cfg.profile)
        return CREW_OK;
    TRY(crew_profile_read(t->cfg.profile, &p, err));
    crew_status status = CREW_OK;
    if (task_fits(t, &p) && machine_fits(t, &p))
        status = take_all(t, &p, out, err);
    crew_profile_free(&p);
    if (status == CREW_OK && t->cfg.profile_strict && !out->known) /* the last note says why */
        return crew_fail(err, CREW_EINVAL, "%s",
                         t->n_notes ? t->note[t->n_notes - 1] : "nothing of the profile fits");
    return status;
}

void crew_prior_free(struct crew_prior *p)
{
    crew_free(p->tasks);
    crew_free(p->mean_s);
    *p = (struct crew_prior){.tasks = NULL};
}

/* ---- For the next run ---- */

static struct crew_profile_slot measured(const crew_trainer *t, uint32_t i)
{
    const struct crew_machine_info *m = crew_machine_info(t->machine);
    const struct crew_stats *s = &t->tally[i].task_s;
    bool pinned = !t->virtual_time && crew_pool_bound(t->pool, i);
    return (struct crew_profile_slot){
        .cpu = pinned ? (int64_t)m->slots[i % m->n_slots].cpu : -1,
        .count = s->n,
        .mean_s = s->n ? s->mean : (double)NAN,
        .variance_s2 = s->n > 1 ? s->m2 / (double)(s->n - 1) : (double)NAN,
    };
}

crew_status crew_trainer_save_profile(const crew_trainer *t, const char *path, bool replace,
                                      struct crew_error *err)
{
    struct crew_profile p = {.rows = t->cfg.task_rows,
                             .features = t->net->features,
                             .classes = t->net->shape.classes,
                             .parameters = t->net->n_params,
                             .n = t->n};
    p.model = crew_strdup(t->net->spec);
    p.blas = t->virtual_time ? NULL : crew_strdup(kernel());
    p.machine = crew_strdup(t->fingerprint);
    p.slot = crew_alloc(p.n * sizeof *p.slot);
    bool whole = p.model && p.slot && (t->virtual_time || (p.blas && p.machine));
    for (uint32_t i = 0; i < p.n && whole; i++)
        p.slot[i] = measured(t, i);
    crew_status status =
        whole ? crew_profile_write(&p, path, replace, err)
              : crew_fail(err, CREW_ENOMEM, "no memory for the profile of %u workers", p.n);
    crew_profile_free(&p);
    return status;
}
