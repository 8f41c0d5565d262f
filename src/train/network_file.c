/* Networks in safetensors files. The tensors are the model's, by their names, and the scaling's
 * "input.offset" and "input.factor"; __metadata__ holds format, model, shape, classes, scale
 * and class_names. */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "train/network.h"
#include "train/safetensors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 2 * 64 + 2 };

static const char FORMAT[] = "crew 1";
static const char *const scales[] = {"none", "unit", "standard"};

static void scaler_tensor(struct crew_st_tensor *t, const char *name,
                          const struct crew_scaler *s, const float *data)
{
    *t = (struct crew_st_tensor){
        .name = name, .n_dims = 1, .dims = {s->features}, .data = data, .count = s->features};
}

static size_t count_of(const struct crew_tensor *t)
{
    size_t n = 1;
    for (uint32_t d = 0; d < t->n_dims; d++)
        n *= (size_t)t->dims[d];
    return n;
}

/* NULL: no memory. */
static char *names_as_json(const crew_network *net)
{
    uint32_t n = net->class_names ? net->shape.classes : 0;
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(net->class_names[i]));
    list = crew_json_whole(list, n);
    char *text = crew_json_dump(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

/* The model's tensors and its scaling's into tensor [MAX_TENSORS]; how many. */
static uint32_t list_tensors(const crew_network *net, const float *params,
                             struct crew_tensor *part, struct crew_st_tensor *tensor)
{
    uint32_t n = 0;
    for (; n < MAX_TENSORS - 2 && net->ops->tensor(net->model, n, &part[n]); n++) {
        tensor[n] = (struct crew_st_tensor){.name = part[n].name,
                                            .n_dims = part[n].n_dims,
                                            .data = params + part[n].offset,
                                            .count = count_of(&part[n])};
        memcpy(tensor[n].dims, part[n].dims, sizeof tensor[n].dims);
    }
    if (net->scaler.features) {
        scaler_tensor(&tensor[n++], "input.offset", &net->scaler, net->scaler.offset);
        scaler_tensor(&tensor[n++], "input.factor", &net->scaler, net->scaler.factor);
    }
    return n;
}

crew_status crew_network_save_with(const crew_network *net, const float *params,
                                   const char *path, bool replace,
                                   const struct crew_st_extra *extra, struct crew_error *err)
{
    struct crew_tensor part[MAX_TENSORS];
    struct crew_st_tensor tensor[MAX_TENSORS + CREW_ST_EXTRA];
    struct crew_st_meta meta[6 + CREW_ST_EXTRA];
    uint32_t n = list_tensors(net, params, part, tensor);
    char shape[64], classes[16], *names = names_as_json(net);
    if (!names)
        return crew_fail(err, CREW_ENOMEM, "no memory to write %s", path);
    snprintf(shape, sizeof shape, "%u,%u,%u", net->shape.height, net->shape.width,
             net->shape.depth);
    snprintf(classes, sizeof classes, "%u", net->shape.classes);
    const struct crew_st_meta own[] = {
        {"format", FORMAT},     {"model", net->spec},
        {"shape", shape},       {"classes", classes},
        {"class_names", names}, {"scale", scales[net->scaler.features ? net->scaler.kind : 0]}};
    size_t n_meta = sizeof own / sizeof *own;
    memcpy(meta, own, sizeof own);
    for (size_t i = 0; extra && i < extra->n_meta; i++)
        meta[n_meta++] = extra->meta[i];
    for (size_t i = 0; extra && i < extra->n_tensors; i++)
        tensor[n++] = extra->tensor[i];
    crew_status status =
        crew_st_write(path, replace, extra != NULL, meta, n_meta, tensor, n, err);
    free(names);
    return status;
}

crew_status crew_network_save(const crew_network *net, const char *path, bool replace,
                              struct crew_error *err)
{
    return crew_network_save_with(net, net->params, path, replace, NULL, err);
}

static bool read_u32(const char **s, uint32_t *out)
{
    size_t n = strcspn(*s, ",");
    uint64_t v;
    if (!crew_text_u64(*s, n, &v) || v < 1 || v > INT32_MAX)
        return false;
    *out = (uint32_t)v;
    *s += n + ((*s)[n] == ',');
    return true;
}

static crew_status bad(const char *path, struct crew_error *err, const char *what)
{
    return crew_fail(err, CREW_EFORMAT, "%s: not a model of crew: %s", path, what);
}

static crew_status read_shape(const crew_st_file *f, const char *path,
                              struct crew_model_shape *shape, struct crew_error *err)
{
    const char *format = crew_st_meta(f, "format"), *dims = crew_st_meta(f, "shape"),
               *classes = crew_st_meta(f, "classes");
    if (!format || strcmp(format, FORMAT))
        return bad(path, err,
                   format ? "its format is of another version"
                          : "no format in its __metadata__");
    if (!dims || !read_u32(&dims, &shape->height) || !read_u32(&dims, &shape->width) ||
        !read_u32(&dims, &shape->depth) || *dims)
        return bad(path, err, "its shape is not three whole numbers");
    uint64_t features = (uint64_t)shape->height * shape->width;
    if (features > INT32_MAX / shape->depth)
        return bad(path, err, "its shape is too large");
    if (!classes || !read_u32(&classes, &shape->classes) || *classes || shape->classes > 65536)
        return bad(path, err, "its classes are not a number 1..65536");
    return CREW_OK;
}

/* class_names of the metadata into *list [classes] of borrowed strings, or NULL when there are
 * none. */
static crew_status read_names(const json_t *json, uint32_t classes, const char *path,
                              const char ***list, struct crew_error *err)
{
    *list = NULL;
    if (!json_is_array(json))
        return bad(path, err, "its class_names are not a JSON list");
    if (!json_array_size(json))
        return CREW_OK;
    if (json_array_size(json) != classes)
        return bad(path, err, "it has not as many class_names as classes");
    if (!(*list = crew_zalloc(classes * sizeof **list)))
        return crew_fail(err, CREW_ENOMEM, "%s: no memory for its class names", path);
    for (uint32_t i = 0; i < classes; i++)
        if (!((*list)[i] = json_string_value(json_array_get(json, i))))
            return bad(path, err, "a class name is not text");
    return CREW_OK;
}

static crew_status read_scaler(const crew_st_file *f, const char *path, uint32_t features,
                               struct crew_scaler *out, struct crew_error *err)
{
    const char *kind = crew_st_meta(f, "scale");
    const struct crew_st_tensor *offset = crew_st_find(f, "input.offset", CREW_ST_F32),
                                *factor = crew_st_find(f, "input.factor", CREW_ST_F32);
    memset(out, 0, sizeof *out);
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++)
        if (kind && !strcmp(kind, scales[k])) {
            if (k == CREW_SCALE_NONE)
                return CREW_OK;
            if (!offset || !factor || offset->count != features || factor->count != features)
                return bad(path, err, "its scaling is incomplete");
            out->kind = (enum crew_scaling)k;
            out->features = features;
            memcpy(&out->offset, &offset->data,
                   sizeof out->offset); /* copied before anyone writes */
            memcpy(&out->factor, &factor->data, sizeof out->factor);
            return CREW_OK;
        }
    return bad(path, err, "its scale is not none, unit or standard");
}

