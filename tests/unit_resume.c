/* Going on from a checkpoint: from which one, what must be the same, what may be another, and
 * what is told of it. That the bits are the same is prop_resume's. */
#include "testing.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "checkpoint_rig.h"
#include "train/safetensors.h"
#include <math.h>

/* Three checkpoints, of rounds 0, 5 and 9, of a run of 12. */
static struct crew_config interrupted(void)
{
    struct crew_config cfg = ck_config();
    (void)ck_run(cfg, 5);
    (void)ck_run(cfg, 9);
    assert_true(ck_exists(ck_file(ck_dir, 0)) && ck_exists(ck_file(ck_dir, 5)) &&
                ck_exists(ck_file(ck_dir, 9)));
    return cfg;
}

/* ---- From which one ---- */

static void the_newest_one_is_taken(void **state)
{
    (void)state;
    char notes[4096];
    struct crew_config plain = rig_config(), cfg = interrupted();
    assert_int_equal(ck_resumed(&cfg, notes), 9);
    ck_says(notes, "goes on from ");
    ck_says(notes, ck_file(ck_dir, 9));
    struct ck_part p = ck_run(cfg, 0);
    assert_true(p.s.rounds == 12 && p.s.epochs == 3 && p.s.rows == 3 * RIG_ROWS);
    assert_int_equal(p.s.weights_digest, rig_result(&plain));
}

static void any_file_or_folder_can_be_named(void **state)
{
    (void)state;
    char notes[4096], slash[100];
    struct crew_config cfg = interrupted(), from = ck_config();
    ck_only_read(&from);
    from.resume = ck_file(ck_dir, 5); /* only read */
    assert_int_equal(ck_resumed(&from, notes), 5);
    from.resume = ck_dir;
    assert_int_equal(ck_resumed(&from, notes), 9);
    from.checkpoint = ck_other; /* and a new folder from there on */
    from.resume = ck_file(ck_dir, 5);
    struct ck_part p = ck_run(from, 0);
    assert_true(p.s.resumed_round == 5 && ck_exists(ck_file(ck_other, 5)) &&
                ck_exists(ck_file(ck_other, 12)) && !ck_exists(ck_file(ck_other, 0)));
    from.resume = "auto";
    assert_int_equal(ck_resumed(&from, notes), 12);
    snprintf(slash, sizeof slash, "%s/", ck_dir); /* the folder by another name */
    cfg.resume = slash;
    ck_write(ck_file(ck_dir, 9), "", 0);
    assert_int_equal(ck_resumed(&cfg, notes), 5);
}

static void what_is_not_there_is_told(void **state)
{
    (void)state;
    char notes[4096];
    struct crew_config cfg = rig_config();
    cfg.resume = "/tmp/no-such-checkpoint";
    ck_refuse(&cfg, CREW_EINPUT, "/tmp/no-such-checkpoint: No such file");
    assert_int_equal(mkdir(ck_dir, 0700), 0);
    cfg.resume = ck_dir;
    ck_refuse(&cfg, CREW_EINPUT, "no checkpoint is there");
    cfg = ck_config(); /* auto: nothing is there yet */
    assert_int_equal(ck_resumed(&cfg, notes), UINT64_MAX);
    ck_says_not(notes, "goes on");
    assert_int_equal(ck_resumed(&cfg, notes), 0); /* but it is now */
    cfg.resume = "none";
    ck_refuse(&cfg, CREW_EOUTPUT, "resume auto goes on from them");
    cfg.checkpoint = ck_other;
    assert_int_equal(ck_resumed(&cfg, notes), UINT64_MAX);
    ck_only_read(&cfg);
    assert_int_equal(ck_resumed(&cfg, notes), UINT64_MAX);
}

