/* Group normalisation: in each row and group of channels the mean becomes 0 and the variance 1,
 * then each channel has a gain and a bias. It sees one row at a time, so what a task computes
 * does not depend on the others. One group: layer normalisation. Source: Wu, He, "Group
 * normalization", ECCV 2018, arXiv:1803.08494. */
#include "model/layer.h"
#include <math.h>
#include <string.h>

static const double EPSILON = 1e-5; /* added to the variance, as in PyTorch */

static size_t dims(const struct crew_layer *l, struct crew_tensor *weight)
{
    weight->n_dims = 1;
    weight->dims[0] = l->in.depth;
    return 0;
}

static size_t scratch(const struct crew_layer *l, size_t rows)
{
    (void)rows;
    return 4 * l->in.depth;
}

static size_t kept(const struct crew_layer *l, size_t rows)
{
    return 2 * l->groups * rows; /* mean and 1 / standard deviation */
}

static double group_sum(const struct crew_layer *l, size_t group, const float *by_channel,
                        const float *factor)
{
    size_t n = l->in.depth / l->groups;
    double sum = 0;
    for (size_t c = group * n; c < (group + 1) * n; c++)
        sum += (double)by_channel[c] * (factor ? (double)factor[c] : 1);
    return sum;
}

static double group_size(const struct crew_layer *l)
{
    return (double)(crew_extent_size(l->in) / l->groups);
}

static void statistics(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                       float *kept_row)
{
    size_t depth = l->in.depth, pixels = l->in.height * l->in.width, n = depth / l->groups;
    float *sum = pass->scratch, *mean = sum + depth;
    memset(sum, 0, depth * sizeof *sum);
    pass->kernels->sum_rows(sum, x, pixels, depth);
    for (size_t c = 0; c < depth; c++)
        mean[c] = (float)(group_sum(l, c / n, sum, NULL) / group_size(l));
    memset(sum, 0, depth * sizeof *sum);
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < depth; c++) {
            float d = x[p * depth + c] - mean[c];
            sum[c] += d * d;
        }
    for (size_t g = 0; g < l->groups; g++) {
        kept_row[2 * g] = mean[g * n];
        kept_row[2 * g + 1] =
            (float)(1 / sqrt(group_sum(l, g, sum, NULL) / group_size(l) + EPSILON));
    }
}

static void forward(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                    float *y)
{
    const float *gain = pass->params + l->weight, *bias = pass->params + l->bias;
    size_t depth = l->in.depth, pixels = l->in.height * l->in.width, n = depth / l->groups;
    float *factor = pass->scratch + 2 * depth, *offset = factor + depth;
    for (size_t r = 0; r < pass->rows; r++, x += pixels * depth, y += pixels * depth) {
        float *kept_row = pass->kept + r * 2 * l->groups;
        statistics(l, pass, x, kept_row);
        for (size_t c = 0; c < depth; c++) {
            factor[c] = gain[c] * kept_row[2 * (c / n) + 1];
            offset[c] = bias[c] - kept_row[2 * (c / n)] * factor[c];
        }
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < depth; c++)
                y[p * depth + c] = x[p * depth + c] * factor[c] + offset[c];
        if (l->relu)
            pass->kernels->relu(y, pixels * depth);
    }
}

/* One row: sums of dy and of dy z over the pixels, z being the normalised x; then
 *   dx = gain dy / deviation - (mean(gain dy) + z mean(gain dy z)) / deviation
 * with means over the group. */
static void row_backward(const struct crew_layer *l, const struct crew_pass *pass,
                         const float *x, const float *dy, const float *kept_row, float *dx)
{
    const float *gain = pass->params + l->weight;
    size_t depth = l->in.depth, pixels = l->in.height * l->in.width, n = depth / l->groups;
    float *plain = pass->scratch, *by_z = plain + depth;
    memset(plain, 0, 2 * depth * sizeof *plain);
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < depth; c++) {
            const float *k = kept_row + 2 * (c / n);
            plain[c] += dy[p * depth + c];
            by_z[c] += dy[p * depth + c] * ((x[p * depth + c] - k[0]) * k[1]);
        }
    if (!dx)
        return;
    for (size_t g = 0; g < l->groups; g++) {
        float mean = kept_row[2 * g], inverse = kept_row[2 * g + 1];
        float a = (float)(group_sum(l, g, plain, gain) / group_size(l)),
              b = (float)(group_sum(l, g, by_z, gain) / group_size(l));
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = g * n; c < (g + 1) * n; c++) {
                size_t i = p * depth + c;
                dx[i] = inverse * (gain[c] * dy[i] - a - (x[i] - mean) * inverse * b);
            }
    }
}

static void backward(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                     const float *y, float *dy, float *dx, bool add, float *grad)
{
    size_t depth = l->in.depth, size = crew_extent_size(l->in);
    float *row = pass->scratch, *sum = row + 2 * depth, *gain = grad + l->weight,
          *bias = grad + l->bias;
    memset(sum, 0, 2 * depth * sizeof *sum);
    for (size_t r = 0; r < pass->rows; r++) {
        size_t at = r * size;
        if (l->relu)
            pass->kernels->relu_back(dy + at, y + at, size);
        row_backward(l, pass, x + at, dy + at, pass->kept + r * 2 * l->groups,
                     dx ? dx + at : NULL);
        pass->kernels->sum_rows(sum, row, 1, 2 * depth);
    }
    for (size_t c = 0; c < depth; c++) {
        bias[c] = add ? bias[c] + sum[c] : sum[c];
        gain[c] = add ? gain[c] + sum[depth + c] : sum[depth + c];
    }
}

const struct crew_layer_ops crew_layer_norm = {
    .dims = dims, .scratch = scratch, .kept = kept, .forward = forward, .backward = backward};
