/* Random numbers as a function of their coordinates. */
#include "base/rng.h"
#include "testing.h"
#include <string.h>

/* Philox4x32-10 of Random123's kat_vectors: counter, key, result. A counter is index (low,
 * high), a, stream; a key is the seed (low, high). */
static void known_answers_of_philox(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } kat[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        const uint32_t *c = kat[i].counter, *k = kat[i].key;
        uint32_t out[4];
        crew_rng4((uint64_t)k[1] << 32 | k[0], (enum crew_stream)c[3], c[2],
                  (uint64_t)c[1] << 32 | c[0], out);
        assert_memory_equal(out, kat[i].want, sizeof out);
    }
}

/* The first two words of the block above, low one first; the unit is the upper 53 bits of them.
 */
static void one_number_is_the_first_half_of_its_block(void **state)
{
    (void)state;
    enum crew_stream none = (enum crew_stream)0;
    assert_int_equal(crew_rng_u64(0, none, 0, 0), 0xe169c58d6627e8d5u);
    assert_true(crew_rng_unit(0, none, 0, 0) == 0x1c2d38b1acc4fdp-53);
}

static void units_are_uniform_below_1(void **state)
{
    (void)state;
    enum { N = 1 << 16, BINS = 64 };
    uint32_t bin[BINS] = {0};
    double sum = 0, chi = 0;
    for (uint64_t i = 0; i < N; i++) {
        double u = crew_rng_unit(test_seed(), CREW_STREAM_TEST, 3, i);
        assert_true(u >= 0 && u < 1);
        bin[(int)(u * BINS)]++;
        sum += u;
    }
    for (int i = 0; i < BINS; i++)
        chi += (bin[i] - N / BINS) * (bin[i] - (double)N / BINS) / (N / BINS);
    /* Mean 1/2, sd 0.289 / 256: 6 sd. chi squared, 63 degrees: mean 63, sd 11.2; above 140 once
     * in 10^7. */
    assert_true(sum / N > 0.5 - 0.0068 && sum / N < 0.5 + 0.0068);
    assert_true(chi < 140);
}

static void streams_and_indices_do_not_meet(void **state)
{
    (void)state;
    uint64_t seen[3 * 3 * 3 * 3], n = 0;
    for (uint64_t seed = 0; seed < 3; seed++)
        for (uint32_t stream = 1; stream < 4; stream++)
            for (uint32_t a = 0; a < 3; a++)
                for (uint64_t i = 0; i < 3; i++)
                    seen[n++] = crew_rng_u64(seed, (enum crew_stream)stream, a, i);
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
}

static void a_shuffle_is_a_permutation(void **state)
{
    (void)state;
    enum { MOST = 1000 };
    uint32_t index[MOST + 1], again[MOST], other[MOST];
    for (uint32_t n = 0; n <= MOST; n += 1 + n / 7) {
        bool seen[MOST] = {false};
        index[n] = 77;
        crew_rng_shuffle(test_seed(), CREW_STREAM_TEST, n, index, n);
        crew_rng_shuffle(test_seed(), CREW_STREAM_TEST, n, again, n);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(index[i] < n && !seen[index[i]]);
            seen[index[i]] = true;
        }
        assert_memory_equal(index, again, n * sizeof *index);
        assert_int_equal(index[n], 77);
        crew_rng_shuffle(test_seed(), CREW_STREAM_TEST, n + 5000, other, n);
        if (n > 20) /* 1 chance in 20! */
            assert_memory_not_equal(index, other, n * sizeof *index);
    }
}

/* 24 orders of 4; 24,000 draws, 1000 each. chi squared, 23 degrees: mean 23, sd 6.8; above 75
 * once in 10^6. */
static void every_order_is_as_likely(void **state)
{
    (void)state;
    uint32_t count[256] = {0}, orders = 0;
    double chi = 0;
    for (uint32_t i = 0; i < 24000; i++) {
        uint32_t p[4];
        crew_rng_shuffle(test_seed(), CREW_STREAM_TEST, i, p, 4);
        count[p[0] | p[1] << 2 | p[2] << 4 | p[3] << 6]++;
    }
    for (int i = 0; i < 256; i++)
        if (count[i]) {
            orders++;
            chi += (count[i] - 1000.0) * (count[i] - 1000.0) / 1000;
        }
    assert_int_equal(orders, 24);
    assert_true(chi < 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_of_philox),
        cmocka_unit_test(one_number_is_the_first_half_of_its_block),
        cmocka_unit_test(units_are_uniform_below_1),
        cmocka_unit_test(streams_and_indices_do_not_meet),
        cmocka_unit_test(a_shuffle_is_a_permutation),
        cmocka_unit_test(every_order_is_as_likely),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