/* Which of them were this run's? */
static void a_folder_with_later_rounds_is_not_written_to(void **state)
{
    (void)state;
    char notes[4096];
    struct crew_config cfg = interrupted();
    cfg.resume = ck_file(ck_dir, 5);
    ck_refuse(&cfg, CREW_EOUTPUT, "holds one of round 9 already, this run is at 5");
    assert_true(ck_exists(ck_file(ck_dir, 9)));
    cfg.resume = ck_file(ck_dir, 9);
    assert_int_equal(ck_resumed(&cfg, notes), 9);
}

/* ---- Damaged ones ---- */

static void expect_fall_back(const struct crew_config *cfg, const char *what, const char *why)
{
    char notes[4096];
    if (ck_resumed(cfg, notes) != 5)
        fail_msg("%s: another one than that of round 5 is taken", what);
    ck_says(notes, ck_file(ck_dir, 9));
    ck_says(notes, why);
    ck_says(notes, "goes on from ");
    ck_says(notes, ck_file(ck_dir, 5));
}

/* The same with another text in its header, and a checksum that fits. */
static void reseal(uint8_t *data, size_t n, const char *from, const char *to)
{
    uint8_t *at = memmem(data, n, from, strlen(from));
    assert_true(at && strlen(from) == strlen(to));
    memcpy(at, to, strlen(to));
    crew_put_le64(data + n - 8, crew_hash(CREW_HASH_INIT, data, n - 8));
}

static void a_damaged_newest_one_is_named_and_the_one_before_used(void **state)
{
    (void)state;
    struct crew_config cfg = interrupted(), plain = rig_config();
    const char *newest = ck_file(ck_dir, 9);
    char path[160];
    size_t n, m;
    snprintf(path, sizeof path, "%s", newest);
    uint8_t *good = ck_read(path, &n), *bad = malloc(n + 1),
            *older = ck_read(ck_file(ck_dir, 5), &m);
    static const size_t cuts[] = {0, 1, 7, 8, 9, 100};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts + 3; i++) {
        size_t left = i < sizeof cuts / sizeof *cuts ? cuts[i] : n - 1 - (i % 3) * n / 3;
        ck_write(path, good, left);
        expect_fall_back(&cfg, "cut short", path);
    }
    memcpy(bad, good, n);
    bad[n] = 0;
    ck_write(path, bad, n + 1);
    expect_fall_back(&cfg, "one byte more", "bytes follow its last tensor");
    ck_write(path, "not at all\n", 11);
    expect_fall_back(&cfg, "a text", path);
    reseal(bad, n, "\"checkpoint\":\"1\"", "\"checkpoint\":\"2\"");
    ck_write(path, bad, n);
    expect_fall_back(&cfg, "of another version", "of another version of crew, ");
    memcpy(bad, good, n);
    reseal(bad, n, "\"state.history\"", "\"state.mystery\"");
    ck_write(path, bad, n);
    expect_fall_back(&cfg, "incomplete", "its state.history is missing or not of this run");
    ck_write(path, older, m);
    expect_fall_back(&cfg, "renamed", "it is of round 5");
    unlink(path);
    crew_trainer *t = rig_trainer(&plain);
    assert_int_equal(crew_trainer_save(t, path, false, NULL), CREW_OK);
    crew_trainer_destroy(t);
    expect_fall_back(&cfg, "a model", "not a checkpoint, but a model: see init");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_fall_back(&cfg, "a folder", "Is a directory");
    struct ck_part p = ck_run(cfg, 0); /* and it is really used */
    assert_int_equal(p.s.weights_digest, rig_result(&plain));
    free(good);
    free(bad);
    free(older);
}

/* It may be whole: an older one would lose what is in it. */
static void one_that_may_not_be_read_is_not_passed_over(void **state)
{
    (void)state;
    char notes[4096], why[300];
    struct crew_config cfg = interrupted();
    bool root = geteuid() == 0; /* who may do everything */
    assert_true(chmod(ck_root, 0755) == 0 && chmod(ck_dir, 0777) == 0);
    assert_int_equal(chmod(ck_file(ck_dir, 9), 0), 0);
    if (root && seteuid(65534) != 0) {
        print_message("skip: a checkpoint that may not be read: root, and cannot be another\n");
        return;
    }
    snprintf(why, sizeof why, "cannot open %s: Permission denied", ck_file(ck_dir, 9));
    ck_refuse(&cfg, CREW_EINPUT, why);
    cfg.resume = ck_dir;
    ck_refuse(&cfg, CREW_EINPUT, why);
    assert_int_equal(root ? seteuid(0) : 0, 0);
    cfg.resume = "auto";
    assert_int_equal(chmod(ck_file(ck_dir, 9), 0600), 0);
    assert_int_equal(ck_resumed(&cfg, notes), 9);
}

