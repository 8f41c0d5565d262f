#include "train/network.h"
#include "base/error.h"
#include "base/mem.h"
#include "machine/limits.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

static const size_t MAX_UNASKED = 256 << 20; /* bytes */

static crew_status copy_names(crew_network *net, const char *const *names,
                              struct crew_error *err)
{
    if (!names)
        return CREW_OK;
    if (!(net->class_names = crew_zalloc(net->shape.classes * sizeof *net->class_names)))
        return CREW_ENOMEM;
    for (uint32_t i = 0; i < net->shape.classes; i++) {
        json_t *text =
            json_string(names[i]); /* found out now: the file of the model could not hold it */
        json_decref(text);
        if (!text)
            return crew_fail(err, CREW_EFORMAT,
                             "the name of class %u (from 0) is not UTF-8 text: convert the "
                             "data, for instance with iconv",
                             i);
        if (!(net->class_names[i] = crew_strdup(names[i])))
            return CREW_ENOMEM;
    }
    return CREW_OK;
}

static crew_status copy_scaler(crew_network *net, const struct crew_scaler *from)
{
    if (!from || !from->features)
        return CREW_OK;
    size_t bytes = from->features * sizeof(float);
    struct crew_scaler *to = &net->scaler;
    to->kind = from->kind;
    if (from->kind == CREW_SCALE_NONE)
        return CREW_OK;
    to->offset = crew_alloc(bytes);
    to->factor = crew_alloc(bytes);
    if (!to->offset || !to->factor)
        return CREW_ENOMEM;
    to->features = from->features;
    memcpy(to->offset, from->offset, bytes);
    memcpy(to->factor, from->factor, bytes);
    return CREW_OK;
}

static crew_status unknown_model(const char *spec, struct crew_error *err)
{
    const char *names[16];
    size_t n = 0;
    for (; n < 16 && crew_model_at(n); n++)
        names[n] = crew_model_at(n)->name;
    return crew_fail_unknown(err, "model", spec, names, n);
}

crew_status crew_network_create(const char *spec, const struct crew_model_shape *shape,
                                const char *const *class_names,
                                const struct crew_scaler *scaler, crew_network **out,
                                struct crew_error *err)
{
    *out = NULL;
    const struct crew_model_ops *ops = crew_model_find(spec);
    if (!ops)
        return unknown_model(spec, err);
    crew_network *net = crew_zalloc(sizeof *net);
    if (!net)
        return crew_fail(err, CREW_ENOMEM, "no memory for the network");
    const char *colon = strchr(spec, ':');
    net->ops = ops;
    net->shape = *shape;
    net->features = shape->height * shape->width * shape->depth;
    crew_status status = ops->create(colon ? colon + 1 : NULL, shape, &net->model, err);
    if (status == CREW_OK) {
        net->n_params = ops->n_params(net->model);
        status = copy_names(net, class_names, err);
        if (status == CREW_OK && !(net->spec = crew_strdup(spec)))
            status = CREW_ENOMEM;
        if (status == CREW_OK)
            status = copy_scaler(net, scaler);
        if (status == CREW_ENOMEM)
            crew_fail(err, CREW_ENOMEM, "no memory for the network");
    }
    if (status == CREW_OK)
        *out = net;
    else
        crew_network_destroy(net);
    return status;
}

void crew_network_destroy(crew_network *net)
{
    if (!net)
        return;
    if (net->ops && net->ops->destroy)
        net->ops->destroy(net->model);
    for (uint32_t i = 0; net->class_names && i < net->shape.classes; i++)
        crew_free(net->class_names[i]);
    crew_free(net->class_names);
    crew_free(net->scaler.offset);
    crew_free(net->scaler.factor);
    if (net->owns_params)
        crew_free(net->params);
    crew_free(net->spec);
    crew_free(net);
}

void crew_network_info(const crew_network *net, struct crew_network_info *out)
{
    out->model = net->spec;
    out->shape = net->shape;
    out->features = net->features;
    out->class_names = (const char *const *)net->class_names;
    out->scaler = net->scaler;
    out->n_params = net->n_params;
    out->params = net->params;
}

/* A small file may name huge layers: a system that overcommits gives what it has not got, and
 * ends the process later. */
static void *take(size_t bytes)
{
    return bytes > MAX_UNASKED && bytes > crew_machine_free_bytes() ? NULL : crew_alloc(bytes);
}

