/* What an evaluation says class by class. */
#ifndef CREW_CLI_CLASSES_H
#define CREW_CLI_CLASSES_H

#include "cli/query.h"
#include <jansson.h>

/* One class: of `support` rows that are in it, and `predicted` that were taken for it, `hits`
 * are both. */
struct class_figures {
    uint64_t support, predicted, hits;
    double precision, recall,
        f1; /* NaN where nothing was predicted, nothing was in it, or both */
};

/* count [classes][classes]: rows by true and predicted class. out [classes]. */
void class_figures(const uint64_t *count, uint32_t classes, struct class_figures *out);

void print_classes(FILE *to, const struct query *q, const struct class_figures *figures);
/* The whole table where it can be read, else the largest confusions. */
void print_confusion(FILE *to, const struct query *q, const uint64_t *count,
                     const struct class_figures *figures);

json_t *classes_as_json(const struct query *q, const struct class_figures *figures);
json_t *confusion_as_json(const struct query *q, const uint64_t *count);

#endif
