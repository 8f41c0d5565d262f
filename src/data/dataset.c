#include "data/dataset.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void store_free(struct crew_store *s, uint32_t classes)
{
    if (!s)
        return;
    for (uint32_t i = 0; s->class_name && i < classes; i++)
        crew_free(s->class_name[i]);
    crew_free(s->class_name);
    crew_free(s->label);
    crew_free(s->x);
    if (!s->map.base)
        crew_free(s->byte);
    crew_byte_scale_free(&s->scale);
    crew_float_scale_free(&s->float_scale);
    crew_free(s->fill);
    crew_map_close(&s->map);
    crew_free(s);
}

static struct crew_store *store_create(void)
{
    struct crew_store *s = crew_zalloc(sizeof *s);
    if (s)
        atomic_init(&s->users, 1);
    return s;
}

void crew_dataset_destroy(crew_dataset *ds)
{
    if (!ds)
        return;
    /* acq_rel: what others read of the store happened before their own count down. */
    if (ds->store && atomic_fetch_sub_explicit(&ds->store->users, 1, memory_order_acq_rel) == 1)
        store_free(ds->store, ds->info.classes);
    crew_free(ds->row);
    crew_free(ds);
}

void *crew_dataset_memory(const crew_dataset *ds, size_t *bytes)
{
    const struct crew_store *s = ds->store;
    size_t cells = s->rows * ds->info.features;
    *bytes = s->map.base ? 0 : s->byte ? cells : s->x ? cells * sizeof *s->x : 0;
    if (s->map.base)
        return NULL;
    return s->byte ? (void *)s->byte : s->x;
}

/* "0", "1", ... need no names: it is what a class without one is called. */
static bool is_counting(const struct crew_names *classes)
{
    char text[16];
    bool same = true;
    for (uint32_t i = 0; same && i < classes->n; i++) {
        snprintf(text, sizeof text, "%u", i);
        same = strcmp(text, classes->name[i]) == 0;
    }
    return same;
}

static crew_status copy_names(crew_dataset *ds, const struct crew_names *classes)
{
    struct crew_store *s = ds->store;
    if (is_counting(classes))
        return CREW_OK;
    s->class_name = crew_zalloc(classes->n * sizeof *s->class_name);
    for (uint32_t i = 0; s->class_name && i < classes->n; i++) {
        s->class_name[i] = crew_strdup(classes->name[i]);
        if (!s->class_name[i])
            return CREW_ENOMEM;
    }
    ds->info.class_names = (const char *const *)s->class_name;
    return s->class_name ? CREW_OK : CREW_ENOMEM;
}

crew_status crew_dataset_from_table(struct crew_table *t, const struct crew_names *classes,
                                    crew_dataset **out, struct crew_error *err)
{
    crew_dataset *ds = crew_zalloc(sizeof *ds);
    *out = NULL;
    if (!ds || !(ds->store = store_create()))
        goto fail;
    ds->info = (struct crew_dataset_info){.rows = t->rows,
                                          .features = t->features,
                                          .classes = classes ? classes->n : 0,
                                          .height = t->height,
                                          .width = t->width,
                                          .depth = t->depth};
    if (classes && copy_names(ds, classes) != CREW_OK)
        goto fail;
    ds->store->rows = t->rows;
    ds->x = ds->store->x = t->x;
    ds->store->byte = t->byte;
    ds->store->at = t->at;
    ds->store->least = t->least;
    ds->store->most = t->most;
    ds->store->map = t->map;
    t->x = NULL;
    t->byte = NULL;
    t->map = (struct crew_map){0};
    if (classes) {
        ds->label = ds->store->label = t->label;
        t->label = NULL;
    }
    crew_table_free(t);
    *out = ds;
    return CREW_OK;
fail:
    crew_dataset_destroy(ds);
    return crew_fail(err, CREW_ENOMEM, "not enough memory for a data set");
}

