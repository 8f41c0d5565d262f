/* crew_data_open() and crew_data_open_for() from end to end. */
#include "data_files.h"
#include <math.h>

static struct crew_data_config config(const char *data)
{
    struct crew_data_config cfg;
    crew_data_config_init(&cfg);
    cfg.data = data;
    cfg.scale = "none";
    return cfg;
}

static struct crew_dataset_info info_of(const crew_dataset *ds)
{
    struct crew_dataset_info info = {0};
    if (ds)
        crew_dataset_info(ds, &info);
    return info;
}

/* First feature and label of row i. */
static void row_is(const crew_dataset *ds, uint32_t i, float want, uint32_t want_label)
{
    float x[1024];
    uint32_t label;
    crew_dataset_gather(ds, &i, 1, x, &label);
    if (!(fabsf(x[0] - want) < 1e-6f) || label != want_label)
        fail_msg("row %u: %g of class %u", i, (double)x[0], label);
}

static void bundled_digits_are_what_they_should_be(void **state)
{
    static const uint32_t want[10] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};
    uint32_t count[10] = {0};
    (void)state;
    struct crew_data_config cfg = config("digits");
    struct crew_data d = open_data(&cfg);
    struct crew_dataset_info train = info_of(d.train), test = info_of(d.test);
    assert_int_equal(train.rows, 1438); /* 1797 - round(0.2 * 1797) */
    assert_int_equal(test.rows, 359);
    assert_true(train.height == 8 && train.width == 8 && train.depth == 1);
    assert_null(train.class_names);
    assert_null(d.validation);
    for (uint32_t part = 0; part < 2; part++) {
        for (uint32_t i = 0; i < (part ? test.rows : train.rows); i++) {
            float x[64];
            uint32_t label;
            crew_dataset_gather(part ? d.test : d.train, &i, 1, x, &label);
            count[label]++;
            for (int j = 0; j < 64; j++)
                assert_true(x[j] >= 0 && x[j] <= 16 && x[j] == floorf(x[j]));
        }
    }
    assert_memory_equal(count, want, sizeof want);
    crew_data_close(&d);
}

static void every_known_data_set_that_is_here_opens(void **state)
{
    (void)state;
    const struct crew_dataset_entry *e;
    uint32_t seen = 0;
    for (size_t i = 0; (e = crew_dataset_at(i)); i++) {
        char path[4096];
        bool here = crew_dataset_path(e, path, sizeof path);
        assert_true(here || !e->bundled);
        if (!here)
            continue;
        struct crew_data_config cfg = config(e->name);
        struct crew_data d = open_data(&cfg);
        struct crew_dataset_info train = info_of(d.train), test = info_of(d.test);
        assert_int_equal(train.rows + test.rows, e->rows + e->test_rows);
        assert_true(train.height == e->height && train.width == e->width &&
                    train.depth == e->depth);
        assert_int_equal(train.classes, e->classes);
        crew_data_close(&d);
        seen++;
    }
    assert_true(seen >= 3);
    assert_false(
        crew_dataset_path(crew_dataset_at(0), (char[4]){0}, 4)); /* no room for the path */
}

static void classes_are_numbered_independent_of_row_order(void **state)
{
    (void)state;
    struct crew_data_config cfg = config(put("a", "1,10\n2,9\n3,-1\n4,9\n"));
    cfg.test_fraction = 0;
    struct crew_data d = open_data(&cfg);
    struct crew_dataset_info info = info_of(d.train);
    assert_string_equal(info.class_names[0], "-1"); /* by value, not by text */
    assert_string_equal(info.class_names[1], "9");
    assert_string_equal(info.class_names[2], "10");
    row_is(d.train, 0, 1, 2);
    crew_data_close(&d);
    cfg.data = put("b", "1,dog\n2,cat\n3,10\n");
    d = open_data(&cfg);
    info = info_of(d.train);
    assert_string_equal(info.class_names[0], "10"); /* texts by byte value */
    assert_string_equal(info.class_names[1], "cat");
    row_is(d.train, 0, 1, 2);
    crew_data_close(&d);
    cfg.data = put("c", "1,2\n2,0\n3,1\n");
    d = open_data(&cfg);
    assert_null(info_of(d.train).class_names); /* 0..2 need none */
    row_is(d.train, 0, 1, 2);
    crew_data_close(&d);
}

