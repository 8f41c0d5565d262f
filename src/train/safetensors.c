#include "train/safetensors.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/input.h"
#include "base/json.h"
#include "base/mem.h"
#include "train/output.h"
#include <crew/machine.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensors are stored as they lie in memory");

enum { MAX_HEADER = 1 << 20, MAX_VALUES = 64 << 20, MAX_UNASKED = 256 << 20, ALIGN = 8 };

static const char SEAL[] = "checksum";

static const struct dtype {
    const char *name;
    size_t bytes;
} types[] = {[CREW_ST_F32] = {"F32", 4},
             [CREW_ST_F64] = {"F64", 8},
             [CREW_ST_I64] = {"I64", 8},
             [CREW_ST_U8] = {"U8", 1}};
enum { TYPES = sizeof types / sizeof *types };

static size_t bytes_of(const struct crew_st_tensor *t)
{
    return t->count * types[t->type].bytes;
}

static json_t *describe_tensor(const struct crew_st_tensor *t, uint64_t at)
{
    json_t *shape = json_array();
    for (uint32_t d = 0; d < t->n_dims; d++)
        json_array_append_new(shape, json_integer((json_int_t)t->dims[d]));
    if (!(shape = crew_json_whole(shape, t->n_dims)))
        return NULL;
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[t->type].name, "shape", shape,
                     "data_offsets", (json_int_t)at, (json_int_t)(at + bytes_of(t)));
}

/* NULL: no memory. */
static json_t *describe(const struct crew_st_meta *meta, size_t n_meta,
                        const struct crew_st_tensor *tensor, size_t n_tensors)
{
    json_t *root = json_object(), *about = json_object();
    uint64_t at = 0;
    bool whole = true;
    for (size_t i = 0; i < n_meta; i++)
        whole &= json_object_set_new(about, meta[i].key,
                                     crew_json_text(meta[i].value, "(not UTF-8)")) == 0;
    whole &= json_object_set_new(root, "__metadata__", about) == 0;
    for (size_t i = 0; i < n_tensors; i++) {
        whole &=
            json_object_set_new(root, tensor[i].name, describe_tensor(&tensor[i], at)) == 0;
        at += bytes_of(&tensor[i]);
    }
    if (!whole) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

/* The header, padded by blanks; free() it. */
static char *make_header(const struct crew_st_meta *meta, size_t n_meta,
                         const struct crew_st_tensor *tensor, size_t n_tensors, size_t *bytes)
{
    json_t *root = describe(meta, n_meta, tensor, n_tensors);
    char *text = crew_json_dump(root, JSON_COMPACT);
    json_decref(root);
    size_t n = text ? strlen(text) : 0;
    char *padded = text ? realloc(text, n + ALIGN) : NULL;
    *bytes = crew_round_up(n, ALIGN);
    if (padded)
        memset(padded + n, ' ', *bytes - n);
    else
        free(text);
    return padded;
}

/* The larger elements first, else as they came: so each tensor lies at a multiple of what its
 * elements take, which readers that map the file, as PyTorch's does, insist on. */
static void put_in_order(struct crew_st_tensor *tensor, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const struct crew_st_tensor x = tensor[i];
        size_t k = i;
        for (; k && types[tensor[k - 1].type].bytes < types[x.type].bytes; k--)
            tensor[k] = tensor[k - 1];
        tensor[k] = x;
    }
}

static crew_status write_pieces(const char *path, bool replace, bool seal,
                                const struct crew_st_meta *meta, size_t n_meta,
                                struct crew_st_tensor *tensor, size_t n_tensors,
                                struct crew_piece *piece, struct crew_error *err)
{
    uint8_t length[8];
    uint64_t sum = CREW_HASH_INIT;
    size_t bytes, n = n_tensors + seal;
    if (seal)
        tensor[n_tensors] = (struct crew_st_tensor){.name = SEAL,
                                                    .type = CREW_ST_U8,
                                                    .n_dims = 1,
                                                    .dims = {sizeof sum},
                                                    .data = &sum,
                                                    .count = sizeof sum};
    put_in_order(tensor, n); /* a seal stays the last one */
    char *header = make_header(meta, n_meta, tensor, n, &bytes);
    if (!header)
        return crew_fail(err, CREW_ENOMEM, "no memory to write %s", path);
    if (bytes > MAX_HEADER) { /* nobody could read it */
        free(header);
        return crew_fail(err, CREW_EOUTPUT, "%s: its description would take more than 1 MiB",
                         path);
    }
    crew_put_le64(length, bytes);
    piece[0] = (struct crew_piece){length, sizeof length};
    piece[1] = (struct crew_piece){header, bytes};
    for (size_t i = 0; i < n; i++)
        piece[2 + i] = (struct crew_piece){tensor[i].data, bytes_of(&tensor[i])};
    for (size_t i = 0; i < n_tensors + 2 && seal; i++)
        sum = crew_hash(sum, piece[i].data, piece[i].bytes);
    crew_status status = crew_output_write(path, replace, piece, n + 2, err);
    free(header);
    return status;
}

