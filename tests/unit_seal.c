/* Files as checkpoints are: sealed, and of tensors of several types, each where it can be
 * mapped. */
#include "base/bytes.h"
#include "base/rng.h"
#include "model_file.h"
#include "testing.h"
#include "train/safetensors.h"
#include <errno.h>
#include <string.h>

static int broken; /* errno of all reading from files; 0: none */

/* This program's own, which the library has, too. */
CREW_API size_t fread(void *to, size_t size, size_t n, FILE *f)
{
    size_t got = 0;
    int c;
    if (broken) {
        (void)!fputc(0, f); /* it is for reading: now the stream is in error */
        errno = broken;
        return 0;
    }
    while (got < size * n && (c = getc(f)) != EOF)
        ((unsigned char *)to)[got++] = (unsigned char)c;
    return size ? got / size : 0;
}

static void is_refused(void)
{
    crew_st_file *f;
    assert_int_equal(crew_st_read(path, &f, &err), CREW_EFORMAT);
    assert_null(f);
}

/* A seal is a checksum of all before it, and the end of the file. */
static void sealed_files_come_back_or_are_refused(void **state)
{
    (void)state;
    const double numbers[] = {0.5, -2, 1e300};
    const float floats[] = {1, 2, 3};
    const struct crew_st_tensor tensor[] = {
        {.name = "odd", .n_dims = 1, .dims = {3}, .data = floats, .count = 3},
        {.name = "numbers",
         .type = CREW_ST_F64,
         .n_dims = 1,
         .dims = {3},
         .data = numbers,
         .count = 3}};
    const struct crew_st_meta meta[] = {{"a", "b"}};
    crew_st_file *f;
    double back[3];
    size_t n;
    assert_int_equal(crew_st_write(path, true, true, meta, 1, tensor, 2, &err), CREW_OK);
    assert_int_equal(crew_st_read(path, &f, &err), CREW_OK);
    assert_true(crew_st_sealed(f));
    assert_null(crew_st_find(f, "numbers", CREW_ST_F32));
    memcpy(back, crew_st_find(f, "numbers", CREW_ST_F64)->data, sizeof back);
    assert_memory_equal(back, numbers, sizeof back);
    crew_st_close(f);
    uint8_t *bytes = get(&n);
    for (size_t i = 0; i < n; i++) { /* what is not seen as damaged is not sealed */
        bytes[i] ^= 4;
        put(bytes, n);
        bytes[i] ^= 4;
        crew_status status = crew_st_read(path, &f, &err);
        assert_true(status == CREW_EFORMAT || !crew_st_sealed(f));
        crew_st_close(f);
    }
    free(bytes);
    assert_int_equal(crew_st_write(path, true, false, meta, 1, tensor, 2, &err), CREW_OK);
    assert_int_equal(crew_st_read(path, &f, &err), CREW_OK);
    assert_false(crew_st_sealed(f));
    crew_st_close(f);
    const struct crew_st_tensor two[] = {/* a checksum that is not at the end is none */
                                         {.name = "checksum",
                                          .type = CREW_ST_I64,
                                          .n_dims = 1,
                                          .dims = {1},
                                          .data = numbers,
                                          .count = 1},
                                         tensor[0]};
    assert_int_equal(crew_st_write(path, true, false, meta, 1, two, 2, &err), CREW_OK);
    is_refused();
}

/* As readers need it that map the file into memory: each at a multiple of what its elements
 * take. */
