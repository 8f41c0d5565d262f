/** @file machine.h
 * The cores this process may use, and the slots where workers are pinned. */
#ifndef CREW_MACHINE_H
#define CREW_MACHINE_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A machine as found once, at creation; immutable. Any number of threads may read it. */
typedef struct crew_machine crew_machine;

/** Where one worker may be pinned. Of a core that kinds cut through, the PU of the most efficient kind
 *  is taken, else the usable one with the lowest number. */
struct crew_slot {
    uint32_t cpu;     /**< OS number of the processing unit it is pinned to */
    uint32_t core;    /**< physical core, numbered from 0 in hwloc's logical order */
    uint32_t package; /**< likewise; 0 where the topology names none */
    int32_t numa;     /**< OS number of the smallest NUMA node around it, ordinary memory before a
                           GPU's; -1: none */
    int32_t kind;     /**< index of crew_machine_info.kinds, -1: in no kind */
};

/** One kind of core. */
struct crew_core_kind {
    const char *name;   /**< short and unique on the machine: "P", "E", "capacity 446", "3900 MHz" ... */
    int32_t efficiency; /**< hwloc's rank, 0 = slowest, -1 = unknown */
    uint32_t cores;     /**< usable cores with at least one usable PU of this kind */
    uint32_t pus;       /**< usable PUs */
};

/** What was found. Strings and arrays belong to the machine. */
struct crew_machine_info {
    bool this_system;      /**< false: described by HWLOC_XMLFILE or HWLOC_SYNTHETIC; nothing can be bound */
    uint32_t cores, pus;   /**< of the whole topology */
    uint32_t usable_cores; /**< with at least one usable PU */
    uint32_t usable_pus;   /**< in the cpuset of the cgroup and in the calling thread's affinity mask */
    double quota_cores;    /**< CPU time limit of the cgroups in cores, 0: none, or not this system */
    uint32_t numa_nodes;   /**< NUMA nodes in the topology */
    uint32_t packages;     /**< with CPUs */
    uint32_t n_kinds;      /**< kinds with at least one usable PU */
    const struct crew_core_kind *kinds; /**< [n_kinds] */
    uint32_t n_slots;      /**< slots chosen by the request */
    const struct crew_slot *slots; /**< [n_slots] sorted by NUMA node (none: last), core, CPU */
    uint32_t n_notes;      /**< why there are fewer slots than the machine has cores, warnings */
    const char *const *notes; /**< [n_notes] one sentence each */
};

/** Which slots are wanted. Strings are borrowed until the call returns. */
struct crew_machine_request {
    const char *cores; /**< "auto": one per usable core, at most the quota; "all": ignore the quota;
                            "0,2-5": exactly these CPUs, siblings too; "kind:NAME|INDEX"; "numa:N":
                            OS number. NULL = "auto" */
    bool smt;          /**< one slot per usable PU, not per core */
    uint32_t at_most;  /**< keep only so many slots: cores that another trainer holds go first, then second
                            threads of a core, slow kinds and those of unknown speed; equals stay
                            spread over the NUMA nodes. 0: all */
};

/** Look at the machine and choose slots; at least one. rq may be NULL. What the calling thread's mask
 *  leaves out is not used, so call it before pinning anything. HWLOC_SYNTHETIC or HWLOC_XMLFILE in the
 *  environment describe another machine. CREW_EINVAL: a core list that names CPUs this process may not
 *  use, an unknown kind or node; CREW_EINPUT: the description cannot be loaded; CREW_ENOMEM. Costs some
 *  milliseconds. Any thread; changes no binding. */
CREW_CHECKED CREW_API crew_status crew_machine_create(const struct crew_machine_request *rq,
                                                      crew_machine **out, struct crew_error *err);
CREW_API const struct crew_machine_info *crew_machine_info(const crew_machine *m);
CREW_API void crew_machine_destroy(crew_machine *m);

/** Bytes this process may still take: the least of MemAvailable and what is left under the memory limits
 *  of its cgroups (v1 and v2, all ancestors). UINT64_MAX when nothing can be read. */
CREW_API uint64_t crew_machine_free_bytes(void);

#ifdef __cplusplus
}
#endif
#endif
