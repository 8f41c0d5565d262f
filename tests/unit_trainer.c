/* A trainer seen from outside: stopping, going on, records, parameters in and out. */
#include "testing.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "trainer_rig.h"
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

/* What a callback saw. */
struct seen {
    crew_trainer *t;
    uint64_t rounds, epochs, rows, stop_after; /* 0: never */
    double loss_sum, elapsed_s;
    float params[400]; /* after the last round */
    size_t n;
};

static bool on_round(void *user, const struct crew_record *r)
{
    struct seen *s = user;
    uint64_t quota = 0, done = 0, kept = 0;
    double busy = 0;
    s->rounds++;
    s->rows += r->rows;
    s->loss_sum += r->loss * (double)r->rows;
    assert_int_equal(r->round, s->rounds);
    assert_int_equal(r->epoch, s->epochs + 1);
    assert_int_equal(r->epoch_rows, s->rows);
    assert_true(isfinite(r->loss) && r->loss > 0 && r->lr > 0);
    assert_true(r->seconds >= r->wait_s && r->wait_s > 0);
    assert_true(r->elapsed_s >= s->elapsed_s && r->elapsed_s >= r->seconds);
    s->elapsed_s = r->elapsed_s;
    for (uint32_t i = 0; i < r->n; i++) {
        quota += r->quota[i];
        done += r->done[i];
        busy += r->busy_s[i];
    }
    for (size_t i = 0; i < r->n_timings; i++) {
        kept += r->timing[i].kept;
        busy -= r->timing[i].seconds;
        assert_true(r->timing[i].seconds > 0 && r->timing[i].work > 0 &&
                    r->timing[i].work <= 1);
    }
    assert_true(quota <= done && done == kept && fabs(busy) < 1e-9);
    assert_int_equal(done, r->rows / RIG_TASK_ROWS + (r->rows % RIG_TASK_ROWS > 0));
    assert_true(s->n <= 400);
    assert_int_equal(crew_trainer_get_params(s->t, s->params, s->n, NULL), CREW_OK);
    return s->rounds != s->stop_after;
}

static bool on_epoch(void *user, const struct crew_epoch_record *r)
{
    struct seen *s = user;
    assert_int_equal(r->epoch, ++s->epochs);
    assert_int_equal(r->round, s->rounds);
    assert_true(fabs(r->train_loss - s->loss_sum / RIG_ROWS) < 1e-12);
    assert_int_equal(s->rows, RIG_ROWS);
    assert_true(r->elapsed_s >= s->elapsed_s);
    s->rows = 0;
    s->loss_sum = 0;
    return true;
}

static crew_trainer *watched(struct crew_config *cfg, struct seen *s)
{
    struct crew_summary sum;
    cfg->on_round = on_round;
    cfg->on_epoch = on_epoch;
    cfg->user = s;
    s->t = rig_trainer(cfg);
    crew_trainer_summary(s->t, &sum);
    s->n = sum.n_params;
    return s->t;
}

static void records_add_up_to_the_summary(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct seen seen = {0};
    struct crew_summary s;
    crew_trainer *t = watched(&cfg, &seen);
    crew_trainer_summary(t, &s);
    assert_true(s.rounds == 0 && s.rows == 0 && isnan(s.train_loss) && isnan(s.best_accuracy) &&
                !s.stopped);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.rounds == seen.rounds && s.epochs == seen.epochs && s.rounds == 12 &&
                s.epochs == 3);
    assert_int_equal(s.rows, 3 * RIG_ROWS);
    assert_true(s.wall_s >= s.train_s && s.train_s > 0 && s.worker_s > 0 && s.idle_s >= 0);
    assert_true(s.wasted_s == 0 && !s.stopped && !s.timed_out);
    assert_int_equal(s.weights_digest,
                     crew_hash(CREW_HASH_INIT, seen.params, seen.n * sizeof(float)));
    uint64_t tasks = 0;
    for (uint32_t i = 0; i < s.n; i++)
        tasks += s.worker[i].tasks;
    assert_int_equal(tasks, 3 * RIG_PARTS);
    crew_trainer_destroy(t);
}

/* A round of all rows: its loss is that of the training data at the weights before. In any
 * number of pieces. */
