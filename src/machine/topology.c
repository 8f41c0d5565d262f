/* The machine as hwloc sees it, reduced to one table of processing units (PUs).
 *
 * hwloc leaves several things to its callers: the topology is not restricted to the affinity
 * mask, kinds and NUMA nodes may lie partly or wholly outside of it, Core objects may be absent
 * or stand at several depths (so only the ancestors of PUs can be counted), and a description
 * that cannot be loaded is silently replaced by the real machine. All of that ends here. */
#include "machine/topology.h"
#include "base/mem.h"
#include "machine/limits.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void crew_machine_note(crew_machine *m, const char *fmt, ...)
{
    char **note = &m->note[m->info.n_notes];
    va_list args;
    if (m->info.n_notes == CREW_NOTES)
        return;
    va_start(args, fmt);
    if (vasprintf(note, fmt, args) < 0)
        *note = NULL;
    else
        m->info.n_notes++;
    va_end(args);
}

/* An environment variable; set to nothing is as good as unset. */
static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* What the environment puts in the place of the real machine: m->described_by is the variable,
 * NULL: none, and *value what it holds. Applied here and not by hwloc, which would fall back to
 * the real machine without a word; like there, HWLOC_SYNTHETIC goes first. */
static crew_status apply_description(crew_machine *m, const char **value,
                                     struct crew_error *err)
{
    if ((*value = setting(m->described_by = "HWLOC_SYNTHETIC"))) {
        if (hwloc_topology_set_synthetic(m->topology, *value))
            return crew_fail(err, CREW_EINPUT,
                             "HWLOC_SYNTHETIC is '%s', no description of a machine", *value);
    } else if ((*value = setting(m->described_by = "HWLOC_XMLFILE"))) {
        if (access(*value, R_OK))
            return crew_fail(err, CREW_EINPUT, "HWLOC_XMLFILE is '%s', which cannot be read",
                             *value);
        if (hwloc_topology_set_xml(m->topology, *value))
            return crew_fail(err, CREW_EINPUT,
                             "HWLOC_XMLFILE is '%s', which is no hwloc topology", *value);
    } else if (!(*value = setting(m->described_by = "HWLOC_FSROOT"))) {
        m->described_by = NULL;
    }
    return CREW_OK;
}

/* A root folder that has no tree of /sys is no error to hwloc: it then counts CPUs by other
 * means. */
static bool read_from_sys(hwloc_topology_t topology)
{
    const char *by = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), "Backend");
    return by && strcmp(by, "Linux") == 0;
}

static crew_status load(crew_machine *m, struct crew_error *err)
{
    const char *value;
    if (hwloc_topology_init(&m->topology)) {
        m->topology = NULL;
        return crew_fail(err, CREW_ENOMEM, "hwloc cannot create a topology");
    }
    /* The x86 part of hwloc binds the calling thread to each PU in turn; what it finds beyond
     * the operating system's own tables is not needed here. Where there is no such part this
     * fails. */
    (void)hwloc_topology_set_components(m->topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
                                        "x86");
    /* Show PUs outside our cpuset too: the notes name them, and cores are numbered alike in all
     * processes of the machine. */
    (void)hwloc_topology_set_flags(m->topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    TRY(apply_description(m, &value, err));
    int failed = hwloc_topology_load(m->topology);
    if (failed && !m->described_by)
        return crew_fail(err, CREW_EINPUT, "hwloc cannot read the topology of this machine");
    if (failed)
        return crew_fail(err, CREW_EINPUT,
                         "%s is '%s', which this version of hwloc cannot load", m->described_by,
                         value);
    if (m->described_by && strcmp(m->described_by, "HWLOC_FSROOT") == 0 &&
        !read_from_sys(m->topology))
        return crew_fail(err, CREW_EINPUT,
                         "HWLOC_FSROOT is '%s', below which no machine is described", value);
    m->info.this_system = hwloc_topology_is_thissystem(m->topology);
    if (!m->info.this_system && !m->described_by)
        m->described_by = "the environment of hwloc";
    return CREW_OK;
}

/* 0: ordinary memory, fast or not, 1: none, 2: slow or a device's, which is no CPU's own. */
static int memory_rank(hwloc_obj_t node)
{
    if (node->subtype &&
        (strcmp(node->subtype, "GPUMemory") == 0 || strcmp(node->subtype, "NVM") == 0))
        return 2;
    return node->attr->numanode.local_memory ? 0 : 1;
}

/* The smallest NUMA node around a PU. Nodes nest, and several may have the same CPUs (HBM, NVM,
 * GPUs beside DRAM): then ordinary memory goes first, hwloc's order decides the rest. */
static int32_t nearest_node(hwloc_topology_t topology, uint32_t cpu)
{
    hwloc_obj_t node = NULL, best = NULL;
    int best_size = 0;
    while ((node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node))) {
        if (!hwloc_bitmap_isset(node->cpuset, cpu))
            continue;
        int size = hwloc_bitmap_weight(node->cpuset);
        if (!best || size < best_size ||
            (size == best_size && memory_rank(node) < memory_rank(best))) {
            best = node;
            best_size = size;
        }
    }
    return best ? (int32_t)best->os_index : -1;
}

