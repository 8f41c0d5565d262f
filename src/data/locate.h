/* From what the user typed to files. */
#ifndef CREW_DATA_LOCATE_H
#define CREW_DATA_LOCATE_H

#include <crew/dataset.h>

enum crew_part { CREW_PART_TRAIN, CREW_PART_VALIDATION, CREW_PART_TEST, CREW_PARTS };

/* Files of a data set. Zeroed: none. */
struct crew_located {
    char *rows[CREW_PARTS];   /* file of each part, owned, or NULL; the first is there */
    char *labels[CREW_PARTS]; /* file of its labels where they are apart, owned, or NULL */
    const struct crew_dataset_entry *entry; /* it was called by name, or NULL */
};

/* `data`: a known name, a file, "-", or a folder of files whose names say what they are:
 *     train-images-idx3-ubyte.gz with train-labels-idx1-ubyte.gz, t10k-... or test-...
 *     train.csv, test.csv, validation.csv            (also .tsv, .libsvm, .svm, .txt; each .gz)
 *     x_train.npy with y_train.npy, x_test.npy with y_test.npy; X.npy with y.npy */
CREW_CHECKED crew_status crew_locate(const char *data, struct crew_located *out,
                                     struct crew_error *err);
void crew_located_free(struct crew_located *l);

#endif
