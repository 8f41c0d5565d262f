/* A model with parameters and all that is needed to run it. */
#ifndef CREW_TRAIN_NETWORK_H
#define CREW_TRAIN_NETWORK_H

#include "train/safetensors.h"
#include <crew/crew.h>

struct crew_network {
    const struct crew_model_ops *ops;
    void *model;
    char *spec; /* "mlp:64" */
    struct crew_model_shape shape;
    uint32_t features;
    char **class_names;        /* [classes] or NULL */
    struct crew_scaler scaler; /* features 0: none */
    size_t n_params;
    float *params;
    bool owns_params; /* false: they are the trainer's */
};

/* Rows that are evaluated at a time: enough for a fast product, few enough for the cache. */
enum { CREW_EVAL_ROWS = 256 };

/* Everything but the parameters. Names and scaler are copied. */
CREW_CHECKED crew_status crew_network_create(const char *spec,
                                             const struct crew_model_shape *shape,
                                             const char *const *class_names,
                                             const struct crew_scaler *scaler,
                                             crew_network **out, struct crew_error *err);
CREW_CHECKED crew_status crew_network_save(const crew_network *net, const char *path,
                                           bool replace, struct crew_error *err);
/* The same with other parameters [n_params] than its own, and sealed with what else there is: a
 * checkpoint is a model with more in it. */
enum { CREW_ST_EXTRA = 16 }; /* of each, at most */
struct crew_st_extra {
    const struct crew_st_meta *meta;
    size_t n_meta;
    const struct crew_st_tensor *tensor;
    size_t n_tensors;
};
CREW_CHECKED crew_status crew_network_save_with(const crew_network *net, const float *params,
                                                const char *path, bool replace,
                                                const struct crew_st_extra *extra,
                                                struct crew_error *err);

/* Scratch for crew_network_block(), in bytes, and the block itself: rows [first, first + n) of
 * data, n <= CREW_EVAL_ROWS; adds their summed loss and number of hits to out, and to confusion
 * unless NULL. */
size_t crew_network_block_bytes(const crew_network *net);
void crew_network_block(const crew_network *net, const crew_dataset *data, size_t first,
                        uint32_t n, void *scratch, struct crew_evaluation *out,
                        uint64_t *confusion);

/* May this data set be evaluated with this network? */
CREW_CHECKED crew_status crew_network_fits(const crew_network *net, const crew_dataset *data,
                                           struct crew_error *err);

#endif
