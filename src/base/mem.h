/* Aligned memory. Every block starts on a cache line, so that no two owners share one and
 * vector loads are aligned; big blocks start on a huge page and ask for one. */
#ifndef CREW_BASE_MEM_H
#define CREW_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

enum { CREW_LINE = 64, CREW_PAIR = 128 }; /* bytes; prefetchers fetch lines in pairs */

/* bytes of memory, uninitialised; NULL when there is none or bytes is 0. Untouched pages cost
 * nothing. */
void *crew_alloc(size_t bytes);
/* The same, zeroed. */
void *crew_zalloc(size_t bytes);
void crew_free(void *p);

/* Copy of a string by crew_alloc(); NULL for NULL. */
char *crew_strdup(const char *s);
char *crew_strndup(const char *s, size_t n);

/* Products that come from files or users: false on overflow, *out untouched. */
bool crew_mul(size_t a, size_t b, size_t *out);

static inline size_t crew_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

#endif
