/* crew_data_open(): locate, read, name the classes, split, fill in what is missing, scale. */
#include "base/error.h"
#include "base/mem.h"
#include "data/classes.h"
#include "data/dataset.h"
#include "data/locate.h"
#include "data/scale.h"
#include "data/synth.h"
#include <math.h>
#include <string.h>

#define ROW(n, l, t, field, lo, hi, def, arg, text)                               \
    {                                                                             \
        .name = n, .letter = l, .type = CREW_OPTION_##t,                          \
        .offset = offsetof(struct crew_data_config, field), .min = lo, .max = hi, \
        .value = def, .argument = arg, .help = text                               \
    }

static const struct crew_option options[] = {
    ROW("data", 'd', STRING, data, 0, 0, "digits", "NAME|FILE|DIR",
        "training data: a name of `crew list datasets`, a file, a folder, or "
        "synth:ROWSxSHAPExCLASSES"),
    ROW("test", 0, STRING, test, 0, 0, NULL, "FILE", "test rows"),
    ROW("validation", 0, STRING, validation, 0, 0, NULL, "FILE", "validation rows"),
    ROW("label", 0, STRING, label, 0, 0, NULL, "COLUMN",
        "label column of CSV: its name, its number from 1, last, or none; a guess by name if "
        "not "
        "given"),
    ROW("missing", 0, STRING, missing, 0, 0, "refuse", "WHAT",
        "a missing value: refuse it, or take the training rows' mean, or zero"),
    ROW("scale", 0, STRING, scale, 0, 0, "unit", "HOW",
        "features: none, unit (smallest to 0, largest to 1), standard (mean 0, deviation 1)"),
    ROW("val-fraction", 0, REAL, val_fraction, 0, 0.9, "0", "SHARE",
        "share of the training rows set aside for validation when there are no such rows"),
    ROW("test-fraction", 0, REAL, test_fraction, 0, 0.9, "0.2", "SHARE",
        "share of all rows set aside for testing when the data has no test rows of its own"),
    ROW("max-input-bytes", 0, U64, max_bytes, 1, 0x1p62, "4294967296", "BYTES",
        "most memory that one input may unpack to, never more than half of what is free"),
    ROW("data-map", 0, STRING, data_map, 0, 0, "auto", "HOW",
        "use rows as they stand in the file (uncompressed IDX of bytes, NPY of u1 or <f4) "
        "instead "
        "of reading them into memory: on, off, auto (where they would not fit)"),
    {.type = CREW_OPTION_END}};

const struct crew_option *crew_data_options(void)
{
    return options;
}

void crew_data_config_init_sized(struct crew_data_config *cfg, size_t struct_size)
{
    struct crew_data_config all = {.struct_size = struct_size, .seed = 1};
    crew_option_defaults(options, &all);
    memset(cfg, 0, struct_size);
    memcpy(cfg, &all, struct_size < sizeof all ? struct_size : sizeof all);
}

/* Number of `value` among n names, for a setting that takes one of them. */
static crew_status choice(const char *setting, const char *value, const char *const *name,
                          uint32_t n, uint32_t *out, struct crew_error *err)
{
    for (*out = 0; value && *out < n; ++*out) {
        if (strcmp(value, name[*out]) == 0)
            return CREW_OK;
    }
    return crew_fail(err, CREW_EINVAL, "%s is %s, must be %s, %s or %s", setting,
                     value ? value : "not set", name[0], name[1], name[2]);
}

/* What the settings mean, checked. */
struct opening {
    struct crew_data_config
        cfg; /* with the defaults of fields that an older caller does not know */
    struct crew_read_how how;
    enum crew_scaling scaling;
    struct crew_located files;
    struct crew_table table[CREW_PARTS];
    struct crew_names classes;
};

