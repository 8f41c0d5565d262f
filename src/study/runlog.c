#include "study/runlog.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/input.h"
#include "base/json.h"
#include "base/mem.h"
#include "study/facts.h"
#include "study/logcut.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct crew_runlog {
    FILE *rounds, *tasks;
    const char *rounds_path, *tasks_path;
    bool resumed, begun; /* begun: "start" is there */
    uint64_t round;      /* it goes on after this one */
    bool starved;        /* there was no memory for an event */
};

static const char HEADER[] = "round,worker,task,kept,seconds,cpu_seconds,work,flags,start_s";

/* A file of this run, to be written on; *out is NULL where it is none. */
static crew_status open_again(const char *path, bool tasks,
                              const struct crew_runlog_config *cfg, FILE **out, bool *begun,
                              struct crew_error *err)
{
    struct stat st;
    struct crew_log_cut cut;
    *out = NULL;
    bool there = stat(path, &st) == 0;
    if (!there && errno != ENOENT) /* it may be there, and is not to be replaced */
        return crew_fail(err, CREW_EOUTPUT, "%s: cannot be written: %s", path, strerror(errno));
    if (!there || !S_ISREG(st.st_mode))
        return CREW_OK;
    if (tasks)
        TRY(crew_log_cut_tasks(path, HEADER, cfg->round, &cut, err));
    else
        TRY(crew_log_cut_rounds(path, cfg->set, cfg->n_sets, cfg->round, &cut, err));
    if (!cut.ours && cfg->replace)
        return CREW_OK;
    if (!cut.ours)
        return crew_fail(err, CREW_EOUTPUT, "%s: exists already, and is no log of this run",
                         path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd >= 0 && (ftruncate(fd, (off_t)cut.bytes) != 0 || !(*out = fdopen(fd, "a"))))
        close(fd);
    *begun = cut.bytes > 0;
    return *out ? CREW_OK
                : crew_fail(err, CREW_EOUTPUT, "%s: cannot be written: %s", path,
                            strerror(errno));
}

static crew_status open_file(const char *path, bool tasks, const struct crew_runlog_config *cfg,
                             FILE **out, bool *begun, struct crew_error *err)
{
    *begun = false;
    if (!path)
        return CREW_OK;
    if (cfg->resumed)
        TRY(open_again(path, tasks, cfg, out, begun, err));
    if (*out)
        return CREW_OK;
    struct stat st; /* a pipe or a terminal may exist, a file may not */
    bool stream = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    int fd = open(path,
                  O_WRONLY | O_CREAT | O_CLOEXEC |
                      (stream         ? 0
                       : cfg->replace ? O_TRUNC
                                      : O_EXCL),
                  0666);
    if (fd < 0 && errno == EEXIST)
        return crew_fail(err, CREW_EOUTPUT, "%s: exists already", path);
    if (fd >= 0 && !(*out = fdopen(fd, "w")))
        close(fd);
    return *out ? CREW_OK
                : crew_fail(err, CREW_EOUTPUT, "%s: cannot be written: %s", path,
                            strerror(errno));
}

crew_status crew_runlog_open(const struct crew_runlog_config *cfg, crew_runlog **out,
                             struct crew_error *err)
{
    struct crew_error ignored;
    bool headed;
    crew_runlog *l = crew_zalloc(sizeof *l);
    *out = NULL;
    if (!l)
        return crew_fail(err, CREW_ENOMEM, "no memory for the log");
    l->rounds_path = cfg->rounds;
    l->tasks_path = cfg->tasks;
    l->resumed = cfg->resumed;
    l->round = cfg->round;
    crew_status status = open_file(cfg->rounds, false, cfg, &l->rounds, &l->begun, err);
    if (status == CREW_OK)
        status = open_file(cfg->tasks, true, cfg, &l->tasks, &headed, err);
    if (status != CREW_OK) {
        (void)!crew_runlog_close(l, &ignored);
        return status;
    }
    if (l->tasks && !headed)
        fprintf(l->tasks, "%s\n", HEADER);
    *out = l;
    return CREW_OK;
}

