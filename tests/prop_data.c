/* Laws of the data layer: splits lose no row, readers survive any bytes. */
#include "base/rng.h"
#include "data/dataset.h"
#include "data_files.h"
#include <math.h>

static uint64_t seed(void)
{
    const char *s = getenv("SEED");
    return s ? strtoull(s, NULL, 10) : 1;
}

static uint32_t draw(uint32_t a, uint64_t i, uint32_t below)
{
    return (uint32_t)(crew_rng_u64(seed(), CREW_STREAM_TEST, a, i) % below);
}

/* Each row carries its number; count where it went. */
static void count(const crew_dataset *ds, uint32_t *times)
{
    struct crew_dataset_info info = {0};
    if (ds)
        crew_dataset_info(ds, &info);
    float last = -1;
    for (uint32_t i = 0; i < info.rows; i++) {
        float x;
        crew_dataset_gather(ds, &i, 1, &x, NULL);
        assert_true(x > last); /* in the order of the file */
        last = x;
        times[(uint32_t)x]++;
    }
}

static void split_loses_no_row_and_doubles_none(void **state)
{
    enum { MAX_ROWS = 200 };
    static float x[MAX_ROWS];
    (void)state;
    printf("SEED=%llu\n", (unsigned long long)seed());
    for (uint32_t i = 0; i < MAX_ROWS; i++)
        x[i] = (float)i;
    for (uint32_t c = 0; c < 500; c++) {
        uint32_t rows = 3 + draw(c, 0, MAX_ROWS - 3), times[MAX_ROWS] = {0};
        double share = draw(c, 1, 91) / 100.0;
        crew_dataset *ds, *test, *val;
        struct crew_dataset_info info = {0};
        assert_int_equal(crew_dataset_wrap(x, NULL, rows, 1, 0, &ds, NULL), CREW_OK);
        assert_int_equal(crew_dataset_set_aside(&ds, share, c, 0, &test, NULL), CREW_OK);
        if (test)
            crew_dataset_info(test, &info);
        double exact =
            share * rows; /* at least one each side of a split, no row for a share of 0 */
        if (share > 0)
            assert_true(info.rows == 1 || info.rows == rows - 1 ||
                        fabs((double)info.rows - exact) <= 0.5);
        assert_true(share > 0 ? info.rows >= 1 && info.rows < rows : !test);
        if (rows - info.rows > 1)
            assert_int_equal(crew_dataset_set_aside(&ds, share, c, 1, &val, NULL), CREW_OK);
        else
            val = NULL;
        count(ds, times);
        count(test, times);
        count(val, times);
        for (uint32_t i = 0; i < rows; i++)
            assert_int_equal(times[i], 1);
        crew_dataset_destroy(ds);
        crew_dataset_destroy(test);
        crew_dataset_destroy(val);
    }
}

static void split_is_a_function_of_the_seed(void **state)
{
    struct crew_dataset_info info;
    static float x[100];
    uint32_t times[2][100] = {{0}};
    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        x[i] = (float)i;
    for (uint32_t c = 0; c < 3; c++) {
        crew_dataset *ds, *test;
        assert_int_equal(crew_dataset_wrap(x, NULL, 100, 1, 0, &ds, NULL), CREW_OK);
        assert_int_equal(crew_dataset_set_aside(&ds, 0.5, c / 2, 0, &test, NULL), CREW_OK);
        crew_dataset_info(test, &info);
        assert_int_equal(info.rows, 50);
        count(test, times[c / 2]);
        crew_dataset_destroy(ds);
        crew_dataset_destroy(test);
    }
    for (uint32_t i = 0; i < 100; i++)
        assert_int_not_equal(times[0][i], 1); /* seed 0 twice: both or neither */
    assert_memory_not_equal(times[0], times[1], sizeof times[0]);
}

/* ---- any bytes ---- */

static const char csv[] = "a,\"b\",label\n1,2.5,cat\n-3e2,NA,dog\n\"7\",0.1,cat\n";
static const char counts[] = "3,2,cat,dog\n1,2,0\n3,4,1\n5,6,1\n";
static const char svm[] = "# x\n+1 1:0.5 3:-2\n-1 2:1e1 # two\n+1 3:4\n";
static const char idx_f[] =
    "\0\0\x0d\2\0\0\0\2\0\0\0\2\x3f\x80\0\0\x40\0\0\0\xc0\0\0\0\0\0\0\0";
static const char idx_u[] = "\0\0\x08\3\0\0\0\2\0\0\0\2\0\0\0\2abcdefgh";
static const char idx_l[] = "\0\0\x08\1\0\0\0\4\1\2\3\1";
static const char npy[] =
    "\x93NUMPY\1\0\x3b\0{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2) }\n"
    "\0\0\x80\x3f\0\0\0\x40";
