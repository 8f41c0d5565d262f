/* The inside of crew_machine: shared by the files of src/machine/ only. */
#ifndef CREW_MACHINE_TOPOLOGY_H
#define CREW_MACHINE_TOPOLOGY_H

#include "base/error.h"
#include <crew/machine.h>
#include <hwloc.h>

/* One processing unit of the topology. */
struct crew_pu {
    uint32_t cpu;     /* OS number */
    uint32_t core;    /* physical core; a PU without one counts for itself */
    uint32_t package; /* 0 where the topology names none */
    int32_t numa;     /* OS number of its nearest NUMA node, -1: none */
    int32_t kind;     /* index of info.kinds, -1: in none */
    bool usable;      /* allowed by the control group and the affinity mask */
};

enum { CREW_KIND_NAME = 32, CREW_NOTES = 8 };

/* Filled by create, read-only afterwards. */
struct crew_machine {
    struct crew_machine_info info;
    hwloc_topology_t topology;
    const char *described_by; /* what stands for the real machine, NULL: nothing does */
    struct crew_pu *pu;       /* [info.pus] in hwloc's logical order */
    uint32_t *core_cpu;       /* [info.cores] lowest CPU of each core: names it machine-wide */
    struct crew_core_kind *kind;       /* [info.n_kinds] */
    char (*kind_name)[CREW_KIND_NAME]; /* [info.n_kinds] */
    struct crew_slot *slot;            /* [info.n_slots] */
    char *note[CREW_NOTES];            /* [info.n_notes] by malloc */
};

/* Add a sentence to info.notes. One that finds no room or memory is dropped: notes only inform.
 */
void crew_machine_note(crew_machine *m, const char *fmt, ...) CREW_PRINTF(2, 3);

/* slots.c: fill slot and info.n_slots from the PU table; at least one, or an error. */
crew_status crew_slots_choose(crew_machine *m, const struct crew_machine_request *rq,
                              struct crew_error *err);

#endif
