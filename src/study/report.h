/* A page about runs, from their logs: what `crew report` does. */
#ifndef CREW_STUDY_REPORT_H
#define CREW_STUDY_REPORT_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>

struct crew_report_config {
    const char *const
        *inputs; /* [n_inputs] logs, task times, timelines, JSON of compare, bench */
    size_t n_inputs;
    const char *output; /* FILE.html; FILE-loss.csv and others are written beside it */
    bool replace;       /* existing files */
    void (*on_note)(void *user, const char *sentence); /* what was skipped; or NULL */
    void *user;
};

/* CREW_EINPUT, CREW_EFORMAT: nothing usable in a file; CREW_EOUTPUT: also when there is no
 * gnuplot, the CSV files are written then; CREW_ENOMEM, CREW_EINVAL: too many files. */
CREW_CHECKED crew_status crew_report(const struct crew_report_config *cfg,
                                     struct crew_error *err);

#endif
