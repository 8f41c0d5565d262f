/* Which PUs become slots: the request narrows the table of PUs to candidates, cores are reduced
 * to one candidate each, a limit keeps the best, and what is left is sorted for locality. */
#include "base/mem.h"
#include "machine/claim.h"
#include "machine/topology.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TAKEN = 1 << 16 }; /* more than any core has threads */

struct candidate {
    struct crew_cpu *pu;
    uint32_t slowness; /* 0: of the most efficient kind there can be; unknown sorts last */
    uint32_t sibling;  /* candidates of the same core that are taken before this one */
    uint32_t turn;     /* equal candidates on the same NUMA node that are taken before */
    uint32_t key[4];   /* what by_key() sorts by */
};

static int by_key(const void *a, const void *b)
{
    const uint32_t *x = ((const struct candidate *)a)->key;
    const uint32_t *y = ((const struct candidate *)b)->key;
    for (int i = 0; i < 4; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static void set_key(struct candidate *c, uint32_t k0, uint32_t k1, uint32_t k2, uint32_t k3)
{
    c->key[0] = k0;
    c->key[1] = k1;
    c->key[2] = k2;
    c->key[3] = k3;
}

static uint32_t slowness(const crew_machine *m, const struct crew_cpu *pu)
{
    return pu->kind < 0 ? UINT32_MAX
                        : UINT32_MAX - (uint32_t)(m->kind[pu->kind].efficiency + 1);
}

/* Keep one candidate a core, or all where smt is set: those of the most efficient kind go first
 * (a kind may cut a core), then the lowest CPU. Returns how many are left. */
static uint32_t take_cores(struct candidate *c, uint32_t n, bool smt)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        set_key(&c[i], c[i].pu->core, c[i].slowness, c[i].pu->cpu, 0);
    qsort(c, n, sizeof *c, by_key);
    for (uint32_t i = 0; i < n; i++) {
        bool same = kept && c[kept - 1].pu->core == c[i].pu->core;
        c[i].sibling = same ? c[kept - 1].sibling + 1 : 0;
        if (!same || smt)
            c[kept++] = c[i];
        else
            c[i].pu->state = CREW_CPU_SIBLING;
    }
    return kept;
}

/* A core that another trainer holds comes after all others, as if it were a last sibling. */
static void put_taken_last(const crew_machine *m, struct candidate *c, uint32_t n)
{
    for (uint32_t i = 0; i < n && m->info.this_system; i++)
        if (crew_claim_taken(m->core_cpu[c[i].pu->core]))
            c[i].sibling += TAKEN;
}

/* Move the best to the front. First threads of all cores go before second ones (half of a fast
 * core is less than a slow core of one's own), fast kinds before slow ones, and equals are
 * dealt out over the NUMA nodes like cards, because each node brings memory bandwidth of its
 * own. */
static void rank(struct candidate *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        set_key(&c[i], c[i].sibling, c[i].slowness, (uint32_t)c[i].pu->numa, i);
    qsort(c, n, sizeof *c, by_key);
    for (uint32_t i = 0; i < n; i++) {
        bool same = i && memcmp(c[i - 1].key, c[i].key, 3 * sizeof c[i].key[0]) == 0;
        c[i].turn = same ? c[i - 1].turn + 1 : 0;
    }
    for (uint32_t i = 0; i < n; i++)
        set_key(&c[i], c[i].sibling, c[i].slowness, c[i].turn, (uint32_t)c[i].pu->numa);
    qsort(c, n, sizeof *c, by_key);
}

/* What became of n candidates in the order of their rank, of which the first `wanted` were
 * asked for and the first `slots` are taken. A thread that gave way to another of its core has
 * what that one got.
 */
static void set_states(crew_machine *m, const struct candidate *c, uint32_t n, uint32_t wanted,
                       uint32_t slots)
{
    for (uint32_t i = 0; i < n; i++)
        c[i].pu->state = i < slots    ? CREW_CPU_SLOT
                         : i < wanted ? CREW_CPU_QUOTA
                                      : CREW_CPU_NOT_ASKED;
    for (uint32_t i = 0; i < n; i++) {
        struct crew_cpu *end = m->pu + m->info.pus, *pu = c[i].pu;
        enum crew_cpu_state got = pu->state;
        if (got == CREW_CPU_SLOT)
            continue;
        while (pu > m->pu && pu[-1].core == pu->core)
            pu--;
        for (uint32_t core = pu->core; pu < end && pu->core == core; pu++)
            if (pu->state == CREW_CPU_SIBLING)
                pu->state = got;
    }
}

/* Turn the first n candidates into slots, sorted by NUMA node (none: last), core and CPU. */
static crew_status make_slots(crew_machine *m, struct candidate *c, uint32_t n,
                              struct crew_error *err)
{
    for (uint32_t i = 0; i < n; i++)
        set_key(&c[i], (uint32_t)c[i].pu->numa, c[i].pu->core, c[i].pu->cpu, 0);
    qsort(c, n, sizeof *c, by_key);
    m->slot = crew_zalloc(n * sizeof *m->slot);
    if (!m->slot)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u slots", n);
    for (uint32_t i = 0; i < n; i++) {
        const struct crew_cpu *pu = c[i].pu;
        m->slot[i] = (struct crew_slot){pu->cpu, pu->core, pu->package, pu->numa, pu->kind};
    }
    m->info.n_slots = n;
    return CREW_OK;
}

/* Why CPU `cpu`, named by the user, cannot be had. */
static crew_status refuse_cpu(const crew_machine *m, uint32_t cpu, bool found,
                              struct crew_error *err)
{
    hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(m->topology);
    hwloc_const_bitmap_t complete = hwloc_topology_get_complete_cpuset(m->topology);
    const char *why = "is not in the affinity mask of this process";
    if (found && !hwloc_bitmap_isset(allowed, cpu))
        why = "is not allowed by the control group of this process";
    else if (!found && hwloc_bitmap_isset(complete, cpu))
        why = "is offline or hidden";
    else if (!found)
        why = "does not exist";
    return crew_fail(err, CREW_EINVAL, "cores: CPU %u %s", cpu, why);
}

/* A number at *s, which moves behind it; false for anything else and above UINT32_MAX - 1. */
static bool parse_number(const char **s, uint32_t *out)
{
    if (!isdigit((unsigned char)**s))
        return false;
    char *end = NULL;
    errno = 0;
    unsigned long v = strtoul(*s, &end, 10);
    if (errno || v >= UINT32_MAX)
        return false;
    *s = end;
    *out = (uint32_t)v;
    return true;
}

/* want[i] for the PUs of "0,2-5,8-30:2", as hwloc writes them: every second from 8 to 30. Each
 * must exist and be usable, and be named once. */
static crew_status want_list(const crew_machine *m, const char *list, bool *want,
                             struct crew_error *err)
{
    const char *s = list;
    do {
        uint32_t first, last, step = 1;
        s += s > list; /* the comma */
        if (!parse_number(&s, &first))
            goto malformed;
        last = first;
        if (*s == '-' && (s++, !parse_number(&s, &last)))
            goto malformed;
        if (*s == ':' && last > first && (s++, !parse_number(&s, &step)))
            goto malformed;
        if (last < first || !step || (*s && *s != ','))
            goto malformed;
        for (uint64_t at = first; at <= last; at += step) { /* ends at the first missing */
            uint32_t i = 0, cpu = (uint32_t)at;
            while (i < m->info.pus && m->pu[i].cpu != cpu)
                i++;
            bool found = i < m->info.pus;
            if (!found || !m->pu[i].usable)
                return refuse_cpu(m, cpu, found, err);
            if (want[i])
                return crew_fail(err, CREW_EINVAL, "cores: CPU %u is named twice in '%s'", cpu,
                                 list);
            want[i] = true;
        }
    } while (*s);
    return CREW_OK;
malformed:
    return crew_fail(err, CREW_EINVAL,
                     "cores is '%s', must be auto, all, kind:NAME, numa:N or CPUs like 0,2-5",
                     list);
}

/* want[i] for the usable PUs of a kind, by name or index. */
static crew_status want_kind(const crew_machine *m, const char *name, bool *want,
                             struct crew_error *err)
{
    uint32_t kind = 0, index;
    const char *s = name;
    while (kind < m->info.n_kinds && strcasecmp(name, m->kind_name[kind]) != 0)
        kind++;
    if (kind == m->info.n_kinds && parse_number(&s, &index) && !*s)
        kind = index;
    if (kind >= m->info.n_kinds) {
        char names[256] = "";
        size_t len = 0;
        for (uint32_t k = 0; k < m->info.n_kinds && len < sizeof names; k++)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", k ? ", " : "",
                                    m->kind_name[k]);
        if (!m->info.n_kinds)
            return crew_fail(err, CREW_EINVAL,
                             "cores: no kind '%s', this machine reports no kinds of cores",
                             name);
        return crew_fail(err, CREW_EINVAL, "cores: no kind '%s', this machine has: %s", name,
                         names);
    }
    for (uint32_t i = 0; i < m->info.pus; i++)
        want[i] = m->pu[i].usable && m->pu[i].kind == (int32_t)kind;
    return CREW_OK;
}

