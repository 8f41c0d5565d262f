/* The tables of a report: runs and comparisons. */
#include "study/page.h"
#include <math.h>
#include <string.h>

/* ---- Runs ---- */

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

enum { FIGURES = 9 };

static const struct {
    const char *head, *format;
} figure[FIGURES] = {{"workers", "%.0f"}, {"rounds", "%.0f"},    {"seconds", "%.4g"},
                     {"core-s", "%.4g"},  {"idle s", "%.4g"},    {"wasted s", "%.4g"},
                     {"loss", "%.4f"},    {"best val.", "%.4f"}, {"test acc.", "%.4f"}};

/* As its end has them, or what its rounds say without one. */
static void find_figures(const struct crew_log *l, double value[FIGURES])
{
    uint32_t workers = l->workers ? l->workers : l->single ? l->single->workers : 0;
    double wall_s = crew_json_number(l->end, "wall_s"),
           worker_s = crew_json_number(l->end, "worker_s"),
           loss = crew_json_number(l->end, "train_loss");
    const double found[FIGURES] = {
        workers ? (double)workers : (double)NAN,
        l->rounds ? (double)l->rounds : (double)NAN,
        isfinite(wall_s) || !l->rounds ? wall_s : l->seconds,
        isfinite(worker_s) || !l->rounds ? worker_s : l->worker_s,
        crew_json_number(l->end, "idle_s"),
        crew_json_number(l->end, "wasted_s"),
        isfinite(loss) || !l->n_bins ? loss : l->bin[l->n_bins - 1].loss,
        l->best_accuracy,
        crew_json_number(l->end, "test_accuracy"),
    };
    memcpy(value, found, sizeof found);
}

static void put_log(FILE *to, const struct crew_log *l, const bool shown[FIGURES])
{
    const char *digest = json_string_value(json_object_get(l->end, "weights_digest"));
    double value[FIGURES];
    find_figures(l, value);
    fputs("<tr>", to);
    crew_page_cell(to, l->name);
    crew_page_cell(to, crew_log_setting(l, "policy"));
    crew_page_cell(to, crew_log_setting(l, "model"));
    for (size_t k = 0; k < FIGURES; k++)
        if (shown[k])
            crew_page_number(to, value[k], figure[k].format);
    crew_page_cell(to, state(l));
    fputs("<td class=\"text\"><code>", to);
    crew_page_text(to, digest ? digest : "");
    fputs("</code></td></tr>\n", to);
}

void crew_page_summary(FILE *to, const struct crew_logs *all)
{
    bool shown[FIGURES] = {false}; /* a column of dashes is not */
    double value[FIGURES];
    if (!all->n_logs)
        return;
    for (size_t i = 0; i < all->n_logs; i++) {
        find_figures(all->log[i], value);
        for (size_t k = 0; k < FIGURES; k++)
            shown[k] |= isfinite(value[k]);
    }
    fputs("<h2>Runs</h2>\n<div class=\"scroll\"><table>\n<tr><th scope=\"col\">run</th>"
          "<th class=\"text\">policy</th><th class=\"text\">model</th>",
          to);
    for (size_t k = 0; k < FIGURES; k++)
        if (shown[k])
            fprintf(to, "<th scope=\"col\">%s</th>", figure[k].head);
    fputs("<th class=\"text\">ended</th><th class=\"text\">weights</th></tr>\n", to);
    for (size_t i = 0; i < all->n_logs; i++)
        put_log(to, all->log[i], shown);
    fputs("</table></div>\n<p class=\"dim\">core-s: seconds in tasks, of all workers together; "
          "idle: workers times the seconds of the rounds, less core-s; wasted: in tasks whose "
          "results came too late and were dropped; weights: a digest of them, the same where "
          "they are the same, bit for bit.</p>\n",
          to);
}

/* ---- Comparisons ---- */

