/* Small things that everything stands on: bytes, memory, mean and variance, numbers in text. */
#include "base/blas.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/text.h"
#include "testing.h"
#include <string.h>

static void bytes_are_read_in_their_order(void **state)
{
    (void)state;
    const uint8_t b[] = {0x81, 2, 3, 0x84, 5, 6, 7, 0x88};
    uint8_t out[8];
    assert_int_equal(crew_be32(b), 0x81020384u);
    assert_int_equal(crew_le32(b), 0x84030281u);
    assert_int_equal(crew_le64(b), 0x8807060584030281u);
    crew_put_le32(out, 0x84030281u);
    assert_memory_equal(out, b, 4);
    crew_put_le64(out, 0x8807060584030281u);
    assert_memory_equal(out, b, 8);
}

/* Test vectors of FNV-1a, 64 bits: Fowler, Noll, Vo, www.isthe.com/chongo/tech/comp/fnv */
static void the_hash_is_fnv_1a(void **state)
{
    (void)state;
    assert_int_equal(crew_hash(CREW_HASH_INIT, "", 0), 0xcbf29ce484222325u);
    assert_int_equal(crew_hash(CREW_HASH_INIT, "a", 1), 0xaf63dc4c8601ec8cu);
    assert_int_equal(crew_hash(CREW_HASH_INIT, "foobar", 6), 0x85944171f73967e8u);
    uint64_t foo = crew_hash(CREW_HASH_INIT, "foo", 3);
    assert_int_equal(crew_hash(foo, "bar", 3), 0x85944171f73967e8u);
}

static void memory_is_aligned_and_zeroed(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < (size_t)9 << 20; bytes = bytes * 3 + 1) {
        char *p = crew_zalloc(bytes);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % CREW_LINE, 0);
        assert_true(p[0] == 0 && p[bytes / 2] == 0 && p[bytes - 1] == 0);
        memset(p, 1, bytes);
        crew_free(p);
    }
    assert_null(crew_alloc(0));
    assert_null(crew_alloc(SIZE_MAX));
    assert_null(crew_zalloc(SIZE_MAX - 5));
    assert_null(crew_strdup(NULL));
    char *s = crew_strndup("abcdef", 3);
    assert_string_equal(s, "abc");
    crew_free(s);
}

