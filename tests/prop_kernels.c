/* Every kind of kernels this processor has against plain loops of the definition, and the kinds
 * against each other. */
#include "base/kernels.h"
#include "base/rng.h"
#include "testing.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_OUT = 40, MAX_TAPS = 4, MAX_DEPTH = 40, MAX_STEP = 50, MAX_ROWS = 6 };
enum {
    IN = (MAX_TAPS + MAX_ROWS) * (MAX_OUT * MAX_STEP + MAX_DEPTH),
    W = MAX_TAPS * MAX_DEPTH
};

static float in[IN], weight[W * CREW_BLOCK], bias[CREW_BLOCK], d[MAX_ROWS * MAX_OUT * 40];

static uint32_t draw(uint32_t a, uint64_t i, uint32_t below)
{
    return (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, a, i) % below);
}

static void fill(float *x, size_t n, uint32_t a)
{
    for (size_t k = 0; k < n; k++)
        x[k] = (float)(2 * crew_rng_unit(test_seed(), CREW_STREAM_TEST, a, k) - 1);
}

/* Multiplies and adds with one rounding, as all but the plain kind of x86 do. */
static bool fuses(const struct crew_kernels *k)
{
    return strcmp(k->name, "sse2") && strcmp(k->name, "plain");
}

static struct crew_conv_row a_row(uint64_t i)
{
    struct crew_conv_row a = {.n = 1 + draw(1, i, MAX_OUT),
                              .taps = 1 + draw(2, i, MAX_TAPS),
                              .depth = 1 + draw(3, i, MAX_DEPTH),
                              .in = in + draw(4, i, 7),
                              .step = 1 + draw(5, i, MAX_STEP - 1),
                              .weight = weight,
                              .bias = bias,
                              .relu = draw(6, i, 2),
                              .lanes = 1 + draw(7, i, CREW_BLOCK)};
    a.in_row = a.n * a.step + draw(8, i, MAX_DEPTH);
    a.out_step = a.lanes + draw(9, i, 5);
    return a;
}

static double exact_row(const struct crew_conv_row *a, size_t i, size_t c)
{
    double sum = (double)a->bias[c];
    for (size_t r = 0; r < a->taps; r++)
        for (size_t k = 0; k < a->depth; k++)
            sum += (double)a->in[r * a->in_row + i * a->step + k] *
                   (double)a->weight[(r * a->depth + k) * CREW_BLOCK + c];
    return a->relu ? fmax(sum, 0) : sum;
}

static void a_row_of_a_convolution_is_its_definition(void **state)
{
    (void)state;
    static float out[MAX_OUT * 24], first[MAX_OUT * 24];
    for (uint64_t i = 0; i < 300; i++) {
        struct crew_conv_row a = a_row(i);
        a.out = out;
        for (size_t k = 0; crew_kernels_at(k); k++) {
            const struct crew_kernels *kind = crew_kernels_at(k);
            for (size_t j = 0; j < MAX_OUT * 24; j++)
                out[j] = 77;
            kind->conv_row(&a);
            for (size_t j = 0; j < a.n; j++)
                for (size_t c = 0; c < a.out_step; c++) {
                    double got = (double)out[j * a.out_step + c],
                           want = c < a.lanes ? exact_row(&a, j, c) : 77;
                    if (fabs(got - want) > 2e-5)
                        fail_msg("%s, case %u, output %zu, channel %zu: %g, not %g", kind->name,
                                 (unsigned)i, j, c, got, want);
                }
            if (k && fuses(kind))
                assert_memory_equal(out, first, a.n * a.out_step * sizeof *out);
            memcpy(first, out, sizeof out);
        }
    }
}

static void what_is_not_a_number_passes_a_convolution(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 60; i++) {
        static float out[MAX_OUT * 24];
        struct crew_conv_row a = a_row(i);
        float *at = &in[(size_t)(a.in - in) + draw(10, i, (uint32_t)a.depth)], was = *at;
        a.out = out;
        *at = NAN;
        for (size_t k = 0; crew_kernels_at(k); k++) {
            crew_kernels_at(k)->conv_row(&a);
            for (size_t c = 0; c < a.lanes; c++)
                assert_true(isnan(out[c]));
        }
        *at = was;
    }
}

