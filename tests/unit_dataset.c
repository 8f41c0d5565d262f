#include "base/rng.h"
#include "data/dataset.h"
#include "data/scale.h"
#include "data_files.h"
#include <math.h>

/* Rows (0, 1), (10, 11), (20, 21), (30, 31) of classes 0 1 2 1. */
static const float rows[] = {0, 1, 10, 11, 20, 21, 30, 31};
static const uint32_t labels[] = {0, 1, 2, 1};

static crew_dataset *wrapped(void)
{
    crew_dataset *ds;
    assert_int_equal(crew_dataset_wrap(rows, labels, 4, 2, 3, &ds, NULL), CREW_OK);
    return ds;
}

static void wrapped_rows_are_read_in_any_order(void **state)
{
    const uint32_t order[] = {3, 0, 3};
    const float want[] = {30, 31, 0, 1, 30, 31};
    float x[6];
    uint32_t y[3];
    struct crew_dataset_info info;
    (void)state;
    crew_dataset *ds = wrapped();
    crew_dataset_info(ds, &info);
    assert_int_equal(info.rows, 4);
    assert_int_equal(info.classes, 3);
    assert_int_equal(info.height * info.width * info.depth, 2);
    assert_null(info.class_names);
    crew_dataset_gather(ds, order, 3, x, y);
    assert_memory_equal(x, want, sizeof want);
    assert_true(y[0] == 1 && y[1] == 0 && y[2] == 1);
    crew_dataset_gather(ds, order, 1, x, NULL);
    crew_dataset_destroy(ds);
    crew_dataset_destroy(NULL);
}

static void unlabelled_rows_have_label_zero(void **state)
{
    const uint32_t order[] = {2};
    float x[2];
    uint32_t y[1] = {9};
    crew_dataset *ds;
    (void)state;
    assert_int_equal(crew_dataset_wrap(rows, NULL, 4, 2, 0, &ds, NULL), CREW_OK);
    crew_dataset_gather(ds, order, 1, x, y);
    assert_int_equal(y[0], 0);
    crew_dataset_destroy(ds);
}

static void wrong_arrays_are_refused(void **state)
{
    const float odd[] = {0, NAN, INFINITY, 1};
    const uint32_t high[] = {0, 3};
    crew_dataset *ds;
    struct crew_error err;
    (void)state;
    assert_int_equal(crew_dataset_wrap(odd, NULL, 2, 2, 0, &ds, &err), CREW_EFORMAT);
    assert_says(&err, "row 0, feature 1 is not finite");
    assert_null(ds);
    assert_int_equal(crew_dataset_wrap(rows, high, 2, 2, 3, &ds, &err), CREW_EFORMAT);
    assert_says(&err, "row 1 has label 3, must be 0..2");
    assert_int_equal(crew_dataset_wrap(rows, NULL, 0, 2, 0, &ds, &err), CREW_EINVAL);
    assert_int_equal(crew_dataset_wrap(NULL, NULL, 1, 2, 0, &ds, &err), CREW_EINVAL);
    assert_int_equal(crew_dataset_wrap(rows, NULL, 2, 0, 0, &ds, &err), CREW_EINVAL);
    assert_int_equal(crew_dataset_wrap(rows, NULL, 2, 2, 3, &ds, &err), CREW_EINVAL);
    assert_int_equal(crew_dataset_wrap(rows, labels, 2, 2, 0, &ds, &err), CREW_EINVAL);
    assert_int_equal(crew_dataset_wrap(rows, NULL, SIZE_MAX / 2, 2, 0, &ds, &err), CREW_EINVAL);
}

static void subset_of_a_subset_outlives_both(void **state)
{
    const uint32_t some[] = {3, 1, 0}, fewer[] = {2, 0}, first[] = {0, 1}, beyond[] = {3};
    const float want[] = {0, 1, 30, 31};
    float x[4];
    uint32_t y[2];
    crew_dataset *a, *b, *none;
    struct crew_error err;
    (void)state;
    crew_dataset *ds = wrapped();
    assert_int_equal(crew_dataset_subset(ds, some, 3, &a, NULL), CREW_OK);
    assert_int_equal(crew_dataset_subset(a, fewer, 2, &b, NULL), CREW_OK);
    assert_int_equal(crew_dataset_subset(a, beyond, 1, &none, &err), CREW_EINVAL);
    assert_says(&err, "row number 3, must be below 3");
    assert_int_equal(crew_dataset_subset(a, some, 0, &none, &err), CREW_EINVAL);
    crew_dataset_destroy(ds);
    crew_dataset_destroy(a);
    crew_dataset_gather(b, first, 2, x, y);
    assert_memory_equal(x, want, sizeof want);
    assert_true(y[0] == 0 && y[1] == 1);
    crew_dataset_destroy(b);
}