static void products_do_not_overflow(void **state)
{
    (void)state;
    size_t out = 5;
    assert_false(crew_mul((size_t)1 << 32, (size_t)1 << 32, &out));
    assert_false(crew_mul(SIZE_MAX, 2, &out));
    assert_int_equal(out, 5);
    assert_true(crew_mul(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    assert_true(crew_mul(0, SIZE_MAX, &out) && out == 0);
    assert_int_equal(crew_round_up(0, 64), 0);
    assert_int_equal(crew_round_up(65, 64), 128);
}

/* 1e9 + {4, 7, 13, 16}: mean 1e9 + 10, variance (36 + 9 + 9 + 36) / 3 = 30; the textbook
 * formula loses it all. */
static void variance_survives_a_large_mean(void **state)
{
    (void)state;
    struct crew_stats s = {0};
    assert_true(crew_stats_sd(&s) == 0);
    const double x[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
    for (int i = 0; i < 4; i++)
        crew_stats_add(&s, x[i]);
    assert_int_equal(s.n, 4);
    assert_true(s.mean == 1e9 + 10);
    assert_true(fabs(crew_stats_sd(&s) - sqrt(30)) < 1e-6);
}

static void whole_numbers_are_digits_only(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1.",
                                      "1e3",
                                      "a",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    uint64_t v = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(crew_text_u64(bad[i], strlen(bad[i]), &v));
    assert_int_equal(v, 7);
    assert_true(crew_text_u64("18446744073709551615", 20, &v) && v == UINT64_MAX);
    assert_true(crew_text_u64("0012,", 4, &v) && v == 12);
}

static void reals_are_plain_decimals(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "inf",   "-inf",  "nan", "INFINITY", "NaN", "0x10",
                                      "0X1", "0x1p3", " 1",    "1 ",  "1,5",      "1e",  "e5",
                                      ".",   "1..2",  "1e999", "--1", "1d2",      "1f",  "\t1"};
    double v = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(crew_text_real(bad[i], strlen(bad[i]), &v));
    assert_false(crew_text_real("1\0002", 3, &v));
    assert_true(v == 7);
    assert_true(crew_text_real("-1.5e-3xyz", 7, &v) && v == -1.5e-3);
    assert_true(crew_text_real(".5", 2, &v) && v == 0.5);
    assert_true(crew_text_real("1e-400", 6, &v) && v == 0);
    char digits[500];
    memset(digits, '9', sizeof digits);
    assert_false(crew_text_real(digits, sizeof digits, &v));
    assert_true(crew_text_real(digits, 300, &v) && v == 1e300);
}

static void names_end_at_the_colon(void **state)
{
    (void)state;
    const char *settings;
    assert_int_equal(crew_text_name("mlp:64,32", &settings), 3);
    assert_string_equal(settings, "64,32");
    assert_int_equal(crew_text_name("softmax", &settings), 7);
    assert_null(settings);
    assert_int_equal(crew_text_name("mlp:", &settings), 3);
    assert_string_equal(settings, "");
    assert_true(crew_text_same("batch-tasks", "batch_tasks=4", 11));
    assert_false(crew_text_same("batch-tasks", "batch-task", 10));
    assert_false(crew_text_same("lr", "lrx", 3));
    assert_false(crew_text_same("lr", "", 0));
}

static void time_goes_on(void **state)
{
    (void)state;
    char date[32];
    double a = crew_now_s(), cpu = crew_thread_cpu_s();
    for (double b = a; b <= a;)
        b = crew_now_s();
    assert_true(crew_thread_cpu_s() >= cpu);
    crew_date(date, sizeof date);
    assert_int_equal(strlen(date), strlen("2026-11-21T12:00:00Z"));
    assert_true(date[10] == 'T' && date[19] == 'Z');
}

/* The setting belongs to the process: the last one to return it puts back what the first one
 * found. */
static void the_blas_thread_setting_is_borrowed(void **state)
{
    (void)state;
    struct crew_blas_info before, now;
    crew_blas_info(&before);
    crew_blas_borrow();
    crew_blas_borrow();
    crew_blas_return();
    crew_blas_info(&now);
    assert_int_equal(now.threads, 1);
    crew_blas_return();
    crew_blas_info(&now);
    assert_int_equal(now.threads, before.threads);
    assert_non_null(strstr(now.name, "OpenBLAS"));
    assert_true(now.callers >= 2 && strlen(now.flavour) && strlen(now.core));
}

/* C += op(A) op(B) with whole numbers, against the definition: exact. 3 x 5 x 4 */
static void products_add_to_what_is_there(void **state)
{
    (void)state;
    enum { M = 3, N = 5, K = 4 };
    float a[M * K], at[K * M], b[K * N], bt[N * K], want[M * N], nn[M * N], nt[M * N],
        tn[M * N];
    for (int i = 0; i < M * K; i++)
        at[i % K * M + i / K] = a[i] = (float)(i * 7 % 11 - 5);
    for (int i = 0; i < K * N; i++)
        bt[i % N * K + i / N] = b[i] = (float)(i * 5 % 13 - 6);
    for (int i = 0; i < M * N; i++) {
        want[i] = nn[i] = nt[i] = tn[i] = (float)i;
        for (int k = 0; k < K; k++)
            want[i] += a[i / N * K + k] * b[k * N + i % N];
    }
    crew_gemm_nn(M, N, K, a, b, nn);
    crew_gemm_nt(M, N, K, a, bt, nt);
    crew_gemm_tn(M, N, K, at, b, tn);
    assert_memory_equal(nn, want, sizeof want);
    assert_memory_equal(nt, want, sizeof want);
    assert_memory_equal(tn, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_read_in_their_order),
        cmocka_unit_test(the_hash_is_fnv_1a),
        cmocka_unit_test(memory_is_aligned_and_zeroed),
        cmocka_unit_test(products_do_not_overflow),
        cmocka_unit_test(variance_survives_a_large_mean),
        cmocka_unit_test(whole_numbers_are_digits_only),
        cmocka_unit_test(reals_are_plain_decimals),
        cmocka_unit_test(names_end_at_the_colon),
        cmocka_unit_test(time_goes_on),
        cmocka_unit_test(the_blas_thread_setting_is_borrowed),
        cmocka_unit_test(products_add_to_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
