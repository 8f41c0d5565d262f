/* Fitting and applying the scaling of features; filling in missing values. */
#ifndef CREW_DATA_SCALE_H
#define CREW_DATA_SCALE_H

#include <crew/dataset.h>

/* A scaler owns its arrays here. Zeroed: none. */
CREW_CHECKED crew_status crew_scaler_fit(const crew_dataset *train, enum crew_scaling kind,
                                         struct crew_scaler *out, struct crew_error *err);
void crew_scaler_free(struct crew_scaler *scaler);

/* Scale x [rows][scaler->features] in place. CREW_EFORMAT when a value leaves the range of
 * float; `path` for the message. */
CREW_CHECKED crew_status crew_scaler_apply(const struct crew_scaler *scaler, float *x,
                                           size_t rows, const char *path,
                                           struct crew_error *err);

/* How bytes are scaled when they are read: the same numbers as crew_scaler_apply() makes of
 * them. Zeroed: each is its value. */
struct crew_byte_scale {
    float *gain; /* [features] where every offset is 0, so that one rounding does; else NULL */
    double *offset, *factor; /* [features] or NULL */
};
/* *out is zeroed or to be replaced. CREW_EFORMAT: one of byte [rows][features] leaves the range
 * of float. */
CREW_CHECKED crew_status crew_byte_scale_set(struct crew_byte_scale *out,
                                             const struct crew_scaler *scaler,
                                             const uint8_t *byte, size_t rows, const char *path,
                                             struct crew_error *err);
void crew_byte_scale_free(struct crew_byte_scale *s);
/* One row: byte [features] to x. */
void crew_byte_scale_row(const struct crew_byte_scale *s, const uint8_t *byte,
                         uint32_t features, float *x);

/* The same for floats that stay as they are; least and most of all their values. fill as in
 * crew_float_scale_row(). */
struct crew_float_scale {
    double *offset, *factor; /* [features] or NULL: each is its value */
};
CREW_CHECKED crew_status crew_float_scale_set(struct crew_float_scale *out,
                                              const struct crew_scaler *scaler, const char *at,
                                              size_t rows, float least, float most,
                                              const float *fill, const char *path,
                                              struct crew_error *err);
void crew_float_scale_free(struct crew_float_scale *s);
/* One row: floats of any alignment at `at` [features] to x. fill [features]: what NaN becomes
 * before, or NULL: nothing is missing. Also on threads to which subnormal numbers are 0. */
void crew_float_scale_row(const struct crew_float_scale *s, const char *at, const float *fill,
                          uint32_t features, float *x);

/* Mean of each feature over the training rows that have it, mean [features]. */
CREW_CHECKED crew_status crew_missing_means(const crew_dataset *train, float *mean,
                                            struct crew_error *err);

/* Replace each NaN of x [rows][features] by its feature's mean, or 0 where mean is NULL. */
void crew_missing_fill(float *x, size_t rows, uint32_t features, const float *mean);

#endif
