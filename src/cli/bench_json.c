#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/cores.h"
#include "cli/json.h"
#include <math.h>

const struct bench_name bench_names[CREW_MEASURES] = {
    {"sgemm", "GF/s", "gflops", 1e9},
    {"task", "tasks/s", "tasks_per_s", 1},
    {"triad", "GB/s", "gb_per_s", 1e9},
};
const char *const bench_settings[CREW_SETTINGS] = {"alone", "together"};

static double rate(const struct crew_bench *b, int what, double seconds)
{
    return b->turn_size[what] / seconds / bench_names[what].rate_unit;
}

/* ---- CSV ---- */

/* Names of kinds come from the machine's description: quotes are doubled. */
static void csv_text(FILE *to, const char *s)
{
    fputc('"', to);
    for (; *s; s++)
        fprintf(to, *s == '"' ? "\"\"" : "%c", *s);
    fputc('"', to);
}

static void csv_number(FILE *to, double v)
{
    fprintf(to, isfinite(v) ? ",%.9g" : ",", v);
}

static void csv_head(FILE *to)
{
    static const char *const figures[] = {"mean_s", "sd_s",  "median_s", "p75_s",
                                          "p95_s",  "cpu_s", "wall_s",   "turns"};
    fprintf(to, "slot,cpu,core,numa,kind,bound,relative_speed,relative_speed_se,"
                "together_speed,together_speed_se,planned_tasks,parked,shared,within_noise,"
                "energy_per_task_j");
    for (int what = 0; what < CREW_MEASURES; what++)
        for (int how = 0; how < CREW_SETTINGS; how++) {
            fprintf(to, ",%s_%s_%s", bench_names[what].key, bench_settings[how],
                    bench_names[what].head);
            for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
                fprintf(to, ",%s_%s_%s", bench_names[what].key, bench_settings[how],
                        figures[f]);
        }
    fputc('\n', to);
}

void print_bench_csv(FILE *to, const struct crew_bench *b)
{
    const struct crew_machine_info *m = crew_machine_info(b->machine);
    csv_head(to);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct crew_bench_slot *s = &b->slot[i];
        const char *kind = kind_of(m, s->where.kind);
        fprintf(to, "%u,%u,%u,", i, s->where.cpu, s->where.core);
        if (s->where.numa >= 0)
            fprintf(to, "%d", s->where.numa);
        fputc(',', to);
        if (kind)
            csv_text(to, kind);
        fprintf(to, ",%d", s->bound);
        for (int how = 0; how < CREW_SETTINGS; how++) {
            csv_number(to, s->speed[how]);
            csv_number(to, s->speed_se[how]);
        }
        fprintf(to, ",%llu,%d,%d,", (unsigned long long)s->planned, !s->planned, s->shared);
        if (isfinite(s->speed_se[CREW_TOGETHER]))
            fprintf(to, "%d", s->within_noise);
        csv_number(to, s->task_j);
        for (int what = 0; what < CREW_MEASURES; what++)
            for (int how = 0; how < CREW_SETTINGS; how++) {
                const struct crew_sampled *f = &s->measured[what][how];
                csv_number(to, rate(b, what, f->mean_s));
                const double figures[] = {f->mean_s, f->sd_s,  f->median_s, f->p75_s,
                                          f->p95_s,  f->cpu_s, f->wall_s};
                for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
                    csv_number(to, figures[k]);
                fprintf(to, ",%llu", (unsigned long long)f->turns);
            }
        fputc('\n', to);
    }
}

/* ---- JSON ---- */

static json_t *sampled_as_json(const struct crew_bench *b, int what,
                               const struct crew_sampled *s, bool with_samples)
{
    json_t *samples = with_samples ? json_array() : NULL;
    for (size_t i = 0; i < s->n && with_samples; i++)
        json_array_append_new(samples, real_or_null(s->sample_s[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o*}",
                     bench_names[what].head, real_or_null(rate(b, what, s->mean_s)), "mean_s",
                     real_or_null(s->mean_s), "sd_s", real_or_null(s->sd_s), "median_s",
                     real_or_null(s->median_s), "p75_s", real_or_null(s->p75_s), "p95_s",
                     real_or_null(s->p95_s), "cpu_s", real_or_null(s->cpu_s), "wall_s",
                     real_or_null(s->wall_s), "turns", (json_int_t)s->turns, "turns_a_sample",
                     (json_int_t)s->repeat, "samples_s", samples);
}

static json_t *slot_as_json(const struct crew_bench *b, uint32_t i, bool samples)
{
    const struct crew_bench_slot *s = &b->slot[i];
    const char *kind = kind_of(crew_machine_info(b->machine), s->where.kind);
    json_t *o = json_pack(
        "{s:i, s:i, s:i, s:i, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:I, s:b, s:b, s:o, s:o}",
        "slot", (int)i, "cpu", (int)s->where.cpu, "core", (int)s->where.core, "package",
        (int)s->where.package, "numa",
        s->where.numa < 0 ? json_null() : json_integer(s->where.numa), "kind",
        text_or_null(kind), "bound", (int)s->bound, "relative_speed",
        real_or_null(s->speed[CREW_ALONE]), "relative_speed_se",
        real_or_null(s->speed_se[CREW_ALONE]), "together_speed",
        real_or_null(s->speed[CREW_TOGETHER]), "together_speed_se",
        real_or_null(s->speed_se[CREW_TOGETHER]), "planned_tasks", (json_int_t)s->planned,
        "parked", (int)!s->planned, "shared", (int)s->shared, "within_noise",
        isfinite(s->speed_se[CREW_TOGETHER]) ? json_boolean(s->within_noise) : json_null(),
        "energy_per_task_j", real_or_null(s->task_j));
    for (int what = 0; what < CREW_MEASURES; what++) {
        json_t *both = json_object();
        for (int how = 0; how < CREW_SETTINGS; how++)
            json_object_set_new(both, bench_settings[how],
                                sampled_as_json(b, what, &s->measured[what][how], samples));
        json_object_set_new(o, bench_names[what].key, both);
    }
    return o;
}

static json_t *kinds_as_json(const struct crew_bench *b)
{
    const struct crew_machine_info *m = crew_machine_info(b->machine);
    json_t *list = json_array();
    for (uint32_t k = 0; k < b->n_kinds; k++) {
        const struct crew_bench_kind *r = &b->kind[k];
        json_array_append_new(
            list, json_pack("{s:o, s:i, s:o, s:o, s:o, s:I, s:i}", "kind",
                            text_or_null(kind_of(m, r->kind)), "slots", (int)r->slots,
                            "relative_speed", real_or_null(r->mean), "slowest",
                            real_or_null(r->slowest), "fastest", real_or_null(r->fastest),
                            "planned_tasks", (json_int_t)r->planned, "parked", (int)r->parked));
    }
    return list;
}

static json_t *rounds_as_json(const struct crew_bench *b)
{
    json_t *list = json_array();
    for (int r = 0; r < CREW_BENCH_ROUNDS; r++) {
        double s = b->round[r].seconds;
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:o, s:o}", "policy", b->round[r].policy, "round_s",
                            real_or_null(s), "gain_over_one_core",
                            real_or_null(b->round[0].seconds / s), "gain_over_uniform",
                            real_or_null(b->round[1].seconds / s)));
    }
    return list;
}

