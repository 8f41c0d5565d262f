#include "cli/cli.h"
#include "cli/cores.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Columns of a page, where the terminal names none; of a list of CPUs, at least, however narrow
 * it is; lines of one list; slots that have a line each. */
enum { WIDTH = 100, NARROW = 24, LONG_LIST = 8, LONG_TABLE = 32 };

const char *kind_of(const struct crew_machine_info *m, int32_t kind)
{
    return kind < 0 ? NULL : m->kinds[kind].name;
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- Lists of CPUs ---- */

/* The longest part of a list that is evenly spaced, from its start: its length, and the step. A
 * step above 1 pays from four numbers on. */
static uint32_t even_run(const uint32_t *cpu, uint32_t n, uint32_t *step)
{
    uint32_t len = 1;
    *step = n > 1 ? cpu[1] - cpu[0] : 1;
    while (len < n && cpu[len] - cpu[len - 1] == *step)
        len++;
    return *step == 1 || len >= 4 ? len : 1;
}

static int page_width(FILE *to)
{
    struct winsize size;
    return isatty(fileno(to)) && !ioctl(fileno(to), TIOCGWINSZ, &size) && size.ws_col
               ? size.ws_col
               : WIDTH;
}

/* CPU numbers in ascending order from that column on, in several lines where they do not fit:
 * "0-7,16-30:2" (every second one). What would fill a screen is cut. Ends the line. */
static void print_cpu_list(FILE *to, const uint32_t *cpu, uint32_t n, int column)
{
    int at = column, width = page_width(to) - 1, lines = 1; /* less one for a comma */
    if (width < column + NARROW)
        width = column + NARROW;
    for (uint32_t i = 0, len, step; i < n; i += len) {
        char item[48];
        len = even_run(cpu + i, n - i, &step);
        int used = snprintf(item, sizeof item, "%s%u", i ? "," : "", cpu[i]);
        if (len > 1)
            used += snprintf(item + used, sizeof item - (size_t)used, "-%u", cpu[i + len - 1]);
        if (len > 1 && step > 1)
            used += snprintf(item + used, sizeof item - (size_t)used, ":%u", step);
        if (i && at + used > width) { /* the comma stays behind */
            fprintf(to, ",\n%*s", column, "");
            if (++lines > LONG_LIST) {
                fprintf(to, "... and %u more: see --json\n", n - i);
                return;
            }
            fputs(item + 1, to);
            at = column + used - 1;
        } else {
            fputs(item, to);
            at += used;
        }
    }
    fputs(n ? "\n" : "-\n", to);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* What CPUs must have in common to stand in one row. */
enum { BY_STATE = 1, BY_KIND = 2, BY_FREQUENCY = 4 };

static bool alike(const struct crew_cpu *a, const struct crew_cpu *b, int by)
{
    return (!(by & BY_STATE) || a->state == b->state) &&
           (!(by & BY_KIND) || a->kind == b->kind) &&
           (!(by & BY_FREQUENCY) ||
            (a->max_mhz == b->max_mhz && strcmp(a->governor, b->governor) == 0));
}

/* The CPUs that are like this one; list has room for all. Returns how many. */
static uint32_t gather(const struct crew_machine_info *m, const struct crew_cpu *like, int by,
                       uint32_t *list)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_cpus; i++)
        if (alike(&m->cpus[i], like, by))
            list[n++] = m->cpus[i].cpu;
    qsort(list, n, sizeof *list, by_number);
    return n;
}