/* Feature 0 of the rows 0 and 3: 0 and 30. */
static void unit_scaling_maps_training_rows_to_0_and_1(void **state)
{
    const uint32_t train_rows[] = {0, 3};
    float x[8];
    struct crew_scaler s;
    crew_dataset *train;
    (void)state;
    crew_dataset *ds = wrapped();
    assert_int_equal(crew_dataset_subset(ds, train_rows, 2, &train, NULL), CREW_OK);
    assert_int_equal(crew_scaler_fit(train, CREW_SCALE_UNIT, &s, NULL), CREW_OK);
    memcpy(x, rows, sizeof x);
    assert_int_equal(crew_scaler_apply(&s, x, 4, "x", NULL), CREW_OK);
    assert_true(x[0] == 0 && x[6] == 1 && x[1] == 0 && x[7] == 1);
    assert_true(fabsf(x[2] - 1.0f / 3) < 1e-7f);
    crew_scaler_free(&s);
    crew_dataset_destroy(train);
    crew_dataset_destroy(ds);
}

/* Feature 0: 0 10 20 30, mean 15, variance (225 + 25 + 25 + 225) / 4 = 125. */
static void standard_scaling_has_mean_0_and_deviation_1(void **state)
{
    float x[8];
    struct crew_scaler s;
    (void)state;
    crew_dataset *ds = wrapped();
    assert_int_equal(crew_scaler_fit(ds, CREW_SCALE_STANDARD, &s, NULL), CREW_OK);
    assert_true(s.offset[0] == 15 && s.offset[1] == 16);
    assert_true(fabs((double)s.factor[0] - 1 / sqrt(125)) < 1e-8);
    memcpy(x, rows, sizeof x);
    assert_int_equal(crew_scaler_apply(&s, x, 4, "x", NULL), CREW_OK);
    assert_true(fabs((double)x[0] + 15 / sqrt(125)) < 1e-6);
    crew_scaler_free(&s);
    crew_dataset_destroy(ds);
}

static void feature_that_never_varies_becomes_0(void **state)
{
    const float same[] = {7, 1, 7, 2};
    (void)state;
    for (int kind = CREW_SCALE_UNIT; kind <= CREW_SCALE_STANDARD; kind++) {
        float x[4];
        struct crew_scaler s;
        crew_dataset *ds;
        assert_int_equal(crew_dataset_wrap(same, NULL, 2, 2, 0, &ds, NULL), CREW_OK);
        assert_int_equal(crew_scaler_fit(ds, (enum crew_scaling)kind, &s, NULL), CREW_OK);
        assert_true(s.factor[0] == 0);
        memcpy(x, same, sizeof x);
        x[2] = 8; /* not seen in training */
        assert_int_equal(crew_scaler_apply(&s, x, 2, "x", NULL), CREW_OK);
        assert_true(x[0] == 0 && x[2] == 0);
        crew_scaler_free(&s);
        crew_dataset_destroy(ds);
    }
}

static void extreme_values_stay_finite_or_are_told(void **state)
{
    const float far[] = {-3e38f, 0, 3e38f, 1e-40f};
    float x[4], beyond[] = {0, 3e38f};
    struct crew_scaler s;
    struct crew_error err;
    crew_dataset *ds;
    (void)state;
    assert_int_equal(crew_dataset_wrap(far, NULL, 2, 2, 0, &ds, NULL), CREW_OK);
    assert_int_equal(crew_scaler_fit(ds, CREW_SCALE_UNIT, &s, NULL), CREW_OK);
    memcpy(x, far, sizeof x);
    assert_int_equal(crew_scaler_apply(&s, x, 2, "x", NULL), CREW_OK);
    assert_true(x[0] == 0 && fabsf(x[2] - 1) < 1e-6f);
    assert_true(s.factor[1] == 0); /* 1 / 1e-40 is no float */
    s.factor[1] = 1e10f;
    assert_int_equal(crew_scaler_apply(&s, beyond, 1, "far.csv", &err), CREW_EFORMAT);
    assert_says(&err, "far.csv, row 1: a value is too large");
    crew_scaler_free(&s);
    crew_dataset_destroy(ds);
}

