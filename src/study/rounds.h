/* The rounds of one run, in memory that does not grow: beyond a number of them several share an
 * entry. */
#ifndef CREW_STUDY_ROUNDS_H
#define CREW_STUDY_ROUNDS_H

#include <crew/crew.h>

/* Some successive rounds. */
struct crew_rounds_entry {
    double seconds;  /* of all rounds up to the last of these */
    double worker_s; /* likewise, all workers' */
    double loss;     /* mean of these */
    double round_s;  /* length of one of these, by lot */
};

struct crew_rounds {
    struct crew_rounds_entry *entry;    /* [n], room for CREW_ROUNDS_ENTRIES */
    struct crew_rounds_entry under_way; /* loss: the sum so far */
    size_t n;
    uint64_t each; /* rounds an entry */
    uint64_t seen; /* all rounds */
    uint64_t lot;  /* of crew_lot() */
};

enum { CREW_ROUNDS_ENTRIES = 1 << 15 };

CREW_CHECKED crew_status crew_rounds_init(struct crew_rounds *r, struct crew_error *err);
void crew_rounds_clear(struct crew_rounds *r);
void crew_rounds_add(struct crew_rounds *r, const struct crew_record *record);
void crew_rounds_free(struct crew_rounds *r);

/* Entries after the last whole one are left out, so of runs up to CREW_ROUNDS_ENTRIES none.
 * The share of rounds that are shorter; NaN: there was none. scratch: [CREW_ROUNDS_ENTRIES]. */
double crew_rounds_quantile(const struct crew_rounds *r, double share, double *scratch);
/* The run as at most `most` points of about equally many rounds each; returns how many. */
size_t crew_rounds_curve(const struct crew_rounds *r, struct crew_rounds_entry *out,
                         size_t most);

#endif