static void the_loss_is_that_of_the_rounds_rows(void **state)
{
    (void)state;
    for (uint32_t task_rows = 5; task_rows < 300; task_rows *= 3) {
        struct crew_config cfg = rig_config();
        struct crew_evaluation before;
        struct crew_summary s;
        cfg.task_rows = task_rows;
        cfg.batch_tasks = 50;
        cfg.epochs = 1;
        crew_trainer *t = rig_trainer(&cfg);
        assert_int_equal(crew_trainer_evaluate(t, rig_data.train, &before, NULL), CREW_OK);
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_int_equal(s.rounds, 1);
        assert_true(fabs(s.train_loss - before.loss) < 1e-6);
        crew_trainer_destroy(t);
    }
}

static void a_callback_that_says_false_ends_the_run(void **state)
{
    (void)state;
    for (uint64_t after = 1; after < 9; after += 3) {
        struct crew_config cfg = rig_config();
        struct seen seen = {.stop_after = after};
        struct crew_summary s;
        crew_trainer *t = watched(&cfg, &seen);
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_true(s.stopped && s.rounds == after);
        seen.stop_after = 0; /* the stop was served: the next run goes on to its end */
        seen.elapsed_s = 0;
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_true(!s.stopped && s.rounds > after);
        crew_trainer_destroy(t);
    }
}

static void a_stop_between_runs_ends_the_next_one_at_once(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    crew_trainer *t = rig_trainer(&cfg);
    crew_trainer_request_stop(t);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.stopped && s.rounds == 0);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(!s.stopped && s.rounds > 0);
    crew_trainer_destroy(t);
}

static void *stop_soon(void *self)
{
    const struct timespec t = {0, 3000000};
    nanosleep(&t, NULL);
    crew_trainer_request_stop(self);
    return NULL;
}

/* The weights are those of as many whole rounds: the one in flight left no trace. */
static void a_stop_request_leaves_whole_rounds(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    pthread_t thread;
    cfg.epochs = 0;
    cfg.rounds = 1000000000;
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, t), 0);
    rig_run(t);
    pthread_join(thread, NULL);
    crew_trainer_summary(t, &s);
    assert_true(s.stopped);
    cfg.rounds = s.rounds;
    if (s.rounds) {
        cfg.policy = "uniform";
        assert_int_equal(rig_result(&cfg), s.weights_digest);
    }
    crew_trainer_destroy(t);
}

/* What an embedder does first: measure, save and look from inside a callback. */
static bool ask_inside(void *user, const struct crew_epoch_record *r)
{
    struct seen *s = user;
    struct crew_evaluation e;
    struct crew_summary now;
    struct crew_error err;
    assert_int_equal(crew_trainer_evaluate(s->t, rig_data.train, &e, &err), CREW_OK);
    assert_int_equal(e.rows, RIG_ROWS);
    assert_true(e.accuracy > 1.2 / RIG_CLASSES);
    assert_int_equal(crew_trainer_run(s->t, &err), CREW_ESTATE);
    crew_trainer_summary(s->t, &now);
    assert_int_equal(now.epochs, r->epoch);
    s->epochs++;
    return true;
}

static void a_callback_may_evaluate_but_not_run(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct seen seen = {.epochs = 0};
    struct crew_summary s;
    cfg.epochs = 4;
    uint64_t alone = rig_result(&cfg);
    cfg.on_epoch = ask_inside;
    cfg.user = &seen;
    crew_trainer *t = seen.t = rig_trainer(&cfg);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_int_equal(seen.epochs, 4);
    assert_true(s.weights_digest == alone); /* and nothing was disturbed */
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_int_equal(s.epochs, 8);
    crew_trainer_destroy(t);
}

/* A task that would take hours (emulated) does not keep the run beyond its limit. */
static void the_time_limit_ends_a_round_in_flight(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    cfg.emulate = "0:1000000x 1:1000000x";
    cfg.time_limit_s = 0.02;
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.timed_out && !s.stopped && s.rounds == 0);
    crew_trainer_destroy(t);
}

static void epochs_are_limited_only_when_nothing_else_is(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    for (uint64_t rounds = 0; rounds <= 200; rounds += 200) { /* 4 rounds an epoch */
        cfg.epochs = 0;
        cfg.rounds = rounds;
        crew_trainer *t = rig_trainer(&cfg);
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_int_equal(s.rounds, rounds ? rounds : 30 * 4);
        crew_trainer_destroy(t);
    }
}