crew_status crew_dataset_wrap(const float *x, const uint32_t *label, size_t rows,
                              uint32_t features, uint32_t classes, crew_dataset **out,
                              struct crew_error *err)
{
    size_t cells;
    *out = NULL;
    if (!x || rows < 1 || rows > UINT32_MAX)
        return crew_fail(err, CREW_EINVAL, "rows is %zu, must be 1..%u", x ? rows : 0,
                         UINT32_MAX);
    if (features < 1 || features > CREW_MAX_FEATURES || !crew_mul(rows, features, &cells))
        return crew_fail(err, CREW_EINVAL, "features is %u, must be 1..%d", features,
                         CREW_MAX_FEATURES);
    if (label ? classes < 1 || classes > CREW_MAX_CLASSES : classes != 0)
        return crew_fail(err, CREW_EINVAL, "classes is %u, must be %s", classes,
                         label ? "1..65536" : "0 without labels");
    for (size_t i = 0; i < cells; i++) {
        if (!isfinite(x[i]))
            return crew_fail(err, CREW_EFORMAT, "row %zu, feature %zu is not finite",
                             i / features, i % features);
    }
    for (size_t i = 0; label && i < rows; i++) {
        if (label[i] >= classes)
            return crew_fail(err, CREW_EFORMAT, "row %zu has label %u, must be 0..%u", i,
                             label[i], classes - 1);
    }
    crew_dataset *ds = crew_zalloc(sizeof *ds);
    if (!ds || !(ds->store = store_create())) {
        crew_dataset_destroy(ds);
        return crew_fail(err, CREW_ENOMEM, "not enough memory for a data set");
    }
    ds->info = (struct crew_dataset_info){.rows = rows,
                                          .features = features,
                                          .classes = classes,
                                          .height = 1,
                                          .width = features,
                                          .depth = 1};
    ds->x = x;
    ds->label = label;
    *out = ds;
    return CREW_OK;
}

void crew_dataset_info(const crew_dataset *ds, struct crew_dataset_info *out)
{
    *out = ds->info;
}

/* What is on disk is asked for all at once: a page fault at a time, rows come several times
 * slower, and little memory is all the same. */
static void expect_rows(const crew_dataset *ds, const uint32_t *row, size_t n)
{
    const struct crew_store *s = ds->store;
    const char *base = s->byte ? (const char *)s->byte : s->at;
    size_t bytes = ds->info.features * (s->byte ? sizeof *s->byte : sizeof(float));
    for (size_t i = 0; n > 1 && i < n; i++) {
        size_t at = ds->row ? ds->row[row[i]] : row[i];
        crew_map_expect(&s->map, base + at * bytes, bytes);
    }
}

void crew_dataset_gather(const crew_dataset *ds, const uint32_t *row, size_t n, float *x,
                         uint32_t *label)
{
    size_t features = ds->info.features;
    if (ds->store->map.base)
        expect_rows(ds, row, n);
    for (size_t i = 0; i < n; i++) {
        size_t at = ds->row ? ds->row[row[i]] : row[i];
        const struct crew_store *s = ds->store;
        if (ds->x)
            memcpy(x + i * features, ds->x + at * features, features * sizeof *x);
        else if (s->byte)
            crew_byte_scale_row(&s->scale, s->byte + at * features, ds->info.features,
                                x + i * features);
        else
            crew_float_scale_row(&s->float_scale, s->at + at * features * sizeof *x, s->fill,
                                 ds->info.features, x + i * features);
        if (label)
            label[i] = ds->label ? ds->label[at] : 0;
    }
}

crew_status crew_dataset_fill(crew_dataset *ds, const float *mean, struct crew_error *err)
{
    struct crew_store *s = ds->store;
    uint32_t features = ds->info.features;
    if (s->x)
        crew_missing_fill(s->x, s->rows, features, mean);
    if (!s->at)
        return CREW_OK;
    crew_free(s->fill);
    s->fill = crew_alloc(features * sizeof *s->fill);
    if (!s->fill)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for %u means", features);
    memcpy(s->fill, mean, features * sizeof *mean);
    return CREW_OK;
}

