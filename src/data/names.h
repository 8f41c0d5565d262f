/* A list of distinct texts, each with its number: class names. */
#ifndef CREW_DATA_NAMES_H
#define CREW_DATA_NAMES_H

#include <crew/status.h>
#include <stddef.h>
#include <stdint.h>

enum { CREW_MAX_CLASSES = 65536 };
#define CREW_NO_NAME UINT32_MAX

/* Numbers 0..n-1 in the order of arrival. Zeroed: an empty list. */
struct crew_names {
    char **name;     /* [n], each in a block */
    uint64_t *first; /* [n] line or row where it was met first */
    uint32_t n;
    uint32_t cap;
    uint32_t *slot;                 /* [2 * cap] open addressing: number + 1, or 0 */
    struct crew_names_block *block; /* the texts, one after the other; owned */
};

/* Number of text [p, p + n), which has no 0 byte and joins the list when it is new.
 * CREW_EFORMAT: too many. */
CREW_CHECKED crew_status crew_names_add(struct crew_names *names, const char *p, size_t n,
                                        uint64_t where, uint32_t *number);
/* The same for a whole number as decimal text. */
CREW_CHECKED crew_status crew_names_add_int(struct crew_names *names, int64_t value,
                                            uint64_t where, uint32_t *number);
/* Number of a text, or CREW_NO_NAME. */
uint32_t crew_names_find(const struct crew_names *names, const char *p, size_t n);
void crew_names_free(struct crew_names *names);

#endif
