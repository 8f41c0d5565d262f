#include "cli/compare_table.h"
#include "cli/cli.h"
#include <math.h>
#include <string.h>

enum { NAME_LEAST = 13, NAME_MOST = 24, HEAD = 10 };

/* ---- What was measured, as medians ---- */

static const struct column {
    const char *head;
    enum crew_comparison_figure figure;
    double scale; /* times this in the table */
} columns[] = {
    {"seconds", CREW_FIGURE_TRAIN, 1},      {"core s", CREW_FIGURE_WORKER, 1},
    {"joules", CREW_FIGURE_JOULES, 1},      {"round ms", CREW_FIGURE_ROUND_MEAN, 1e3},
    {"p95 ms", CREW_FIGURE_ROUND_P95, 1e3}, {"idle s", CREW_FIGURE_IDLE, 1},
    {"wasted s", CREW_FIGURE_WASTED, 1},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static bool shown(const struct crew_comparison *c, const struct column *column)
{
    return column->figure != CREW_FIGURE_JOULES || !c->no_energy[0];
}

/* Nothing of it is finished: it was stopped before. */
static bool empty(const struct crew_comparison_policy *p)
{
    return isnan(p->median[CREW_FIGURE_TRAIN]);
}

/* One of its runs at least ended before the target, or by the time limit. */
static bool cut_off(const struct crew_comparison *c, const struct crew_comparison_policy *p)
{
    for (uint32_t r = 0; r < c->repeats; r++)
        if (p->run[r].finished && !crew_comparison_complete(c, &p->run[r]))
            return true;
    return false;
}

static bool timed_out(const struct crew_comparison *c, const struct crew_comparison_policy *p)
{
    for (uint32_t r = 0; r < c->repeats; r++)
        if (p->run[r].finished && p->run[r].timed_out)
            return true;
    return false;
}

/* A name that is too long has a line of its own. */
static void print_name(FILE *to, const char *name, int width)
{
    if ((int)strlen(name) > width)
        fprintf(to, "%s\n%*s", name, width, "");
    else
        fprintf(to, "%-*s", width, name);
}

/* Four digits, 0.0001235, or all those before the point, 123457: a space is left in any case.
 */
static void print_figure(FILE *to, double v)
{
    if (isfinite(v))
        fprintf(to, v >= 999.95 && v < 1e8 ? "%10.0f" : "%10.4g", v);
    else
        fprintf(to, "%10s", "-");
}

static void print_measured(FILE *to, const struct crew_comparison *c, int width)
{
    print_name(to, "policy", width);
    for (size_t i = 0; i < COLUMNS; i++)
        if (shown(c, &columns[i]))
            fprintf(to, "%10s", columns[i].head);
    fputc('\n', to);
    for (size_t k = 0; k < c->n_policies; k++) {
        const struct crew_comparison_policy *p = &c->policy[k];
        if (empty(p))
            continue;
        print_name(to, p->policy, width);
        for (size_t i = 0; i < COLUMNS; i++)
            if (shown(c, &columns[i]))
                print_figure(to, columns[i].scale * p->median[columns[i].figure]);
        fprintf(to, "%s\n", cut_off(c, p) ? " *" : "");
    }
}

/* ---- Ratios ---- */

static void print_ratio(FILE *to, const struct crew_spread *s, bool to_itself)
{
    char spread[40] = "-";
    if (s->n > 1)
        snprintf(spread, sizeof spread, s->high < 1000 ? "%.3f..%.3f" : "%.3g..%.3g", s->low,
                 s->high);
    if (to_itself)
        fprintf(to, "%7s  %-18s", "1", "");
    else if (!s->n)
        fprintf(to, "%7s  %-18s", "-", "-");
    else
        fprintf(to, s->median < 1000 ? "%7.3f  %-12s %-5s" : "%7.3g  %-12s %-5s", s->median,
                spread, crew_spread_holds_one(s) ? "noise" : "");
}

static void print_or_dash(FILE *to, int width, int digits, double v)
{
    if (isfinite(v))
        fprintf(to, "%*.*f", width, digits, v);
    else
        fprintf(to, "%*s", width, "-");
}

static void print_ratios(FILE *to, const struct crew_comparison *c, int width)
{
    print_name(to, "ratio", width);
    fprintf(to, "%7s  %-18s%7s  %-18s%7s%8s%8s\n", "time", "spread", "core s", "spread",
            "rounds", "loss", "test");
    for (size_t k = 0; k < c->n_policies; k++) {
        const struct crew_comparison_policy *p = &c->policy[k];
        if (empty(p))
            continue;
        print_name(to, p->policy, width);
        print_ratio(to, &p->ratio_train, k == c->against);
        print_ratio(to, &p->ratio_worker, k == c->against);
        print_or_dash(to, 7, 0, p->median[CREW_FIGURE_ROUNDS]);
        print_or_dash(to, 8, 4, p->median[CREW_FIGURE_LOSS]);
        print_or_dash(to, 8, 4, p->median[CREW_FIGURE_ACCURACY]);
        fputc('\n', to);
    }
}

/* ---- Words ---- */

/* "a", "a and b", "a, b and c": the policies for which flag(c, p). */
static size_t print_list(FILE *to, const struct crew_comparison *c,
                         bool (*flag)(const struct crew_comparison *c,
                                      const struct crew_comparison_policy *p))
{
    size_t n = 0, at = 0;
    for (size_t k = 0; k < c->n_policies; k++)
        n += flag(c, &c->policy[k]);
    for (size_t k = 0; k < c->n_policies; k++)
        if (flag(c, &c->policy[k])) {
            fprintf(to, "%s%s", !at ? "" : at + 1 < n ? ", " : " and ", c->policy[k].policy);
            at++;
        }
    return n;
}

static bool has_other_weights(const struct crew_comparison *c,
                              const struct crew_comparison_policy *p)
{
    (void)c;
    return p->other_weights;
}

static bool drops(const struct crew_comparison *c, const struct crew_comparison_policy *p)
{
    (void)c;
    return p->drops;
}

static bool has_the_weights(const struct crew_comparison *c,
                            const struct crew_comparison_policy *p)
{
    return !p->drops && !p->other_weights && !empty(p) && !timed_out(c, p);
}

static bool any(const struct crew_comparison *c,
                bool (*flag)(const struct crew_comparison *c,
                             const struct crew_comparison_policy *p))
{
    for (size_t k = 0; k < c->n_policies; k++)
        if (flag(c, &c->policy[k]))
            return true;
    return false;
}

void print_weights(FILE *to, const struct crew_comparison *c)
{
    if (c->same == CREW_SAME_NO) {
        fputs("the weights differ: ", to);
        print_list(to, c, has_other_weights);
        fputs(" dropped nothing and ended with other ones than the first such policy\n", to);
        return;
    }
    if (c->apart) {
        fprintf(to, "weights are not compared: with %s they depend on who computed what",
                c->apart);
    } else if (c->same == CREW_SAME_UNKNOWN) {
        fputs("weights are not compared: no two runs came to the end and dropped nothing", to);
    } else {
        fputs("the same weights, bit for bit, in all runs of ", to);
        print_list(to, c, has_the_weights);
    }
    if (any(c, drops)) {
        fputc('\n', to);
        size_t n = print_list(to, c, drops);
        fprintf(to, " dropped late results: %s weights and loss are %s own",
                n == 1 ? "its" : "their", n == 1 ? "its" : "their");
    }
    fputc('\n', to);
}

static void print_target(FILE *to, const struct crew_comparison *c)
{
    if (isfinite(c->target_loss))
        fprintf(to, "runs end when the mean loss of the last %u round%s is %g or less\n",
                c->window, c->window == 1 ? "" : "s", c->target_loss);
    if (isfinite(c->target_accuracy))
        fprintf(to, "runs end when the validation accuracy is %g or more\n",
                c->target_accuracy);
    if (any(c, cut_off))
        fprintf(to,
                "* ended %s in one run at least; ratios are of the repeats in which both %s\n",
                any(c, timed_out) ? "by the time limit" : "before the target",
                isfinite(c->target_loss) || isfinite(c->target_accuracy) ? "reached it"
                                                                         : "were not");
}

static void print_spread(FILE *to, const struct crew_comparison *c)
{
    size_t n = 0;
    for (size_t k = 0; k < c->n_policies; k++)
        n = c->policy[k].ratio_train.n > n ? c->policy[k].ratio_train.n : n;
    if (n < 2) {
        fputs(n ? "one repeat: nothing is known of noise\n" : "", to);
        return;
    }
    fprintf(to, "%zu repeats: medians, and ratios within each repeat\n", n);
    if (n < CREW_SPREAD_BY_ORDER)
        fputs(
            "spread: smallest to largest; noise: so few repeats do not tell the ratio from 1, "
            "at 95 %\n",
            to);
    else
        fputs("spread: 95 % interval of the median; noise: it includes 1\n", to);
}

static bool told(const struct crew_spread *ratio)
{
    return ratio->n > 1 && !crew_spread_holds_one(ratio) && ratio->median < 1;
}

/* Of those that are told to take less than `against`: the one that takes the least, of two that
 * are as good as equal the one with the lower other ratio. NULL: there are none. */
static const struct crew_comparison_policy *best(const struct crew_comparison *c, bool by_core)
{
    static const double EQUAL = 0.01;
    const struct crew_comparison_policy *found = NULL;
    double least = 0, other = 0;
    for (size_t k = 0; k < c->n_policies; k++) {
        const struct crew_comparison_policy *p = &c->policy[k];
        const struct crew_spread *mine = by_core ? &p->ratio_worker : &p->ratio_train,
                                 *its = by_core ? &p->ratio_train : &p->ratio_worker;
        if (k == c->against || !told(mine))
            continue;
        if (!found || mine->median < least * (1 - EQUAL) ||
            (mine->median < least * (1 + EQUAL) && its->median < other)) {
            found = p;
            least = mine->median;
            other = its->median;
        }
    }
    return found;
}

static void print_verdict(FILE *to, const struct crew_comparison *c)
{
    const char *base = c->policy[c->against].policy;
    const struct crew_comparison_policy *fast = best(c, false), *cheap = best(c, true);
    char line[600];
    size_t n = 0;
    int at;
    for (size_t k = 0; k < c->n_policies; k++)
        n = k != c->against && c->policy[k].ratio_train.n > n ? c->policy[k].ratio_train.n : n;
    if (n < 2) /* print_spread() says why */
        return;
    if (fast)
        at =
            snprintf(line, sizeof line, "%.100s is fastest, with %.3g of the seconds of %.100s",
                     fast->policy, fast->ratio_train.median, base);
    else
        at = snprintf(line, sizeof line, "none is told to be faster than %.100s", base);
    if (cheap && cheap == fast)
        snprintf(line + at, sizeof line - (size_t)at,
                 " and %.3g of its core-seconds, the fewest", cheap->ratio_worker.median);
    else if (cheap)
        snprintf(line + at, sizeof line - (size_t)at,
                 "; %.100s takes the fewest core-seconds, %.3g of those of %.100s",
                 cheap->policy, cheap->ratio_worker.median, base);
    else if (!fast)
        snprintf(line + at, sizeof line - (size_t)at, ", or to take fewer core-seconds");
    print_entry(to, "verdict", HEAD, line);
}

static void print_machine(FILE *to, const struct crew_comparison *c)
{
    const struct crew_machine_info *m = crew_machine_info(c->machine);
    struct crew_build_info build;
    char line[600];
    crew_build_info(&build);
    snprintf(line, sizeof line,
             "%.200s, %u of %u cores usable, %.100s; BLAS kernel %.60s; %s; crew %s",
             m->cpu_model ? m->cpu_model : "unknown", m->usable_cores, m->cores,
             m->kernel ? m->kernel : "unknown system", build.blas_core, c->date, build.version);
    print_entry(to, "machine", HEAD, line);
}

/* What a run has beside its rounds is not small then, and neither is what else happens. */
static void print_short(FILE *to, const struct crew_comparison *c)
{
    static const double SHORT = 0.1;
    double least = (double)INFINITY;
    for (size_t k = 0; k < c->n_policies; k++)
        least = fmin(least, c->policy[k].median[CREW_FIGURE_TRAIN]);
    if (!c->virtual_time && least < SHORT)
        fprintf(to, "runs of %.2g s are short: more epochs tell more\n", least);
    if (c->workers == 1)
        fputs("one worker: there is nothing to allocate\n", to);
}

void print_comparison(FILE *to, const struct crew_comparison *c)
{
    int width = NAME_LEAST;
    for (size_t k = 0; k < c->n_policies; k++) {
        int length = (int)strlen(c->policy[k].policy) + 1;
        width = length > width && length <= NAME_MOST ? length : width;
    }
    print_measured(to, c, width);
    fputc('\n', to);
    print_ratios(to, c, width);
    fputc('\n', to);
    print_verdict(to, c);
    print_weights(to, c);
    fprintf(to, "ratios to %s; %u worker%s%s\n", c->policy[c->against].policy, c->workers,
            c->workers == 1 ? "" : "s",
            c->virtual_time ? "; all seconds are virtual, each repeat has a seed of its own"
                            : "");
    print_spread(to, c);
    print_target(to, c);
    print_short(to, c);
    print_machine(to, c);
    if (c->no_energy[0] && !c->virtual_time)
        fprintf(to, "no joules: %s\n", c->no_energy);
}

/* ---- For programs ---- */

static void print_csv_run(FILE *to, const struct crew_comparison *c,
                          const struct crew_comparison_policy *p, uint32_t r)
{
    const struct crew_comparison_run *run = &p->run[r], *base = &c->policy[c->against].run[r];
    bool target = isfinite(c->target_loss) || isfinite(c->target_accuracy);
    const char *quote = strchr(p->policy, ',') ? "\"" : "";
    fprintf(to, "%s%s%s,%u", quote, p->policy, quote, r + 1);
    for (int f = 0; f < CREW_FIGURES; f++) {
        double v = crew_comparison_value(run, (enum crew_comparison_figure)f);
        fprintf(to, isfinite(v) ? ",%.17g" : ",", v);
    }
    fprintf(to, ",%s,%d,%016llx",
            !target        ? ""
            : run->reached ? "1"
                           : "0",
            run->timed_out, (unsigned long long)run->weights_digest);
    if (crew_comparison_complete(c, run) && crew_comparison_complete(c, base))
        fprintf(to, ",%.17g,%.17g\n", run->train_s / base->train_s,
                run->worker_s / base->worker_s);
    else
        fputs(",,\n", to);
}

void print_comparison_csv(FILE *to, const struct crew_comparison *c)
{
    fputs("policy,repeat", to);
    for (int f = 0; f < CREW_FIGURES; f++)
        fprintf(to, ",%s", crew_comparison_key((enum crew_comparison_figure)f));
    fputs(",reached,timed_out,weights_digest,ratio_train,ratio_worker\n", to);
    for (uint32_t r = 0; r < c->repeats; r++)
        for (size_t k = 0; k < c->n_policies; k++)
            if (c->policy[k].run[r].finished)
                print_csv_run(to, c, &c->policy[k], r);
}
