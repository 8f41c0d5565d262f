#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/summary.h"
#include "study/timeline.h"
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct train {
    const struct command *command;
    struct crew_data_config data_cfg;
    struct crew_config cfg;
    struct {
        const char *config, *init, *log, *log_tasks, *save, *save_profile, *timeline;
        uint64_t timeline_rounds;
        bool force, json, quiet;
    } own;
    void *texts; /* of --config */
    struct crew_data data;
    struct crew_dataset_info info;
    crew_trainer *trainer;
    crew_runlog *log;
    crew_timeline *timeline;
    struct progress progress;
    bool remarked;          /* what the policy had to say was said */
    bool saved;             /* --save was written by this run: it may replace it */
    bool checkpoint_failed; /* told, and not got better since */
    uint64_t skipped;       /* rounds without a step */
    uint32_t lost;          /* workers without a core, ASTRAY: all work where they can; told */
    struct crew_evaluation test;
};

#define OWN(NAME, LETTER, TYPE, FIELD, ARGUMENT, HELP)                             \
    {                                                                              \
        .name = NAME, .letter = LETTER, .type = CREW_OPTION_##TYPE,                \
        .offset = offsetof(struct train, own.FIELD) - offsetof(struct train, own), \
        .argument = ARGUMENT, .help = HELP                                         \
    }

static const struct crew_option own_options[] = {
    OWN("config", 0, STRING, config, "FILE",
        "start from this configuration: JSON, or the log of a run"),
    OWN("init", 0, STRING, init, "FILE", "start from the weights of a saved model"),
    OWN("save", 0, STRING, save, "FILE", "write the trained model (.safetensors)"),
    OWN("save-profile", 0, STRING, save_profile, "FILE",
        "write what was measured of each worker (JSON), for profile"),
    OWN("log", 0, STRING, log, "FILE", "write one JSON line a round"),
    OWN("log-tasks", 0, STRING, log_tasks, "FILE", "write one CSV line a task"),
    OWN("timeline", 0, STRING, timeline, "FILE.json",
        "write who ran which task when: Chrome trace events, for Perfetto"),
    {.name = "timeline-rounds",
     .type = CREW_OPTION_U64,
     .offset = offsetof(struct train, own.timeline_rounds) - offsetof(struct train, own),
     .min = 1,
     .max = 1e6,
     .argument = "N",
     .help = "of the timeline, the last ones; not given: 2000"},
    OWN("force", 'f', FLAG, force, NULL, "replace existing outputs"),
    OWN("json", 0, FLAG, json, NULL, "print one JSON object instead of tables"),
    OWN("quiet", 'q', FLAG, quiet, NULL, "print results only, no progress"),
    {.type = CREW_OPTION_END},
};

/* ---- Callbacks, on the coordinator's thread ---- */

/* USR1: the checkpoint is the trainer's; the model of --save is written here. */
static void save_now(struct train *t)
{
    struct crew_error err;
    progress_end(&t->progress);
    if (!t->own.save)
        fprintf(stderr,
                t->cfg.checkpoint
                    ? "note: SIGUSR1: a checkpoint is written\n"
                    : "note: SIGUSR1: there is nothing to write: no checkpoint, no save\n");
    else if (crew_trainer_save(t->trainer, t->own.save, t->own.force || t->saved, &err) !=
             CREW_OK)
        fprintf(stderr, "warning: SIGUSR1: %s\n", err.text);
    else
        t->saved = true;
}

/* Rounds without a step: the first few are worth a line each. */
static void tell_nonfinite(struct train *t, const struct crew_record *r)
{
    enum { TOLD = 5 };
    if (++t->skipped > TOLD)
        return;
    progress_end(&t->progress);
    fprintf(stderr, "warning: %s: no step is taken%s\n", r->nonfinite,
            t->skipped == TOLD ? " (further ones are only counted)" : "");
}

