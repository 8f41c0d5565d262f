/* Losses that are not finite: the same task and rows are blamed and the same bits come out,
 * whatever the policy, the workers and the executor, interrupted or not. */
#include "testing.h"

#include "base/bytes.h"
#include "checkpoint_rig.h"
#include <float.h>
#include <math.h>

enum { BAD_ROW = 57, MOST_PARAMS = 400, EPOCHS = 4, ROUNDS = 4 * EPOCHS };

/* One row whose sums overflow: once an epoch, wherever its order puts it. */
static int open_bad(void **state)
{
    if (ck_open(state))
        return 1;
    for (int i = 0; i < RIG_FEATURES; i++)
        rig_x[BAD_ROW][i] = i % 2 ? FLT_MAX : -FLT_MAX;
    return 0;
}

static const struct carrier {
    const char *policy, *times, *speeds;
    uint32_t workers;
} carriers[] = {
    {"queue", NULL, NULL, 1},         {"uniform", NULL, NULL, 2}, {"fixed", "1,2,4", NULL, 3},
    {"ata-empirical", NULL, NULL, 2}, {"ata", NULL, NULL, 3},     {"queue", NULL, "1ms 2ms", 0},
    {"fixed", NULL, "3*1ms 2ms", 0},
};
enum { CARRIERS = sizeof carriers / sizeof *carriers };

static struct crew_config config(const char *on_nan, const char *optimizer, size_t carrier)
{
    const struct carrier *c = &carriers[carrier];
    struct crew_config cfg = rig_config();
    cfg.on_nan = on_nan;
    cfg.optimizer = optimizer;
    cfg.epochs = EPOCHS;
    cfg.policy = c->policy;
    cfg.times = c->times;
    cfg.workers = c->workers;
    cfg.speeds = c->speeds;
    cfg.executor = c->speeds ? "sim" : "threads";
    return cfg;
}

/* The sentence without the worker, who is another one each time. */
static void without_worker(const char *text, char *out, size_t cap)
{
    const char *a = strstr(text, "worker "), *b = a ? strchr(a, ',') : NULL;
    assert_non_null(b);
    snprintf(out, cap, "%.*s%s", (int)(a - text), text, b + 2);
}

/* ---- stop ---- */

static void the_task_and_its_rows_are_named(void **state)
{
    (void)state;
    char first[512], now[512];
    uint64_t rounds = 0, digest = 0;
    for (size_t c = 0; c < CARRIERS; c++) {
        struct crew_config cfg = config("stop", "adam", c);
        struct crew_error err;
        struct crew_summary s;
        crew_trainer *t = rig_trainer(&cfg);
        assert_int_equal(crew_trainer_run(t, &err), CREW_ENONFINITE);
        crew_trainer_summary(t, &s);
        without_worker(err.text, now, sizeof now);
        if (!c) {
            rounds = s.rounds;
            digest = s.weights_digest;
            strcpy(first, now);
        }
        assert_string_equal(now, first);
        assert_true(s.rounds == rounds && s.weights_digest == digest && s.skipped == 0);
        crew_trainer_destroy(t);
    }
    /* Of the round after the last good one, and the row is known. */
    char want[80];
    uint32_t task;
    assert_int_equal(sscanf(first, "the loss of task %u", &task), 1);
    snprintf(want, sizeof want,
             "the loss of task %u of round %llu (epoch 1, rows %d of its %d) ", task,
             (unsigned long long)rounds + 1, BAD_ROW, RIG_TASK_ROWS);
    assert_memory_equal(first, want, strlen(want));
}

/* The task that is named is the one with that row: asked of the sampler before. */
static void the_task_has_that_row(void **state)
{
    (void)state;
    struct crew_config cfg = config("stop", "adam", 1);
    struct crew_sampler_round round;
    struct crew_error err;
    char want[40] = "";
    cfg.batch_tasks = 50; /* an epoch is one round */
    crew_trainer *t = rig_trainer(&cfg);
    crew_sampler_round(t->sampler, cfg.batch_tasks, 0, &round);
    for (uint32_t task = 0, n; task < round.tasks; task++) {
        const uint32_t *row = crew_sampler_rows(t->sampler, task, &n);
        for (uint32_t i = 0; i < n; i++)
            if (row[i] == BAD_ROW)
                snprintf(want, sizeof want, "the loss of task %u of round 1 ", task);
    }
    assert_int_equal(crew_trainer_run(t, &err), CREW_ENONFINITE);
    assert_memory_equal(err.text, want, strlen(want));
    crew_trainer_destroy(t);
}

static float kept_x[RIG_ROWS][RIG_FEATURES];

/* As bad as that row. */
static void spoil_row(uint32_t row)
{
    memcpy(rig_x[row], kept_x[BAD_ROW], sizeof rig_x[row]);
}