static void pixels_of_a_channel_share_a_range(void **state)
{
    (void)state;
    struct crew_table t = {.unit = "row"};
    assert_int_equal(crew_table_alloc(&t, "x", 2, 8, false, 1000, NULL), CREW_OK);
    t.height = t.width = t.depth = 2;
    for (int i = 0; i < 16; i++)
        t.x[i] = (float)(i % 2 ? 100 + i : i); /* channel 0: 0..14, channel 1: 101..115 */
    crew_dataset *ds;
    struct crew_scaler s;
    assert_int_equal(crew_dataset_from_table(&t, NULL, &ds, NULL), CREW_OK);
    assert_int_equal(crew_scaler_fit(ds, CREW_SCALE_UNIT, &s, NULL), CREW_OK);
    for (int j = 0; j < 8; j++) {
        assert_true(s.offset[j] == (j % 2 ? 101 : 0));
        assert_true(fabsf(s.factor[j] - 1.0f / 14) < 1e-7f);
    }
    crew_scaler_free(&s);
    crew_dataset_destroy(ds);
}

enum { ROWS = 50, SIDE = 5, CELLS = SIDE * SIDE * 3 };

/* Random values as bytes, and as floats: the first row `least`, none below but in the last. */
static void same_table(bool bytes, uint32_t least, uint32_t height, struct crew_table *t)
{
    *t = (struct crew_table){.unit = "row"};
    assert_int_equal((bytes ? crew_table_alloc_bytes : crew_table_alloc)(t, "x", ROWS, CELLS,
                                                                         false, 1 << 20, NULL),
                     CREW_OK);
    for (uint32_t i = 0; i < ROWS * CELLS; i++) {
        uint32_t v = (uint32_t)crew_rng_u64(7, CREW_STREAM_TEST, 0, i) & 255;
        v = i < CELLS || (v < least && i / CELLS + 1 < ROWS) ? least : v;
        if (bytes)
            t->byte[i] = (uint8_t)v;
        else
            t->x[i] = (float)v;
    }
    t->height = height;
    t->width = height > 1 ? SIDE : CELLS;
    t->depth = height > 1 ? 3 : 1;
}

/* Every scaling, of images and plain rows, with an offset and without: fitted to all rows but
 * the last, which may be beyond. */
static void bytes_become_the_numbers_that_floats_become(void **state)
{
    uint32_t all[ROWS];
    float x[2][ROWS * CELLS];
    (void)state;
    for (uint32_t i = 0; i < ROWS; i++)
        all[i] = i;
    for (int k = 0; k < 12; k++) {
        struct crew_scaler s[2];
        for (int bytes = 0; bytes < 2; bytes++) {
            struct crew_table t;
            crew_dataset *ds, *train;
            same_table(bytes, k / 3 % 2 ? 100 : 0, k / 6 ? SIDE : 1, &t);
            assert_int_equal(crew_dataset_from_table(&t, NULL, &ds, NULL), CREW_OK);
            assert_true((ds->store->byte != NULL) == bytes);
            assert_int_equal(crew_dataset_subset(ds, all, ROWS - 1, &train, NULL), CREW_OK);
            assert_int_equal(
                crew_scaler_fit(train, (enum crew_scaling)(k % 3), &s[bytes], NULL), CREW_OK);
            assert_int_equal(crew_dataset_scale(ds, &s[bytes], "x", NULL), CREW_OK);
            if (bytes) /* the fast way, where it is exact */
                assert_true((ds->store->scale.gain != NULL) ==
                            (k % 3 == CREW_SCALE_UNIT && k / 3 % 2 == 0));
            crew_dataset_gather(ds, all, ROWS, x[bytes], NULL);
            crew_dataset_destroy(train);
            crew_dataset_destroy(ds);
        }
        assert_memory_equal(s[0].offset, s[1].offset, CELLS * sizeof(float));
        assert_memory_equal(s[0].factor, s[1].factor, CELLS * sizeof(float));
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        crew_scaler_free(&s[0]);
        crew_scaler_free(&s[1]);
    }
}