/* against: the policy is the one it is compared with. */
static void put_ratio(FILE *to, const json_t *policy, const char *key, bool against)
{
    const json_t *r = json_object_get(policy, key);
    double median = crew_json_number(r, "median"), low = crew_json_number(r, "low"),
           high = crew_json_number(r, "high");
    if (against || !isfinite(median)) {
        crew_page_number(to, against ? 1 : (double)NAN, "%.3g");
        return;
    }
    fprintf(to, "<td class=\"wide\">%.3f", median);
    if (isfinite(low) && isfinite(high) && crew_json_number(r, "repeats") != 1)
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

/* One of the policy's repeats has that flag. */
static bool one_is(const json_t *policy, const char *key, bool value)
{
    const json_t *flags = json_object_get(policy, key);
    for (size_t i = 0; i < json_array_size(flags); i++)
        if (json_is_boolean(json_array_get(flags, i)) &&
            json_is_true(json_array_get(flags, i)) == value)
            return true;
    return false;
}

static bool cut_off(const json_t *policy)
{
    return one_is(policy, "reached", false) ||
           (one_is(policy, "timed_out", true) && !one_is(policy, "reached", true));
}

static const struct {
    const char *key, *head, *format;
    double scale; /* times this */
} column[] = {
    {"train_s", "seconds", "%.4g", 1},      {"worker_s", "core-s", "%.4g", 1},
    {"joules", "joules", "%.4g", 1},        {"round_mean_s", "round ms", "%.4g", 1e3},
    {"round_p95_s", "p95 ms", "%.4g", 1e3}, {"idle_s", "idle s", "%.4g", 1},
    {"wasted_s", "wasted s", "%.3g", 1},    {"rounds", "rounds", "%.0f", 1},
    {"train_loss", "loss", "%.4f", 1},      {"test_accuracy", "test acc.", "%.4f", 1}};
enum { COLUMNS = sizeof column / sizeof *column };

/* In how many repeats it reached the target; of none of them it is known where there is none.
 */
static void put_reached(FILE *to, const json_t *policy)
{
    const json_t *flags = json_object_get(policy, "reached");
    size_t yes = 0, known = 0;
    for (size_t i = 0; i < json_array_size(flags); i++) {
        known += json_is_boolean(json_array_get(flags, i));
        yes += json_is_true(json_array_get(flags, i));
    }
    if (known && !yes)
        fputs("<td><b>not reached</b></td>", to);
    else if (known)
        fprintf(to, "<td>reached %zu of %zu</td>", yes, known);
    else
        crew_page_cell(to, NULL);
}

static bool has_target(const json_t *list)
{
    for (size_t p = 0; p < json_array_size(list); p++)
        if (one_is(json_array_get(list, p), "reached", true) ||
            one_is(json_array_get(list, p), "reached", false))
            return true;
    return false;
}

/* Ratios first: what it is read for. */
static void put_policies(FILE *to, const json_t *list, const char *against)
{
    bool target = has_target(list);
    bool seen = false; /* the one it is compared with: of two of that name the first */
    fputs("<div class=\"scroll\"><table>\n<tr><th scope=\"col\">policy</th><th "
          "scope=\"col\">time ratio</th><th scope=\"col\">core-s ratio</th>",
          to);
    fputs(target ? "<th scope=\"col\">target</th>" : "", to);
    for (size_t i = 0; i < COLUMNS; i++)
        if (any_has(list, column[i].key))
            fprintf(to, "<th scope=\"col\">%s</th>", column[i].head);
    fputs("</tr>\n", to);
    for (size_t p = 0; p < json_array_size(list); p++) {
        const json_t *policy = json_array_get(list, p);
        const char *name = json_string_value(json_object_get(policy, "policy"));
        bool self = !seen && name && against && !strcmp(name, against);
        seen |= self;
        fputs("<tr><td class=\"text\">", to);
        crew_page_text(to, name ? name : "?");
        fputs(cut_off(policy) ? " *</td>" : "</td>", to);
        put_ratio(to, policy, "ratio_train", self);
        put_ratio(to, policy, "ratio_worker", self);
        if (target)
            put_reached(to, policy);
        for (size_t i = 0; i < COLUMNS; i++)
            if (any_has(list, column[i].key))
                crew_page_number(to, column[i].scale * crew_json_number(policy, column[i].key),
                                 column[i].format);
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n", to);
}

static void put_weights(FILE *to, const json_t *document)
{
    const json_t *list = json_object_get(document, "policies"),
                 *same = json_object_get(document, "same_weights");
    const char *before = " ";
    if (json_is_boolean(same))
        fputs(json_is_true(same)
                  ? " The final weights of all runs that dropped nothing are the "
                    "same, bit for bit."
                  : " The final weights are not the same, though they should be.",
              to);
    for (size_t p = 0; p < json_array_size(list); p++) {
        const json_t *policy = json_array_get(list, p);
        const char *name = json_string_value(json_object_get(policy, "policy"));
        if (!name || !json_is_true(json_object_get(policy, "drops")))
            continue;
        fputs(before, to);
        crew_page_text(to, name);
        before = ", ";
    }
    if (*before == ',')
        fputs(" dropped late results: weights and loss are others.", to);
}

/* What was done, and how to read it. */
static void put_terms(FILE *to, const json_t *document, const char *against)
{
    const json_t *list = json_object_get(document, "policies");
    double repeats = crew_json_number(document, "repeats"),
           workers = crew_json_number(document, "workers"),
           loss = crew_json_number(document, "target_loss"),
           accuracy = crew_json_number(document, "target_accuracy");
    const char *executor = json_string_value(json_object_get(document, "executor"));
    bool any_cut = false;
    for (size_t p = 0; p < json_array_size(list); p++)
        any_cut |= cut_off(json_array_get(list, p));
    fputs("<p class=\"dim\">", to);
    if (isfinite(repeats) && isfinite(workers))
        fprintf(to, "%.0f repeat%s with %.0f worker%s%s. ", repeats, repeats == 1 ? "" : "s",
                workers, workers == 1 ? "" : "s",
                executor && !strcmp(executor, "sim") ? ", in virtual time" : "");
    if (isfinite(loss))
        fprintf(to, "Runs ended when the mean loss of the last %.0f rounds was %g or less. ",
                crew_json_number(document, "target_window_rounds"), loss);
    if (isfinite(accuracy))
        fprintf(to, "Runs ended when the validation accuracy was %g or more. ", accuracy);
    if (json_is_true(json_object_get(document, "stopped")))
        fputs("It was stopped before all runs were finished. ", to);
    fputs(
        "Medians of the repeats; p95: 95 % of the rounds are shorter. Ratios repeat by repeat",
        to);
    if (against) {
        fputs(" to ", to);
        crew_page_text(to, against);
    }
    fputs(": median and spread; noise: not told from 1.", to);
    if (any_cut)
        fputs(" * cut off in one run at least, before the target or by the time limit: ratios "
              "are "
              "of the repeats in which neither was.",
              to);
    put_weights(to, document);
    fputs("</p>\n", to);
}

void crew_page_comparison(FILE *to, const struct crew_input *in)
{
    const json_t *machine = json_object_get(in->document, "machine");
    const char *against = json_string_value(json_object_get(in->document, "against")),
               *error = json_string_value(json_object_get(in->document, "error"));
    fputs("<h2>Comparison ", to);
    crew_page_text(to, in->path);
    fputs("</h2>\n", to);
    if (error) {
        fputs("<p>Failed: ", to);
        crew_page_text(to, error);
        fputs("</p>\n", to);
    }
    put_policies(to, json_object_get(in->document, "policies"), against);
    put_terms(to, in->document, against);
    if (machine) {
        fputs("<details><summary>Machine and configuration</summary>\n", to);
        crew_page_object(to, machine, "Machine");
        crew_page_rows(to, json_object_get(machine, "slots"), "Slots");
        crew_page_object(to, json_object_get(in->document, "config"), "Configuration");
        fputs("</details>\n", to);
    }
}

void crew_page_notes(FILE *to, const json_t *notes)
{
    for (size_t i = 0; i < json_array_size(notes); i++) {
        const char *note = json_string_value(json_array_get(notes, i));
        bool warns = note && !strncmp(note, "warning: ", 9);
        fputs(warns ? "<p class=\"dim\">Warning: " : "<p class=\"dim\">Note: ", to);
        crew_page_text(to, note ? note + (warns ? 9 : 0) : "");
        fputs("</p>\n", to);
    }
}
