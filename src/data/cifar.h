/* What of CIFAR is not behind crew_cifar_reader. */
#ifndef CREW_DATA_CIFAR_H
#define CREW_DATA_CIFAR_H

#include "data/names.h"

/* Class names, one a line, from a text of n bytes and one 0 more. CREW_EFORMAT: they are not
 * `classes` different names of printable ASCII characters; CREW_ENOMEM. *out is empty then. */
CREW_CHECKED crew_status crew_cifar_names(const char *text, size_t n, uint32_t classes,
                                          struct crew_names *out);

#endif
