/* Layers that look at one value at a time: relu where it has no layer to be part of, dropout.
 */
#include "base/rng.h"
#include "model/layer.h"
#include <string.h>

static size_t count(const struct crew_layer *l, const struct crew_pass *pass)
{
    return pass->rows * crew_extent_size(l->in);
}

static void relu_forward(const struct crew_layer *l, const struct crew_pass *pass,
                         const float *x, float *y)
{
    memcpy(y, x, count(l, pass) * sizeof *y);
    pass->kernels->relu(y, count(l, pass));
}

static void relu_backward(const struct crew_layer *l, const struct crew_pass *pass,
                          const float *x, const float *y, float *dy, float *dx, bool add,
                          float *grad)
{
    (void)x;
    (void)add;
    (void)grad;
    if (!dx)
        return;
    memcpy(dx, dy, count(l, pass) * sizeof *dx);
    pass->kernels->relu_back(dx, y, count(l, pass));
}

/* y[i] = x[i] / (1 - rate), or 0 with probability rate: a function of (seed, round, task,
 * layer, i) alone, 16 bits a value. Source: Srivastava et al., "Dropout", JMLR 15, 2014; scaled
 * when trained, so that prediction needs nothing. */
static void drop(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                 float *y)
{
    const struct crew_task_context *task = pass->task;
    const uint32_t least = (uint32_t)(l->rate * 65536.0f + 0.5f), per_block = 8;
    const float factor = 1.0f / (1.0f - l->rate);
    for (size_t i = 0, n = count(l, pass); i < n; i += per_block) {
        uint32_t r[4];
        crew_rng4(task->seed, CREW_STREAM_DROPOUT, task->task * CREW_MAX_LAYERS + l->place,
                  task->round << 32 ^ i / per_block, r);
        for (size_t j = 0; j < per_block && i + j < n; j++)
            y[i + j] = (r[j / 2] >> j % 2 * 16 & 0xffff) < least ? 0.0f : x[i + j] * factor;
    }
}

static void drop_forward(const struct crew_layer *l, const struct crew_pass *pass,
                         const float *x, float *y)
{
    if (pass->task)
        drop(l, pass, x, y);
    else
        memcpy(y, x, count(l, pass) * sizeof *y);
}

static void drop_backward(const struct crew_layer *l, const struct crew_pass *pass,
                          const float *x, const float *y, float *dy, float *dx, bool add,
                          float *grad)
{
    (void)x;
    (void)y;
    (void)add;
    (void)grad;
    if (dx)
        drop(l, pass, dy, dx);
}

const struct crew_layer_ops crew_layer_relu = {.forward = relu_forward,
                                               .backward = relu_backward};
const struct crew_layer_ops crew_layer_dropout = {.forward = drop_forward,
                                                  .backward = drop_backward};
