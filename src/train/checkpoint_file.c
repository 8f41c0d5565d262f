/* A checkpoint is a model file (network_file.c) with more in it: tensors "optimizer.0", "best"
 * and the numbers of state.c; in __metadata__ what run it is of; and a checksum at its end. */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "train/checkpoint.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char VERSION[] = "1"; /* of what is below; another one is refused */

float *crew_snapshot_vector(const crew_trainer *t, unsigned n, const char **name)
{
    const struct {
        const char *name;
        float *x;
    } all[] = {{"optimizer.0", crew_optimizer_vector(t->optimizer, 0)},
               {"optimizer.1", crew_optimizer_vector(t->optimizer, 1)},
               {"best", t->best},
               {"rollback.0", t->good[0]},
               {"rollback.1", t->good[1]},
               {"rollback.2", t->good[2]}};
    _Static_assert(sizeof all / sizeof *all == CREW_SNAPSHOT_VECTORS, "see checkpoint.h");
    for (unsigned i = 0; i < CREW_SNAPSHOT_VECTORS; i++)
        if (all[i].x && !n--) {
            *name = all[i].name;
            return all[i].x;
        }
    return NULL;
}

crew_status crew_snapshot_write(const crew_network *net, const struct crew_snapshot *s,
                                const char *path, struct crew_error *err)
{
    struct crew_st_tensor tensor[CREW_SNAPSHOT_VECTORS + CREW_STATE_PARTS];
    size_t n = 0;
    char round[24], epochs[24];
    for (; n < CREW_SNAPSHOT_VECTORS && s->vector[1 + n]; n++)
        tensor[n] = (struct crew_st_tensor){.name = s->name[n],
                                            .n_dims = 1,
                                            .dims = {net->n_params},
                                            .data = s->vector[1 + n],
                                            .count = net->n_params};
    for (int i = 0; i < CREW_STATE_PARTS; i++)
        tensor[n++] = (struct crew_st_tensor){.name = crew_state_name((enum crew_state_part)i),
                                              .type = CREW_ST_F64,
                                              .n_dims = 1,
                                              .dims = {s->state.part[i].n},
                                              .data = s->state.part[i].x,
                                              .count = s->state.part[i].n};
    snprintf(round, sizeof round, "%" PRIu64, s->round);
    snprintf(epochs, sizeof epochs, "%" PRIu64, s->epochs);
    const struct crew_st_meta meta[] = {{"checkpoint", VERSION}, {"crew", crew_version()},
                                        {"round", round},        {"epochs", epochs},
                                        {"config", s->config},   {"policy", s->policy},
                                        {"machine", s->machine}, {"data", s->data}};
    const struct crew_st_extra extra = {meta, sizeof meta / sizeof *meta, tensor, n};
    return crew_network_save_with(net, s->vector[0], path, true, &extra, err);
}

/* ---- Going on ---- */

/* Settings that the bits depend on; those that may change, but not unnoticed; and those that
 * are among these where the learning rate depends on how long the run is. */
static const char *const fixed[] = {"model",    "batch-tasks", "task-rows", "optimizer",
                                    "momentum", "seed",        "augment",   "shards"};
static const char *const noted[] = {"lr", "clip", "schedule"};
static const char *const lengths[] = {"epochs", "rounds"};

static bool among(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(name, list[i]))
            return true;
    return false;
}

static crew_status compare_settings(crew_trainer *t, const json_t *theirs, const json_t *mine,
                                    const char *path, struct crew_error *err)
{
    bool constant = !strncmp(t->cfg.schedule, "constant", strlen("constant"));
    for (const struct crew_option *o = crew_train_options(); o->type != CREW_OPTION_END; o++) {
        const char *a = json_string_value(json_object_get(theirs, o->name)),
                   *b = json_string_value(json_object_get(mine, o->name));
        a = a ? a : o->value ? o->value : "not given"; /* older than the setting */
        b = b ? b : "not given";
        if (!strcmp(a, b))
            continue;
        if (among(o->name, fixed, sizeof fixed / sizeof *fixed))
            return crew_fail(
                err, CREW_EINVAL,
                "%s was made with %s %.80s, now it is %.80s: that would be another "
                "run",
                path, o->name, a, b);
        if (among(o->name, noted, sizeof noted / sizeof *noted) ||
            (!constant && among(o->name, lengths, sizeof lengths / sizeof *lengths)))
            crew_trainer_add_note(t, "%s is %.80s from here on, it was %.80s", o->name, b, a);
    }
    return CREW_OK;
}

