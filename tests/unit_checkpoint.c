/* Checkpoints as they are written: when, what is in them, what is told of them, and what
 * becomes of a run whose checkpoints cannot be written. */
#include "testing.h"

#include "base/mem.h"
#include "checkpoint_rig.h"
#include "train/safetensors.h"
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* The checkpoints of a run, as they are told. */
struct told {
    crew_trainer *t;
    const char *save_at; /* rounds, comma on both sides: ",3,8," */
    uint64_t rounds, n, ok, last;
    char text[200];
    float params[400];
    size_t n_params;
    uint64_t keep_params_of; /* round */
};

static bool on_round(void *user, const struct crew_record *r)
{
    struct told *s = user;
    char number[32];
    snprintf(number, sizeof number, ",%llu,", (unsigned long long)r->round);
    s->rounds = r->round;
    if (s->save_at && strstr(s->save_at, number))
        crew_trainer_request_checkpoint(s->t);
    if (r->round == s->keep_params_of)
        assert_int_equal(crew_trainer_get_params(s->t, s->params, s->n_params, NULL), CREW_OK);
    return true;
}

static void on_checkpoint(void *user, const struct crew_checkpoint_record *r)
{
    struct told *s = user;
    struct stat st;
    s->n++;
    s->ok += r->status == CREW_OK;
    assert_true(r->round > s->last || s->n == 1 || r->status != CREW_OK);
    assert_true(r->round <= s->rounds);
    s->last = r->round;
    assert_true(r->copy_s >= 0 && r->write_s > 0 && r->bytes >= s->n_params * sizeof(float));
    assert_string_equal(r->path, ck_file(ck_dir, r->round));
    if (r->status == CREW_OK) {
        assert_string_equal(r->text, "");
        assert_int_equal(stat(r->path, &st), 0);
        assert_true((size_t)st.st_size > r->bytes);
    } else {
        snprintf(s->text, sizeof s->text, "%s", r->text);
    }
}

static crew_trainer *watched(struct crew_config *cfg, struct told *s)
{
    struct crew_summary sum;
    cfg->on_round = on_round;
    cfg->on_checkpoint = on_checkpoint;
    cfg->user = s;
    s->t = rig_trainer(cfg);
    crew_trainer_summary(s->t, &sum);
    s->n_params = sum.n_params;
    return s->t;
}

static size_t count(const char *folder)
{
    uint64_t *round;
    size_t n;
    assert_int_equal(crew_folder_list(folder, &round, &n, NULL), CREW_OK);
    crew_free(round);
    return n;
}

/* Before anything is trained, so that a folder that cannot be written to is told then; and at
 * the end. */
static void one_is_written_before_and_one_after_the_run(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    struct told told = {.n = 0};
    struct crew_summary s;
    crew_trainer *t = watched(&cfg, &told);
    assert_true(ck_exists(ck_file(ck_dir, 0)) && count(ck_dir) == 1);
    rig_run(t);
    assert_true(ck_exists(ck_file(ck_dir, 12)) && count(ck_dir) == 2);
    crew_trainer_summary(t, &s);
    assert_true(s.checkpoints == 1 && !s.checkpoint_failed && !s.resumed && told.ok == 1 &&
                told.last == 12);
    rig_run(t); /* the next one, too */
    assert_true(ck_exists(ck_file(ck_dir, 24)) && told.ok == 2);
    crew_trainer_destroy(t);
}

/* Each unit: checkpoints are of rounds that are due, or of later ones where the writing of the
 * one before took longer. */
