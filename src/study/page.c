#include "study/page.h"
#include "base/clock.h"
#include "study/plot.h"
#include <crew/crew.h>
#include <math.h>
#include <string.h>

/* ---- Figures ---- */

void crew_page_figure(FILE *to, const char *title, const char *how, const char *svg,
                      const char *label)
{
    fputs("<figure><figcaption><b>", to);
    crew_page_text(to, title);
    fputs("</b><small>", to);
    crew_page_text(to, how);
    fputs("</small></figcaption>\n", to);
    crew_page_svg(to, svg, label);
}

/* gaps: as of crew_plot_curve_colour(). */
static void put_key(FILE *to, const char *colour, int gaps, const char *text)
{
    fputs("<li><i style=\"background:", to);
    if (gaps)
        fprintf(to, "repeating-linear-gradient(90deg,%s 0 %s,transparent %s %s);width:1.4rem",
                colour, gaps == 1 ? ".6rem" : ".2rem", gaps == 1 ? ".6rem" : ".2rem",
                gaps == 1 ? ".8rem" : ".4rem");
    else
        fputs(colour, to);
    fputs("\"></i>", to);
    crew_page_text(to, text);
    fputs("</li>", to);
}

/* Where each curve ends, of a dozen. */
static void name_curves(const struct crew_logs *all, size_t n, bool by_core, char *out,
                        size_t cap)
{
    struct crew_curve c;
    double s, worker_s, loss;
    int at = snprintf(out, cap, "Plot: training loss against %s, %zu curve%s. ",
                      by_core ? "core-seconds" : "seconds", n, n == 1 ? "" : "s");
    for (size_t i = 0; i < 12 && crew_curve_at(all, i, &c); i++)
        for (size_t last = c.n; last-- > 0;)
            if (crew_curve_point(&c, last, &s, &worker_s, &loss)) {
                at += snprintf(out + at, cap - (size_t)at, "%s ends at %.4g after %.4g s. ",
                               c.label, loss, by_core ? worker_s : s);
                break;
            }
}

static void put_loss(FILE *to, const struct crew_logs *all, const char *svg, bool by_core)
{
    struct crew_curve c;
    char colour[8], label[2048];
    size_t n = 0;
    while (crew_curve_at(all, n, &c))
        n++;
    if (!svg)
        return;
    name_curves(all, n, by_core, label, sizeof label);
    crew_page_figure(to, by_core ? "Loss against core-seconds" : "Loss against seconds",
                     by_core ? "what it cost: seconds in tasks, all workers together"
                             : "how long it took: seconds since the run began",
                     svg, label);
    fputs("<ul class=\"legend\">", to);
    for (size_t i = 0; crew_curve_at(all, i, &c); i++) {
        int gaps = crew_plot_curve_colour(i, colour);
        put_key(to, colour, gaps, c.label);
    }
    fputs("</ul></figure>\n", to);
}

/* Of many workers some: enough to see which end is which. */
void crew_page_colours(FILE *to, uint32_t shown, size_t all, const char *what)
{
    uint32_t step = shown <= 16 ? 1 : (shown + 11) / 12;
    char text[48], colour[8];
    fputs("<ul class=\"legend\">", to);
    for (uint32_t w = 0; w < shown; w++) {
        if (w % step && w + 1 < shown)
            continue;
        if (w == CREW_LOG_WORKERS)
            snprintf(text, sizeof text, "the rest, %u\xe2\x80\x93%zu", w, all - 1);
        else
            snprintf(text, sizeof text, "%s %u", what, w);
        crew_plot_colour(w, shown, colour);
        put_key(to, colour, 0, text);
    }
    fputs("</ul></figure>\n", to);
}

static bool dips(const struct crew_log *l)
{
    double low = (double)INFINITY, high = 0;
    for (size_t i = 0; l->tasks[0] && i < l->n_bins; i++) {
        double sum = 0;
        for (uint32_t w = 0; w < l->shown; w++)
            sum += l->tasks[0][i * l->shown + w] / (double)l->bin[i].rounds;
        low = fmin(low, sum);
        high = fmax(high, sum);
    }
    return low < 0.9 * high;
}

