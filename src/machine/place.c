#include "machine/place.h"
#include "base/mem.h"
#include "machine/topology.h"
#include <sys/mman.h>
#include <unistd.h>

enum { STRIPES = 16 }; /* on each node */

/* Preferred, not strict: a node that is full then gives to another one, where a strict wish
 * ends in the kernel killing somebody. A refusal is no error, see the header. */
void *crew_place_alloc(const crew_machine *m, int32_t node, size_t bytes)
{
    void *p = hwloc_alloc(m->topology, bytes);
    hwloc_bitmap_t set = p && node >= 0 && m->info.this_system ? hwloc_bitmap_alloc() : NULL;
    if (set && !hwloc_bitmap_only(set, (unsigned)node))
        (void)hwloc_set_area_membind(m->topology, p, bytes, set, HWLOC_MEMBIND_BIND,
                                     HWLOC_MEMBIND_BYNODESET);
    hwloc_bitmap_free(set);
#ifdef MADV_HUGEPAGE
    if (p)
        (void)madvise(p, bytes, MADV_HUGEPAGE); /* advice only */
#endif
    return p;
}

void crew_place_free(const crew_machine *m, void *p, size_t bytes)
{
    if (p)
        hwloc_free(m->topology, p, bytes);
}

/* Wished for and moved; then the wish is forgotten, so that neighbours in the heap and later
 * owners of the address have none. */
bool crew_place_move(const crew_machine *m, int32_t node, void *p, size_t bytes)
{
    const int to_nodes = HWLOC_MEMBIND_BYNODESET;
    hwloc_bitmap_t set = m->info.this_system && node >= 0 ? hwloc_bitmap_alloc() : NULL;
    bool done =
        set && !hwloc_bitmap_only(set, (unsigned)node) &&
        !hwloc_set_area_membind(m->topology, p, bytes, set, HWLOC_MEMBIND_BIND,
                                to_nodes | HWLOC_MEMBIND_MIGRATE) &&
        !hwloc_set_area_membind(m->topology, p, bytes, set, HWLOC_MEMBIND_DEFAULT, to_nodes);
    hwloc_bitmap_free(set);
    return done;
}

/* Not MPOL_INTERLEAVE, which is for pages to come: those that are there stay where they are, as
 * long as that is one of the nodes. */
bool crew_place_spread(const crew_machine *m, const int32_t *node, uint32_t n, void *p,
                       size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE),
                 stripe = crew_round_up(bytes / ((size_t)n * STRIPES) + 1, page);
    char *at = p, *end = at + bytes;
    bool done = true;
    for (uint32_t k = 0; at < end && done; k++) {
        size_t some = (size_t)(end - at) < stripe ? (size_t)(end - at) : stripe;
        done = crew_place_move(m, node[k % n], at, some);
        at += some;
    }
    return done;
}

int32_t crew_place_node(const crew_machine *m, const void *p, size_t bytes)
{
    int32_t node = CREW_PLACE_UNKNOWN;
    hwloc_bitmap_t set = m->info.this_system ? hwloc_bitmap_alloc() : NULL;
    if (set &&
        !hwloc_get_area_memlocation(m->topology, p, bytes, set, HWLOC_MEMBIND_BYNODESET) &&
        !hwloc_bitmap_iszero(set))
        node = hwloc_bitmap_weight(set) == 1 ? hwloc_bitmap_first(set) : CREW_PLACE_MIXED;
    hwloc_bitmap_free(set);
    return node;
}