static void they_are_written_as_often_as_is_asked(void **state)
{
    (void)state;
    static const struct {
        const char *every;
        uint64_t least, most; /* of 48 rounds, 12 epochs, the last one included */
    } cases[] = {{"1rounds", 2, 48}, {"1", 2, 48},         {"10round", 2, 5},
                 {"24rounds", 2, 2}, {"100", 1, 1},        {"1epochs", 2, 12},
                 {"3epoch", 2, 4},   {"0.000001s", 2, 48}, {"1m", 1, 1},
                 {"0.5h", 1, 1},     {"1000s", 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct crew_config cfg = ck_config();
        struct told told = {.n = 0};
        ck_clear(NULL);
        cfg.epochs = 12;
        cfg.every = cases[i].every;
        crew_trainer *t = watched(&cfg, &told);
        rig_run(t);
        if (told.ok < cases[i].least || told.ok > cases[i].most || told.ok != told.n)
            fail_msg("every %s: %llu checkpoints", cases[i].every, (unsigned long long)told.ok);
        assert_int_equal(told.last, 48);
        assert_int_equal(count(ck_dir), 1 + told.ok);
        crew_trainer_destroy(t);
    }
}

/* The first is due while nothing else is being written: at the end of epoch 6, round 24. */
static void epochs_are_whole_when_they_are_asked_for(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    cfg.epochs = 12;
    cfg.every = "6epochs";
    (void)ck_run(cfg, 0);
    assert_true(ck_exists(ck_file(ck_dir, 0)) && ck_exists(ck_file(ck_dir, 24)) &&
                ck_exists(ck_file(ck_dir, 48)) && count(ck_dir) == 3);
}

/* Epochs of a few rounds take less than a write: the end of a later one is waited for. */
static void epochs_are_whole_also_when_the_writing_takes_longer(void **state)
{
    (void)state;
    uint64_t *round;
    size_t n;
    struct crew_config cfg = ck_config();
    cfg.epochs = 200;
    cfg.every = "1epochs";
    (void)ck_run(cfg, 0);
    assert_int_equal(crew_folder_list(ck_dir, &round, &n, NULL), CREW_OK);
    for (size_t i = 0; i < n; i++)
        if (round[i] % 4) /* rounds an epoch */
            fail_msg("one of %zu is of round %llu, in the middle of an epoch", n,
                     (unsigned long long)round[i]);
    assert_true(n > 2 && round[0] == 800);
    crew_free(round);
}

static void a_request_writes_one_after_the_round(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    struct told told = {.save_at = ",3,9,"};
    crew_trainer *t = watched(&cfg, &told);
    crew_trainer_request_checkpoint(t); /* between runs: after the first round */
    rig_run(t);
    assert_true(ck_exists(ck_file(ck_dir, 1)) && ck_exists(ck_file(ck_dir, 12)));
    assert_true(told.ok >= 2 && told.ok <= 4); /* 3 and 9 wait until 1 is written */
    crew_trainer_destroy(t);
    struct crew_config without = rig_config();
    t = rig_trainer(&without);
    crew_trainer_request_checkpoint(t); /* nothing happens */
    rig_run(t);
    crew_trainer_destroy(t);
}

static void how_often_is_read_whole_or_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",      "s",   "60 s", " 60s", "60sec",  "1e3s",
                                        "-1s",   "0s",  "0",    "0.0h", "1.2.3s", "60S",
                                        "nan",   "inf", "1ms",  "5min", "1d",     "epochs",
                                        "1e13s", "+1",  "0x10"};
    static const char *const parts[] = {"0.5", "1.5rounds", "0.25epochs", "2.5epoch"};
    struct crew_config cfg = ck_config();
    char why[160];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cfg.every = wrong[i];
        snprintf(why, sizeof why,
                 "every is '%s', must be a number above 0 and s, m, h, rounds or epochs, as in "
                 "60s or 500rounds",
                 wrong[i]);
        ck_refuse(&cfg, CREW_EINVAL, why);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        cfg.every = parts[i];
        snprintf(why, sizeof why, "every is '%s', must be a whole number of rounds or epochs",
                 parts[i]);
        ck_refuse(&cfg, CREW_EINVAL, why);
    }
    assert_false(ck_exists(ck_dir)); /* and no folder was made */
    cfg.every = NULL;
    ck_refuse(&cfg, CREW_EINVAL, "NULL");
    cfg = ck_config();
    cfg.keep = 0;
    ck_refuse(&cfg, CREW_EINVAL, "keep is 0");
}

static void the_newest_ones_are_kept(void **state)
{
    (void)state;
    for (uint32_t keep = 1; keep < 5; keep++) {
        struct crew_config cfg = ck_config();
        ck_clear(NULL);
        cfg.keep = keep;
        cfg.every = "1";
        cfg.epochs = 6;
        (void)ck_run(cfg, 0);
        assert_true(ck_exists(ck_file(ck_dir, 24)));
        assert_true(count(ck_dir) <= keep);
        cfg.epochs = 12; /* one more, and its first one is that of the earlier part */
        (void)ck_run(cfg, 0);
        assert_true(ck_exists(ck_file(ck_dir, 48)));
        assert_int_equal(count(ck_dir), keep); /* of 0, 1, 24, 25, 48 at least */
    }
}

/* What `crew eval` does. */
static void a_checkpoint_is_a_model_of_its_round(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    struct told told = {.save_at = ",5,", .keep_params_of = 5};
    struct crew_network_info info;
    struct crew_evaluation e;
    crew_network *net;
    crew_trainer *t = watched(&cfg, &told);
    rig_run(t);
    assert_int_equal(crew_network_load(ck_file(ck_dir, 5), &net, NULL), CREW_OK);
    crew_network_info(net, &info);
    assert_true(info.n_params == told.n_params && !strcmp(info.model, "mlp:9"));
    assert_memory_equal(info.params, told.params, info.n_params * sizeof(float));
    assert_int_equal(crew_network_evaluate(net, rig_data.train, &e, NULL, NULL), CREW_OK);
    assert_int_equal(e.rows, RIG_ROWS);
    crew_network_destroy(net);
    crew_trainer_destroy(t);
}

