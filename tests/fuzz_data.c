/* Any file as training data: its format found out, classes named, split, gaps filled, scaled;
 * then the same file for a model that was trained on it. */
#include "fuzz.h"
#include <crew/dataset.h>
#include <math.h>
#include <stdlib.h>

static size_t check_rows(const crew_dataset *ds, const struct crew_dataset_info *like)
{
    struct crew_dataset_info info;
    if (!ds)
        return 0;
    crew_dataset_info(ds, &info);
    FUZZ_CHECK(info.rows >= 1 && info.features == like->features);
    float *x = malloc(info.features * sizeof *x);
    FUZZ_CHECK(x);
    for (uint32_t i = 0; i < info.rows; i++) {
        uint32_t label;
        crew_dataset_gather(ds, &i, 1, x, &label);
        FUZZ_CHECK(label < like->classes);
        for (uint32_t j = 0; j < info.features; j++)
            FUZZ_CHECK(isfinite(x[j]));
    }
    free(x);
    return info.rows;
}

static bool open_as(const char *path, const char *missing, const char *scale, const char *map)
{
    struct crew_data_config cfg;
    struct crew_data data;
    struct crew_dataset_info info, again;
    struct crew_error err = {0};
    crew_dataset *ds;
    crew_data_config_init(&cfg);
    cfg.data = path;
    cfg.missing = missing;
    cfg.scale = scale;
    cfg.data_map = map;
    cfg.val_fraction = 0.2;
    cfg.max_bytes = 1 << 16;
    if (!fuzz_accepted(crew_data_open(&cfg, &data, &err), &err))
        return false;
    crew_dataset_info(data.train, &info);
    FUZZ_CHECK(info.classes >= 2);
    size_t rows = check_rows(data.train, &info) + check_rows(data.validation, &info) +
                  check_rows(data.test, &info);
    const struct crew_data_expect expect = {info.features, info.classes, info.class_names,
                                            &data.scaler};
    if (fuzz_accepted(crew_data_open_for(&cfg, &expect, &ds, &err), &err)) {
        crew_dataset_info(ds, &again);
        FUZZ_CHECK(again.rows == rows && again.classes == info.classes);
        check_rows(ds, &info);
        crew_dataset_destroy(ds);
    } else { /* only these may be new: means that are forgotten, columns that were all text */
        FUZZ_CHECK(strstr(err.text, "training means"));
    }
    crew_data_close(&data);
    return true;
}

static bool run(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(data, n);
    bool accepted = open_as(path, "refuse", "unit", "off");
    accepted |= open_as(path, "mean", "standard", "on");
    accepted |= open_as(path, "zero", "none", "auto");
    accepted |= open_as(path, "mean", "standard", "off");
    return accepted;
}

/* max_bytes of text and as much of numbers, which libsvm may take for any file; classes. */
const struct fuzz_target fuzz_target = {
    .name = "data", .run = run, .bytes_each = 80, .bytes_more = 12 << 16};
