#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/cores.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { MATRIX = 12, KIND = 13, KINDS = 3, HEAD = 10 }; /* lines of 80 columns at most */

/* Four digits or so, without an exponent. */
static void cell(FILE *to, double v, int width)
{
    int decimals = v >= 1000 ? 0 : v >= 100 ? 1 : v >= 10 ? 2 : v >= 1 ? 3 : 4;
    if (isfinite(v))
        fprintf(to, "%*.*f", width, v < 0.1 && v > 0 ? 5 : decimals, v);
    else
        fprintf(to, "%*s", width, "-");
}

static void spread(FILE *to, double v)
{
    char text[32] = "-";
    int decimals = v >= 100 ? 0 : v >= 10 ? 1 : v >= 1 ? 2 : v >= 0.1 ? 3 : 5;
    if (isfinite(v))
        snprintf(text, sizeof text, "%.*f", decimals, v);
    fprintf(to, " ± %-7s", text);
}

static const char *kind_name(const struct crew_bench *b, int32_t kind)
{
    return kind < 0 ? "-" : crew_machine_info(b->machine)->kinds[kind].name;
}

static void slot_head(FILE *to, const struct crew_bench *b, uint32_t i)
{
    const struct crew_bench_slot *s = &b->slot[i];
    fprintf(to, "%4u %4u%c ", i, s->where.cpu, s->bound ? ' ' : '*');
    print_cell(to, kind_name(b, s->where.kind), KIND, false);
}

/* ---- The machine ---- */

static void add(char *line, size_t cap, const char *fmt, ...) CREW_PRINTF(3, 4);
static void add(char *line, size_t cap, const char *fmt, ...)
{
    size_t at = strlen(line);
    va_list args;
    va_start(args, fmt);
    vsnprintf(line + at, cap - at, fmt, args);
    va_end(args);
}

static void print_caches(FILE *to, const struct crew_machine_info *m)
{
    char line[500] = "";
    for (uint32_t i = 0; i < m->n_caches; i++) {
        const struct crew_cache *c = &m->caches[i];
        bool large = c->bytes >= 1 << 20;
        if (i && c->level == c[-1].level && c->bytes == c[-1].bytes && c->cores == c[-1].cores)
            continue; /* the same of another kind of core */
        add(line, sizeof line, "%sL%u %.4g %s", i ? ", " : "", c->level,
            (double)c->bytes / (large ? 1 << 20 : 1 << 10), large ? "MiB" : "KiB");
        if (c->cores > 1)
            add(line, sizeof line, " for %u cores", c->cores);
    }
    print_entry(to, "caches", HEAD, *line ? line : "unknown");
}

static const char *governor(const struct crew_bench *b)
{
    const struct crew_machine_info *m = crew_machine_info(b->machine);
    const char *found = "";
    for (uint32_t i = 0; i < m->n_cpus && b->n; i++)
        found = m->cpus[i].cpu == b->slot[0].where.cpu ? m->cpus[i].governor : found;
    return *found ? found : "unknown";
}

static void print_machine_block(FILE *to, const struct crew_bench *b)
{
    const struct crew_machine_info *m = crew_machine_info(b->machine);
    struct crew_build_info build;
    char line[1000] = "";
    crew_build_info(&build);
    add(line, sizeof line, "%s, %u of %u cores measured, %u package%s, %u NUMA node%s",
        m->cpu_model ? m->cpu_model : "unknown", b->n, m->cores, m->packages,
        m->packages == 1 ? "" : "s", m->numa_nodes, m->numa_nodes == 1 ? "" : "s");
    print_entry(to, "machine", HEAD, line);
    print_caches(to, m);
    *line = '\0';
    add(line, sizeof line, "%s, governor %s, microcode %s", m->kernel ? m->kernel : "unknown",
        governor(b), m->microcode ? m->microcode : "unknown");
    print_entry(to, "system", HEAD, line);
    *line = '\0';
    add(line, sizeof line, "%s; hwloc %s", build.compiler, build.hwloc);
    print_entry(to, "built by", HEAD, line);
    *line = '\0';
    add(line, sizeof line, "%s, flavour %s, kernel %s%s%s", build.blas, build.blas_flavour,
        build.blas_core, build.blas_forced ? ", forced by " : "",
        build.blas_forced ? build.blas_forced : "");
    print_entry(to, "BLAS", HEAD, line);
    for (size_t i = 0; i < b->n_notes; i++) {
        bool warns = !strncmp(b->note[i], "warning: ", 9);
        print_entry(to, warns ? "warning:" : "note:", HEAD, b->note[i] + (warns ? 9 : 0));
    }
}