crew_status crew_dataset_scale(crew_dataset *ds, const struct crew_scaler *scaler,
                               const char *path, struct crew_error *err)
{
    struct crew_store *s = ds->store;
    if (s->at)
        return crew_float_scale_set(&s->float_scale, scaler, s->at, s->rows, s->least, s->most,
                                    s->fill, path, err);
    return s->byte ? crew_byte_scale_set(&s->scale, scaler, s->byte, s->rows, path, err)
                   : crew_scaler_apply(scaler, s->x, s->rows, path, err);
}

/* As crew_dataset_subset(), for row numbers that are known to be good. */
static crew_status choose(const crew_dataset *ds, const uint32_t *row, size_t n,
                          crew_dataset **out, struct crew_error *err)
{
    crew_dataset *part = crew_zalloc(sizeof *part);
    *out = NULL;
    if (!part || !(part->row = crew_alloc(n * sizeof *part->row))) {
        crew_free(part);
        return crew_fail(err, CREW_ENOMEM, "not enough memory for a choice of %zu rows", n);
    }
    uint32_t *own = part->row;
    *part = *ds;
    part->row = own;
    part->info.rows = n;
    for (size_t i = 0; i < n; i++)
        own[i] = ds->row ? ds->row[row[i]] : row[i];
    atomic_fetch_add_explicit(&part->store->users, 1, memory_order_relaxed);
    *out = part;
    return CREW_OK;
}

crew_status crew_dataset_subset(const crew_dataset *ds, const uint32_t *row, size_t n,
                                crew_dataset **out, struct crew_error *err)
{
    *out = NULL;
    if (n < 1 || n > UINT32_MAX)
        return crew_fail(err, CREW_EINVAL, "a subset of %zu rows, must be 1..%u", n,
                         UINT32_MAX);
    for (size_t i = 0; i < n; i++) {
        if (row[i] >= ds->info.rows)
            return crew_fail(err, CREW_EINVAL, "row number %u, must be below %zu", row[i],
                             ds->info.rows);
    }
    return choose(ds, row, n, out, err);
}

crew_status crew_dataset_set_aside(crew_dataset **ds, double share, uint64_t seed,
                                   uint32_t permutation, crew_dataset **aside,
                                   struct crew_error *err)
{
    uint32_t n = (uint32_t)(*ds)->info.rows; /* a data set has fewer than 2^32 rows */
    *aside = NULL;
    if (!(share > 0))
        return CREW_OK;
    if (n < 2)
        return crew_fail(err, CREW_EFORMAT, "there is one row only, none can be set aside");
    uint32_t n_aside = (uint32_t)(share * n + 0.5);
    n_aside = n_aside < 1 ? 1 : n_aside > n - 1 ? n - 1 : n_aside;
    uint32_t *order = crew_alloc(n * sizeof *order), *part = crew_alloc(n * sizeof *part);
    bool *chosen = crew_zalloc(n * sizeof *chosen);
    crew_dataset *kept = NULL;
    crew_status status = CREW_ENOMEM;
    if (!order || !part || !chosen) {
        (void)crew_fail(err, status, "not enough memory to split %u rows", n);
        goto done;
    }
    crew_rng_shuffle(seed, CREW_STREAM_SPLIT, permutation, order, n);
    for (uint32_t i = 0; i < n_aside; i++)
        chosen[order[i]] = true;
    uint32_t a = 0,
             k = n_aside; /* part: those set aside, then those kept, each in file order */
    for (uint32_t i = 0; i < n; i++)
        part[chosen[i] ? a++ : k++] = i;
    status = choose(*ds, part + n_aside, n - n_aside, &kept, err);
    if (status == CREW_OK)
        status = choose(*ds, part, n_aside, aside, err);
    if (status == CREW_OK) {
        crew_dataset_destroy(*ds);
        *ds = kept;
        kept = NULL;
    }
done:
    crew_dataset_destroy(kept);
    crew_free(order);
    crew_free(part);
    crew_free(chosen);
    return status;
}
