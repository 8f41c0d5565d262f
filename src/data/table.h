/* What every reader makes of a file, before classes, split and scaling: numbers, and labels by
 * name. */
#ifndef CREW_DATA_TABLE_H
#define CREW_DATA_TABLE_H

#include "data/names.h"
#include "data/source.h"
#include <stdbool.h>
#include <string.h>

enum { CREW_MAX_FEATURES = 1 << 24 };

/* Rows of one file. Zeroed: empty. */
struct crew_table {
    size_t rows;                   /* 1..UINT32_MAX */
    uint32_t features;             /* 0: only labels (an IDX or NPY file of them) */
    uint32_t height, width, depth; /* product = features */
    float *x;      /* [rows][features] NaN: missing, allowed by what the reader was asked */
    uint8_t *byte; /* [rows][features] instead of x where the file has bytes; else NULL */
    const char
        *at; /* [rows][features] instead of both: floats in map, of any alignment; else NULL */
    float least, most;       /* of what is at `at` and of 0: no value is beyond */
    struct crew_map map;     /* owned, what byte or at is in; zeroed: memory */
    uint32_t *label;         /* [rows] number in names, or NULL: unlabelled */
    struct crew_names names; /* label values as text */
    bool names_in_order;     /* the file lists its classes: keep their order */
    const char *unit;        /* what names.first and messages count: "line" or "row", from 1 */
};

/* What a value that is not there becomes. */
enum crew_missing { CREW_MISSING_REFUSE, CREW_MISSING_MEAN, CREW_MISSING_ZERO };

/* Whether rows are mapped instead of read, where their file has them as they are needed. */
enum crew_mapping { CREW_MAP_OFF, CREW_MAP_AUTO, CREW_MAP_ON };

/* What a reader is asked for. */
struct crew_read_how {
    const char *label;         /* CSV: label column as in struct crew_data_config */
    enum crew_missing missing; /* anything but refuse: leave NaN in the table */
    uint32_t features;         /* how many there must be; 0: as many as there are */
    bool labels_optional;      /* for prediction: a file without labels will do */
    uint64_t max_bytes;        /* most bytes the features may take, as floats or bytes */
    enum crew_mapping map;     /* are rows used as they stand in the file? */
    uint64_t room;             /* auto: they are where the file has more bytes than that */
};

/* A file format. */
struct crew_reader {
    const char *name;
    bool binary; /* does without a 0 byte behind the content: it may be mapped */
    /* Does the content look like it? Any bytes. */
    bool (*detect)(const struct crew_source *in);
    /* Fill *out, which is zeroed; the caller frees it after a failure too. May change in->data.
     */
    CREW_CHECKED crew_status (*read)(struct crew_source *in, const struct crew_read_how *how,
                                     struct crew_table *out, struct crew_error *err);
};

extern const struct crew_reader crew_cifar_reader, crew_idx_reader, crew_npy_reader,
    crew_libsvm_reader, crew_csv_reader;

/* Memory for rows x features and, if wanted, labels. Checks both counts, the product and
 * max_bytes; `path` for messages. Shape: 1 x features x 1. */
CREW_CHECKED crew_status crew_table_alloc(struct crew_table *t, const char *path, size_t rows,
                                          size_t features, bool labels, uint64_t max_bytes,
                                          struct crew_error *err);
/* The same for features that are bytes, and stay so. */
CREW_CHECKED crew_status crew_table_alloc_bytes(struct crew_table *t, const char *path,
                                                size_t rows, size_t features, bool labels,
                                                uint64_t max_bytes, struct crew_error *err);
/* As many rows of as many features as they stand in a mapped file from data on: `each` 1,
 * bytes, or 4, little-endian floats. The mapping is the table's from here on. */
CREW_CHECKED crew_status crew_table_map(struct crew_table *t, struct crew_source *in,
                                        const char *data, size_t rows, size_t features,
                                        uint32_t each, struct crew_error *err);
void crew_table_free(struct crew_table *t);

/* The value of cell i, row by row. */
static inline float crew_table_value(const struct crew_table *t, size_t i)
{
    float v;
    if (!t->at)
        return t->byte ? t->byte[i] : t->x[i];
    memcpy(&v, t->at + i * sizeof v, sizeof v);
    return v;
}

/* Bytes of memory that the features take: none where they are mapped. */
static inline uint64_t crew_table_bytes(const struct crew_table *t)
{
    return t->map.base ? 0 : (uint64_t)t->rows * t->features * (t->byte ? 1 : sizeof *t->x);
}

/* What can be mapped, to end a sentence with. */
#define CREW_MAPPED_FORMATS "only plain IDX of bytes and NPY of u1 or <f4 can be mapped"

/* The number of the label `value`, which must be a whole number, met at `where`. */
CREW_CHECKED crew_status crew_table_label(struct crew_table *t, const char *path, double value,
                                          uint64_t where, uint32_t *number,
                                          struct crew_error *err);

/* Say what crew_names_add() could not. */
crew_status crew_table_names_full(const char *path, crew_status status, struct crew_error *err);

/* Make part[0] all rows of part[0..n), one after the other, and empty the others. path [n].
 * CREW_EFORMAT: rows of another shape, or other classes. */
CREW_CHECKED crew_status crew_table_join(struct crew_table *part, const char *const *path,
                                         uint32_t n, uint64_t max_bytes,
                                         struct crew_error *err);

/* Open `path`, find out its format, read it. */
CREW_CHECKED crew_status crew_table_read(const char *path, const struct crew_read_how *how,
                                         struct crew_table *out, struct crew_error *err);

#endif