static void the_time_limit_ends_the_run(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    cfg.epochs = 0;
    cfg.time_limit_s = 0.01;
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.timed_out && !s.stopped && s.wall_s >= 0.01);
    crew_trainer_destroy(t);
}

static void a_second_run_goes_on_where_the_first_ended(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    cfg.optimizer = "adamw";
    cfg.epochs = 4;
    uint64_t want = rig_result(&cfg);
    cfg.epochs = 2;
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    assert_true(rig_digest(t) != want);
    rig_run(t);
    assert_int_equal(rig_digest(t), want);
    crew_trainer_destroy(t);
    cfg.epochs = 0;
    cfg.rounds = 5; /* 4 rounds an epoch: ends in the middle of one */
    t = rig_trainer(&cfg);
    for (int i = 0; i < 3; i++)
        rig_run(t);
    cfg.rounds = 15;
    assert_int_equal(rig_digest(t), rig_result(&cfg));
    crew_trainer_destroy(t);
}

/* After round 5 all parameters are the largest float: logits overflow, their differences are no
 * numbers. */
static bool poison(void *user, const struct crew_record *r)
{
    struct seen *s = user;
    for (size_t i = 0; i < s->n; i++)
        s->params[i] = FLT_MAX;
    return r->round < 5 || crew_trainer_set_params(s->t, s->params, s->n, NULL) == CREW_OK;
}

static void a_loss_that_overflows_keeps_the_last_good_weights(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct seen seen = {0};
    struct crew_error err = {.status = CREW_OK};
    struct crew_summary s;
    crew_trainer_destroy(watched(&cfg, &seen));
    cfg.on_round = poison;
    cfg.on_epoch = NULL;
    seen.t = rig_trainer(&cfg);
    assert_int_equal(crew_trainer_run(seen.t, &err), CREW_ENONFINITE);
    assert_int_equal(err.status, CREW_ENONFINITE);
    assert_non_null(strstr(err.text, "the loss of task 0 of round 6 (epoch 2, worker "));
    crew_trainer_summary(seen.t, &s);
    assert_int_equal(s.rounds, 5);
    assert_int_equal(s.weights_digest,
                     crew_hash(CREW_HASH_INIT, seen.params, seen.n * sizeof(float)));
    crew_trainer_destroy(seen.t);
}

static void parameters_go_in_and_out(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_error err;
    float a[400], b[400];
    crew_trainer *t = rig_trainer(&cfg);
    struct crew_summary s;
    crew_trainer_summary(t, &s);
    size_t n = s.n_params;
    assert_int_equal(n, (RIG_FEATURES + 1) * 9 + 10 * RIG_CLASSES);
    assert_int_equal(crew_trainer_get_params(t, a, n, NULL), CREW_OK);
    rig_run(t);
    assert_int_equal(crew_trainer_get_params(t, b, n, NULL), CREW_OK);
    assert_memory_not_equal(a, b, n * sizeof *a);
    assert_int_equal(crew_trainer_set_params(t, a, n, NULL), CREW_OK);
    assert_int_equal(rig_digest(t), crew_hash(CREW_HASH_INIT, a, n * sizeof *a));
    assert_int_equal(crew_trainer_get_params(t, b, n - 1, &err), CREW_EINVAL);
    assert_non_null(strstr(err.text, "165 parameters are given, the model mlp:9 has 166"));
    assert_int_equal(crew_trainer_set_params(t, a, n + 1, &err), CREW_EINVAL);
    uint64_t before = rig_digest(t);
    b[n / 2] = INFINITY;
    assert_int_equal(crew_trainer_set_params(t, b, n, &err), CREW_ENONFINITE);
    assert_int_equal(rig_digest(t), before);
    crew_trainer_destroy(t);
}

