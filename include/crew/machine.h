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
    int32_t numa;     /**< OS number of the smallest NUMA node around it, ordinary memory before NVM
                           and a GPU's; -1: none */
    int32_t kind;     /**< index of crew_machine_info.kinds, -1: in no kind */
};

/** What becomes of a CPU: X(NAME, word, why). The first may be used, up to and with QUOTA; of several reasons
 *  against a CPU the last of this list counts. */
#define CREW_CPU_STATES(X)                                                                         \
    X(SLOT, "slot", "a worker may be pinned here")                                                 \
    X(SIBLING, "smt-sibling", "another thread of its core has the slot")                           \
    X(NOT_ASKED, "not-asked", "left out by the cores, kind, node or number asked for")             \
    X(QUOTA, "quota", "beyond the CPU time the control group pays for")                            \
    X(AFFINITY, "affinity", "not in the affinity mask of this process")                            \
    X(CPUSET, "cpuset", "not allowed by the control group")                                        \
    X(OFFLINE, "offline", "switched off, or hidden from this process")

enum crew_cpu_state {
#define X(name, word, why) CREW_CPU_##name,
    CREW_CPU_STATES(X)
#undef X
};

/** The word and the reason of a state as constant strings; "unknown" for foreign values. Any thread. */
CREW_API const char *crew_cpu_state_word(enum crew_cpu_state state);
CREW_API const char *crew_cpu_state_text(enum crew_cpu_state state);

/** One CPU as the kernel counts them: a processing unit, which is a thread of a core. */
struct crew_cpu {
    uint32_t cpu;     /**< OS number */
    uint32_t core;    /**< as in struct crew_slot; a CPU without one counts for itself; UINT32_MAX: offline */
    uint32_t package; /**< as in struct crew_slot; UINT32_MAX: offline */
    int32_t numa;     /**< as in struct crew_slot */
    int32_t kind;     /**< index of crew_machine_info.kinds, -1: in none */
    bool usable;      /**< allowed by the control group and the affinity mask */
    enum crew_cpu_state state;
    uint32_t max_mhz;  /**< highest frequency that cpufreq allows now, 0: unknown */
    char governor[16]; /**< of cpufreq: "performance"; "": unknown */
};

/** Something hwloc knows, in its words: {"FrequencyMaxMHz", "3900"}. */
struct crew_fact {
    const char *name, *value;
};

/** One kind of core. */
struct crew_core_kind {
    const char *name;      /**< short and unique on the machine: "P", "E", "capacity 446", "3900 MHz" ... */
    int32_t efficiency;    /**< hwloc's rank, 0 = slowest, -1 = unknown */
    uint32_t cores;        /**< usable cores with at least one usable PU of this kind */
    uint32_t pus;          /**< usable PUs */
    uint32_t all_cores;    /**< cores of the topology with at least one PU of this kind */
    uint32_t all_pus;      /**< PUs of this kind, those that are offline or hidden too */
    uint32_t capacity;     /**< Linux's measure of speed, 1024 = the fastest CPU; 0: unknown */
    uint32_t base_mhz;     /**< 0: unknown */
    uint32_t max_mhz;      /**< of the hardware, turbo included; 0: unknown */
    const char *core_type; /**< the vendor's: "IntelAtom", "IntelCore"; NULL: unknown */
    uint32_t n_facts;
    const struct crew_fact *facts; /**< [n_facts] all that hwloc knows of the kind, the above too */
};

/** One package (socket). */
struct crew_package {
    const char *cpu_model;     /**< "AMD EPYC"; NULL: unknown */
    const char *cpus;          /**< OS numbers, "0-7,16-23"; those that are online; "": none */
    uint32_t cores, pus;       /**< of the topology */
    uint32_t usable_cores, usable_pus;
};

/** One NUMA node. Several may share CPUs (HBM or a GPU's memory beside DRAM), contain each other's, or have
 *  none. */
