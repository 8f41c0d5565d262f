/* IDX, the format of MNIST: 0 0 type dimensions, each size in 4 bytes, the numbers; big-endian.
 * Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits". */
#include "base/bytes.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/array.h"

/* Type code 0x08 and up; gaps have no size. */
static const struct {
    char kind;
    uint32_t bytes;
} types[] = {{'u', 1}, {'i', 1}, {0, 0}, {'i', 2}, {'i', 4}, {'f', 4}, {'f', 8}};
enum { FIRST_TYPE = 0x08, N_TYPES = sizeof types / sizeof *types };

/* The header, false: it is none. */
static bool header(const struct crew_source *in, struct crew_array *a)
{
    const uint8_t *p = (const uint8_t *)in->data;
    *a = (struct crew_array){.big_endian = true};
    if (in->size < 4 || p[0] || p[1])
        return false;
    uint32_t type = p[2] - (uint32_t)FIRST_TYPE;
    a->n_dims = p[3];
    if (type >= N_TYPES || !types[type].bytes || a->n_dims < 1 ||
        a->n_dims > CREW_MAX_DIMENSIONS)
        return false;
    a->kind = types[type].kind;
    a->bytes = types[type].bytes;
    a->header = 4 + 4 * (size_t)a->n_dims;
    for (uint32_t i = 0; i < a->n_dims && a->header <= in->size; i++)
        a->dim[i] = crew_be32(p + 4 + 4 * i);
    return true;
}

enum crew_idx_look crew_idx_look(const struct crew_source *in)
{
    struct crew_array a;
    if (!header(in, &a))
        return CREW_IDX_NOT;
    size_t bytes = a.bytes;
    bool fits = a.header <= in->size;
    for (uint32_t i = 0; i < a.n_dims; i++)
        fits = fits && crew_mul(bytes, (size_t)a.dim[i], &bytes);
    return fits && in->size - a.header == bytes ? CREW_IDX_WHOLE : CREW_IDX_HEADER;
}

static bool detect_idx(const struct crew_source *in)
{
    const uint8_t *p = (const uint8_t *)in->data;
    return in->size >= 2 && p[0] == 0 && p[1] == 0;
}

static crew_status read_idx(struct crew_source *in, const struct crew_read_how *how,
                            struct crew_table *out, struct crew_error *err)
{
    const uint8_t *p = (const uint8_t *)in->data;
    struct crew_array a;
    bool known = header(in, &a);
    if (in->size < 4 || (known && in->size < a.header))
        return crew_fail(err, CREW_EFORMAT, "%s is truncated: an IDX header of %zu bytes",
                         in->path, in->size);
    if (!known)
        return crew_fail(err, CREW_EFORMAT,
                         "%s begins with 0 0 %u %u, which is no IDX magic number of 1 to %d "
                         "dimensions",
                         in->path, p[2], p[3], CREW_MAX_DIMENSIONS);
    return crew_array_to_table(&a, in, how, out, err);
}

const struct crew_reader crew_idx_reader = {"idx", true, detect_idx, read_idx};
