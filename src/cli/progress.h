/* How far a run is, on stderr: one line rewritten in place on a terminal, plain lines
 * elsewhere. */
#ifndef CREW_CLI_PROGRESS_H
#define CREW_CLI_PROGRESS_H

#include <crew/crew.h>
#include <stdio.h>

struct progress {
    FILE *to; /* NULL: silent */
    bool terminal;
    uint64_t epochs, rounds; /* limits, 0: none */
    double time_limit_s;     /* by the trainer's clock, maybe virtual */
    uint64_t rows;           /* of an epoch */
    double loss;             /* smoothed over rounds */
    double val_accuracy;     /* NaN: none yet */
    double last_s;           /* when something was printed, in real seconds */
    uint64_t last_round;
    double rounds_per_s;
    char text[256]; /* drawn last */
};

void progress_begin(struct progress *p, FILE *to, bool quiet, const struct crew_summary *limits,
                    double time_limit_s, uint64_t epoch_rows);
void progress_round(struct progress *p, const struct crew_record *r);
void progress_epoch(struct progress *p, const struct crew_epoch_record *r);
void progress_end(struct progress *p);

#endif
