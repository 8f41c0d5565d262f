/* Logs of a run that goes on from a checkpoint: what stands in them of later rounds goes, and
 * they are written on. */
#ifndef CREW_STUDY_LOGCUT_H
#define CREW_STUDY_LOGCUT_H

#include "study/runlog.h"

struct crew_log_cut {
    bool ours;      /* it is a log of this run, as far as can be told */
    uint64_t bytes; /* what is kept of it; 0: not even its first line is whole */
};

/* JSON lines: up to the events of `round`; set: what the run's "start" says. CREW_EINPUT,
 * CREW_EFORMAT, CREW_ENOMEM. */
CREW_CHECKED crew_status crew_log_cut_rounds(const char *path, const struct crew_settings *set,
                                             size_t n_sets, uint64_t round,
                                             struct crew_log_cut *out, struct crew_error *err);
/* CSV of tasks, under this header. */
CREW_CHECKED crew_status crew_log_cut_tasks(const char *path, const char *header,
                                            uint64_t round, struct crew_log_cut *out,
                                            struct crew_error *err);

#endif
