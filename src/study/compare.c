#include "study/compare.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "machine/energy.h"
#include "study/lists.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Shards have no queue. */
static const char DEFAULT_POLICIES[] = "uniform,queue,greedy,adaptive,fixed",
                  SHARD_POLICIES[] = "uniform,adaptive,fixed";
enum { LEAST_WARM_UP_ROUNDS = 3, WINDOW_MOST = 100 };
static const double READ_S = 10; /* between two readings of the energy: its counters wrap */

/* The rounds that the target is held against: the last ones, by number modulo the window. */
struct window {
    double loss[WINDOW_MOST], rows[WINDOW_MOST]; /* loss: times rows */
};

struct study {
    const struct crew_comparison_config *cfg;
    struct crew_comparison *out;
    struct crew_policy_list list;
    bool fixed_is_optional; /* nobody named it */
    crew_energy *energy;    /* NULL: it cannot be measured */
    crew_trainer *trainer;  /* of the run under way */
    struct crew_comparison_step step;
    struct crew_rounds rounds; /* of the run under way; so are the following */
    double *scratch;           /* [CREW_ROUNDS_ENTRIES] */
    double *quota;             /* [workers] sum over the rounds */
    struct window window;
    double joules; /* of all packages */
    double read_s; /* when the energy was read last, in real seconds of the run */
    bool over;     /* there is nothing more to be seen: target reached, or warm enough */
    bool reached;  /* the target */
};

/* ---- What was asked for ---- */

static crew_status check_config(const struct crew_comparison_config *cfg,
                                struct crew_error *err)
{
    bool loss = !isnan(cfg->target_loss), accuracy = !isnan(cfg->target_accuracy);
    if (!cfg->data || !cfg->data->train)
        return crew_fail(err, CREW_EINVAL, "no training data");
    if (!cfg->train.task_rows)
        return crew_fail(err, CREW_EINVAL,
                         "task-rows auto is for one run: runs that are compared need a number");
    if (!cfg->repeats || cfg->repeats > CREW_COMPARISON_REPEATS)
        return crew_fail(err, CREW_EINVAL, "repeats is %u, must be 1..%d", cfg->repeats,
                         CREW_COMPARISON_REPEATS);
    if (!(cfg->warm_up_s >= 0 && cfg->warm_up_s <= 1e9))
        return crew_fail(err, CREW_EINVAL, "warm-up is %g, must be 0..1e9 s", cfg->warm_up_s);
    if (loss && accuracy)
        return crew_fail(err, CREW_EINVAL,
                         "the target is either a loss or an accuracy, not both");
    if (loss && !(cfg->target_loss > 0))
        return crew_fail(err, CREW_EINVAL, "target-loss is %g, must be above 0",
                         cfg->target_loss);
    if (accuracy && !(cfg->target_accuracy > 0 && cfg->target_accuracy <= 1))
        return crew_fail(err, CREW_EINVAL, "target-accuracy is %g, must be above 0, 1 at most",
                         cfg->target_accuracy);
    if (accuracy && !cfg->data->validation)
        return crew_fail(err, CREW_EINVAL,
                         "target-accuracy is measured on validation rows: see val-fraction");
    return CREW_OK;
}

static crew_status parse_policies(struct study *s, struct crew_error *err)
{
    char *every;
    TRY(crew_policy_list_all(s->cfg->policy ? s->cfg->policy : "", &every, err));
    s->fixed_is_optional = every || !s->cfg->policy;
    bool shards = s->cfg->train.shards && strcmp(s->cfg->train.shards, "off");
    const char *usual = shards ? SHARD_POLICIES : DEFAULT_POLICIES, *text = every ? every
                                                                            : s->cfg->policy
                                                                                ? s->cfg->policy
                                                                                : usual;
    crew_status status = crew_policy_list_parse(text, &s->list, err);
    crew_free(every);
    return status;
}

