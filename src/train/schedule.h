/* The learning rate over time. */
#ifndef CREW_TRAIN_SCHEDULE_H
#define CREW_TRAIN_SCHEDULE_H

#include <crew/crew.h>

struct crew_schedule {
    size_t kind;
    double every, factor, final, warmup; /* epochs, -, share of the rate, epochs */
    double epochs;                       /* of the whole run, 0: unknown */
};

/* spec: NAME[:SETTINGS]; epochs: length of the run, 0: unknown. */
CREW_CHECKED crew_status crew_schedule_parse(const char *spec, double epochs,
                                             struct crew_schedule *out, struct crew_error *err);
/* What the learning rate is multiplied by once so many epochs are done. */
double crew_schedule_at_epoch(const struct crew_schedule *s, double epochs_done);

#endif
