/* Numbers in a binary array, and what IDX and NPY files have in common: one array a file, of
 * labels (one dimension) or of rows (two: features; three: height, width; four: and depth). */
#ifndef CREW_DATA_ARRAY_H
#define CREW_DATA_ARRAY_H

#include "data/table.h"

enum { CREW_MAX_DIMENSIONS = 4 };

struct crew_array {
    char kind;      /* 'u', 'i', 'f': unsigned, signed, floating */
    uint32_t bytes; /* of one number: 1, 2, 4, 8 */
    bool big_endian;
    uint32_t n_dims;                   /* 1..4 */
    uint64_t dim[CREW_MAX_DIMENSIONS]; /* the first counts rows */
    size_t header;                     /* where the numbers begin in the file */
};

/* How much a file is like IDX: for readers that its first bytes do not tell from their own. */
enum crew_idx_look {
    CREW_IDX_NOT,
    CREW_IDX_HEADER,
    CREW_IDX_WHOLE /* and of the right size */
};
enum crew_idx_look crew_idx_look(const struct crew_source *in);

/* Check that the file holds the array and nothing else, then convert it; of a mapped file whose
 * rows can be used as they stand, take over the mapping. */
CREW_CHECKED crew_status crew_array_to_table(const struct crew_array *a, struct crew_source *in,
                                             const struct crew_read_how *how,
                                             struct crew_table *out, struct crew_error *err);

#endif
