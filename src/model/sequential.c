/* Layers one after the other, softmax and cross-entropy on top. Workspace: the outputs of all
 * layers, two gradients of the widest of them, what layers keep for the way back, scratch. */
#include "model/sequential.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/loss.h"
#include "model/spec.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const size_t MAX_PARAMS = (size_t)1 << 40;

crew_status crew_sequential_add(struct crew_sequential *s, const struct crew_layer *settings,
                                struct crew_extent out, struct crew_error *err)
{
    struct crew_tensor weight = {.n_dims = 0};
    if (s->n == CREW_MAX_LAYERS)
        return crew_fail(err, CREW_EINVAL, "model: more than %d layers", CREW_MAX_LAYERS);
    struct crew_layer *l = &s->layer[s->n];
    *l = *settings;
    l->in = s->top;
    l->out = out;
    l->place = s->n;
    if (l->ops->dims) {
        size_t weights = 1;
        (void)l->ops->dims(l, &weight);
        for (uint32_t i = 0; i < weight.n_dims; i++)
            if (!crew_mul(weights, weight.dims[i], &weights))
                weights = SIZE_MAX;
        if (weights > MAX_PARAMS || weights + out.depth > MAX_PARAMS - s->n_params)
            return crew_fail(err, CREW_EINVAL,
                             "model: layer %u is too large: more than 2^40 weights", s->n + 1);
        l->weights = weights;
        l->biases = out.depth;
        l->weight = s->n_params;
        l->bias = l->weight + weights;
        l->number = s->parts++;
        s->n_params += weights + out.depth;
    }
    size_t size = crew_extent_size(out);
    s->outputs += size;
    s->widest = size > s->widest ? size : s->widest;
    s->top = out;
    s->n++;
    return CREW_OK;
}

static crew_status create(crew_status (*build)(struct crew_sequential *, const char *,
                                               struct crew_error *),
                          const char *settings, const struct crew_model_shape *shape,
                          void **self, struct crew_error *err)
{
    size_t features = SIZE_MAX; /* stays when the product overflows: refused as too wide */
    *self = NULL;
    (void)crew_mul((size_t)shape->height * shape->width, shape->depth, &features);
    if (!features || shape->classes < 2)
        return crew_fail(err, CREW_EINVAL,
                         "model: %zu features and %u classes, needs 1 and 2 at least", features,
                         shape->classes);
    if (features > INT32_MAX)
        return crew_fail(err, CREW_EINVAL, "model: rows of %zu features are wider than %d",
                         features, INT32_MAX);
    struct crew_sequential *s = crew_zalloc(sizeof *s);
    if (!s)
        return crew_fail(err, CREW_ENOMEM, "no memory for the model");
    s->kernels = crew_kernels_at(0);
    s->in = s->top = (struct crew_extent){shape->height, shape->width, shape->depth};
    crew_status status = build ? build(s, settings, err) : CREW_OK;
    if (status == CREW_OK)
        status = crew_spec_dense(s, shape->classes, false, err);
    if (status != CREW_OK)
        crew_free(s);
    else
        *self = s;
    return status;
}

static crew_status create_softmax(const char *settings, const struct crew_model_shape *shape,
                                  void **self, struct crew_error *err)
{
    *self = NULL;
    if (settings)
        return crew_fail(err, CREW_EINVAL,
                         "model softmax has no settings, but '%.64s' is given", settings);
    return create(NULL, NULL, shape, self, err);
}

static crew_status create_mlp(const char *settings, const struct crew_model_shape *shape,
                              void **self, struct crew_error *err)
{
    *self = NULL;
    if (!settings || !*settings)
        return crew_fail(err, CREW_EINVAL,
                         "model mlp needs the widths of its hidden layers, as in mlp:256,128");
    return create(crew_spec_widths, settings, shape, self, err);
}

static crew_status create_cnn(const char *settings, const struct crew_model_shape *shape,
                              void **self, struct crew_error *err)
{
    *self = NULL;
    if (!settings || !*settings)
        return crew_fail(err, CREW_EINVAL,
                         "model cnn needs its layers, as in "
                         "cnn:conv3x3-32,relu,pool2,fc128,relu, or cnn:paper");
    return create(crew_spec_layers, settings, shape, self, err);
}

/* ---- Parameters ---- */

static size_t n_params(const void *self)
{
    return ((const struct crew_sequential *)self)->n_params;
}

static bool tensor(const void *self, uint32_t i, struct crew_tensor *out)
{
    const struct crew_sequential *s = self;
    bool bias = i % 2 != 0;
    for (uint32_t k = 0; k < s->n; k++) {
        const struct crew_layer *l = &s->layer[k];
        if (!l->weights || l->number != i / 2)
            continue;
        memset(out, 0, sizeof *out);
        (void)l->ops->dims(l, out);
        if (bias) {
            memset(out->dims, 0, sizeof out->dims);
            out->n_dims = 1;
            out->dims[0] = l->biases;
        }
        snprintf(out->name, sizeof out->name, "layers.%u.%s", l->number,
                 bias ? "bias" : "weight");
        out->offset = bias ? l->bias : l->weight;
        return true;
    }
    return false;
}

/* Uniform with variance 2 / in. Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers",
 * ICCV 2015, arXiv:1502.01852. sqrt is exact to the last bit by IEEE 754. */