static void the_gradient_of_weights_is_its_definition(void **state)
{
    (void)state;
    static float grad[MAX_DEPTH * CREW_BLOCK], first[MAX_DEPTH * CREW_BLOCK],
        start[MAX_DEPTH * CREW_BLOCK];
    fill(start, MAX_DEPTH * CREW_BLOCK, 30);
    for (uint64_t i = 0; i < 300; i++) {
        struct crew_conv_gradient g = {.rows = 1 + draw(20, i, MAX_ROWS),
                                       .n = 1 + draw(21, i, MAX_OUT),
                                       .depth = 1 + draw(22, i, MAX_DEPTH),
                                       .in = in,
                                       .step = 1 + draw(23, i, MAX_STEP - 1),
                                       .d = d,
                                       .d_step = CREW_BLOCK + draw(24, i, 20),
                                       .grad = grad};
        g.in_row = g.n * g.step + draw(25, i, MAX_DEPTH);
        g.d_row = g.n * g.d_step;
        for (size_t kind = 0; crew_kernels_at(kind); kind++) {
            memcpy(grad, start, sizeof grad);
            crew_kernels_at(kind)->conv_gradient(&g);
            for (size_t k = 0; k < g.depth; k++)
                for (size_t c = 0; c < CREW_BLOCK; c++) {
                    double want = (double)start[k * CREW_BLOCK + c];
                    for (size_t r = 0; r < g.rows; r++)
                        for (size_t x = 0; x < g.n; x++)
                            want += (double)g.in[r * g.in_row + x * g.step + k] *
                                    (double)g.d[r * g.d_row + x * g.d_step + c];
                    assert_true(fabs((double)grad[k * CREW_BLOCK + c] - want) < 2e-4);
                }
            if (kind && fuses(crew_kernels_at(kind)))
                assert_memory_equal(grad, first, g.depth * CREW_BLOCK * sizeof *grad);
            memcpy(first, grad, sizeof grad);
        }
    }
}

/* Backwards a unit lets through what it let through forwards; at 0 nothing. */
static void relu_opens_above_0(void **state)
{
    (void)state;
    const float up[6] = {0, 0, 1e-30f, 2, 0, NAN}, back[6] = {0, 0, 3, 4, 0, 0};
    for (size_t kind = 0; crew_kernels_at(kind); kind++) {
        float y[6] = {-1, 0, 1e-30f, 2, -0.0f, NAN}, e[6] = {1, 2, 3, 4, 5, 6};
        crew_kernels_at(kind)->relu(y, 6);
        for (int i = 0; i < 5; i++)
            assert_true(y[i] == up[i]);
        assert_true(isnan(y[5]));
        crew_kernels_at(kind)->relu_back(e, y, 6);
        for (int i = 0; i < 6; i++)
            assert_true(e[i] == back[i]);
    }
}

static void sums_and_maxima_go_by_column(void **state)
{
    (void)state;
    const float x[6] = {1, 2, 3, 4, 5, 6}, a[3] = {3, -1, NAN};
    for (size_t kind = 0; crew_kernels_at(kind); kind++) {
        float sum[2] = {10, 20}, y[3] = {2, -0.5f, 1}, dy[3] = {7, 8, 9}, dx[3] = {1, 1, 1};
        crew_kernels_at(kind)->sum_rows(sum, x, 3, 2);
        assert_true(sum[0] == 19 && sum[1] == 32);
        crew_kernels_at(kind)->maximum(y, a, 3);
        assert_true(y[0] == 3 && y[1] == -0.5f && isnan(y[2]));
        crew_kernels_at(kind)->give(dx, dy, a, y, 3); /* only the first has it to give */
        assert_true(dx[0] == 8 && dx[1] == 1 && dx[2] == 1);
        assert_true(dy[0] == 0 && dy[1] == 8 && dy[2] == 9);
    }
}

/* Loops over single values have the same bits in all kinds, whatever their length. */
static void steps_have_the_bits_of_their_formulas(void **state)
{
    (void)state;
    enum { MOST = 67 };
    const struct crew_sgd_step sgd = {0.7f, 0.01f, 0.9f, 0.1f, 1, 0.9f};
    const struct crew_adam_step adam = {0.7f,   0.01f,   0.9f,  0.1f, 0.999f,
                                        0.001f, 0.9999f, 0.02f, 1.3f, 1e-8f};
    for (size_t n = 1; n < MOST; n++)
        for (size_t kind = 0; crew_kernels_at(kind); kind++) {
            const struct crew_kernels *k = crew_kernels_at(kind);
            float w[MOST], v[MOST], a[MOST], m[MOST], q[MOST], sum[MOST], plain[MOST];
            const float *g = in, *start = in + 100;
            for (size_t i = 0; i < n; i++) {
                w[i] = a[i] = sum[i] = plain[i] = start[i];
                v[i] = m[i] = in[200 + i];
                q[i] = in[300 + i] * in[300 + i];
            }
            k->sgd(&sgd, g, w, v, n);
            k->sgd(&sgd, g, plain, NULL, n);
            k->adam(&adam, g, a, m, q, n);
            k->add(sum, g, n);
            for (size_t i = 0; i < n; i++) {
                float e = g[i] * 0.7f + 0.01f * start[i], u = 0.9f * in[200 + i] + e;
                float mean = 0.9f * in[200 + i] + 0.1f * e,
                      square = 0.999f * (in[300 + i] * in[300 + i]) + 0.001f * e * e;
                assert_true(v[i] == u && w[i] == start[i] - 0.1f * (1 * e + 0.9f * u));
                assert_true(plain[i] == start[i] - 0.1f * e);
                assert_true(m[i] == mean && q[i] == square);
                assert_true(a[i] ==
                            start[i] * 0.9999f - 0.02f * mean / (sqrtf(square) * 1.3f + 1e-8f));
                assert_true(sum[i] == start[i] + g[i]);
            }
        }
}

