#include "data/scale.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/stats.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* Features that are scaled together: the pixels of one channel of an image share a range, so
 * that a pixel which is hardly ever lit is not blown up. Plain rows: each on its own. */
static uint32_t groups_of(const struct crew_dataset_info *info)
{
    return info->height > 1 ? info->depth : info->features;
}

struct range {
    struct crew_stats stats;
    double min, max;
};

static void fit_range(enum crew_scaling kind, const struct range *r, float *offset,
                      float *factor)
{
    double sd = r->stats.n ? sqrt(r->stats.m2 / (double)r->stats.n) : 0;
    double from = kind == CREW_SCALE_UNIT ? r->min : r->stats.mean;
    double width = kind == CREW_SCALE_UNIT ? r->max - r->min : sd;
    *offset = (float)from;
    *factor = width > 0 && 1 / width < (double)FLT_MAX ? (float)(1 / width) : 0;
}

crew_status crew_scaler_fit(const crew_dataset *train, enum crew_scaling kind,
                            struct crew_scaler *out, struct crew_error *err)
{
    struct crew_dataset_info info;
    crew_dataset_info(train, &info);
    uint32_t groups = groups_of(&info), features = info.features;
    struct range *range = crew_zalloc(groups * sizeof *range);
    float *x = crew_alloc(features * sizeof *x);
    *out = (struct crew_scaler){.kind = kind, .features = features};
    out->offset = crew_zalloc(features * sizeof *out->offset);
    out->factor = crew_zalloc(features * sizeof *out->factor);
    if (!range || !x || !out->offset || !out->factor) {
        crew_free(range);
        crew_free(x);
        crew_scaler_free(out);
        return crew_fail(err, CREW_ENOMEM, "not enough memory to scale %u features", features);
    }
    for (uint32_t g = 0; g < groups; g++) {
        range[g].min = DBL_MAX;
        range[g].max = -DBL_MAX;
    }
    for (uint32_t i = 0; kind != CREW_SCALE_NONE && i < info.rows; i++) {
        crew_dataset_gather(train, &i, 1, x, NULL);
        for (uint32_t j = 0, g = 0; j < features; j++, g = g + 1 == groups ? 0 : g + 1) {
            double v = (double)x[j];
            range[g].min = v < range[g].min ? v : range[g].min;
            range[g].max = v > range[g].max ? v : range[g].max;
            if (kind == CREW_SCALE_STANDARD)
                crew_stats_add(&range[g].stats, v);
        }
    }
    for (uint32_t j = 0; j < features; j++) {
        if (kind == CREW_SCALE_NONE)
            out->factor[j] = 1;
        else
            fit_range(kind, &range[j % groups], &out->offset[j], &out->factor[j]);
    }
    crew_free(range);
    crew_free(x);
    return CREW_OK;
}

void crew_scaler_free(struct crew_scaler *scaler)
{
    crew_free(scaler->offset);
    crew_free(scaler->factor);
    *scaler = (struct crew_scaler){0};
}

/* In double: the difference of two floats may leave the range of float. */
static inline double scaled(double x, double offset, double factor)
{
    return (x - offset) * factor;
}

static crew_status too_large(const char *path, size_t row, struct crew_error *err)
{
    return crew_fail(err, CREW_EFORMAT, "%s, row %zu: a value is too large to be scaled", path,
                     row + 1);
}

crew_status crew_scaler_apply(const struct crew_scaler *scaler, float *x, size_t rows,
                              const char *path, struct crew_error *err)
{
    uint32_t features = scaler->features;
    if (scaler->kind == CREW_SCALE_NONE)
        return CREW_OK;
    for (size_t i = 0; i < rows; i++, x += features) {
        bool finite = true;
        for (uint32_t j = 0; j < features; j++) {
            double v =
                scaled((double)x[j], (double)scaler->offset[j], (double)scaler->factor[j]);
            finite &= fabs(v) <= (double)FLT_MAX;
            x[j] = (float)v;
        }
        if (!finite)
            return too_large(path, i, err);
    }
    return CREW_OK;
}

/* ---- Bytes ---- */

void crew_byte_scale_free(struct crew_byte_scale *s)
{
    crew_free(s->gain);
    crew_free(s->offset);
    crew_free(s->factor);
    *s = (struct crew_byte_scale){0};
}

