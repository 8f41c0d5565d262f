#include "train/safetensors.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/mem.h"
#include "train/output.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensors are stored as they lie in memory");

enum { MAX_HEADER = 1 << 20, ALIGN = 8 };

static json_t *describe(const struct crew_st_meta *meta, size_t n_meta,
                        const struct crew_st_tensor *tensor, size_t n_tensors)
{
    json_t *root = json_object(), *about = json_object();
    uint64_t at = 0;
    for (size_t i = 0; i < n_meta; i++)
        json_object_set_new(about, meta[i].key, json_string(meta[i].value));
    json_object_set_new(root, "__metadata__", about);
    for (size_t i = 0; i < n_tensors; i++) {
        uint64_t end = at + tensor[i].count * sizeof(float);
        json_t *shape = json_array();
        for (uint32_t d = 0; d < tensor[i].n_dims; d++)
            json_array_append_new(shape, json_integer((json_int_t)tensor[i].dims[d]));
        json_object_set_new(root, tensor[i].name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape,
                                      "data_offsets", (json_int_t)at, (json_int_t)end));
        at = end;
    }
    return root;
}

crew_status crew_st_write(const char *path, bool replace, const struct crew_st_meta *meta,
                          size_t n_meta, const struct crew_st_tensor *tensor, size_t n_tensors,
                          struct crew_error *err)
{
    json_t *root = describe(meta, n_meta, tensor, n_tensors);
    char *header = json_dumps(root, JSON_COMPACT);
    struct crew_piece *piece = crew_zalloc((n_tensors + 3) * sizeof *piece);
    crew_status status = CREW_ENOMEM;
    uint8_t length[8];
    static const char blank[ALIGN + 1] = "        ";
    json_decref(root);
    if (header && piece) {
        size_t bytes = strlen(header), padded = crew_round_up(bytes, ALIGN);
        crew_put_le64(length, padded);
        piece[0] = (struct crew_piece){length, sizeof length};
        piece[1] = (struct crew_piece){header, bytes};
        piece[2] = (struct crew_piece){blank, padded - bytes};
        for (size_t i = 0; i < n_tensors; i++)
            piece[3 + i] = (struct crew_piece){tensor[i].data, tensor[i].count * sizeof(float)};
        status = crew_output_write(path, replace, piece, n_tensors + 3, err);
    } else {
        crew_fail(err, CREW_ENOMEM, "no memory to write %s", path);
    }
    free(header);
    crew_free(piece);
    return status;
}

struct crew_st_file {
    const char *path;
    uint8_t *bytes;
    size_t size, data; /* of the file; where the tensors begin */
    json_t *header;
    struct crew_st_tensor *tensor;
    size_t n;
};

static crew_status bad(const crew_st_file *f, struct crew_error *err, const char *what)
{
    return crew_fail(err, CREW_EFORMAT, "%s: not a safetensors file of floats: %s", f->path,
                     what);
}

static crew_status load_bytes(crew_st_file *f, struct crew_error *err)
{
    FILE *in = fopen(f->path, "rb");
    if (!in)
        return crew_fail(err, CREW_EINPUT, "%s: %s", f->path, strerror(errno));
    struct stat st = {.st_size = 0};
    crew_status status = CREW_OK;
    if (fstat(fileno(in), &st) == 0)
        f->size = (size_t)st.st_size;
    if (!S_ISREG(st.st_mode))
        status = crew_fail(err, CREW_EINPUT, "%s: not a regular file", f->path);
    else if (f->size < 10)
        status = bad(f, err, "it is shorter than 10 bytes");
    else if (!(f->bytes = crew_alloc(f->size)))
        status =
            crew_fail(err, CREW_ENOMEM, "%s: no memory for its %zu bytes", f->path, f->size);
    else if (fread(f->bytes, 1, f->size, in) != f->size)
        status = crew_fail(err, CREW_EINPUT, "%s: cannot be read whole", f->path);
    fclose(in);
    return status;
}

/* One entry of the header; its bytes must lie inside the file and be as many as its shape says.
 */
