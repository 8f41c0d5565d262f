#include "data/array.h"
#include "base/error.h"
#include "base/mem.h"
#include <math.h>
#include <string.h>

/* The `bytes` bytes at p as one unsigned number. */
static uint64_t raw(const uint8_t *p, uint32_t bytes, bool big_endian)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < bytes; i++)
        v = v << 8 | p[big_endian ? i : bytes - 1 - i];
    return v;
}

static double number(const struct crew_array *a, const uint8_t *p)
{
    uint64_t v = raw(p, a->bytes, a->big_endian);
    uint32_t bits = 8 * a->bytes;
    if (a->kind == 'f' && a->bytes == 4) {
        uint32_t v32 = (uint32_t)v;
        float f;
        memcpy(&f, &v32, sizeof f);
        return (double)f;
    }
    if (a->kind == 'f') {
        double d;
        memcpy(&d, &v, sizeof d);
        return d;
    }
    uint64_t mask = UINT64_MAX >> (64 - bits);
    if (a->kind == 'i' && v > mask / 2)
        return -(double)((0 - v) & mask); /* two's complement */
    return (double)v;
}

static crew_status take_labels(const struct crew_array *a, const uint8_t *p, const char *path,
                               struct crew_table *t, struct crew_error *err)
{
    for (size_t i = 0; i < t->rows; i++)
        TRY(crew_table_label(t, path, number(a, p + i * a->bytes), i + 1, &t->label[i], err));
    return CREW_OK;
}

/* A value that there is, or may be missing. */
static bool good(float v, enum crew_missing missing)
{
    return isfinite(v) || (isnan(v) && missing != CREW_MISSING_REFUSE);
}

static crew_status bad_value(const char *path, const struct crew_table *t, size_t i, float v,
                             struct crew_error *err)
{
    return crew_fail(err, CREW_EFORMAT, "%s, row %zu, feature %zu: the value is %s", path,
                     i / t->features + 1, i % t->features + 1,
                     isinf(v) ? "too large or infinite" : "NaN (missing may be mean or zero)");
}

static crew_status take_features(const struct crew_array *a, const uint8_t *p, const char *path,
                                 const struct crew_read_how *how, struct crew_table *t,
                                 struct crew_error *err)
{
    size_t cells = t->rows * t->features; /* checked when they were allocated */
    if (t->byte) {                        /* nothing can be wrong with a byte */
        memcpy(t->byte, p, cells);
        return CREW_OK;
    }
    for (size_t i = 0; i < cells; i++) {
        t->x[i] = (float)number(a, p + i * a->bytes);
        if (!good(t->x[i], how->missing))
            return bad_value(path, t, i, t->x[i], err);
    }
    return CREW_OK;
}

/* Look at what stays where it is. */
static crew_status look_at_features(const char *path, const struct crew_read_how *how,
                                    struct crew_table *t, struct crew_error *err)
{
    size_t cells = t->rows * t->features; /* the file has them */
    for (size_t i = 0; t->at && i < cells; i++) {
        float v = crew_table_value(t, i);
        if (!good(v, how->missing))
            return bad_value(path, t, i, v, err);
        t->least = v < t->least ? v : t->least;
        t->most = v > t->most ? v : t->most;
    }
    return CREW_OK;
}

/* The number of numbers in a row, 1 for labels. */
static crew_status size_up(const struct crew_array *a, const struct crew_source *in,
                           size_t *per_row, struct crew_error *err)
{
    const char *path = in->path;
    size_t cells = 0, bytes = 0;
    bool fits = a->dim[0] <= SIZE_MAX;
    *per_row = 1;
    for (uint32_t i = 1; i < a->n_dims; i++)
        fits = fits && a->dim[i] <= CREW_MAX_FEATURES &&
               crew_mul(*per_row, (size_t)a->dim[i], per_row);
    fits = fits && crew_mul((size_t)a->dim[0], *per_row, &cells) &&
           crew_mul(cells, a->bytes, &bytes);
    if (!fits)
        return crew_fail(err, CREW_EFORMAT, "%s: its dimensions are too large", path);
    if (in->size - a->header != bytes)
        return crew_fail(err, CREW_EFORMAT,
                         "%s is %s: its header promises %zu bytes of data, it has %zu", path,
                         in->size - a->header < bytes ? "truncated" : "too long", bytes,
                         in->size - a->header);
    if (a->n_dims > 1 && *per_row == 0)
        return crew_fail(err, CREW_EFORMAT, "%s has rows without features", path);
    return CREW_OK;
}

crew_status crew_array_to_table(const struct crew_array *a, struct crew_source *in,
                                const struct crew_read_how *how, struct crew_table *out,
                                struct crew_error *err)
{
    const char *path = in->path;
    size_t per_row, rows = (size_t)a->dim[0];
    TRY(size_up(a, in, &per_row, err));
    const char *p = in->data + a->header;
    const uint8_t *numbers = (const uint8_t *)p;
    bool labels = a->n_dims == 1, bytes = a->kind == 'u' && a->bytes == 1 && !labels,
         floats = a->kind == 'f' && a->bytes == 4 && !a->big_endian && !labels;
    bool mapped = in->map.base && (bytes || floats);
    out->unit = "row";
    if (how->map == CREW_MAP_ON && !mapped && !labels)
        return crew_fail(err, CREW_EFORMAT,
                         "data-map is on, but %s has other numbers; " CREW_MAPPED_FORMATS,
                         path);
    if (mapped)
        TRY(crew_table_map(out, in, p, rows, per_row, a->bytes, err));
    else
        TRY((bytes ? crew_table_alloc_bytes : crew_table_alloc)(
            out, path, rows, labels ? 0 : per_row, labels, how->max_bytes, err));
    if (a->n_dims > 2) {
        out->height = (uint32_t)a->dim[1];
        out->width = (uint32_t)a->dim[2];
        out->depth = a->n_dims > 3 ? (uint32_t)a->dim[3] : 1;
    }
    return labels   ? take_labels(a, numbers, path, out, err)
           : mapped ? look_at_features(path, how, out, err)
                    : take_features(a, numbers, path, how, out, err);
}
