/* Rows that stay in their file: the same numbers as those that are read into memory, to the
 * bit, whatever is asked of them; and what cannot be mapped, told. */
#include "testing.h"

#include "base/bytes.h"
#include "data_files.h"

#include "data/dataset.h"
#include "trainer_rig.h"
#include <float.h>
#include <math.h>
#include <sys/stat.h>

enum { ROWS = 120, SIDE = 3, CELLS = SIDE * SIDE, CLASSES = 3 };

static uint32_t noise(uint32_t i)
{
    return i * 2654435761u >> 7;
}

/* NPY: the header as long as asked for, so that the numbers are where they are wanted. */
static size_t npy_header(char *to, const char *descr, const char *shape, size_t length)
{
    memset(to, ' ', length);
    memcpy(to, "\x93NUMPY\1", 8);
    to[8] = (char)(length - 10);
    to[9] = 0;
    char dict[118];
    int n = snprintf(dict, sizeof dict,
                     "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape);
    assert_true(n > 0 && (size_t)n < length - 10);
    memcpy(to + 10, dict, (size_t)n);
    to[length - 1] = '\n';
    return length;
}

static const char *put_npy(const char *name, const char *descr, const char *shape,
                           size_t length, const void *numbers, size_t bytes)
{
    char file[128 + ROWS * CELLS * 8];
    size_t header = npy_header(file, descr, shape, length);
    assert_true(header + bytes <= sizeof file);
    memcpy(file + header, numbers, bytes);
    return put_bytes(name, file, header + bytes);
}

/* The labels, beside x_train.npy. */
static void put_labels(void)
{
    uint8_t label[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        label[i] = (uint8_t)(noise(i) % CLASSES);
    put_npy("y_train.npy", "|u1", "(120,)", 80, label, sizeof label);
}

/* Floats of many sizes; `how` 1: some are missing, 2: some subnormal, 3: all not negative. The
 * header is 118 bytes long, so that no float is aligned. */
static const char *put_floats(int how)
{
    float x[ROWS * CELLS];
    for (uint32_t i = 0; i < ROWS * CELLS; i++) {
        x[i] = (float)noise(i) * 1e-4f - (how == 3 ? 0 : 700);
        if (how == 1 && noise(i) % 7 == 0)
            x[i] = NAN;
        if (how == 2)
            x[i] *= 2e-42f; /* up to 5e-39, of which the range of a scaling is no less */
    }
    put_labels();
    return put_npy("x_train.npy", "<f4", "(120, 9)", 118, x, sizeof x);
}

static const char *put_u1(const char *shape)
{
    uint8_t x[ROWS * CELLS];
    for (uint32_t i = 0; i < ROWS * CELLS; i++)
        x[i] = (uint8_t)noise(i);
    put_labels();
    return put_npy("x_train.npy", "|u1", shape, 128, x, sizeof x);
}

static struct crew_data_config config(const char *data, const char *map)
{
    struct crew_data_config cfg;
    crew_data_config_init(&cfg);
    cfg.data = data;
    cfg.data_map = map;
    cfg.test_fraction = 0.1;
    cfg.val_fraction = 0.2;
    return cfg;
}

static bool is_mapped(const crew_dataset *ds)
{
    return ds->store->map.base != NULL;
}

static void same_rows(const crew_dataset *a, const crew_dataset *b)
{
    assert_int_equal(a->info.rows, b->info.rows);
    for (uint32_t i = 0; i < a->info.rows; i++) {
        float x[2][CELLS];
        uint32_t label[2];
        crew_dataset_gather(a, &i, 1, x[0], &label[0]);
        crew_dataset_gather(b, &i, 1, x[1], &label[1]);
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        assert_int_equal(label[0], label[1]);
    }
}

static void same_data(const struct crew_data *a, const struct crew_data *b)
{
    assert_memory_equal(a->scaler.offset, b->scaler.offset, CELLS * sizeof(float));
    assert_memory_equal(a->scaler.factor, b->scaler.factor, CELLS * sizeof(float));
    same_rows(a->train, b->train);
    same_rows(a->validation, b->validation);
    same_rows(a->test, b->test);
}

/* One epoch on two workers: the digest of the weights, and of the validation. */
static uint64_t trained(const struct crew_data *data)
{
    struct crew_config cfg = rig_config();
    struct crew_error err = {0};
    struct crew_evaluation e;
    crew_trainer *t;
    if (crew_trainer_create(&cfg, data, &t, &err) != CREW_OK ||
        crew_trainer_run(t, &err) != CREW_OK ||
        crew_trainer_evaluate(t, data->validation, &e, &err) != CREW_OK)
        fail_msg("%s", err.text);
    uint64_t digest = crew_hash(rig_digest(t), &e.loss, sizeof e.loss);
    crew_trainer_destroy(t);
    return digest;
}

static void try_scalings(const char *path, const char *missing)
{
    static const char *const scale[] = {"none", "unit", "standard"};
    for (int k = 0; k < 3; k++) {
        struct crew_data_config read = config(path, "off"), map = config(path, "on");
        read.scale = map.scale = scale[k];
        read.missing = map.missing = missing;
        struct crew_data a = open_data(&read), b = open_data(&map);
        assert_false(is_mapped(a.train));
        assert_true(is_mapped(b.train));
        size_t bytes; /* for those who would move them */
        assert_true(crew_dataset_memory(a.train, &bytes) && bytes >= ROWS * CELLS);
        assert_true(!crew_dataset_memory(b.train, &bytes) && !bytes);
        same_data(&a, &b);
        assert_true(trained(&a) == trained(&b));
        crew_data_close(&a);
        crew_data_close(&b);
    }
}

static void mapped_bytes_train_to_the_bits_of_bytes_that_are_read(void **state)
{
    static char idx[16 + ROWS * CELLS] = "\0\0\x8\3\0\0\0\x78\0\0\0\3\0\0\0\3";
    (void)state;
    try_scalings(put_u1("(120, 9)"), "refuse");
    try_scalings(put_u1("(120, 3, 3)"), "refuse");
    for (uint32_t i = 16; i < sizeof idx; i++)
        idx[i] = (char)noise(i);
    put_bytes("train-labels-idx1-ubyte", "\0\0\x8\1\0\0\0\x78", 8);
    char label[8 + ROWS] = "\0\0\x8\1\0\0\0\x78";
    for (uint32_t i = 0; i < ROWS; i++)
        label[8 + i] = (char)(i % 3);
    put_bytes("train-labels-idx1-ubyte", label, sizeof label);
    try_scalings(put_bytes("train-images-idx3-ubyte", idx, sizeof idx), "refuse");
}

static void mapped_floats_train_to_the_bits_of_floats_that_are_read(void **state)
{
    (void)state;
    try_scalings(put_floats(0), "refuse");
    try_scalings(put_floats(1), "mean");
    try_scalings(put_floats(1), "zero");
    try_scalings(put_floats(3), "refuse");
}

/* What is subnormal is no 0 before it is scaled, though it is to a worker. */
static void mapped_subnormal_floats_are_scaled_like_others(void **state)
{
    (void)state;
    try_scalings(put_floats(2), "refuse");
}

static void auto_maps_what_is_larger_than_what_is_allowed(void **state)
{
    (void)state;
    struct crew_data_config cfg = config(put_u1("(120, 9)"), "auto");
    struct crew_data a = open_data(&cfg), b;
    assert_false(is_mapped(a.train));
    cfg.max_bytes = ROWS * CELLS + 127; /* and the header has 128 */
    b = open_data(&cfg);
    assert_true(is_mapped(b.train));
    same_data(&a, &b);
    crew_data_close(&b);
    cfg.data_map = "off";
    refuse_data(&cfg, CREW_EFORMAT, "max-input-bytes");
    crew_data_close(&a);
    char large[2000];
    memset(large, '1', sizeof large);
    cfg.data_map = "auto"; /* what cannot be mapped is refused as ever */
    cfg.data = put_bytes("text.csv", large, sizeof large);
    refuse_data(&cfg, CREW_EFORMAT, "max-input-bytes");
}

/* Test rows fit by themselves, but not beside the others: 1080 bytes are held, of which half
 * count, and 1208 - 540 are less than the file has. */
static void auto_counts_what_was_read_before(void **state)
{
    (void)state;
    char *test = strdup(put_u1("(120, 9)"));
    char moved[100];
    snprintf(moved, sizeof moved, "%s/t", files_dir);
    assert_int_equal(mkdir(moved, 0700), 0);
    char to[3][120];
    snprintf(to[0], sizeof to[0], "%s/x_train.npy", moved);
    snprintf(to[1], sizeof to[1], "%s/y_train.npy", moved);
    snprintf(to[2], sizeof to[2], "%s/y_train.npy", files_dir);
    assert_int_equal(rename(test, to[0]), 0);
    assert_int_equal(rename(to[2], to[1]), 0);
    struct crew_data_config cfg = config(put_u1("(120, 9)"), "auto");
    cfg.test = to[0];
    cfg.max_bytes = ROWS * CELLS + 128;
    struct crew_data d = open_data(&cfg);
    assert_false(is_mapped(d.train));
    assert_true(is_mapped(d.test));
    same_rows(d.test, d.test);
    crew_data_close(&d);
    cfg.max_bytes *= 2;
    d = open_data(&cfg);
    assert_false(is_mapped(d.test));
    crew_data_close(&d);
    unlink(to[0]);
    unlink(to[1]);
    rmdir(moved);
    free(test);
}

static void what_cannot_be_mapped_is_told(void **state)
{
    static const double numbers[ROWS * CELLS] = {1, 2};
    (void)state;
    put_labels();
    struct crew_data_config cfg =
        config(put_npy("x_train.npy", ">f4", "(120, 9)", 128, numbers, ROWS * CELLS * 4), "on");
    refuse_data(&cfg, CREW_EFORMAT, "has other numbers; only plain IDX of bytes and NPY");
    cfg.data = put_npy("x_train.npy", "<f8", "(120, 9)", 128, numbers, sizeof numbers);
    refuse_data(&cfg, CREW_EFORMAT, "has other numbers");
    cfg.data = put_npy("x_train.npy", "|u1", "(120, 9)", 128, numbers, ROWS * CELLS - 1);
    refuse_data(&cfg, CREW_EFORMAT, "is truncated: its header promises 1080 bytes");
    cfg.data = put("a.csv", "1,0\n2,1\n");
    refuse_data(&cfg, CREW_EFORMAT, "is text, packed or of no format known here");
    cfg.data = put_bytes("b.gz", "\x1f\x8b\x8\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0", 20);
    refuse_data(&cfg, CREW_EFORMAT, "is text, packed or of no format known here");
    cfg.data = put("empty", "");
    refuse_data(&cfg, CREW_EFORMAT, "is empty");
    char record[3073] = {1};
    cfg.data = put_bytes("c.bin", record, sizeof record);
    refuse_data(&cfg, CREW_EFORMAT, "in three planes");
    cfg.data = "-";
    refuse_data(&cfg, CREW_EINPUT, "standard input cannot be mapped");
    cfg.data = "synth:16x2x2";
    refuse_data(&cfg, CREW_EINVAL, "is made in memory");
    cfg.data = "/nonexistent.npy";
    refuse_data(&cfg, CREW_EINPUT, "cannot open /nonexistent.npy");
    cfg.data_map = "maybe";
    refuse_data(&cfg, CREW_EINVAL, "data-map is maybe, must be off, auto or on");
    char pipe[100];
    snprintf(pipe, sizeof pipe, "%s/pipe", files_dir);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    cfg = config(pipe, "on");
    refuse_data(&cfg, CREW_EINPUT, "it is not a regular file");
}

static void parts_in_several_files_cannot_be_mapped(void **state)
{
    char record[3073] = {1}, other[3073] = {2};
    (void)state;
    put_bytes("data_batch_1.bin", record, sizeof record);
    put_bytes("data_batch_2.bin", other, sizeof other);
    struct crew_data_config cfg = config(files_dir, "on");
    refuse_data(&cfg, CREW_EFORMAT, "are in 2 files; only one file can be mapped");
    cfg.data_map = "auto";
    cfg.test_fraction = cfg.val_fraction = 0;
    struct crew_data d = open_data(&cfg);
    crew_data_close(&d);
}

/* Values are looked at once, wherever they stay. */
static void mapped_values_that_are_not_finite_are_told(void **state)
{
    float x[ROWS * CELLS] = {0};
    (void)state;
    put_labels();
    x[10] = INFINITY;
    struct crew_data_config cfg =
        config(put_npy("x_train.npy", "<f4", "(120, 9)", 128, x, sizeof x), "on");
    refuse_data(&cfg, CREW_EFORMAT, "row 2, feature 2: the value is too large or infinite");
    x[10] = NAN;
    cfg.data = put_npy("x_train.npy", "<f4", "(120, 9)", 128, x, sizeof x);
    refuse_data(&cfg, CREW_EFORMAT, "row 2, feature 2: the value is NaN");
    cfg.missing = "zero";
    struct crew_data d = open_data(&cfg);
    crew_data_close(&d);
}

/* For a model that exists: missing values become the means that it remembers. */
static void rows_for_a_model_are_mapped_too(void **state)
{
    float offset[CELLS] = {0}, factor[CELLS];
    struct crew_scaler s = {CREW_SCALE_STANDARD, CELLS, offset, factor};
    const struct crew_data_expect expect = {CELLS, CLASSES, NULL, &s};
    (void)state;
    for (int j = 0; j < CELLS; j++) {
        offset[j] = (float)j;
        factor[j] = 0.3f;
    }
    for (int k = 0; k < 3; k++) {
        static const char *const missing[] = {"refuse", "mean", "zero"};
        struct crew_data_config cfg = config(put_floats(k > 0), "off");
        crew_dataset *a, *b;
        cfg.missing = missing[k];
        assert_int_equal(crew_data_open_for(&cfg, &expect, &a, NULL), CREW_OK);
        cfg.data_map = "on";
        assert_int_equal(crew_data_open_for(&cfg, &expect, &b, NULL), CREW_OK);
        assert_true(is_mapped(b) && !is_mapped(a));
        same_rows(a, b);
        crew_dataset_destroy(a);
        crew_dataset_destroy(b);
    }
}

/* A model's scaling may be too much for one of the rows: the same one is told, mapped or read.
 * Column 4 has not the largest value of all, so that this one alone decides nothing. */
static void rows_that_leave_the_range_are_told(void **state)
{
    float offset[CELLS] = {0}, factor[CELLS] = {1, 1, 1, 1, 0, 1, 1, 1, 1}, most[2] = {0, 0};
    struct crew_scaler s = {CREW_SCALE_UNIT, CELLS, offset, factor};
    const struct crew_data_expect expect = {CELLS, CLASSES, NULL, &s};
    struct crew_error err[2];
    crew_dataset *ds;
    (void)state;
    struct crew_data_config cfg = config(put_floats(3), "off");
    assert_int_equal(crew_data_open_for(&cfg, &expect, &ds, NULL), CREW_OK);
    for (uint32_t i = 0; i < ROWS * CELLS; i++) {
        most[0] = fmaxf(most[0], ds->store->x[i] * (i % CELLS != 4));
        most[1] = fmaxf(most[1], i % CELLS == 4 ? (float)noise(i) * 1e-4f : 0);
    }
    crew_dataset_destroy(ds);
    assert_true(most[1] < 0.999f * most[0]);
    for (int on = 0; on < 2; on++) {
        cfg.data_map = on ? "on" : "off";
        factor[4] = FLT_MAX / most[1] * 0.9999f;
        assert_int_equal(crew_data_open_for(&cfg, &expect, &ds, NULL), CREW_OK);
        crew_dataset_destroy(ds);
        factor[4] = FLT_MAX / most[1] * 1.0001f;
        assert_int_equal(crew_data_open_for(&cfg, &expect, &ds, &err[on]), CREW_EFORMAT);
        assert_says(&err[on], "a value is too large to be scaled");
    }
    assert_string_equal(err[0].text, err[1].text);
}

/* The rows outlive the data set that was opened, as rows in memory do. */
static void a_subset_keeps_the_file_mapped(void **state)
{
    float x[CELLS], y[CELLS];
    crew_dataset *part;
    (void)state;
    struct crew_data_config cfg = config(put_u1("(120, 9)"), "on");
    struct crew_data d = open_data(&cfg);
    crew_dataset_gather(d.train, &(uint32_t){5}, 1, x, NULL);
    assert_int_equal(crew_dataset_subset(d.train, &(uint32_t){5}, 1, &part, NULL), CREW_OK);
    crew_data_close(&d);
    unlink(cfg.data); /* and the file its name */
    crew_dataset_gather(part, &(uint32_t){0}, 1, y, NULL);
    assert_memory_equal(x, y, sizeof x);
    crew_dataset_destroy(part);
}

#define ON_FILES(name) cmocka_unit_test_setup_teardown(name, files_begin, files_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_FILES(mapped_bytes_train_to_the_bits_of_bytes_that_are_read),
        ON_FILES(mapped_floats_train_to_the_bits_of_floats_that_are_read),
        ON_FILES(mapped_subnormal_floats_are_scaled_like_others),
        ON_FILES(auto_maps_what_is_larger_than_what_is_allowed),
        ON_FILES(auto_counts_what_was_read_before),
        ON_FILES(what_cannot_be_mapped_is_told),
        ON_FILES(parts_in_several_files_cannot_be_mapped),
        ON_FILES(mapped_values_that_are_not_finite_are_told),
        ON_FILES(rows_for_a_model_are_mapped_too),
        ON_FILES(rows_that_leave_the_range_are_told),
        ON_FILES(a_subset_keeps_the_file_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
