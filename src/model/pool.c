/* Largest value or mean of a window, channel by channel. Windows lie inside the image: what is
 * left over at its right and lower edge is not read. */
#include "model/layer.h"
#include <string.h>

/* The input at row r, column s of output (i, j)'s window. */
static size_t at(const struct crew_layer *l, size_t i, size_t j, size_t r, size_t s)
{
    return ((i * l->stride + r) * l->in.width + j * l->stride + s) * l->in.depth;
}

static void max_forward(const struct crew_layer *l, const struct crew_pass *pass,
                        const float *x, float *y)
{
    size_t n = l->in.depth;
    for (size_t row = 0; row < pass->rows; row++, x += crew_extent_size(l->in))
        for (size_t i = 0; i < l->out.height; i++)
            for (size_t j = 0; j < l->out.width; j++, y += n) {
                memcpy(y, x + at(l, i, j, 0, 0), n * sizeof *y);
                for (size_t r = 0; r < l->height; r++)
                    for (size_t s = 0; s < l->width; s++)
                        pass->kernels->maximum(y, x + at(l, i, j, r, s), n);
            }
}

/* Of equal values the first has the gradient. */
static void max_backward(const struct crew_layer *l, const struct crew_pass *pass,
                         const float *x, const float *y, float *dy, float *dx, bool add,
                         float *grad)
{
    (void)add;
    (void)grad;
    size_t n = l->in.depth, size = crew_extent_size(l->in);
    for (size_t row = 0; dx && row < pass->rows; row++, x += size, dx += size) {
        memset(dx, 0, size * sizeof *dx); /* an image at a time: it stays near */
        for (size_t i = 0; i < l->out.height; i++)
            for (size_t j = 0; j < l->out.width; j++, y += n, dy += n)
                for (size_t r = 0; r < l->height; r++)
                    for (size_t s = 0; s < l->width; s++)
                        pass->kernels->give(dx + at(l, i, j, r, s), dy, x + at(l, i, j, r, s),
                                            y, n);
    }
}

static float share(const struct crew_layer *l)
{
    return 1.0f / (float)(l->height * l->width);
}

static void average_forward(const struct crew_layer *l, const struct crew_pass *pass,
                            const float *x, float *y)
{
    size_t n = l->in.depth;
    for (size_t row = 0; row < pass->rows; row++, x += crew_extent_size(l->in))
        for (size_t i = 0; i < l->out.height; i++)
            for (size_t j = 0; j < l->out.width; j++, y += n) {
                memset(y, 0, n * sizeof *y);
                for (size_t r = 0; r < l->height; r++)
                    pass->kernels->sum_rows(y, x + at(l, i, j, r, 0), l->width, n);
                for (size_t k = 0; k < n; k++)
                    y[k] *= share(l);
            }
}

static void average_backward(const struct crew_layer *l, const struct crew_pass *pass,
                             const float *x, const float *y, float *dy, float *dx, bool add,
                             float *grad)
{
    (void)x;
    (void)y;
    (void)add;
    (void)grad;
    size_t n = l->in.depth, size = crew_extent_size(l->in);
    for (size_t row = 0; dx && row < pass->rows; row++, dx += size) {
        memset(dx, 0, size * sizeof *dx);
        for (size_t i = 0; i < l->out.height; i++)
            for (size_t j = 0; j < l->out.width; j++, dy += n) {
                for (size_t k = 0; k < n; k++)
                    dy[k] *= share(l);
                for (size_t r = 0; r < l->height; r++)
                    for (size_t s = 0; s < l->width; s++)
                        pass->kernels->sum_rows(dx + at(l, i, j, r, s), dy, 1, n);
            }
    }
}

const struct crew_layer_ops crew_layer_max_pool = {.forward = max_forward,
                                                   .backward = max_backward};
const struct crew_layer_ops crew_layer_average_pool = {.forward = average_forward,
                                                       .backward = average_backward};