/* want[i] for the usable PUs inside a NUMA node, by OS number; nodes may nest or share CPUs. */
static crew_status want_node(const crew_machine *m, const char *number, bool *want,
                             struct crew_error *err)
{
    uint32_t wanted;
    bool any = false;
    const char *s = number;
    if (!parse_number(&s, &wanted) || *s)
        return crew_fail(err, CREW_EINVAL, "cores: numa:'%s' is no number of a NUMA node",
                         number);
    hwloc_obj_t node = hwloc_get_numanode_obj_by_os_index(m->topology, wanted);
    if (!node)
        return crew_fail(err, CREW_EINVAL, "cores: there is no NUMA node %u", wanted);
    for (uint32_t i = 0; i < m->info.pus; i++) {
        want[i] = m->pu[i].usable && hwloc_bitmap_isset(node->cpuset, m->pu[i].cpu);
        any |= want[i];
    }
    if (!any)
        return crew_fail(err, CREW_EINVAL,
                         "cores: NUMA node %u has no CPU this process may use", wanted);
    return CREW_OK;
}

static crew_status want_any(const crew_machine *m, const char *cores, bool *wanted,
                            struct crew_error *err)
{
    if (strncasecmp(cores, "kind:", 5) == 0)
        return want_kind(m, cores + 5, wanted, err);
    if (strncasecmp(cores, "numa:", 5) == 0)
        return want_node(m, cores + 5, wanted, err);
    if (strcmp(cores, "auto") != 0 && strcmp(cores, "all") != 0)
        return want_list(m, cores, wanted, err);
    for (uint32_t i = 0; i < m->info.pus; i++)
        wanted[i] = m->pu[i].usable;
    return CREW_OK;
}