/* One event as one line; takes the object over. NULL: no memory. */
static void emit(crew_runlog *l, json_t *event)
{
    bool whole = event && json_dumpf(event, l->rounds, JSON_COMPACT) == 0;
    if (event)
        fputc('\n', l->rounds);
    l->starved |= !whole && !ferror(l->rounds);
    json_decref(event);
}

/* NaN is not JSON: null. */
static json_t *real(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

/* What quotes a file name may be anything: an event is not lost for that. */
static json_t *sentence(const char *s)
{
    return crew_json_text(s, "(not UTF-8)");
}

void crew_runlog_start(crew_runlog *l, const struct crew_settings *set, size_t n_sets,
                       const crew_trainer *t, const struct crew_dataset_info *train)
{
    struct crew_network_info net;
    char date[40];
    if (!l->rounds)
        return;
    crew_network_info(crew_trainer_network(t), &net);
    crew_date(date, sizeof date);
    size_t n_notes = 0;
    json_t *notes = json_array();
    for (; crew_trainer_note(t, n_notes); n_notes++)
        json_array_append_new(notes, sentence(crew_trainer_note(t, n_notes)));
    notes = crew_json_whole(notes, n_notes);
    if (!l->begun)
        emit(l, json_pack("{s:s, s:s, s:s, s:o, s:o, s:{s:I, s:i, s:i}, s:I, s:O}", "event",
                          "start", "date", date, "version", crew_version(), "config",
                          crew_settings_as_json(set, n_sets), "machine",
                          crew_machine_as_json(crew_trainer_machine(t)), "data", "rows",
                          (json_int_t)train->rows, "features", (int)train->features, "classes",
                          (int)train->classes, "parameters", (json_int_t)net.n_params, "notes",
                          notes));
    if (l->resumed)
        emit(l, json_pack("{s:s, s:I, s:s, s:s, s:o, s:O}", "event", "resume", "round",
                          (json_int_t)l->round, "date", date, "version", crew_version(),
                          "config", crew_settings_as_json(set, n_sets), "notes", notes));
    json_decref(notes);
    fflush(l->rounds);
}

static void log_tasks(FILE *to, const struct crew_record *r)
{
    for (size_t i = 0; i < r->n_timings; i++) {
        const struct crew_timing *x = &r->timing[i];
        fprintf(to, "%llu,%u,%u,%d,%.17g,", (unsigned long long)r->round, x->worker, x->task,
                x->kept, x->seconds);
        if (isfinite(x->cpu_seconds))
            fprintf(to, "%.17g", x->cpu_seconds);
        fprintf(to, ",%.17g,%u,%.9g\n", x->work, x->flags, x->start_s);
    }
}

static void log_decisions(crew_runlog *l, const struct crew_record *r)
{
    for (size_t i = 0; i < r->n_events; i++) {
        const struct crew_policy_event *e = &r->events[i];
        emit(l, json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "event", "policy", "round",
                          (json_int_t)r->round, "worker", (json_int_t)e->worker, "reason",
                          sentence(e->reason), "before_s", real(e->before_s), "after_s",
                          real(e->after_s)));
    }
}

/* The workers that have lost their cores. */
static json_t *lost_workers(const struct crew_record *r)
{
    json_t *list = json_array();
    size_t n = 0;
    for (uint32_t i = 0; i < r->n; i++)
        if (!r->available[i]) {
            json_array_append_new(list, json_integer((json_int_t)i));
            n++;
        }
    return crew_json_whole(list, n);
}

/* Of each worker. */
static json_t *shards(const struct crew_record *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n; i++)
        json_array_append_new(list, json_integer((json_int_t)r->shard[i]));
    return crew_json_whole(list, r->n);
}

/* The event with one more value, both taken over; NULL: no memory. */
static json_t *with(json_t *event, const char *key, json_t *value)
{
    if (event && value && json_object_set_new(event, key, value) == 0)
        return event;
    json_decref(event);
    return NULL;
}