/* ---- The three measures ---- */

/* A rate, or for the task its milliseconds; `seconds` a turn. */
static double shown(const struct crew_bench *b, int what, double seconds)
{
    return what == CREW_GRADIENT ? 1e3 * seconds
                                 : b->turn_size[what] / seconds / bench_names[what].rate_unit;
}

/* A deviation of times is none of rates: those are shown where the slowest quarter begins. */
static void print_figures(FILE *to, const struct crew_bench *b, int what,
                          const struct crew_sampled *s)
{
    cell(to, shown(b, what, s->mean_s), 8);
    if (what == CREW_GRADIENT)
        spread(to, 1e3 * s->sd_s);
    cell(to, shown(b, what, s->median_s), 9);
    if (what != CREW_GRADIENT)
        cell(to, shown(b, what, s->p75_s), 10);
    cell(to, shown(b, what, s->p95_s), 9);
    fprintf(to, isfinite(s->cpu_s) ? "%9.2f\n" : "        -\n", s->cpu_s / s->wall_s);
}

static void print_title(FILE *to, const struct crew_bench *b, int what)
{
    if (what == CREW_SGEMM)
        fprintf(to, "\nsgemm of %u x %u matrices, GF/s\n", b->size, b->size);
    else if (what == CREW_GRADIENT)
        fprintf(to, "\ngradient task: %s on %u rows of %u features, ms\n", b->model,
                b->task_rows, b->rows.features);
    else
        fprintf(to, "\ntriad a = b + 3 c over %.0f MiB a core, GB/s\n",
                (double)b->triad_bytes / (1 << 20));
    fprintf(to, "slot  cpu  %-*s %-8s     mean%s  slow 5%% CPU/wall\n", KIND, "kind", "active",
            what == CREW_GRADIENT ? " ± sd        median" : "   median  slow 25%");
}

static void print_measure(FILE *to, const struct crew_bench *b, int what)
{
    double all = 0;
    print_title(to, b, what);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct crew_sampled *s = b->slot[i].measured[what];
        slot_head(to, b, i);
        fprintf(to, " %-8s ", bench_settings[CREW_ALONE]);
        print_figures(to, b, what, &s[CREW_ALONE]);
        fprintf(to, "%*s%-8s ", 12 + KIND, "", bench_settings[CREW_TOGETHER]);
        print_figures(to, b, what, &s[CREW_TOGETHER]);
        all += b->turn_size[what] / s[CREW_TOGETHER].mean_s / bench_names[what].rate_unit;
    }
    if (b->n > 1) {
        fprintf(to, "all%*s%-8s ", 9 + KIND, "", bench_settings[CREW_TOGETHER]);
        cell(to, all, 8);
        fprintf(to, " %s\n", bench_names[what].unit);
    }
}

/* ---- Over time ---- */

static double bucket_tasks(const struct crew_bench *b, uint32_t bucket, int32_t kind, bool all)
{
    double tasks = 0;
    for (uint32_t i = 0; i < b->n; i++)
        if (all || b->slot[i].where.kind == kind)
            tasks += b->watch.tasks[(size_t)bucket * b->n + i];
    return tasks / b->watch.bucket_s;
}