/* What no byte leaves the range of float by; a straight line is furthest at its ends. */
static bool harmless(const struct crew_scaler *s, uint32_t j)
{
    double offset = (double)s->offset[j], factor = (double)s->factor[j];
    return fabs(scaled(0, offset, factor)) <= (double)FLT_MAX &&
           fabs(scaled(UINT8_MAX, offset, factor)) <= (double)FLT_MAX;
}

static crew_status check_bytes(const struct crew_scaler *s, uint32_t j, const uint8_t *byte,
                               size_t rows, const char *path, struct crew_error *err)
{
    for (size_t i = 0; i < rows; i++) {
        double v = byte[i * s->features + j];
        if (!(fabs(scaled(v, (double)s->offset[j], (double)s->factor[j])) <= (double)FLT_MAX))
            return too_large(path, i, err);
    }
    return CREW_OK;
}

crew_status crew_byte_scale_set(struct crew_byte_scale *out, const struct crew_scaler *scaler,
                                const uint8_t *byte, size_t rows, const char *path,
                                struct crew_error *err)
{
    uint32_t n = scaler->features;
    bool simple = true;
    crew_byte_scale_free(out);
    if (scaler->kind == CREW_SCALE_NONE)
        return CREW_OK;
    for (uint32_t j = 0; j < n; j++) {
        if (!harmless(scaler, j))
            TRY(check_bytes(scaler, j, byte, rows, path, err));
        /* 8 bits times 24 are exact in double, so a float product is rounded alike; but a
         * subnormal factor would be 0 to a worker. */
        simple &= scaler->offset[j] == 0 &&
                  (scaler->factor[j] == 0 || fabsf(scaler->factor[j]) >= FLT_MIN);
    }
    out->gain = simple ? crew_alloc(n * sizeof *out->gain) : NULL;
    out->offset = simple ? NULL : crew_alloc(n * sizeof *out->offset);
    out->factor = simple ? NULL : crew_alloc(n * sizeof *out->factor);
    if (simple ? !out->gain : !out->offset || !out->factor) {
        crew_byte_scale_free(out);
        return crew_fail(err, CREW_ENOMEM, "not enough memory to scale %u features", n);
    }
    for (uint32_t j = 0; j < n; j++) {
        if (simple) {
            out->gain[j] = scaler->factor[j];
        } else {
            out->offset[j] = (double)scaler->offset[j];
            out->factor[j] = (double)scaler->factor[j];
        }
    }
    return CREW_OK;
}

void crew_byte_scale_row(const struct crew_byte_scale *s, const uint8_t *restrict byte,
                         uint32_t features, float *restrict x)
{
    const float *gain = s->gain;
    const double *offset = s->offset, *factor = s->factor;
    if (gain)
        for (uint32_t j = 0; j < features; j++)
            x[j] = (float)byte[j] * gain[j];
    else if (offset)
        for (uint32_t j = 0; j < features; j++)
            x[j] = (float)scaled(byte[j], offset[j], factor[j]);
    else
        for (uint32_t j = 0; j < features; j++)
            x[j] = byte[j];
}

/* ---- Floats that stay as they are ---- */

void crew_float_scale_free(struct crew_float_scale *s)
{
    crew_free(s->offset);
    crew_free(s->factor);
    *s = (struct crew_float_scale){0};
}

/* All rows, as they will be read. */
static crew_status check_floats(const struct crew_float_scale *s, const char *at, size_t rows,
                                uint32_t features, const float *fill, const char *path,
                                struct crew_error *err)
{
    static const struct crew_float_scale as_it_is = {NULL, NULL};
    float *x = crew_alloc(features * sizeof *x);
    crew_status status = CREW_OK;
    if (!x)
        return crew_fail(err, CREW_ENOMEM, "not enough memory to scale %u features", features);
    for (size_t i = 0; status == CREW_OK && i < rows; i++) {
        crew_float_scale_row(&as_it_is, at + i * features * sizeof *x, fill, features, x);
        for (uint32_t j = 0; status == CREW_OK && j < features; j++)
            if (!(fabs(scaled((double)x[j], s->offset[j], s->factor[j])) <= (double)FLT_MAX))
                status = too_large(path, i, err);
    }
    crew_free(x);
    return status;
}