/* The evaluation on all workers, the one of the network, and counting by hand. */
static void evaluations_agree(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_evaluation all, one;
    uint64_t confusion[RIG_CLASSES * RIG_CLASSES] = {0}, sum = 0, hits = 0, by_hand = 0;
    static float p[RIG_ROWS][RIG_CLASSES];
    cfg.workers = 3;
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    const crew_network *net = crew_trainer_network(t);
    assert_int_equal(crew_trainer_evaluate(t, rig_data.train, &all, NULL), CREW_OK);
    assert_int_equal(crew_network_evaluate(net, rig_data.train, &one, confusion, NULL),
                     CREW_OK);
    assert_true(all.rows == RIG_ROWS && all.correct == one.correct && all.loss == one.loss);
    assert_true(all.accuracy == (double)all.correct / RIG_ROWS);
    for (int i = 0; i < RIG_CLASSES * RIG_CLASSES; i++) {
        sum += confusion[i];
        hits += i % (RIG_CLASSES + 1) == 0 ? confusion[i] : 0;
    }
    assert_true(sum == RIG_ROWS && hits == all.correct);
    assert_int_equal(crew_network_predict(net, &rig_x[0][0], RIG_ROWS, &p[0][0]), CREW_OK);
    double loss = 0;
    for (uint32_t r = 0; r < RIG_ROWS; r++) {
        uint32_t best = 0;
        for (uint32_t j = 1; j < RIG_CLASSES; j++)
            best = p[r][j] > p[r][best] ? j : best;
        by_hand += best == rig_label[r];
        loss -= log((double)p[r][rig_label[r]]);
    }
    assert_int_equal(by_hand, all.correct);
    assert_true(fabs(loss / RIG_ROWS - all.loss) < 1e-5);
    crew_trainer_destroy(t);
}

/* Validation on the training rows' labels turned round: the first epoch is the best, and is
 * what is kept. */
static void the_best_epoch_is_kept(void **state)
{
    (void)state;
    uint32_t wrong[RIG_ROWS];
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    struct crew_evaluation e;
    for (uint32_t r = 0; r < RIG_ROWS; r++)
        wrong[r] = (rig_label[r] + 1) % RIG_CLASSES;
    assert_int_equal(crew_dataset_wrap(&rig_x[0][0], wrong, RIG_ROWS, RIG_FEATURES, RIG_CLASSES,
                                       &rig_data.validation, NULL),
                     CREW_OK);
    cfg.epochs = 8;
    cfg.best = true;
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.best_epoch >= 1 && s.best_epoch < 8);
    assert_int_equal(crew_trainer_evaluate(t, rig_data.validation, &e, NULL), CREW_OK);
    assert_true(e.accuracy == s.best_accuracy);
    crew_trainer_destroy(t);
    cfg.epochs = s.best_epoch;
    cfg.best = false;
    assert_int_equal(rig_result(&cfg), s.weights_digest);
    crew_dataset_destroy(rig_data.validation);
    rig_data.validation = NULL;
}

static void a_saved_network_predicts_the_same(void **state)
{
    (void)state;
    char path[] = "/tmp/crew-test-XXXXXX";
    struct crew_config cfg = rig_config();
    struct crew_evaluation mine, loaded;
    crew_network *net;
    close(mkstemp(path));
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    assert_int_equal(crew_trainer_save(t, path, false, NULL), CREW_EOUTPUT);
    assert_int_equal(crew_trainer_save(t, path, true, NULL), CREW_OK);
    assert_int_equal(crew_network_load(path, &net, NULL), CREW_OK);
    assert_int_equal(
        crew_network_evaluate(crew_trainer_network(t), rig_data.train, &mine, NULL, NULL),
        CREW_OK);
    assert_int_equal(crew_network_evaluate(net, rig_data.train, &loaded, NULL, NULL), CREW_OK);
    assert_memory_equal(&mine, &loaded, sizeof mine);
    crew_network_destroy(net);
    crew_trainer_destroy(t);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_add_up_to_the_summary),
        cmocka_unit_test(the_loss_is_that_of_the_rounds_rows),
        cmocka_unit_test(a_callback_that_says_false_ends_the_run),
        cmocka_unit_test(a_stop_request_leaves_whole_rounds),
        cmocka_unit_test(a_stop_between_runs_ends_the_next_one_at_once),
        cmocka_unit_test(the_time_limit_ends_the_run),
        cmocka_unit_test(a_callback_may_evaluate_but_not_run),
        cmocka_unit_test(the_time_limit_ends_a_round_in_flight),
        cmocka_unit_test(epochs_are_limited_only_when_nothing_else_is),
        cmocka_unit_test(a_second_run_goes_on_where_the_first_ended),
        cmocka_unit_test(a_loss_that_overflows_keeps_the_last_good_weights),
        cmocka_unit_test(parameters_go_in_and_out),
        cmocka_unit_test(evaluations_agree),
        cmocka_unit_test(the_best_epoch_is_kept),
        cmocka_unit_test(a_saved_network_predicts_the_same),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
