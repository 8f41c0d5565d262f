/* CIFAR-10 and CIFAR-100: records without a magic number, and sets of several files. */
#include "data/cifar.h"
#include "data_files.h"
#include <sys/stat.h>
#include <zlib.h>

enum { PIXELS = 3072, PLANE = 1024, MOST = 8 };

/* Value of a channel of a pixel in record r: another one for each neighbour. */
static uint8_t value(size_t r, uint32_t pixel, uint32_t c)
{
    return (uint8_t)(r * 31 + pixel * 7 + pixel / 32 * 3 + c * 101);
}

/* n records with these labels, `bytes` of them to a record, and `extra` bytes more or fewer. */
static const char *cifar(const char *name, const char *labels, size_t n, size_t bytes,
                         int extra)
{
    static uint8_t file[MOST * (PIXELS + 2) + 16];
    uint8_t *to = file;
    assert_true(n <= MOST && extra <= 16);
    memset(file, 0, sizeof file);
    for (size_t r = 0; r < n; r++) {
        memcpy(to, labels + r * bytes, bytes);
        to += bytes;
        for (uint32_t c = 0; c < 3; c++)
            for (uint32_t p = 0; p < PLANE; p++)
                *to++ = value(r, p, c);
    }
    return put_bytes(name, file, (size_t)((to - file) + extra));
}

static void pixels_lie(const struct crew_table *t)
{
    assert_true(t->height == 32 && t->width == 32 && t->depth == 3 && t->features == PIXELS);
    assert_null(t->x);
    for (size_t r = 0; r < t->rows; r++)
        for (uint32_t p = 0; p < PLANE; p++)
            for (uint32_t c = 0; c < 3; c++)
                assert_int_equal(t->byte[r * PIXELS + p * 3 + c], value(r, p, c));
}

static void cifar_10_has_a_label_and_three_planes(void **state)
{
    (void)state;
    struct crew_table t = read_good(cifar("a.bin", "\3\0\11", 3, 1, 0), NULL);
    assert_int_equal(t.rows, 3);
    pixels_lie(&t);
    assert_int_equal(t.names.n, 10); /* all, not the three that are there */
    assert_true(t.names_in_order);
    assert_true(t.label[0] == 3 && t.label[1] == 0 && t.label[2] == 9);
    assert_string_equal(t.names.name[9], "9");
    crew_table_free(&t);
}

static void cifar_100_has_the_fine_label_as_class(void **state)
{
    (void)state;
    struct crew_table t = read_good(cifar("a.bin", "\23\143\0\12", 2, 2, 0), NULL);
    assert_int_equal(t.rows, 2);
    pixels_lie(&t);
    assert_int_equal(t.names.n, 100);
    assert_true(t.label[0] == 99 && t.label[1] == 10);
    crew_table_free(&t);
}

static void gzip_changes_nothing(void **state)
{
    (void)state;
    uint8_t file[2 * (PIXELS + 1)], packed[2 * sizeof file];
    FILE *f = fopen(cifar("a.bin", "\3\4", 2, 1, 0), "rb");
    assert_int_equal(fread(file, 1, sizeof file, f), sizeof file);
    fclose(f);
    z_stream z = {.next_in = file, .avail_in = sizeof file, .next_out = packed};
    z.avail_out = sizeof packed;
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    struct crew_table t = read_good(put_bytes("b.bin.gz", packed, z.total_out), NULL);
    deflateEnd(&z);
    assert_int_equal(t.rows, 2);
    pixels_lie(&t);
    crew_table_free(&t);
}