/* So PyTorch's reader takes it, too, also where parameters and moments are odd in number. */
static void its_tensors_are_aligned(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    struct told told = {.n = 0};
    crew_dataset *before = rig_data.train;
    crew_st_file *f;
    assert_int_equal(crew_dataset_wrap(&rig_x[0][0], rig_label, RIG_ROWS, RIG_FEATURES,
                                       RIG_CLASSES | 1, &rig_data.train, NULL),
                     CREW_OK);
    cfg.model = "mlp:10";
    crew_trainer_destroy(watched(&cfg, &told));
    crew_dataset_destroy(rig_data.train);
    rig_data.train = before;
    assert_true(told.n_params % 2 == 1);
    assert_int_equal(crew_st_read(ck_file(ck_dir, 0), &f, NULL), CREW_OK);
    for (int k = 0; k < CREW_STATE_PARTS; k++) {
        const char *name = crew_state_name((enum crew_state_part)k);
        const struct crew_st_tensor *x = crew_st_find(f, name, CREW_ST_F64);
        if (!x || (uintptr_t)x->data % sizeof(double)) /* the file begins at such a place */
            fail_msg("%s is not where it can be mapped", name);
    }
    assert_non_null(crew_st_find(f, "optimizer.1", CREW_ST_F32)); /* adam's */
    assert_int_equal(crew_st_find(f, "checksum", CREW_ST_U8)->count, 8);
    crew_st_close(f);
}

/* Before there is a best epoch, nothing of what lay in memory goes to the file. */
static void best_is_written_once_it_is_there(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    struct told told = {.n = 0};
    crew_st_file *f;
    ck_validate(false);
    cfg.best = true;
    crew_trainer *t = watched(&cfg, &told);
    assert_int_equal(crew_trainer_get_params(t, told.params, told.n_params, NULL), CREW_OK);
    assert_int_equal(crew_st_read(ck_file(ck_dir, 0), &f, NULL), CREW_OK);
    assert_memory_equal(crew_st_find(f, "best", CREW_ST_F32)->data, told.params,
                        told.n_params * sizeof(float));
    crew_st_close(f);
    crew_trainer_destroy(t);
    ck_do_not_validate();
}

/* The weights that the caller put there are those that are saved. */
static void weights_set_between_rounds_are_saved(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    struct crew_network_info info;
    crew_network *net;
    float params[400] = {0};
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    crew_network_info(crew_trainer_network(t), &info);
    memcpy(params, info.params, info.n_params * sizeof(float));
    params[7] = 0.5f;
    assert_int_equal(crew_trainer_set_params(t, params, info.n_params, NULL), CREW_OK);
    crew_trainer_request_stop(t); /* not a single round more */
    rig_run(t);
    assert_int_equal(crew_network_load(ck_file(ck_dir, 12), &net, NULL), CREW_OK);
    crew_network_info(net, &info);
    assert_memory_equal(info.params, params, info.n_params * sizeof(float));
    crew_network_destroy(net);
    crew_trainer_destroy(t);
}

/* A folder stands where a checkpoint is to be: it cannot be written, as if the disk were full.
 * Training goes on to the same weights; the ones before are there; the next one is written. */
static void a_run_whose_checkpoints_fail_goes_on(void **state)
{
    (void)state;
    struct crew_config plain = rig_config(), cfg = ck_config();
    struct told told = {.save_at = ",4,"};
    struct crew_summary s;
    plain.epochs = cfg.epochs = 6;
    uint64_t want = rig_result(&plain);
    for (int last = 0; last < 2; last++) { /* the one in the middle, and the last one */
        ck_clear(NULL);
        memset(told.text, 0, sizeof told.text);
        told.n = told.ok = 0;
        crew_trainer *t = watched(&cfg, &told);
        assert_int_equal(mkdir(ck_file(ck_dir, last ? 24 : 4), 0700), 0);
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_int_equal(s.weights_digest, want);
        assert_true(s.checkpoint_failed == last && s.checkpoints == 1 && told.n == 2);
        if (!strstr(told.text, "cannot be written"))
            fail_msg("'%s'", told.text);
        assert_true(ck_exists(ck_file(ck_dir, 0)) && ck_exists(ck_file(ck_dir, last ? 4 : 24)));
        crew_trainer_destroy(t);
    }
}