static void print_watch(FILE *to, const struct crew_bench *b)
{
    const struct crew_bench_watch *w = &b->watch;
    uint32_t kinds = b->n_kinds > 1 ? b->n_kinds < KINDS ? b->n_kinds : KINDS : 0;
    double rest = 0;
    for (uint32_t i = w->buckets / 2; i < w->buckets; i++)
        rest += bucket_tasks(b, i, 0, true) / (w->buckets - w->buckets / 2);
    fprintf(to, "\ngradient tasks a second from a cold start, all slots at once\n"
                "   from s      all  ratio to 2nd half");
    for (uint32_t k = 0; k < kinds; k++) {
        fputc(' ', to);
        print_cell(to, kind_name(b, b->kind[k].kind), KIND, true);
    }
    fputc('\n', to);
    for (uint32_t i = 0; i < w->buckets; i++) {
        double now = bucket_tasks(b, i, 0, true);
        fprintf(to, "%9.2f %8.0f %18.3f", i * w->bucket_s, now, now / rest);
        for (uint32_t k = 0; k < kinds; k++)
            fprintf(to, " %*.0f", KIND, bucket_tasks(b, i, b->kind[k].kind, false));
        fputc('\n', to);
    }
}

/* ---- Matrices ---- */

static void print_latency_matrix(FILE *to, const struct crew_bench *b)
{
    fprintf(to, "  cpu");
    for (uint32_t j = 0; j < b->n; j++)
        fprintf(to, " %5u", b->slot[j].where.cpu);
    fputc('\n', to);
    for (uint32_t i = 0; i < b->n; i++) {
        fprintf(to, "%5u", b->slot[i].where.cpu);
        for (uint32_t j = 0; j < b->n; j++) {
            double v = 1e9 * b->latency_s[(size_t)i * b->n + j];
            fprintf(to, isfinite(v) ? " %5.0f" : "     -", v);
        }
        fputc('\n', to);
    }
}

static void print_latency_ends(FILE *to, const struct crew_bench *b)
{
    fprintf(to, "slot  cpu  nearest cpu       ns  farthest cpu       ns\n");
    for (uint32_t i = 0; i < b->n; i++) {
        const double *row = &b->latency_s[(size_t)i * b->n];
        uint32_t near = i, far = i;
        for (uint32_t j = 0; j < b->n; j++) {
            near = isfinite(row[j]) && !(row[j] >= row[near]) ? j : near;
            far = isfinite(row[j]) && !(row[j] <= row[far]) ? j : far;
        }
        fprintf(to, "%4u %4u %12u %8.0f %13u %8.0f\n", i, b->slot[i].where.cpu,
                b->slot[near].where.cpu, 1e9 * row[near], b->slot[far].where.cpu,
                1e9 * row[far]);
    }
    fprintf(to, "the whole matrix is in --json\n");
}

static void print_latency(FILE *to, const struct crew_bench *b)
{
    fprintf(to, "\nround trip of a cache line from core to core, ns, median\n");
    if (b->n <= MATRIX)
        print_latency_matrix(to, b);
    else
        print_latency_ends(to, b);
}

static void print_nodes(FILE *to, const struct crew_bench *b)
{
    const struct crew_bench_nodes *d = &b->nodes;
    for (int what = 0; what < 2; what++) {
        const double *v = what ? d->load_s : d->bytes_per_s, scale = what ? 1e9 : 1e-9;
        fprintf(to, "\n%s\nmemory of node",
                what ? "one load from memory, ns, by NUMA node"
                     : "triad of all cores of a NUMA node at once, GB/s");
        for (uint32_t m = 0; m < d->n_memory; m++)
            fprintf(to, " %7d", d->memory[m]);
        fputc('\n', to);
        for (uint32_t c = 0; c < d->n_cores; c++) {
            fprintf(to, "cores of %5d", d->cores[c]);
            for (uint32_t m = 0; m < d->n_memory; m++) {
                double now = scale * v[(size_t)c * d->n_memory + m];
                fprintf(to, isfinite(now) ? " %7.1f" : "       -", now);
            }
            fputc('\n', to);
        }
    }
}

/* ---- The verdict ---- */

static void print_kinds(FILE *to, const struct crew_bench *b)
{
    fprintf(to, "\n%-*s cores     speed  slowest  fastest    tasks   parked\n", KIND, "kind");
    for (uint32_t k = 0; k < b->n_kinds; k++) {
        const struct crew_bench_kind *r = &b->kind[k];
        print_cell(to, kind_name(b, r->kind), KIND, false);
        fprintf(to, " %5u %9.3f %8.3f %8.3f %8" PRIu64 " %8u\n", r->slots, r->mean, r->slowest,
                r->fastest, r->planned, r->parked);
    }
}

