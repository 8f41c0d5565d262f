/* The tables that only inform: packages, NUMA nodes, caches, and what the kernel tells of this
 * system. Nothing here decides where a worker runs. */
#include "base/mem.h"
#include "machine/topology.h"
#include <stdlib.h>
#include <string.h>

struct counts {
    uint32_t cores, pus, usable_cores, usable_pus;
};

static struct counts count_in(const crew_machine *m, hwloc_const_bitmap_t set)
{
    struct counts n = {0};
    uint32_t core = UINT32_MAX, usable_core = UINT32_MAX;
    for (uint32_t i = 0; i < m->info.pus; i++) {
        const struct crew_cpu *pu = &m->pu[i];
        if (!hwloc_bitmap_isset(set, pu->cpu))
            continue;
        n.pus++;
        n.cores += pu->core != core;
        core = pu->core;
        if (!pu->usable)
            continue;
        n.usable_pus++;
        n.usable_cores += pu->core != usable_core;
        usable_core = pu->core;
    }
    return n;
}

/* "0-7,16-23" in cpu_list[at]; "" for the empty set. */
static crew_status list_cpus(crew_machine *m, uint32_t at, hwloc_const_bitmap_t set,
                             struct crew_error *err)
{
    if (hwloc_bitmap_list_asprintf(&m->cpu_list[at], set) >= 0)
        return CREW_OK;
    m->cpu_list[at] = NULL;
    return crew_fail(err, CREW_ENOMEM, "no memory for a list of CPUs");
}

static crew_status add_package(crew_machine *m, hwloc_obj_t obj, uint32_t at,
                               struct crew_error *err)
{
    struct counts n = count_in(m, obj->cpuset);
    TRY(list_cpus(m, at, obj->cpuset, err));
    m->package[at] = (struct crew_package){
        .cpu_model = hwloc_obj_get_info_by_name(obj, "CPUModel"),
        .cpus = m->cpu_list[at],
        .cores = n.cores,
        .pus = n.pus,
        .usable_cores = n.usable_cores,
        .usable_pus = n.usable_pus,
    };
    return CREW_OK;
}

/* Those with CPUs are found above the PUs and have numbers by then; the others follow. */
static crew_status find_packages(crew_machine *m, struct crew_error *err)
{
    hwloc_obj_t obj = NULL, last = NULL;
    uint32_t found = 0;
    for (uint32_t i = 0; i < m->info.pus && found < m->info.packages; i++) {
        hwloc_obj_t pu = hwloc_get_obj_by_type(m->topology, HWLOC_OBJ_PU, i);
        obj = hwloc_get_ancestor_obj_by_type(m->topology, HWLOC_OBJ_PACKAGE, pu);
        if (!obj || obj == last)
            continue;
        last = obj;
        TRY(add_package(m, obj, found++, err));
    }
    for (obj = NULL; found < m->info.all_packages;) {
        obj = hwloc_get_next_obj_by_type(m->topology, HWLOC_OBJ_PACKAGE, obj);
        if (!obj)
            break;
        if (hwloc_bitmap_iszero(obj->cpuset))
            TRY(add_package(m, obj, found++, err));
    }
    m->info.all_packages = found;
    return CREW_OK;
}

static crew_status find_nodes(crew_machine *m, struct crew_error *err)
{
    hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_nodeset(m->topology);
    hwloc_obj_t obj = NULL;
    for (uint32_t i = 0; i < m->info.numa_nodes; i++) {
        obj = hwloc_get_next_obj_by_type(m->topology, HWLOC_OBJ_NUMANODE, obj);
        struct counts n = count_in(m, obj->cpuset);
        uint32_t at = m->info.all_packages + i;
        TRY(list_cpus(m, at, obj->cpuset, err));
        m->node[i] = (struct crew_numa_node){
            .node = obj->os_index,
            .allowed = hwloc_bitmap_isset(allowed, obj->os_index),
            .subtype = obj->subtype,
            .cpus = m->cpu_list[at],
            .cores = n.cores,
            .pus = n.pus,
            .usable_pus = n.usable_pus,
            .bytes = obj->attr->numanode.local_memory,
            .free_bytes =
                m->info.this_system ? crew_host_node_free_bytes("", obj->os_index) : UINT64_MAX,
        };
    }
    return CREW_OK;
}

/* Is the PU with this place in the table the first below obj? Those below it are neighbours. */
static bool first_below(const crew_machine *m, hwloc_obj_t obj, uint32_t i)
{
    return i == 0 || !hwloc_bitmap_isset(obj->cpuset, m->pu[i - 1].cpu);
}

static struct crew_cache cache_at(const crew_machine *m, hwloc_obj_t obj, uint32_t first)
{
    struct crew_cache c = {.level = obj->attr->cache.depth,
                           .kind = m->pu[first].kind,
                           .bytes = obj->attr->cache.size,
                           .count = 1};
    uint32_t core = UINT32_MAX;
    for (uint32_t i = first; i < m->info.pus && hwloc_bitmap_isset(obj->cpuset, m->pu[i].cpu);
         i++) {
        c.pus++;
        c.cores += m->pu[i].core != core;
        core = m->pu[i].core;
        if (m->pu[i].kind != c.kind)
            c.kind = -1;
    }
    return c;
}