static void written_tensors_are_aligned(void **state)
{
    (void)state;
    static const double x[4];
    static const struct {
        enum crew_st_type type;
        uint64_t bytes;
    } types[] = {{CREW_ST_F32, 4}, {CREW_ST_F64, 8}, {CREW_ST_I64, 8}, {CREW_ST_U8, 1}};
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (uint64_t i = 0; i < 400; i++) {
        struct crew_st_tensor tensor[5];
        size_t kind[5], n = 1 + i % 5;
        for (size_t k = 0; k < n; k++) {
            uint64_t r = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 2 + (uint32_t)k, i);
            kind[k] = r % 4;
            tensor[k] = (struct crew_st_tensor){.name = names[k],
                                                .type = types[kind[k]].type,
                                                .n_dims = 1,
                                                .dims = {r / 4 % 4},
                                                .data = x,
                                                .count = r / 4 % 4};
        }
        bool seal = i % 2;
        crew_st_file *f;
        assert_int_equal(crew_st_write(path, true, seal, NULL, 0, tensor, n, &err), CREW_OK);
        if (crew_st_read(path, &f, &err) != CREW_OK)
            fail_msg("%s", err.text);
        assert_int_equal(crew_st_sealed(f), seal);
        for (size_t k = 0; k < n; k++) { /* the file begins at a multiple of 8 in memory */
            const struct crew_st_tensor *t = crew_st_find(f, names[k], types[kind[k]].type);
            assert_true(t && t->count == tensor[k].count);
            if ((uintptr_t)t->data % types[kind[k]].bytes)
                fail_msg("%s of %zu is unaligned (%llu, SEED=%llu)", names[k], n,
                         (unsigned long long)i, (unsigned long long)test_seed());
        }
        crew_st_close(f);
    }
}

/* As they were written at first: in any order, the checksum a number of 8 bytes. */
static void files_of_the_older_order_are_read(void **state)
{
    (void)state;
    const double numbers[] = {0.5, -2};
    uint8_t file[512];
    double back[2];
    crew_st_file *f;
    static const char header[] =
        "{\"odd\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
        "\"numbers\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[12,28]},"
        "\"checksum\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[28,36]}}";
    size_t header_bytes = (sizeof header - 1 + 7) / 8 * 8, n = 8 + header_bytes + 36;
    memset(file, ' ', sizeof file);
    crew_put_le64(file, header_bytes);
    memcpy(file + 8, header, sizeof header - 1);
    memcpy(file + n - 8 - sizeof numbers, numbers, sizeof numbers);
    crew_put_le64(file + n - 8, crew_hash(CREW_HASH_INIT, file, n - 8));
    put(file, n);
    assert_int_equal(crew_st_read(path, &f, &err), CREW_OK);
    assert_true(crew_st_sealed(f));
    memcpy(back, crew_st_find(f, "numbers", CREW_ST_F64)->data, sizeof back);
    assert_memory_equal(back, numbers, sizeof back);
    crew_st_close(f);
    file[n - 9] ^= 1;
    put(file, n);
    is_refused();
}

/* What lies on a failing disk is damaged; for want of anything else it may be whole. */
static void who_is_to_blame_for_what_cannot_be_read(void **state)
{
    (void)state;
    static const struct {
        int error;
        crew_status status;
    } cases[] = {{EIO, CREW_EFORMAT}, {ENOMEM, CREW_EINPUT}, {ESTALE, CREW_EINPUT}};
    const float x[] = {1};
    const struct crew_st_tensor tensor = {
        .name = "x", .n_dims = 1, .dims = {1}, .data = x, .count = 1};
    crew_st_file *f;
    assert_int_equal(crew_st_write(path, true, true, NULL, 0, &tensor, 1, &err), CREW_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        broken = cases[i].error;
        crew_status status = crew_st_read(path, &f, &err);
        broken = 0;
        assert_int_equal(status, cases[i].status);
        assert_true(strstr(err.text, "cannot be read whole: ") &&
                    strstr(err.text, strerror(cases[i].error)));
    }
    assert_int_equal(crew_st_read(path, &f, &err), CREW_OK);
    crew_st_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_files_come_back_or_are_refused),
        cmocka_unit_test(written_tensors_are_aligned),
        cmocka_unit_test(files_of_the_older_order_are_read),
        cmocka_unit_test(who_is_to_blame_for_what_cannot_be_read),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, enter, leave);
}
