#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct own {
    double seconds, watch_s;
    uint32_t size, triad_mb;
    bool latency, numa, quick, csv, json, no_samples, force, quiet;
    const char *save_profile;
};

#define OWN(NAME, LETTER, TYPE, FIELD, ...)                         \
    {                                                               \
        .name = NAME, .letter = LETTER, .type = CREW_OPTION_##TYPE, \
        .offset = offsetof(struct own, FIELD), __VA_ARGS__          \
    }

static const struct crew_option own_options[] = {
    OWN("seconds", 0, REAL, seconds, .min = 0.001, .max = 3600, .argument = "SECONDS",
        .help = "the task on each core, and on all at once; sgemm and triad about a quarter of "
                "it; not given: 2, with quick 0.1"),
    OWN("quick", 0, FLAG, quick,
        .help = "short, with less memory: to look around, not to cite"),
    OWN("size", 0, U32, size, .min = 1, .max = 8192, .value = "256", .argument = "N",
        .help = "sgemm multiplies N x N matrices"),
    OWN("triad-mb", 0, U32, triad_mb, .min = 1, .max = 65536, .argument = "MIB",
        .help = "arrays of each core; not given: 64, or three times the last cache"),
    OWN("watch", 0, REAL, watch_s, .min = 0.02, .max = 86400, .argument = "SECONDS",
        .help = "show how fast tasks are over so much time, from a cold start"),
    OWN("latency", 0, FLAG, latency,
        .help = "measure the round trip of a cache line, core to core"),
    OWN("numa", 0, FLAG, numa,
        .help = "bandwidth and latency node by node; always, where there are several"),
    {.type = CREW_OPTION_END},
};

static const struct crew_option output_options[] = {
    OWN("save-profile", 0, STRING, save_profile, .argument = "FILE",
        .help = "write the task times of all together, for crew train --profile"),
    OWN("force", 'f', FLAG, force, .help = "replace existing outputs"),
    OWN("csv", 0, FLAG, csv, .help = "print one CSV line a slot instead of tables"),
    OWN("json", 0, FLAG, json, .help = "print one JSON object instead, with all samples"),
    OWN("no-samples", 0, FLAG, no_samples,
        .help = "leave the samples out of it: a hundredth of the size"),
    OWN("quiet", 'q', FLAG, quiet, .help = "print results only, no progress"),
    {.type = CREW_OPTION_END},
};

/* ---- Progress: a line rewritten on a terminal, one for every tenth elsewhere ---- */

struct progress {
    bool quiet, terminal, told;
    double next; /* elsewhere: told from there on */
};

static bool on_progress(void *user, const char *what, double done)
{
    struct progress *p = user;
    char text[120];
    struct winsize w;
    if (!p->quiet && *what && (p->terminal || done >= p->next)) {
        int width =
            p->terminal && ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1 : 119;
        snprintf(text, sizeof text, "%3.0f%%  %s", 100 * done, what);
        fprintf(stderr, p->terminal ? "\r%.*s\033[K" : "%.*s\n", width, text);
        p->told = true;
        p->next += 0.1;
    }
    return !signals_caught();
}

/* ---- The command ---- */

enum { QUICK_MB = 16 };

static void configure(struct crew_bench_config *cfg, const struct crew_config *train,
                      const struct own *own)
{
    cfg->model = train->model;
    cfg->task_rows = train->task_rows;
    cfg->seed = train->seed;
    cfg->cores = train->cores;
    cfg->smt = train->smt;
    cfg->workers = train->workers;
    cfg->bind = train->bind;
    cfg->batch_tasks = train->batch_tasks;
    cfg->size = own->size;
    cfg->triad_mb = own->triad_mb ? own->triad_mb : own->quick ? QUICK_MB : 0;
    cfg->seconds = own->seconds > 0 ? own->seconds : own->quick ? 0.1 : 2;
    cfg->watch_s = own->watch_s;
    cfg->latency = own->latency;
    cfg->numa = own->numa;
    cfg->save_profile = own->save_profile;
    cfg->replace = own->force;
    limit_to_memory(&cfg->data);
}