void crew_runlog_round(crew_runlog *l, const struct crew_record *r)
{
    if (l->tasks) {
        log_tasks(l->tasks, r);
        fflush(l->tasks);
    }
    if (!l->rounds)
        return;
    json_t *quota = json_array(), *done = json_array(), *mean = json_array();
    double worker_s = 0;
    for (uint32_t i = 0, at = 0; i < r->n; i++) {
        uint32_t ran = 0;
        for (; at < r->n_timings && r->timing[at].worker == i; at++)
            ran++;
        worker_s += r->busy_s[i];
        json_array_append_new(quota, json_integer((json_int_t)r->quota[i]));
        json_array_append_new(done, json_integer((json_int_t)r->done[i]));
        json_array_append_new(mean, ran ? json_real(1e3 * r->busy_s[i] / ran) : json_null());
    }
    json_t *event = json_pack(
        "{s:s, s:I, s:I, s:o, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:o}", "event", "round",
        "round", (json_int_t)r->round, "epoch", (json_int_t)r->epoch, "loss", real(r->loss),
        "lr", r->lr, "seconds", r->seconds, "wait_s", r->wait_s, "elapsed_s", r->elapsed_s,
        "worker_s", worker_s, "quota", crew_json_whole(quota, r->n), "done",
        crew_json_whole(done, r->n), "mean_ms", crew_json_whole(mean, r->n), "remark",
        sentence(r->remark && *r->remark ? r->remark : NULL));
    if (r->nonfinite)
        event = with(event, "nonfinite", sentence(r->nonfinite));
    if (r->available)
        event = with(event, "lost", lost_workers(r));
    if (r->shard)
        event = with(event, "shard", shards(r));
    emit(l, event);
    log_decisions(l, r);
    fflush(l->rounds); /* a run that is killed goes on from a round that stands here */
}

void crew_runlog_epoch(crew_runlog *l, const struct crew_epoch_record *r)
{
    bool measured = r->validation.rows > 0;
    if (!l->rounds)
        return;
    emit(l, json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:f}", "event", "eval", "epoch",
                      (json_int_t)r->epoch, "round", (json_int_t)r->round, "train_loss",
                      real(r->train_loss), "val_loss",
                      measured ? real(r->validation.loss) : json_null(), "val_accuracy",
                      measured ? real(r->validation.accuracy) : json_null(), "elapsed_s",
                      r->elapsed_s));
    fflush(l->rounds);
}

void crew_runlog_checkpoint(crew_runlog *l, const struct crew_checkpoint_record *r)
{
    if (!l->rounds)
        return;
    emit(l, json_pack("{s:s, s:I, s:o, s:f, s:f, s:o}", "event", "checkpoint", "round",
                      (json_int_t)r->round, "path", sentence(r->path), "copy_s", r->copy_s,
                      "write_s", r->write_s, "error", sentence(*r->text ? r->text : NULL)));
    fflush(l->rounds);
}

void crew_runlog_end(crew_runlog *l, const struct crew_summary *s,
                     const struct crew_evaluation *test, const char *error)
{
    char digest[20];
    if (!l->rounds)
        return;
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)s->weights_digest);
    emit(l,
         json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:o, s:o, s:s, s:b, s:b, s:o}", "event",
                   "end", "rounds", (json_int_t)s->rounds, "epochs", (json_int_t)s->epochs,
                   "wall_s", s->wall_s, "worker_s", s->worker_s, "idle_s", s->idle_s,
                   "wasted_s", s->wasted_s, "train_loss", real(s->train_loss), "test_accuracy",
                   test->rows ? real(test->accuracy) : json_null(), "weights_digest", digest,
                   "stopped", (int)s->stopped, "timed_out", (int)s->timed_out, "error",
                   sentence(error)));
}

static crew_status close_file(FILE *f, const char *path, struct crew_error *err)
{
    if (!f)
        return CREW_OK;
    bool bad = ferror(f) != 0;
    if (fclose(f) == 0 && !bad)
        return CREW_OK;
    return crew_fail(err, CREW_EOUTPUT, "%s: could not be written whole: %s", path,
                     strerror(errno));
}

