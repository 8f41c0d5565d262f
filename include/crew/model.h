/** @file model.h
 * Write a model: a stateless function over one flat parameter vector. Its object holds shapes only,
 * so any number of threads may use it at once, each with a workspace of its own. */
#ifndef CREW_MODEL_H
#define CREW_MODEL_H

#include <crew/executor.h>
#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CREW_MODEL_ABI 1u

/** What goes in and comes out. */
struct crew_model_shape {
    uint32_t height, width, depth; /**< of one row; features = their product, depth fastest */
    uint32_t classes;              /**< >= 2 */
};

/** A named part of the parameter vector, for files and for reading it elsewhere. */
struct crew_tensor {
    char name[48];     /**< "layers.0.weight" */
    uint32_t n_dims;   /**< 1..4 */
    uint64_t dims[4];  /**< row-major */
    size_t offset;     /**< in floats, into the parameter vector */
};

/** Rows to learn from, gathered by the caller. */
struct crew_batch {
    const float *x;        /**< [rows][features] */
    const uint32_t *label; /**< [rows], each < classes */
    uint32_t rows;         /**< >= 1 */
    float weight;          /**< of each row in the sum: 1 / rows of the whole round */
};

struct crew_model_ops {
    uint32_t abi;
    const char *name;    /**< as typed: "mlp"; settings follow: "mlp:256,128" */
    const char *summary; /**< one line without a full stop */
    CREW_CHECKED crew_status (*create)(const char *settings, const struct crew_model_shape *shape,
                                       void **self, struct crew_error *err);
    size_t (*n_params)(const void *self);
    /** Bytes of scratch for that many rows, a multiple of 64. */
    size_t (*workspace_bytes)(const void *self, uint32_t rows);
    /** Part i of the parameter vector; false past the last. In order and without gaps. */
    bool (*tensor)(const void *self, uint32_t i, struct crew_tensor *out);
    /** Initial weights: a function of seed alone, in exact arithmetic, the same on every machine. */
    void (*init)(const void *self, uint64_t seed, float *params);
    /** grad (+)= sum over rows of weight * d loss(row) / d params; *loss = the sum of weight * loss(row).
     *  add: grad already holds a sum that this one is added to, as if it had been computed apart and
     *  added afterwards, elementwise; else grad is overwritten. CREW_ESTOPPED: see crew_task_stopped(). */
    CREW_CHECKED crew_status (*gradient)(const void *self, const struct crew_task_context *task,
                                         const float *params, const struct crew_batch *batch,
                                         void *workspace, bool add, float *grad, double *loss);
    /** Class probabilities [rows][classes] of x [rows][features]. */
    void (*predict)(const void *self, const float *params, const float *x, uint32_t rows,
                    void *workspace, float *probability);
    void (*destroy)(void *self); /**< NULL is fine */
};

/** The model called `name` (up to a colon or the end), or NULL. Any thread. */
CREW_API const struct crew_model_ops *crew_model_find(const char *name);

/** Built-in models in the order `crew list models` shows; NULL past the end. */
CREW_API const struct crew_model_ops *crew_model_at(size_t i);

#ifdef __cplusplus
}
#endif
#endif