static void folder_of_csv_has_its_parts(void **state)
{
    (void)state;
    put("train.csv", "a,label\n1,x\n2,y\n3,x\n");
    put("test.csv", "a,label\n4,y\n");
    put("README.md", "nothing");
    struct crew_data_config cfg = config(files_dir);
    struct crew_data d = open_data(&cfg);
    assert_int_equal(info_of(d.train).rows, 3); /* no fraction of them: there is a test file */
    row_is(d.test, 0, 4, 1);
    assert_null(d.validation);
    crew_data_close(&d);
    cfg.validation = put("more.csv", "a,label\n5,y\n6,x\n");
    refuse_data(&cfg, CREW_EFORMAT,
                "holds both more.csv and train.csv"); /* whose rows are more.csv? */
    char train[100];
    snprintf(train, sizeof train, "%s/train.csv", files_dir);
    cfg.data = train;
    cfg.test_fraction = 0;
    d = open_data(&cfg);
    row_is(d.validation, 1, 6, 0);
    crew_data_close(&d);
    put("test.csv", "a,label\n4,z\n");
    cfg.test = put("test2", "a,label\n4,z\n");
    refuse_data(&cfg, CREW_EFORMAT, "line 2: \"z\" is none of the 2 classes");
    cfg.test = put("test2", "a,b,label\n4,5,x\n");
    refuse_data(&cfg, CREW_EFORMAT, "has 2 feature columns, must be 1");
    cfg.test = "/nonexistent.csv";
    refuse_data(&cfg, CREW_EINPUT, "cannot open /nonexistent.csv");
}

/* Images 2 x 2, one row each, labels apart. */
static void folder_of_idx_pairs_images_with_labels(void **state)
{
    static const char images[] = "\0\0\x8\3\0\0\0\2\0\0\0\2\0\0\0\2abcdefgh";
    static const char test_images[] = "\0\0\x8\3\0\0\0\1\0\0\0\2\0\0\0\2zzzz";
    (void)state;
    const char *train = put_bytes("train-images-idx3-ubyte", images, sizeof images - 1);
    put_bytes("train-labels-idx1-ubyte", "\0\0\x8\1\0\0\0\2\1\0", 10);
    put_bytes("t10k-images.idx3-ubyte", test_images, sizeof test_images - 1);
    put_bytes("t10k-labels.idx1-ubyte", "\0\0\x8\1\0\0\0\1\1", 9);
    struct crew_data_config cfg = config(files_dir);
    struct crew_data d = open_data(&cfg);
    assert_int_equal(info_of(d.train).height, 2);
    row_is(d.train, 0, 'a', 1);
    row_is(d.train, 1, 'e', 0);
    row_is(d.test, 0, 'z', 1);
    crew_data_close(&d);
    cfg.data = train; /* the file alone finds its labels too */
    cfg.test_fraction = 0;
    d = open_data(&cfg);
    row_is(d.train, 1, 'e', 0);
    crew_data_close(&d);
    put_bytes("train-labels-idx1-ubyte", "\0\0\x8\1\0\0\0\3\1\0\1", 11);
    refuse_data(&cfg, CREW_EFORMAT, "has 2 rows and");
    put_bytes("train-labels-idx1-ubyte", images, sizeof images - 1);
    refuse_data(&cfg, CREW_EFORMAT, "must hold labels: one number a row");
    cfg.data = put_bytes("lab", "\0\0\x8\1\0\0\0\2\1\0", 10);
    refuse_data(&cfg, CREW_EFORMAT, "labels; name the file of the features");
    cfg.data = put_bytes("im", images, sizeof images - 1);
    refuse_data(&cfg, CREW_EFORMAT, "has no labels, and training needs them");
}