/* "queue", or as it was typed: "ata:width=2". The first of that name. */
static crew_status find_against(struct study *s, struct crew_error *err)
{
    const char *wanted = s->cfg->against, *names[64];
    size_t n = s->list.n < 64 ? s->list.n : 64;
    if (!wanted || !strcmp(wanted, "best"))
        return CREW_OK;
    for (size_t p = 0; p < s->list.n; p++) {
        const char *name = s->list.name[p];
        size_t bare = strcspn(name, ":");
        if (!strcmp(name, wanted) || (strlen(wanted) == bare && !memcmp(name, wanted, bare))) {
            s->out->against = p;
            return CREW_OK;
        }
    }
    if (crew_policy_find(wanted))
        return crew_fail(err, CREW_EINVAL,
                         "against is '%.64s', which is not among the policies compared%s",
                         wanted,
                         s->out->without_fixed && !strcmp(wanted, "fixed")
                             ? ": the times of the workers are not known (times, profile)"
                             : "");
    for (size_t p = 0; p < n; p++)
        names[p] = s->list.name[p];
    return crew_fail_unknown(err, "policy to compare against", wanted, names, n);
}

static void leave_out(struct crew_policy_list *list, size_t p)
{
    list->n--;
    memmove(&list->name[p], &list->name[p + 1], (list->n - p) * sizeof *list->name);
}

/* ---- Trainers ---- */

static bool on_round(void *user, const struct crew_record *r)
{
    struct study *s = user;
    const struct crew_comparison_config *cfg = s->cfg;
    uint64_t i = s->rounds.seen % s->out->window;
    double loss = 0, rows = 0;
    crew_rounds_add(&s->rounds, r);
    for (uint32_t w = 0; w < r->n; w++)
        s->quota[w] += (double)r->quota[w];
    s->window.loss[i] = r->loss * (double)r->rows;
    s->window.rows[i] = (double)r->rows;
    for (uint32_t k = 0; k < s->out->window; k++) {
        loss += s->window.loss[k];
        rows += s->window.rows[k];
    }
    if (s->step.repeat) {
        bool low = loss / rows <= cfg->target_loss; /* NaN: never */
        s->over = s->reached = s->rounds.seen >= s->out->window && low;
    } else {
        s->over = s->rounds.seen >= LEAST_WARM_UP_ROUNDS && r->elapsed_s >= cfg->warm_up_s;
    }
    if (s->energy && r->real_s - s->read_s > READ_S) {
        (void)crew_energy_joules(s->energy);
        s->read_s = r->real_s;
    }
    if (cfg->on_round)
        cfg->on_round(cfg->user, r);
    return !s->over;
}

static bool on_epoch(void *user, const struct crew_epoch_record *r)
{
    struct study *s = user;
    if (s->step.repeat && r->validation.rows &&
        r->validation.accuracy >= s->cfg->target_accuracy)
        s->over = s->reached = true;
    if (s->cfg->on_epoch)
        s->cfg->on_epoch(s->cfg->user, r);
    return !s->over;
}

static crew_status create_trainer(struct study *s, struct crew_config cfg, const char *policy,
                                  struct crew_error *err)
{
    cfg.policy = policy;
    cfg.policy_ops = NULL;
    cfg.checkpoint = NULL; /* a run would go on where the one before it ended */
    cfg.resume = "none";
    cfg.on_round = on_round;
    cfg.on_epoch = on_epoch;
    cfg.user = s;
    return crew_trainer_create(&cfg, s->cfg->data, &s->trainer, err);
}

static void destroy_trainer(struct study *s)
{
    crew_trainer_destroy(s->trainer);
    s->trainer = NULL;
}

/* A wrong setting of the last policy is not told after an hour. */
static crew_status check_policies(struct study *s, struct crew_error *err)
{
    struct crew_summary summary;
    for (size_t p = 0; p < s->list.n; p++) {
        crew_status status = create_trainer(s, s->cfg->train, s->list.name[p], err);
        if (status == CREW_EINVAL && p && s->fixed_is_optional &&
            !strcmp(s->list.name[p], "fixed")) { /* the one before was all right */
            leave_out(&s->list, p--);
            s->out->without_fixed = true;
            continue;
        }
        if (status != CREW_OK)
            return status;
        crew_trainer_summary(s->trainer, &summary);
        s->out->workers = summary.n;
        destroy_trainer(s);
    }
    return CREW_OK;
}