static const char npy2[] =
    "\x93NUMPY\2\0\x38\0\0\0{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n\1\0";

static const struct {
    const struct crew_reader *reader;
    const char *bytes;
    size_t n;
} valid[] = {
    {&crew_csv_reader, csv, sizeof csv - 1},     {&crew_csv_reader, counts, sizeof counts - 1},
    {&crew_libsvm_reader, svm, sizeof svm - 1},  {&crew_idx_reader, idx_f, sizeof idx_f - 1},
    {&crew_idx_reader, idx_u, sizeof idx_u - 1}, {&crew_idx_reader, idx_l, sizeof idx_l - 1},
    {&crew_npy_reader, npy, sizeof npy - 1},     {&crew_npy_reader, npy2, sizeof npy2 - 1},
};

/* Read n bytes, which stand in a block of their very size so that a sanitizer sees each step
 * beyond. */
static crew_status read_bytes(const struct crew_reader *reader, const uint8_t *bytes, size_t n,
                              const struct crew_read_how *how)
{
    struct crew_source in = {.path = "x", .data = malloc(n + 1), .size = n};
    struct crew_table t = {0};
    struct crew_error err = {0};
    crew_status status = CREW_EFORMAT;
    assert_non_null(in.data);
    memcpy(in.data, bytes, n);
    in.data[n] = '\0';
    if (reader->detect(&in)) {
        status = reader->read(&in, how, &t, &err);
        assert_true(status == CREW_OK || status == CREW_EFORMAT);
        if (status != CREW_OK && (!*err.text || strchr(err.text, '\n')))
            fail_msg("no clear sentence: %s", err.text);
        for (size_t i = 0; status == CREW_OK && i < t.rows * t.features; i++)
            assert_true(isfinite(crew_table_value(&t, i)) ||
                        (isnan(t.x[i]) && how->missing != CREW_MISSING_REFUSE));
        for (size_t i = 0; status == CREW_OK && t.label && i < t.rows; i++)
            assert_true(t.label[i] < t.names.n);
    }
    crew_table_free(&t);
    free(in.data);
    return status;
}

static void valid_bytes_are_read(void **state)
{
    const struct crew_read_how how = {.max_bytes = 1 << 16, .missing = CREW_MISSING_ZERO};
    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        if (read_bytes(valid[i].reader, (const uint8_t *)valid[i].bytes, valid[i].n, &how) !=
            CREW_OK)
            fail_msg("file %zu", i);
    }
}

static void damaged_bytes_are_read_or_refused(void **state)
{
    static const char spice[] = "0123456789,;\t\n\r\"'.-+e:# (){}\0\xff\x80";
    uint32_t good = 0;
    (void)state;
    printf("SEED=%llu\n", (unsigned long long)seed());
    for (uint32_t c = 0; c < 2000; c++) {
        for (size_t f = 0; f < sizeof valid / sizeof *valid; f++) {
            uint8_t b[256];
            size_t n = valid[f].n;
            uint64_t at = 100 * f;
            memcpy(b, valid[f].bytes, n);
            for (uint32_t k = 1 + draw(c, at++, 4); k > 0; k--) {
                size_t where = draw(c, at++, (uint32_t)n);
                uint32_t what = draw(c, at++, 4), r = draw(c, at++, 256);
                if (what == 0)
                    b[where] = (uint8_t)r;
                else if (what == 1)
                    b[where] = (uint8_t)spice[r % (sizeof spice - 1)];
                else if (what == 2 && n > 1) /* cut a piece out */
                    memmove(b + where, b + where + 1, --n - where);
                else if (n < sizeof b - 1) /* double one */
                    memmove(b + where + 1, b + where, n++ - where);
            }
            uint32_t r = draw(c, at, 24);
            struct crew_read_how how = {.max_bytes = 1 << 16,
                                        .missing = (enum crew_missing)(r % 3),
                                        .features = r / 3 % 4,
                                        .labels_optional = r / 12};
            good += read_bytes(valid[f].reader, b, n, &how) == CREW_OK;
        }
    }
    assert_true(good > 100); /* else the damage is too great to reach far */
}

static void cut_bytes_are_read_or_refused(void **state)
{
    const struct crew_read_how how = {.max_bytes = 1 << 16};
    (void)state;
    for (size_t f = 0; f < sizeof valid / sizeof *valid; f++) {
        for (size_t n = 1; n < valid[f].n; n++)
            (void)read_bytes(valid[f].reader, (const uint8_t *)valid[f].bytes, n, &how);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_loses_no_row_and_doubles_none),
        cmocka_unit_test(split_is_a_function_of_the_seed),
        cmocka_unit_test(valid_bytes_are_read),
        cmocka_unit_test(damaged_bytes_are_read_or_refused),
        cmocka_unit_test(cut_bytes_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
