/* Every call that can fail does, while data of each format is opened. */
#include "testing.h"

#include "base/bytes.h"
#include "base/error.h"
#include "fault.h"
#include <crew/dataset.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

static struct crew_data_config chosen;

/* All that it holds, as a number. */
static uint64_t digest_of(const crew_dataset *ds, uint64_t h)
{
    struct crew_dataset_info info;
    float x[3072];
    uint32_t label;
    crew_dataset_info(ds, &info);
    assert_true(info.features <= 3072);
    h = crew_hash(h, &info.rows, sizeof info.rows);
    for (uint32_t i = 0; info.class_names && i < info.classes; i++)
        h = crew_hash(h, info.class_names[i], strlen(info.class_names[i]));
    for (uint32_t row = 0; row < info.rows; row++) {
        crew_dataset_gather(ds, &row, 1, x, &label);
        h = crew_hash(crew_hash(h, x, info.features * sizeof *x), &label, sizeof label);
    }
    return h;
}

static uint64_t digest, expected;

static crew_status open_chosen(struct crew_error *err)
{
    struct crew_data data;
    TRY(crew_data_open(&chosen, &data, err));
    const crew_dataset *part[] = {data.train, data.validation, data.test};
    digest = CREW_HASH_INIT;
    for (size_t i = 0; i < 3; i++)
        digest = part[i] ? digest_of(part[i], digest) : digest + 1;
    crew_data_close(&data);
    return CREW_OK;
}

/* As rows for a model that knows two classes. */
static crew_status open_for_chosen(struct crew_error *err)
{
    static const char *const names[] = {"even", "odd"};
    const struct crew_data_expect expect = {.features = 3, .classes = 2, .class_names = names};
    crew_dataset *ds;
    TRY(crew_data_open_for(&chosen, &expect, &ds, err));
    digest = digest_of(ds, CREW_HASH_INIT);
    crew_dataset_destroy(ds);
    return CREW_OK;
}

static bool same_data(crew_status status, const char *failed)
{
    (void)failed;
    return status != CREW_OK || digest == expected;
}

static void try_opening(const char *name, crew_status (*run)(struct crew_error *))
{
    struct crew_error err;
    const struct fault_scenario s = {.name = name, .run = run, .after = same_data};
    if (run(&err) != CREW_OK)
        fail_msg("%s", err.text);
    expected = digest;
    fault_try(&s);
}

static void choose(const char *data)
{
    static char path[256];
    snprintf(path, sizeof path, "%s", data);
    crew_data_config_init(&chosen);
    chosen.data = path;
    chosen.val_fraction = 0.2;
}

static void csv(void **state)
{
    static const char text[] =
        "a,\"b, c\",d,label\n1,2,3,odd\n2,,4,even\n3,1,5,odd\n4,2,2,even\n"
        "5,5,5,odd\n6,1,,even\n7,0,1,odd\n8,3,2,even\n";
    (void)state;
    fault_write_file(fault_path("rows.csv"), text, sizeof text - 1);
    choose(fault_path("rows.csv"));
    chosen.missing = "mean";
    chosen.scale = "standard";
    try_opening("CSV", open_chosen);
    chosen.missing = "zero";
    try_opening("CSV for a model", open_for_chosen);
}

