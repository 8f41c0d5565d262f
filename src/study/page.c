#include "study/page.h"
#include "base/clock.h"
#include "study/plot.h"
#include <crew/crew.h>
#include <math.h>
#include <string.h>

/* ---- Figures ---- */

/* Title, a line on how to read it, the plot. The legend is the caller's, then </figure>. */
static void put_figure(FILE *to, const char *title, const char *how, const char *svg,
                       const char *label)
{
    fputs("<figure><figcaption><b>", to);
    crew_page_text(to, title);
    fputs("</b><small>", to);
    crew_page_text(to, how);
    fputs("</small></figcaption>\n", to);
    crew_page_svg(to, svg, label);
}

static void put_key(FILE *to, const char *colour, const char *text)
{
    fprintf(to, "<li><i style=\"background:%s\"></i>", colour);
    crew_page_text(to, text);
    fputs("</li>", to);
}

static void put_loss(FILE *to, const struct crew_logs *all, const char *svg, bool by_core)
{
    struct crew_curve c;
    char colour[8], label[160];
    size_t n = 0;
    while (crew_curve_at(all, n, &c))
        n++;
    if (!svg)
        return;
    snprintf(label, sizeof label, "Plot: training loss against %s, %zu curve%s",
             by_core ? "core-seconds" : "seconds", n, n == 1 ? "" : "s");
    put_figure(to, by_core ? "Loss against core-seconds" : "Loss against seconds",
               by_core ? "what it cost: seconds in tasks, all workers together"
                       : "how long it took: seconds since the run began",
               svg, label);
    fputs("<ul class=\"legend\">", to);
    for (size_t i = 0; crew_curve_at(all, i, &c); i++) {
        crew_plot_colour(i, n, colour);
        put_key(to, colour, c.label);
    }
    fputs("</ul></figure>\n", to);
}

