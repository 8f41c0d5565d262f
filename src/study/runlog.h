/* The files a run writes and the configuration it reads back: JSON lines of rounds, CSV of
 * tasks. */
#ifndef CREW_STUDY_RUNLOG_H
#define CREW_STUDY_RUNLOG_H

#include <crew/crew.h>

typedef struct crew_runlog crew_runlog;

/* One table of options and the struct it describes: what the configuration is made of. */
struct crew_settings {
    const struct crew_option *table;
    void *base;
};

struct crew_runlog_config {
    const char *rounds; /* FILE.jsonl, or NULL */
    /* FILE.csv, or NULL; each worker's first task of a run is its warm-up; start_s counts from
     * the beginning of the round */
    const char *tasks;
    bool replace; /* existing files */
    /* The run goes on after this round: files of it are cut there and written on, whatever
     * `replace` says; set: its configuration. */
    bool resumed;
    uint64_t round;
    const struct crew_settings *set;
    size_t n_sets;
};

/* Opens the files. CREW_EOUTPUT, CREW_ENOMEM; of a run that goes on also CREW_EINPUT and
 * CREW_EFORMAT. */
CREW_CHECKED crew_status crew_runlog_open(const struct crew_runlog_config *cfg,
                                          crew_runlog **out, struct crew_error *err);

/* Events, one line each. start: the configuration, the machine, the data and the notes; of a
 * run that goes on also "resume", in its place where it is there already. */
void crew_runlog_start(crew_runlog *l, const struct crew_settings *set, size_t n_sets,
                       const crew_trainer *t, const struct crew_dataset_info *train);
/* After "round" a line "policy" for every decision about a worker. */
void crew_runlog_round(crew_runlog *l, const struct crew_record *r);
void crew_runlog_epoch(crew_runlog *l, const struct crew_epoch_record *r);
void crew_runlog_checkpoint(crew_runlog *l, const struct crew_checkpoint_record *r);
/* error: why the run failed, NULL: it did not. */
void crew_runlog_end(crew_runlog *l, const struct crew_summary *s,
                     const struct crew_evaluation *test, const char *error);
/* CREW_EOUTPUT when anything could not be written, now or before; CREW_ENOMEM: nor could an
 * event. NULL is fine. */
CREW_CHECKED crew_status crew_runlog_close(crew_runlog *l, struct crew_error *err);

/* Read a configuration: a JSON object of option names and values, or a log, whose "start" line
 * holds one. Options that no table has are refused. *texts, also after a failure, owns what
 * string options point to: release it with crew_runlog_config_free() once they are used.
 * CREW_EINPUT, CREW_EFORMAT, CREW_EINVAL. */
CREW_CHECKED crew_status crew_runlog_config(const char *path, const struct crew_settings *set,
                                            size_t n_sets, void **texts,
                                            struct crew_error *err);
void crew_runlog_config_free(void *texts); /* NULL is fine */

#endif