crew_status crew_network_predict(const crew_network *net, const float *x, size_t rows,
                                 float *probability)
{
    uint32_t block = rows < CREW_EVAL_ROWS ? (uint32_t)rows : CREW_EVAL_ROWS;
    if (!rows)
        return CREW_OK;
    void *ws = take(net->ops->workspace_bytes(net->model, block));
    if (!ws)
        return CREW_ENOMEM;
    for (size_t at = 0; at < rows; at += block) {
        uint32_t n = rows - at < block ? (uint32_t)(rows - at) : block;
        net->ops->predict(net->model, net->params, x + at * net->features, n, ws,
                          probability + at * net->shape.classes);
    }
    crew_free(ws);
    return CREW_OK;
}

/* Scratch: rows, their labels and row numbers, probabilities, the model's workspace. */
static size_t rows_bytes(const crew_network *net)
{
    return crew_round_up((size_t)CREW_EVAL_ROWS * net->features * sizeof(float), CREW_LINE);
}

static size_t proba_bytes(const crew_network *net)
{
    return crew_round_up((size_t)CREW_EVAL_ROWS * net->shape.classes * sizeof(float),
                         CREW_LINE);
}

size_t crew_network_block_bytes(const crew_network *net)
{
    return rows_bytes(net) + proba_bytes(net) + 2 * CREW_EVAL_ROWS * sizeof(uint32_t) +
           net->ops->workspace_bytes(net->model, CREW_EVAL_ROWS);
}

void crew_network_block(const crew_network *net, const crew_dataset *data, size_t first,
                        uint32_t n, void *scratch, struct crew_evaluation *out,
                        uint64_t *confusion)
{
    char *at = scratch;
    float *x = (float *)(void *)at, *p = (float *)(void *)(at + rows_bytes(net));
    uint32_t *row = (uint32_t *)(void *)(at + rows_bytes(net) + proba_bytes(net)),
             *label = row + CREW_EVAL_ROWS, classes = net->shape.classes;
    for (uint32_t i = 0; i < n; i++)
        row[i] = (uint32_t)(first + i);
    crew_dataset_gather(data, row, n, x, label);
    net->ops->predict(net->model, net->params, x, n, label + CREW_EVAL_ROWS, p);
    for (uint32_t i = 0; i < n; i++) {
        const float *q = p + (size_t)i * classes;
        uint32_t best = 0;
        for (uint32_t j = 1; j < classes; j++)
            best = q[j] > q[best] ? j : best;
        double chance = (double)q[label[i]];
        out->loss -= log(chance < 1e-30 ? 1e-30 : chance); /* NaN stays */
        out->correct += best == label[i];
        if (confusion)
            confusion[(size_t)label[i] * classes + best]++;
    }
    out->rows += n;
}

crew_status crew_network_fits(const crew_network *net, const crew_dataset *data,
                              struct crew_error *err)
{
    struct crew_dataset_info info;
    crew_dataset_info(data, &info);
    if (info.features != net->features)
        return crew_fail(err, CREW_EINVAL, "the data has %u features, the model %s has %u",
                         info.features, net->spec, net->features);
    if (!info.classes)
        return crew_fail(err, CREW_EINVAL, "the data has no labels");
    if (info.classes > net->shape.classes)
        return crew_fail(err, CREW_EINVAL, "the data has %u classes, the model %s has %u",
                         info.classes, net->spec, net->shape.classes);
    return CREW_OK;
}

crew_status crew_network_evaluate(const crew_network *net, const crew_dataset *data,
                                  struct crew_evaluation *out, uint64_t *confusion,
                                  struct crew_error *err)
{
    struct crew_dataset_info info;
    memset(out, 0, sizeof *out);
    TRY(crew_network_fits(net, data, err));
    crew_dataset_info(data, &info);
    void *scratch = take(crew_network_block_bytes(net));
    if (!scratch)
        return crew_fail(err, CREW_ENOMEM,
                         "%.0f MB are needed to evaluate %d rows at a time: no memory",
                         (double)crew_network_block_bytes(net) / 1e6, CREW_EVAL_ROWS);
    for (size_t at = 0; at < info.rows; at += CREW_EVAL_ROWS) {
        struct crew_evaluation part = {0};
        size_t n = info.rows - at < CREW_EVAL_ROWS ? info.rows - at : CREW_EVAL_ROWS;
        crew_network_block(net, data, at, (uint32_t)n, scratch, &part, confusion);
        out->rows += part.rows;
        out->correct += part.correct;
        out->loss += part.loss;
    }
    crew_free(scratch);
    if (out->rows) {
        out->loss /= (double)out->rows;
        out->accuracy = (double)out->correct / (double)out->rows;
    }
    return CREW_OK;
}