/* A bit of every byte: of lengths, header, data and checksum. */
static void no_flipped_bit_goes_unseen(void **state)
{
    (void)state;
    struct crew_config cfg = interrupted();
    char path[160];
    size_t n;
    snprintf(path, sizeof path, "%s", ck_file(ck_dir, 9));
    uint8_t *data = ck_read(path, &n);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    setvbuf(f, NULL, _IONBF, 0);
    for (size_t i = 0; i < n; i++) {
        crew_st_file *st;
        uint8_t flipped =
            data[i] ^ (uint8_t)(1 << crew_rng_u64(test_seed(), CREW_STREAM_TEST, 1, i) % 8);
        assert_true(fseek(f, (long)i, SEEK_SET) == 0 && fwrite(&flipped, 1, 1, f) == 1);
        crew_status status = crew_st_read(path, &st, NULL);
        bool seen = status != CREW_OK || !crew_st_sealed(st);
        crew_st_close(st);
        assert_true(status == CREW_OK || status == CREW_EFORMAT);
        if (!seen)
            fail_msg("byte %zu of %zu (SEED=%llu)", i, n, (unsigned long long)test_seed());
        if (i % (n / 40) == 0)
            expect_fall_back(&cfg, "a flipped bit", path);
        assert_true(fseek(f, (long)i, SEEK_SET) == 0 && fwrite(&data[i], 1, 1, f) == 1);
    }
    fclose(f);
    char notes[4096];
    assert_int_equal(ck_resumed(&cfg, notes), 9); /* all is as it was */
    free(data);
}

static void when_all_are_damaged_nothing_is_trained(void **state)
{
    (void)state;
    char why[300], notes[4096];
    struct crew_config cfg = interrupted();
    for (uint64_t r = 0; r <= 9; r += r ? 4 : 5)
        ck_write(ck_file(ck_dir, r), "x", 1);
    snprintf(why, sizeof why, "none of 3 checkpoints is valid; the newest: %s",
             ck_file(ck_dir, 9));
    ck_refuse(&cfg, CREW_EFORMAT, why);
    cfg.resume = ck_dir;
    ck_refuse(&cfg, CREW_EFORMAT, why);
    cfg.resume = ck_file(ck_dir, 5);
    ck_refuse(&cfg, CREW_EFORMAT, "it is shorter than 10 bytes");
    cfg.resume = "auto";
    for (uint64_t r = 100; r < 130; r++) /* more than there is room for notes */
        ck_write(ck_file(ck_dir, r), "x", 1);
    ck_refuse(&cfg, CREW_EFORMAT, "none of 33 checkpoints is valid");
    ck_clear(NULL);
    cfg = interrupted();
    for (uint64_t r = 100; r < 130; r++)
        ck_write(ck_file(ck_dir, r), "x", 1);
    assert_int_equal(ck_resumed(&cfg, notes), 9);
    ck_says(notes, ck_file(ck_dir, 129));
    ck_says(notes, "and others before it");
    ck_says(notes, "goes on from ");
}

/* ---- What must be the same ---- */

#define REFUSE(FIELD, VALUE, WHY)              \
    do {                                       \
        struct crew_config cfg_ = ck_config(); \
        cfg_.FIELD = VALUE;                    \
        ck_refuse(&cfg_, CREW_EINVAL, WHY);    \
    } while (0)

