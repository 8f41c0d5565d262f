#include "data/scale.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/stats.h"
#include <float.h>
#include <math.h>

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
    const struct crew_dataset_info *info = &train->info;
    uint32_t groups = groups_of(info), features = info->features;
    struct range *range = crew_zalloc(groups * sizeof *range);
    *out = (struct crew_scaler){.kind = kind, .features = features};
    out->offset = crew_zalloc(features * sizeof *out->offset);
    out->factor = crew_zalloc(features * sizeof *out->factor);
    if (!range || !out->offset || !out->factor) {
        crew_free(range);
        crew_scaler_free(out);
        return crew_fail(err, CREW_ENOMEM, "not enough memory to scale %u features", features);
    }
    for (uint32_t g = 0; g < groups; g++) {
        range[g].min = DBL_MAX;
        range[g].max = -DBL_MAX;
    }
    for (size_t i = 0; kind != CREW_SCALE_NONE && i < info->rows; i++) {
        const float *x = crew_dataset_row(train, i);
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
    return CREW_OK;
}

void crew_scaler_free(struct crew_scaler *scaler)
{
    crew_free(scaler->offset);
    crew_free(scaler->factor);
    *scaler = (struct crew_scaler){0};
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
            /* In double: the difference of two floats may leave the range of float. */
            double v = ((double)x[j] - (double)scaler->offset[j]) * (double)scaler->factor[j];
            finite &= fabs(v) <= (double)FLT_MAX;
            x[j] = (float)v;
        }
        if (!finite)
            return crew_fail(err, CREW_EFORMAT,
                             "%s, row %zu: a value is too large to be scaled", path, i + 1);
    }
    return CREW_OK;
}

crew_status crew_missing_means(const crew_dataset *train, float *mean, struct crew_error *err)
{
    uint32_t features = train->info.features;
    struct crew_stats *stats = crew_zalloc(features * sizeof *stats);
    if (!stats)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for %u means", features);
    for (size_t i = 0; i < train->info.rows; i++) {
        const float *x = crew_dataset_row(train, i);
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
