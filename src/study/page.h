/* A report as one HTML page: no script, nothing from elsewhere. */
#ifndef CREW_STUDY_PAGE_H
#define CREW_STUDY_PAGE_H

#include "study/logread.h"
#include <stdio.h>

/* As gnuplot's svg terminal writes them, or NULL. In order of the logs and of the inputs. */
struct crew_page_plots {
    char *loss[2]; /* against seconds, core-seconds */
    char *quota[CREW_LOG_FILES], *times[CREW_LOG_FILES], *last[CREW_LOG_FILES];
    char *latency[CREW_LOG_FILES], *watch[CREW_LOG_FILES];
};

void crew_page_write(FILE *to, const struct crew_logs *all,
                     const struct crew_page_plots *plots);

/* Text as HTML: no character of it is markup; what is not UTF-8 becomes U+FFFD. */
void crew_page_text(FILE *to, const char *s);
/* A plot for inside a page: named by label, its ink the colour of the text around it, without
 * ids, which must be unique in a page. */
void crew_page_svg(FILE *to, const char *svg, const char *label);
/* Title, a line on how to read it, the plot. The legend is the caller's, then </figure>. */
void crew_page_figure(FILE *to, const char *title, const char *how, const char *svg,
                      const char *label);

/* The legend of the first `shown` of all workers or slots, and the end of the figure. */
void crew_page_colours(FILE *to, uint32_t shown, size_t all, const char *what);

/* pagetables.c, pagebench.c: the parts of a page with their headings. Plots may be NULL. */
void crew_page_summary(FILE *to, const struct crew_logs *all);
void crew_page_comparison(FILE *to, const struct crew_input *in);
void crew_page_benchmark(FILE *to, const struct crew_input *in, const char *latency,
                         const char *watch);
void crew_page_notes(FILE *to, const json_t *notes);

/* Tables of whatever a JSON object holds. */
void crew_page_object(FILE *to, const json_t *o, const char *caption);
void crew_page_rows(FILE *to, const json_t *list, const char *caption);

/* Cells of a table: a number or a dash, text. */
void crew_page_number(FILE *to, double v, const char *format);
void crew_page_cell(FILE *to, const char *s);

extern const char crew_page_style[];

#endif
