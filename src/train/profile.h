/* What was measured of each worker, as a file: one schema for simulation, training and bench.
 */
#ifndef CREW_TRAIN_PROFILE_H
#define CREW_TRAIN_PROFILE_H

#include <crew/machine.h>
#include <crew/status.h>

struct crew_profile_slot {
    int64_t cpu;        /* that it is pinned to, -1: none, as in a simulation */
    uint64_t count;     /* tasks measured, warm-up and dropped ones left out */
    double mean_s;      /* seconds per full task; NaN: count is 0 */
    double variance_s2; /* of single tasks, NaN: count is below 2 */
};

/* Times go stale, and what is measured now has to outvote them soon: whatever its count, a
 * worker's mean weighs as much as so many tasks at most. */
enum { CREW_PROFILE_WEIGHT = 50 };

/* Texts and slots are owned; zeroed is legal for crew_profile_free(). */
struct crew_profile {
    char *model;   /* "mlp:64", or NULL in a simulation */
    uint32_t rows; /* of a full task, 0 in a simulation */
    /* Of the task, all three or none: 0 in a simulation, and in files of before they were kept.
     */
    uint32_t features, classes;
    uint64_t parameters;
    char *blas;    /* kernel: "Zen"; NULL in a simulation */
    char *machine; /* crew_profile_machine(), or NULL in a simulation */
    uint32_t n;
    struct crew_profile_slot *slot; /* [n] */
};

/* A text that two machines share only if their cores are alike: processor, cores, kinds. The
 * caller frees it with crew_free(). NULL: no memory. */
char *crew_profile_machine(const crew_machine *machine);

/* JSON. CREW_EINPUT, CREW_EFORMAT, CREW_ENOMEM. *out is the caller's. */
CREW_CHECKED crew_status crew_profile_read(const char *path, struct crew_profile *out,
                                           struct crew_error *err);
/* Temporary file beside it, fsync, rename; an existing one only when `replace`. CREW_EOUTPUT.
 */
CREW_CHECKED crew_status crew_profile_write(const struct crew_profile *p, const char *path,
                                            bool replace, struct crew_error *err);
void crew_profile_free(struct crew_profile *p);

/* Tasks that a policy is to take this slot's mean for, 0: it measured none. */
static inline double crew_profile_weight(const struct crew_profile_slot *s)
{
    return (double)(s->count < CREW_PROFILE_WEIGHT ? s->count : CREW_PROFILE_WEIGHT);
}

#endif
