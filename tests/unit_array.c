/* IDX and NPY: binary arrays. */
#include "data_files.h"
#include <math.h>

/* Put 4 bytes, most significant first. */
static size_t be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
    return 4;
}

/* An IDX file of n_dims dimensions and the given data. */
static const char *idx(const char *name, uint8_t type, uint32_t n_dims, const uint32_t *dim,
                       const void *data, size_t n)
{
    uint8_t file[512] = {0, 0, type, (uint8_t)n_dims};
    size_t at = 4;
    for (uint32_t i = 0; i < n_dims; i++)
        at += be32(file + at, dim[i]);
    memcpy(file + at, data, n);
    return put_bytes(name, file, at + n);
}

static void idx_images_have_a_shape(void **state)
{
    const uint32_t dim[] = {2, 2, 3};
    uint8_t pixel[12];
    (void)state;
    for (int i = 0; i < 12; i++)
        pixel[i] = (uint8_t)(20 * i);
    struct crew_table t = read_good(idx("a", 8, 3, dim, pixel, 12), NULL);
    assert_int_equal(t.rows, 2);
    assert_int_equal(t.features, 6);
    assert_int_equal(t.height, 2);
    assert_int_equal(t.width, 3);
    assert_int_equal(t.depth, 1);
    assert_null(t.label);
    assert_null(t.x);
    assert_int_equal(t.byte[7], 140);
    crew_table_free(&t);
}

static void idx_labels_are_whole_numbers(void **state)
{
    const uint32_t dim[] = {3};
    (void)state;
    struct crew_table t = read_good(idx("a", 8, 1, dim, "\7\2\7", 3), NULL);
    assert_int_equal(t.features, 0);
    assert_int_equal(t.names.n, 2);
    assert_int_equal(t.label[2], t.label[0]);
    assert_string_equal(t.names.name[t.label[1]], "2");
    crew_table_free(&t);
}

/* The same two numbers, -2 and 3 (unsigned: 2 and 3), in every type. */
static void idx_types_are_read(void **state)
{
    static const struct {
        uint8_t type;
        const char *bytes;
        size_t n;
        float first;
    } as[] = {
        {0x08, "\2\3", 2, 2},
        {0x09, "\xfe\3", 2, -2},
        {0x0b, "\xff\xfe\0\3", 4, -2},
        {0x0c, "\xff\xff\xff\xfe\0\0\0\3", 8, -2},
        {0x0d, "\xc0\0\0\0\x40\x40\0\0", 8, -2},
        {0x0e, "\xc0\0\0\0\0\0\0\0\x40\x08\0\0\0\0\0\0", 16, -2},
    };
    const uint32_t dim[] = {1, 2};
    (void)state;
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        struct crew_table t =
            read_good(idx("a", as[i].type, 2, dim, as[i].bytes, as[i].n), NULL);
        assert_true(crew_table_value(&t, 0) == as[i].first && crew_table_value(&t, 1) == 3);
        crew_table_free(&t);
    }
}

static void bad_idx_is_told(void **state)
{
    const uint32_t dim[] = {2, 2}, none[] = {0, 4}, flat[] = {4, 0};
    const uint32_t huge[] = {UINT32_MAX, 65536, 65536, 65536}, long_dim[] = {3};
    (void)state;
    read_bad(idx("a", 8, 2, dim, "abc", 3), NULL, "is truncated: its header promises 4 bytes");
    read_bad(idx("a", 8, 2, dim, "abcde", 5), NULL, "is too long: its header promises 4 bytes");
    read_bad(idx("a", 0x0a, 2, dim, "abcd", 4), NULL, "begins with 0 0 10 2");
    read_bad(idx("a", 0x0f, 2, dim, "abcd", 4), NULL, "begins with 0 0 15 2");
    read_bad(idx("a", 8, 5, (const uint32_t[]){1, 1, 1, 1, 1}, "a", 1), NULL,
             "begins with 0 0 8 5");
    read_bad(idx("a", 8, 4, huge, "a", 1), NULL, "dimensions are too large");
    read_bad(idx("a", 8, 2, none, "", 0), NULL, "has no rows");
    read_bad(idx("a", 8, 2, flat, "", 0), NULL, "rows without features");
    read_bad(put_bytes("a", "\0\0\x08", 3), NULL, "is truncated");
    read_bad(put_bytes("a", "\0\0\x08\3\0\0\0\1", 8), NULL, "is truncated");
    read_bad(idx("a", 0x0d, 2, (const uint32_t[]){1, 1}, "\x7f\x80\0\0", 4), NULL,
             "row 1, feature 1: the value is too large or infinite");
    read_bad(idx("a", 0x0d, 2, (const uint32_t[]){1, 1}, "\x7f\xc0\0\0", 4), NULL,
             "the value is NaN");
    read_bad(idx("a", 0x0d, 1, (const uint32_t[]){1}, "\x3f\0\0\0", 4), NULL,
             "the label 0.5 is no whole");
    read_bad(idx("a", 8, 1, long_dim, "ab", 2), NULL, "is truncated");
}