static int report(const struct command *self, const struct own *own, const struct crew_bench *b,
                  bool saved)
{
    if (b->stopped) {
        fprintf(stderr, "crew bench: stopped; nothing is printed%s\n",
                own->save_profile ? ", and no profile is written" : "");
        return 128 + signals_caught();
    }
    if (own->json)
        print_bench_json(stdout, b, !own->no_samples);
    else if (own->csv)
        print_bench_csv(stdout, b);
    else
        print_bench(stdout, b);
    for (size_t i = 0; i < b->n_notes && own->csv && !own->quiet; i++)
        fprintf(stderr, "%s%s\n", strncmp(b->note[i], "warning: ", 9) ? "note: " : "",
                b->note[i]);
    if (own->save_profile && !own->quiet && saved)
        fprintf(stderr, "the profile is in %s\n", own->save_profile);
    return finish(self, 0);
}

static int check_usage(const struct command *self, const struct own *own)
{
    if (own->json && own->csv)
        return usage_error(self, "--json and --csv exclude each other");
    if (own->csv && (own->latency || own->numa || own->watch_s > 0))
        return usage_error(self,
                           "--csv has one line a slot: --%s is shown in tables and --json",
                           own->latency ? "latency"
                           : own->numa  ? "numa"
                                        : "watch");
    if (own->no_samples && !own->json)
        return usage_error(self, "--no-samples needs --json");
    return -1;
}

/* Three samples are taken in any case, after one turn that does not count. */
static void tell_long_turns(const struct crew_bench_config *cfg)
{
    static const double FAST = 200e9; /* operations a second of a fast core */
    double n = cfg->size, least_s = 4 * 2 * n * n * n / FAST;
    if (least_s > cfg->seconds)
        fprintf(stderr,
                "note: four products of size %u take %.2g s and more, twice on each core; "
                "--seconds is %g\n",
                cfg->size, least_s, cfg->seconds);
}

int run_bench(const struct command *self, int argc, char **argv)
{
    static const char *const data_names[] = {"data", "label", "missing", "scale", NULL};
    static const char *const train_names[] = {
        "model", "task-rows", "batch-tasks", "workers", "cores", "smt", "bind", "seed", NULL};
    struct crew_option data_table[sizeof data_names / sizeof *data_names],
        train_table[sizeof train_names / sizeof *train_names];
    struct crew_bench_config cfg = {0};
    struct crew_config train;
    struct own own = {0};
    struct crew_bench result;
    struct crew_error err = {.status = CREW_OK};
    int first;
    pick_options(crew_data_options(), data_names, data_table);
    pick_options(crew_train_options(), train_names, train_table);
    train_table[3].help = "slots that are measured, 0: one per chosen core";
    crew_data_config_init(&cfg.data);
    crew_config_init(&train);
    const struct parser p = {.command = self,
                             .group = {{data_table, &cfg.data},
                                       {train_table, &train},
                                       {own_options, &own},
                                       {output_options, &own}},
                             .title = {"the task", NULL, "what is measured", "output"},
                             .n_groups = 4};
    int code = parse_options(&p, argc, argv, &first);
    if (code < 0)
        code = check_usage(self, &own);
    if (code >= 0)
        return code;
    struct progress progress = {.quiet = own.quiet, .terminal = isatty(2) == 1};
    configure(&cfg, &train, &own);
    cfg.on_progress = on_progress;
    cfg.user = &progress;
    if (!own.quiet)
        tell_long_turns(&cfg);
    signals_watch();
    crew_status status = crew_bench_run(&cfg, &result, &err);
    if (progress.told && (progress.terminal || result.measured))
        fputs(progress.terminal ? "\r\033[K" : "100%  all is measured\n", stderr);
    code = status == CREW_OK || result.measured ? report(self, &own, &result, status == CREW_OK)
                                                : 0;
    if (status != CREW_OK)
        code = fail(self, status, &err);
    crew_bench_free(&result);
    return code;
}