static void a_folder_that_cannot_be_written_to_is_told_before_training(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    char path[120];
    ck_write(ck_dir, "", 0);
    ck_refuse(&cfg, CREW_EOUTPUT, "Not a directory");
    ck_remove(ck_dir);
    snprintf(path, sizeof path, "%s/none/ck", ck_root);
    cfg.checkpoint = path;
    ck_refuse(&cfg, CREW_EOUTPUT, "the folder cannot be made");
    cfg.checkpoint = ck_dir;
    assert_int_equal(mkdir(ck_dir, 0700), 0);
    assert_int_equal(mkdir(ck_file(ck_dir, 0), 0700), 0); /* in the way of the first one */
    ck_refuse(&cfg, CREW_EFORMAT, "Is a directory");      /* and taken for a damaged one */
    cfg.resume = "none";
    ck_refuse(&cfg, CREW_EOUTPUT, "holds checkpoints already");
}

static void a_description_that_nobody_could_read_is_refused(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    size_t n = 1 << 20;
    char *speeds = malloc(n + 1);
    memset(speeds, ' ', n);
    memcpy(speeds, "1ms", 3);
    speeds[n] = '\0';
    cfg.executor = "sim";
    cfg.workers = 0;
    cfg.speeds = speeds;
    ck_refuse(&cfg, CREW_EOUTPUT, "its description would take more than 1 MiB");
    free(speeds);
}

static void two_runs_in_one_folder_are_refused(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    crew_trainer *t = rig_trainer(&cfg);
    ck_refuse(&cfg, CREW_EOUTPUT, "another run keeps its checkpoints there");
    struct crew_config reader = rig_config(); /* to read from it is fine */
    reader.resume = ck_dir;
    crew_trainer_destroy(rig_trainer(&reader));
    crew_trainer_destroy(t);
    crew_trainer_destroy(rig_trainer(&cfg));
}

/* The copy is taken between rounds while the caller's thread asks for more, and the writer is
 * busy: nothing of it changes the weights. Also for the thread sanitizer. */
static void *ask(void *self)
{
    const struct timespec t = {0, 300000};
    crew_trainer **trainer = self;
    for (int i = 0; i < 40; i++) {
        nanosleep(&t, NULL);
        crew_trainer_request_checkpoint(*trainer);
    }
    crew_trainer_request_stop(*trainer);
    return NULL;
}

static void requests_from_another_thread_change_nothing(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    struct crew_summary s;
    pthread_t thread;
    cfg.every = "1";
    cfg.keep = 2;
    cfg.epochs = 0;
    cfg.rounds = 1000000000;
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(pthread_create(&thread, NULL, ask, &t), 0);
    rig_run(t);
    pthread_join(thread, NULL);
    crew_trainer_summary(t, &s);
    assert_true(s.stopped && s.checkpoints > 0);
    assert_true(ck_exists(ck_file(ck_dir, s.rounds))); /* the last whole round */
    crew_trainer_destroy(t);
    if (s.rounds) {
        struct crew_config plain = rig_config();
        plain.epochs = 0;
        plain.rounds = s.rounds;
        assert_int_equal(rig_result(&plain), s.weights_digest);
    }
}

/* A run that fails leaves the last good round. */
static bool poison(void *user, const struct crew_record *r)
{
    struct told *s = user;
    s->rounds = r->round;
    for (size_t i = 0; i < s->n_params; i++)
        s->params[i] = 3e38f;
    return r->round < 5 ||
           crew_trainer_set_params(s->t, s->params, s->n_params, NULL) == CREW_OK;
}

static void a_run_that_fails_leaves_a_checkpoint(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    struct told told = {.n = 0};
    struct crew_error err;
    crew_trainer_destroy(watched(&cfg, &told));
    ck_clear(NULL);
    cfg.on_round = poison;
    told.t = rig_trainer(&cfg);
    assert_int_equal(crew_trainer_run(told.t, &err), CREW_ENONFINITE);
    assert_true(ck_exists(ck_file(ck_dir, 5)) && told.last == 5);
    crew_trainer_destroy(told.t);
}

int main(void)
{
#define CASE(F) cmocka_unit_test_setup(F, ck_clear)
    const struct CMUnitTest tests[] = {
        CASE(one_is_written_before_and_one_after_the_run),
        CASE(they_are_written_as_often_as_is_asked),
        CASE(epochs_are_whole_when_they_are_asked_for),
        CASE(epochs_are_whole_also_when_the_writing_takes_longer),
        CASE(a_request_writes_one_after_the_round),
        CASE(how_often_is_read_whole_or_refused),
        CASE(the_newest_ones_are_kept),
        CASE(a_checkpoint_is_a_model_of_its_round),
        CASE(its_tensors_are_aligned),
        CASE(best_is_written_once_it_is_there),
        CASE(weights_set_between_rounds_are_saved),
        CASE(a_run_whose_checkpoints_fail_goes_on),
        CASE(a_folder_that_cannot_be_written_to_is_told_before_training),
        CASE(a_description_that_nobody_could_read_is_refused),
        CASE(two_runs_in_one_folder_are_refused),
        CASE(requests_from_another_thread_change_nothing),
        CASE(a_run_that_fails_leaves_a_checkpoint),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, ck_open, ck_close);
}
