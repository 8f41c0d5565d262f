/* The kernels over vectors of LANES floats. Includers define
 *   NAME          of the kind
 *   TARGET        attribute of functions that use its instructions, or nothing
 *   LANES, vec    a vector and how many floats it has
 *   TILE          outputs computed at a time, <= 12: as many sums as registers hold
 *   LOAD, STORE, SPLAT, MULTIPLY_ADD(a, b, c) = a b + c, POSITIVE(v) = max(v, 0), NaN stays
 */
#include "base/kernels.h"
#include <math.h>
#include <string.h>

enum { PER_BLOCK = CREW_BLOCK / LANES, OUTPUTS = 96 };

/* CALL(a, first, p) with p, 1..TILE, as a constant. */
#define CASE(P, CALL, A, FIRST)              \
    case P:                                  \
        CALL(A, FIRST, P < TILE ? P : TILE); \
        break
#define WITH_CONSTANT(P, ...)   \
    switch (P) {                \
        CASE(1, __VA_ARGS__);   \
        CASE(2, __VA_ARGS__);   \
        CASE(3, __VA_ARGS__);   \
        CASE(4, __VA_ARGS__);   \
        CASE(5, __VA_ARGS__);   \
        CASE(6, __VA_ARGS__);   \
        CASE(7, __VA_ARGS__);   \
        CASE(8, __VA_ARGS__);   \
        CASE(9, __VA_ARGS__);   \
        CASE(10, __VA_ARGS__);  \
        CASE(11, __VA_ARGS__);  \
    default:                    \
        WITH_MOST(__VA_ARGS__); \
    }
#define WITH_MOST(CALL, A, FIRST) CALL(A, FIRST, TILE)

#define ALWAYS static inline __attribute__((always_inline)) TARGET

/* p outputs, CREW_BLOCK channels: p x PER_BLOCK sums in registers; p is a constant. */
ALWAYS void conv_tile(const struct crew_conv_row *a, size_t first, size_t p)
{
    vec sum[TILE][PER_BLOCK];
    for (size_t i = 0; i < p; i++)
        for (size_t v = 0; v < PER_BLOCK; v++)
            sum[i][v] = LOAD(a->bias + v * LANES);
    const float *w = a->weight;
    for (size_t r = 0; r < a->taps; r++) {
        const float *in = a->in + first * a->step + r * a->in_row;
        for (size_t k = 0; k < a->depth; k++, w += CREW_BLOCK) {
            vec weight[PER_BLOCK];
            for (size_t v = 0; v < PER_BLOCK; v++)
                weight[v] = LOAD(w + v * LANES);
            for (size_t i = 0; i < p; i++) {
                vec x = SPLAT(in + i * a->step + k);
                for (size_t v = 0; v < PER_BLOCK; v++)
                    sum[i][v] = MULTIPLY_ADD(x, weight[v], sum[i][v]);
            }
        }
    }
    for (size_t i = 0; i < p; i++) {
        float *y = a->out + (first + i) * a->out_step, part[CREW_BLOCK];
        float *to = a->lanes == CREW_BLOCK ? y : part;
        for (size_t v = 0; v < PER_BLOCK; v++)
            STORE(to + v * LANES, a->relu ? POSITIVE(sum[i][v]) : sum[i][v]);
        if (to == part)
            memcpy(y, part, a->lanes * sizeof *y);
    }
}

/* Tiles of equal size or one less: a remainder of one or two would wait for its own sums. */
TARGET static void conv_row(const struct crew_conv_row *a)
{
    size_t tiles = (a->n + TILE - 1) / TILE;
    for (size_t t = 0; t < tiles; t++) {
        size_t first = a->n * t / tiles, p = a->n * (t + 1) / tiles - first;
        WITH_CONSTANT(p, conv_tile, a, first);
    }
}

