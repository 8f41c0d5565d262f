/* Networks of layers, one after the other. */
#ifndef CREW_MODEL_SEQUENTIAL_H
#define CREW_MODEL_SEQUENTIAL_H

#include "model/layer.h"

struct crew_sequential {
    const struct crew_kernels *kernels;
    struct crew_extent in, top; /* what the first layer gets, and the next one would */
    uint32_t n, parts;          /* layers, and those of them with parameters */
    size_t n_params;
    size_t widest;  /* of the layers' outputs, floats a row */
    size_t outputs; /* sum of them */
    struct crew_layer layer[CREW_MAX_LAYERS];
};

/* Put a layer with these settings on top, which makes `out` of s->top: at most CREW_MAX_LAYERS
 * of them, or too many parameters, is CREW_EINVAL. */
CREW_CHECKED crew_status crew_sequential_add(struct crew_sequential *s,
                                             const struct crew_layer *settings,
                                             struct crew_extent out, struct crew_error *err);

extern const struct crew_model_ops crew_model_softmax, crew_model_mlp, crew_model_cnn;

#endif
