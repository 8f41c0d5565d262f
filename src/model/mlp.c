/* Dense layers with ReLU between them, softmax and cross-entropy on top. Without hidden layers
 * this is multinomial logistic regression, the model "softmax".
 *
 *   y[0] = x,  y[l+1] = relu(y[l] W[l] + b[l]),  p = softmax(y[L-1] W[L-1] + b[L-1])
 *
 * Parameters: W[0], b[0], W[1], b[1], ... with W[l] as [in][out], the faster of the two layouts
 * under OpenBLAS. Workspace: the outputs y[1..L], then two gradients of the widest of them,
 * then a row for bias gradients. */
#include "model/mlp.h"
#include "base/blas.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "model/loss.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LAYERS = 64, MAX_WIDTH = 1 << 20 };
static const size_t MAX_PARAMS = (size_t)1 << 40;

struct layer {
    size_t in, out;
    size_t weight, bias; /* offsets in the parameter vector */
};

struct mlp {
    uint32_t n; /* layers, >= 1 */
    size_t n_params;
    size_t widest;  /* of the hidden layers and classes */
    size_t outputs; /* sum of all layers' widths */
    struct layer layer[MAX_LAYERS];
};

static crew_status add_layer(struct mlp *m, size_t in, size_t out, struct crew_error *err)
{
    struct layer *l = &m->layer[m->n];
    if (in > INT32_MAX || out > INT32_MAX)
        return crew_fail(err, CREW_EINVAL, "model: layer %u is wider than %d", m->n + 1,
                         INT32_MAX);
    size_t weights = in * out;
    if (weights + out > MAX_PARAMS - m->n_params)
        return crew_fail(err, CREW_EINVAL, "model: layer %u of %zu x %zu weights is too large",
                         m->n + 1, in, out);
    *l = (struct layer){in, out, m->n_params, m->n_params + weights};
    m->n_params += weights + out;
    m->outputs += out;
    m->widest = out > m->widest ? out : m->widest;
    m->n++;
    return CREW_OK;
}

static crew_status build(struct mlp *m, const char *widths,
                         const struct crew_model_shape *shape, struct crew_error *err)
{
    size_t in = SIZE_MAX; /* stays when the product overflows: refused as too wide */
    (void)crew_mul((size_t)shape->height * shape->width, shape->depth, &in);
    if (!in || shape->classes < 2)
        return crew_fail(err, CREW_EINVAL,
                         "model: %zu features and %u classes, needs 1 and 2 at least", in,
                         shape->classes);
    for (const char *s = widths; s; s = *s ? s + 1 : NULL) {
        size_t n = strcspn(s, ",");
        uint64_t width;
        if (!crew_text_u64(s, n, &width) || width < 1 || width > MAX_WIDTH)
            return crew_fail(
                err, CREW_EINVAL,
                "model mlp: width '%.*s' must be a whole number 1..%d, as in mlp:256,128",
                (int)(n < 32 ? n : 32), s, MAX_WIDTH);
        if (m->n + 1 == MAX_LAYERS)
            return crew_fail(err, CREW_EINVAL, "model mlp: more than %d layers", MAX_LAYERS);
        TRY(add_layer(m, in, (size_t)width, err));
        in = (size_t)width;
        s += n;
    }
    return add_layer(m, in, shape->classes, err);
}

static crew_status create(const char *widths, const struct crew_model_shape *shape, void **self,
                          struct crew_error *err)
{
    *self = NULL;
    struct mlp *m = crew_zalloc(sizeof *m);
    if (!m)
        return crew_fail(err, CREW_ENOMEM, "no memory for the model");
    crew_status status = build(m, widths, shape, err);
    if (status != CREW_OK)
        crew_free(m);
    else
        *self = m;
    return status;
}

static crew_status create_softmax(const char *settings, const struct crew_model_shape *shape,
                                  void **self, struct crew_error *err)
{
    *self = NULL;
    if (settings)
        return crew_fail(err, CREW_EINVAL,
                         "model softmax has no settings, but '%.64s' is given", settings);
    return create(NULL, shape, self, err);
}

static crew_status create_mlp(const char *settings, const struct crew_model_shape *shape,
                              void **self, struct crew_error *err)
{
    *self = NULL;
    if (!settings || !*settings)
        return crew_fail(err, CREW_EINVAL,
                         "model mlp needs the widths of its hidden layers, as in mlp:256,128");
    return create(settings, shape, self, err);
}

static size_t n_params(const void *self)
{
    return ((const struct mlp *)self)->n_params;
}

static size_t workspace_bytes(const void *self, uint32_t rows)
{
    const struct mlp *m = self;
    return crew_round_up(((m->outputs + 2 * m->widest) * rows + m->widest) * sizeof(float),
                         CREW_LINE);
}

static bool tensor(const void *self, uint32_t i, struct crew_tensor *out)
{
    const struct mlp *m = self;
    if (i / 2 >= m->n)
        return false;
    const struct layer *l = &m->layer[i / 2];
    bool bias = i % 2 != 0;
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "layers.%u.%s", i / 2, bias ? "bias" : "weight");
    out->n_dims = bias ? 1 : 2;
    out->dims[0] = bias ? l->out : l->in;
    out->dims[1] = bias ? 0 : l->out;
    out->offset = bias ? l->bias : l->weight;
    return true;
}

