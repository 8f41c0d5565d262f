/** @file dataset.h
 * Data sets: rows of float features with an optional class label. Open a file or folder, generate
 * one, wrap the caller's memory, take a subset, read rows. */
#ifndef CREW_DATASET_H
#define CREW_DATASET_H

#include <crew/option.h>
#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Rows and labels, or a choice of rows of another data set. Immutable after creation: any number
 *  of threads may read it. */
typedef struct crew_dataset crew_dataset;

/** The shape of a data set. Strings belong to the data set. */
struct crew_dataset_info {
    size_t rows;
    uint32_t features;             /**< per row */
    uint32_t classes;              /**< 0: unlabelled */
    uint32_t height, width, depth; /**< product = features; depth = channels; plain rows: 1, features, 1 */
    const char *const *class_names; /**< [classes], or NULL: classes are called "0", "1", ... */
};

/** How features are scaled: x' = (x - offset) * factor, feature by feature; in images (height > 1)
 *  all pixels of a channel have one offset and one factor. */
enum crew_scaling {
    CREW_SCALE_NONE,
    CREW_SCALE_UNIT,    /**< the training rows' smallest value to 0, the largest to 1 */
    CREW_SCALE_STANDARD /**< the training rows' mean to 0, standard deviation to 1 */
};

/** A fitted scaling. Plain data; the arrays are the owner's. */
struct crew_scaler {
    enum crew_scaling kind;
    uint32_t features;
    float *offset; /**< [features] */
    float *factor; /**< [features] 0 for a feature that never varies */
};

/** Where data comes from and how it is read and split. Strings are borrowed until the call returns. */
struct crew_data_config {
    size_t struct_size;
    const char *data;       /**< bundled or fetched name, FILE, DIR, or synth:ROWSxSHAPExCLASSES */
    const char *test;       /**< file of test rows, or NULL */
    const char *validation; /**< file of validation rows, or NULL */
    const char *label;      /**< CSV label column: name, number from 1, "last"; NULL: one that is called
                                 label, class, target or y, else the last; "none": every column is
                                 a feature, and labels of other formats are ignored */
    const char *missing;    /**< "refuse", "mean", or "zero": what a missing value becomes */
    const char *scale;      /**< "none", "unit", "standard" */
    double val_fraction;    /**< share of training rows set aside for validation, 0..0.9 */
    double test_fraction;   /**< share of all rows set aside for testing when no test file exists, 0..0.9 */
    uint64_t max_bytes;     /**< most bytes one input may unpack to; a gzip bomb stops here */
    uint64_t seed;          /**< which rows are set aside; synthetic data; 1. Not in the table: the
                                 trainer's seed of that name is to be copied here */
    /** "on": the rows of each file stay where they are, and are scaled when they are read; the same bits as
     *  otherwise. Uncompressed IDX of unsigned bytes and NPY of u1 or <f4, one file a part; another one is
     *  refused. "auto": only where the file is larger than max_bytes leaves room for. "off": never. A mapped
     *  file must stay as it is until the data is closed: to read what was cut off is SIGBUS. */
    const char *data_map;
};

/** The table behind struct crew_data_config: command line, config files, help. */
CREW_API const struct crew_option *crew_data_options(void);

/** Defaults of the table, and struct_size: what the program was built with, so that it may be older. */
CREW_API void crew_data_config_init_sized(struct crew_data_config *cfg, size_t struct_size);
static inline void crew_data_config_init(struct crew_data_config *cfg)
{
    crew_data_config_init_sized(cfg, sizeof *cfg);
}

/** What crew_data_open() makes. Owned by the caller; release with crew_data_close(). */
struct crew_data {
    crew_dataset *train;      /**< never NULL after success */
    crew_dataset *validation; /**< NULL: none */
    crew_dataset *test;       /**< NULL: none */
    struct crew_scaler scaler; /**< fitted on the training rows, already applied to all three */
};

/** Read or map, split and scale. On failure out is zeroed and err names file, line or byte. Any thread.
 *  Cost: one pass over the input and one over the features. */
CREW_CHECKED CREW_API crew_status crew_data_open(const struct crew_data_config *cfg,
                                                 struct crew_data *out, struct crew_error *err);
CREW_API void crew_data_close(struct crew_data *data);

/** What a trained model expects of new rows. */
struct crew_data_expect {
    uint32_t features;
    uint32_t classes;                 /**< 0: labels are ignored */
    const char *const *class_names; /**< [classes] or NULL: text labels are looked up here */
    const struct crew_scaler *scaler; /**< applied to the rows, or NULL */
};

/** A data set that goes by a name: comes with crew, or is fetched by datasets/fetch.sh. */
struct crew_dataset_entry {
    const char *name;              /**< as typed: "digits" */
    const char *file;              /**< file or folder inside the datasets folder */
    const char *summary;           /**< one line without a full stop, for `crew list datasets` */
    uint32_t rows, test_rows;      /**< test_rows 0: none of its own */
    uint32_t height, width, depth; /**< 1 x features x 1 for plain rows */
    uint32_t classes;
    bool bundled;                  /**< comes with crew */
};

/** Known data sets in the order `crew list datasets` shows; NULL past the end. */
CREW_API const struct crew_dataset_entry *crew_dataset_at(size_t i);

/** Where a known data set lies: write its path to out (cap bytes). Looks into the folder named by
 *  the environment's CREW_DATASETS, and without that into ./datasets, then where crew was installed.
 *  false: in none of them, out is "". */
CREW_API bool crew_dataset_path(const struct crew_dataset_entry *entry, char *out, size_t cap);

/** Read all rows of cfg->data (the test part where the source has one; "-" is standard input) for a
 *  model that exists already. Labels may be absent: info.classes is 0 then. Unknown class names
 *  and a wrong number of features are CREW_EFORMAT. */
CREW_CHECKED CREW_API crew_status crew_data_open_for(const struct crew_data_config *cfg,
                                                     const struct crew_data_expect *expect,
                                                     crew_dataset **out, struct crew_error *err);

/** Wrap the caller's rows without copying: x [rows][features], label [rows] in 0..classes-1 or NULL
 *  with classes 0. The arrays are borrowed and must outlive the data set. Labels out of range and
 *  non-finite features are CREW_EFORMAT naming the row. */
CREW_CHECKED CREW_API crew_status crew_dataset_wrap(const float *x, const uint32_t *label,
                                                    size_t rows, uint32_t features,
                                                    uint32_t classes, crew_dataset **out,
                                                    struct crew_error *err);

CREW_API void crew_dataset_info(const crew_dataset *ds, struct crew_dataset_info *out);

/** Rows row[0..n), n >= 1, of ds as a data set of its own. Shares the rows, copies their numbers; either
 *  may be destroyed first. Row numbers out of range are CREW_EINVAL. */
CREW_CHECKED CREW_API crew_status crew_dataset_subset(const crew_dataset *ds, const uint32_t *row,
                                                      size_t n, crew_dataset **out,
                                                      struct crew_error *err);

/** Copy rows row[0..n) to x [n][features] and their labels to label [n] (NULL: not wanted; zeros
 *  where unlabelled). Row numbers are not checked. Any thread. */
CREW_API void crew_dataset_gather(const crew_dataset *ds, const uint32_t *row, size_t n, float *x,
                                  uint32_t *label);

CREW_API void crew_dataset_destroy(crew_dataset *ds);

#ifdef __cplusplus
}
#endif
#endif