crew_status crew_float_scale_set(struct crew_float_scale *out, const struct crew_scaler *scaler,
                                 const char *at, size_t rows, float least, float most,
                                 const float *fill, const char *path, struct crew_error *err)
{
    uint32_t n = scaler->features;
    bool harmless = true; /* a straight line is furthest at its ends */
    crew_float_scale_free(out);
    if (scaler->kind == CREW_SCALE_NONE)
        return CREW_OK;
    out->offset = crew_alloc(n * sizeof *out->offset);
    out->factor = crew_alloc(n * sizeof *out->factor);
    if (!out->offset || !out->factor) {
        crew_float_scale_free(out);
        return crew_fail(err, CREW_ENOMEM, "not enough memory to scale %u features", n);
    }
    for (uint32_t j = 0; j < n; j++) {
        double offset = out->offset[j] = (double)scaler->offset[j];
        double factor = out->factor[j] = (double)scaler->factor[j];
        harmless &= fabs(scaled((double)least, offset, factor)) <= (double)FLT_MAX &&
                    fabs(scaled((double)most, offset, factor)) <= (double)FLT_MAX;
    }
    return harmless ? CREW_OK : check_floats(out, at, rows, n, fill, path, err);
}

static inline uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Is one of them subnormal? */
static bool any_subnormal(const float *x, uint32_t n)
{
    uint32_t any = 0;
    for (uint32_t j = 0; j < n; j++) /* magnitudes 1 to 0x7fffff */
        any |= (bits_of(x[j]) & 0x7fffffff) - 1 < 0x7fffff;
    return any;
}

/* Its value even where the processor takes subnormal operands for 0. */
static double exact(float v)
{
    uint32_t bits = bits_of(v);
    double tiny = (double)(bits & 0x7fffff) * 0x1p-149;
    return bits & 0x7f800000 ? (double)v : bits >> 31 ? -tiny : tiny;
}

void crew_float_scale_row(const struct crew_float_scale *s, const char *at, const float *fill,
                          uint32_t features, float *restrict x)
{
    const double *offset = s->offset, *factor = s->factor;
    memcpy(x, at, features * sizeof *x);
    if (fill)
        crew_missing_fill(x, 1, features, fill);
    if (!offset)
        return;
    if (any_subnormal(x, features))
        for (uint32_t j = 0; j < features; j++)
            x[j] = (float)scaled(exact(x[j]), offset[j], factor[j]);
    else
        for (uint32_t j = 0; j < features; j++)
            x[j] = (float)scaled((double)x[j], offset[j], factor[j]);
}

/* ---- Missing values ---- */

crew_status crew_missing_means(const crew_dataset *train, float *mean, struct crew_error *err)
{
    struct crew_dataset_info info;
    crew_dataset_info(train, &info);
    uint32_t features = info.features;
    struct crew_stats *stats = crew_zalloc(features * sizeof *stats);
    float *x = crew_alloc(features * sizeof *x);
    if (!stats || !x) {
        crew_free(stats);
        crew_free(x);
        return crew_fail(err, CREW_ENOMEM, "not enough memory for %u means", features);
    }
    for (uint32_t i = 0; i < info.rows; i++) {
        crew_dataset_gather(train, &i, 1, x, NULL);
        for (uint32_t j = 0; j < features; j++) {
            if (!isnan(x[j]))
                crew_stats_add(&stats[j], (double)x[j]);
        }
    }
    crew_status status = CREW_OK;
    for (uint32_t j = 0; status == CREW_OK && j < features; j++) {
        mean[j] = (float)stats[j].mean;
        if (stats[j].n == 0)
            status = crew_fail(err, CREW_EFORMAT,
                               "feature %u is missing in every training row, so it has no mean",
                               j + 1);
    }
    crew_free(stats);
    crew_free(x);
    return status;
}

void crew_missing_fill(float *x, size_t rows, uint32_t features, const float *mean)
{
    for (size_t i = 0; i < rows; i++, x += features) {
        for (uint32_t j = 0; j < features; j++) {
            if (isnan(x[j]))
                x[j] = mean ? mean[j] : 0;
        }
    }
}
