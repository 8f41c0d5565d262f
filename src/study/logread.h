/* What a report is made of: logs of runs, task times and timelines beside them, results of
 * comparisons and benchmarks. Whatever the length of a file, what is kept of it is bounded. */
#ifndef CREW_STUDY_LOGREAD_H
#define CREW_STUDY_LOGREAD_H

#include <crew/status.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CREW_LOG_BINS = 400,      /* columns of a plot over rounds */
    CREW_LOG_WORKERS = 64,    /* shown one by one; the others are one more, "the rest" */
    CREW_LOG_SAMPLES = 2048,  /* task times of a worker */
    CREW_LOG_SPANS = 1 << 14, /* last tasks */
    CREW_LOG_ROUNDS = 64,     /* last rounds */
    CREW_LOG_FILES = 64
};

/* A number that no run has, of seconds or of anything: no plot holds it. */
#define CREW_LOG_MOST 1e15

/* Some successive rounds. */
struct crew_log_bin {
    uint64_t rounds, last;    /* how many; number of the last one */
    double seconds, worker_s; /* at its end: since the run began, in tasks so far */
    double loss;              /* mean; NaN: not known */
};

/* Times of a worker, evenly thinned. */
struct crew_log_samples {
    uint32_t n;
    uint64_t seen, each; /* one of so many is kept, by lot */
    uint64_t lot;        /* of crew_lot() */
    double *value;       /* [CREW_LOG_SAMPLES] seconds */
};

struct crew_log_round {
    uint64_t round;
    double begin_s, seconds, wait_s;
};

struct crew_log_span {
    uint64_t round;
    uint32_t worker;
    bool kept;
    double start_s; /* since the run began, or since the round did: see crew_tasks.absolute */
    double seconds;
};

/* Single tasks: a CSV of --log-tasks, or a --timeline. */
struct crew_tasks {
    char *path;
    uint32_t workers; /* highest number + 1 */
    uint64_t n;       /* spans so far; span[i % CREW_LOG_SPANS] */
    struct crew_log_span *span;
    struct crew_log_samples sample[CREW_LOG_WORKERS];
    bool absolute;
    bool measured;   /* start_s is; else a worker's tasks are laid end to end */
    size_t n_rounds; /* of a timeline */
    struct crew_log_round round[CREW_LOG_ROUNDS]; /* [n_rounds % CREW_LOG_ROUNDS] */
};

/* One run. */
struct crew_log {
    char *name; /* of its file, without folder and ending */
    char *path;
    json_t *start, *end;  /* events, or NULL */
    double best_accuracy; /* validation, NaN: none */
    uint64_t rounds;
    uint32_t workers, shown; /* shown: rows of tasks[], the rest included */
    bool planned;            /* tasks[] are quotas; else what was done: there are no quotas */
    size_t n_bins;
    uint64_t each; /* rounds a bin */
    struct crew_log_bin bin[CREW_LOG_BINS];
    double *tasks[2]; /* [CREW_LOG_BINS][shown] sums over the bin: done, quota */
    struct crew_log_samples sample[CREW_LOG_WORKERS]; /* mean of a round's tasks */
    struct crew_log_round round[CREW_LOG_ROUNDS];     /* [rounds % CREW_LOG_ROUNDS] */
    double seconds, worker_s;
    struct crew_tasks *single; /* or NULL; borrowed from struct crew_logs */
};

enum crew_input_kind {
    CREW_INPUT_LOG,
    CREW_INPUT_TASKS,
    CREW_INPUT_TIMELINE,
    CREW_INPUT_COMPARISON,
    CREW_INPUT_BENCHMARK,
    CREW_INPUT_UNUSABLE
};

struct crew_input {
    char *path;
    enum crew_input_kind kind;
    uint64_t lines, skipped; /* those that are not empty; of them not understood */
    json_t *document;        /* of a comparison or a benchmark */
    char why[512];           /* it is unusable; "" else */
};

struct crew_logs {
    size_t n_inputs, n_logs, n_tasks;
    struct crew_input input[CREW_LOG_FILES];
    struct crew_log *log[CREW_LOG_FILES];
    struct crew_tasks *tasks[CREW_LOG_FILES];
};

/* Read one more file, whatever it is; all is zeroed before the first. CREW_EINPUT,
 * CREW_EFORMAT: nothing in it is usable, and nothing but its name and the reason is kept;
 * CREW_ENOMEM; CREW_EINVAL: too many files. */
CREW_CHECKED crew_status crew_logs_read(struct crew_logs *all, const char *path,
                                        struct crew_error *err);
/* When all are read: which tasks belong to which log. Tasks of no log become one. Logs of one
 * name are called by their paths. */
CREW_CHECKED crew_status crew_logs_join(struct crew_logs *all, struct crew_error *err);
void crew_logs_free(struct crew_logs *all);

/* What a run is called: its file's name and its policy. */
void crew_log_label(const struct crew_log *log, char *out, size_t cap);
/* The value of a setting in its configuration, or NULL. */
const char *crew_log_setting(const struct crew_log *log, const char *name);
/* o[key] as a number, of an array its median; NaN: there is none. */
double crew_json_number(const json_t *o, const char *key);

/* For the reader of single tasks. */
void crew_log_sample(struct crew_log_samples *s, double seconds);
CREW_CHECKED crew_status crew_tasks_create(const char *path, struct crew_tasks **out,
                                           struct crew_error *err);
void crew_tasks_destroy(struct crew_tasks *t);

/* Columns of a CSV of tasks; false: the line is not its header. */
struct crew_task_columns {
    int round, worker, kept, seconds, flags, start; /* number of the column, -1: none */
};
bool crew_task_header(const char *line, size_t n, struct crew_task_columns *out);
/* A line of either file; false: it is not understood. */
bool crew_task_line(struct crew_tasks *t, const struct crew_task_columns *columns,
                    const char *line, size_t n);
bool crew_trace_line(struct crew_tasks *t, const char *line, size_t n);

#endif