static void npy_pair_is_found(void **state)
{
    static const char x[] =
        "\x93NUMPY\1\0\x3a\0{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1)}\n\5\6";
    static const char y[] =
        "\x93NUMPY\1\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n\1\0";
    (void)state;
    put_bytes("X.npy", x, sizeof x - 1);
    put_bytes("y.npy", y, sizeof y - 1);
    struct crew_data_config cfg = config(files_dir);
    cfg.test_fraction = 0;
    struct crew_data d = open_data(&cfg);
    row_is(d.train, 0, 5, 1);
    row_is(d.train, 1, 6, 0);
    crew_data_close(&d);
    put_bytes("x_train.npy", x, sizeof x - 1);
    refuse_data(&cfg, CREW_EFORMAT, "holds both X.npy and x_train.npy");
}

static void folder_must_not_leave_a_choice(void **state)
{
    (void)state;
    put("a.csv", "1,0\n2,1\n");
    struct crew_data_config cfg = config(files_dir);
    cfg.test_fraction = 0;
    struct crew_data d = open_data(&cfg); /* alone, it needs no special name */
    crew_data_close(&d);
    put("b.tsv", "1\t0\n2\t1\n");
    refuse_data(&cfg, CREW_EFORMAT, "holds both a.csv and b.tsv: name the file that is meant");
}

static void bad_settings_and_names_are_told(void **state)
{
    (void)state;
    struct crew_data_config cfg = config("digitz");
    refuse_data(&cfg, CREW_EINPUT,
                "digitz is neither a file nor the name of a data set; did you mean digits?");
    cfg.data = "/nonexistent/file.csv";
    refuse_data(&cfg, CREW_EINPUT, "cannot open /nonexistent/file.csv");
    cfg.data = files_dir;
    refuse_data(&cfg, CREW_EINPUT, "holds no training data");
    cfg = config("digits");
    cfg.scale = "log";
    refuse_data(&cfg, CREW_EINVAL, "scale is log, must be none, unit or standard");
    cfg = config("digits");
    cfg.missing = "drop";
    refuse_data(&cfg, CREW_EINVAL, "missing is drop, must be refuse, mean or zero");
    cfg = config("digits");
    cfg.test_fraction = 1;
    refuse_data(&cfg, CREW_EINVAL, "test-fraction is 1, must be 0..0.9");
    cfg = config("digits");
    cfg.val_fraction = (double)NAN;
    refuse_data(&cfg, CREW_EINVAL, "val-fraction is nan");
    cfg = config("digits");
    cfg.max_bytes = 1000;
    refuse_data(&cfg, CREW_EFORMAT, "holds more than 1000 bytes");
    cfg = config(put("one.csv", "1,7\n2,7\n3,7\n"));
    refuse_data(&cfg, CREW_EFORMAT, "all training rows are of one class");
    cfg = config(put("one.csv", "1,7\n"));
    refuse_data(&cfg, CREW_EFORMAT, "one row only");
    cfg = config(put("none.csv", "1,7\n2,8\n"));
    cfg.label = "none";
    refuse_data(&cfg, CREW_EFORMAT, "has no labels, and training needs them");
    cfg = (struct crew_data_config){.data = "digits"};
    refuse_data(&cfg, CREW_EINVAL, "struct_size is 0: call crew_data_config_init() first");
    cfg = config(NULL);
    refuse_data(&cfg, CREW_EINVAL, "data is not set");
}