/* Cores that were taken away from the run, or given back. */
static void tell_available(struct train *t, const struct crew_record *r)
{
    static const uint32_t ASTRAY = UINT32_MAX;
    uint32_t lost = 0, first = 0;
    for (uint32_t i = r->n; r->available && i-- > 0;)
        if (!r->available[i]) {
            lost++;
            first = i;
        }
    lost = r->available && !lost ? ASTRAY : lost;
    if (lost == t->lost)
        return;
    progress_end(&t->progress);
    if (lost == ASTRAY)
        fprintf(stderr,
                "note: no worker is left on its core: all go on wherever they may run\n");
    else if (lost)
        fprintf(stderr,
                "note: %u of %u workers, the first is %u, ha%s lost their core: no tasks until "
                "it is back\n",
                lost, r->n, first, lost == 1 ? "s" : "ve");
    else
        fprintf(stderr, "note: all workers have their cores again\n");
    t->lost = lost;
}

static bool on_round(void *user, const struct crew_record *r)
{
    struct train *t = user;
    if (r->nonfinite)
        tell_nonfinite(t, r);
    tell_available(t, r);
    if (t->log)
        crew_runlog_round(t->log, r);
    if (t->timeline)
        crew_timeline_round(t->timeline, r);
    if (r->remark && *r->remark && !t->remarked && !t->own.quiet) {
        progress_end(&t->progress);
        fprintf(stderr, "note: %s\n", r->remark);
        t->remarked = true;
    }
    progress_round(&t->progress, r);
    if (signals_save_asked())
        save_now(t);
    return true;
}

/* Training goes on when the disk is full, and the checkpoints before are still there. */
static void on_checkpoint(void *user, const struct crew_checkpoint_record *r)
{
    struct train *t = user;
    if (t->log)
        crew_runlog_checkpoint(t->log, r);
    bool failed = r->status != CREW_OK;
    if (failed != t->checkpoint_failed) {
        progress_end(&t->progress);
        if (failed)
            fprintf(stderr, "warning: no checkpoint of round %llu: %s; training goes on\n",
                    (unsigned long long)r->round, r->text);
        else
            fprintf(stderr, "note: checkpoints are written again: %s\n", r->path);
    }
    t->checkpoint_failed = failed;
}

static bool on_epoch(void *user, const struct crew_epoch_record *r)
{
    struct train *t = user;
    if (t->log)
        crew_runlog_epoch(t->log, r);
    progress_epoch(&t->progress, r);
    return true;
}

/* ---- Steps ---- */

static crew_status CREW_PRINTF(2, 3) refuse(struct crew_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    return err->status = CREW_EINVAL;
}

/* Outputs are tried before anything is computed, and opened once nothing else can fail. A log
 * may also go to a pipe or a terminal, which cannot be tried. */
static crew_status check_outputs(const struct train *t, struct crew_error *err)
{
    bool may_go_on = strcmp(t->cfg.resume, "none") &&
                     (t->cfg.checkpoint || strcmp(t->cfg.resume, "auto")); /* logs, too */
    const char *const paths[] = {t->own.save, t->own.save_profile, t->own.timeline, t->own.log,
                                 t->own.log_tasks};
    crew_status status = CREW_OK;
    for (size_t i = 0; i < sizeof paths / sizeof *paths && status == CREW_OK; i++) {
        struct stat st;
        bool stream = i > 2 && paths[i] && stat(paths[i], &st) == 0 &&
                      (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
        if (paths[i] && !stream)
            status = crew_output_check(paths[i], t->own.force || (i > 2 && may_go_on), err);
    }
    return status;
}

/* Two outputs in one file would destroy each other. */
static crew_status check_distinct(const struct train *t, struct crew_error *err)
{
    const char *const paths[] = {t->own.save, t->own.save_profile, t->own.timeline, t->own.log,
                                 t->own.log_tasks};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = i + 1; j < 5; j++)
            if (paths[i] && paths[j] && !strcmp(paths[i], paths[j]))
                return refuse(err, "%s is named for two outputs", paths[i]);
    if (t->own.timeline_rounds && !t->own.timeline)
        return refuse(err, "--timeline-rounds needs --timeline");
    if (t->own.save && !strcmp(t->data_cfg.missing, "mean") &&
        strcmp(t->data_cfg.scale, "standard") != 0)
        return refuse(err,
                      "--save with --missing mean needs --scale standard: only it keeps the "
                      "means in the model");
    return CREW_OK;
}