/* ---- Before ---- */

static void choose_window(struct study *s)
{
    struct crew_dataset_info info;
    crew_dataset_info(s->cfg->data->train, &info);
    const struct crew_config *t = &s->cfg->train;
    size_t tasks = info.rows ? (info.rows - 1) / t->task_rows + 1 : 1,
           rounds = (tasks - 1) / t->batch_tasks + 1;
    s->out->window = (uint32_t)(rounds < WINDOW_MOST ? rounds : WINDOW_MOST);
}

static crew_status take_policy(const struct study *s, size_t p)
{
    struct crew_comparison_policy *x = &s->out->policy[p];
    size_t n = s->out->workers;
    x->policy = s->list.name[p];
    x->run = crew_zalloc(s->cfg->repeats * sizeof *x->run);
    x->point = crew_zalloc(CREW_COMPARISON_POINTS * sizeof *x->point);
    x->quota_mean = crew_zalloc(n * sizeof *x->quota_mean);
    x->tasks_mean = crew_zalloc(n * sizeof *x->tasks_mean);
    return x->run && x->point && x->quota_mean && x->tasks_mean ? CREW_OK : CREW_ENOMEM;
}

static crew_status take_memory(struct study *s, struct crew_error *err)
{
    struct crew_comparison *out = s->out;
    crew_status status = CREW_OK;
    TRY(crew_rounds_init(&s->rounds, err));
    s->scratch = crew_alloc(CREW_ROUNDS_ENTRIES * sizeof *s->scratch);
    s->quota = crew_zalloc(out->workers * sizeof *s->quota);
    out->policy = crew_zalloc(s->list.n * sizeof *out->policy);
    out->n_policies = out->policy ? s->list.n : 0;
    if (!s->scratch || !s->quota || !out->policy)
        status = CREW_ENOMEM;
    for (size_t p = 0; p < out->n_policies && status == CREW_OK; p++)
        status = take_policy(s, p);
    return status == CREW_OK
               ? CREW_OK
               : crew_fail(err, status, "no memory for %zu policies of %u workers", s->list.n,
                           out->workers);
}

/* Without energy there is a reason, and no failure. */
static crew_status open_energy(struct study *s, struct crew_error *err)
{
    struct crew_error why;
    const char *no = s->out->virtual_time ? "time is virtual" : NULL;
    crew_status status = no ? CREW_OK : crew_energy_open(s->cfg->powercap, &s->energy, &why);
    if (status == CREW_ENOMEM)
        return crew_fail(err, status, "%s", why.text);
    if (no || status != CREW_OK)
        snprintf(s->out->no_energy, sizeof s->out->no_energy, "%s", no ? no : why.text);
    return CREW_OK;
}

static crew_status prepare(struct study *s, struct crew_error *err)
{
    const struct crew_config *t = &s->cfg->train;
    struct crew_machine_request rq = {t->cores, t->smt, s->out->virtual_time ? 0 : t->workers};
    TRY(check_config(s->cfg, err));
    TRY(parse_policies(s, err));
    TRY(crew_machine_create(&rq, &s->out->machine, err));
    TRY(check_policies(s, err));
    TRY(find_against(s, err));
    TRY(open_energy(s, err));
    choose_window(s);
    return take_memory(s, err);
}

/* ---- Runs ---- */