static void init_layer(const struct crew_layer *l, uint64_t seed, float *params)
{
    struct crew_tensor shape;
    size_t in = l->ops->dims(l, &shape);
    float *w = params + l->weight, bound = in ? sqrtf(6.0f / (float)in) : 0;
    memset(params + l->bias, 0, l->biases * sizeof *params);
    for (size_t k = 0; k < l->weights; k += 4) {
        uint32_t r[4];
        crew_rng4(seed, CREW_STREAM_WEIGHTS, l->number, k / 4, r);
        for (size_t j = 0; j < 4 && k + j < l->weights; j++)
            w[k + j] = in ? ((float)(r[j] >> 8) * 0x1p-23f - 1.0f) * bound : 1.0f;
    }
}

static void init(const void *self, uint64_t seed, float *params)
{
    const struct crew_sequential *s = self;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->layer[i].weights)
            init_layer(&s->layer[i], seed, params);
}

/* ---- Workspace ---- */

static size_t kept_by(const struct crew_layer *l, size_t rows)
{
    return l->ops->kept ? l->ops->kept(l, rows) : 0;
}

static size_t workspace_bytes(const void *self, uint32_t rows)
{
    const struct crew_sequential *s = self;
    size_t scratch = 0, floats = (s->outputs + 2 * s->widest) * rows;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct crew_layer *l = &s->layer[i];
        size_t n = l->ops->scratch ? l->ops->scratch(l, rows) : 0;
        scratch = n > scratch ? n : scratch;
        floats += kept_by(l, rows);
    }
    return crew_round_up((floats + scratch) * sizeof(float), CREW_LINE);
}

/* Its parts for a call. */
struct desk {
    struct crew_pass pass;
    float *y[CREW_MAX_LAYERS]; /* outputs, the last one: logits */
    float *kept[CREW_MAX_LAYERS];
    float *spare[2];
};

static void lay_out(struct desk *d, const struct crew_sequential *s,
                    const struct crew_task_context *task, const float *params, size_t rows,
                    float *at)
{
    d->pass =
        (struct crew_pass){.kernels = s->kernels, .task = task, .params = params, .rows = rows};
    for (uint32_t i = 0; i < s->n; i++) {
        d->y[i] = at;
        at += rows * crew_extent_size(s->layer[i].out);
    }
    for (int i = 0; i < 2; i++, at += rows * s->widest)
        d->spare[i] = at;
    for (uint32_t i = 0; i < s->n; i++) {
        d->kept[i] = at;
        at += kept_by(&s->layer[i], rows);
    }
    d->pass.scratch = at;
}

/* ---- Forward and back ---- */

/* False: stopped. */
static bool forward(const struct crew_sequential *s, struct desk *d, const float *x)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct crew_layer *l = &s->layer[i];
        if (d->pass.task && crew_task_stopped(d->pass.task))
            return false;
        d->pass.kept = d->kept[i];
        l->ops->forward(l, &d->pass, i ? d->y[i - 1] : x, d->y[i]);
    }
    return true;
}

static crew_status gradient(const void *self, const struct crew_task_context *task,
                            const float *params, const struct crew_batch *batch,
                            void *workspace, bool add, float *grad, double *loss)
{
    const struct crew_sequential *s = self;
    uint32_t parts = s->parts; /* with parameters, of the layers not yet gone back through */
    struct desk d;
    lay_out(&d, s, task, params, batch->rows, workspace);
    if (!forward(s, &d, batch->x))
        return CREW_ESTOPPED;
    float *dy = d.y[s->n - 1];
    *loss = crew_softmax_loss(dy, batch->label, batch->rows, s->top.depth, batch->weight);
    for (uint32_t i = s->n; i-- > 0 && parts;) {
        const struct crew_layer *l = &s->layer[i];
        if (crew_task_stopped(task))
            return CREW_ESTOPPED;
        parts -= l->weights > 0;
        float *dx = parts ? d.spare[i % 2] : NULL;
        d.pass.kept = d.kept[i];
        l->ops->backward(l, &d.pass, i ? d.y[i - 1] : batch->x, d.y[i], dy, dx, add, grad);
        dy = dx;
    }
    return CREW_OK;
}

static void predict(const void *self, const float *params, const float *x, uint32_t rows,
                    void *workspace, float *probability)
{
    const struct crew_sequential *s = self;
    struct desk d;
    lay_out(&d, s, NULL, params, rows, workspace);
    (void)forward(s, &d, x);
    memcpy(probability, d.y[s->n - 1], rows * s->top.depth * sizeof *probability);
    crew_softmax(probability, rows, s->top.depth);
}

#define SEQUENTIAL(NAME, SUMMARY, CREATE)                                            \
    {                                                                                \
        .abi = CREW_MODEL_ABI, .name = NAME, .summary = SUMMARY, .create = CREATE,   \
        .n_params = n_params, .workspace_bytes = workspace_bytes, .tensor = tensor,  \
        .init = init, .gradient = gradient, .predict = predict, .destroy = crew_free \
    }

const struct crew_model_ops crew_model_softmax =
    SEQUENTIAL("softmax", "multinomial logistic regression", create_softmax);
const struct crew_model_ops crew_model_mlp =
    SEQUENTIAL("mlp", "dense layers with ReLU: mlp:WIDTH[,WIDTH...]", create_mlp);
const struct crew_model_ops crew_model_cnn = SEQUENTIAL(
    "cnn", "layers for images: cnn:LAYER[,LAYER...], see crew help cnn",
    create_cnn);
