/* Same seed, same bits: whatever the policy, the number of workers and how gradients are added,
 * and the same as a plain loop that follows the definition. */
#include "testing.h"

#include "base/blas.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "trainer_rig.h"
#include <math.h>
#include <stdatomic.h>

enum { MOST_PARAMS = 400, MOST_TASKS = RIG_PARTS, EPOCHS = 3 };

/* What a run is a function of, besides the data. */
struct recipe {
    const char *model, *optimizer;
    uint64_t seed;
    uint32_t tasks; /* B */
};

static const struct recipe recipes[] = {
    {"softmax", "sgd", 1, 7}, /* rounds of 7, 7, 7 and 5 tasks, the last one short */
    {"mlp:9", "adam", 2, 7},
    {"mlp:9,5", "sgd:nesterov,weight-decay=0.01", 3, 16},
    {"softmax", "adamw", 4, 1},
    {"mlp:12", "adam", 5, 40}, /* one round is the whole epoch */
    {"cnn:conv1x2-3,relu,norm,pool1,dropout0.3,fc7", "adam", 6, 7},
};
enum { RECIPES = sizeof recipes / sizeof *recipes };

static struct crew_config config(const struct recipe *r, uint32_t workers)
{
    struct crew_config cfg = rig_config();
    cfg.model = r->model;
    cfg.optimizer = r->optimizer;
    cfg.seed = r->seed;
    cfg.batch_tasks = r->tasks;
    cfg.epochs = EPOCHS;
    cfg.workers = workers;
    return cfg;
}

/* ---- The definition, on one thread ---- */

enum { SLOTS = MOST_TASKS + 8 }; /* spare ones, too */
static float grad[SLOTS][MOST_PARAMS];
static bool there[SLOTS]; /* which of them take part */

/* sum[l, r) = sum[l, m) + sum[m, r), m - l = the largest power of two below r - l; what is not
 * there is left out. False: nothing is. */
static bool sum(uint32_t l, uint32_t r, size_t i, float *out)
{
    uint32_t half = 1;
    float left, right;
    if (r - l == 1) {
        *out = grad[l][i];
        return there[l];
    }
    while (half * 2 < r - l)
        half *= 2;
    bool a = sum(l, l + half, i, &left), b = sum(l + half, r, i, &right);
    *out = a && b ? left + right : a ? left : right;
    return a || b;
}

struct plain {
    const struct crew_model_ops *ops;
    void *model, *workspace;
    crew_optimizer *optimizer;
    size_t n;
    float params[MOST_PARAMS];
};

static void plain_open(struct plain *p, const struct recipe *r)
{
    const struct crew_model_shape shape = {1, RIG_FEATURES, 1, RIG_CLASSES};
    const char *colon = strchr(r->model, ':');
    p->ops = crew_model_find(r->model);
    assert_int_equal(p->ops->create(colon ? colon + 1 : NULL, &shape, &p->model, NULL),
                     CREW_OK);
    p->n = p->ops->n_params(p->model);
    assert_true(p->n <= MOST_PARAMS);
    p->workspace = crew_zalloc(p->ops->workspace_bytes(p->model, RIG_TASK_ROWS));
    assert_int_equal(crew_optimizer_create(r->optimizer, 0.9, p->n, &p->optimizer, NULL),
                     CREW_OK);
    p->ops->init(p->model, r->seed, p->params);
}

static void plain_close(struct plain *p)
{
    p->ops->destroy(p->model);
    crew_optimizer_destroy(p->optimizer);
    crew_free(p->workspace);
}

static void plain_task(struct plain *p, const struct crew_task_context *context,
                       const uint32_t *row, uint32_t rows, float weight)
{
    float x[RIG_TASK_ROWS][RIG_FEATURES];
    uint32_t label[RIG_TASK_ROWS];
    double loss;
    for (uint32_t i = 0; i < rows; i++) {
        memcpy(x[i], rig_x[row[i]], sizeof x[i]);
        label[i] = rig_label[row[i]];
    }
    const struct crew_batch batch = {&x[0][0], label, rows, weight};
    assert_int_equal(p->ops->gradient(p->model, context, p->params, &batch, p->workspace, false,
                                      grad[context->task], &loss),
                     CREW_OK);
    there[context->task] = true;
}