/* CPUs that exist, but not in the topology. set receives them; 0 where it has no end. */
static uint32_t count_offline(const crew_machine *m, hwloc_bitmap_t set)
{
    hwloc_bitmap_andnot(set, hwloc_topology_get_complete_cpuset(m->topology),
                        hwloc_topology_get_topology_cpuset(m->topology));
    int n = hwloc_bitmap_weight(set);
    if (n < 0)
        hwloc_bitmap_zero(set);
    return n > 0 ? (uint32_t)n : 0;
}

/* Behind the PUs of the topology, in the room that find_pus() left. */
static void append_offline(crew_machine *m, hwloc_const_bitmap_t offline)
{
    uint32_t i = m->info.pus;
    for (int cpu = hwloc_bitmap_first(offline); cpu >= 0; cpu = hwloc_bitmap_next(offline, cpu))
        m->pu[i++] = (struct crew_cpu){.cpu = (uint32_t)cpu,
                                       .core = UINT32_MAX,
                                       .package = UINT32_MAX,
                                       .numa = -1,
                                       .kind = -1,
                                       .state = CREW_CPU_OFFLINE};
    m->info.n_cpus = i;
}

/* Fill the table. PUs of one core or package follow each other in logical order. */
static crew_status find_pus(crew_machine *m, uint32_t offline, struct crew_error *err)
{
    struct crew_machine_info *info = &m->info;
    int found = hwloc_get_nbobjs_by_type(m->topology, HWLOC_OBJ_PU);
    if (found <= 0)
        return crew_fail(err, CREW_EINPUT, "hwloc finds no processing unit");
    info->pus = (uint32_t)found;
    m->pu = crew_zalloc(((size_t)info->pus + offline) * sizeof *m->pu);
    m->core_cpu = crew_zalloc(info->pus * sizeof *m->core_cpu);
    if (!m->pu || !m->core_cpu)
        return crew_fail(err, CREW_ENOMEM, "no memory for a table of %u CPUs", info->pus);
    hwloc_obj_t last_core = NULL, last_package = NULL;
    for (uint32_t i = 0; i < info->pus; i++) {
        hwloc_obj_t obj = hwloc_get_obj_by_type(m->topology, HWLOC_OBJ_PU, i);
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(m->topology, HWLOC_OBJ_CORE, obj);
        hwloc_obj_t package =
            hwloc_get_ancestor_obj_by_type(m->topology, HWLOC_OBJ_PACKAGE, obj);
        struct crew_cpu *pu = &m->pu[i];
        if (!core)
            core = obj;
        pu->cpu = obj->os_index;
        pu->numa = nearest_node(m->topology, pu->cpu);
        pu->kind = -1;
        if (core != last_core)
            m->core_cpu[info->cores++] = pu->cpu;
        if (package && package != last_package)
            info->packages++;
        pu->core = info->cores - 1;
        pu->package = package ? info->packages - 1 : 0;
        if (pu->cpu < m->core_cpu[pu->core])
            m->core_cpu[pu->core] = pu->cpu;
        last_core = core;
        last_package = package;
    }
    int nodes = hwloc_get_nbobjs_by_type(m->topology, HWLOC_OBJ_NUMANODE);
    info->numa_nodes = nodes > 0 ? (uint32_t)nodes : 0;
    return CREW_OK;
}

uint32_t crew_machine_count_cores(const crew_machine *m, hwloc_const_bitmap_t set)
{
    uint32_t n = 0, counted = UINT32_MAX;
    for (uint32_t i = 0; i < m->info.pus; i++)
        if (m->pu[i].core != counted && hwloc_bitmap_isset(set, m->pu[i].cpu)) {
            counted = m->pu[i].core;
            n++;
        }
    return n;
}

/* "0-7,16" for a sentence: a list of many pieces is cut. To be freed. */
static bool list_in_short(char **list, hwloc_const_bitmap_t set)
{
    enum { LONGEST = 64 };
    if (hwloc_bitmap_list_asprintf(list, set) < 0)
        return false;
    if (strlen(*list) > LONGEST + 4) {
        char *end = *list + LONGEST;
        while (end > *list && *end != ',')
            end--;
        memcpy(end, ",...", 5);
    }
    return true;
}

/* "2 of 8 cores: the affinity mask allows CPUs 0-1", when set has fewer cores than there were.
 */
static void note_restriction(crew_machine *m, uint32_t before, hwloc_const_bitmap_t set,
                             const char *who)
{
    uint32_t now = crew_machine_count_cores(m, set);
    char *list = NULL;
    if (now < before && list_in_short(&list, set))
        crew_machine_note(m, "%u of %u cores: %s allows CPU%s %s", now, before, who,
                          hwloc_bitmap_weight(set) == 1 ? "" : "s", list);
    free(list);
}

