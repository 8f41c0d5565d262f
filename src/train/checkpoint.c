/* When a checkpoint is written, and by whom.
 *
 *   coordinator                       the writing thread
 *   a round is over, one is due
 *   copies to the snapshot      -->   writes the snapshot to a file
 *   trains on                         ...
 *   a round is over             <--   is done: the outcome is told
 *
 * While it writes, the snapshot is its own and the next one waits: crew_background publishes it
 * both ways. Nobody else changes status, error, write_s. Where no such thread can be started,
 * the coordinator writes, and the round waits.
 *
 * What a kill can cost: a copy is taken at the end of the first round, or epoch, in which it is
 * due and the one before is written, and counts once it is written itself. So up to an
 * interval, or the writing of one where that takes longer, and the writing of the next one. */
#include "train/checkpoint.h"
#include "base/blas.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "machine/background.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum unit { SECONDS, ROUNDS, EPOCHS };

struct crew_checkpoint {
    const crew_network *net;
    struct crew_folder folder;
    enum unit unit;
    double every;
    uint32_t keep;
    crew_background *writer; /* NULL: none could be started */
    struct crew_snapshot snapshot;
    bool writing; /* and its outcome was not told yet */
    bool valid;   /* the newest file is this run's, and of these: */
    uint64_t saved_round, saved_epochs;
    double saved_spent_s, copied_spent_s;
    double copied_s; /* when the last copy was made; the round and epoch it was of */
    uint64_t copied_round, copied_epochs;
    uint64_t seen_epochs;   /* finished ones, after the round before */
    double copy_s, write_s; /* how long it took */
    crew_status status;     /* of the last one written */
    struct crew_error error;
    char *path; /* of it */
};

/* ---- What was asked for ---- */

static crew_status parse_every(const char *text, enum unit *unit, double *every,
                               struct crew_error *err)
{
    static const struct {
        const char *name;
        enum unit unit;
        double factor;
    } units[] = {{"", ROUNDS, 1},      {"s", SECONDS, 1},    {"m", SECONDS, 60},
                 {"h", SECONDS, 3600}, {"round", ROUNDS, 1}, {"rounds", ROUNDS, 1},
                 {"epoch", EPOCHS, 1}, {"epochs", EPOCHS, 1}};
    enum { UNITS = sizeof units / sizeof *units };
    size_t digits = strspn(text, "0123456789."), i = 0;
    double n;
    while (i < UNITS && strcmp(text + digits, units[i].name))
        i++;
    if (i == UNITS || !crew_text_real(text, digits, &n) || !(n > 0 && n <= 1e12))
        return crew_fail(err, CREW_EINVAL,
                         "every is '%.32s', must be a number above 0 and s, m, h, rounds or "
                         "epochs, as in 60s or 500rounds",
                         text);
    if (units[i].unit != SECONDS && n != floor(n))
        return crew_fail(err, CREW_EINVAL,
                         "every is '%.32s', must be a whole number of rounds or epochs", text);
    *unit = units[i].unit;
    *every = n * units[i].factor;
    return CREW_OK;
}

