/* From what the user typed to files. */
#ifndef CREW_DATA_LOCATE_H
#define CREW_DATA_LOCATE_H

#include <crew/dataset.h>

enum crew_part { CREW_PART_TRAIN, CREW_PART_VALIDATION, CREW_PART_TEST, CREW_PARTS };

/* Files of a data set. Zeroed: none. */
struct crew_located {
    char *rows[CREW_PARTS];      /* file of each part, owned, or NULL; the first is there */
    char **more[CREW_PARTS];     /* [n_more] further files of its rows, in order, owned */
    uint32_t n_more[CREW_PARTS]; /* 0 unless the first is numbered */
    char *labels[CREW_PARTS];    /* file of its labels where they are apart, owned, or NULL */
    const struct crew_dataset_entry *entry; /* it was called by name, or NULL */
};

/* `data`: a known name, a file, "-", or a folder of files whose names say what they are:
 *     train-images-idx3-ubyte.gz with train-labels-idx1-ubyte.gz, t10k-... or test-...
 *     train.csv, test.csv, validation.csv            (also .tsv, .libsvm, .svm, .txt; each .gz)
 *     x_train.npy with y_train.npy, x_test.npy with y_test.npy; X.npy with y.npy
 *     data_batch_1.bin, data_batch_2.bin ... with test_batch.bin; train.bin, test.bin */
CREW_CHECKED crew_status crew_locate(const char *data, struct crew_located *out,
                                     struct crew_error *err);
/* Exchange the files of part p of a and part q of b. */
void crew_located_swap(struct crew_located *a, enum crew_part p, struct crew_located *b,
                       enum crew_part q);
void crew_located_free(struct crew_located *l);

#endif
