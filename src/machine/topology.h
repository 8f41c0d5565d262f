/* The inside of crew_machine: shared by the files of src/machine/ only. */
#ifndef CREW_MACHINE_TOPOLOGY_H
#define CREW_MACHINE_TOPOLOGY_H

#include "base/error.h"
#include "machine/host.h"
#include <crew/machine.h>
#include <hwloc.h>

enum { CREW_KIND_NAME = 32, CREW_NOTES = 8 };

/* Filled by create, read-only afterwards. */
struct crew_machine {
    struct crew_machine_info info;
    hwloc_topology_t topology;
    const char *described_by; /* what stands for the real machine, NULL: nothing does */
    struct crew_cpu *pu;      /* [info.n_cpus] in hwloc's logical order, offline ones last */
    uint32_t *core_cpu;       /* [info.cores] lowest CPU of each core: names it machine-wide */
    struct crew_core_kind *kind;       /* [info.n_all_kinds] */
    char (*kind_name)[CREW_KIND_NAME]; /* [info.n_all_kinds] */
    struct crew_fact *fact;            /* of all kinds, one after the other */
    struct crew_package *package;      /* [info.all_packages] */
    struct crew_numa_node *node;       /* [info.numa_nodes] */
    struct crew_cache *cache;          /* [info.n_caches] */
    char **cpu_list;                   /* [info.all_packages + info.numa_nodes] by malloc */
    struct crew_slot *slot;            /* [info.n_slots] */
    char *note[CREW_NOTES];            /* [info.n_notes] by malloc */
    struct crew_host host;
};

/* Add a sentence to info.notes. One that finds no room or memory is dropped: notes only inform.
 */
void crew_machine_note(crew_machine *m, const char *fmt, ...) CREW_PRINTF(2, 3);

/* Cores of the topology with at least one PU in set. */
uint32_t crew_machine_count_cores(const crew_machine *m, hwloc_const_bitmap_t set);

/* kinds.c: fill the table of kinds, and the kind of each PU. */
crew_status crew_kinds_find(crew_machine *m, struct crew_error *err);

/* describe.c: fill the tables that only inform: packages, NUMA nodes, caches, the host. */
crew_status crew_machine_describe(crew_machine *m, struct crew_error *err);

/* slots.c: fill slot, info.n_slots and the state of usable PUs; at least one slot, or an error.
 */
crew_status crew_slots_choose(crew_machine *m, const struct crew_machine_request *rq,
                              struct crew_error *err);

#endif
