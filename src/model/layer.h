/* A layer of a network: shapes and a place in the parameter vector, no state. Activations are
 * [rows][height][width][depth], depth fastest, so an image and a plain row of features are one
 * thing. */
#ifndef CREW_MODEL_LAYER_H
#define CREW_MODEL_LAYER_H

#include "base/kernels.h"
#include <crew/model.h>

enum { CREW_MAX_LAYERS = 64 };

struct crew_extent {
    size_t height, width, depth;
};

/* Floats a row takes. Checked against overflow when a layer is made. */
static inline size_t crew_extent_size(struct crew_extent e)
{
    return e.height * e.width * e.depth;
}

/* What one call works with. */
struct crew_pass {
    const struct crew_kernels *kernels;
    const struct crew_task_context *task; /* NULL: prediction, nothing is dropped out */
    const float *params;
    size_t rows;
    float *scratch; /* of the layer's scratch() floats, undefined between calls */
    float *kept;    /* of its kept() floats, what forward() leaves for backward() */
};

struct crew_layer {
    const struct crew_layer_ops *ops;
    struct crew_extent in, out;
    size_t height, width, stride, pad; /* of a kernel or window, and the zeros around it */
    float rate;                        /* dropout: share of values dropped */
    size_t groups;                     /* norm: groups of channels */
    bool relu;                         /* y = max(y, 0) at the end */
    size_t weights, biases;            /* how many parameters; 0: none */
    size_t weight, bias;               /* where they are in the parameter vector */
    uint32_t number;                   /* among layers with parameters, from 0 */
    uint32_t place;                    /* among all layers, from 0 */
};

struct crew_layer_ops {
    /* Floats of scratch and of kept for that many rows. NULL: none. */
    size_t (*scratch)(const struct crew_layer *l, size_t rows);
    size_t (*kept)(const struct crew_layer *l, size_t rows);
    /* Weights' dimensions; NULL: no parameters. Returns how many inputs make an output; 0:
     * weights are gains, which start at 1. */
    size_t (*dims)(const struct crew_layer *l, struct crew_tensor *weight);
    /* y [rows][out] from x [rows][in]. */
    void (*forward)(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                    float *y);
    /* grad (+)= the parameters' part; dx [rows][in], unless NULL, from dy [rows][out], which
     * may be overwritten. x and y are what forward() had and made. `grad` is the whole
     * vector's, as crew_model_ops.gradient() has it. */
    void (*backward)(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                     const float *y, float *dy, float *dx, bool add, float *grad);
};

extern const struct crew_layer_ops crew_layer_dense, crew_layer_conv, crew_layer_max_pool,
    crew_layer_average_pool, crew_layer_relu, crew_layer_dropout, crew_layer_norm;

#endif