/* v [rows][columns] times scale; NULL gives null. */
static json_t *matrix_as_json(const double *v, size_t rows, size_t columns, double scale)
{
    json_t *list = v ? json_array() : json_null();
    for (size_t i = 0; v && i < rows; i++) {
        json_t *row = json_array();
        for (size_t j = 0; j < columns; j++)
            json_array_append_new(row, real_or_null(scale * v[i * columns + j]));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *numbers_as_json(const int32_t *v, uint32_t n)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(list, json_integer(v[i]));
    return list;
}

static json_t *nodes_as_json(const struct crew_bench_nodes *d)
{
    if (!d->n_cores)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o}", "nodes_of_cores",
                     numbers_as_json(d->cores, d->n_cores), "nodes_of_memory",
                     numbers_as_json(d->memory, d->n_memory), "triad_gb_per_s",
                     matrix_as_json(d->bytes_per_s, d->n_cores, d->n_memory, 1e-9), "load_ns",
                     matrix_as_json(d->load_s, d->n_cores, d->n_memory, 1e9));
}

/* The facts of crew cores --json that explain figures, and what computed them. */
static json_t *machine_block(const struct crew_bench *b)
{
    static const char *const from[] = {"kinds", "caches", "blas"};
    struct crew_build_info build;
    crew_build_info(&build);
    json_t *all = machine_as_json(crew_machine_info(b->machine));
    json_t *machine = json_copy(json_object_get(all, "machine"));
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        json_object_set(machine, from[i], json_object_get(all, from[i]));
    json_object_set_new(machine, "compiler", text_or_null(build.compiler));
    json_object_set_new(machine, "hwloc", text_or_null(build.hwloc));
    json_object_set_new(machine, "version", text_or_null(build.version));
    json_decref(all);
    return machine;
}

static json_t *settings_as_json(const struct crew_bench *b)
{
    return json_pack("{s:s, s:i, s:i, s:I, s:i, s:i, s:I, s:f, s:i}", "model", b->model,
                     "task_rows", (int)b->task_rows, "features", (int)b->rows.features,
                     "parameters", (json_int_t)b->n_params, "batch_tasks", (int)b->batch_tasks,
                     "sgemm_size", (int)b->size, "triad_bytes", (json_int_t)b->triad_bytes,
                     "seconds", b->seconds, "passes", (int)b->passes);
}

void print_bench_json(FILE *to, const struct crew_bench *b, bool samples)
{
    json_t *slots = json_array(), *notes = json_array(), *watch = json_null();
    for (uint32_t i = 0; i < b->n; i++)
        json_array_append_new(slots, slot_as_json(b, i, samples));
    for (size_t i = 0; i < b->n_notes; i++)
        json_array_append_new(notes, text_or_null(b->note[i]));
    if (b->watch.buckets)
        watch = json_pack("{s:f, s:o}", "bucket_s", b->watch.bucket_s, "tasks",
                          matrix_as_json(b->watch.tasks, b->watch.buckets, b->n, 1));
    bool energy = isfinite(b->task_j);
    json_t *o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:o}",
                          "machine", machine_block(b), "settings", settings_as_json(b), "slots",
                          slots, "kinds", kinds_as_json(b), "rounds", rounds_as_json(b),
                          "latency_ns", matrix_as_json(b->latency_s, b->n, b->n, 1e9), "numa",
                          nodes_as_json(&b->nodes), "watch", watch, "energy", "per_task_j",
                          real_or_null(b->task_j), "reason",
                          energy ? json_null() : text_or_null(b->no_energy), "notes", notes);
    json_dumpf(o, to, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(7));
    fputc('\n', to);
    json_decref(o);
}