static void plain_step(struct plain *p, uint32_t tasks)
{
    float mean[MOST_PARAMS];
    for (size_t i = 0; i < p->n; i++)
        assert_true(sum(0, tasks, i, &mean[i]));
    crew_optimizer_begin(p->optimizer);
    crew_optimizer_step(p->optimizer, crew_optimizer_default_lr(p->optimizer), 1, mean,
                        p->params, 0, p->n);
    memset(there, 0, sizeof there);
}

static uint32_t min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint64_t plain(const struct recipe *r)
{
    struct plain p;
    uint32_t order[RIG_ROWS];
    uint64_t round = 1;
    plain_open(&p, r);
    for (uint32_t epoch = 1; epoch <= EPOCHS; epoch++) {
        crew_rng_shuffle(r->seed, CREW_STREAM_EPOCH, epoch, order, RIG_ROWS);
        for (uint32_t at = 0, end; at < RIG_ROWS; at = end) {
            struct crew_task_context context = {.seed = r->seed, .round = round++};
            end = min(at + r->tasks * RIG_TASK_ROWS, RIG_ROWS);
            for (uint32_t row = at; row < end; row += RIG_TASK_ROWS) {
                plain_task(&p, &context, order + row, min(RIG_TASK_ROWS, end - row),
                           1.0f / (float)(end - at));
                context.task++;
            }
            plain_step(&p, context.task);
        }
    }
    plain_close(&p);
    return crew_hash(CREW_HASH_INIT, p.params, p.n * sizeof *p.params);
}

/* ---- The trainer ---- */

static const char *const policies[] = {"uniform",         "fixed",   "queue",
                                       "ata:alpha=0.001", "ata",     "ata-empirical:eta=0.25",
                                       "ata-empirical",   "adaptive"};
enum { POLICIES = sizeof policies / sizeof *policies };
static const char *const times[] = {"", "1", "1,2.5", "3,1,2",          "",
                                    "", "",  "",      "1,2,3,4,5,6,7,8"};
static const uint32_t counts[] = {1, 2, 3, 8};

static void same(uint64_t got, uint64_t want, const struct recipe *r, const char *policy,
                 uint32_t workers)
{
    if (got != want)
        fail_msg("%s, %s, seed %llu, B = %u: %s on %u workers gives %016llx, not %016llx "
                 "(SEED=%llu)",
                 r->model, r->optimizer, (unsigned long long)r->seed, r->tasks, policy, workers,
                 (unsigned long long)got, (unsigned long long)want,
                 (unsigned long long)test_seed());
}

static void every_policy_and_worker_count_gives_the_same_bits(void **state)
{
    (void)state;
    for (int k = 0; k < RECIPES; k++) {
        uint64_t want = plain(&recipes[k]);
        for (int p = 0; p < POLICIES; p++)
            for (int c = 0; c < 4; c++) {
                struct crew_config cfg = config(&recipes[k], counts[c]);
                cfg.policy = policies[p];
                cfg.times = strcmp(cfg.policy, "fixed") == 0 ? times[counts[c]] : NULL;
                same(rig_result(&cfg), want, &recipes[k], cfg.policy, cfg.workers);
            }
    }
}

/* Where the self-test allows it, gradients are added in place; with the same bits as when they
 * are not. */
static void adding_in_place_changes_no_bit(void **state)
{
    (void)state;
    uint32_t fused = 0;
    for (int k = 0; k < RECIPES; k++)
        for (int c = 0; c < 4; c++) {
            struct crew_config cfg = config(&recipes[k], counts[c]);
            crew_trainer *t = rig_trainer(&cfg);
            fused += t->adds_in_place;
            t->adds_in_place = false;
            rig_run(t);
            same(rig_digest(t), plain(&recipes[k]), &recipes[k], "queue, not in place",
                 cfg.workers);
            crew_trainer_destroy(t);
        }
    if (!fused)
        print_message("this BLAS kernel never adds in place with the same bits\n");
}