/* Mean tasks a round, of the first workers. */
static void name_means(const struct crew_log *l, char *out, size_t cap)
{
    char name[96];
    crew_log_label(l, name, sizeof name);
    int at = snprintf(
        out, cap, "Plot: tasks a round of %u workers over %llu rounds, %s. Means: ", l->workers,
        (unsigned long long)l->rounds, name);
    for (uint32_t w = 0; w < l->shown && w < 16; w++) {
        double sum = 0;
        for (size_t i = 0; i < l->n_bins; i++)
            sum += l->tasks[l->planned][i * l->shown + w];
        at += snprintf(out + at, cap - (size_t)at, "%sworker %u %.3g", w ? ", " : "", w,
                       sum / (double)l->rounds);
    }
}

static void put_quota(FILE *to, const struct crew_log *l, const char *svg)
{
    char label[1024], how[200];
    name_means(l, label, sizeof label);
    snprintf(how, sizeof how, "%s%s%s",
             l->planned ? "what the policy planned for each worker, stacked"
                        : "what each worker did, stacked: they draw from one queue, without "
                          "quotas",
             l->each > 1 ? "; a column is the mean of several rounds" : "",
             dips(l) ? "; the last round of an epoch may be short" : "");
    crew_page_figure(to, l->planned ? "Quotas over the rounds" : "Tasks over the rounds", how,
                     svg, label);
    crew_page_colours(to, l->shown, l->workers, "worker");
}

static const char *of_many(const struct crew_log *l)
{
    uint32_t single = l->single ? l->single->workers : 0,
             workers = single > l->workers ? single : l->workers;
    return workers > CREW_LOG_WORKERS ? "; the first 64 workers" : "";
}

static void put_times(FILE *to, const struct crew_log *l, const char *svg)
{
    char label[1024], how[200];
    double q[5];
    uint32_t told = 0;
    size_t at = (size_t)snprintf(label, sizeof label, "Plot: task times by worker, medians: ");
    for (uint32_t w = 0; w < CREW_LOG_WORKERS && told < 16; w++)
        if (crew_log_quantiles(l, w, q))
            at += (size_t)snprintf(label + at, sizeof label - at, "%sworker %u %.3g ms",
                                   told++ ? ", " : "", w, 1e3 * q[2]);
    snprintf(
        how, sizeof how, "box: the middle half of %s; line: median; whiskers: 5 %% and 95 %%%s",
        l->single ? "all tasks" : "the rounds, each with the mean of its tasks", of_many(l));
    crew_page_figure(to, "Task times", how, svg, label);
    fputs("</figure>\n", to);
}

/* Of each worker, up to a number, the share of the time in which it had a task. */
static void name_work(const struct crew_last_rounds *l, char *out, size_t cap)
{
    int at = snprintf(out, cap,
                      "Plot: who worked and who waited in the last %zu rounds, %u workers, "
                      "%.3g ms. At work: ",
                      l->n_rounds, l->workers, 1e3 * l->end_s);
    for (uint32_t w = 0; w < l->workers && w < 16; w++) {
        double busy_s = 0;
        for (size_t i = 0; i < l->n; i++)
            busy_s += l->span[i].worker == w ? l->span[i].seconds : 0;
        at += snprintf(out + at, cap - (size_t)at, "%sworker %u %.0f %%", w ? ", " : "", w,
                       fmin(100 * busy_s / l->end_s, 100));
    }
}

static void put_last(FILE *to, const struct crew_log *l, const char *svg)
{
    static const char *const names[] = {"task", "next task", "dropped", "waiting"};
    struct crew_last_rounds last;
    char label[1024], title[64], how[200];
    bool measured = l->single && l->single->measured, dropped = false;
    if (crew_last_rounds(l, &last)) {
        for (size_t i = 0; i < last.n; i++)
            dropped |= !last.span[i].kept;
        name_work(&last, label, sizeof label);
        snprintf(title, sizeof title, "The last %zu round%s", last.n_rounds,
                 last.n_rounds == 1 ? "" : "s");
        snprintf(how, sizeof how, "who waits for whom; a vertical line begins a round%s%s",
                 measured ? ""
                          : "; when tasks began is not in the file: those of a worker follow "
                            "one another",
                 of_many(l));
        crew_page_figure(to, title, how, svg, label);
        fputs("<ul class=\"legend\">", to);
        for (size_t i = 0; i < 4; i++)
            if (i != 2 || dropped)
                put_key(to, crew_plot_span_colour[i], 0, names[i]);
        fputs("</ul></figure>\n", to);
    }
    crew_last_rounds_free(&last);
}