/* Test rows are measured once for the same weights. */
static crew_status measure_test(struct study *s, struct crew_comparison_run *run,
                                struct crew_error *err)
{
    struct crew_evaluation e;
    run->test_accuracy = (double)NAN;
    if (!s->cfg->data->test)
        return CREW_OK;
    for (size_t p = 0; p < s->out->n_policies; p++)
        for (uint32_t r = 0; r < s->cfg->repeats; r++) {
            const struct crew_comparison_run *other = &s->out->policy[p].run[r];
            if (other->finished && other->weights_digest == run->weights_digest) {
                run->test_accuracy = other->test_accuracy;
                return CREW_OK;
            }
        }
    TRY(crew_trainer_evaluate(s->trainer, s->cfg->data->test, &e, err));
    run->test_accuracy = e.accuracy;
    return CREW_OK;
}

/* CREW_ESTOPPED: somebody asked for it. */
static crew_status fill_run(struct study *s, struct crew_comparison_run *run,
                            struct crew_error *err)
{
    struct crew_summary x;
    crew_trainer_summary(s->trainer, &x);
    if (x.stopped && !s->over)
        return CREW_ESTOPPED;
    *run = (struct crew_comparison_run){
        .reached = s->reached,
        .timed_out = x.timed_out,
        .train_s = x.train_s,
        .worker_s = x.worker_s,
        .joules = s->joules,
        .round_mean_s = x.rounds ? x.train_s / (double)x.rounds : (double)NAN,
        .round_p95_s = crew_rounds_quantile(&s->rounds, 0.95, s->scratch),
        .idle_s = x.idle_s,
        .wasted_s = x.wasted_s,
        .rounds = x.rounds,
        .train_loss = x.train_loss,
        .weights_digest = x.weights_digest,
    };
    for (uint32_t w = 0; w < x.n; w++)
        run->dropped += x.worker[w].dropped;
    TRY(measure_test(s, run, err));
    run->finished = true;
    return CREW_OK;
}

static void keep_curve(struct study *s, struct crew_comparison_policy *p)
{
    struct crew_summary x;
    crew_trainer_summary(s->trainer, &x);
    p->n_points = crew_rounds_curve(&s->rounds, p->point, CREW_COMPARISON_POINTS);
    for (uint32_t w = 0; w < x.n && x.rounds; w++) {
        p->quota_mean[w] = s->quota[w] / (double)x.rounds;
        p->tasks_mean[w] = (double)x.worker[w].tasks / (double)x.rounds;
    }
}

/* The step's policy, up to its target or end; CREW_ESTOPPED: not even begun. on_end() follows
 * in any case. */
static crew_status train(struct study *s, const struct crew_config *cfg, struct crew_error *err)
{
    const struct crew_comparison_config *c = s->cfg;
    crew_rounds_clear(&s->rounds);
    memset(s->quota, 0, s->out->workers * sizeof *s->quota);
    memset(&s->window, 0, sizeof s->window);
    s->over = s->reached = false;
    s->read_s = 0;
    TRY(create_trainer(s, *cfg, s->step.policy, err));
    if (c->on_begin && !c->on_begin(c->user, &s->step, s->trainer))
        return CREW_ESTOPPED;
    s->joules = s->energy ? crew_energy_joules(s->energy) : (double)NAN;
    TRY(crew_trainer_run(s->trainer, err));
    s->joules = s->energy ? crew_energy_joules(s->energy) - s->joules : (double)NAN;
    return CREW_OK;
}

static void end_run(struct study *s, const struct crew_comparison_run *run)
{
    if (s->cfg->on_end)
        s->cfg->on_end(s->cfg->user, &s->step, run);
    destroy_trainer(s);
}

/* Real time differs from repeat to repeat, virtual time only with the seed. */
static crew_status run_policy(struct study *s, struct crew_comparison_policy *out,
                              struct crew_error *err)
{
    struct crew_comparison_run *run = &out->run[s->step.repeat - 1];
    struct crew_config cfg = s->cfg->train;
    if (s->out->virtual_time)
        cfg.seed += s->step.repeat - 1;
    crew_status status = train(s, &cfg, err);
    if (status == CREW_OK)
        status = fill_run(s, run, err);
    if (status == CREW_OK && !out->n_points)
        keep_curve(s, out);
    end_run(s, status == CREW_OK ? run : NULL);
    return status;
}

