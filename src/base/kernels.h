/* The hot loops that are not BLAS, once for each kind of vector unit; chosen at run time. Each
 * output is one chain of operations in the order its comment gives, whatever the vector width,
 * so all kinds that fuse multiply and add give the same bits; `plain` on x86 rounds twice. */
#ifndef CREW_BASE_KERNELS_H
#define CREW_BASE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

enum { CREW_BLOCK = 16 }; /* channels computed at a time: weights are packed by so many */

/* A row of outputs of a convolution, CREW_BLOCK channels of it. */
struct crew_conv_row {
    size_t n;           /* outputs, >= 1 */
    size_t taps, depth; /* kernel rows; floats a kernel row covers: width x input depth */
    const float *in;    /* first input of the first output */
    size_t in_row,
        step; /* floats from one input row to the next; from one output's to the next */
    const float *weight; /* [taps][depth][CREW_BLOCK] */
    const float *bias;   /* [CREW_BLOCK] */
    bool relu;
    float *out;
    size_t out_step; /* floats from one output to the next */
    size_t lanes;    /* 1..CREW_BLOCK channels are written */
};

/* Gradients of CREW_BLOCK channels' weights from an image. */
struct crew_conv_gradient {
    size_t rows, n; /* of outputs */
    size_t depth;   /* as above */
    const float *in;
    size_t in_row, step;
    const float *d; /* the outputs' gradient, CREW_BLOCK channels */
    size_t d_row, d_step;
    float *grad; /* [depth][CREW_BLOCK] added to */
};

/* One step of momentum SGD: d = scale g + decay w, v = mu v + d, w -= rate (a d + b v). */
struct crew_sgd_step {
    float scale, decay, mu, rate, a, b;
};

/* One step of Adam: d = scale g + decay w, m = b1 m + c1 d, v = b2 v + c2 d d,
 * w = shrink w - rate m / (sqrt(v) correct + eps). */
struct crew_adam_step {
    float scale, decay, b1, c1, b2, c2, shrink, rate, correct, eps;
};

struct crew_kernels {
    const char *name;
    /* to[i] += from[i] */
    void (*add)(float *to, const float *from, size_t n);
    /* v NULL: without momentum, w -= rate d */
    void (*sgd)(const struct crew_sgd_step *s, const float *g, float *w, float *v, size_t n);
    void (*adam)(const struct crew_adam_step *s, const float *g, float *w, float *m, float *v,
                 size_t n);
    /* out[i][c] = bias[c] + sum over r, k of in[r][i step + k] weight[r][k][c], r first */
    void (*conv_row)(const struct crew_conv_row *a);
    /* grad[k][c] += sum over rows r, outputs i of in[r][i step + k] d[r][i][c], r first */
    void (*conv_gradient)(const struct crew_conv_gradient *a);
    /* y = max(y, 0); NaN stays */
    void (*relu)(float *y, size_t n);
    /* d[i] = 0 where y[i] is not positive: the way back through relu, y being its output */
    void (*relu_back)(float *d, const float *y, size_t n);
    /* sum[j] += d[r][j], top to bottom */
    void (*sum_rows)(float *sum, const float *d, size_t rows, size_t width);
    /* y[j] = max(y[j], x[j]); NaN wins */
    void (*maximum)(float *y, const float *x, size_t n);
    /* where x[j] = y[j]: dy[j] goes over to dx[j], 0 stays; there and elsewhere dx is added to
     */
    void (*give)(float *dx, float *dy, const float *x, const float *y, size_t n);
    /* n outputs' gradients d [n][depth], those of relu's flat part (where y is not positive; y
     * NULL: none) made 0, to out, out_step floats apart; and added to sum [depth], in order */
    void (*spread)(float *out, size_t out_step, const float *d, const float *y, float *sum,
                   size_t n, size_t depth);
};

/* Kinds this processor has, the fastest first; NULL past the end. Any thread. */
const struct crew_kernels *crew_kernels_at(size_t i);

#endif