/* Of many workers some: enough to see which end is which. */
static void put_workers(FILE *to, uint32_t shown, uint32_t workers)
{
    uint32_t step = shown <= 16 ? 1 : (shown + 11) / 12;
    char text[48], colour[8];
    fputs("<ul class=\"legend\">", to);
    for (uint32_t w = 0; w < shown; w++) {
        if (w % step && w + 1 < shown)
            continue;
        if (w == CREW_LOG_WORKERS)
            snprintf(text, sizeof text, "the rest, %u\xe2\x80\x93%u", w, workers - 1);
        else
            snprintf(text, sizeof text, "worker %u", w);
        crew_plot_colour(w, shown, colour);
        put_key(to, colour, text);
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

static void put_quota(FILE *to, const struct crew_log *l, const char *svg)
{
    char label[200], name[96], how[160];
    crew_log_label(l, name, sizeof name);
    snprintf(label, sizeof label, "Plot: tasks a round of %u workers over %llu rounds, %s",
             l->workers, (unsigned long long)l->rounds, name);
    snprintf(how, sizeof how, "%s, stacked%s%s",
             l->planned ? "what the policy planned for each worker"
                        : "tasks done: the workers draw from a queue, there are no quotas",
             l->each > 1 ? "; a column is the mean of several rounds" : "",
             dips(l) ? "; the last round of an epoch may be short" : "");
    put_figure(to, l->planned ? "Quotas over the rounds" : "Tasks over the rounds", how, svg,
               label);
    put_workers(to, l->shown, l->workers);
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
    snprintf(how, sizeof how,
             "box: the middle half of %s; line: median; whiskers: 5 %% and 95 %%",
             l->single ? "all tasks" : "the rounds, each with the mean of its tasks");
    put_figure(to, "Task times", how, svg, label);
    fputs("</figure>\n", to);
}

static void put_last(FILE *to, const struct crew_log *l, const char *svg)
{
    static const char *const names[] = {"task", "the one after it", "dropped", "waiting"};
    struct crew_last_rounds last;
    char label[160], title[64];
    bool measured = l->single && l->single->measured;
    if (crew_last_rounds(l, &last)) {
        snprintf(label, sizeof label,
                 "Plot: who worked and who waited in the last %zu rounds, %u workers, %.3g ms",
                 last.n_rounds, last.workers, 1e3 * last.end_s);
        snprintf(title, sizeof title, "The last %zu round%s", last.n_rounds,
                 last.n_rounds == 1 ? "" : "s");
        put_figure(to, title,
                   measured
                       ? "who waits for whom; a vertical line begins a round"
                       : "who waits for whom; when tasks began is not in the file, so those "
                         "of a worker follow one another",
                   svg, label);
        fputs("<ul class=\"legend\">", to);
        for (size_t i = 0; i < 4; i++)
            put_key(to, crew_plot_span_colour[i], names[i]);
        fputs("</ul></figure>\n", to);
    }
    crew_last_rounds_free(&last);
}

/* ---- Tables ---- */

static const char *state(const struct crew_log *l)
{
    const char *error = json_string_value(json_object_get(l->end, "error"));
    return !l->start && !l->end && !l->rounds                   ? "no log"
           : error                                              ? error
           : !l->end                                            ? "the log has no end"
           : json_is_true(json_object_get(l->end, "stopped"))   ? "stopped"
           : json_is_true(json_object_get(l->end, "timed_out")) ? "time limit"
                                                                : "finished";
}

static void put_summary(FILE *to, const struct crew_logs *all)
{
    static const char *const heads[] = {"workers",  "rounds", "seconds",   "core-s",   "idle s",
                                        "wasted s", "loss",   "best val.", "test acc."};
    if (!all->n_logs)
        return;
    fputs("<h2>Runs</h2>\n<div class=\"scroll\"><table>\n<tr><th scope=\"col\">run</th>"
          "<th class=\"text\">policy</th><th class=\"text\">model</th>",
          to);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        fprintf(to, "<th scope=\"col\">%s</th>", heads[i]);
    fputs("<th class=\"text\">ended</th><th class=\"text\">weights</th></tr>\n", to);
    for (size_t i = 0; i < all->n_logs; i++) {
        const struct crew_log *l = all->log[i];
        double wall_s = crew_json_number(l->end, "wall_s"),
               worker_s = crew_json_number(l->end, "worker_s"),
               loss = crew_json_number(l->end, "train_loss");
        if (!isfinite(loss) && l->n_bins)
            loss = l->bin[l->n_bins - 1].loss;
        uint32_t workers = l->workers ? l->workers : l->single ? l->single->workers : 0;
        fputs("<tr>", to);
        crew_page_cell(to, l->name);
        crew_page_cell(to, crew_log_setting(l, "policy"));
        crew_page_cell(to, crew_log_setting(l, "model"));
        crew_page_number(to, workers, "%.0f");
        crew_page_number(to, l->rounds ? (double)l->rounds : (double)NAN, "%.0f");
        crew_page_number(to, isfinite(wall_s) || !l->rounds ? wall_s : l->seconds, "%.4g");
        crew_page_number(to, isfinite(worker_s) || !l->rounds ? worker_s : l->worker_s, "%.4g");
        crew_page_number(to, crew_json_number(l->end, "idle_s"), "%.4g");
        crew_page_number(to, crew_json_number(l->end, "wasted_s"), "%.4g");
        crew_page_number(to, loss, "%.4f");
        crew_page_number(to, l->best_accuracy, "%.4f");
        crew_page_number(to, crew_json_number(l->end, "test_accuracy"), "%.4f");
        crew_page_cell(to, state(l));
        fputs("<td class=\"text\"><code>", to);
        const char *digest = json_string_value(json_object_get(l->end, "weights_digest"));
        crew_page_text(to, digest ? digest : "");
        fputs("</code></td></tr>\n", to);
    }
    fputs("</table></div>\n", to);
}

/* against: the policy is the one it is compared with. */
static void put_ratio(FILE *to, const json_t *policy, const char *key, bool against)
{
    const json_t *r = json_object_get(policy, key);
    double median = crew_json_number(r, "median"), low = crew_json_number(r, "low"),
           high = crew_json_number(r, "high");
    if (against || !isfinite(median)) {
        crew_page_number(to, against ? 1 : crew_json_number(policy, key), "%.3g");
        return;
    }
    fprintf(to, "<td>%.3f", median);
    if (isfinite(low) && isfinite(high))
        fprintf(to, " (%.3f\xe2\x80\x93%.3f)", low, high);
    fprintf(to, "%s</td>", json_is_true(json_object_get(r, "within_noise")) ? ", noise" : "");
}

static bool any_has(const json_t *list, const char *key)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (isfinite(crew_json_number(json_array_get(list, i), key)))
            return true;
    return false;
}

static void put_comparison(FILE *to, const struct crew_input *in)
{
    static const struct {
        const char *key, *head;
    } column[] = {{"wall_s", "seconds"},
                  {"worker_s", "core-s"},
                  {"joules", "joules"},
                  {"round_mean_s", "round s"},
                  {"round_p95_s", "round s, p95"},
                  {"idle_s", "idle s"},
                  {"wasted_s", "wasted s"},
                  {"rounds", "rounds"}};
    const json_t *list = json_object_get(in->document, "policies"),
                 *same = json_object_get(in->document, "same_weights");
    const char *against = json_string_value(json_object_get(in->document, "against"));
    fputs("<h2>Comparison ", to);
    crew_page_text(to, in->path);
    fputs("</h2>\n<div class=\"scroll\"><table>\n<tr><th scope=\"col\">policy</th>", to);
    for (size_t i = 0; i < sizeof column / sizeof *column; i++)
        if (any_has(list, column[i].key))
            fprintf(to, "<th scope=\"col\">%s</th>", column[i].head);
    fputs("<th scope=\"col\">time ratio</th><th scope=\"col\">core-s ratio</th></tr>\n", to);
    for (size_t p = 0; p < json_array_size(list); p++) {
        const json_t *policy = json_array_get(list, p);
        const char *name = json_string_value(json_object_get(policy, "policy"));
        bool self = name && against && !strcmp(name, against);
        fputs("<tr>", to);
        crew_page_cell(to, name);
        for (size_t i = 0; i < sizeof column / sizeof *column; i++)
            if (any_has(list, column[i].key))
                crew_page_number(to, crew_json_number(policy, column[i].key), "%.4g");
        put_ratio(to, policy, "ratio_wall", self);
        put_ratio(to, policy, "ratio_worker", self);
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n<p class=\"dim\">Medians of the repeats. Ratios pair by pair", to);
    if (against) {
        fputs(" against ", to);
        crew_page_text(to, against);
    }
    fputs(": median and spread; noise: it includes 1.", to);
    if (json_is_boolean(same))
        fputs(json_is_true(same) ? " The final weights are the same."
                                 : " The final weights are not the same.",
              to);
    fputs("</p>\n", to);
    if (json_object_get(in->document, "machine")) {
        const json_t *machine = json_object_get(in->document, "machine");
        fputs("<details><summary>Machine and configuration</summary>\n", to);
        crew_page_object(to, machine, "Machine");
        crew_page_rows(to, json_object_get(machine, "slots"), "Slots");
        crew_page_object(to, json_object_get(in->document, "config"), "Configuration");
        fputs("</details>\n", to);
    }
}

/* What each slot measures: of {"task": {"alone": {"tasks_per_s": 812, ...}, ...}, ...} the
 * first numbers. */
static void put_rates(FILE *to, const json_t *slots)
{
    static const char *const what[] = {"sgemm", "task", "triad"}, *const how[] = {"alone",
                                                                                  "together"};
    if (!json_object_get(json_array_get(slots, 0), what[0]))
        return;
    fputs("<div class=\"scroll\"><table><caption>Measured</caption>\n<tr><th>slot</th>", to);
    for (size_t w = 0; w < 3; w++)
        for (size_t h = 0; h < 2; h++)
            fprintf(to, "<th>%s %s</th>", what[w], how[h]);
    fputs("</tr>\n", to);
    for (size_t i = 0; i < json_array_size(slots); i++) {
        fprintf(to, "<tr><td>%zu</td>", i);
        for (size_t k = 0; k < 6; k++) {
            const json_t *both = json_object_get(json_array_get(slots, i), what[k / 2]);
            json_t *figures = json_object_get(both, how[k % 2]);
            void *first = json_object_iter(figures);
            const json_t *v = first ? json_object_iter_value(first) : NULL;
            crew_page_number(to, json_is_number(v) ? json_number_value(v) : (double)NAN,
                             "%.4g");
        }
        fputs("</tr>\n", to);
    }
    fputs(
        "</table></div>\n<p class=\"dim\">sgemm in GF/s, tasks a second, triad in GB/s.</p>\n",
        to);
}

static void put_notes(FILE *to, const json_t *notes)
{
    for (size_t i = 0; i < json_array_size(notes); i++) {
        const char *note = json_string_value(json_array_get(notes, i));
        fputs("<p class=\"dim\">Note: ", to);
        crew_page_text(to, note ? note : "");
        fputs("</p>\n", to);
    }
}

static void put_benchmark(FILE *to, const struct crew_input *in, const char *latency)
{
    static const char *const tables[][2] = {
        {"slots", "Slots"}, {"kinds", "Kinds of cores"}, {"rounds", "Rounds, predicted"}};
    char label[120];
    fputs("<h2>Machine ", to);
    crew_page_text(to, in->path);
    fputs("</h2>\n", to);
    put_notes(to, json_object_get(in->document, "notes"));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        crew_page_rows(to, json_object_get(in->document, tables[i][0]), tables[i][1]);
    put_rates(to, json_object_get(in->document, "slots"));
    if (latency) {
        size_t n = json_array_size(json_object_get(in->document, "latency_ns"));
        snprintf(label, sizeof label,
                 "Heat map: nanoseconds a cache line takes between %zu slots", n);
        fputs("<div class=\"grid\">\n", to);
        put_figure(to, "Latency from core to core", "nanoseconds a cache line takes", latency,
                   label);
        fputs("</figure></div>\n", to);
    } else if (json_is_array(json_object_get(in->document, "latency_ns"))) {
        fputs("<p class=\"dim\">Latency from core to core: no value is known.</p>\n", to);
    }
    crew_page_object(to, json_object_get(in->document, "machine"), "Machine");
    crew_page_object(to, json_object_get(in->document, "settings"), "What was measured");
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
    put_notes(to, json_object_get(l->start, "notes"));
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
    static const char *const kinds[] = {"log", "task times", "timeline", "comparison",
                                        "benchmark"};
    fputs("<h2>Files</h2>\n<div class=\"scroll\"><table>\n<tr><th scope=\"col\">file</th>"
          "<th class=\"text\">is</th><th>lines</th><th>skipped</th></tr>\n",
          to);
    for (size_t i = 0; i < all->n_inputs; i++) {
        const struct crew_input *in = &all->input[i];
        fputs("<tr>", to);
        crew_page_cell(to, in->path);
        crew_page_cell(to, kinds[in->kind]);
        crew_page_number(to, in->lines ? (double)in->lines : (double)NAN, "%.0f");
        crew_page_number(to, in->lines ? (double)in->skipped : (double)NAN, "%.0f");
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n<p class=\"dim\">Skipped are lines that are cut or not the file's "
          "own.</p>\n",
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
    put_summary(to, all);
    for (size_t i = 0; i < all->n_inputs; i++)
        if (all->input[i].kind == CREW_INPUT_COMPARISON)
            put_comparison(to, &all->input[i]);
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
            put_benchmark(to, &all->input[i], plots->latency[i]);
    put_inputs(to, all);
    fputs("</body>\n</html>\n", to);
}