static crew_status open_logs(struct train *t, struct crew_error *err)
{
    struct crew_summary s;
    crew_trainer_summary(t->trainer, &s);
    const struct crew_settings set[] = {{crew_data_options(), &t->data_cfg},
                                        {crew_train_options(), &t->cfg}};
    const struct crew_runlog_config log = {.rounds = t->own.log,
                                           .tasks = t->own.log_tasks,
                                           .replace = t->own.force,
                                           .resumed = s.resumed,
                                           .round = s.resumed_round,
                                           .set = set,
                                           .n_sets = 2};
    if (t->own.timeline) {
        crew_status status = crew_timeline_create(
            t->own.timeline_rounds ? t->own.timeline_rounds : 2000, s.n, &t->timeline, err);
        if (status != CREW_OK)
            return status;
    }
    return t->own.log || t->own.log_tasks ? crew_runlog_open(&log, &t->log, err) : CREW_OK;
}

static bool same_names(const struct crew_network_info *a, const struct crew_network_info *b)
{
    if (!a->class_names || !b->class_names)
        return a->class_names == b->class_names;
    for (uint32_t i = 0; i < a->shape.classes; i++)
        if (strcmp(a->class_names[i], b->class_names[i]) != 0)
            return false;
    return true;
}

/* Weights mean something only for the features and classes they were trained on. */
static crew_status check_init(const char *path, const struct crew_network_info *theirs,
                              const struct crew_network_info *mine, struct crew_error *err)
{
    static const char *const scales[] = {"none", "unit", "standard"};
    if (strcmp(theirs->model, mine->model) ||
        memcmp(&theirs->shape, &mine->shape, sizeof mine->shape))
        return refuse(
            err, "init: %s holds a model %s of %u features and %u classes, not %s of %u and %u",
            path, theirs->model, theirs->features, theirs->shape.classes, mine->model,
            mine->features, mine->shape.classes);
    if (!same_names(theirs, mine))
        return refuse(err, "init: %s has other class names than the data", path);
    if (theirs->scaler.kind != mine->scaler.kind)
        return refuse(err, "init: %s was trained with scale %s", path,
                      scales[theirs->scaler.kind]);
    return CREW_OK;
}

static crew_status load_weights(struct train *t, struct crew_error *err)
{
    crew_network *net;
    struct crew_network_info info, mine;
    struct crew_summary s;
    crew_trainer_summary(t->trainer, &s);
    if (s.resumed_round) {
        if (!t->own.quiet)
            fprintf(stderr, "note: --init %s is not read: a checkpoint is gone on from\n",
                    t->own.init);
        return CREW_OK;
    }
    crew_status status = crew_network_load(t->own.init, &net, err);
    if (status != CREW_OK)
        return status;
    crew_network_info(net, &info);
    crew_network_info(crew_trainer_network(t->trainer), &mine);
    status = check_init(t->own.init, &info, &mine, err);
    if (status == CREW_OK)
        status = crew_trainer_set_params(t->trainer, info.params, info.n_params, err);
    crew_trainer_request_checkpoint(t->trainer); /* the one that is there has not got them */
    crew_network_destroy(net);
    return status;
}