static void note_offline(crew_machine *m, hwloc_const_bitmap_t offline)
{
    char *list = NULL;
    if (!hwloc_bitmap_iszero(offline) && list_in_short(&list, offline))
        crew_machine_note(m, "offline or hidden from this process: CPU%s %s",
                          hwloc_bitmap_weight(offline) == 1 ? "" : "s", list);
    free(list);
}

/* Mark what may be used: the topology, less the cpuset of the control group, less the affinity
 * mask. The latter two are of this process, so the mask says nothing of a described machine. */
static crew_status find_usable(crew_machine *m, struct crew_error *err)
{
    struct crew_machine_info *info = &m->info;
    hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(m->topology);
    hwloc_bitmap_t usable = hwloc_bitmap_alloc(), mask = hwloc_bitmap_alloc();
    bool masked = false;
    if (!usable || !mask) {
        hwloc_bitmap_free(usable);
        hwloc_bitmap_free(mask);
        return crew_fail(err, CREW_ENOMEM, "no memory for a set of CPUs");
    }
    hwloc_bitmap_and(usable, hwloc_topology_get_topology_cpuset(m->topology), allowed);
    note_restriction(m, info->cores, usable, "the control group");
    if (info->this_system && !hwloc_get_cpubind(m->topology, mask, HWLOC_CPUBIND_THREAD)) {
        uint32_t before = crew_machine_count_cores(m, usable);
        masked = !hwloc_bitmap_isincluded(usable, mask);
        hwloc_bitmap_and(usable, usable, mask);
        note_restriction(m, before, usable, "the affinity mask");
    }
    info->usable_cores = crew_machine_count_cores(m, usable);
    for (uint32_t i = 0; i < info->pus; i++) {
        struct crew_cpu *pu = &m->pu[i];
        pu->usable = hwloc_bitmap_isset(usable, pu->cpu);
        pu->state = pu->usable                             ? CREW_CPU_NOT_ASKED
                    : hwloc_bitmap_isset(allowed, pu->cpu) ? CREW_CPU_AFFINITY
                                                           : CREW_CPU_CPUSET;
        info->usable_pus += pu->usable;
    }
    hwloc_bitmap_free(usable);
    hwloc_bitmap_free(mask);
    if (!info->usable_pus)
        return crew_fail(err, CREW_EINPUT, "none of the %u CPUs found may be used", info->pus);
    if (info->this_system && info->usable_cores == 1 && info->cores > 1)
        crew_machine_note(
            m,
            "warning: this process is confined to one of %u cores, which all workers would "
            "share%s",
            info->cores,
            masked ? "; was it started by a launcher that pins (mpirun, srun, taskset)?" : "");
    return CREW_OK;
}

static crew_status find_cpus(crew_machine *m, struct crew_error *err)
{
    hwloc_bitmap_t offline = hwloc_bitmap_alloc();
    if (!offline)
        return crew_fail(err, CREW_ENOMEM, "no memory for a set of CPUs");
    crew_status status = find_pus(m, count_offline(m, offline), err);
    if (status == CREW_OK) {
        append_offline(m, offline);
        note_offline(m, offline);
    }
    hwloc_bitmap_free(offline);
    return status;
}

static crew_status look(crew_machine *m, const struct crew_machine_request *rq,
                        struct crew_error *err)
{
    TRY(load(m, err));
    if (!m->info.this_system)
        crew_machine_note(m, "the machine is described by %s: no worker can be pinned",
                          m->described_by);
    TRY(find_cpus(m, err));
    TRY(find_usable(m, err));
    TRY(crew_kinds_find(m, err));
    if (m->info.this_system)
        m->info.quota_cores = crew_limits_quota_cores("");
    TRY(crew_slots_choose(m, rq, err));
    TRY(crew_machine_describe(m, err));
    m->info.cpus = m->pu;
    m->info.kinds = m->kind;
    m->info.slots = m->slot;
    m->info.notes = (const char *const *)m->note;
    return CREW_OK;
}

crew_status crew_machine_create(const struct crew_machine_request *rq, crew_machine **out,
                                struct crew_error *err)
{
    static const struct crew_machine_request automatic;
    *out = NULL;
    crew_machine *m = crew_zalloc(sizeof *m);
    if (!m)
        return crew_fail(err, CREW_ENOMEM, "no memory for the machine");
    crew_status status = look(m, rq ? rq : &automatic, err);
    if (status == CREW_OK)
        *out = m;
    else
        crew_machine_destroy(m);
    return status;
}

const struct crew_machine_info *crew_machine_info(const crew_machine *m)
{
    return &m->info;
}

void crew_machine_destroy(crew_machine *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->info.n_notes; i++)
        free(m->note[i]);
    for (uint32_t i = 0; m->cpu_list && i < m->info.all_packages + m->info.numa_nodes; i++)
        free(m->cpu_list[i]);
    crew_free(m->cpu_list);
    crew_free(m->cache);
    crew_free(m->node);
    crew_free(m->package);
    crew_free(m->slot);
    crew_free(m->fact);
    crew_free(m->kind_name);
    crew_free(m->kind);
    crew_free(m->core_cpu);
    crew_free(m->pu);
    if (m->topology)
        hwloc_topology_destroy(m->topology);
    crew_free(m);
}
