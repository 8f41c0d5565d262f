/* Files for the tests of reports: a folder of their own, a log of two rounds. */
#ifndef CREW_TESTS_REPORT_RIG_H
#define CREW_TESTS_REPORT_RIG_H

#include "study/logread.h"
#include "testing.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/crew-report-XXXXXX";
static struct crew_error err;
static struct crew_logs all;

static inline void is_near(double value, double want, double off)
{
    if (!(fabs(value - want) <= off))
        fail_msg("%.17g is not %.17g", value, want);
}

/* A path in it, of a file of this text; NULL: it is left alone. */
static inline const char *file(const char *name, const char *text)
{
    static char path[4][96];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    if (text) {
        FILE *f = fopen(p, "w");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
    }
    return p;
}

/* One more input. */
static inline void read_it(const char *path)
{
    crew_status status = crew_logs_read(&all, path, &err);
    if (status != CREW_OK)
        fail_msg("%s", err.text);
}

/* All of them: a test's teardown. */
static inline int forget(void **state)
{
    (void)state;
    crew_logs_free(&all);
    return 0;
}

#define START                                                                                  \
    "{\"event\":\"start\",\"config\":{\"policy\":\"queue\",\"model\":\"mlp:64\"},\"machine\":" \
    "{\"cores\":2}}\n"
#define ROUND1                                                                                \
    "{\"event\":\"round\",\"round\":1,\"loss\":2,\"seconds\":1,\"wait_s\":0.5,\"elapsed_s\":" \
    "1,"                                                                                      \
    "\"worker_s\":1.5,\"quota\":[3,1],\"done\":[3,1],\"mean_ms\":[100,null]}\n"
#define ROUND2                                                                               \
    "{\"event\":\"round\",\"round\":2,\"loss\":null,\"seconds\":1,\"elapsed_s\":3,\"worker_" \
    "s\":2,"                                                                                 \
    "\"quota\":[2,2],\"done\":[2,2],\"mean_ms\":[200,300]}\n"
#define END "{\"event\":\"end\",\"wall_s\":3,\"worker_s\":3.5,\"error\":null}\n"

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {
        "run.jsonl",     "run.tasks.csv",  "t.json",        "c.json",          "bad",
        "run.2.jsonl",   "run2.csv",       "run.log",       "run.2.tasks.csv", "gnuplot",
        "page-loss.csv", "page-quota.csv", "page-times.csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(file(names[i], NULL));
    return rmdir(folder);
}

#endif
