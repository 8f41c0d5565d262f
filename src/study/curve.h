/* Time, worker time and regret against rounds, for plots on a logarithmic scale. */
#ifndef CREW_STUDY_CURVE_H
#define CREW_STUDY_CURVE_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crew_curve_point {
    /* Summed over the rounds so far; best_s: proxy loss of the split by true means, regret_s:
     * that of the policy above it, NaN: not defined */
    double time_s, worker_s, best_s, regret_s;
};

struct crew_curve {
    size_t n_rounds;
    uint64_t
        *round; /* [n_rounds] that have a point: about 20 a decade, ascending, and the last */
    size_t n_runs, most_runs;
    struct crew_curve_run {
        const char *policy; /* borrowed */
        uint64_t seed;
    } * run;                        /* [n_runs] */
    struct crew_curve_point *point; /* [n_runs][n_rounds] */
};

/* For so many runs of so many rounds; every > 0: points at its multiples instead. CREW_EINVAL:
 * more than 100000 of them; CREW_ENOMEM; free it in any case. */
CREW_CHECKED crew_status crew_curve_init(struct crew_curve *c, uint64_t rounds, uint64_t every,
                                         size_t runs, struct crew_error *err);
/* The points of the next run, to be filled in. It stands in the file once it is closed. */
struct crew_curve_point *crew_curve_open(struct crew_curve *c, const char *policy,
                                         uint64_t seed);
void crew_curve_close(struct crew_curve *c);
/* CSV. CREW_EOUTPUT, CREW_ENOMEM. */
CREW_CHECKED crew_status crew_curve_write(const struct crew_curve *c, const char *path,
                                          bool replace, struct crew_error *err);
void crew_curve_free(struct crew_curve *c);

#endif
