#include "data_files.h"
#include <zlib.h>

/* Gzip n bytes into out; its size. */
static size_t pack(const void *bytes, size_t n, uint8_t *out, size_t cap)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return cap - z.avail_out;
}

static void holds(const char *path, uint64_t max, const char *text)
{
    struct crew_source s;
    struct crew_error err = {0};
    if (crew_source_open(path, max, &s, &err) != CREW_OK)
        fail_msg("%s", err.text);
    assert_int_equal(s.size, strlen(text));
    assert_string_equal(s.data, text); /* a 0 byte follows */
    crew_source_close(&s);
}

static void refused(const char *path, uint64_t max, crew_status status, const char *says)
{
    struct crew_source s;
    struct crew_error err = {0};
    assert_int_equal(crew_source_open(path, max, &s, &err), status);
    assert_says(&err, says);
    assert_null(s.data);
}

static void plain_file_comes_whole(void **state)
{
    (void)state;
    holds(put("a", "1,2\n"), 100, "1,2\n");
    holds(put("a", "1,2\n"), 4, "1,2\n"); /* exactly the limit */
    refused(put("a", "1,2\n"), 3, CREW_EFORMAT, "holds more than 3 bytes");
}

static void large_file_comes_whole(void **state)
{
    (void)state;
    size_t n = 1 << 20;
    char *text = malloc(n + 1);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i % 23);
    text[n] = '\0';
    holds(put("a", text), n, text);
    uint8_t *packed = malloc(n);
    assert_non_null(packed);
    holds(put_bytes("a.bin", packed, pack(text, n, packed, n)), n, text);
    free(packed);
    free(text);
}

static void gzip_is_known_by_its_magic_not_its_name(void **state)
{
    uint8_t z[200];
    (void)state;
    size_t n = pack("hello", 5, z, sizeof z);
    holds(put_bytes("a.csv", z, n), 100, "hello");
    const char *a = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    n = pack(a, 60, z, sizeof z);
    holds(put_bytes("a.csv", z, n), 60, a); /* exactly the limit */
    refused(put_bytes("a.csv", z, n), 59, CREW_EFORMAT, "holds more than 59 bytes");
    holds(put("b.csv.gz", "not packed"), 100, "not packed");
}

static void members_follow_each_other_and_zeros_pad(void **state)
{
    uint8_t z[200];
    (void)state;
    size_t n = pack("hello ", 6, z, sizeof z);
    n += pack("world", 5, z + n, sizeof z - n);
    memset(z + n, 0, 10);
    holds(put_bytes("a.gz", z, n), 100, "hello world");
    holds(put_bytes("a.gz", z, n + 10), 100, "hello world");
}

static void truncated_gzip_is_told_at_every_length(void **state)
{
    uint8_t z[200];
    (void)state;
    size_t n = pack("hello, hello, hello", 19, z, sizeof z);
    for (size_t i = 2; i < n; i++)
        refused(put_bytes("a.gz", z, i), 100, CREW_EFORMAT, "is truncated");
}

static void damaged_gzip_is_told(void **state)
{
    uint8_t z[200];
    (void)state;
    size_t n = pack("hello, hello, hello", 19, z, sizeof z);
    z[n - 6] ^= 1; /* in the checksum */
    refused(put_bytes("a.gz", z, n), 100, CREW_EFORMAT, "damaged gzip data");
    z[n - 6] ^= 1;
    memcpy(z + n, "garbage", 7);
    refused(put_bytes("a.gz", z, n + 7), 100, CREW_EFORMAT, "damaged gzip data");
}

static void gzip_bomb_stops_at_the_limit(void **state)
{
    (void)state;
    size_t n = 8 << 20;
    char *zeros = calloc(1, n);
    uint8_t *z = malloc(1 << 16);
    assert_true(zeros && z);
    size_t packed = pack(zeros, n, z, 1 << 16);
    assert_true(packed < 10000);
    refused(put_bytes("a.gz", z, packed), 100000, CREW_EFORMAT, "holds more than 100000 bytes");
    free(zeros);
    free(z);
}

static void missing_empty_and_folder_are_told_apart(void **state)
{
    uint8_t z[64];
    (void)state;
    refused("/nonexistent/x.csv", 100, CREW_EINPUT,
            "cannot open /nonexistent/x.csv: No such file");
    refused(put("a", ""), 100, CREW_EFORMAT, "is empty");
    refused(put_bytes("a.gz", z, pack("", 0, z, sizeof z)), 100, CREW_EFORMAT, "is empty");
    refused(files_dir, 100, CREW_EINPUT, "Is a directory");
}

static void hyphen_reads_standard_input(void **state)
{
    (void)state;
    int kept = dup(0);
    assert_non_null(freopen(put("a", "typed"), "rb", stdin));
    holds("-", 100, "typed");
    refused("-", 100, CREW_EFORMAT, "standard input is empty");
    dup2(kept, 0);
    close(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_file_comes_whole),
        cmocka_unit_test(large_file_comes_whole),
        cmocka_unit_test(gzip_is_known_by_its_magic_not_its_name),
        cmocka_unit_test(members_follow_each_other_and_zeros_pad),
        cmocka_unit_test(truncated_gzip_is_told_at_every_length),
        cmocka_unit_test(damaged_gzip_is_told),
        cmocka_unit_test(gzip_bomb_stops_at_the_limit),
        cmocka_unit_test(missing_empty_and_folder_are_told_apart),
        cmocka_unit_test(hyphen_reads_standard_input),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