/* The library's "0-7,16" as numbers; list has room for all. */
static uint32_t parse_list(const char *s, uint32_t room, uint32_t *list)
{
    uint32_t n = 0;
    char *end;
    for (; *s && n < room; s = end + (*end == ',')) {
        unsigned long first = strtoul(s, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (; first <= last && n < room; first++)
            list[n++] = (uint32_t)first;
    }
    return n;
}

/* ---- Cells ---- */

/* A cell that is too wide pushes the next one, but never touches the one before. */
static void print_number(FILE *to, int width, bool known, uint32_t v)
{
    if (known)
        fprintf(to, " %*u", width - 1, v);
    else
        fprintf(to, "%*s", width, "-");
}

static void print_size(FILE *to, int width, bool known, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    char text[32] = "-";
    double v = (double)bytes;
    size_t unit = 0;
    while (v >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        v /= 1024;
        unit++;
    }
    if (known)
        snprintf(text, sizeof text, "%.*f %s", v == (double)(uint64_t)v ? 0 : 2, v,
                 units[unit]);
    fprintf(to, " %*s", width - 1, text);
}

static void print_of(FILE *to, int width, uint32_t usable, uint32_t all)
{
    char text[32];
    snprintf(text, sizeof text, "%u/%u", usable, all);
    fprintf(to, " %*s", width - 1, text);
}

/* The width of a column for names of kinds; 0: there are none. */
static int kind_width(const struct crew_machine_info *m)
{
    size_t most = m->n_all_kinds ? 4 : 0;
    for (uint32_t i = 0; i < m->n_all_kinds; i++)
        if (strlen(m->kinds[i].name) > most)
            most = strlen(m->kinds[i].name);
    return (int)most;
}

static void print_kind(FILE *to, const struct crew_machine_info *m, int32_t kind, int width)
{
    if (width)
        print_cell(to, kind < 0 ? "-" : kind_of(m, kind), width, false);
}

/* ---- Tables ---- */

/* Makers fill their names up with blanks: "Xeon(R) CPU           E5345", "EPYC 7451       ". */
static void print_model(FILE *to, const char *name)
{
    enum { LONGEST = 70 };
    char text[4 * LONGEST + 1]; /* UTF-8 */
    size_t len = 0;
    int wide = 0;
    for (const char *s = name; *s && len + 1 < sizeof text; s++) {
        if (*s == ' ' && (!len || !s[1] || s[1] == ' '))
            continue;
        text[len++] = *s;
        wide += (*s & 0xc0) != 0x80;
    }
    text[len] = '\0';
    print_cell(to, text, wide < LONGEST ? wide : LONGEST, false);
}

static void print_head(FILE *to, const struct crew_machine_info *m)
{
    const char *model = m->cpu_model  ? m->cpu_model
                        : m->platform ? m->platform
                                      : "processor of unknown name";
    struct crew_build_info b;
    crew_build_info(&b);
    fputs("machine  ", to);
    print_model(to, model);
    if (m->architecture) {
        fputs(", ", to);
        print_cell(to, m->architecture, (int)strcspn(m->architecture, " "), false);
    }
    if (m->kernel)
        fprintf(to, "\nkernel   %s", m->kernel);
    if (m->microcode)
        fprintf(to, ", microcode %s", m->microcode);
    fprintf(to, "\ncores    %u of %u usable, threads %u of %u", m->usable_cores, m->cores,
            m->usable_pus, m->pus);
    if (m->quota_cores > 0)
        fprintf(to, ", CPU quota %g cores", m->quota_cores);
    else if (m->this_system)
        fprintf(to, ", no CPU quota");
    fprintf(to, "\n         packages %u, NUMA nodes %u\n", m->packages, m->numa_nodes);
    fprintf(to,
            "BLAS     %s\n         flavour %s, kernel %s%s%s; own threads %u, in training 1 "
            "per worker\n",
            b.blas, b.blas_flavour, b.blas_core, b.blas_forced ? " forced by " : "",
            b.blas_forced ? b.blas_forced : "", b.blas_threads);
}

/* One package says no more than the lines above. */
static void print_packages(FILE *to, const struct crew_machine_info *m, uint32_t *list)
{
    if (m->all_packages > 1)
        fprintf(to, "\npackage    cores  threads  CPUs\n");
    for (uint32_t i = 0; i < m->all_packages && m->all_packages > 1; i++) {
        const struct crew_package *p = &m->package[i];
        fprintf(to, "%7u", i);
        print_of(to, 9, p->usable_cores, p->cores);
        print_of(to, 9, p->usable_pus, p->pus);
        fputs("  ", to);
        print_cpu_list(to, list, parse_list(p->cpus, m->pus, list), 27);
    }
}

static void print_nodes(FILE *to, const struct crew_machine_info *m, uint32_t *list)
{
    if (m->numa_nodes)
        fprintf(to, "\n   node  memory           size         free  threads  CPUs\n");
    for (uint32_t i = 0; i < m->numa_nodes; i++) {
        const struct crew_numa_node *n = &m->node[i];
        fprintf(to, "%7u  ", n->node);
        print_cell(to, !n->allowed ? "forbidden" : n->subtype ? n->subtype : "", 9, false);
        print_size(to, 12, n->bytes > 0, n->bytes);
        print_size(to, 13, n->free_bytes != UINT64_MAX, n->free_bytes);
        print_of(to, 9, n->usable_pus, n->pus);
        fputs("  ", to);
        print_cpu_list(to, list, parse_list(n->cpus, m->pus, list), 54);
    }
}

static void print_kinds(FILE *to, const struct crew_machine_info *m, uint32_t *list)
{
    int width = kind_width(m);
    bool ranked = false;
    if (!m->n_all_kinds)
        fprintf(to, "\nkinds    none reported: speeds may differ all the same\n");
    else
        fprintf(to, "\n%-*s  rank  capacity  base MHz  max MHz    cores  threads  CPUs\n",
                width, "kind");
    for (uint32_t i = 0; i < m->n_all_kinds; i++) {
        const struct crew_core_kind *k = &m->kinds[i];
        struct crew_cpu like = {.kind = (int32_t)i};
        ranked |= k->efficiency > 0;
        print_kind(to, m, (int32_t)i, width);
        print_number(to, 6, k->efficiency >= 0, (uint32_t)k->efficiency);
        print_number(to, 10, k->capacity, k->capacity);
        print_number(to, 10, k->base_mhz, k->base_mhz);
        print_number(to, 9, k->max_mhz, k->max_mhz);
        print_of(to, 9, k->cores, k->all_cores);
        print_of(to, 9, k->pus, k->all_pus);
        fputs("  ", to);
        print_cpu_list(to, list, gather(m, &like, BY_KIND, list), width + 55);
    }
    if (ranked)
        fprintf(to, "rank 0: slowest, as hwloc judges by these columns; not measured\n");
}

static void print_caches(FILE *to, const struct crew_machine_info *m)
{
    int width = kind_width(m);
    if (m->n_caches)
        fprintf(to, "\ncache  %-*s%s       size  count  each shared by\n", width,
                width ? "kind" : "", width ? "  " : "");
    for (uint32_t i = 0; i < m->n_caches; i++) {
        const struct crew_cache *c = &m->caches[i];
        fprintf(to, "L%u%-4s ", c->level, c->level == 1 ? "d" : "");
        print_kind(to, m, c->kind, width);
        fputs(width ? "  " : "", to);
        print_size(to, 11, c->bytes > 0, c->bytes);
        fprintf(to, "%7u  %u core%s", c->count, c->cores, plural(c->cores));
        if (c->pus != c->cores)
            fprintf(to, ", %u threads", c->pus);
        fputc('\n', to);
    }
}

/* Is there an earlier CPU that is like this one? */
static bool seen_before(const struct crew_machine_info *m, uint32_t i, int by)
{
    for (uint32_t k = 0; k < i; k++)
        if (alike(&m->cpus[k], &m->cpus[i], by))
            return true;
    return false;
}

/* What may run where, and why not elsewhere: one row for all CPUs that are alike. */
static void print_use(FILE *to, const struct crew_machine_info *m, uint32_t *list)
{
    int width = kind_width(m), column = 22 + (width ? width + 2 : 0);
    bool frequency = false;
    for (uint32_t i = 0; i < m->n_cpus; i++)
        frequency |= m->cpus[i].max_mhz || *m->cpus[i].governor;
    fprintf(to, "\n%-11s  %-*s%s%s", "use", width, width ? "kind" : "", width ? "  " : "",
            frequency ? "governor      MHz up to  " : "");
    fprintf(to, "threads  CPUs\n");
    column += frequency ? 25 : 0;
    for (uint32_t i = 0; i < m->n_cpus; i++) {
        const struct crew_cpu *c = &m->cpus[i];
        if (seen_before(m, i, BY_STATE | BY_KIND | BY_FREQUENCY))
            continue;
        uint32_t n = gather(m, c, BY_STATE | BY_KIND | BY_FREQUENCY, list);
        fprintf(to, "%-11s  ", crew_cpu_state_word(c->state));
        print_kind(to, m, c->kind, width);
        fputs(width ? "  " : "", to);
        if (frequency) {
            fprintf(to, "%-14s", *c->governor ? c->governor : "-");
            print_number(to, 9, c->max_mhz, c->max_mhz);
            fputs("  ", to);
        }
        fprintf(to, "%7u  ", n);
        print_cpu_list(to, list, n, column);
    }
    for (uint32_t i = 0; i < m->n_cpus; i++)
        if (m->cpus[i].state != CREW_CPU_SLOT && !seen_before(m, i, BY_STATE))
            fprintf(to, "%s: %s\n", crew_cpu_state_word(m->cpus[i].state),
                    crew_cpu_state_text(m->cpus[i].state));
}

static bool neighbours(const struct crew_slot *a, const struct crew_slot *b)
{
    return a->package == b->package && a->numa == b->numa && a->kind == b->kind;
}

/* One line for a run of slots that differ in their core only; of one slot, when there are few.
 */
static void print_slots(FILE *to, const struct crew_machine_info *m, uint32_t *list)
{
    bool few = m->n_slots <= LONG_TABLE;
    int width = kind_width(m);
    fprintf(to,
            few ? "\nslot   cpu  core  package  numa%s\n"
                : "\nslots      package  numa%s%-*s  CPUs\n",
            width ? "  kind" : "", width > 4 ? width - 4 : 0, "");
    for (uint32_t i = 0, end; i < m->n_slots; i = end) {
        const struct crew_slot *s = &m->slots[i];
        char range[32];
        for (end = i + 1; !few && end < m->n_slots && neighbours(s, &m->slots[end]);)
            end++;
        if (few)
            fprintf(to, "%4u %5u %5u", i, s->cpu, s->core);
        else {
            snprintf(range, sizeof range, end - i > 1 ? "%u-%u" : "%u", i, end - 1);
            fprintf(to, "%-9s", range);
        }
        fprintf(to, " %8u", s->package);
        print_number(to, 6, s->numa >= 0, (uint32_t)s->numa);
        fputs(width ? "  " : "", to);
        if (few) {
            fprintf(to, "%s\n", !width ? "" : s->kind < 0 ? "-" : kind_of(m, s->kind));
            continue;
        }
        print_kind(to, m, s->kind, width);
        fputs("  ", to);
        for (uint32_t k = i; k < end; k++)
            list[k - i] = m->slots[k].cpu;
        qsort(list, end - i, sizeof *list, by_number);
        print_cpu_list(to, list, end - i, 26 + (width ? width + 2 : 0));
    }
}

void print_machine(FILE *to, const struct crew_machine_info *m)
{
    uint32_t *list = calloc(m->n_cpus, sizeof *list);
    print_head(to, m);
    if (!list) {
        fprintf(to, "no memory for lists of CPUs\n");
        return;
    }
    print_packages(to, m, list);
    print_nodes(to, m, list);
    print_kinds(to, m, list);
    print_caches(to, m);
    print_use(to, m, list);
    print_slots(to, m, list);
    free(list);
}
