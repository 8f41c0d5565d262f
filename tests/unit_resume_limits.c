/* Going on from a checkpoint: what belongs to epochs and limits is that of one run. */
#include "testing.h"

#include "checkpoint_rig.h"
#include <math.h>

static void the_best_epoch_survives(void **state)
{
    (void)state;
    ck_validate(true);
    struct crew_config plain = rig_config(), cfg = ck_config();
    plain.epochs = cfg.epochs = 8;
    plain.best = cfg.best = true;
    crew_trainer *t = rig_trainer(&plain);
    struct crew_summary want;
    rig_run(t);
    crew_trainer_summary(t, &want);
    crew_trainer_destroy(t);
    assert_true(want.best_epoch >= 1 && want.best_epoch < 8);
    struct ck_part p = {.s = {.rounds = 0}};
    for (uint64_t stop = 1; p.s.epochs < 8; stop += 3) { /* validation is stopped, too */
        p = ck_run(cfg, stop);
        assert_true(stop < 40);
    }
    assert_true(p.s.best_epoch == want.best_epoch && p.s.best_accuracy == want.best_accuracy);
    assert_int_equal(p.s.weights_digest, want.weights_digest);
    ck_do_not_validate();
}

/* Weights of an epoch before are not there: better ones are looked for from there on, and
 * patience begins there. */
static void a_best_epoch_that_was_not_kept_is_forgotten(void **state)
{
    (void)state;
    ck_validate(true);
    struct crew_config cfg = ck_config();
    cfg.epochs = 8;
    struct ck_part p = ck_run(cfg, 25);
    assert_true(p.s.best_epoch >= 1 && p.s.best_epoch < 6);
    cfg.best = true;
    cfg.epochs = 9;
    cfg.patience = 3;
    p = ck_run(cfg, 0);
    ck_says(p.notes, "best is of epochs after 6: the checkpoint has none");
    assert_true(p.s.best_epoch > 6 && p.s.epochs == 9);
    struct crew_config from = cfg; /* its weights are those of that epoch */
    from.rounds = p.s.best_epoch * 4;
    from.epochs = 0;
    from.best = false;
    from.patience = 0;
    ck_only_read(&from);
    assert_int_equal(rig_result(&from), p.s.weights_digest);
    ck_do_not_validate();
}

static void patience_counts_across_a_resume(void **state)
{
    (void)state;
    ck_validate(true);
    struct crew_config plain = rig_config();
    struct crew_summary want;
    plain.epochs = 30;
    plain.patience = 3;
    crew_trainer *t = rig_trainer(&plain);
    rig_run(t);
    crew_trainer_summary(t, &want);
    crew_trainer_destroy(t);
    assert_true(want.out_of_patience && want.epochs == want.best_epoch + 3);
    for (uint64_t stop = 4 * want.best_epoch; stop < 4 * want.epochs; stop++) {
        struct crew_config cfg = ck_config();
        ck_clear(NULL);
        cfg.epochs = 30;
        cfg.patience = 3;
        (void)ck_run(cfg, stop);
        struct ck_part p = ck_run(cfg, 0);
        assert_true(p.s.out_of_patience && p.s.epochs == want.epochs &&
                    p.s.weights_digest == want.weights_digest);
        p = ck_run(cfg, 0);
        ck_says(p.notes, "NOTHING IS LEFT TO TRAIN");
        assert_true(p.s.out_of_patience && p.s.rounds == p.s.resumed_round);
    }
    ck_do_not_validate();
}

/* A stop in the last round of an epoch ends the validation before it began. The epoch is taken
 * up again, also where rounds or epochs would be at their end by then. */
static void an_epoch_whose_end_was_interrupted_is_measured_later(void **state)
{
    (void)state;
    ck_validate(false);
    for (int limit = 0; limit < 3; limit++) {
        struct crew_config plain = rig_config(), cfg = ck_config();
        struct crew_summary s;
        size_t n;
        ck_clear(NULL);
        plain.epochs = cfg.epochs = limit == 0 ? 2 : limit == 1 ? 0 : 5;
        plain.rounds = cfg.rounds = limit == 1 ? 8 : 0;
        struct ck_part p = ck_run(cfg, 8);
        assert_true(p.s.rounds == 8 && p.s.epochs == 1 && p.s.stopped);
        crew_trainer *t = rig_trainer(&cfg);
        const struct crew_epoch_record *e = crew_trainer_history(t, &n);
        assert_true(n == 1 && e->epoch == 1 && e->round == 4);
        char notes[4096];
        ck_notes(t, notes, sizeof notes);
        ck_says_not(notes, "NOTHING IS LEFT");
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_true(s.epochs == (limit == 2 ? 5 : 2) && s.rounds == 4 * s.epochs);
        e = crew_trainer_history(t, &n);
        assert_true(n == s.epochs && e[1].epoch == 2 && e[1].round == 8 &&
                    e[1].validation.rows == RIG_ROWS);
        assert_int_equal(s.weights_digest, rig_result(&plain));
        crew_trainer_destroy(t);
        assert_int_equal(ck_resumed(&cfg, notes), 4 * s.epochs); /* and is in the last one */
        ck_says(notes, "NOTHING IS LEFT TO TRAIN");
    }
    ck_do_not_validate();
}