static crew_status prepare(struct train *t, struct crew_error *err)
{
    crew_status status = check_distinct(t, err);
    if (status == CREW_OK)
        status = check_outputs(t, err);
    struct crew_data_config data = t->data_cfg;
    data.seed = t->cfg.seed;
    limit_to_memory(&data);
    if (status == CREW_OK)
        status = crew_data_open(&data, &t->data, err);
    if (status != CREW_OK)
        return status;
    crew_dataset_info(t->data.train, &t->info);
    t->cfg.on_round = on_round;
    t->cfg.on_epoch = on_epoch;
    t->cfg.on_checkpoint = on_checkpoint;
    t->cfg.user = t;
    signals_watch(); /* before, there is nothing that could be saved */
    status = crew_trainer_create(&t->cfg, &t->data, &t->trainer, err);
    if (status == CREW_OK && t->own.init)
        status = load_weights(t, err);
    if (status == CREW_OK)
        t->cfg.task_rows =
            crew_trainer_task_rows(t->trainer); /* what logs and profiles are of */
    return status == CREW_OK ? open_logs(t, err) : status;
}

static void introduce(struct train *t)
{
    const struct crew_settings set[] = {{crew_data_options(), &t->data_cfg},
                                        {crew_train_options(), &t->cfg}};
    if (t->log)
        crew_runlog_start(t->log, set, 2, t->trainer, &t->info);
    if (t->own.quiet)
        return;
    struct crew_network_info net;
    struct crew_summary s;
    crew_network_info(crew_trainer_network(t->trainer), &net);
    crew_trainer_summary(t->trainer, &s);
    fprintf(
        stderr,
        "%s: %zu rows, %u features, %u classes; %s: %zu parameters; %u %sworker%s, policy %s\n",
        t->data_cfg.data, t->info.rows, t->info.features, t->info.classes, net.model,
        net.n_params, s.n, s.virtual_time ? "virtual " : "", s.n == 1 ? "" : "s",
        t->cfg.policy_ops ? t->cfg.policy_ops->name : t->cfg.policy);
    for (size_t i = 0; crew_trainer_note(t->trainer, i); i++)
        fprintf(stderr, "note: %s\n", crew_trainer_note(t->trainer, i));
}

/* The model is what the run was for: if its name was taken meanwhile, it goes beside it. */
static crew_status save(struct train *t, struct crew_error *err)
{
    char other[PATH_MAX];
    crew_status status =
        crew_trainer_save(t->trainer, t->own.save, t->own.force || t->saved, err);
    if (status == CREW_OK && !t->own.quiet)
        fprintf(stderr, "the model is in %s\n", t->own.save);
    if (status != CREW_EOUTPUT)
        return status;
    struct crew_error ignored;
    snprintf(other, sizeof other, "%s.%ld", t->own.save, (long)getpid());
    if (crew_trainer_save(t->trainer, other, false, &ignored) == CREW_OK)
        fprintf(stderr, "crew train: the model was saved as %s instead\n", other);
    return status;
}

static crew_status save_profile(struct train *t, struct crew_error *err)
{
    crew_status status =
        crew_trainer_save_profile(t->trainer, t->own.save_profile, t->own.force, err);
    if (status == CREW_OK && !t->own.quiet)
        fprintf(stderr, "the profile is in %s\n", t->own.save_profile);
    return status;
}

/* Also of a run that failed: what led there is in it. */
static crew_status save_timeline(struct train *t, struct crew_error *err)
{
    char title[160];
    if (!t->timeline)
        return CREW_OK;
    snprintf(title, sizeof title, "crew train: %s, %s, policy %s", t->data_cfg.data,
             t->cfg.model, t->cfg.policy);
    crew_status status =
        crew_timeline_write(t->timeline, t->own.timeline, t->own.force, t->trainer, title, err);
    if (status == CREW_OK && !t->own.quiet)
        fprintf(stderr, "the timeline of %llu of %llu rounds is in %s\n",
                (unsigned long long)crew_timeline_kept(t->timeline),
                (unsigned long long)crew_timeline_seen(t->timeline), t->own.timeline);
    crew_timeline_destroy(t->timeline);
    t->timeline = NULL;
    return status;
}