/* All settings as they would be typed. NULL: no memory. */
static char *config_as_json(const struct crew_config *cfg)
{
    json_t *root = json_object();
    char value[1024];
    bool whole = root != NULL;
    for (const struct crew_option *o = crew_train_options(); o->type != CREW_OPTION_END; o++)
        if (crew_option_show(o, cfg, value, sizeof value))
            whole &=
                json_object_set_new(root, o->name, crew_json_text(value, "(not UTF-8)")) == 0;
    char *text = whole ? crew_json_dump(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

/* Rows spread evenly over the data set: enough to tell it from another one, few enough to be
 * read in a moment. */
static crew_status describe_data(const crew_trainer *t, char *out, size_t cap)
{
    enum { ROWS = 4096 };
    size_t rows = t->info.rows < ROWS ? t->info.rows : ROWS, wide = t->info.features;
    float *x = crew_alloc(wide * sizeof *x);
    uint64_t sum = CREW_HASH_INIT;
    for (size_t i = 0; x && i < rows; i++) {
        uint32_t row = (uint32_t)(i * t->info.rows / rows), label;
        crew_dataset_gather(t->train, &row, 1, x, &label);
        sum = crew_hash(crew_hash(sum, x, wide * sizeof *x), &label, sizeof label);
    }
    snprintf(out, cap, "%zu rows of %zu features, digest %016llx", t->info.rows, wide,
             (unsigned long long)sum);
    crew_free(x);
    return x ? CREW_OK : CREW_ENOMEM;
}

/* Whom the times are of: which CPUs of which machine, and what they compute with. */
static char *describe_workers(const crew_trainer *t)
{
    if (t->virtual_time)
        return crew_strdup(t->cfg.speeds);
    const struct crew_machine_info *m = crew_machine_info(t->machine);
    struct crew_blas_info blas;
    crew_blas_info(&blas);
    size_t room = strlen(t->fingerprint) + strlen(blas.core) + 12 * (size_t)t->n + 40;
    char *text = crew_alloc(room);
    int at = text ? snprintf(text, room, "%s, %s, CPUs", t->fingerprint, blas.core) : 0;
    for (uint32_t i = 0; text && i < t->n; i++)
        if (crew_pool_bound(t->pool, i))
            at += snprintf(text + at, room - (size_t)at, " %u", m->slots[i % m->n_slots].cpu);
        else
            at += snprintf(text + at, room - (size_t)at, " -");
    return text;
}

static crew_status describe_run(const crew_trainer *t, struct crew_snapshot *s,
                                struct crew_error *err)
{
    const struct crew_config *c = &t->cfg;
    s->config = config_as_json(c);
    s->policy = crew_strdup(c->policy_ops ? c->policy_ops->name : c->policy);
    s->machine = describe_workers(t);
    if (!s->config || !s->policy || !s->machine ||
        describe_data(t, s->data, sizeof s->data) != CREW_OK)
        return crew_fail(err, CREW_ENOMEM, "no memory to describe the run");
    return CREW_OK;
}

static void free_snapshot(struct crew_snapshot *s)
{
    for (size_t i = 0; i < sizeof s->vector / sizeof *s->vector; i++)
        crew_free(s->vector[i]);
    crew_state_free(&s->state);
    free(s->config);
    crew_free(s->policy);
    crew_free(s->machine);
}

/* ---- Copying and writing ---- */

static unsigned vectors(const crew_trainer *t)
{
    const char *name;
    unsigned n = 0;
    while (crew_snapshot_vector(t, n, &name))
        n++;
    return 1 + n;
}

double crew_checkpoint_bytes(const crew_trainer *t)
{
    double vector = (double)t->net->n_params * sizeof(float),
           state = vector + (double)crew_optimizer_bytes(t->cfg.optimizer, t->net->n_params);
    bool from = strcmp(t->cfg.resume, "auto") && strcmp(t->cfg.resume, "none");
    if (!t->cfg.checkpoint && !from) /* to be read, one is held whole, too */
        return 0;
    double parts = (double)((t->info.rows - 1) / t->cfg.task_rows + 1);
    return state + (t->cfg.best ? vector : 0) + (t->on_nan == CREW_NAN_ROLLBACK ? state : 0) +
           (parts + (double)CREW_HISTORY * 9 + t->n * 16.) * sizeof(double); /* state.c */
}

static crew_status take_memory(const crew_trainer *t, struct crew_snapshot *s,
                               struct crew_error *err)
{
    size_t bytes = t->net->n_params * sizeof(float);
    bool ok = crew_state_create(t, &s->state) == CREW_OK;
    for (unsigned i = 0; i < vectors(t) && ok; i++) {
        if (i)
            (void)crew_snapshot_vector(t, i - 1, &s->name[i - 1]);
        ok = (s->vector[i] = crew_alloc(bytes)) != NULL;
    }
    return ok ? CREW_OK : crew_fail(err, CREW_ENOMEM, "no memory for a copy to be saved");
}

static void copy(crew_trainer *t)
{
    struct crew_checkpoint *c = t->checkpoint;
    struct crew_snapshot *s = &c->snapshot;
    size_t bytes = t->net->n_params * sizeof(float);
    const char *name;
    double began = crew_now_s();
    s->round = t->round;
    s->epochs = t->epochs;
    memcpy(s->vector[0], t->params, bytes);
    for (unsigned k = 1; k < vectors(t); k++) {
        const float *x = crew_snapshot_vector(t, k - 1, &name);
        bool none = x == t->best && !t->best_epoch; /* yet: what is there is anything */
        memcpy(s->vector[k], none ? t->params : x, bytes);
    }
    crew_state_save(t, &s->state);
    c->copied_s = crew_now_s();
    c->copied_round = t->round;
    c->copied_epochs = t->epochs;
    c->copied_spent_s = t->spent_s;
    c->copy_s = c->copied_s - began;
}

static void write_file(void *self)
{
    struct crew_checkpoint *c = self;
    double began = crew_now_s();
    crew_free(c->path);
    c->error = (struct crew_error){.status = CREW_OK};
    c->status = CREW_ENOMEM;
    if ((c->path = crew_folder_file(c->folder.path, c->snapshot.round)))
        c->status = crew_snapshot_write(c->net, &c->snapshot, c->path, &c->error);
    if (c->status == CREW_OK)
        crew_folder_prune(&c->folder, c->snapshot.round, c->keep);
    c->write_s = crew_now_s() - began;
}

/* That file is the newest one. */
static void take_as_saved(struct crew_checkpoint *c)
{
    c->valid = true;
    c->saved_round = c->snapshot.round;
    c->saved_epochs = c->snapshot.epochs;
    c->saved_spent_s = c->copied_spent_s;
}

/* The writing thread has nothing to do with it any more. */
static void tell(crew_trainer *t)
{
    struct crew_checkpoint *c = t->checkpoint;
    const struct crew_checkpoint_record r = {
        .round = c->snapshot.round,
        .path = c->path ? c->path : "",
        .bytes = vectors(t) * t->net->n_params * sizeof(float),
        .copy_s = c->copy_s,
        .write_s = c->write_s,
        .status = c->status,
        .text = c->status == CREW_OK         ? ""
                : c->error.status == CREW_OK ? crew_status_text(c->status)
                                             : c->error.text,
    };
    c->writing = false;
    t->checkpoint_failed = c->status != CREW_OK;
    if (c->status == CREW_OK) {
        t->checkpoints++;
        take_as_saved(c);
    }
    if (t->cfg.on_checkpoint)
        t->cfg.on_checkpoint(t->cfg.user, &r);
}

static void start(crew_trainer *t)
{
    crew_trainer_count_time(t);
    copy(t);
    t->checkpoint->writing = true;
    if (t->checkpoint->writer)
        crew_background_start(t->checkpoint->writer, write_file, t->checkpoint);
    else
        write_file(t->checkpoint);
}

static bool busy(const struct crew_checkpoint *c)
{
    return c->writing && c->writer && crew_background_busy(c->writer);
}

/* ---- When ---- */

/* epoch_ended: with this round. Who counts in epochs wants whole ones, also where the writing
 * of one took longer: then the next one is it. */
static bool due(crew_trainer *t, bool epoch_ended)
{
    const struct crew_checkpoint *c = t->checkpoint;
    if (atomic_load_explicit(&t->save_asked, memory_order_relaxed))
        return true;
    if (c->unit == SECONDS)
        return crew_now_s() - c->copied_s >= c->every;
    return c->unit == ROUNDS
               ? (double)(t->round - c->copied_round) >= c->every
               : epoch_ended && (double)(t->epochs - c->copied_epochs) >= c->every;
}

void crew_checkpoint_begin(crew_trainer *t)
{
    if (!t->checkpoint)
        return;
    t->checkpoint->copied_s = crew_now_s();
    t->checkpoint->seen_epochs = t->epochs;
}

void crew_checkpoint_round(crew_trainer *t)
{
    struct crew_checkpoint *c = t->checkpoint;
    if (!c)
        return;
    bool epoch_ended = t->epochs != c->seen_epochs;
    c->seen_epochs = t->epochs;
    if (busy(c))
        return;
    if (c->writing)
        tell(t);
    if (due(t, epoch_ended)) {
        atomic_store_explicit(&t->save_asked, false, memory_order_relaxed);
        start(t);
        if (!c->writer)
            tell(t);
    }
}

/* An epoch may end, and time go by, without another round. */
static bool is_saved(const crew_trainer *t)
{
    const struct crew_checkpoint *c = t->checkpoint;
    return c->valid && c->saved_round == t->round && c->saved_epochs == t->epochs &&
           (!(t->cfg.time_limit_s > 0) || c->saved_spent_s >= t->spent_s);
}

void crew_checkpoint_end(crew_trainer *t)
{
    if (!t->checkpoint)
        return;
    crew_checkpoint_settle(t);
    if (!is_saved(t))
        start(t);
}

void crew_checkpoint_outdate(crew_trainer *t)
{
    if (t->checkpoint)
        t->checkpoint->valid = false;
}

void crew_checkpoint_settle(crew_trainer *t)
{
    struct crew_checkpoint *c = t->checkpoint;
    if (!c || !c->writing)
        return;
    if (c->writer)
        crew_background_wait(c->writer);
    tell(t);
}

/* ---- Building ---- */

static crew_status first_file(crew_trainer *t, struct crew_error *err)
{
    struct crew_checkpoint *c = t->checkpoint;
    copy(t);
    write_file(c);
    if (c->status == CREW_OK) {
        take_as_saved(c);
        return CREW_OK;
    }
    return crew_fail(err, c->status, "%s",
                     c->error.status != CREW_OK ? c->error.text : crew_status_text(c->status));
}

/* Without it, the run is slower, not worse. */
static crew_status start_writer(crew_trainer *t, struct crew_error *err)
{
    struct crew_error why;
    crew_status status = crew_background_create(&t->checkpoint->writer, &why);
    if (status == CREW_ETHREAD)
        crew_trainer_add_note(t, "%s: rounds wait while a checkpoint is written", why.text);
    else if (status != CREW_OK)
        return crew_fail(err, status, "%s", why.text);
    return CREW_OK;
}

static crew_status open_folder(crew_trainer *t, struct crew_error *err)
{
    struct crew_checkpoint *c = t->checkpoint;
    c->net = t->net;
    c->keep = t->cfg.keep;
    TRY(parse_every(t->cfg.every, &c->unit, &c->every, err));
    return crew_folder_open(&c->folder, t->cfg.checkpoint, err);
}

/* Who says how often wants to be told that nothing is written. */
static crew_status check_used(const crew_trainer *t, struct crew_error *err)
{
    static const char *const names[] = {"every", "keep"};
    char value[64];
    for (size_t i = 0; i < sizeof names / sizeof *names && !t->cfg.checkpoint; i++) {
        const struct crew_option *o =
            crew_option_find(crew_train_options(), names[i], strlen(names[i]));
        if (!crew_option_show(o, &t->cfg, value, sizeof value) || strcmp(value, o->value))
            return crew_fail(err, CREW_EINVAL, "%s needs a folder: see checkpoint", o->name);
    }
    return CREW_OK;
}

crew_status crew_checkpoint_create(crew_trainer *t, struct crew_error *err)
{
    bool from = strcmp(t->cfg.resume, "auto") && strcmp(t->cfg.resume, "none");
    TRY(check_used(t, err));
    if (!t->cfg.checkpoint && !from)
        return CREW_OK;
    struct crew_checkpoint *c = t->checkpoint = crew_zalloc(sizeof *c);
    if (!c)
        return crew_fail(err, CREW_ENOMEM, "no memory for checkpoints");
    c->folder.lock = -1;
    if (t->cfg.checkpoint)
        TRY(open_folder(t, err));
    TRY(describe_run(t, &c->snapshot, err));
    TRY(crew_resume(t, &c->snapshot, err));
    if (!t->cfg.checkpoint) { /* it was only to be read */
        crew_checkpoint_destroy(c);
        t->checkpoint = NULL;
        return CREW_OK;
    }
    TRY(take_memory(t, &c->snapshot, err));
    TRY(start_writer(t, err));
    return first_file(t, err); /* also says whether the folder can be written at all */
}

void crew_checkpoint_leave(struct crew_checkpoint *c)
{
    if (c)
        crew_folder_close(&c->folder);
}

void crew_checkpoint_destroy(struct crew_checkpoint *c)
{
    if (!c)
        return;
    crew_background_destroy(c->writer);
    crew_folder_close(&c->folder);
    free_snapshot(&c->snapshot);
    crew_free(c->path);
    crew_free(c);
}
