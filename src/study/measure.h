/* What each core of this machine is worth: `crew bench`. */
#ifndef CREW_STUDY_MEASURE_H
#define CREW_STUDY_MEASURE_H

#include <crew/crew.h>

enum crew_measure { CREW_SGEMM, CREW_GRADIENT, CREW_TRIAD, CREW_MEASURES };
enum crew_setting { CREW_ALONE, CREW_TOGETHER, CREW_SETTINGS };

struct crew_bench_config {
    struct crew_data_config data; /* for the gradient task; its seed is `seed` */
    const char *model;
    uint32_t task_rows;
    uint64_t seed;
    const char *cores; /* as in struct crew_machine_request */
    bool smt;
    uint32_t workers; /* at most so many slots, 0: all */
    const char *bind; /* "prefer", "strict", "none" */
    uint32_t batch_tasks;
    uint32_t size;     /* of the matrices of sgemm */
    uint32_t triad_mb; /* 2^20 bytes a worker, 0: beyond the last cache */
    double seconds;    /* each measurement; the task of all slots together four times as long */
    double watch_s;    /* 0: no watch */
    bool latency, numa;       /* numa: also with one node */
    const char *powercap;     /* folder of the energy counters, NULL: the system's */
    const char *save_profile; /* or NULL */
    bool replace;
    /* From the calling thread, ten times a second; false stops. NULL: not called. */
    bool (*on_progress)(void *user, const char *what, double done);
    void *user;
};

/* One measure of one slot in one setting: turns back to back, without a gap between samples, so
 * that the time in which the worker did not run is in one of them. Taken in several windows. */
struct crew_sampled {
    double *sample_s;     /* [n] seconds a turn, in order */
    size_t n;             /* at most CREW_SAMPLES: then neighbours are merged */
    uint64_t repeat;      /* turns a sample */
    uint64_t turns;       /* in all samples */
    double wall_s, cpu_s; /* of all samples; cpu_s NaN: a window too short to tell */
    double mean_s;        /* wall_s / turns */
    double window_s;      /* the same of the last window */
    double sd_s, median_s, p75_s, p95_s; /* of samples */
};
enum { CREW_SAMPLES = 1 << 14 };

struct crew_bench_slot {
    struct crew_slot where;
    bool bound;
    struct crew_sampled measured[CREW_MEASURES][CREW_SETTINGS];
    double task_j;                  /* all packages' joules a task, this slot alone; NaN */
    double speed[CREW_SETTINGS];    /* relative, by mean task seconds; 1: the fastest. Alone:
                                       what the core is worth; together: what is left of it */
    double speed_se[CREW_SETTINGS]; /* standard errors, from the passes; NaN: one pass */
    uint64_t planned;               /* tasks of batch_tasks; 0: parked */
    bool shared;                    /* its task had less than 0.9 CPU seconds a second */
    bool within_noise;              /* together less than two errors slower than the fastest */
};

/* A row of cores that are of one kind. */
struct crew_bench_kind {
    int32_t kind; /* of crew_machine_info.kinds, -1: none */
    uint32_t slots, parked;
    double slowest, mean, fastest; /* relative speeds alone */
    uint64_t planned;
};

/* Predicted seconds of a round of batch_tasks. */
struct crew_bench_round {
    const char *policy; /* "one core", "uniform", "queue", "fixed" */
    double seconds;
};
enum { CREW_BENCH_ROUNDS = 4 };

/* Between NUMA nodes, [n_cores][n_memory]; NaN: not measured. */
struct crew_bench_nodes {
    uint32_t n_cores, n_memory; /* n_cores 0: nothing is measured */
    int32_t *cores;             /* [n_cores] OS numbers, ascending: those that have a slot */
    int32_t *memory;            /* [n_memory] likewise: those whose memory may be taken */
    double *bytes_per_s;        /* triad, all slots of the node at once */
    double *load_s;             /* one dependent load, median */
};

/* Tasks of each slot in each stretch of time, all slots at once, from a cold start. */
struct crew_bench_watch {
    uint32_t buckets;
    double bucket_s;
    double *tasks; /* [buckets][n] */
};

struct crew_bench {
    const crew_machine *machine;
    uint32_t n;
    struct crew_bench_slot *slot; /* [n] */
    const char *model;
    uint32_t task_rows, batch_tasks, size;
    struct crew_dataset_info rows; /* without names */
    size_t n_params;
    uint64_t triad_bytes; /* three arrays of a worker together */
    double seconds;
    uint32_t passes; /* the task is measured in so many windows, spread over the run */
    double *pass_s;  /* [passes][settings][n] mean task seconds; NaN: nothing was left to do */
    double turn_size[CREW_MEASURES]; /* of a turn: operations, tasks, bytes */
    uint32_t n_kinds;
    struct crew_bench_kind *kind; /* [n_kinds] */
    struct crew_bench_round round[CREW_BENCH_ROUNDS];
    double *latency_s; /* [n][n] round trip of a cache line, NaN: not measured; or NULL */
    struct crew_bench_nodes nodes;
    struct crew_bench_watch watch; /* buckets 0: none */
    double task_j;                 /* joules a task, all slots at once; NaN: */
    char no_energy[600];           /* ... and why */
    char *note[24];
    size_t n_notes;
    bool stopped;  /* nothing is measured */
    bool measured; /* all figures are there, whatever the status: a profile may lack a disk */
    void *own;
};

/* CREW_EINVAL, CREW_EINPUT, CREW_EFORMAT, CREW_EBIND, CREW_EBLAS, CREW_ETHREAD, CREW_EOUTPUT,
 * CREW_ENOMEM. crew_bench_free() in any case; zeroed is fine. */
CREW_CHECKED crew_status crew_bench_run(const struct crew_bench_config *cfg,
                                        struct crew_bench *out, struct crew_error *err);
void crew_bench_free(struct crew_bench *b);

#endif
