#include "cli/cli.h"
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

struct plan {
    const char *times;
    uint64_t tasks;
    bool json;
};

#define ROW(NAME, TYPE, FIELD, ...)                                                       \
    {                                                                                     \
        .name = NAME, .type = CREW_OPTION_##TYPE, .offset = offsetof(struct plan, FIELD), \
        __VA_ARGS__                                                                       \
    }

static const struct crew_option options[] = {
    ROW("times", STRING, times, .argument = "S,S,...",
        .help = "seconds per task of each worker; @FILE reads them from a file, @- from "
                "standard input"),
    ROW("batch-tasks", U64, tasks, .letter = 'B', .argument = "TASKS", .min = 1, .max = 0x1p63,
        .value = "16", .help = "tasks to split"),
    ROW("json", FLAG, json, .help = "print one JSON object instead of a table"),
    {.type = CREW_OPTION_END},
};

struct forecast {
    double round_s; /* the busiest worker's seconds */
    double busy_s;  /* of all workers */
};

static struct forecast predict(const double *times, const uint64_t *quota, size_t n)
{
    struct forecast f = {0, 0};
    for (size_t i = 0; i < n; i++) {
        double busy = (double)quota[i] * times[i];
        f.busy_s += busy;
        f.round_s = fmax(f.round_s, busy);
    }
    return f;
}

enum { ROWS = 1000 }; /* that anybody reads */

static void print_table(const double *times, const uint64_t *quota, size_t n, struct forecast f)
{
    printf("worker      s/task                tasks       busy s\n");
    for (size_t i = 0; i < n && i < ROWS; i++)
        printf("%6zu %11.6g %20" PRIu64 " %12.6g\n", i, times[i], quota[i],
               (double)quota[i] * times[i]);
    if (n > ROWS)
        printf("... %zu more workers; --json prints all\n", n - ROWS);
    printf("\nround %.6g s, idle %.1f%% of %zu worker%s\n", f.round_s,
           100 * fmax(0, 1 - f.busy_s / f.round_s / (double)n), n, n == 1 ? "" : "s");
}

/* Number by number: a million workers make no tree. */
static void print_json(const uint64_t *quota, size_t n, struct forecast f)
{
    printf("{\"quota\":[");
    for (size_t i = 0; i < n; i++)
        printf("%s%" PRIu64, i ? "," : "", quota[i]);
    printf("],\"round_s\":%.17g}\n", f.round_s);
}

static crew_status plan(const struct plan *p, const double *times, size_t n,
                        struct crew_error *err)
{
    crew_status status = CREW_OK;
    double *scratch = malloc(n * sizeof *scratch);
    uint64_t *quota = malloc(n * sizeof *quota);
    if (scratch && quota) {
        crew_minmax_split(times, (uint32_t)n, p->tasks, scratch, quota);
        struct forecast f = predict(times, quota, n);
        if (!isfinite(f.busy_s)) {
            status = CREW_EINVAL;
            snprintf(err->text, sizeof err->text,
                     "so many tasks of these times take more seconds than a number holds");
        } else if (p->json) {
            print_json(quota, n, f);
        } else {
            print_table(times, quota, n, f);
        }
    } else {
        status = CREW_ENOMEM;
        snprintf(err->text, sizeof err->text, "no memory for %zu workers", n);
    }
    free(scratch);
    free(quota);
    return status;
}

int run_plan(const struct command *self, int argc, char **argv)
{
    struct plan p;
    struct crew_error err;
    double *times;
    size_t n;
    int first;
    const struct parser parser = {.command = self, .group = {{options, &p}}, .n_groups = 1};
    int code = parse_options(&parser, argc, argv, &first);
    if (code >= 0)
        return code;
    if (!p.times)
        return usage_error(self, "--times is missing: the seconds per task of each worker");
    if (p.tasks > UINT64_C(1) << 63) /* the range as doubles is not so sharp */
        return usage_error(self, "--batch-tasks is %" PRIu64 ", must be at most 2^63", p.tasks);
    crew_status status = crew_times_read(p.times, &times, &n, &err);
    if (status != CREW_OK)
        return fail(self, status, &err);
    status = plan(&p, times, n, &err);
    crew_times_free(times);
    return status == CREW_OK ? finish(self, 0) : fail(self, status, &err);
}
