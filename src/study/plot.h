/* Plots of a report as gnuplot scripts, data included. No text of a user's is in them: legends
 * and titles are the page's. Ink is the colour CREW_PLOT_INK, for the page to replace. */
#ifndef CREW_STUDY_PLOT_H
#define CREW_STUDY_PLOT_H

#include "study/logread.h"
#include <stdio.h>

#define CREW_PLOT_INK "#010203"

/* Each writes a script; false: there is nothing to draw, and what was written is not to be
 * used. by_core: against core-seconds instead of seconds. */
bool crew_plot_loss(FILE *to, const struct crew_logs *all, bool by_core);
bool crew_plot_quota(FILE *to, const struct crew_log *log);
bool crew_plot_times(FILE *to, const struct crew_log *log);
bool crew_plot_last(FILE *to, const struct crew_log *log);
bool crew_plot_latency(FILE *to, const json_t *benchmark);
bool crew_plot_watch(FILE *to, const json_t *benchmark);

/* The numbers behind them, of all logs. The same rules. */
bool crew_csv_loss(FILE *to, const struct crew_logs *all);
bool crew_csv_quota(FILE *to, const struct crew_logs *all);
bool crew_csv_times(FILE *to, const struct crew_logs *all);
bool crew_csv_last(FILE *to, const struct crew_logs *all);
bool crew_csv_latency(FILE *to, const struct crew_logs *all);
bool crew_csv_watch(FILE *to, const struct crew_logs *all);

/* Curves of loss, in the order of their colours: of the logs that have one, then of
 * comparisons. false: past the end. */
struct crew_curve {
    char label[96];
    const struct crew_log *log; /* or */
    const json_t *points;       /* [[seconds, worker_s, loss], ...], or */
    const json_t *column[3];    /* each of them */
    size_t n;
};
bool crew_curve_at(const struct crew_logs *all, size_t i, struct crew_curve *out);
/* A point; false: its loss is not known. */
bool crew_curve_point(const struct crew_curve *c, size_t i, double *seconds, double *worker_s,
                      double *loss);

/* Seconds below which a share of a worker's tasks lies; quantile[k] belongs to 0.05, 0.25, 0.5,
 * 0.75, 0.95. false: it has no tasks. */
bool crew_log_quantiles(const struct crew_log *log, uint32_t worker, double quantile[5]);

/* The tasks of the last rounds, seconds since the first of these rounds began. */
struct crew_last_rounds {
    size_t n, n_rounds;
    uint32_t workers;           /* shown */
    struct crew_log_span *span; /* [n] */
    struct crew_log_round *round;
    double end_s;
};
/* false: nothing is known. Free it in any case. */
bool crew_last_rounds(const struct crew_log *log, struct crew_last_rounds *out);
void crew_last_rounds_free(struct crew_last_rounds *l);

/* A matrix of latencies, rows from one slot to all. */
struct crew_latencies {
    size_t n;         /* slots */
    size_t each;      /* so many in a row and column share a square of the plot */
    double low, high; /* nanoseconds; and between which slots */
    size_t low_from, low_to, high_from, high_to;
};
/* false: none is known. */
bool crew_latencies_of(const json_t *rows, struct crew_latencies *out);
/* Mean of the square's; NaN: none is known. */
double crew_latency_at(const json_t *rows, const struct crew_latencies *l, size_t from,
                       size_t to);

/* Tasks of each slot in successive stretches of time. */
struct crew_watched {
    size_t n, slots;    /* stretches */
    uint32_t shown;     /* slots, the first ones */
    double bucket_s;    /* length of one */
    double first, last; /* tasks a second in the first and last one, of all slots */
    const json_t *rows;
};
/* false: there was no watch, or nothing was done in it. */
bool crew_watched_of(const json_t *benchmark, struct crew_watched *out);
/* Tasks a second of a slot; NaN: not known. */
double crew_watched_at(const struct crew_watched *w, size_t stretch, size_t slot);

/* "#3b8fd6", the colour of the i-th of n workers. */
void crew_plot_colour(size_t i, size_t n, char out[8]);
/* Of the i-th curve, whose neighbours are quite another thing: ten colours, then the same with
 * gaps. Returns how: 0 none, 1 long dashes, 2 dots. */
int crew_plot_curve_colour(size_t i, char out[8]);
/* Of the timeline: a task, the next one, a dropped one, waiting. */
extern const char *const crew_plot_span_colour[4];

#endif