static void damage_is_told_with_its_record(void **state)
{
    (void)state;
    read_bad(cifar("a.bin", "\3\4\5", 3, 1, -1), NULL,
             "a.bin is truncated or too long: record 3 has 3072 of the 3073 bytes of a record "
             "of CIFAR-10");
    read_bad(cifar("a.bin", "\3\4\5", 3, 1, 7), NULL, "record 4 has 7 of the 3073 bytes");
    read_bad(cifar("a.bin", "\3\4\12", 3, 1, 0), NULL,
             "a.bin, record 3: the label is 10, in CIFAR-10 it is 0..9");
    read_bad(cifar("a.bin", "\23\1\23\144", 2, 2, 0), NULL,
             "a.bin, record 2: the fine label is 100, in CIFAR-100 it is 0..99");
    read_bad(cifar("a.bin", "\23\1\24\1", 2, 2, 0), NULL,
             "a.bin, record 2: the coarse label is 20, in CIFAR-100 it is 0..19");
    read_bad(cifar("a.bin", "\23\1\23\2", 2, 2, -3000), NULL, "record 2 has 74 of the 3074");
    read_bad(put_bytes("a.bin", "\0\1\2", 3), NULL, "record 1 has 3 of the 3073 bytes");
    read_bad(put_bytes("a.bin", "\377\0\3\4", 4), NULL, "record 1 has 4 of the 3073 bytes");
    read_refused(cifar("a.bin", "\3\4\5", 3, 1, 0),
                 &(struct crew_read_how){.max_bytes = 3 * PIXELS + 2}, CREW_EFORMAT,
                 "max-input-bytes");
}

/* The name is asked for: content alone is no sign. And what another format claims as a whole is
 * not taken from it. */
static void what_is_not_cifar_is_left_alone(void **state)
{
    static uint8_t idx[PIXELS + 1] = {0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0x0b, 0xf5};
    (void)state;
    read_bad(cifar("a.dat", "\3\4", 2, 1, 0), NULL, "a.dat is in no format known here");
    read_bad(cifar("a.bin.txt", "\3\4", 2, 1, 0), NULL, "in no format known here");
    struct crew_table t = read_good(put_bytes("a.bin", idx, sizeof idx), NULL);
    assert_int_equal(t.features, 0xbf5); /* IDX, though the size is one record's */
    crew_table_free(&t);
    idx[11]++;
    t = read_good(put_bytes("a.bin", idx, sizeof idx), NULL);
    assert_int_equal(t.features, PIXELS); /* no IDX of that size */
    crew_table_free(&t);
    t = read_good(put("a.bin", "1,2,3\n4,5,6\n"), NULL);
    assert_int_equal(t.features, 2);
    crew_table_free(&t);
    read_bad(put_bytes("a.bin", "PK\3\4\0\0", 6), NULL, "a.bin is a zip archive");
    assert_true(cifar("b.bin", "\0", 1, 1, 0)); /* begins with 0 0, as IDX does */
    t = read_good(cifar("b.bin", "\0", 1, 1, 0), NULL);
    pixels_lie(&t);
    crew_table_free(&t);
}

static void class_names_stand_beside(void **state)
{
    static const char ten[] =
        "plane\ncar\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\nlorry truck\n\n";
    static const char *const wrong[] = {
        "a\nb\n", "a\nb\nc\nd\ne\nf\ng\nh\ni\na\n", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n",
        "a\nb\nc\nd\n\ne\nf\ng\nh\ni\nj\n", "a\nb\nc\nd\ne\nf\ng\nh\ni\n\33j\n"};
    (void)state;
    const char *path = cifar("a.bin", "\3\4", 2, 1, 0);
    put("batches.meta.txt", ten);
    struct crew_table t = read_good(path, NULL);
    assert_int_equal(t.names.n, 10);
    assert_string_equal(t.names.name[t.label[0]], "cat");
    assert_string_equal(t.names.name[9], "lorry truck");
    crew_table_free(&t);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put("batches.meta.txt", wrong[i]);
        t = read_good(path, NULL);
        assert_string_equal(t.names.name[t.label[0]], "3");
        crew_table_free(&t);
    }
    char beside[200];
    snprintf(beside, sizeof beside, "%s/batches.meta.txt", files_dir);
    for (int folder = 0; folder < 2; folder++) { /* nothing to wait for, nothing to fail at */
        assert_int_equal(remove(beside), 0);
        assert_int_equal(folder ? mkdir(beside, 0700) : mkfifo(beside, 0600), 0);
        t = read_good(path, NULL);
        assert_string_equal(t.names.name[t.label[0]], "3");
        crew_table_free(&t);
    }
    assert_int_equal(remove(beside), 0);
    struct crew_names names;
    assert_int_equal(crew_cifar_names("x\r\ny", 4, 2, &names),
                     CREW_OK); /* no last line break */
    assert_string_equal(names.name[0], "x");
    crew_names_free(&names);
}

/* ---- Folders ---- */