/* The quota binds only where the user named no cores, but is told in any case. */
static uint32_t apply_quota(crew_machine *m, uint32_t n, bool automatic)
{
    double quota = m->info.quota_cores;
    if (quota <= 0.0 || quota >= n)
        return n;
    uint32_t whole = !automatic ? n : quota < 1.0 ? 1 : (uint32_t)quota;
    if (whole < n)
        crew_machine_note(m, "%u of %u cores: the quota of the control group is %g cores",
                          whole, m->info.cores, quota);
    if (quota < whole)
        crew_machine_note(
            m, "warning: the control group pays for %g cores, so %u worker%s will be throttled",
            quota, whole, whole == 1 ? "" : "s");
    return whole;
}

crew_status crew_slots_choose(crew_machine *m, const struct crew_machine_request *rq,
                              struct crew_error *err)
{
    const char *cores = rq->cores ? rq->cores : "auto";
    bool exact = isdigit((unsigned char)*cores); /* a list of CPUs: siblings may be named */
    uint32_t n = 0, asked, slots;
    bool *wanted = crew_zalloc(m->info.pus * sizeof *wanted);
    struct candidate *c = crew_zalloc(m->info.pus * sizeof *c);
    crew_status status = CREW_ENOMEM;
    if (!wanted || !c) {
        crew_fail(err, status, "no memory to choose among %u CPUs", m->info.pus);
        goto done;
    }
    if ((status = want_any(m, cores, wanted, err)) != CREW_OK)
        goto done;
    for (uint32_t i = 0; i < m->info.pus; i++)
        if (wanted[i])
            c[n++] = (struct candidate){.pu = &m->pu[i], .slowness = slowness(m, &m->pu[i])};
    n = take_cores(c, n, rq->smt || exact);
    if (rq->at_most && rq->at_most < n)
        put_taken_last(m, c, n);
    rank(c, n);
    asked = rq->at_most && rq->at_most < n ? rq->at_most : n;
    slots = apply_quota(m, asked, strcmp(cores, "auto") == 0);
    set_states(m, c, n, asked, slots);
    status = make_slots(m, c, slots, err);
done:
    crew_free(wanted);
    crew_free(c);
    return status;
}