/* Clipping, schedule and a slow core change the result or its pace, not its dependence on who
 * computed it. */
static void settings_of_the_step_change_no_bit_by_allocation(void **state)
{
    (void)state;
    uint64_t want = 0;
    for (int p = 0; p < POLICIES; p++) {
        struct crew_config cfg = config(&recipes[1], 1 + (uint32_t)p % 3);
        cfg.policy = policies[p];
        cfg.times = strcmp(cfg.policy, "fixed") == 0 ? times[cfg.workers] : NULL;
        cfg.clip = 0.05;
        cfg.schedule = "cosine:warmup=0.5,final=0.1";
        cfg.emulate = cfg.workers > 1 ? "0:1x 1:5x" : NULL;
        uint64_t got = rig_result(&cfg);
        want = p ? want : got;
        same(got, want, &recipes[1], cfg.policy, cfg.workers);
    }
    assert_true(want != plain(&recipes[1]));
}

static void another_seed_or_batch_gives_other_bits(void **state)
{
    (void)state;
    struct recipe a = recipes[1], b = a;
    b.seed++;
    assert_true(plain(&a) != plain(&b));
    b = a;
    b.tasks++;
    assert_true(plain(&a) != plain(&b));
}

/* ---- A policy of the user's own ---- */

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    (void)cfg;
    (void)err;
    *self = NULL;
    return CREW_OK;
}

static void destroy(void *self)
{
    (void)self;
}

/* Everything to one worker, another one each round. */
static void plan_in_turns(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    (void)self;
    out->quota[rq->round % rq->n] = rq->tasks;
}

/* A share for all but the first, and the rest to who comes first. */
static void plan_open_tail(void *self, const struct crew_plan_request *rq,
                           struct crew_plan *out)
{
    (void)self;
    for (uint32_t i = 0; i < rq->n; i++) {
        out->quota[i] = i ? rq->tasks / (2 * rq->n) : 0;
        out->open[i] = true;
    }
}

static void a_policy_of_ones_own_gives_the_same_bits(void **state)
{
    (void)state;
    const struct crew_policy_ops own[] = {{.abi = CREW_POLICY_ABI,
                                           .name = "in turns",
                                           .create = create,
                                           .plan = plan_in_turns,
                                           .destroy = destroy},
                                          {.abi = CREW_POLICY_ABI,
                                           .name = "open tail",
                                           .create = create,
                                           .plan = plan_open_tail,
                                           .destroy = destroy}};
    for (int k = 0; k < 3; k++)
        for (int p = 0; p < 2; p++)
            for (int c = 0; c < 4; c++) {
                struct crew_config cfg = config(&recipes[k], counts[c]);
                cfg.policy_ops = &own[p];
                same(rig_result(&cfg), plain(&recipes[k]), &recipes[k], own[p].name,
                     cfg.workers);
            }
}

/* ---- Greedy: other bits, but every row of an epoch once ---- */

/* Stands between executor and trainer, notes which rows were kept and repeats each round by the
 * definition. */
struct witness {
    crew_trainer *t;
    struct crew_work inner;
    struct plain plain;
    uint32_t seen[RIG_ROWS], rows[SLOTS], row[SLOTS][RIG_TASK_ROWS];
    bool kept[SLOTS]; /* like rows and row: written by the worker that settles the task, read
                         between rounds */
    _Atomic uint32_t dropped;
};

static crew_status watch_compute(void *self, uint32_t worker,
                                 const struct crew_task_context *task, bool droppable)
{
    struct witness *w = self;
    return w->inner.compute(w->inner.self, worker, task, droppable);
}

static void watch_settle(void *self, uint32_t worker, uint32_t task, bool kept)
{
    struct witness *w = self;
    const uint32_t *row = crew_sampler_rows(w->t->sampler, task, &w->rows[task]);
    memcpy(w->row[task], row, w->rows[task] * sizeof *row);
    w->kept[task] = kept;
    atomic_fetch_add(&w->dropped, !kept);
    w->inner.settle(w->inner.self, worker, task, kept);
}

