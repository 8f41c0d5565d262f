/* The files a run writes and the configuration it reads back: JSON lines of rounds, CSV of
 * tasks. */
#ifndef CREW_STUDY_RUNLOG_H
#define CREW_STUDY_RUNLOG_H

#include <crew/crew.h>

typedef struct crew_runlog crew_runlog;

struct crew_runlog_config {
    const char *rounds; /* FILE.jsonl, or NULL */
    const char *tasks; /* FILE.csv, or NULL; each worker's first task of a run is its warm-up */
    bool replace;      /* existing files */
};

/* Opens the files. CREW_EOUTPUT, CREW_ENOMEM. */
CREW_CHECKED crew_status crew_runlog_open(const struct crew_runlog_config *cfg,
                                          crew_runlog **out, struct crew_error *err);

/* One table of options and the struct it describes: what the configuration is made of. */
struct crew_settings {
    const struct crew_option *table;
    void *base;
};

/* Events, one line each. start: the configuration, the machine, the data and the notes. */
void crew_runlog_start(crew_runlog *l, const struct crew_settings *set, size_t n_sets,
                       const crew_trainer *t, const struct crew_dataset_info *train);
void crew_runlog_round(crew_runlog *l, const struct crew_record *r);
void crew_runlog_epoch(crew_runlog *l, const struct crew_epoch_record *r);
/* error: why the run failed, NULL: it did not. */
void crew_runlog_end(crew_runlog *l, const struct crew_summary *s,
                     const struct crew_evaluation *test, const char *error);
/* CREW_EOUTPUT when anything could not be written, now or before. NULL is fine. */
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
