#include "machine/place.h"
#include "machine/topology.h"
#include <sys/mman.h>

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

bool crew_place_interleave(const crew_machine *m, const int32_t *node, uint32_t n, void *p,
                           size_t bytes)
{
    hwloc_bitmap_t set = m->info.this_system ? hwloc_bitmap_alloc() : NULL;
    bool done = set != NULL;
    for (uint32_t i = 0; i < n && done; i++)
        done = node[i] >= 0 && !hwloc_bitmap_set(set, (unsigned)node[i]);
    done = done && !hwloc_set_area_membind(m->topology, p, bytes, set, HWLOC_MEMBIND_INTERLEAVE,
                                           HWLOC_MEMBIND_BYNODESET | HWLOC_MEMBIND_MIGRATE);
    hwloc_bitmap_free(set);
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