static bool repeat_round(void *user, const struct crew_record *r)
{
    struct witness *w = user;
    float params[MOST_PARAMS];
    uint64_t rows = 0;
    for (uint32_t t = 0; t < SLOTS; t++)
        for (uint32_t i = 0; i < w->rows[t] && w->kept[t]; i++, rows++)
            w->seen[w->row[t][i]]++;
    assert_int_equal(rows, r->rows);
    for (uint32_t t = 0; t < SLOTS; t++)
        if (w->kept[t])
            plain_task(&w->plain, &(struct crew_task_context){.task = t}, w->row[t], w->rows[t],
                       1.0f / (float)rows);
    plain_step(&w->plain, w->t->round_rows.tasks + w->t->round_rows.spare);
    assert_int_equal(crew_trainer_get_params(w->t, params, w->plain.n, NULL), CREW_OK);
    assert_memory_equal(params, w->plain.params, w->plain.n * sizeof *params);
    memset(w->kept, 0, sizeof w->kept);
    return true;
}

static void check_greedy(const struct witness *w, const struct crew_config *cfg)
{
    struct crew_summary s;
    uint64_t tasks = 0, dropped = 0;
    for (uint32_t r = 0; r < RIG_ROWS; r++)
        assert_int_equal(w->seen[r], cfg->epochs);
    crew_trainer_summary(w->t, &s);
    for (uint32_t i = 0; i < s.n; i++) {
        tasks += s.worker[i].tasks;
        dropped += s.worker[i].dropped;
    }
    assert_true(s.epochs == cfg->epochs && s.rows == cfg->epochs * RIG_ROWS &&
                s.rounds == cfg->epochs * 4);
    assert_int_equal(tasks, cfg->epochs * RIG_PARTS);
    assert_int_equal(dropped, atomic_load(&w->dropped));
    assert_true(cfg->emulate == NULL || (dropped > 0 && s.wasted_s > 0));
}

static void greedy_steps_by_what_it_keeps_and_keeps_every_row_once(void **state)
{
    (void)state;
    for (int c = 0; c < 4; c++) {
        static struct witness w;
        struct crew_config cfg = config(&recipes[1], counts[c]);
        struct crew_evaluation before, after;
        memset(&w, 0, sizeof w);
        cfg.policy = "greedy";
        cfg.epochs = 15;
        cfg.emulate = counts[c] == 2 ? "0:1x 1:2000x" : NULL; /* worker 1 is always late */
        cfg.on_round = repeat_round;
        cfg.user = &w;
        plain_open(&w.plain, &recipes[1]);
        w.t = rig_trainer(&cfg);
        w.inner = w.t->work;
        w.t->work =
            (struct crew_work){.self = &w, .compute = watch_compute, .settle = watch_settle};
        assert_int_equal(crew_trainer_evaluate(w.t, rig_data.train, &before, NULL), CREW_OK);
        rig_run(w.t);
        assert_int_equal(crew_trainer_evaluate(w.t, rig_data.train, &after, NULL), CREW_OK);
        check_greedy(&w, &cfg);
        assert_true(after.loss < 0.7 * before.loss);
        crew_trainer_destroy(w.t);
        plain_close(&w.plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_and_worker_count_gives_the_same_bits),
        cmocka_unit_test(adding_in_place_changes_no_bit),
        cmocka_unit_test(settings_of_the_step_change_no_bit_by_allocation),
        cmocka_unit_test(another_seed_or_batch_gives_other_bits),
        cmocka_unit_test(a_policy_of_ones_own_gives_the_same_bits),
        cmocka_unit_test(greedy_steps_by_what_it_keeps_and_keeps_every_row_once),
    };
    test_print_seed();
    crew_blas_borrow(); /* the plain loop, too, uses one thread and flushes what is denormal */
    crew_fpu_flush();
    int failed = cmocka_run_group_tests(tests, rig_open, rig_close);
    crew_blas_return();
    return failed;
}