/* Is it a checkpoint, and one of this run? */
static crew_status check_run(crew_trainer *t, const crew_st_file *f,
                             const struct crew_snapshot *s, const char *path,
                             struct crew_error *err)
{
    const char *version = crew_st_meta(f, "checkpoint"), *data = crew_st_meta(f, "data"),
               *config = crew_st_meta(f, "config");
    if (!version || !data || !config || !crew_st_sealed(f))
        return crew_fail(err, CREW_EFORMAT, "%s: not a checkpoint%s", path,
                         crew_st_meta(f, "model") ? ", but a model: see init" : "");
    if (strcmp(version, VERSION))
        return crew_fail(err, CREW_EFORMAT, "%s: of another version of crew, %.20s", path,
                         crew_st_meta(f, "crew") ? crew_st_meta(f, "crew") : "unknown");
    json_t *theirs, *mine;
    json_error_t why;
    crew_status read = crew_json_parse(config, strlen(config), 0, &theirs, &why),
                own = crew_json_parse(s->config, strlen(s->config), 0, &mine, &why), status;
    if (read == CREW_ENOMEM || own != CREW_OK)
        status = crew_fail(err, CREW_ENOMEM, "%s: no memory for its config", path);
    else if (!json_is_object(theirs))
        status = crew_fail(err, CREW_EFORMAT, "%s: its config is not a JSON object", path);
    else
        status = compare_settings(t, theirs, mine, path, err);
    json_decref(theirs);
    json_decref(mine);
    if (status == CREW_OK && strcmp(data, s->data))
        return crew_fail(err, CREW_EINVAL,
                         "%s was made with other training data: %.80s, not %s", path, data,
                         s->data);
    return status;
}

static crew_status incomplete(const char *path, const char *what, struct crew_error *err)
{
    return crew_fail(err, CREW_EFORMAT, "%s: its %s is missing or not of this run", path, what);
}

/* *has_best, *has_good: what `best` and a rollback need is there, if it is needed. */
static crew_status restore_vectors(crew_trainer *t, const crew_st_file *f, bool *has_best,
                                   bool *has_good, const char *path, struct crew_error *err)
{
    struct crew_tensor part;
    const char *name;
    *has_best = *has_good = true;
    for (uint32_t i = 0; t->net->ops->tensor(t->net->model, i, &part); i++) {
        const struct crew_st_tensor *x = crew_st_find(f, part.name, CREW_ST_F32);
        if (!x || x->n_dims != part.n_dims ||
            memcmp(x->dims, part.dims, part.n_dims * sizeof *x->dims))
            return incomplete(path, part.name, err);
        memcpy(t->params + part.offset, x->data, x->count * sizeof(float));
    }
    for (unsigned k = 0;; k++) {
        float *to = crew_snapshot_vector(t, k, &name);
        const struct crew_st_tensor *x = to ? crew_st_find(f, name, CREW_ST_F32) : NULL;
        if (!to)
            return CREW_OK;
        if (x && x->count == t->net->n_params)
            memcpy(to, x->data, x->count * sizeof(float));
        else if (to == t->best)
            *has_best = false; /* nobody asked for it then */
        else if (!t->good[0] || strncmp(name, "rollback", 8) != 0)
            return incomplete(path, name, err);
        else
            *has_good = false;
    }
}

static void look_for_best_from_here(crew_trainer *t)
{
    t->best_epoch = 0;
    t->best_accuracy = (double)NAN;
    t->best_from = t->epochs;
    if (t->epochs)
        crew_trainer_add_note(t, "best is of epochs after %llu: the checkpoint has none",
                              (unsigned long long)t->epochs);
}

