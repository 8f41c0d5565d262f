/* Kinds of cores, as far as hwloc knows them. A kind may lie partly or wholly outside of what
 * may be used or of the topology, cut through cores, and leave CPUs in no kind. */
#include "base/mem.h"
#include "base/text.h"
#include "machine/topology.h"
#include <stdio.h>
#include <string.h>

/* Value of one of a kind's infos, or NULL. */
static const char *kind_info(const struct hwloc_info_s *infos, unsigned n, const char *key)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(infos[i].name, key) == 0)
            return infos[i].value;
    return NULL;
}

/* A whole number from 1 on among the infos, 0: none. */
static uint32_t kind_number(const struct hwloc_info_s *infos, unsigned n, const char *key)
{
    const char *text = kind_info(infos, n, key);
    uint64_t value;
    return text && crew_text_u64(text, strlen(text), &value) && value <= UINT32_MAX
               ? (uint32_t)value
               : 0;
}

/* The shortest name people use: what the vendor calls it, else what tells it from the others.
 */
static void name_kind(char *name, const struct hwloc_info_s *infos, unsigned n, uint32_t index)
{
    const char *type = kind_info(infos, n, "CoreType");
    uint32_t capacity = kind_number(infos, n, "LinuxCapacity");
    uint32_t mhz = kind_number(infos, n, "FrequencyMaxMHz");
    const char *apple = kind_info(infos, n, "DarwinCompatible"); /* "apple,icestorm;ARM,v8" */
    if (type && strcmp(type, "IntelCore") == 0)
        snprintf(name, CREW_KIND_NAME, "P");
    else if (type && strcmp(type, "IntelAtom") == 0)
        snprintf(name, CREW_KIND_NAME, "E");
    else if (type && *type)
        snprintf(name, CREW_KIND_NAME, "%.20s", type);
    else if (capacity)
        snprintf(name, CREW_KIND_NAME, "capacity %u", capacity);
    else if (mhz)
        snprintf(name, CREW_KIND_NAME, "%u MHz", mhz);
    else if (apple) {
        int len = (int)strcspn(apple, ";"), maker = (int)strcspn(apple, ",");
        int skip = maker < len ? maker + 1 : 0;
        snprintf(name, CREW_KIND_NAME, "%.*s", len - skip < 20 ? len - skip : 20, apple + skip);
    } else
        snprintf(name, CREW_KIND_NAME, "kind %u", index);
}

/* "E" and "E" become "E #0" and "E #1": the suffix is the kind's index. */
static void tell_names_apart(crew_machine *m)
{
    for (uint32_t i = 0; i < m->info.n_all_kinds; i++) {
        bool twice = false;
        for (uint32_t k = i + 1; k < m->info.n_all_kinds; k++)
            if (strcmp(m->kind_name[i], m->kind_name[k]) == 0) {
                size_t len = strlen(m->kind_name[k]);
                snprintf(m->kind_name[k] + len, CREW_KIND_NAME - len, " #%u", k);
                twice = true;
            }
        if (twice) {
            size_t len = strlen(m->kind_name[i]);
            snprintf(m->kind_name[i] + len, CREW_KIND_NAME - len, " #%u", i);
        }
    }
}

/* Is a PU of this kind usable? */
static bool has_usable(const crew_machine *m, hwloc_const_bitmap_t set)
{
    for (uint32_t i = 0; i < m->info.pus; i++)
        if (m->pu[i].usable && hwloc_bitmap_isset(set, m->pu[i].cpu))
            return true;
    return false;
}

/* Count the kind's CPUs and cores, and mark them. A core cut by kinds counts for each. */
static void count_cpus(crew_machine *m, uint32_t index, hwloc_const_bitmap_t set)
{
    struct crew_core_kind *kind = &m->kind[index];
    uint32_t counted = UINT32_MAX, usable_counted = UINT32_MAX;
    for (uint32_t i = 0; i < m->info.n_cpus; i++) {
        struct crew_cpu *pu = &m->pu[i];
        if (!hwloc_bitmap_isset(set, pu->cpu))
            continue;
        pu->kind = (int32_t)index;
        kind->all_pus++;
        kind->all_cores += pu->core != counted && pu->core != UINT32_MAX;
        counted = pu->core;
        if (!pu->usable)
            continue;
        kind->pus++;
        kind->cores += pu->core != usable_counted;
        usable_counted = pu->core;
    }
}

/* Add hwloc's kind k, when usable says that it has PUs that may be used, or has none. Facts go
 * to *fact, which moves on. */
static void add_kind(crew_machine *m, unsigned k, bool usable, struct crew_fact **fact,
                     hwloc_bitmap_t set)
{
    struct hwloc_info_s *infos = NULL;
    unsigned n = 0;
    int efficiency = -1;
    uint32_t index = m->info.n_all_kinds;
    if (hwloc_cpukinds_get_info(m->topology, k, set, &efficiency, &n, &infos, 0) ||
        has_usable(m, set) != usable)
        return;
    struct crew_core_kind *kind = &m->kind[index];
    *kind = (struct crew_core_kind){.name = m->kind_name[index],
                                    .efficiency = efficiency,
                                    .capacity = kind_number(infos, n, "LinuxCapacity"),
                                    .base_mhz = kind_number(infos, n, "FrequencyBaseMHz"),
                                    .max_mhz = kind_number(infos, n, "FrequencyMaxMHz"),
                                    .core_type = kind_info(infos, n, "CoreType"),
                                    .n_facts = n,
                                    .facts = *fact};
    for (unsigned i = 0; i < n; i++)
        *(*fact)++ = (struct crew_fact){infos[i].name, infos[i].value};
    name_kind(m->kind_name[index], infos, n, index);
    for (char *c = m->kind_name[index]; *c; c++) /* a description may hold anything */
        if (*c < ' ' || *c > '~')
            *c = '?';
    count_cpus(m, index, set);
    m->info.n_all_kinds++;
    m->info.n_kinds += usable;
}

crew_status crew_kinds_find(crew_machine *m, struct crew_error *err)
{
    int found = hwloc_cpukinds_get_nr(m->topology, 0);
    size_t n_facts = 0;
    if (found <= 0)
        return CREW_OK;
    for (unsigned k = 0; k < (unsigned)found; k++) {
        struct hwloc_info_s *infos;
        unsigned n = 0;
        int efficiency;
        if (!hwloc_cpukinds_get_info(m->topology, k, NULL, &efficiency, &n, &infos, 0))
            n_facts += n;
    }
    m->kind = crew_zalloc((size_t)found * sizeof *m->kind);
    m->kind_name = crew_zalloc((size_t)found * sizeof *m->kind_name);
    m->fact = crew_zalloc((n_facts + 1) * sizeof *m->fact);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    if (!m->kind || !m->kind_name || !m->fact || !set) {
        hwloc_bitmap_free(set);
        return crew_fail(err, CREW_ENOMEM, "no memory for %d kinds of cores", found);
    }
    struct crew_fact *fact = m->fact;
    for (int usable = 1; usable >= 0; usable--)
        for (unsigned k = 0; k < (unsigned)found; k++)
            add_kind(m, k, usable, &fact, set);
    hwloc_bitmap_free(set);
    tell_names_apart(m);
    return CREW_OK;
}