static void another_run_is_refused(void **state)
{
    (void)state;
    struct crew_config cfg = interrupted();
    REFUSE(model, "mlp:10",
           "was made with model mlp:9, now it is mlp:10: that would be another run");
    REFUSE(seed, 2, "was made with seed 1, now it is 2");
    REFUSE(batch_tasks, 8, "was made with batch-tasks 7, now it is 8");
    REFUSE(task_rows, 9, "was made with task-rows 8, now it is 9");
    REFUSE(optimizer, "adamw", "was made with optimizer adam, now it is adamw");
    REFUSE(optimizer, "adam:beta1=0.8",
           "was made with optimizer adam, now it is adam:beta1=0.8");
    float kept = rig_x[RIG_ROWS / 2][3];
    rig_x[RIG_ROWS / 2][3] = nextafterf(kept, 9);
    ck_refuse(&cfg, CREW_EINVAL, "was made with other training data");
    rig_x[RIG_ROWS / 2][3] = kept;
    rig_label[7] ^= 1;
    ck_refuse(&cfg, CREW_EINVAL, "was made with other training data");
    rig_label[7] ^= 1;
    crew_dataset *all = rig_data.train;
    assert_int_equal(crew_dataset_wrap(&rig_x[0][0], rig_label, RIG_ROWS - 1, RIG_FEATURES,
                                       RIG_CLASSES, &rig_data.train, NULL),
                     CREW_OK);
    ck_refuse(&cfg, CREW_EINVAL, "203 rows of 13 features");
    crew_dataset_destroy(rig_data.train);
    rig_data.train = all;
    char notes[4096];
    assert_int_equal(ck_resumed(&cfg, notes), 9); /* and nothing was touched */
}

static void another_momentum_is_refused(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    cfg.optimizer = "sgd";
    (void)ck_run(cfg, 5);
    cfg.momentum = 0.8;
    ck_refuse(&cfg, CREW_EINVAL, "was made with momentum 0.9");
}

/* ---- What may be another ---- */

static void other_settings_are_noted(void **state)
{
    (void)state;
    char notes[4096];
    struct crew_config cfg = interrupted();
    cfg.lr = 0.01;
    cfg.clip = 3;
    cfg.epochs = 7;
    assert_int_equal(ck_resumed(&cfg, notes), 9);
    ck_says(notes, "lr is 0.01 from here on, it was 0.002");
    ck_says(notes, "clip is 3 from here on, it was 0");
    ck_says_not(notes, "epochs is");
    cfg.schedule = "cosine";
    assert_int_equal(ck_resumed(&cfg, notes), 9);
    ck_says(notes, "schedule is cosine from here on, it was constant");
    cfg.epochs = 8; /* whose rates depend on it */
    assert_int_equal(ck_resumed(&cfg, notes), 9);
    ck_says(notes, "epochs is 8 from here on, it was 7");
    cfg = ck_config();
    cfg.model = "mlp:9";
    cfg.lr = 0.002; /* as it was by default, but it is 0.01 in the newest */
    cfg.resume = ck_file(ck_dir, 5);
    ck_only_read(&cfg);
    assert_int_equal(ck_resumed(&cfg, notes), 5);
    ck_says_not(notes, " from here on");
}

static void other_workers_and_policies_are_noted_and_change_no_bit(void **state)
{
    (void)state;
    char notes[4096];
    struct crew_config plain = rig_config(), cfg = ck_config();
    uint64_t want = rig_result(&plain);
    cfg.policy = "ata-empirical";
    (void)ck_run(cfg, 5);
    assert_int_equal(ck_resumed(&cfg, notes), 5);
    ck_says_not(notes, "other workers");
    ck_says_not(notes, "the policy is");
    cfg.policy = "uniform";
    assert_int_equal(ck_resumed(&cfg, notes), 5);
    ck_says(notes, "the policy is uniform from here on, it was ata-empirical: it learns anew");
    cfg.workers = 1;
    assert_int_equal(ck_resumed(&cfg, notes), 5);
    ck_says(notes, "the checkpoint is of other workers: their times are measured anew");
    cfg.executor = "sim";
    cfg.workers = 0;
    cfg.speeds = "1ms exp(0ms,1ms)"; /* as many as the threads were */
    struct ck_part p = ck_run(cfg, 0);
    ck_says(p.notes, "the checkpoint is of other workers");
    assert_int_equal(p.s.weights_digest, want);
}