crew_status crew_st_write(const char *path, bool replace, bool seal,
                          const struct crew_st_meta *meta, size_t n_meta,
                          const struct crew_st_tensor *tensor, size_t n_tensors,
                          struct crew_error *err)
{
    struct crew_piece *piece = crew_zalloc((n_tensors + 3) * sizeof *piece);
    struct crew_st_tensor *all = crew_alloc((n_tensors + 1) * sizeof *all);
    crew_status status = CREW_ENOMEM;
    if (piece && all) {
        memcpy(all, tensor, n_tensors * sizeof *all);
        status = write_pieces(path, replace, seal, meta, n_meta, all, n_tensors, piece, err);
    } else {
        crew_fail(err, CREW_ENOMEM, "no memory to write %s", path);
    }
    crew_free(piece);
    crew_free(all);
    return status;
}

struct crew_st_file {
    const char *path;
    uint8_t *bytes;
    size_t size, data; /* of the file; where the tensors begin */
    json_t *header;
    struct crew_st_tensor *tensor;
    size_t n;
    bool sealed;
};

static crew_status bad(const crew_st_file *f, struct crew_error *err, const char *what)
{
    return crew_fail(err, CREW_EFORMAT, "%s: not a safetensors file of crew: %s", f->path,
                     what);
}

/* A disk that fails has damaged the file; for anything else the file cannot help. */
static crew_status read_failed(const crew_st_file *f, FILE *in, struct crew_error *err)
{
    int why = ferror(in) ? errno : 0;
    return crew_fail(err, why == EIO ? CREW_EFORMAT : CREW_EINPUT,
                     "%s: cannot be read whole: %s", f->path,
                     why ? strerror(why) : "it ends before its size");
}

static crew_status load_bytes(crew_st_file *f, struct crew_error *err)
{
    FILE *in;
    uint64_t bytes;
    crew_status status = CREW_OK;
    TRY(crew_input_open_sized(f->path, &in, &bytes, err));
    f->size = (size_t)bytes;
    if (f->size < 10)
        status = bad(f, err, "it is shorter than 10 bytes");
    else if ((f->size > MAX_UNASKED && f->size > crew_machine_free_bytes()) ||
             !(f->bytes = crew_alloc(f->size)))
        status =
            crew_fail(err, CREW_ENOMEM, "%s: no memory for its %zu bytes", f->path, f->size);
    else if (fread(f->bytes, 1, f->size, in) != f->size)
        status = read_failed(f, in, err);
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
    size_t room = f->size - f->data, type = 0;
    while (type < TYPES && (!dtype || strcmp(dtype, types[type].name)))
        type++;
    if (type == TYPES)
        return bad(f, err, "a tensor is not of dtype F32, F64, I64 or U8");
    t->type = (enum crew_st_type)type;
    if (!json_is_array(shape) || json_array_size(shape) > 4 || json_array_size(offsets) != 2 ||
        !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return bad(f, err, "a tensor has no shape of up to 4 numbers and 2 data_offsets");
    size_t align = types[type].bytes < sizeof(float) ? 1 : sizeof(float); /* at least */
    if (from < 0 || to < from || (uint64_t)to > room || (uint64_t)from % align)
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
    if (bytes_of(t) != (uint64_t)(to - from))
        return bad(f, err, "a tensor's shape and its bytes differ");
    t->name = name;
    t->data = f->bytes + f->data + from;
    f->n++;
    return CREW_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct crew_st_tensor *x = a, *y = b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return x->count < y->count ? -1 : x->count > y->count; /* empty ones first */
}

/* No byte belongs to two tensors and none to nobody: each begins where the one before it ends.
 */
static crew_status check_cover(const crew_st_file *f, struct crew_error *err)
{
    const uint8_t *end = f->bytes + f->data;
    qsort(f->tensor, f->n, sizeof *f->tensor, by_place);
    for (size_t i = 0; i < f->n; i++) {
        if (f->tensor[i].data != end)
            return bad(f, err, "its tensors overlap or leave a gap");
        end += bytes_of(&f->tensor[i]);
    }
    return end == f->bytes + f->size ? CREW_OK : bad(f, err, "bytes follow its last tensor");
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
    if (crew_json_bytes((const char *)f->bytes + 8, (size_t)length) > MAX_VALUES)
        return bad(f, err, "its header would take more than 64 MiB of memory");
    if (crew_json_parse((const char *)f->bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES,
                        &f->header, &why) == CREW_ENOMEM)
        return crew_fail(err, CREW_ENOMEM, "%s: no memory for its header", f->path);
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

/* A sealed file's last bytes are the hash of all before them: 8 bytes or, as it was written at
 * first, one number. */
static crew_status check_seal(crew_st_file *f, struct crew_error *err)
{
    const struct crew_st_tensor *bytes = crew_st_find(f, SEAL, CREW_ST_U8),
                                *t = bytes ? bytes : crew_st_find(f, SEAL, CREW_ST_I64);
    uint64_t sum;
    if (!t)
        return CREW_OK;
    f->sealed = true;
    if (bytes_of(t) != sizeof sum ||
        (const uint8_t *)t->data + sizeof sum != f->bytes + f->size)
        return bad(f, err, "its checksum is not its end");
    memcpy(&sum, t->data, sizeof sum);
    if (sum != crew_hash(CREW_HASH_INIT, f->bytes, f->size - sizeof sum))
        return bad(f, err, "it is damaged: its checksum does not match");
    return CREW_OK;
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
        status = check_seal(f, err);
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

bool crew_st_sealed(const crew_st_file *f)
{
    return f->sealed;
}

const struct crew_st_tensor *crew_st_find(const crew_st_file *f, const char *name,
                                          enum crew_st_type type)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->tensor[i].name, name) && f->tensor[i].type == type)
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
