/* Softmax, cross-entropy and ReLU, element by element. */
#include "base/rng.h"
#include "model/loss.h"
#include "testing.h"
#include <math.h>
#include <string.h>

static uint32_t draw(uint32_t a, uint64_t i, uint32_t below)
{
    return (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, a, i) % below);
}

static double real(uint32_t a, uint64_t i)
{
    return 2 * crew_rng_unit(test_seed(), CREW_STREAM_TEST, a, i) - 1;
}

/* Differences from the largest logit are floats: their rounding is the input's, not ours. */
static void softmax_agrees_with_libm(void **state)
{
    (void)state;
    double worst = 0;
    for (uint64_t i = 0; i < 4000; i++) {
        float z[64], most = -INFINITY;
        uint32_t n = 2 + draw(60, i, 63);
        double scale = pow(10, 3 * real(61, i)), want[64], sum = 0; /* up to 1000 */
        for (uint32_t j = 0; j < n; j++) {
            z[j] = (float)(scale * real(62, i * 64 + j));
            most = fmaxf(most, z[j]);
        }
        for (uint32_t j = 0; j < n; j++)
            sum += want[j] = exp((double)(z[j] - most));
        crew_softmax(z, 1, n);
        for (uint32_t j = 0; j < n; j++) {
            if (want[j] > 1e-37)
                worst = fmax(worst, fabs((double)z[j] / want[j] * sum - 1));
            else
                assert_true(z[j] >= 0 && z[j] < 1e-36f);
        }
    }
    print_message("largest relative error %.2g\n", worst);
    assert_true(worst < 2e-6);
}

static void extreme_logits_stay_in_range(void **state)
{
    (void)state;
    static const struct {
        float z[3], want[3];
    } cases[] = {
        {{1e4f, -1e4f, 0}, {1, 0, 0}},
        {{-1e4f, -1e4f, -1e4f}, {1 / 3.0f, 1 / 3.0f, 1 / 3.0f}},
        {{1e4f, 1e4f, -1e4f}, {0.5f, 0.5f, 0}},
        {{1e38f, -1e38f, 0}, {1, 0, 0}},
        {{0, 0, 0}, {1 / 3.0f, 1 / 3.0f, 1 / 3.0f}},
        {{-INFINITY, 0, 0}, {0, 0.5f, 0.5f}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float z[3], p[3];
        memcpy(p, cases[i].z, sizeof p);
        crew_softmax(p, 1, 3);
        for (int j = 0; j < 3; j++)
            assert_true(fabsf(p[j] - cases[i].want[j]) < 1e-7f);
        for (uint32_t label = 0; label < 3; label++) {
            memcpy(z, cases[i].z, sizeof z);
            double loss = crew_softmax_loss(z, &label, 1, 3, 1);
            /* The largest logit's probability is 1 / sum exp(z - most). */
            float most = fmaxf(cases[i].z[0], fmaxf(cases[i].z[1], cases[i].z[2]));
            double want = (double)most - (double)cases[i].z[label] -
                          log((double)fmaxf(p[0], fmaxf(p[1], p[2])));
            if (loss != want && !(fabs(loss - want) < 1e-6 * fabs(want)))
                fail_msg("case %zu label %u: %.9g, not %.9g", i, label, loss, want);
            for (uint32_t j = 0; j < 3; j++)
                assert_true(fabsf(z[j] - (p[j] - (j == label ? 1.0f : 0.0f))) < 1e-6f);
        }
    }
}

static void what_is_not_a_number_is_not_hidden(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 3; at++)
        for (uint32_t label = 0; label < 3; label++) {
            float z[3] = {1, 2, 3}, p[3] = {1, 2, 3};
            z[at] = p[at] = NAN;
            crew_softmax(p, 1, 3);
            assert_true(isnan(p[0]) && isnan(p[1]) && isnan(p[2]));
            assert_true(isnan(crew_softmax_loss(z, &label, 1, 3, 1)));
        }
}

static void biases_are_copied_to_each_row(void **state)
{
    (void)state;
    const float bias[2] = {1, -2};
    float y[6];
    crew_fill_bias(y, bias, 3, 2);
    for (int i = 0; i < 6; i++)
        assert_true(y[i] == bias[i % 2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_agrees_with_libm),
        cmocka_unit_test(extreme_logits_stay_in_range),
        cmocka_unit_test(what_is_not_a_number_is_not_hidden),
        cmocka_unit_test(biases_are_copied_to_each_row),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
