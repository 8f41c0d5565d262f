/* From label texts to class numbers, and back to an order that does not depend on the rows'. */
#ifndef CREW_DATA_CLASSES_H
#define CREW_DATA_CLASSES_H

#include "data/table.h"

/* The classes that a table's labels make up: in the file's own order if it lists them, else
 * whole numbers by value, else texts by byte value. */
CREW_CHECKED crew_status crew_classes_of(const struct crew_table *t, const char *path,
                                         struct crew_names *out, struct crew_error *err);

/* Classes called name[0..n), or "0".."n-1" when name is NULL. */
CREW_CHECKED crew_status crew_classes_named(const char *const *name, uint32_t n,
                                            struct crew_names *out, struct crew_error *err);

/* Replace the table's labels by class numbers. A label that is no class is CREW_EFORMAT. */
CREW_CHECKED crew_status crew_classes_apply(const struct crew_names *classes,
                                            struct crew_table *t, const char *path,
                                            struct crew_error *err);

#endif