/* Outputs of a few rows, for p inputs of the kernel row. */
ALWAYS void gradient_tile(const struct crew_conv_gradient *a, size_t first, size_t p)
{
    vec sum[TILE][PER_BLOCK];
    float *grad = a->grad + first * CREW_BLOCK;
    for (size_t i = 0; i < p; i++)
        for (size_t v = 0; v < PER_BLOCK; v++)
            sum[i][v] = LOAD(grad + i * CREW_BLOCK + v * LANES);
    for (size_t r = 0; r < a->rows; r++) {
        const float *in = a->in + r * a->in_row + first, *d = a->d + r * a->d_row;
        for (size_t x = 0; x < a->n; x++, in += a->step, d += a->d_step) {
            vec e[PER_BLOCK];
            for (size_t v = 0; v < PER_BLOCK; v++)
                e[v] = LOAD(d + v * LANES);
            for (size_t i = 0; i < p; i++) {
                vec y = SPLAT(in + i);
                for (size_t v = 0; v < PER_BLOCK; v++)
                    sum[i][v] = MULTIPLY_ADD(y, e[v], sum[i][v]);
            }
        }
    }
    for (size_t i = 0; i < p; i++)
        for (size_t v = 0; v < PER_BLOCK; v++)
            STORE(grad + i * CREW_BLOCK + v * LANES, sum[i][v]);
}

/* A block of rows at a time, so that both images' parts stay in the first cache for all tiles;
 * the sums go on where they were. */
TARGET static void conv_gradient(const struct crew_conv_gradient *a)
{
    size_t tiles = (a->depth + TILE - 1) / TILE, rows = a->n < OUTPUTS ? OUTPUTS / a->n : 1;
    struct crew_conv_gradient part = *a;
    for (size_t left = a->rows; left > 0; left -= part.rows) {
        part.rows = left < rows ? left : rows;
        for (size_t t = 0; t < tiles; t++) {
            size_t first = a->depth * t / tiles, p = a->depth * (t + 1) / tiles - first;
            WITH_CONSTANT(p, gradient_tile, &part, first);
        }
        part.in += part.rows * a->in_row;
        part.d += part.rows * a->d_row;
    }
}

TARGET static void relu(float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] < 0.0f ? 0.0f : y[i];
}

TARGET static void relu_back(float *restrict d, const float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d[i] = y[i] > 0.0f ? d[i] : 0.0f;
}

TARGET static void sum_rows(float *restrict sum, const float *restrict d, size_t rows,
                            size_t width)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++)
            sum[j] += d[r * width + j];
}

TARGET static void maximum(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
}

TARGET static void give(float *restrict dx, float *restrict dy, const float *restrict x,
                        const float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++) /* two loops: compilers make branches of one */
        dx[i] += x[i] == y[i] ? dy[i] : 0.0f;
    for (size_t i = 0; i < n; i++)
        dy[i] = x[i] == y[i] ? 0.0f : dy[i];
}

TARGET static void spread(float *restrict out, size_t out_step, const float *restrict d,
                          const float *restrict y, float *restrict sum, size_t n, size_t depth)
{
    for (size_t i = 0; i < n; i++, out += out_step, d += depth) {
        for (size_t c = 0; c < depth; c++) {
            float e = !y || y[c] > 0.0f ? d[c] : 0.0f;
            out[c] = e;
            sum[c] += e;
        }
        y = y ? y + depth : NULL;
    }
}

TARGET static void add(float *restrict to, const float *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

TARGET static void sgd(const struct crew_sgd_step *step, const float *restrict g,
                       float *restrict w, float *restrict v, size_t n)
{
    const struct crew_sgd_step s = *step; /* in registers: no store can change it */
    for (size_t i = 0; i < n && !v; i++)
        w[i] -= s.rate * (g[i] * s.scale + s.decay * w[i]);
    for (size_t i = 0; i < n && v; i++) {
        float d = g[i] * s.scale + s.decay * w[i];
        v[i] = s.mu * v[i] + d;
        w[i] -= s.rate * (s.a * d + s.b * v[i]);
    }
}

TARGET static void adam(const struct crew_adam_step *step, const float *restrict g,
                        float *restrict w, float *restrict m, float *restrict v, size_t n)
{
    const struct crew_adam_step s = *step;
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * s.scale + s.decay * w[i];
        m[i] = s.b1 * m[i] + s.c1 * d;
        v[i] = s.b2 * v[i] + s.c2 * d * d;
        w[i] = w[i] * s.shrink - s.rate * m[i] / (sqrtf(v[i]) * s.correct + s.eps);
    }
}

#define KERNELS                                                             \
    {                                                                       \
        .name = NAME, .conv_row = conv_row, .conv_gradient = conv_gradient, \
        .relu = relu, .relu_back = relu_back, .sum_rows = sum_rows,         \
        .maximum = maximum, .give = give, .spread = spread, .add = add,     \
        .sgd = sgd, .adam = adam                                            \
    }