static void print_rounds(FILE *to, const struct crew_bench *b)
{
    static const char *const what[CREW_BENCH_ROUNDS] = {
        "the fastest alone, others idle", "the same number for every core",
        "whoever is free takes the next", "the planned split"};
    fprintf(to, "\n%33s\npredicted  round ms %13s%13s\n", "speed-up over", "one core",
            "uniform");
    for (int r = 0; r < CREW_BENCH_ROUNDS; r++) {
        double s = b->round[r].seconds;
        fprintf(to, "%-9s", b->round[r].policy);
        cell(to, 1e3 * s, 10);
        fprintf(to, "%14.2f%13.2f  %s\n", b->round[0].seconds / s, b->round[1].seconds / s,
                what[r]);
    }
}

static void print_marks(FILE *to, const struct crew_bench *b)
{
    bool shared = false, noise = false, unbound = false;
    for (uint32_t i = 0; i < b->n; i++) {
        shared |= b->slot[i].shared;
        noise |= b->slot[i].within_noise;
        unbound |= !b->slot[i].bound;
    }
    if (shared)
        fprintf(to, "!  CPU/wall below 0.9: this core was shared while measured. Means, speeds "
                    "and\n   split count that, medians do not; if it is over, measure again\n");
    if (noise)
        fprintf(to, "~  within noise: slower than the fastest by less than two errors\n");
    if (b->n > 1 && b->passes < 2)
        fprintf(to, "   one pass: the errors are not known; see --seconds\n");
    if (unbound)
        fprintf(to, "*  not bound: measured wherever the system ran it\n");
}

static void print_verdict(FILE *to, const struct crew_bench *b)
{
    uint32_t parked = 0;
    fprintf(to, "\nverdict for rounds of %u tasks, split by the mean task times together\n",
            b->batch_tasks);
    fprintf(to, "slot  cpu  %-*s speed: alone ± error   together ± error   tasks\n", KIND - 4,
            "kind");
    for (uint32_t i = 0; i < b->n; i++) {
        const struct crew_bench_slot *s = &b->slot[i];
        slot_head(to, b, i);
        for (int how = 0; how < CREW_SETTINGS; how++) {
            fprintf(to, "%9.3f", s->speed[how]);
            if (s->speed[how] < 1 && isfinite(s->speed_se[how]))
                fprintf(to, " ± %-7.3f", s->speed_se[how]);
            else
                fprintf(to, "%10s", "");
        }
        fprintf(to, "%6" PRIu64 "%s%s%s%s\n", s->planned,
                s->within_noise || s->shared ? " " : "", s->within_noise ? "~" : "",
                s->shared ? "!" : "", s->planned ? "" : "  park it");
        parked += !s->planned;
    }
    print_marks(to, b);
    print_kinds(to, b);
    print_rounds(to, b);
    fprintf(to,
            "(means held constant, no cost of coordination; what learns settles on the "
            "split%s)\n",
            parked ? ";\nwithout the parked cores the others may be faster" : "");
}

static void print_energy(FILE *to, const struct crew_bench *b)
{
    char line[sizeof b->no_energy + 64] = "";
    if (isfinite(b->task_j))
        add(line, sizeof line, "%.4g mJ a task, all packages, all slots at once",
            1e3 * b->task_j);
    else
        add(line, sizeof line, "unknown: %s", b->no_energy);
    fputc('\n', to);
    print_entry(to, "energy", HEAD, line);
}

void print_bench(FILE *to, const struct crew_bench *b)
{
    print_machine_block(to, b);
    for (int what = 0; what < CREW_MEASURES; what++)
        print_measure(to, b, what);
    if (b->watch.buckets)
        print_watch(to, b);
    if (b->latency_s)
        print_latency(to, b);
    if (b->nodes.n_cores)
        print_nodes(to, b);
    print_verdict(to, b);
    print_energy(to, b);
}