static void the_history_is_that_of_one_run(void **state)
{
    (void)state;
    ck_validate(false);
    struct crew_config plain = rig_config(), cfg = ck_config();
    size_t n, m;
    plain.executor = cfg.executor = "sim";
    plain.workers = cfg.workers = 0;
    plain.speeds = cfg.speeds = "1ms exp(1ms,1ms)";
    plain.epochs = cfg.epochs = 7;
    crew_trainer *one = rig_trainer(&plain);
    rig_run(one);
    for (uint64_t stop = 3; stop < 28; stop += 5)
        (void)ck_run(cfg, stop);
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    const struct crew_epoch_record *a = crew_trainer_history(one, &n),
                                   *b = crew_trainer_history(t, &m);
    assert_true(n == 7 && m == 7);
    for (size_t i = 0; i < n; i++) {
        assert_true(a[i].epoch == b[i].epoch && a[i].round == b[i].round &&
                    a[i].train_loss == b[i].train_loss && a[i].elapsed_s == b[i].elapsed_s);
        assert_memory_equal(&a[i].validation, &b[i].validation, sizeof a[i].validation);
        assert_true(b[i].real_s > 0 && (!i || b[i].real_s > b[i - 1].real_s));
    }
    crew_trainer_destroy(one);
    crew_trainer_destroy(t);
    ck_do_not_validate();
}

/* ---- Limits ---- */

static void a_finished_budget_is_told(void **state)
{
    (void)state;
    char notes[4096];
    struct crew_config cfg = ck_config();
    struct ck_part p = ck_run(cfg, 0);
    uint64_t digest = p.s.weights_digest;
    ck_says_not(p.notes, "NOTHING");
    p = ck_run(cfg, 0);
    ck_says(p.notes,
            "NOTHING IS LEFT TO TRAIN: the checkpoint is of round 12, epoch 3, after ");
    assert_true(p.s.rounds == 12 && p.s.weights_digest == digest);
    cfg.epochs = 4;
    assert_int_equal(ck_resumed(&cfg, notes), 12);
    ck_says_not(notes, "NOTHING");
    cfg.rounds = 12;
    assert_int_equal(ck_resumed(&cfg, notes), 12);
    ck_says(notes, "NOTHING");
}

/* 14 + 14 + 14 + 8.75 ms an epoch: a limit of 60 ms is passed in round 5, wherever it stops. */
static void a_time_limit_counts_over_all_parts(void **state)
{
    (void)state;
    struct crew_config plain = rig_config();
    plain.executor = "sim";
    plain.workers = 0;
    plain.speeds = "2ms";
    plain.time_limit_s = 0.06;
    uint64_t want = rig_result(&plain);
    for (uint64_t stop = 1; stop <= 5; stop++) {
        struct crew_config cfg = plain;
        ck_clear(NULL);
        cfg.checkpoint = ck_dir;
        struct ck_part p = ck_run(cfg, stop);
        assert_int_equal(p.s.rounds, stop);
        p = ck_run(cfg, 0);
        assert_true(p.s.timed_out && p.s.rounds == 5 && p.s.weights_digest == want);
        assert_true(fabs(p.s.wall_s - 0.06475) < 1e-12);
        p = ck_run(cfg, 0);
        ck_says(p.notes, "NOTHING IS LEFT TO TRAIN");
        assert_true(p.s.rounds == 5 && p.s.timed_out);
    }
}

/* In real time: its last seconds are in the checkpoint, though no round was finished in them.
 */
static void a_real_time_limit_is_used_up_for_good(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    cfg.epochs = 0;
    cfg.time_limit_s = 0.03;
    cfg.every = "1rounds";
    cfg.keep = 2;
    struct ck_part p = ck_run(cfg, 0);
    assert_true(p.s.timed_out && p.s.wall_s >= 0.03);
    uint64_t rounds = p.s.rounds;
    p = ck_run(cfg, 0);
    ck_says(p.notes, "NOTHING IS LEFT TO TRAIN");
    assert_int_equal(p.s.resumed_round, rounds);
}

/* Limits count from where the first of the interrupted runs began, not from where the trainer
 * did. */
static void the_second_run_of_a_trainer_goes_on_as_such(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    uint64_t stop = 17;
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    crew_trainer_destroy(t);
    cfg.on_round = ck_stop_after;
    cfg.user = &stop;
    cfg.resume = "auto";
    t = rig_trainer(&cfg);
    rig_run(t); /* nothing is left of it */
    rig_run(t); /* the second one, of rounds 13 to 24 */
    crew_trainer_destroy(t);
    cfg.on_round = NULL;
    struct ck_part p = ck_run(cfg, 0);
    assert_true(p.s.resumed_round == 17 && p.s.rounds == 24 && p.s.epochs == 6);
}

int main(void)
{
#define CASE(F) cmocka_unit_test_setup(F, ck_clear)
    const struct CMUnitTest tests[] = {
        CASE(the_best_epoch_survives),
        CASE(a_best_epoch_that_was_not_kept_is_forgotten),
        CASE(patience_counts_across_a_resume),
        CASE(an_epoch_whose_end_was_interrupted_is_measured_later),
        CASE(the_history_is_that_of_one_run),
        CASE(a_finished_budget_is_told),
        CASE(a_time_limit_counts_over_all_parts),
        CASE(a_real_time_limit_is_used_up_for_good),
        CASE(the_second_run_of_a_trainer_goes_on_as_such),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, ck_open, ck_close);
}