/* On and on until on_round() ends it; where that leads does not matter. */
static crew_status warm_up(struct study *s, struct crew_error *err)
{
    struct crew_config cfg = s->cfg->train;
    struct crew_summary x;
    cfg.epochs = UINT64_C(1) << 40;
    cfg.rounds = 0;
    cfg.time_limit_s = 0;
    s->step.policy = s->out->policy[0].policy;
    crew_status status = train(s, &cfg, err);
    if (status == CREW_ENONFINITE)
        status = CREW_OK;
    if (status == CREW_OK) {
        crew_trainer_summary(s->trainer, &x);
        status = x.stopped && !s->over ? CREW_ESTOPPED : CREW_OK;
    }
    end_run(s, NULL);
    return status;
}

static crew_status run_all(struct study *s, struct crew_error *err)
{
    size_t n = s->out->n_policies;
    s->step.of_runs = (uint32_t)n * s->cfg->repeats;
    if (!s->out->virtual_time && s->cfg->warm_up_s > 0)
        TRY(warm_up(s, err));
    for (uint32_t r = 0; r < s->cfg->repeats; r++)
        for (size_t k = 0; k < n; k++) {
            struct crew_comparison_policy *p = &s->out->policy[(k + r) % n];
            s->step.policy = p->policy;
            s->step.repeat = r + 1;
            s->step.run++;
            TRY(run_policy(s, p, err));
        }
    return CREW_OK;
}

/* What was finished before is shown all the same: it may have taken hours. */
static crew_status tell_failure(const struct study *s, crew_status status,
                                const struct crew_error *why, struct crew_error *err)
{
    struct crew_comparison *out = s->out;
    if (s->step.repeat)
        snprintf(out->error, sizeof out->error, "%s, repeat %u: %s", s->step.policy,
                 s->step.repeat, why->text);
    else
        snprintf(out->error, sizeof out->error, "%s, warm-up: %s", s->step.policy, why->text);
    return crew_fail(err, status, "%s", out->error);
}

crew_status crew_compare(const struct crew_comparison_config *cfg, struct crew_comparison *out,
                         struct crew_error *err)
{
    struct study s = {.cfg = cfg, .out = out};
    struct crew_error why = {.status = CREW_OK};
    *out = (struct crew_comparison){
        .repeats = cfg->repeats,
        .seed = cfg->train.seed,
        .virtual_time = cfg->train.executor && !strcmp(cfg->train.executor, "sim"),
        .apart = cfg->train.fuse_quota                                   ? "fuse-quota"
                 : cfg->train.shards && strcmp(cfg->train.shards, "off") ? "shards"
                                                                         : NULL,
        .target_loss = cfg->target_loss,
        .target_accuracy = cfg->target_accuracy,
        .window = 1,
    };
    crew_date(out->date, sizeof out->date);
    crew_status status = prepare(&s, err);
    bool begun = status == CREW_OK;
    out->names = s.list.text;
    crew_free(s.list.name);
    if (begun) {
        status = run_all(&s, &why);
        out->stopped = status != CREW_OK;
        if (status == CREW_ESTOPPED)
            status = CREW_OK;
        else if (status != CREW_OK)
            status = tell_failure(&s, status, &why, err);
        crew_comparison_summarise(out, cfg->against && !strcmp(cfg->against, "best"));
    }
    destroy_trainer(&s);
    crew_energy_close(s.energy);
    crew_rounds_free(&s.rounds);
    crew_free(s.scratch);
    crew_free(s.quota);
    if (!begun)
        crew_comparison_free(out);
    return status;
}

void crew_comparison_free(struct crew_comparison *c)
{
    for (size_t p = 0; p < c->n_policies; p++) {
        crew_free(c->policy[p].run);
        crew_free(c->policy[p].point);
        crew_free(c->policy[p].quota_mean);
        crew_free(c->policy[p].tasks_mean);
    }
    crew_free(c->policy);
    crew_free(c->names);
    crew_machine_destroy(c->machine);
    *c = (struct crew_comparison){0};
}
