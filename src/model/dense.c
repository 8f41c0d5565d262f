/* y = x W + b, W as [in][out]: the faster of the two layouts under OpenBLAS, which packs W anew
 * for each task. Weights packed once a round for the kernels of convolutions were tried: y and
 * dx take 0.86 of sgemm's time for tasks of 64 rows, W' 1.1 to 1.4 times it, packing 0.2
 * products each: 6 % of a round of 16 tasks. Joining tasks (fuse-quota) saves more, by the same
 * packing for all of them [Zen 3]. */
#include "base/blas.h"
#include "model/layer.h"
#include "model/loss.h"
#include <string.h>

static size_t dims(const struct crew_layer *l, struct crew_tensor *weight)
{
    weight->n_dims = 2;
    weight->dims[0] = crew_extent_size(l->in);
    weight->dims[1] = l->out.depth;
    return crew_extent_size(l->in);
}

static size_t scratch(const struct crew_layer *l, size_t rows)
{
    (void)rows;
    return l->out.depth;
}

static void forward(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                    float *y)
{
    crew_fill_bias(y, pass->params + l->bias, pass->rows, l->out.depth);
    /* y[rows][out] = bias + x[rows][in] W[in][out] */
    crew_gemm_nn(pass->rows, l->out.depth, crew_extent_size(l->in), x, pass->params + l->weight,
                 y);
    if (l->relu)
        pass->kernels->relu(y, pass->rows * l->out.depth);
}

static void backward(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                     const float *y, float *dy, float *dx, bool add, float *grad)
{
    size_t in = crew_extent_size(l->in), out = l->out.depth, rows = pass->rows;
    float *row = pass->scratch, *bias = grad + l->bias;
    if (l->relu)
        pass->kernels->relu_back(dy, y, rows * out);
    if (!add)
        memset(grad + l->weight, 0, l->weights * sizeof *grad);
    /* W'[in][out] += x[rows][in]' dy[rows][out] */
    crew_gemm_tn(in, out, rows, x, dy, grad + l->weight);
    memset(row, 0, out * sizeof *row);
    pass->kernels->sum_rows(row, dy, rows, out);
    for (size_t j = 0; j < out; j++)
        bias[j] = add ? bias[j] + row[j] : row[j];
    if (!dx)
        return;
    memset(dx, 0, rows * in * sizeof *dx);
    /* dx[rows][in] = dy[rows][out] W[in][out]' */
    crew_gemm_nt(rows, in, out, dy, pass->params + l->weight, dx);
}

const struct crew_layer_ops crew_layer_dense = {
    .dims = dims, .scratch = scratch, .forward = forward, .backward = backward};