/* Uniform with variance 2 / in. Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers",
 * ICCV 2015, arXiv:1502.01852. sqrt is exact to the last bit by IEEE 754. */
static void init(const void *self, uint64_t seed, float *params)
{
    const struct mlp *m = self;
    for (uint32_t i = 0; i < m->n; i++) {
        const struct layer *l = &m->layer[i];
        float *w = params + l->weight, bound = sqrtf(6.0f / (float)l->in);
        for (size_t k = 0; k < l->in * l->out; k += 4) {
            uint32_t r[4];
            crew_rng4(seed, CREW_STREAM_WEIGHTS, i, k / 4, r);
            for (size_t j = 0; j < 4 && k + j < l->in * l->out; j++)
                w[k + j] = ((float)(r[j] >> 8) * 0x1p-23f - 1.0f) * bound;
        }
        memset(params + l->bias, 0, l->out * sizeof *params);
    }
}

/* Outputs of all layers, the last one as logits, one after the other in ws; returns the logits.
 * False: stopped. */
static bool forward(const struct mlp *m, const struct crew_task_context *task,
                    const float *params, const float *x, size_t rows, float *ws, float **logits)
{
    const float *y = x;
    for (uint32_t i = 0; i < m->n; i++) {
        const struct layer *l = &m->layer[i];
        if (task && crew_task_stopped(task))
            return false;
        crew_fill_bias(ws, params + l->bias, rows, l->out);
        /* ws[rows][out] = bias + y[rows][in] W[in][out] */
        crew_gemm_nn(rows, l->out, l->in, y, params + l->weight, ws);
        if (i + 1 < m->n)
            crew_relu(ws, rows * l->out);
        y = *logits = ws;
        ws += rows * l->out;
    }
    return true;
}

/* grad (+)= this layer's part, from its input y [rows][in] and its output's gradient d
 * [rows][out]. */
static void layer_gradient(const struct layer *l, size_t rows, const float *y, const float *d,
                           float *row, bool add, float *grad)
{
    float *bias = grad + l->bias;
    if (!add)
        memset(grad + l->weight, 0, l->in * l->out * sizeof *grad);
    /* W'[in][out] += y[rows][in]' d[rows][out] */
    crew_gemm_tn(l->in, l->out, rows, y, d, grad + l->weight);
    crew_sum_rows(row, d, rows, l->out);
    for (size_t j = 0; j < l->out; j++)
        bias[j] = add ? bias[j] + row[j] : row[j];
}

static crew_status gradient(const void *self, const struct crew_task_context *task,
                            const float *params, const struct crew_batch *batch,
                            void *workspace, bool add, float *grad, double *loss)
{
    const struct mlp *m = self;
    size_t rows = batch->rows;
    float *ws = workspace, *d = NULL, *logits;
    float *spare[2] = {ws + m->outputs * rows, ws + (m->outputs + m->widest) * rows};
    float *row = spare[1] + m->widest * rows;
    if (!forward(m, task, params, batch->x, rows, ws, &logits))
        return CREW_ESTOPPED;
    *loss =
        crew_softmax_loss(logits, batch->label, rows, m->layer[m->n - 1].out, batch->weight);
    d = logits;
    for (uint32_t i = m->n; i-- > 0;) {
        const struct layer *l = &m->layer[i];
        if (task && crew_task_stopped(task))
            return CREW_ESTOPPED;
        /* Outputs lie one after the other: this layer's input stands before its output. */
        logits -= i ? rows * l->in : 0;
        layer_gradient(l, rows, i ? logits : batch->x, d, row, add, grad);
        if (!i)
            break;
        float *below = spare[i % 2];
        memset(below, 0, rows * l->in * sizeof *below);
        /* below[rows][in] = d[rows][out] W[in][out]' */
        crew_gemm_nt(rows, l->in, l->out, d, params + l->weight, below);
        crew_relu_back(below, logits, rows * l->in);
        d = below;
    }
    return CREW_OK;
}

static void predict(const void *self, const float *params, const float *x, uint32_t rows,
                    void *workspace, float *probability)
{
    const struct mlp *m = self;
    size_t classes = m->layer[m->n - 1].out;
    float *logits;
    (void)forward(m, NULL, params, x, rows, workspace, &logits);
    memcpy(probability, logits, rows * classes * sizeof *probability);
    crew_softmax(probability, rows, classes);
}

#define DENSE(NAME, SUMMARY, CREATE)                                                 \
    {                                                                                \
        .abi = CREW_MODEL_ABI, .name = NAME, .summary = SUMMARY, .create = CREATE,   \
        .n_params = n_params, .workspace_bytes = workspace_bytes, .tensor = tensor,  \
        .init = init, .gradient = gradient, .predict = predict, .destroy = crew_free \
    }

const struct crew_model_ops crew_model_softmax =
    DENSE("softmax", "multinomial logistic regression", create_softmax);
const struct crew_model_ops crew_model_mlp =
    DENSE("mlp", "dense layers with ReLU: mlp:WIDTH[,WIDTH...]", create_mlp);