/* A model's scaling may be anything: a byte that would be infinite is named, and only then. */
static void bytes_that_leave_the_range_are_told(void **state)
{
    float offset[] = {0, 0}, factor[] = {1e37f, 1}, x[2];
    struct crew_scaler s = {CREW_SCALE_UNIT, 2, offset, factor};
    struct crew_error err = {0};
    crew_dataset *ds;
    (void)state;
    struct crew_table t = {.unit = "row"};
    assert_int_equal(crew_table_alloc_bytes(&t, "x", 2, 2, false, 100, NULL), CREW_OK);
    memcpy(t.byte, "\1\377\42\377", 4);
    assert_int_equal(crew_dataset_from_table(&t, NULL, &ds, NULL), CREW_OK);
    assert_int_equal(crew_dataset_scale(ds, &s, "far.idx", &err), CREW_OK);
    crew_dataset_gather(ds, &(uint32_t){1}, 1, x, NULL);
    assert_true(x[0] == 34 * 1e37f && x[1] == 255);
    ds->store->byte[2] = 35;
    assert_int_equal(crew_dataset_scale(ds, &s, "far.idx", &err), CREW_EFORMAT);
    assert_says(&err, "far.idx, row 2: a value is too large");
    factor[0] = 1e-40f; /* subnormal: 0 to a worker, who would multiply by it */
    assert_int_equal(crew_dataset_scale(ds, &s, "far.idx", &err), CREW_OK);
    assert_null(ds->store->scale.gain);
    offset[1] = NAN;
    assert_int_equal(crew_dataset_scale(ds, &s, "far.idx", &err), CREW_EFORMAT);
    crew_dataset_destroy(ds);
}

static void missing_values_take_the_mean_of_those_present(void **state)
{
    (void)state;
    struct crew_table t = {.unit = "row"};
    const float gaps[] = {1, NAN, 3, 5, NAN, 6};
    float mean[2];
    crew_dataset *ds;
    assert_int_equal(crew_table_alloc(&t, "x", 3, 2, false, 1000, NULL), CREW_OK);
    memcpy(t.x, gaps, sizeof gaps);
    assert_int_equal(crew_dataset_from_table(&t, NULL, &ds, NULL), CREW_OK);
    assert_int_equal(crew_missing_means(ds, mean, NULL), CREW_OK);
    assert_true(mean[0] == 2 && mean[1] == 5.5f);
    crew_missing_fill(ds->store->x, 3, 2, mean);
    assert_true(ds->x[1] == 5.5f && ds->x[4] == 2 && ds->x[0] == 1);
    ds->store->x[0] = ds->store->x[2] = ds->store->x[4] = NAN;
    struct crew_error err;
    assert_int_equal(crew_missing_means(ds, mean, &err), CREW_EFORMAT);
    assert_says(&err, "feature 1 is missing in every training row");
    crew_missing_fill(ds->store->x, 3, 2, NULL);
    assert_true(ds->x[0] == 0);
    crew_dataset_destroy(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapped_rows_are_read_in_any_order),
        cmocka_unit_test(unlabelled_rows_have_label_zero),
        cmocka_unit_test(wrong_arrays_are_refused),
        cmocka_unit_test(subset_of_a_subset_outlives_both),
        cmocka_unit_test(unit_scaling_maps_training_rows_to_0_and_1),
        cmocka_unit_test(standard_scaling_has_mean_0_and_deviation_1),
        cmocka_unit_test(feature_that_never_varies_becomes_0),
        cmocka_unit_test(extreme_values_stay_finite_or_are_told),
        cmocka_unit_test(pixels_of_a_channel_share_a_range),
        cmocka_unit_test(bytes_become_the_numbers_that_floats_become),
        cmocka_unit_test(bytes_that_leave_the_range_are_told),
        cmocka_unit_test(missing_values_take_the_mean_of_those_present),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