static crew_status load_tensor(crew_st_file *f, const char *name, const json_t *entry,
                               struct crew_error *err)
{
    const json_t *shape = json_object_get(entry, "shape"),
                 *offsets = json_object_get(entry, "data_offsets");
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    struct crew_st_tensor *t = &f->tensor[f->n];
    json_int_t from = json_integer_value(json_array_get(offsets, 0)),
               to = json_integer_value(json_array_get(offsets, 1));
    size_t room = f->size - f->data;
    if (!dtype || strcmp(dtype, "F32"))
        return bad(f, err, "a tensor is not of dtype F32");
    if (!json_is_array(shape) || json_array_size(shape) > 4 || json_array_size(offsets) != 2 ||
        !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return bad(f, err, "a tensor has no shape of up to 4 numbers and 2 data_offsets");
    if (from < 0 || to < from || (uint64_t)to > room || from % (json_int_t)sizeof(float))
        return bad(f, err, "a tensor lies outside the file");
    t->n_dims = (uint32_t)json_array_size(shape);
    t->count = 1;
    for (uint32_t d = 0; d < t->n_dims; d++) {
        const json_t *item = json_array_get(shape, d);
        json_int_t dim = json_integer_value(item);
        if (!json_is_integer(item) || dim < 0 || !crew_mul(t->count, (size_t)dim, &t->count) ||
            t->count > room)
            return bad(f, err, "a tensor's shape is larger than the file");
        t->dims[d] = (uint64_t)dim;
    }
    if (t->count * sizeof(float) != (uint64_t)(to - from))
        return bad(f, err, "a tensor's shape and its bytes differ");
    t->name = name;
    t->data = (const float *)(const void *)(f->bytes + f->data + from);
    f->n++;
    return CREW_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct crew_st_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->count < y->count ? -1 : x->count > y->count; /* empty ones first */
}

/* No byte belongs to two tensors and none to nobody: each begins where the one before it ends.
 */
static crew_status check_cover(const crew_st_file *f, struct crew_error *err)
{
    const float *end = (const float *)(const void *)(f->bytes + f->data);
    qsort(f->tensor, f->n, sizeof *f->tensor, by_place);
    for (size_t i = 0; i < f->n; i++) {
        if (f->tensor[i].data != end)
            return bad(f, err, "its tensors overlap or leave a gap");
        end += f->tensor[i].count;
    }
    return (const uint8_t *)end == f->bytes + f->size
               ? CREW_OK
               : bad(f, err, "bytes follow its last tensor");
}

static crew_status load_header(crew_st_file *f, struct crew_error *err)
{
    uint64_t length = crew_le64(f->bytes);
    json_error_t why;
    if (length > MAX_HEADER || length > f->size - 8)
        return bad(f, err, "its header is longer than the file or 1 MiB");
    f->data = 8 + (size_t)length;
    if (f->data % sizeof(float))
        return bad(f, err, "its tensors are not aligned");
    f->header =
        json_loadb((const char *)f->bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(f->header))
        return bad(f, err, "its header is not a JSON object with unique names");
    size_t n = json_object_size(f->header);
    if (!(f->tensor = crew_zalloc((n + 1) * sizeof *f->tensor)))
        return crew_fail(err, CREW_ENOMEM, "%s: no memory for its header", f->path);
    const char *name;
    json_t *entry;
    json_object_foreach(f->header, name, entry)
    {
        if (strcmp(name, "__metadata__"))
            TRY(load_tensor(f, name, entry, err));
    }
    return check_cover(f, err);
}

crew_status crew_st_read(const char *path, crew_st_file **out, struct crew_error *err)
{
    *out = NULL;
    crew_st_file *f = crew_zalloc(sizeof *f);
    if (!f)
        return crew_fail(err, CREW_ENOMEM, "no memory to read %s", path);
    f->path = path;
    crew_status status = load_bytes(f, err);
    if (status == CREW_OK)
        status = load_header(f, err);
    if (status == CREW_OK)
        *out = f;
    else
        crew_st_close(f);
    return status;
}

const char *crew_st_meta(const crew_st_file *f, const char *key)
{
    return json_string_value(json_object_get(json_object_get(f->header, "__metadata__"), key));
}

const struct crew_st_tensor *crew_st_find(const crew_st_file *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->tensor[i].name, name))
            return &f->tensor[i];
    return NULL;
}

void crew_st_close(crew_st_file *f)
{
    if (!f)
        return;
    json_decref(f->header);
    crew_free(f->tensor);
    crew_free(f->bytes);
    crew_free(f);
}