struct crew_numa_node {
    uint32_t node;        /**< OS number */
    bool allowed;         /**< the control group lets this process take memory here */
    const char *subtype;  /**< "DRAM", "HBM", "NVM", "GPUMemory"; NULL: ordinary, or unknown */
    const char *cpus;     /**< OS numbers of its CPUs, "0-7,16-23"; "": none */
    uint32_t cores, pus;  /**< of the topology, in it */
    uint32_t usable_pus;
    uint64_t bytes;       /**< memory, 0: none or unknown */
    uint64_t free_bytes;  /**< of which nobody uses, page cache counts as used; UINT64_MAX: unknown, as on a
                               described machine */
};

/** Data or unified caches that are equal in all of these. */
struct crew_cache {
    uint32_t level;  /**< 1: L1d, 2: L2 ... */
    int32_t kind;    /**< index of crew_machine_info.kinds; -1: in none, or shared by several */
    uint64_t bytes;  /**< size of each, 0: unknown */
    uint32_t cores;  /**< that share one: those of the topology with a PU below it */
    uint32_t pus;    /**< that share one */
    uint32_t count;  /**< how many there are */
};

/** What was found. Strings and arrays belong to the machine. */
struct crew_machine_info {
    bool this_system;      /**< false: described by a variable of hwloc's; nothing can be bound */
    uint32_t cores, pus;   /**< of the whole topology */
    uint32_t usable_cores; /**< with at least one usable PU */
    uint32_t usable_pus;   /**< in the cpuset of the cgroup and in the calling thread's affinity mask */
    double quota_cores;    /**< CPU time limit of the cgroups in cores, 0: none, or not this system */
    uint32_t numa_nodes;   /**< NUMA nodes in the topology */
    uint32_t packages;     /**< with CPUs */
    uint32_t n_kinds;      /**< kinds with at least one usable PU */
    const struct crew_core_kind *kinds; /**< [n_all_kinds] the n_kinds usable ones first, each part in hwloc's
                                             order */
    uint32_t n_slots;      /**< slots chosen by the request */
    const struct crew_slot *slots; /**< [n_slots] sorted by NUMA node (none: last), core, CPU */
    uint32_t n_notes;      /**< why there are fewer slots than the machine has cores, warnings */
    const char *const *notes; /**< [n_notes] one sentence each */
    uint32_t n_all_kinds;  /**< with those of which no PU may be used */
    uint32_t n_cpus;       /**< pus, and those that are offline */
    const struct crew_cpu *cpus;        /**< [n_cpus] by core and thread; offline ones last */
    uint32_t all_packages; /**< with those that have no CPU in the topology */
    const struct crew_package *package; /**< [all_packages] those with CPUs first: slots and CPUs count them */
    const struct crew_numa_node *node;  /**< [numa_nodes] in hwloc's order */
    uint32_t n_caches;
    const struct crew_cache *caches;    /**< [n_caches] by level, then by kind */
    const char *cpu_model;    /**< of the first package that names one: "AMD EPYC"; NULL: unknown */
    const char *platform;     /**< the computer, as its maker calls it: "PowerEdge R630"; NULL: unknown */
    const char *architecture; /**< "x86_64", "aarch64"; NULL: unknown */
    const char *kernel;       /**< "Linux 6.1.0-18-amd64"; NULL: not this system */
    const char *microcode;    /**< revision in CPU 0: "0xa0011d1"; NULL: unknown */
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
 *  leaves out is not used, so call it before pinning anything. HWLOC_SYNTHETIC, HWLOC_XMLFILE or
 *  HWLOC_FSROOT in the environment describe another machine. CREW_EINVAL: a core list that names CPUs this process may not
 *  use, an unknown kind or node; CREW_EINPUT: the description cannot be loaded; CREW_ENOMEM. Costs some
 *  milliseconds. Any thread; changes no binding. */
CREW_CHECKED CREW_API crew_status crew_machine_create(const struct crew_machine_request *rq,
                                                      crew_machine **out, struct crew_error *err);
CREW_API const struct crew_machine_info *crew_machine_info(const crew_machine *m);
CREW_API void crew_machine_destroy(crew_machine *m);

/** Bytes this process may still take: the least of MemAvailable, what is left under the memory limits
 *  of its cgroups (v1 and v2, all ancestors), and under RLIMIT_AS and RLIMIT_DATA. UINT64_MAX when nothing
 *  can be read. */
CREW_API uint64_t crew_machine_free_bytes(void);

#ifdef __cplusplus
}
#endif
#endif