static crew_status read_params(const crew_st_file *f, const char *path, crew_network *net,
                               struct crew_error *err)
{
    struct crew_tensor part;
    /* All of them are in the file before memory is taken for what its __metadata__ claims. */
    for (uint32_t i = 0; net->ops->tensor(net->model, i, &part); i++) {
        const struct crew_st_tensor *t = crew_st_find(f, part.name, CREW_ST_F32);
        if (!t || t->n_dims != part.n_dims ||
            memcmp(t->dims, part.dims, part.n_dims * sizeof *t->dims))
            return crew_fail(err, CREW_EFORMAT,
                             "%s: tensor %s is missing or not of the shape that model %s has",
                             path, part.name, net->spec);
    }
    if (!(net->params = crew_alloc(net->n_params * sizeof *net->params)))
        return crew_fail(err, CREW_ENOMEM, "%s: no memory for its %zu parameters", path,
                         net->n_params);
    net->owns_params = true;
    for (uint32_t i = 0; net->ops->tensor(net->model, i, &part); i++) {
        const struct crew_st_tensor *t = crew_st_find(f, part.name, CREW_ST_F32);
        memcpy(net->params + part.offset, t->data, t->count * sizeof(float));
    }
    return CREW_OK;
}

static crew_status build(const crew_st_file *f, const json_t *names, const char *path,
                         crew_network **out, struct crew_error *err)
{
    const char *model = crew_st_meta(f, "model");
    struct crew_model_shape shape;
    struct crew_scaler scaler;
    const char **list;
    if (!model)
        return bad(path, err, "no model in its __metadata__");
    TRY(read_shape(f, path, &shape, err));
    TRY(read_scaler(f, path, shape.height * shape.width * shape.depth, &scaler, err));
    crew_status status = read_names(names, shape.classes, path, &list, err);
    if (status == CREW_OK)
        status = crew_network_create(model, &shape, list, &scaler, out, err);
    if (status == CREW_EINVAL)
        status = crew_fail(err, CREW_EFORMAT, "%s: its model '%.64s' is unknown or impossible",
                           path, model);
    crew_free(list);
    return status != CREW_OK ? status : read_params(f, path, *out, err);
}

crew_status crew_network_load(const char *path, crew_network **out, struct crew_error *err)
{
    crew_st_file *f;
    *out = NULL;
    TRY(crew_st_read(path, &f, err));
    const char *text = crew_st_meta(f, "class_names");
    json_t *names;
    json_error_t why;
    text = text ? text : "[]";
    crew_status status = crew_json_parse(text, strlen(text), 0, &names, &why);
    status = status == CREW_ENOMEM
                 ? crew_fail(err, status, "%s: no memory for its class names", path)
                 : build(f, names, path, out, err);
    json_decref(names);
    crew_st_close(f);
    if (status != CREW_OK) {
        crew_network_destroy(*out);
        *out = NULL;
    }
    return status;
}
