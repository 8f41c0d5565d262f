/* Pictures that are mirrored and shifted: what becomes of them, by a plain definition; and the
 * same bits whoever computes, also after an interruption. */
#include "testing.h"

#include "base/mem.h"
#include "checkpoint_rig.h"
#include "data/augment.h"

enum { HEIGHT = 6, WIDTH = 5, DEPTH = 3, PIXELS = HEIGHT * WIDTH * DEPTH };
static const struct crew_dataset_info shape = {
    .rows = 1, .features = PIXELS, .height = HEIGHT, .width = WIDTH, .depth = DEPTH};

static struct crew_augment parsed(const char *text)
{
    struct crew_augment a;
    struct crew_error err = {0};
    if (crew_augment_parse(text, &shape, &a, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return a;
}

static void refused(const char *text, const struct crew_dataset_info *info, const char *says)
{
    struct crew_augment a;
    struct crew_error err = {0};
    assert_int_equal(crew_augment_parse(text, info, &a, &err), CREW_EINVAL);
    if (!strstr(err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void settings_are_words(void **state)
{
    static const char *const bad[] = {"flop",   "flip,",      ",flip",         "flip,flip",
                                      "crop",   "crop0",      "crop-1",        "crop2,crop3",
                                      "crop2x", "flip crop2", "crop000000002", "Flip"};
    const struct crew_dataset_info plain = {.features = 9, .height = 1, .width = 9, .depth = 1};
    (void)state;
    assert_string_equal(parsed("flip").text, "flip");
    assert_string_equal(parsed("crop4").text, "crop4");
    assert_string_equal(parsed("crop2,flip").text, "flip,crop2"); /* one text for one thing */
    assert_string_equal(parsed(NULL).text, "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(bad[i], &shape, "must be flip, cropN");
    refused("crop5", &shape, "images of 6 x 5 cannot be shifted so far");
    refused("flip", &plain, "needs images, these are plain rows of 9 features");
    refused("crop2", &plain, "needs images");
}

/* ---- The definition ---- */

static void by_definition(const struct crew_augment *a, uint64_t seed, uint32_t epoch,
                          uint32_t row, const float *from, float *to)
{
    uint32_t r[4];
    crew_rng4(seed, CREW_STREAM_AUGMENT, epoch, row, r);
    double span = 2.0 * a->crop + 1;
    int down = (int)(r[1] * span / 0x1p32) - (int)a->crop,
        right = (int)(r[2] * span / 0x1p32) - (int)a->crop;
    bool mirror = a->flip && r[0] >= 0x80000000u;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < DEPTH; c++) {
                int v = y + down, u = (mirror ? WIDTH - 1 - x : x) + right;
                bool inside = v >= 0 && v < HEIGHT && u >= 0 && u < WIDTH;
                to[(y * WIDTH + x) * DEPTH + c] =
                    inside ? from[(v * WIDTH + u) * DEPTH + c] : 0;
            }
}

static void fill(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 1 + (float)crew_rng_unit(test_seed(), CREW_STREAM_TEST, 9, i);
}

static void rows_are_what_the_definition_says(void **state)
{
    static const char *const texts[] = {"flip", "crop1", "crop4", "flip,crop2"};
    enum { ROWS = 300 };
    static float x[ROWS][PIXELS], y[ROWS][PIXELS], want[PIXELS];
    uint32_t row[ROWS];
    (void)state;
    for (uint32_t i = 0; i < ROWS; i++)
        row[i] = i * 7 % ROWS;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        struct crew_augment a = parsed(texts[k]);
        uint32_t changed = 0;
        fill(&x[0][0], ROWS * PIXELS);
        memcpy(y, x, sizeof y);
        crew_augment_rows(&a, &shape, test_seed(), 2, row, ROWS, &y[0][0]);
        for (uint32_t i = 0; i < ROWS; i++) {
            by_definition(&a, test_seed(), 2, row[i], x[i], want);
            assert_memory_equal(y[i], want, sizeof want);
            changed += memcmp(x[i], y[i], sizeof x[i]) != 0;
        }
        assert_true(changed > ROWS / 3);
        memcpy(y[1], x[1], sizeof y[1]); /* alone: the same */
        memcpy(y[0], x[1], sizeof y[0]);
        crew_augment_rows(&a, &shape, test_seed(), 2, row + 1, 1, y[0]);
        by_definition(&a, test_seed(), 2, row[1], x[1], want);
        assert_memory_equal(y[0], want, sizeof want);
    }
}

/* Every shift and both sides are as likely: 20 000 rows in 50 cells, each within 6 standard
 * deviations of its share. */
static void all_shifts_are_as_likely(void **state)
{
    enum { ROWS = 20000, SIDE = 5 };
    struct crew_augment a = parsed("flip,crop2");
    uint32_t seen[2][SIDE][SIDE] = {{{0}}};
    (void)state;
    for (uint32_t row = 0; row < ROWS; row++) {
        float x[PIXELS] = {0}; /* a mark in the middle */
        x[(3 * WIDTH + 2) * DEPTH] = 1;
        x[(3 * WIDTH + 2) * DEPTH + 1] = 2;
        x[(3 * WIDTH + 2) * DEPTH + 2] = 3;
        crew_augment_rows(&a, &shape, test_seed(), 1, &row, 1, x);
        size_t at = 0;
        while (x[at] != 1)
            at++;
        assert_true(at % DEPTH == 0 && x[at + 1] == 2 && x[at + 2] == 3);
        uint32_t r[4];
        crew_rng4(test_seed(), CREW_STREAM_AUGMENT, 1, row, r);
        seen[r[0] >> 31][at / DEPTH / WIDTH - 1][at / DEPTH % WIDTH]++;
    }
    for (int f = 0; f < 2; f++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                assert_in_range(seen[f][y][x], 400 - 119, 400 + 119); /* sd 19.8 */
}

static void an_epoch_is_another_one(void **state)
{
    static float x[2][50][PIXELS];
    struct crew_augment a = parsed("flip,crop2");
    uint32_t row[50], same = 0;
    (void)state;
    for (uint32_t i = 0; i < 50; i++)
        row[i] = i;
    fill(&x[0][0][0], 50 * PIXELS);
    memcpy(x[1], x[0], sizeof x[1]);
    crew_augment_rows(&a, &shape, test_seed(), 1, row, 50, &x[0][0][0]);
    crew_augment_rows(&a, &shape, test_seed(), 2, row, 50, &x[1][0][0]);
    for (uint32_t i = 0; i < 50; i++)
        same += memcmp(x[0][i], x[1][i], sizeof x[0][i]) == 0;
    assert_true(same < 15); /* 1 expected */
}

/* ---- Training ---- */

static int open_images(void **state)
{
    struct crew_data_config cfg;
    if (ck_open(state))
        return 1;
    (void)rig_close(state);
    crew_data_config_init(&cfg);
    cfg.data = "synth:254x6x5x3x4";
    cfg.val_fraction = 0.2; /* 203 rows are left */
    cfg.test_fraction = 0;
    cfg.scale = "standard";
    return crew_data_open(&cfg, &rig_data, NULL) != CREW_OK;
}

static int close_images(void **state)
{
    (void)state;
    crew_data_close(&rig_data);
    ck_remove(ck_root);
    return 0;
}

static struct crew_config config(const char *model, uint32_t workers)
{
    struct crew_config cfg = rig_config();
    cfg.model = model;
    cfg.augment = "flip,crop2";
    cfg.workers = workers;
    return cfg;
}

/* One epoch is training on the rows that the definition makes. */
static void training_reads_the_changed_rows(void **state)
{
    struct crew_config cfg = config("mlp:9", 2), plain = cfg;
    struct crew_dataset_info info;
    struct crew_augment a = parsed(cfg.augment);
    (void)state;
    crew_dataset_info(rig_data.train, &info);
    assert_int_equal(info.rows, RIG_ROWS);
    float *x = crew_alloc(info.rows * PIXELS * sizeof *x), was[PIXELS];
    uint32_t *label = crew_alloc(info.rows * sizeof *label);
    assert_true(x && label);
    for (uint32_t i = 0; i < info.rows; i++) {
        crew_dataset_gather(rig_data.train, &i, 1, was, &label[i]);
        by_definition(&a, cfg.seed, 1, i, was, x + i * PIXELS);
    }
    cfg.epochs = plain.epochs = 1;
    plain.augment = NULL;
    uint64_t changed = rig_result(&cfg), unchanged = rig_result(&plain);
    struct crew_data opened = rig_data;
    rig_data = (struct crew_data){0};
    assert_int_equal(
        crew_dataset_wrap(x, label, info.rows, PIXELS, info.classes, &rig_data.train, NULL),
        CREW_OK);
    uint64_t want = rig_result(&plain);
    crew_dataset_destroy(rig_data.train);
    rig_data = opened;
    assert_true(changed == want && changed != unchanged);
    crew_free(x);
    crew_free(label);
}

static void every_policy_and_worker_count_gives_the_same_bits(void **state)
{
    static const char *const models[] = {"mlp:9", "cnn:conv3x3-4,relu,pool2,fc8,relu"};
    static const char *const policies[] = {"uniform", "queue", "ata", "ata-empirical",
                                           "adaptive"};
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        struct crew_config cfg = config(models[m], 1);
        uint64_t want = rig_result(&cfg);
        for (size_t p = 0; p < sizeof policies / sizeof *policies; p++)
            for (uint32_t workers = 1; workers <= 5; workers += 2) {
                cfg.policy = policies[p];
                cfg.workers = workers;
                uint64_t got = rig_result(&cfg);
                if (got != want)
                    fail_msg("%s, %s on %u workers: %016llx, not %016llx (SEED=%llu)",
                             models[m], policies[p], workers, (unsigned long long)got,
                             (unsigned long long)want, (unsigned long long)test_seed());
            }
        cfg.policy = "queue";
        cfg.workers = 0;
        cfg.executor = "sim";
        cfg.speeds = "2*1ms 2*exp(1ms,2ms)";
        assert_int_equal(rig_result(&cfg), want);
    }
}

/* With a learning rate that changes nothing, an epoch's validation is that of the first
 * weights. */
static bool keep_loss(void *user, const struct crew_epoch_record *record)
{
    *(double *)user = record->validation.loss;
    return true;
}

static void validation_rows_stay_as_they_are(void **state)
{
    struct crew_config cfg = config("mlp:9", 2);
    double loss[2];
    (void)state;
    cfg.lr = 1e-30;
    cfg.epochs = 1;
    cfg.on_epoch = keep_loss;
    for (int i = 0; i < 2; i++) {
        cfg.user = &loss[i];
        cfg.augment = i ? NULL : "flip,crop4";
        (void)rig_result(&cfg);
    }
    assert_memory_equal(&loss[0], &loss[1], sizeof loss[0]);
}

static void an_interruption_changes_no_bit(void **state)
{
    struct crew_config cfg = config("mlp:9", 2), whole = cfg;
    (void)state;
    uint64_t want = rig_result(&whole);
    cfg.checkpoint = ck_dir;
    (void)ck_run(cfg, 2);
    (void)ck_run(cfg, 6);       /* in the second epoch */
    cfg.augment = "crop2,flip"; /* the same thing */
    struct ck_part p = ck_run(cfg, 0);
    assert_true(p.s.resumed_round == 6 && p.s.weights_digest == want);
    cfg.epochs = 4;
    static const char *const others[] = {"crop2", "flip,crop3", NULL, ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cfg.augment = others[i];
        ck_refuse(&cfg, CREW_EINVAL, "made with augment flip,crop2, now it is ");
    }
}

int main(void)
{
    test_print_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_words),
        cmocka_unit_test(rows_are_what_the_definition_says),
        cmocka_unit_test(all_shifts_are_as_likely),
        cmocka_unit_test(an_epoch_is_another_one),
        cmocka_unit_test(training_reads_the_changed_rows),
        cmocka_unit_test(every_policy_and_worker_count_gives_the_same_bits),
        cmocka_unit_test(validation_rows_stay_as_they_are),
        cmocka_unit_test(an_interruption_changes_no_bit),
    };
    return cmocka_run_group_tests(tests, open_images, close_images);
}