static crew_status begin(struct opening *o, const struct crew_data_config *given,
                         struct crew_error *err)
{
    static const char *const missing[] = {"refuse", "mean", "zero"};
    static const char *const scaling[] = {"none", "unit", "standard"};
    static const char *const mapping[] = {"off", "auto", "on"};
    const struct crew_data_config *cfg = &o->cfg;
    uint32_t m, s, map;
    *o = (struct opening){0};
    if (given->struct_size < offsetof(struct crew_data_config, test))
        return crew_fail(err, CREW_EINVAL,
                         "struct_size is %zu: call crew_data_config_init() first",
                         given->struct_size);
    if (given->struct_size > sizeof *given)
        return crew_fail(err, CREW_EINVAL,
                         "struct_size is %zu, here it is %zu: the program is newer than this "
                         "library, or did not call crew_data_config_init()",
                         given->struct_size, sizeof *given);
    crew_data_config_init(&o->cfg);
    memcpy(&o->cfg, given, given->struct_size);
    if (!cfg->data)
        return crew_fail(err, CREW_EINVAL, "data is not set");
    TRY(choice("missing", cfg->missing, missing, 3, &m, err));
    TRY(choice("scale", cfg->scale, scaling, 3, &s, err));
    TRY(choice("data-map", cfg->data_map, mapping, 3, &map, err));
    if (!(cfg->val_fraction >= 0 && cfg->val_fraction <= 0.9))
        return crew_fail(err, CREW_EINVAL, "val-fraction is %g, must be 0..0.9",
                         cfg->val_fraction);
    if (!(cfg->test_fraction >= 0 && cfg->test_fraction <= 0.9))
        return crew_fail(err, CREW_EINVAL, "test-fraction is %g, must be 0..0.9",
                         cfg->test_fraction);
    if (map == CREW_MAP_ON && crew_synth_is(cfg->data))
        return crew_fail(err, CREW_EINVAL, "data-map is on, but %s is made in memory",
                         cfg->data);
    o->scaling = (enum crew_scaling)s;
    o->how = (struct crew_read_how){.label = cfg->label,
                                    .missing = (enum crew_missing)m,
                                    .max_bytes = cfg->max_bytes,
                                    .map = (enum crew_mapping)map,
                                    .room = cfg->max_bytes};
    return CREW_OK;
}

static void finish(struct opening *o)
{
    for (unsigned p = 0; p < CREW_PARTS; p++)
        crew_table_free(&o->table[p]);
    crew_names_free(&o->classes);
    crew_located_free(&o->files);
}

/* ---- reading ---- */