/* Scaling and means come from the training rows alone, and all parts get them. */
static void test_rows_are_scaled_and_filled_like_training_rows(void **state)
{
    (void)state;
    struct crew_data_config cfg = config(put("t.csv", "2,0\n?,1\n4,0\n"));
    cfg.test = put("s.csv", "6,0\n?,1\n");
    cfg.missing = "mean";
    cfg.scale = "unit";
    struct crew_data d = open_data(&cfg);
    row_is(d.train, 0, 0, 0);
    row_is(d.train, 1, 0.5f, 1); /* mean 3 of 2 and 4 */
    row_is(d.train, 2, 1, 0);
    row_is(d.test, 0, 2, 0);
    row_is(d.test, 1, 0.5f, 1);
    assert_true(d.scaler.offset[0] == 2 && d.scaler.factor[0] == 0.5f);
    crew_data_close(&d);
    cfg.missing = "zero";
    d = open_data(&cfg); /* 2 0 4: offset 0, factor 1/4 */
    row_is(d.test, 0, 1.5f, 0);
    row_is(d.test, 1, 0, 1);
    crew_data_close(&d);
    cfg.missing = "refuse";
    refuse_data(&cfg, CREW_EFORMAT, "line 2, column 1: \"?\" is a missing value");
}

/* They share their rows with the training part: scaling both would do it twice. */
static void parts_split_off_are_scaled_once(void **state)
{
    struct crew_data_config cfg = config("synth:400x3x4");
    (void)state;
    cfg.val_fraction = 0.25;
    struct crew_data plain = open_data(&cfg);
    cfg.scale = "unit";
    struct crew_data d = open_data(&cfg);
    const crew_dataset *part[2][3] = {{plain.train, plain.validation, plain.test},
                                      {d.train, d.validation, d.test}};
    static const uint32_t want[] = {240, 80, 80}; /* 400 x 0.2, then 320 x 0.25 */
    for (int p = 0; p < 3; p++) {
        assert_int_equal(info_of(part[1][p]).rows, want[p]);
        for (uint32_t i = 0; i < want[p]; i++) {
            float x[3];
            uint32_t label;
            crew_dataset_gather(part[0][p], &i, 1, x, &label);
            row_is(part[1][p], i, (x[0] - d.scaler.offset[0]) * d.scaler.factor[0], label);
        }
    }
    crew_data_close(&plain);
    crew_data_close(&d);
}

/* ---- for a model ---- */

static const char *const pets[] = {"cat", "dog"};

static void for_model(const struct crew_data_config *cfg, const struct crew_data_expect *expect,
                      crew_dataset **out)
{
    struct crew_error err = {0};
    if (crew_data_open_for(cfg, expect, out, &err) != CREW_OK)
        fail_msg("%s", err.text);
}

static void refused_for(const char *data, const struct crew_data_expect *expect,
                        const char *says)
{
    struct crew_error err = {0};
    crew_dataset *ds;
    struct crew_data_config cfg = config(data);
    cfg.missing = "mean";
    if (crew_data_open_for(&cfg, expect, &ds, &err) != CREW_EFORMAT)
        fail_msg("should say %s: %s", says, err.text);
    assert_says(&err, says);
    assert_null(ds);
}

static void model_reads_rows_with_and_without_labels(void **state)
{
    float offset[] = {1, 0}, factor[] = {10, 1};
    struct crew_scaler scaler = {CREW_SCALE_STANDARD, 2, offset, factor};
    struct crew_data_expect expect = {2, 2, pets, &scaler};
    crew_dataset *ds;
    (void)state;
    struct crew_data_config cfg = config(put("a", "p,q,label\n1,2,dog\n3,4,dog\n"));
    for_model(&cfg, &expect, &ds); /* one class is no matter here, and cat keeps its number 0 */
    assert_int_equal(info_of(ds).classes, 2);
    assert_string_equal(info_of(ds).class_names[0], "cat");
    row_is(ds, 0, 0, 1);
    row_is(ds, 1, 20, 1);
    crew_dataset_destroy(ds);
    cfg.data = put("b", "1,2\n3,4\n");
    for_model(&cfg, &expect, &ds);
    assert_int_equal(info_of(ds).classes, 0);
    assert_int_equal(info_of(ds).rows, 2);
    row_is(ds, 1, 20, 0);
    crew_dataset_destroy(ds);
    cfg.data = put("e", "1,2,bird,dog,cat\n1,2,1\n"); /* lists a class that no row has */
    for_model(&cfg, &expect, &ds);
    row_is(ds, 0, 0, 1);
    crew_dataset_destroy(ds);
    struct crew_data_expect no_labels = {2, 0, NULL, NULL};
    cfg.data = put("f", "1,2,bird\n");
    for_model(&cfg, &no_labels, &ds);
    assert_int_equal(info_of(ds).classes, 0);
    crew_dataset_destroy(ds);
    cfg.data = put("c", "1,2,bird\n");
    cfg.label = "none"; /* three columns of features then */
    assert_int_equal(crew_data_open_for(&cfg, &expect, &ds, NULL), CREW_EFORMAT);
    cfg = config(put("d", "?,4\n"));
    cfg.missing = "mean"; /* what a standard scaling subtracts */
    for_model(&cfg, &expect, &ds);
    row_is(ds, 0, 0, 0);
    crew_dataset_destroy(ds);
}

