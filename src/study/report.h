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
    double plot_s;      /* for which a plot is waited, 0: 60 s */
    void (*on_note)(void *user, const char *sentence); /* lines that were skipped; or NULL */
    void (*on_skip)(void *user, const char *sentence); /* a file that was; or NULL */
    void *user;
};

/* What is not usable is skipped, and stands in the page's list of files. CREW_EINPUT,
 * CREW_EFORMAT: nothing is usable; CREW_EOUTPUT: also when there is no gnuplot, or it fails:
 * the CSV files are written then; CREW_ENOMEM. */
CREW_CHECKED crew_status crew_report(const struct crew_report_config *cfg,
                                     struct crew_error *err);

#endif