/* What a part is called in messages. */
static const char *path_of(const struct opening *o, unsigned part)
{
    const char *path = o->files.rows[part] ? o->files.rows[part] : o->cfg.data;
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* Labels that stand in a file of their own. */
static crew_status read_labels(const char *path, const char *rows_path, struct crew_table *t,
                               const struct crew_read_how *how, struct crew_error *err)
{
    struct crew_table labels;
    struct crew_read_how any = *how;
    any.features = 0;
    any.map = CREW_MAP_OFF;
    TRY(crew_table_read(path, &any, &labels, err));
    crew_status status = CREW_OK;
    if (labels.features != 0)
        status = crew_fail(err, CREW_EFORMAT, "%s must hold labels: one number a row", path);
    else if (labels.rows != t->rows)
        status = crew_fail(err, CREW_EFORMAT, "%s has %zu rows and %s %zu labels", rows_path,
                           t->rows, path, labels.rows);
    if (status == CREW_OK) {
        t->label = labels.label;
        t->names = labels.names;
        labels.label = NULL;
        labels.names = (struct crew_names){0};
    }
    crew_table_free(&labels);
    return status;
}

/* What is still to be read must leave room for what was: half of what is free may become
 * numbers, and the other half is for the file that they are read from. */
static void leave_room(struct opening *o)
{
    uint64_t held = 0;
    for (unsigned p = 0; p < CREW_PARTS; p++)
        held += crew_table_bytes(&o->table[p]);
    o->how.room = held / 2 < o->cfg.max_bytes ? o->cfg.max_bytes - held / 2 : 0;
}

/* The file of the part, and those that follow it. */
static crew_status read_files(const struct opening *o, enum crew_part part,
                              struct crew_table *out, struct crew_error *err)
{
    uint32_t n = o->files.n_more[part] + 1;
    if (n == 1)
        return crew_table_read(o->files.rows[part], &o->how, out, err);
    if (o->how.map == CREW_MAP_ON)
        return crew_fail(
            err, CREW_EFORMAT,
            "data-map is on, but the rows of %s are in %u files; only one file can "
            "be mapped",
            o->cfg.data, n);
    struct crew_read_how each = o->how;
    each.map = CREW_MAP_OFF;
    struct crew_table *t = crew_zalloc(n * sizeof *t);
    const char **path = crew_zalloc(n * sizeof *path);
    crew_status status = t && path ? CREW_OK : CREW_ENOMEM;
    if (status != CREW_OK)
        (void)crew_fail(err, status, "not enough memory for %u files", n);
    for (uint32_t i = 0; status == CREW_OK && i < n; i++) {
        path[i] = i ? o->files.more[part][i - 1] : o->files.rows[part];
        status = crew_table_read(path[i], &each, &t[i], err);
    }
    if (status == CREW_OK)
        status = crew_table_join(t, path, n, o->how.max_bytes, err);
    if (status == CREW_OK) {
        *out = t[0];
        t[0] = (struct crew_table){0};
    }
    for (uint32_t i = 0; t && i < n; i++)
        crew_table_free(&t[i]);
    crew_free(t);
    crew_free(path);
    return status;
}

static crew_status read_part(struct opening *o, enum crew_part part, struct crew_error *err)
{
    const char *path = path_of(o, part), *labels = o->files.labels[part];
    const struct crew_dataset_entry *e = o->files.entry;
    struct crew_table *t = &o->table[part];
    bool unlabelled = o->cfg.label && strcmp(o->cfg.label, "none") == 0;
    leave_room(o);
    TRY(read_files(o, part, t, err));
    if (t->features == 0)
        return crew_fail(err, CREW_EFORMAT,
                         "%s holds one number a row: labels; name the file of the features",
                         path);
    if (o->how.features && t->features != o->how.features)
        return crew_fail(err, CREW_EFORMAT, "%s has %u features, must be %u", path, t->features,
                         o->how.features);
    if (labels && !unlabelled)
        TRY(read_labels(labels, path, t, &o->how, err));
    if (unlabelled) {
        crew_free(t->label);
        t->label = NULL;
        crew_names_free(&t->names);
    }
    if (!t->label && !o->how.labels_optional)
        return crew_fail(err, CREW_EFORMAT, "%s has no labels, and training needs them", path);
    if (e && t->height == 1 && e->height * e->width * e->depth == t->features) {
        t->height = e->height; /* a table does not say that its rows are images */
        t->width = e->width;
        t->depth = e->depth;
    }
    return CREW_OK;
}

/* A file of the configuration takes the place of one that was found. */
static crew_status replace(struct opening *o, enum crew_part part, const char *path,
                           struct crew_error *err)
{
    struct crew_located l;
    if (!path)
        return CREW_OK;
    TRY(crew_locate(path, &l, err));
    crew_located_swap(&o->files, part, &l, CREW_PART_TRAIN);
    crew_located_free(&l);
    return CREW_OK;
}

static crew_status read_all(struct opening *o, struct crew_error *err)
{
    const struct crew_data_config *cfg = &o->cfg;
    if (crew_synth_is(cfg->data)) {
        TRY(crew_synth_make(cfg->data, cfg->seed, cfg->max_bytes, &o->table[CREW_PART_TRAIN],
                            err));
    } else {
        TRY(crew_locate(cfg->data, &o->files, err));
        TRY(read_part(o, CREW_PART_TRAIN, err));
    }
    TRY(replace(o, CREW_PART_VALIDATION, cfg->validation, err));
    TRY(replace(o, CREW_PART_TEST, cfg->test, err));
    o->how.features = o->table[CREW_PART_TRAIN].features;
    for (unsigned p = CREW_PART_VALIDATION; p < CREW_PARTS; p++) {
        if (o->files.rows[p])
            TRY(read_part(o, (enum crew_part)p, err));
    }
    return CREW_OK;
}

/* ---- after reading ---- */

static crew_status name_classes(struct opening *o, struct crew_error *err)
{
    TRY(crew_classes_of(&o->table[CREW_PART_TRAIN], path_of(o, CREW_PART_TRAIN), &o->classes,
                        err));
    for (unsigned p = 0; p < CREW_PARTS; p++) {
        if (o->table[p].rows)
            TRY(crew_classes_apply(&o->classes, &o->table[p], path_of(o, p), err));
    }
    return CREW_OK;
}

/* Part p of an opened data set. */
static crew_dataset **part_of(struct crew_data *data, unsigned p)
{
    crew_dataset **const part[CREW_PARTS] = {&data->train, &data->validation, &data->test};
    return part[p];
}

static crew_status split(struct opening *o, struct crew_data *out, struct crew_error *err)
{
    const struct crew_data_config *cfg = &o->cfg;
    for (unsigned p = 0; p < CREW_PARTS; p++) {
        if (o->table[p].rows)
            TRY(crew_dataset_from_table(&o->table[p], &o->classes, part_of(out, p), err));
    }
    if (!out->test)
        TRY(crew_dataset_set_aside(&out->train, cfg->test_fraction, cfg->seed, CREW_PART_TEST,
                                   &out->test, err));
    if (!out->validation)
        TRY(crew_dataset_set_aside(&out->train, cfg->val_fraction, cfg->seed,
                                   CREW_PART_VALIDATION, &out->validation, err));
    const crew_dataset *train = out->train;
    for (size_t i = 1; i < train->info.rows; i++) {
        if (train->label[train->row ? train->row[i] : i] !=
            train->label[train->row ? *train->row : 0])
            return CREW_OK;
    }
    return crew_fail(err, CREW_EFORMAT, "%s: all training rows are of one class",
                     path_of(o, CREW_PART_TRAIN));
}

static crew_status fill_and_scale(struct opening *o, struct crew_data *out,
                                  struct crew_error *err)
{
    uint32_t features = out->train->info.features;
    float *mean = crew_zalloc(features * sizeof *mean);
    crew_status status = CREW_OK;
    if (!mean)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for %u means", features);
    if (o->how.missing == CREW_MISSING_MEAN)
        status = crew_missing_means(out->train, mean, err);
    /* Parts that were split off share the store of the training rows: once is enough. */
    for (unsigned p = 0;
         status == CREW_OK && o->how.missing != CREW_MISSING_REFUSE && p < CREW_PARTS; p++) {
        crew_dataset *ds = *part_of(out, p);
        if (ds && (p == CREW_PART_TRAIN || ds->store != out->train->store))
            status = crew_dataset_fill(ds, mean, err);
    }
    crew_free(mean);
    if (status == CREW_OK)
        status = crew_scaler_fit(out->train, o->scaling, &out->scaler, err);
    for (unsigned p = 0; status == CREW_OK && p < CREW_PARTS; p++) {
        crew_dataset *ds = *part_of(out, p);
        if (ds && (p == CREW_PART_TRAIN || ds->store != out->train->store))
            status = crew_dataset_scale(ds, &out->scaler, path_of(o, p), err);
    }
    crew_map_shuffled(&out->train->store->map); /* others are read in order */
    return status;
}

crew_status crew_data_open(const struct crew_data_config *cfg, struct crew_data *out,
                           struct crew_error *err)
{
    struct opening o;
    *out = (struct crew_data){0};
    TRY(begin(&o, cfg, err));
    crew_status status = read_all(&o, err);
    if (status == CREW_OK)
        status = name_classes(&o, err);
    if (status == CREW_OK)
        status = split(&o, out, err);
    if (status == CREW_OK)
        status = fill_and_scale(&o, out, err);
    finish(&o);
    if (status != CREW_OK)
        crew_data_close(out);
    return status;
}

void crew_data_close(struct crew_data *data)
{
    crew_dataset_destroy(data->train);
    crew_dataset_destroy(data->validation);
    crew_dataset_destroy(data->test);
    crew_scaler_free(&data->scaler);
    *data = (struct crew_data){0};
}

/* ---- for a model that exists ---- */

static crew_status read_for(struct opening *o, const struct crew_data_expect *expect,
                            enum crew_part *part, struct crew_error *err)
{
    *part = CREW_PART_TRAIN;
    o->how.features = expect->features;
    o->how.labels_optional = true;
    if (crew_synth_is(o->cfg.data)) {
        TRY(crew_synth_make(o->cfg.data, o->cfg.seed, o->cfg.max_bytes, &o->table[*part], err));
        if (o->table[*part].features != expect->features)
            return crew_fail(err, CREW_EFORMAT, "%s has %u features, must be %u", o->cfg.data,
                             o->table[*part].features, expect->features);
        return CREW_OK;
    }
    TRY(crew_locate(o->cfg.data, &o->files, err));
    if (o->files.rows[CREW_PART_TEST])
        *part = CREW_PART_TEST;
    return read_part(o, *part, err);
}

/* What missing values become, zero [features] or: the training means are gone; only a standard
 * scaling remembers them. *mean is NULL where nothing is missing. */
static crew_status means_for(const struct opening *o, const struct crew_scaler *scaler,
                             const struct crew_table *t, const float *zero, const char *path,
                             const float **mean, struct crew_error *err)
{
    size_t cells = t->rows * t->features, i = 0;
    *mean = NULL;
    if (o->how.missing == CREW_MISSING_REFUSE || t->byte)
        return CREW_OK;
    while (i < cells && !isnan(crew_table_value(t, i)))
        i++;
    if (i == cells)
        return CREW_OK;
    *mean = zero;
    if (o->how.missing == CREW_MISSING_MEAN) {
        if (!scaler || scaler->kind != CREW_SCALE_STANDARD)
            return crew_fail(
                err, CREW_EFORMAT,
                "%s, row %zu has a missing value, and the model does not know the "
                "training means (only scale standard keeps them); missing may be zero",
                path, i / t->features + 1);
        *mean = scaler->offset;
    }
    return CREW_OK;
}

crew_status crew_data_open_for(const struct crew_data_config *cfg,
                               const struct crew_data_expect *expect, crew_dataset **out,
                               struct crew_error *err)
{
    struct opening o;
    enum crew_part part;
    *out = NULL;
    TRY(begin(&o, cfg, err));
    crew_status status = read_for(&o, expect, &part, err);
    struct crew_table *t = &o.table[part];
    const char *path = status == CREW_OK ? path_of(&o, part) : cfg->data;
    bool labelled = status == CREW_OK && t->label && expect->classes;
    if (labelled)
        status = crew_classes_named(expect->class_names, expect->classes, &o.classes, err);
    if (status == CREW_OK && labelled)
        status = crew_classes_apply(&o.classes, t, path, err);
    float *zero = status == CREW_OK ? crew_zalloc(t->features * sizeof *zero) : NULL;
    const float *mean = NULL;
    if (status == CREW_OK && !zero)
        status = crew_fail(err, CREW_ENOMEM, "not enough memory for %u means", t->features);
    if (status == CREW_OK)
        status = means_for(&o, expect->scaler, t, zero, path, &mean, err);
    if (status == CREW_OK)
        status = crew_dataset_from_table(t, labelled ? &o.classes : NULL, out, err);
    if (status == CREW_OK && mean)
        status = crew_dataset_fill(*out, mean, err);
    crew_free(zero);
    if (status == CREW_OK && expect->scaler)
        status = crew_dataset_scale(*out, expect->scaler, path, err);
    if (status != CREW_OK) {
        crew_dataset_destroy(*out);
        *out = NULL;
    }
    finish(&o);
    return status;
}