static void put_run(FILE *to, const struct crew_logs *all, size_t i,
                    const struct crew_page_plots *plots)
{
    const struct crew_log *l = all->log[i];
    const json_t *machine = json_object_get(l->start, "machine");
    char label[96];
    crew_log_label(l, label, sizeof label);
    fputs("<section>\n<h2>", to);
    crew_page_text(to, label);
    fputs("</h2>\n", to);
    crew_page_notes(to, json_object_get(l->start, "notes"));
    fputs("<div class=\"grid\">\n", to);
    if (plots->quota[i])
        put_quota(to, l, plots->quota[i]);
    if (plots->times[i])
        put_times(to, l, plots->times[i]);
    if (plots->last[i])
        put_last(to, l, plots->last[i]);
    fputs("</div>\n", to);
    if (l->start) {
        const char *date = json_string_value(json_object_get(l->start, "date"));
        fputs("<details><summary>Machine and configuration</summary>\n<p class=\"dim\">", to);
        crew_page_text(to, l->path);
        fputs(date ? ", " : "", to);
        crew_page_text(to, date ? date : "");
        fputs("</p>\n", to);
        crew_page_object(to, machine, "Machine");
        crew_page_rows(to, json_object_get(machine, "slots"), "Slots");
        crew_page_object(to, json_object_get(l->start, "data"), "Data");
        crew_page_object(to, json_object_get(l->start, "config"), "Configuration");
        fputs("</details>\n", to);
    }
    fputs("</section>\n", to);
}

static void put_inputs(FILE *to, const struct crew_logs *all)
{
    static const char *const kinds[] = {"log",        "task times", "timeline",
                                        "comparison", "benchmark",  NULL};
    fputs("<h2>Files</h2>\n<div class=\"scroll\"><table>\n<tr><th scope=\"col\">file</th>"
          "<th class=\"text\">is</th><th>lines</th><th>skipped</th></tr>\n",
          to);
    for (size_t i = 0; i < all->n_inputs; i++) {
        const struct crew_input *in = &all->input[i];
        fputs("<tr>", to);
        crew_page_cell(to, in->path);
        if (in->kind == CREW_INPUT_UNUSABLE) {
            fputs("<td class=\"text note\">", to);
            crew_page_text(to, in->why);
            fputs("</td>", to);
        } else {
            crew_page_cell(to, kinds[in->kind]);
        }
        crew_page_number(to, in->lines ? (double)in->lines : (double)NAN, "%.0f");
        crew_page_number(to, in->lines ? (double)in->skipped : (double)NAN, "%.0f");
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n<p class=\"dim\">Skipped are lines that are cut or not the file's "
          "own, and files in which nothing is usable.</p>\n",
          to);
}

void crew_page_write(FILE *to, const struct crew_logs *all, const struct crew_page_plots *plots)
{
    char date[40];
    crew_date(date, sizeof date);
    fprintf(to,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
            "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>crew "
            "report</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>crew report</h1>\n<p "
            "class=\"dim\">crew %s, %s</p>\n",
            crew_page_style, crew_version(), date);
    crew_page_summary(to, all);
    for (size_t i = 0; i < all->n_inputs; i++)
        if (all->input[i].kind == CREW_INPUT_COMPARISON)
            crew_page_comparison(to, &all->input[i]);
    if (plots->loss[0] || plots->loss[1]) {
        fputs("<h2>Loss</h2>\n<div class=\"grid\">\n", to);
        put_loss(to, all, plots->loss[0], false);
        put_loss(to, all, plots->loss[1], true);
        fputs("</div>\n", to);
    }
    for (size_t i = 0; i < all->n_logs; i++)
        put_run(to, all, i, plots);
    for (size_t i = 0; i < all->n_inputs; i++)
        if (all->input[i].kind == CREW_INPUT_BENCHMARK)
            crew_page_benchmark(to, &all->input[i], plots->latency[i], plots->watch[i]);
    put_inputs(to, all);
    fputs("</body>\n</html>\n", to);
}