/* An NPY file with this dictionary; version 1 unless told. */
static const char *npy(const char *dict, const void *data, size_t n)
{
    uint8_t file[512] = "\x93NUMPY\1";
    size_t length = strlen(dict);
    file[8] = (uint8_t)length;
    file[9] = (uint8_t)(length >> 8);
    memcpy(file + 10, dict, length);
    memcpy(file + 10 + length, data, n);
    return put_bytes("a.npy", file, 10 + length + n);
}

static void npy_of_every_type_is_read(void **state)
{
    static const struct {
        const char *dict, *bytes;
        size_t n;
        float first;
    } as[] = {
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2), }     \n", "\2\3", 2, 2},
        {"{'descr': '|i1', 'fortran_order': False, 'shape': (1, 2), }", "\xfe\3", 2, -2},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (1, 2), }", "\1\0", 2, 1},
        {"{'shape': (1, 2), 'fortran_order': False, 'descr': '<i2'}", "\xfe\xff\3\0", 4, -2},
        {"{\"descr\":\">i2\",\"fortran_order\":False,\"shape\":(1,2)}", "\xff\xfe\0\3", 4, -2},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }",
         "\0\0\0\xc0\0\0\x40\x40", 8, -2},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }",
         "\0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\x08\x40", 16, -2},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (1, 2), }",
         "\xfe\xff\xff\xff\xff\xff\xff\xff\3\0\0\0\0\0\0\0", 16, -2},
        {"{'descr': '<u8', 'fortran_order': False, 'shape': (1, 2), }",
         "\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0", 16, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        struct crew_table t = read_good(npy(as[i].dict, as[i].bytes, as[i].n), NULL);
        assert_int_equal(t.features, 2);
        assert_true(crew_table_value(&t, 0) == as[i].first);
        assert_true(crew_table_value(&t, 1) == (as[i].first == 1 ? 0 : 3));
        crew_table_free(&t);
    }
}

static void npy_dimensions_are_a_shape(void **state)
{
    (void)state;
    struct crew_table t = read_good(
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 1, 3), }", "abcdef", 6),
        NULL);
    assert_int_equal(t.height, 2);
    assert_int_equal(t.width, 1);
    assert_int_equal(t.depth, 3);
    crew_table_free(&t);
    t = read_good(
        npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2,), }", "\1\0\xff\xff", 4),
        NULL);
    assert_int_equal(t.features, 0); /* labels; one dimension has one order */
    assert_string_equal(t.names.name[t.label[1]], "-1");
    crew_table_free(&t);
}

static void bad_npy_is_told(void **state)
{
    static const struct {
        const char *dict, *says;
    } bad[] = {
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "elements of type \"|O\""},
        {"{'descr': '<U3', 'fortran_order': False, 'shape': (2,), }",
         "elements of type \"<U3\""},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }",
         "elements of type \"<f2\""},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }",
         "elements of type \"<c8\""},
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (1, 2), }", "is in Fortran order"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", "is truncated"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }", "is too long"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (), }", "header is damaged"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,2), }",
         "header is damaged"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,), }",
         "header is damaged"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 18446744073709551610), }",
         "damaged"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
         "too large"},
        {"{'descr': '|u1', 'fortran_order': Maybe, 'shape': (2,), }", "header is damaged"},
        {"{'descr': '|u1', 'fortran_order': False, }", "header is damaged"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
         "header is damaged"},
        {"", "header is damaged"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        read_bad(npy(bad[i].dict, "\1\2", 2), NULL, bad[i].says);
    read_bad(put_bytes("a", "\x93NUMPY\1\0\x76", 9), NULL, "is truncated");
    read_bad(put_bytes("a", "\x93NUMPY\1\0\xff\0{", 11), NULL,
             "NPY header of 255 bytes is truncated");
    read_bad(put_bytes("a", "\x93NUMPY\2\0\xff\xff\xff\xff{", 13), NULL, "is too long");
    read_bad(put_bytes("a", "\x93NUMPY\7\0\4\0\0\0{  }", 16), NULL, "is NPY version 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_images_have_a_shape),
        cmocka_unit_test(idx_labels_are_whole_numbers),
        cmocka_unit_test(idx_types_are_read),
        cmocka_unit_test(bad_idx_is_told),
        cmocka_unit_test(npy_of_every_type_is_read),
        cmocka_unit_test(npy_dimensions_are_a_shape),
        cmocka_unit_test(bad_npy_is_told),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