static void packed_csv(void **state)
{
    static const char text[] = "1,2,0\n2,1,1\n3,4,0\n4,4,1\n1,1,2\n5,4,2\n";
    (void)state;
    gzFile f = gzopen(fault_path("rows.csv.gz"), "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, text, sizeof text - 1), sizeof text - 1);
    assert_int_equal(gzclose(f), Z_OK);
    choose(fault_path("rows.csv.gz"));
    try_opening("CSV, packed", open_chosen);
}

static void libsvm(void **state)
{
    static const char text[] = "1 1:0.5 3:2\n-1 2:1\n1 1:1 2:1\n-1 3:4\n1 1:2\n-1 2:2 3:1\n";
    (void)state;
    fault_write_file(fault_path("rows.libsvm"), text, sizeof text - 1);
    choose(fault_path("rows.libsvm"));
    try_opening("libsvm", open_chosen);
}

/* A folder of images and labels, as MNIST comes. */
static void idx(void **state)
{
    uint8_t rows[16 + 8 * 4] = {0, 0, 8, 3, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 2},
                          labels[8 + 8] = {0, 0, 8, 1, 0, 0, 0, 8};
    (void)state;
    for (uint8_t i = 0; i < 32; i++)
        rows[16 + i] = (uint8_t)(i * 37);
    for (uint8_t i = 0; i < 8; i++)
        labels[8 + i] = i % 2;
    mkdir(fault_path("images"), 0777);
    fault_write_file(fault_path("images/train-images-idx3-ubyte"), rows, sizeof rows);
    fault_write_file(fault_path("images/train-labels-idx1-ubyte"), labels, sizeof labels);
    fault_write_file(fault_path("images/t10k-images-idx3-ubyte"), rows, sizeof rows);
    fault_write_file(fault_path("images/t10k-labels-idx1-ubyte"), labels, sizeof labels);
    choose(fault_path("images"));
    try_opening("IDX", open_chosen);
    chosen.data_map = "on";
    try_opening("IDX, mapped", open_chosen);
}

/* Two numbered files, one for tests, and names. */
static void cifar(void **state)
{
    static const char *const files[] = {"set/data_batch_1.bin", "set/data_batch_2.bin",
                                        "set/test_batch.bin"};
    static const char names[] = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
    static uint8_t record[2][3073];
    (void)state;
    assert_int_equal(mkdir(fault_path("set"), 0700), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        for (size_t k = 0; k < sizeof record; k++)
            (&record[0][0])[k] = (uint8_t)(k * (i + 7) >> 3);
        record[0][0] = (uint8_t)i;
        record[1][0] = 9;
        fault_write_file(fault_path(files[i]), record, sizeof record);
    }
    fault_write_file(fault_path("set/batches.meta.txt"), names, sizeof names - 1);
    choose(fault_path("set"));
    chosen.scale = "standard";
    try_opening("CIFAR", open_chosen);
}

static void put_npy(const char *path, const char *header, const void *data, size_t bytes)
{
    char file[512] = "\x93NUMPY\x01";
    size_t n = 118; /* so that data begins at byte 128 */
    memset(file + 10, ' ', n);
    memcpy(file + 10, header, strlen(header));
    file[8] = (char)n;
    file[9 + n] = '\n';
    memcpy(file + 10 + n, data, bytes);
    fault_write_file(path, file, 10 + n + bytes);
}

static void npy(void **state)
{
    float x[8][2];
    uint8_t y[8];
    (void)state;
    for (int i = 0; i < 8; i++) {
        x[i][0] = (float)i;
        x[i][1] = (float)(i * i % 5);
        y[i] = (uint8_t)(i % 2);
    }
    mkdir(fault_path("arrays"), 0777);
    put_npy(fault_path("arrays/x_train.npy"),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 2), }", x, sizeof x);
    put_npy(fault_path("arrays/y_train.npy"),
            "{'descr': '|u1', 'fortran_order': False, 'shape': (8,), }", y, sizeof y);
    choose(fault_path("arrays"));
    try_opening("NPY", open_chosen);
    chosen.data_map = "on";
    chosen.missing = "mean";
    try_opening("NPY, mapped", open_chosen);
    chosen.missing = "refuse";
    chosen.data_map = "auto";
    chosen.max_bytes = 150; /* less than its 192 bytes, more than those of the labels */
    try_opening("NPY, mapped where it does not fit", open_chosen);
}

static void synthetic(void **state)
{
    (void)state;
    choose("synth:40x3x2");
    try_opening("synthetic", open_chosen);
}

/* Nothing is read: the caller's rows, and a choice of them. */
static crew_status wrap(struct crew_error *err)
{
    static const float x[3][2] = {{1, 2}, {3, 4}, {5, 6}};
    static const uint32_t label[3] = {0, 1, 0}, row[2] = {2, 0};
    crew_dataset *all, *some;
    TRY(crew_dataset_wrap(x[0], label, 3, 2, 2, &all, err));
    crew_status status = crew_dataset_subset(all, row, 2, &some, err);
    crew_dataset_destroy(all);
    if (status == CREW_OK)
        digest = digest_of(some, CREW_HASH_INIT);
    crew_dataset_destroy(some);
    return status;
}

static void wrapped(void **state)
{
    (void)state;
    try_opening("wrapped", wrap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),       cmocka_unit_test(packed_csv), cmocka_unit_test(libsvm),
        cmocka_unit_test(idx),       cmocka_unit_test(cifar),      cmocka_unit_test(npy),
        cmocka_unit_test(synthetic), cmocka_unit_test(wrapped),
    };
    return cmocka_run_group_tests(tests, fault_enter, fault_leave);
}
