/* Pictures that are another one in each epoch: mirrored, shifted. */
#ifndef CREW_DATA_AUGMENT_H
#define CREW_DATA_AUGMENT_H

#include <crew/dataset.h>

/* Zeroed: none. */
struct crew_augment {
    bool flip;     /* left and right change places, in half the cases */
    uint32_t crop; /* most pixels that it is shifted by, each way; 0: not at all */
    char text[24]; /* as it is typed: "flip,crop4" */
};

/* From "flip", "cropN" or both with a comma; NULL: none. CREW_EINVAL: anything else, and rows
 * that are no pictures of more than N pixels each way. */
CREW_CHECKED crew_status crew_augment_parse(const char *text,
                                            const struct crew_dataset_info *info,
                                            struct crew_augment *out, struct crew_error *err);

/* Change x [n][features], which are the scaled rows row[0..n) of a data set, in place. What
 * comes in from outside is 0. A function of (seed, epoch, row number). Any thread. */
void crew_augment_rows(const struct crew_augment *a, const struct crew_dataset_info *info,
                       uint64_t seed, uint64_t epoch, const uint32_t *row, size_t n, float *x);

#endif