static void open_folder(struct crew_data *d)
{
    struct crew_data_config cfg;
    struct crew_error err = {0};
    crew_data_config_init(&cfg);
    cfg.data = files_dir;
    cfg.scale = "none";
    if (crew_data_open(&cfg, d, &err) != CREW_OK)
        fail_msg("%s", err.text);
}

static void folder_refused(crew_status status, const char *says)
{
    struct crew_data_config cfg;
    struct crew_data d;
    struct crew_error err = {0};
    crew_data_config_init(&cfg);
    cfg.data = files_dir;
    assert_int_equal(crew_data_open(&cfg, &d, &err), status);
    assert_says(&err, says);
}

static uint32_t label_of(const crew_dataset *ds, uint32_t row)
{
    static float x[PIXELS];
    uint32_t label;
    crew_dataset_gather(ds, &row, 1, x, &label);
    return label;
}

static void numbered_files_are_one_set_in_number_order(void **state)
{
    char name[40];
    struct crew_data d;
    struct crew_dataset_info info;
    (void)state;
    for (int i = 11; i >= 1; i--) { /* by number: 2 before 10 */
        const char labels[2] = {(char)(i % 10), (char)((i + 1) % 10)};
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        cifar(name, labels, 1 + (size_t)(i == 2), 1, 0);
    }
    cifar("test_batch.bin", "\7\7\7", 3, 1, 0);
    put("readme.html", "<p>");
    put("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    open_folder(&d);
    crew_dataset_info(d.train, &info);
    assert_true(info.rows == 12 && info.height == 32 && info.width == 32 && info.depth == 3);
    assert_int_equal(info.classes, 10);
    assert_string_equal(info.class_names[3], "d");
    static const uint32_t want[12] = {1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 0, 1};
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(label_of(d.train, i), want[i]);
    crew_dataset_info(d.test, &info);
    assert_int_equal(info.rows, 3);
    assert_int_equal(label_of(d.test, 1), 7);
    crew_data_close(&d);
}

static void a_gap_in_the_numbers_is_told(void **state)
{
    (void)state;
    cifar("data_batch_1.bin", "\1\2", 2, 1, 0);
    cifar("data_batch_3.bin", "\3", 1, 1, 0);
    folder_refused(CREW_EINPUT, "lacks data_batch_2.bin: it has batches up to 3");
    cifar("data_batch_2.bin", "\1\1", 1, 2, 0);
    folder_refused(CREW_EFORMAT, "data_batch_2.bin has other classes than");
    cifar("data_batch_2.bin", "\1", 1, 1, 5);
    folder_refused(CREW_EFORMAT, "data_batch_2.bin is truncated or too long: record 2 has 5");
    put("data_batch_2.bin", "1,2\n3,4\n");
    folder_refused(CREW_EFORMAT, "data_batch_2.bin has rows of another shape than");
    cifar("data_batch_2.bin.gz", "\1", 1, 1, 0);
    folder_refused(CREW_EFORMAT, "holds both data_batch_2.bin and data_batch_2.bin.gz");
    unlink(put("data_batch_2.bin.gz", ""));
    cifar("data_batch_2.bin", "\2", 1, 1, 0);
    cifar("train.bin", "\1", 1, 1, 0);
    folder_refused(CREW_EFORMAT, "holds both train.bin and data_batch_N.bin");
}

static void cifar_100_comes_as_train_and_test(void **state)
{
    struct crew_data d;
    (void)state;
    cifar("train.bin", "\1\52\2\53", 2, 2, 0);
    cifar("test.bin", "\1\52", 1, 2, 0);
    put("fine_label_names.txt", "too\nfew\n");
    open_folder(&d);
    assert_int_equal(label_of(d.train, 1), 43);
    assert_int_equal(label_of(d.test, 0), 42);
    crew_data_close(&d);
}

int main(void)
{
#define FILES(f) cmocka_unit_test_setup_teardown(f, files_begin, files_end)
    const struct CMUnitTest tests[] = {
        FILES(cifar_10_has_a_label_and_three_planes),
        FILES(cifar_100_has_the_fine_label_as_class),
        FILES(gzip_changes_nothing),
        FILES(damage_is_told_with_its_record),
        FILES(what_is_not_cifar_is_left_alone),
        FILES(class_names_stand_beside),
        FILES(numbered_files_are_one_set_in_number_order),
        FILES(a_gap_in_the_numbers_is_told),
        FILES(cifar_100_comes_as_train_and_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