crew_status crew_runlog_close(crew_runlog *l, struct crew_error *err)
{
    if (!l)
        return CREW_OK;
    crew_status rounds = close_file(l->rounds, l->rounds_path, err),
                tasks = close_file(l->tasks, l->tasks_path, rounds == CREW_OK ? err : NULL);
    if (l->starved && rounds == CREW_OK && tasks == CREW_OK)
        rounds = crew_fail(err, CREW_ENOMEM, "%s: events are missing: no memory for them",
                           l->rounds_path);
    crew_free(l);
    return rounds != CREW_OK ? rounds : tasks;
}

static bool knows(const struct crew_settings *set, size_t n_sets, const char *name)
{
    for (size_t i = 0; i < n_sets; i++)
        if (crew_option_find(set[i].table, name, strlen(name)))
            return true;
    return false;
}

static crew_status apply(const char *path, const char *name, const json_t *value,
                         const struct crew_settings *set, size_t n_sets, json_t *texts,
                         struct crew_error *err)
{
    const struct crew_option *o = NULL;
    char number[40];
    const char *text = json_string_value(value);
    size_t i = 0;
    for (; i < n_sets && !o; i++)
        o = crew_option_find(set[i].table, name, strlen(name));
    if (!o)
        return crew_fail(err, CREW_EINVAL, "%s: there is no option '%.64s'", path, name);
    if (json_is_number(value)) {
        if (json_is_integer(value))
            snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else
            snprintf(number, sizeof number, "%.17g", json_real_value(value));
        text = number;
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? "yes" : "no";
    } else if (!text) {
        return crew_fail(err, CREW_EFORMAT,
                         "%s: the value of '%.64s' is neither text nor a number", path, name);
    }
    struct crew_error why;
    if (o->type == CREW_OPTION_STRING) {
        json_t *copy = json_string(text);
        if (json_array_append_new(texts, copy) != 0)
            return crew_fail(err, CREW_ENOMEM, "%s: no memory for its texts", path);
        text = json_string_value(copy);
    }
    if (crew_option_set(o, text, set[i - 1].base, &why) != CREW_OK)
        return crew_fail(err, CREW_EINVAL, "%s: %s", path, why.text);
    return CREW_OK;
}

/* Bytes of memory for a configuration, with the description of a machine of many cores. */
enum { MOST_CONFIG = 1 << 28 };

struct first_document {
    FILE *file;
    double left;
};

static size_t read_some(void *out, size_t room, void *user)
{
    struct first_document *d = user;
    size_t n = fread(out, 1, room, d->file);
    d->left -= crew_json_bytes(out, n);
    return d->left < 0 || (!n && ferror(d->file)) ? (size_t)-1 : n;
}

crew_status crew_runlog_config(const char *path, const struct crew_settings *set, size_t n_sets,
                               void **texts, struct crew_error *err)
{
    json_error_t why;
    *texts = NULL;
    struct first_document from = {.left = MOST_CONFIG};
    TRY(crew_input_open(path, &from.file, err));
    json_t *root = json_load_callback(read_some, &from,
                                      JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &why);
    fclose(from.file);
    json_t *config = json_object_get(root, "config");
    config = config ? config : root;
    if (!root && from.left >= 0 && crew_json_starved(&why))
        return crew_fail(err, CREW_ENOMEM, "%s: no memory for its values", path);
    if (!json_is_object(config)) {
        json_decref(root);
        return crew_fail(err, CREW_EFORMAT, "%s: line %d: neither a JSON object nor a log: %s",
                         path, why.line,
                         from.left < 0 ? "it is too large"
                         : root        ? "no object"
                                       : why.text);
    }
    crew_status status = CREW_OK;
    *texts = json_array();
    const char *kind = json_string_value(json_object_get(root, "kind"));
    if (kind && !strcmp(kind, "comparison") && !knows(set, n_sets, "repeats"))
        status = crew_fail(err, CREW_EINVAL,
                           "%s: the configuration of a comparison, of several policies: crew "
                           "compare --config takes it",
                           path);
    for (void *at = json_object_iter(config); at && status == CREW_OK;
         at = json_object_iter_next(config, at))
        status = apply(path, json_object_iter_key(at), json_object_iter_value(at), set, n_sets,
                       *texts, err);
    json_decref(root);
    return status;
}

void crew_runlog_config_free(void *texts)
{
    json_decref(texts);
}