/* n values, one in four of a kind that comparisons treat specially. */
static void fill_special(float *x, size_t n, uint32_t a)
{
    static const float special[] = {NAN, 0, -0.0f, INFINITY, -INFINITY, 1};
    fill(x, n, a);
    for (size_t k = 0; k < n; k++)
        if (draw(a + 1, k, 4) == 0)
            x[k] = special[draw(a + 2, k, 6)];
}

/* These have the same bits, too, whatever their length, and leave alone what is beyond. */
static void choices_and_sums_have_the_bits_of_their_definitions(void **state)
{
    (void)state;
    enum { MOST = 67, ROWS = 3, ALL = MOST + 1 };
    float x[ALL], y[ALL], e[ALL], dx[ALL], rows[ROWS * MOST];
    for (size_t n = 1; n < MOST; n++)
        for (size_t kind = 0; crew_kernels_at(kind); kind++) {
            const struct crew_kernels *k = crew_kernels_at(kind);
            uint32_t a = 50 + 10 * (uint32_t)n;
            fill_special(x, ALL, a);
            fill_special(y, ALL, a + 3);
            fill(e, ALL, a + 6);
            fill(dx, ALL, a + 7);
            fill(rows, ROWS * MOST, a + 8);
            float up[ALL], back[ALL], most[ALL], left[ALL], given[ALL], sum[ALL];
            memcpy(up, y, sizeof up);
            memcpy(back, e, sizeof back);
            memcpy(most, y, sizeof most);
            memcpy(left, e, sizeof left);
            memcpy(given, dx, sizeof given);
            memcpy(sum, e, sizeof sum);
            k->relu(up, n);
            k->relu_back(back, y, n);
            k->maximum(most, x, n);
            k->give(given, left, x, most, n);
            k->sum_rows(sum, rows, ROWS, n);
            for (size_t i = 0; i < n; i++) {
                float larger = isnan(x[i]) || x[i] > y[i] ? x[i] : y[i], all = e[i];
                for (size_t r = 0; r < ROWS; r++)
                    all += rows[r * n + i];
                dx[i] += x[i] == larger ? e[i] : 0;
                x[i] = x[i] == larger ? 0 : e[i]; /* what is left to give */
                assert_memory_equal(&sum[i], &all, sizeof all);
                assert_memory_equal(&most[i], &larger, sizeof larger);
                e[i] = y[i] > 0 ? e[i] : 0;
                y[i] = y[i] < 0 ? 0 : y[i];
            }
            assert_memory_equal(up, y, sizeof up);
            assert_memory_equal(back, e, sizeof back);
            assert_memory_equal(given, dx, sizeof given);
            assert_memory_equal(left, x, n * sizeof *left);
            assert_true(left[n] == e[n] && sum[n] == e[n]);
        }
}

/* Where y is not positive the gradient is 0, in the copy and in the sum. */
static void spreading_masks_and_sums(void **state)
{
    (void)state;
    enum { N = 5, DEPTH = 19, STEP = 23 };
    for (size_t kind = 0; crew_kernels_at(kind); kind++)
        for (int relu = 0; relu < 2; relu++) {
            float out[N * STEP] = {0}, sum[DEPTH] = {0}, want[DEPTH] = {0};
            crew_kernels_at(kind)->spread(out, STEP, d, relu ? in : NULL, sum, N, DEPTH);
            for (size_t i = 0; i < N; i++)
                for (size_t c = 0; c < STEP; c++) {
                    size_t at = i * DEPTH + c;
                    float e = c < DEPTH && (!relu || in[at] > 0) ? d[at] : 0;
                    assert_true(out[i * STEP + c] == e);
                    if (c < DEPTH)
                        want[c] += e;
                }
            assert_memory_equal(sum, want, sizeof sum);
        }
}

static int prepare(void **state)
{
    (void)state;
    fill(in, IN, 40);
    fill(weight, W * CREW_BLOCK, 41);
    fill(bias, CREW_BLOCK, 42);
    fill(d, sizeof d / sizeof *d, 43);
    printf("kinds:");
    for (size_t k = 0; crew_kernels_at(k); k++)
        printf(" %s", crew_kernels_at(k)->name);
    printf("\n");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_a_convolution_is_its_definition),
        cmocka_unit_test(what_is_not_a_number_passes_a_convolution),
        cmocka_unit_test(the_gradient_of_weights_is_its_definition),
        cmocka_unit_test(relu_opens_above_0),
        cmocka_unit_test(sums_and_maxima_go_by_column),
        cmocka_unit_test(steps_have_the_bits_of_their_formulas),
        cmocka_unit_test(choices_and_sums_have_the_bits_of_their_definitions),
        cmocka_unit_test(spreading_masks_and_sums),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, prepare, NULL);
}