/* Other cores of the same machine, and emulated ones, are other workers. */
static void other_cores_are_other_workers(void **state)
{
    (void)state;
    char notes[4096], first[16], last[16];
    crew_machine *m;
    assert_int_equal(crew_machine_create(NULL, &m, NULL), CREW_OK);
    const struct crew_machine_info *info = crew_machine_info(m);
    snprintf(first, sizeof first, "%u", info->slots[0].cpu);
    snprintf(last, sizeof last, "%u", info->slots[info->n_slots - 1].cpu);
    bool two = info->n_slots > 1;
    crew_machine_destroy(m);
    struct crew_config cfg = ck_config();
    cfg.workers = 1;
    cfg.cores = first;
    (void)ck_run(cfg, 5);
    assert_int_equal(ck_resumed(&cfg, notes), 5);
    ck_says_not(notes, "other workers");
    cfg.emulate = "0:2x";
    assert_int_equal(ck_resumed(&cfg, notes), 5);
    ck_says(notes, "other workers");
    if (!two) {
        print_message("skip: other cores: there is one\n");
        return;
    }
    cfg.emulate = NULL;
    cfg.cores = last;
    ck_only_read(&cfg);
    cfg.resume = ck_file(ck_dir, 5);
    assert_int_equal(ck_resumed(&cfg, notes), 5);
    ck_says(notes, "other workers");
}

/* Their seconds still count: 5 rounds of one virtual worker of 1 ms, then 7 of two. */
static void seconds_of_other_workers_still_count(void **state)
{
    (void)state;
    struct crew_config cfg = ck_config();
    cfg.executor = "sim";
    cfg.workers = 0;
    cfg.speeds = "1ms";
    cfg.task_rows = 1; /* 29 rounds of 7 tasks an epoch */
    struct ck_part p = ck_run(cfg, 5);
    assert_true(fabs(p.s.worker_s - 0.035) < 1e-12 && p.s.idle_s < 1e-12);
    cfg.speeds = "2*1ms";
    p = ck_run(cfg, 12); /* 4 and 3 tasks a round: 4 ms, 1 ms of them idle */
    assert_int_equal(p.s.rounds, 12);
    assert_true(fabs(p.s.train_s - (0.035 + 7 * 0.004)) < 1e-12);
    assert_true(fabs(p.s.worker_s - 0.084) < 1e-12 && fabs(p.s.idle_s - 0.007) < 1e-12);
    cfg.speeds = "1ms";
    p = ck_run(cfg, 13);
    assert_true(fabs(p.s.worker_s - 0.091) < 1e-12 && fabs(p.s.idle_s - 0.007) < 1e-12);
    assert_true(fabs(p.s.wall_s - p.s.train_s) < 1e-12);
}

int main(void)
{
#define CASE(F) cmocka_unit_test_setup(F, ck_clear)
    const struct CMUnitTest tests[] = {
        CASE(the_newest_one_is_taken),
        CASE(any_file_or_folder_can_be_named),
        CASE(what_is_not_there_is_told),
        CASE(a_folder_with_later_rounds_is_not_written_to),
        CASE(a_damaged_newest_one_is_named_and_the_one_before_used),
        CASE(one_that_may_not_be_read_is_not_passed_over),
        CASE(no_flipped_bit_goes_unseen),
        CASE(when_all_are_damaged_nothing_is_trained),
        CASE(another_run_is_refused),
        CASE(another_momentum_is_refused),
        CASE(other_settings_are_noted),
        CASE(other_workers_and_policies_are_noted_and_change_no_bit),
        CASE(other_cores_are_other_workers),
        CASE(seconds_of_other_workers_still_count),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, ck_open, ck_close);
}