static void what_is_wrong_with_all_is_said_of_all(void **state)
{
    (void)state;
    struct crew_config cfg = config("stop", "adam", 0);
    struct crew_sampler_round round;
    struct crew_error err;
    char want[80];
    uint32_t n, r[RIG_TASK_ROWS];
    memcpy(kept_x, rig_x, sizeof rig_x);
    crew_trainer *t = rig_trainer(&cfg);
    crew_sampler_round(t->sampler, cfg.batch_tasks, 0, &round);
    memcpy(r, crew_sampler_rows(t->sampler, 3, &n), sizeof r);
    for (uint32_t i = 0; i < n; i++)
        spoil_row(r[i]);
    snprintf(want, sizeof want, "rows %u, %u, %u, %u, %u, %u, %u, %u) is not finite", r[0],
             r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
    assert_int_equal(crew_trainer_run(t, &err), CREW_ENONFINITE);
    assert_non_null(strstr(err.text, want));
    crew_trainer_destroy(t);
    memcpy(rig_x, kept_x, sizeof rig_x);
}

/* Rows are numbered as they were read, not as a part of them was chosen. */
static void rows_of_a_part_keep_their_numbers(void **state)
{
    (void)state;
    uint32_t row[RIG_ROWS - 50];
    struct crew_config cfg = config("stop", "adam", 0);
    struct crew_data all = rig_data;
    struct crew_error err;
    for (uint32_t i = 0; i < RIG_ROWS - 50; i++)
        row[i] = i + 50;
    cfg.task_rows = 1;
    assert_int_equal(crew_dataset_subset(all.train, row, RIG_ROWS - 50, &rig_data.train, NULL),
                     CREW_OK);
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(crew_trainer_run(t, &err), CREW_ENONFINITE);
    assert_non_null(strstr(err.text, "rows 57) is not finite"));
    crew_trainer_destroy(t);
    crew_dataset_destroy(rig_data.train);
    rig_data = all;
}

/* Worker 1 takes ten times as long, so its task is dropped in each round: it is not finite, but
 * what is wrong with the round is the next one. */
static void what_was_dropped_is_not_to_blame(void **state)
{
    (void)state;
    struct crew_config cfg = config("stop", "adam", 0);
    struct crew_sampler_round round;
    struct crew_error err;
    uint32_t n;
    memcpy(kept_x, rig_x, sizeof rig_x);
    cfg.policy = "greedy";
    cfg.executor = "sim";
    cfg.speeds = "1ms 100ms";
    cfg.workers = 0;
    crew_trainer *t = rig_trainer(&cfg);
    crew_sampler_round(t->sampler, cfg.batch_tasks, 2, &round);
    for (uint32_t task = 1; task < 3; task++)
        spoil_row(crew_sampler_rows(t->sampler, task, &n)[0]);
    assert_int_equal(crew_trainer_run(t, &err), CREW_ENONFINITE);
    assert_non_null(
        strstr(err.text, "the loss of task 2 of round 1 (epoch 1, worker 0, rows "));
    crew_trainer_destroy(t);
    memcpy(rig_x, kept_x, sizeof rig_x);
}

/* ---- skip and rollback ---- */

/* What a callback keeps: parameters and optimiser as they were, and what they should be now. */
struct copy {
    float x[3][MOST_PARAMS];
    double numbers[CREW_OPTIMIZER_NUMBERS];
};

struct seen {
    crew_trainer *t;
    bool rolls_back;
    uint64_t bad, rounds, spoil; /* after this round the weights are spoilt; 0: never */
    uint64_t digests;            /* of all rounds */
    uint32_t *where;             /* [4] bad rounds by their place in the epoch, or NULL */
    struct copy last, epoch;
};

static void take(const crew_trainer *t, struct copy *c)
{
    size_t bytes = t->net->n_params * sizeof(float);
    assert_true(t->net->n_params <= MOST_PARAMS);
    memset(c, 0, sizeof *c);
    memcpy(c->x[0], t->params, bytes);
    for (unsigned k = 0; crew_optimizer_vector(t->optimizer, k); k++)
        memcpy(c->x[k + 1], crew_optimizer_vector(t->optimizer, k), bytes);
    crew_optimizer_save(t->optimizer, c->numbers);
}

static bool on_round(void *user, const struct crew_record *r)
{
    struct seen *s = user;
    struct copy now;
    take(s->t, &now);
    assert_int_equal(r->round, ++s->rounds);
    assert_true((r->nonfinite != NULL) == !isfinite(r->loss));
    if (r->nonfinite) {
        s->bad++;
        if (s->where)
            s->where[(r->round - 1) % 4]++;
        assert_memory_equal(&now, s->rolls_back ? &s->epoch : &s->last, sizeof now);
    } else {
        assert_memory_not_equal(&now, &s->last, sizeof now);
    }
    s->last = now;
    s->digests = crew_hash(s->digests, now.x, sizeof now.x);
    return true;
}

/* As a step may that was finite, but far too long. */
static bool spoil_weights(void *user, const struct crew_record *r)
{
    const struct seen *s = user;
    for (size_t i = 0; r->round == s->spoil && i < s->t->net->n_params; i++)
        s->t->params[i] = FLT_MAX;
    return true;
}

static bool on_epoch(void *user, const struct crew_epoch_record *r)
{
    struct seen *s = user;
    assert_true(isfinite(r->train_loss));
    take(s->t, &s->epoch);
    s->last = s->epoch;
    return true;
}

static uint64_t watched(struct crew_config cfg, struct seen *s)
{
    struct crew_summary sum;
    cfg.on_round = on_round;
    cfg.on_epoch = on_epoch;
    cfg.user = s;
    s->digests = CREW_HASH_INIT;
    s->t = rig_trainer(&cfg);
    take(s->t, &s->last);
    s->epoch = s->last;
    rig_run(s->t);
    crew_trainer_summary(s->t, &sum);
    assert_true(sum.skipped == s->bad && sum.rounds == ROUNDS && sum.epochs == EPOCHS);
    assert_true(isfinite(sum.train_loss));
    crew_trainer_destroy(s->t);
    return s->digests;
}

static const char *const answers[] = {"skip", "rollback"};
static const char *const optimizers[] = {"sgd", "adam", "adamw"};

static void a_bad_round_takes_no_step_or_takes_all_of_its_epoch_back(void **state)
{
    (void)state;
    for (int a = 0; a < 2; a++)
        for (int o = 0; o < 3; o++) {
            uint64_t want = 0;
            for (size_t c = 0; c < CARRIERS; c++) {
                struct seen s = {.rolls_back = a};
                uint64_t got = watched(config(answers[a], optimizers[o], c), &s);
                want = c ? want : got;
                assert_int_equal(got, want);
                assert_int_equal(s.bad, EPOCHS);
            }
        }
}

/* In whatever round of an epoch it comes, the first and the last one too: another seed is
 * another order. */
static void wherever_it_is_in_the_epoch(void **state)
{
    (void)state;
    uint32_t where[4] = {0};
    for (uint64_t seed = 1; seed <= 12; seed++)
        for (int a = 0; a < 2; a++) {
            struct crew_config cfg = config(answers[a], "adam", 1);
            struct seen s = {.rolls_back = a, .where = where};
            cfg.seed = seed;
            watched(cfg, &s);
            assert_int_equal(s.bad, EPOCHS);
        }
    for (int i = 0; i < 4; i++)
        assert_true(where[i] > 0);
}

/* Where results are dropped, it may be any round, and the bits are any. */
static void results_may_be_dropped_too(void **state)
{
    (void)state;
    for (int a = 0; a < 2; a++) {
        struct crew_config cfg = config(answers[a], "adam", 1);
        struct seen s = {.rolls_back = a};
        cfg.policy = "greedy";
        watched(cfg, &s);
        assert_int_equal(s.bad, EPOCHS);
    }
}

/* The weights at the end of an epoch may be what is wrong: then three rounds are lost, and the
 * run goes on from those of the epoch before. */
static void spoilt_weights_are_not_gone_back_to(void **state)
{
    (void)state;
    struct crew_config cfg = config("rollback", "adam", 1);
    struct crew_error err = {.status = CREW_OK};
    struct crew_summary s;
    struct seen seen = {.spoil = 8}; /* the last round of epoch 2 */
    cfg.on_round = spoil_weights;
    cfg.user = &seen;
    crew_trainer *t = seen.t = rig_trainer(&cfg);
    if (crew_trainer_run(t, &err) != CREW_OK)
        fail_msg("%s", err.text);
    crew_trainer_summary(t, &s);
    assert_true(s.rounds == ROUNDS && crew_all_finite(t->params, s.n_params));
    assert_true(s.skipped == 3 + 3 ||
                s.skipped == 3 + 3 + 1); /* the row may be in those three */
    for (size_t i = 0; i < s.n_params; i++)
        assert_true(fabsf(t->params[i]) < 100);
    crew_trainer_destroy(t);
}

static void a_hundred_bad_rounds_in_a_row_end_it(void **state)
{
    (void)state;
    for (int a = 0; a < 2; a++) {
        struct crew_config cfg = config(answers[a], "adam", 1);
        struct crew_error err = {.status = CREW_OK};
        struct crew_summary s;
        float params[MOST_PARAMS];
        cfg.epochs = 1000;
        crew_trainer *t = rig_trainer(&cfg);
        crew_trainer_summary(t, &s);
        for (size_t i = 0; i < s.n_params; i++)
            params[i] = FLT_MAX;
        assert_int_equal(crew_trainer_set_params(t, params, s.n_params, NULL), CREW_OK);
        for (uint64_t run = 0; run < 2; run++) { /* and again, at once */
            assert_int_equal(crew_trainer_run(t, &err), CREW_ENONFINITE);
            assert_non_null(
                strstr(err.text, "99 rounds without a step, and now the loss of task "));
            assert_non_null(strstr(err.text, " of round 100 (epoch 25, "));
            crew_trainer_summary(t, &s);
            assert_true(s.rounds == 99 && s.skipped == 99);
        }
        crew_trainer_destroy(t);
    }
}

/* Nothing is wrong with the data, only with the rate. */
static void a_rate_that_explodes_is_the_same_for_all(void **state)
{
    (void)state;
    for (int a = 0; a < 2; a++) {
        uint64_t want = 0;
        for (size_t c = 0; c < CARRIERS; c++) {
            struct crew_config cfg = config(answers[a], "sgd:momentum=0.9", c);
            struct crew_error err = {.status = CREW_OK};
            struct crew_summary s;
            cfg.lr = 1e6;
            cfg.epochs = 40;
            crew_trainer *t = rig_trainer(&cfg);
            crew_status status = crew_trainer_run(t, &err);
            crew_trainer_summary(t, &s);
            uint64_t got = crew_hash(s.weights_digest, &s.rounds, sizeof s.rounds);
            assert_true(s.skipped > 0 && (status == CREW_OK || status == CREW_ENONFINITE));
            got = crew_hash(got, &s.skipped, sizeof s.skipped);
            want = c ? want : got;
            assert_int_equal(got, want);
            crew_trainer_destroy(t);
        }
    }
}

/* ---- Interrupted ---- */

static void interrupted_anywhere_it_is_the_same(void **state)
{
    (void)state;
    for (int a = 0; a < 2; a++) {
        struct crew_config cfg = config(answers[a], "adam", 1);
        const uint64_t want = rig_result(&cfg);
        for (uint64_t stop = 1; stop < ROUNDS; stop++) {
            ck_clear(NULL);
            cfg = config(answers[a], "adam", stop % CARRIERS);
            cfg.checkpoint = ck_dir;
            assert_int_equal(ck_run(cfg, stop).s.rounds, stop);
            cfg = config(answers[a], "adam", (stop + 1) % CARRIERS);
            cfg.checkpoint = ck_dir;
            struct ck_part p = ck_run(cfg, 0);
            assert_true(p.s.resumed && p.s.rounds == ROUNDS);
            assert_int_equal(p.s.skipped, EPOCHS);
            assert_int_equal(p.s.weights_digest, want);
        }
    }
}

/* A run that ended is gone on with, and does not end there again. */
static void after_a_stop_another_answer_goes_on(void **state)
{
    (void)state;
    struct crew_config cfg = config("skip", "adam", 1);
    struct crew_error err;
    const uint64_t want = rig_result(&cfg);
    ck_clear(NULL);
    cfg.checkpoint = ck_dir;
    cfg.on_nan = "stop";
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(crew_trainer_run(t, &err), CREW_ENONFINITE);
    crew_trainer_destroy(t);
    cfg.on_nan = "skip";
    struct ck_part p = ck_run(cfg, 0);
    assert_true(p.s.resumed && p.s.weights_digest == want);
}

static void other_answers_are_refused(void **state)
{
    (void)state;
    struct crew_config cfg = config("ignore", "adam", 0);
    struct crew_error err;
    crew_trainer *t;
    assert_int_equal(crew_trainer_create(&cfg, &rig_data, &t, &err), CREW_EINVAL);
    assert_string_equal(err.text, "on-nan is 'ignore', must be stop, skip or rollback");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_task_and_its_rows_are_named),
        cmocka_unit_test(the_task_has_that_row),
        cmocka_unit_test(what_is_wrong_with_all_is_said_of_all),
        cmocka_unit_test(rows_of_a_part_keep_their_numbers),
        cmocka_unit_test(what_was_dropped_is_not_to_blame),
        cmocka_unit_test(a_bad_round_takes_no_step_or_takes_all_of_its_epoch_back),
        cmocka_unit_test(wherever_it_is_in_the_epoch),
        cmocka_unit_test(results_may_be_dropped_too),
        cmocka_unit_test(spoilt_weights_are_not_gone_back_to),
        cmocka_unit_test(a_hundred_bad_rounds_in_a_row_end_it),
        cmocka_unit_test(a_rate_that_explodes_is_the_same_for_all),
        cmocka_unit_test(interrupted_anywhere_it_is_the_same),
        cmocka_unit_test(after_a_stop_another_answer_goes_on),
        cmocka_unit_test(other_answers_are_refused),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, open_bad, ck_close);
}