static bool same_cache(const struct crew_cache *a, const struct crew_cache *b)
{
    return a->level == b->level && a->kind == b->kind && a->bytes == b->bytes &&
           a->cores == b->cores && a->pus == b->pus;
}

/* By level, kind (none: last), then what else tells rows apart. */
static int by_level(const void *x, const void *y)
{
    const struct crew_cache *a = x, *b = y;
    uint32_t kind_a = (uint32_t)a->kind, kind_b = (uint32_t)b->kind;
    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    if (kind_a != kind_b)
        return kind_a < kind_b ? -1 : 1;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? -1 : 1;
    return a->pus < b->pus ? -1 : a->pus > b->pus;
}

/* Caches are looked for above the PUs: like cores, those of a level may stand at several
 * depths. With table NULL they are only counted. */
static uint32_t walk_caches(crew_machine *m, struct crew_cache *table)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->info.pus; i++) {
        hwloc_obj_t obj = hwloc_get_obj_by_type(m->topology, HWLOC_OBJ_PU, i)->parent;
        for (; obj; obj = obj->parent) {
            if (!hwloc_obj_type_is_dcache(obj->type) || !first_below(m, obj, i))
                continue;
            struct crew_cache c = {0};
            uint32_t row = n;
            if (table) {
                c = cache_at(m, obj, i);
                for (row = 0; row < n && !same_cache(&table[row], &c);)
                    row++;
            }
            if (row < n)
                table[row].count++;
            else if (table)
                table[n++] = c;
            else
                n++;
        }
    }
    return n;
}

static crew_status find_caches(crew_machine *m, struct crew_error *err)
{
    uint32_t most = walk_caches(m, NULL);
    if (!most)
        return CREW_OK;
    if (!(m->cache = crew_zalloc(most * sizeof *m->cache)))
        return crew_fail(err, CREW_ENOMEM, "no memory for a table of caches");
    m->info.n_caches = walk_caches(m, m->cache);
    qsort(m->cache, m->info.n_caches, sizeof *m->cache, by_level);
    return CREW_OK;
}

static void find_host(crew_machine *m)
{
    static const char *const platform[] = {"DMIProductName", "PlatformModel", "PlatformName"};
    struct crew_machine_info *info = &m->info;
    hwloc_obj_t root = hwloc_get_root_obj(m->topology);
    for (uint32_t i = 0; i < info->packages && !info->cpu_model; i++)
        info->cpu_model = m->package[i].cpu_model;
    if (!info->cpu_model) /* where there are no packages */
        info->cpu_model = hwloc_obj_get_info_by_name(root, "CPUModel");
    for (size_t i = 0; i < sizeof platform / sizeof *platform && !info->platform; i++)
        info->platform = hwloc_obj_get_info_by_name(root, platform[i]);
    if (!info->this_system) {
        info->architecture = hwloc_obj_get_info_by_name(root, "Architecture");
        return;
    }
    crew_host_read("", &m->host);
    info->kernel = *m->host.kernel ? m->host.kernel : NULL;
    info->architecture = *m->host.architecture ? m->host.architecture : NULL;
    info->microcode = *m->host.microcode ? m->host.microcode : NULL;
    for (uint32_t i = 0; i < info->n_cpus; i++)
        crew_host_frequency("", &m->pu[i]);
}

crew_status crew_machine_describe(crew_machine *m, struct crew_error *err)
{
    struct crew_machine_info *info = &m->info;
    int packages =
        hwloc_get_nbobjs_by_type(m->topology, HWLOC_OBJ_PACKAGE); /* -1: mixed depths */
    info->all_packages = packages > (int)info->packages ? (uint32_t)packages : info->packages;
    m->package = crew_zalloc((info->all_packages + 1) * sizeof *m->package);
    m->node = crew_zalloc((info->numa_nodes + 1) * sizeof *m->node);
    m->cpu_list =
        crew_zalloc((info->all_packages + info->numa_nodes + 1) * sizeof *m->cpu_list);
    if (!m->package || !m->node || !m->cpu_list)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u packages and %u NUMA nodes",
                         info->all_packages, info->numa_nodes);
    TRY(find_packages(m, err));
    TRY(find_nodes(m, err));
    TRY(find_caches(m, err));
    find_host(m);
    info->package = m->package;
    info->node = m->node;
    info->caches = m->cache;
    return CREW_OK;
}

/* The words and reasons of the one list of states. */
static const struct {
    const char *word, *text;
} states[] = {
#define X(name, word, text) {word, text},
    CREW_CPU_STATES(X)
#undef X
};

static bool known(enum crew_cpu_state state)
{
    return (size_t)state < sizeof states / sizeof *states;
}

const char *crew_cpu_state_word(enum crew_cpu_state state)
{
    return known(state) ? states[state].word : "unknown";
}

const char *crew_cpu_state_text(enum crew_cpu_state state)
{
    return known(state) ? states[state].text : "unknown";
}
