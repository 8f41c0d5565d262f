/* Inside a data set: shared rows, and a choice of them. */
#ifndef CREW_DATA_DATASET_H
#define CREW_DATA_DATASET_H

#include "data/scale.h"
#include "data/table.h"
#include <crew/dataset.h>
#include <stdatomic.h>

/* Rows that several data sets show parts of. */
struct crew_store {
    atomic_uint
        users; /* data sets; the last one frees. Counts down in crew_dataset_destroy() */
    size_t rows;
    float *x; /* [rows][features] owned, or NULL where the caller's rows are wrapped */
    uint8_t
        *byte; /* [rows][features] instead of x, owned or in map, or NULL: scaled when read */
    struct crew_byte_scale scale; /* of byte, owned */
    const char *at; /* [rows][features] instead of both: floats in map, or NULL; see table.h */
    float least, most;                   /* of them and 0 */
    struct crew_float_scale float_scale; /* of them, owned */
    float *fill;         /* [features] what a missing one of them becomes, owned, or NULL */
    struct crew_map map; /* owned; zeroed: memory */
    uint32_t *label;     /* [rows] owned, or NULL */
    char **class_name;   /* [classes] owned, or NULL */
};

struct crew_dataset {
    struct crew_store *store;
    struct crew_dataset_info info;
    const float
        *x; /* [rows of the store][features], or NULL: the store has what is scaled when read */
    const uint32_t *label; /* [rows of the store], or NULL */
    uint32_t *row; /* [info.rows] row of the store behind each row, owned; NULL: the same */
};

/* Where a row stood among those that were read, from 0. */
static inline uint32_t crew_dataset_origin(const crew_dataset *ds, uint32_t row)
{
    return ds->row ? ds->row[row] : row;
}

/* Where the rows of the store lie, [rows][features] as floats or bytes: what is there must not
 * be changed, but the system may be asked to move it. NULL: they are the caller's, or in a
 * file. */
void *crew_dataset_memory(const crew_dataset *ds, size_t *bytes);

/* Take over the rows of a table, whose labels are class numbers by now. `classes` may be NULL
 * (then unlabelled); their names are copied. Empties the table. */
CREW_CHECKED crew_status crew_dataset_from_table(struct crew_table *t,
                                                 const struct crew_names *classes,
                                                 crew_dataset **out, struct crew_error *err);

/* Move a random share of the rows of *ds to *aside, as many as round(share * rows), at least
 * one in each. A function of (seed, permutation, rows). Rows keep their order. share 0:
 * nothing. */
CREW_CHECKED crew_status crew_dataset_set_aside(crew_dataset **ds, double share, uint64_t seed,
                                                uint32_t permutation, crew_dataset **aside,
                                                struct crew_error *err);

/* Replace missing values of all rows of the store by mean [features], before they are scaled;
 * where they are mapped, whenever they are read. CREW_ENOMEM. */
CREW_CHECKED crew_status crew_dataset_fill(crew_dataset *ds, const float *mean,
                                           struct crew_error *err);

/* Scale all rows of the store, also those of others who share it: once, and before they are
 * read. Bytes stay bytes, and mapped floats what they are; they are scaled whenever they are
 * read, to the same bits. CREW_EFORMAT: a value leaves the range of float; `path` for the
 * message. */
CREW_CHECKED crew_status crew_dataset_scale(crew_dataset *ds, const struct crew_scaler *scaler,
                                            const char *path, struct crew_error *err);

#endif