typedef crew_status load_function(crew_trainer *t, enum crew_state_part part, const double *x,
                                  size_t n);

static crew_status load_others(crew_trainer *t, enum crew_state_part part, const double *x,
                               size_t n)
{
    (void)part;
    return crew_state_load_others(t, x, n);
}

static crew_status restore_by(load_function *load, crew_trainer *t, const crew_st_file *f,
                              enum crew_state_part part, const char *path,
                              struct crew_error *err)
{
    const char *name = crew_state_name(part);
    const struct crew_st_tensor *x = crew_st_find(f, name, CREW_ST_F64);
    double *copy = x ? crew_alloc((x->count + 1) * sizeof *copy) : NULL;
    if (!x)
        return incomplete(path, name, err);
    if (!copy)
        return crew_fail(err, CREW_ENOMEM, "%s: no memory for its %s", path, name);
    memcpy(copy, x->data, x->count * sizeof *copy); /* may be unaligned in the file */
    crew_status status = load(t, part, copy, x->count);
    crew_free(copy);
    if (status == CREW_EINVAL)
        return crew_fail(
            err, status,
            "%s was made with other shards of the rows, of other workers: that would "
            "be another run",
            path);
    return status == CREW_OK ? status : incomplete(path, name, err);
}

static crew_status restore_part(crew_trainer *t, const crew_st_file *f,
                                enum crew_state_part part, const char *path,
                                struct crew_error *err)
{
    return restore_by(crew_state_load, t, f, part, path, err);
}

/* What was measured of the workers and learnt of them, if they are these. */
static crew_status restore_workers(crew_trainer *t, const crew_st_file *f,
                                   const struct crew_snapshot *s, const char *path,
                                   struct crew_error *err)
{
    const char *machine = crew_st_meta(f, "machine"), *policy = crew_st_meta(f, "policy"),
               *name = crew_state_name(CREW_STATE_TALLY);
    const struct crew_st_tensor *tally = crew_st_find(f, name, CREW_ST_F64);
    if (!machine || strcmp(machine, s->machine) || !tally ||
        tally->count != crew_state_room(t, CREW_STATE_TALLY)) {
        crew_trainer_add_note(t, "the checkpoint is of other workers: their times are measured "
                                 "anew");
        return restore_by(load_others, t, f, CREW_STATE_TALLY, path, err);
    }
    TRY(restore_part(t, f, CREW_STATE_TALLY, path, err));
    TRY(restore_part(t, f, CREW_STATE_EXECUTOR, path, err));
    if (policy && !strcmp(policy, s->policy))
        return restore_part(t, f, CREW_STATE_POLICY, path, err);
    crew_trainer_add_note(t, "the policy is %s from here on, it was %.80s: it learns anew",
                          s->policy, policy ? policy : "unknown");
    return CREW_OK;
}

static crew_status restore(crew_trainer *t, const crew_st_file *f,
                           const struct crew_snapshot *s, const char *path,
                           struct crew_error *err)
{
    bool has_best, has_good;
    TRY(check_run(t, f, s, path, err));
    TRY(restore_vectors(t, f, &has_best, &has_good, path, err));
    TRY(restore_part(t, f, CREW_STATE_TRAINER, path, err));
    TRY(restore_part(t, f, CREW_STATE_SAMPLER, path, err));
    TRY(restore_part(t, f, CREW_STATE_OPTIMIZER, path, err));
    TRY(restore_part(t, f, CREW_STATE_HISTORY, path, err));
    if (!has_best)
        look_for_best_from_here(t);
    if (!has_good)
        crew_rollback_keep(t);
    return restore_workers(t, f, s, path, err);
}

crew_status crew_snapshot_restore(crew_trainer *t, const struct crew_snapshot *s,
                                  const char *path, struct crew_error *err)
{
    crew_st_file *f;
    TRY(crew_st_read(path, &f, err));
    crew_status status = restore(t, f, s, path, err);
    crew_st_close(f);
    return status;
}