static crew_status train(struct train *t, struct crew_error *err)
{
    struct crew_summary limits;
    introduce(t);
    crew_trainer_summary(t->trainer, &limits);
    progress_begin(&t->progress, stderr, t->own.quiet, &limits, t->cfg.time_limit_s,
                   t->info.rows);
    signals_to(t->trainer);
    crew_status status = crew_trainer_run(t->trainer, err);
    progress_end(&t->progress);
    if (status == CREW_OK)
        status = save_timeline(t, err);
    if (t->own.save && (status == CREW_OK || status == CREW_ETIMEOUT)) {
        struct crew_error other; /* why the run ended is the better answer */
        crew_status saved = save(t, status == CREW_OK ? err : &other);
        status = status == CREW_OK ? saved : status;
    }
    if (status == CREW_OK && t->own.save_profile)
        status = save_profile(t, err);
    if (status != CREW_OK || !t->data.test)
        return status;
    status = crew_trainer_evaluate(t->trainer, t->data.test, &t->test, err);
    if (status == CREW_ESTOPPED) { /* interrupted: the result is saved, only unmeasured */
        memset(&t->test, 0, sizeof t->test);
        return CREW_OK;
    }
    return status;
}

static crew_status report(struct train *t, struct crew_error *err)
{
    struct crew_summary s;
    crew_trainer_summary(t->trainer, &s);
    if (t->log)
        crew_runlog_end(t->log, &s, &t->test, NULL);
    crew_status status = crew_runlog_close(t->log, err);
    t->log = NULL;
    if (t->own.json)
        print_summary_json(stdout, t->trainer, &s, &t->test, t->cfg.policy);
    else
        print_summary(stdout, t->trainer, &s, &t->test);
    if (t->cfg.checkpoint && !t->own.quiet && s.checkpoints)
        fprintf(stderr, "%llu checkpoint%s written to %s\n", (unsigned long long)s.checkpoints,
                s.checkpoints == 1 ? " was" : "s were", t->cfg.checkpoint);
    if (status == CREW_OK && s.checkpoint_failed) {
        err->status = status = CREW_EOUTPUT;
        snprintf(err->text, sizeof err->text,
                 "the last checkpoint could not be written to %s: what is there is older",
                 t->cfg.checkpoint);
    }
    return status;
}

/* A task that never returns runs on, and reads its rows. */
static bool is_hung(const struct train *t)
{
    struct crew_summary s = {.hung = false};
    if (t->trainer)
        crew_trainer_summary(t->trainer, &s);
    return s.hung;
}

int run_train(const struct command *self, int argc, char **argv)
{
    struct train t = {.command = self};
    struct crew_error err = {.status = CREW_OK}, late = {.status = CREW_OK};
    int first;
    crew_data_config_init(&t.data_cfg);
    crew_config_init(&t.cfg);
    const struct parser p = {.command = self,
                             .group = {{crew_data_options(), &t.data_cfg},
                                       {crew_train_options(), &t.cfg},
                                       {own_options, &t.own}},
                             .title = {"data", "training", "input and output"},
                             .n_groups = 3,
                             .texts = &t.texts};
    int code = parse_options(&p, argc, argv, &first);
    if (code >= 0) {
        crew_runlog_config_free(t.texts);
        return code;
    }
    crew_status status = prepare(&t, &err);
    if (status == CREW_OK)
        status = train(&t, &err);
    if (status == CREW_OK) {
        status = report(&t, &err);
    } else if (t.log) {
        struct crew_summary s;
        crew_trainer_summary(t.trainer, &s);
        crew_runlog_end(t.log, &s, &t.test, err.text);
    }
    signals_to(NULL);
    (void)!crew_runlog_close(t.log, &late);
    (void)!save_timeline(&t, &late);
    bool hung = is_hung(&t);
    crew_trainer_destroy(t.trainer);
    if (!hung)
        crew_data_close(&t.data);
    crew_runlog_config_free(t.texts);
    code = finish(self, status == CREW_OK ? 0 : fail(self, status, &err));
    if (hung) /* what ends with the process is still in use */
        _exit(code);
    return code;
}
