/* Benchmarks in a report: what each slot measured, the matrices, the watch. */
#include "study/page.h"
#include "study/plot.h"
#include <math.h>
#include <string.h>

/* ---- Slots ---- */

static bool is_true(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

/* Of {"task": {"alone": {"tasks_per_s": 812, ...}, ...}, ...} the first number. */
static double rate(const json_t *slot, const char *what, const char *how)
{
    json_t *figures = json_object_get(json_object_get(slot, what), how);
    void *first = json_object_iter(figures);
    const json_t *v = first ? json_object_iter_value(first) : NULL;
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static void put_speed(FILE *to, const json_t *slot, const char *key, const char *error)
{
    double v = crew_json_number(slot, key), se = crew_json_number(slot, error);
    if (isfinite(v) && isfinite(se) && v < 1)
        fprintf(to, "<td>%.3f \xc2\xb1 %.3f</td>", v, se);
    else
        crew_page_number(to, v, "%.3f");
}

static void put_remarks(FILE *to, const json_t *slot)
{
    static const char *const keys[][2] = {{"parked", "park it"},
                                          {"within_noise", "within noise of the fastest"},
                                          {"shared", "this core was shared while measured"}};
    const char *before = "";
    fputs("<td class=\"text wide\">", to);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (is_true(slot, keys[i][0])) {
            fprintf(to, "%s%s", before, keys[i][1]);
            before = "; ";
        }
    if (json_is_false(json_object_get(slot, "bound")))
        fprintf(to, "%snot bound", before);
    fputs("</td>", to);
}

static void put_slots(FILE *to, const json_t *slots)
{
    static const char *const what[] = {"sgemm", "task", "triad"}, *const how[] = {"alone",
                                                                                  "together"};
    fputs("<div class=\"scroll\"><table><caption>Slots</caption>\n<tr><th>slot</th><th>cpu</th>"
          "<th class=\"text\">kind</th><th>speed alone</th><th>speed together</th><th>planned "
          "tasks</th>",
          to);
    for (size_t k = 0; k < 6; k++)
        fprintf(to, "<th>%s %s</th>", what[k / 2], how[k % 2]);
    fputs("<th class=\"text\">verdict</th></tr>\n", to);
    for (size_t i = 0; i < json_array_size(slots); i++) {
        const json_t *slot = json_array_get(slots, i);
        fprintf(to, "<tr><td>%zu</td>", i);
        crew_page_number(to, crew_json_number(slot, "cpu"), "%.0f");
        crew_page_cell(to, json_string_value(json_object_get(slot, "kind")));
        put_speed(to, slot, "relative_speed", "relative_speed_se");
        put_speed(to, slot, "together_speed", "together_speed_se");
        crew_page_number(to, crew_json_number(slot, "planned_tasks"), "%.0f");
        for (size_t k = 0; k < 6; k++) {
            double v = rate(slot, what[k / 2], how[k % 2]);
            crew_page_number(to, v, v >= 1000 && v < CREW_LOG_MOST ? "%.0f" : "%.4g");
        }
        put_remarks(to, slot);
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n<p class=\"dim\">Speeds are by mean task times, 1 is the fastest, "
          "with "
          "their standard errors; sgemm in GF/s, tasks a second, triad in GB/s.</p>\n",
          to);
}

/* ---- Matrices and the watch ---- */

static void put_latency(FILE *to, const json_t *rows, const char *svg)
{
    struct crew_latencies l;
    char label[200];
    if (svg && crew_latencies_of(rows, &l)) {
        snprintf(label, sizeof label,
                 "Heat map: nanoseconds of a round trip of a cache line between %zu slots. The "
                 "least is %.4g, from %zu to %zu, the most %.4g, from %zu to %zu",
                 l.n, l.low, l.low_from, l.low_to, l.high, l.high_from, l.high_to);
        crew_page_figure(to, "Latency from core to core",
                         l.each > 1
                             ? "nanoseconds of a round trip of a cache line; a square is "
                               "the mean of several slots"
                             : "nanoseconds of a round trip of a cache line",
                         svg, label);
        fputs("</figure>\n", to);
    } else if (json_is_array(rows)) {
        fputs("<p class=\"dim\">Latency from core to core: no value is known.</p>\n", to);
    }
}

/* {"nodes_of_cores": [0], "nodes_of_memory": [0, 1], key: [[30, 12]]} */
static void put_nodes(FILE *to, const json_t *numa, const char *key, const char *caption)
{
    const json_t *rows = json_object_get(numa, key),
                 *cores = json_object_get(numa, "nodes_of_cores"),
                 *memory = json_object_get(numa, "nodes_of_memory");
    if (!json_array_size(rows))
        return;
    fprintf(to, "<div class=\"scroll\"><table><caption>%s</caption>\n<tr><th></th>", caption);
    for (size_t m = 0; m < json_array_size(memory); m++)
        fprintf(to, "<th>memory of node %.0f</th>",
                json_number_value(json_array_get(memory, m)));
    fputs("</tr>\n", to);
    for (size_t c = 0; c < json_array_size(rows); c++) {
        fprintf(to, "<tr><th scope=\"row\">cores of node %.0f</th>",
                json_number_value(json_array_get(cores, c)));
        for (size_t m = 0; m < json_array_size(memory); m++) {
            const json_t *v = json_array_get(json_array_get(rows, c), m);
            crew_page_number(to, json_is_number(v) ? json_number_value(v) : (double)NAN,
                             "%.1f");
        }
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n", to);
}

static void put_watch(FILE *to, const json_t *benchmark, const char *svg)
{
    struct crew_watched w;
    char label[240];
    if (!svg || !crew_watched_of(benchmark, &w))
        return;
    snprintf(label, sizeof label,
             "Plot: gradient tasks a second of %zu slots over %.4g s from a cold start. All "
             "together %.4g in the first stretch, %.4g in the last",
             w.slots, (double)w.n * w.bucket_s, w.first, w.last);
    crew_page_figure(to, "Tasks over time",
                     "gradient tasks a second of each slot, all at once, from a cold start",
                     svg, label);
    crew_page_colours(to, w.shown, w.slots, "slot");
}

void crew_page_benchmark(FILE *to, const struct crew_input *in, const char *latency,
                         const char *watch)
{
    const json_t *slots = json_object_get(in->document, "slots"),
                 *numa = json_object_get(in->document, "numa");
    fputs("<h2>Machine ", to);
    crew_page_text(to, in->path);
    fputs("</h2>\n", to);
    crew_page_notes(to, json_object_get(in->document, "notes"));
    if (json_object_get(json_array_get(slots, 0), "sgemm"))
        put_slots(to, slots);
    else
        crew_page_rows(to, slots, "Slots");
    crew_page_rows(to, json_object_get(in->document, "kinds"), "Kinds of cores");
    crew_page_rows(to, json_object_get(in->document, "rounds"), "Rounds, predicted");
    fputs("<div class=\"grid\">\n", to);
    put_watch(to, in->document, watch);
    put_latency(to, json_object_get(in->document, "latency_ns"), latency);
    fputs("</div>\n", to);
    put_nodes(to, numa, "triad_gb_per_s", "Triad of all cores of a NUMA node at once, GB/s");
    put_nodes(to, numa, "load_ns", "One load from memory, ns");
    crew_page_object(to, json_object_get(in->document, "machine"), "Machine");
    crew_page_object(to, json_object_get(in->document, "settings"), "What was measured");
}