static void model_refuses_what_it_does_not_know(void **state)
{
    struct crew_data_expect expect = {2, 2, pets, NULL};
    (void)state;
    refused_for(put("a", "1,2,bird\n"), &expect, "line 1: \"bird\" is none of the 2 classes");
    refused_for(put("a", "1,2,0\n"), &expect, "line 1: \"0\" is none of the 2 classes");
    refused_for(put("a", "1,2,bird,dog\n1,2,0\n"), &expect,
                "row 1 is of none of the 2 classes");
    refused_for(put("a", "1,2,3,cat\n"), &expect, "has 3 feature columns, must be 2");
    refused_for(put("a", "1\n"), &expect, "features");
    refused_for(put("a", "?,2\n"), &expect,
                "row 1 has a missing value, and the model does not know");
    expect.class_names = NULL;
    refused_for(put("a", "1,2,2\n"), &expect, "line 1: \"2\" is none of the 2 classes");
    refused_for("synth:10x3x2", &expect, "has 3 features, must be 2");
    refused_for("digits", &expect, "has 64 feature columns, must be 2");
}

static void model_reads_the_test_part_of_a_folder_and_standard_input(void **state)
{
    struct crew_data_expect expect = {1, 2, pets, NULL};
    crew_dataset *ds;
    (void)state;
    put("train.csv", "a,label\n1,cat\n2,dog\n");
    put("test.csv", "a,label\n4,dog\n");
    struct crew_data_config cfg = config(files_dir);
    for_model(&cfg, &expect, &ds);
    assert_int_equal(info_of(ds).rows, 1);
    row_is(ds, 0, 4, 1);
    crew_dataset_destroy(ds);
    int kept = dup(0);
    assert_non_null(freopen(put("stdin", "7,cat\n8,dog\n"), "rb", stdin));
    cfg.data = "-";
    for_model(&cfg, &expect, &ds);
    row_is(ds, 1, 8, 1);
    crew_dataset_destroy(ds);
    refused_for("-", &expect, "standard input is empty");
    dup2(kept, 0);
    close(kept);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, files_begin, files_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bundled_digits_are_what_they_should_be),
        cmocka_unit_test(every_known_data_set_that_is_here_opens),
        WITH_FILES(classes_are_numbered_independent_of_row_order),
        WITH_FILES(folder_of_csv_has_its_parts),
        WITH_FILES(folder_of_idx_pairs_images_with_labels),
        WITH_FILES(npy_pair_is_found),
        WITH_FILES(folder_must_not_leave_a_choice),
        WITH_FILES(bad_settings_and_names_are_told),
        WITH_FILES(test_rows_are_scaled_and_filled_like_training_rows),
        cmocka_unit_test(parts_split_off_are_scaled_once),
        WITH_FILES(model_reads_rows_with_and_without_labels),
        WITH_FILES(model_refuses_what_it_does_not_know),
        WITH_FILES(model_reads_the_test_part_of_a_folder_and_standard_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
