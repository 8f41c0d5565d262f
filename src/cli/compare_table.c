#include "cli/compare_table.h"
#include "cli/cli.h"
#include <math.h>
#include <string.h>

enum { NAME_LEAST = 13, NAME_MOST = 24 };

/* ---- What was measured, as medians ---- */

static const struct column {
    const char *head;
    enum crew_comparison_figure figure;
    double scale; /* times this in the table */
} columns[] = {
    {"seconds", CREW_FIGURE_WALL, 1},       {"core s", CREW_FIGURE_WORKER, 1},
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
    return isnan(p->median[CREW_FIGURE_WALL]);
}

/* In one of the runs at least. */
static bool missed_target(const struct crew_comparison *c,
                          const struct crew_comparison_policy *p)
{
    for (uint32_t r = 0; r < c->repeats; r++)
        if (p->run[r].finished && !p->run[r].reached)
            return isfinite(c->target_loss) || isfinite(c->target_accuracy);
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

/* Five digits: 0.12346, 12346, 1.2346e+06. */
static void print_figure(FILE *to, double v)
{
    if (isfinite(v))
        fprintf(to, "%10.5g", v);
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
        fprintf(to, "%s\n", missed_target(c, p) || timed_out(c, p) ? " *" : "");
    }
}

/* ---- Ratios ---- */

static void print_ratio(FILE *to, const struct crew_spread *s, bool to_itself)
{
    char spread[40] = "-";
    if (s->n > 1)
        snprintf(spread, sizeof spread, "%.3f..%.3f", s->low, s->high);
    if (to_itself)
        fprintf(to, "%7s  %-18s", "1", "");
    else if (!s->n)
        fprintf(to, "%7s  %-18s", "-", "-");
    else
        fprintf(to, "%7.3f  %-12s %-5s", s->median, spread,
                crew_spread_holds_one(s) ? "noise" : "");
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
        print_ratio(to, &p->ratio_wall, k == c->against);
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
    if (c->same == CREW_SAME_UNKNOWN) {
        fputs("no two runs that dropped nothing came to the end: weights are not compared\n",
              to);
        return;
    }
    fputs("the same weights, bit for bit, in all runs of ", to);
    print_list(to, c, has_the_weights);
    if (any(c, drops)) {
        fputs("; results are dropped by ", to);
        print_list(to, c, drops);
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
    if (any(c, timed_out))
        fputs("* ended by the time limit\n", to);
    else if (any(c, missed_target))
        fputs("* ended before the target\n", to);
}

static void print_spread(FILE *to, const struct crew_comparison *c)
{
    size_t n = 0;
    for (size_t k = 0; k < c->n_policies; k++)
        n = c->policy[k].ratio_wall.n > n ? c->policy[k].ratio_wall.n : n;
    if (n < 2) {
        fputs("one repeat: nothing is known of noise\n", to);
        return;
    }
    fprintf(to, "%zu repeats: medians, and ratios within each repeat\n", n);
    if (n < 6) /* all n on one side of 1: 2 of 2^n ways to fall */
        fprintf(to, "spread: smallest to largest, which leave 1 out by chance once in %d\n",
                1 << (n - 1));
    else
        fputs("spread: 95 % interval of the median\n", to);
    fputs("noise: the spread includes 1, so the difference is within noise\n", to);
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
    print_weights(to, c);
    fprintf(to, "ratios to %s; %u worker%s%s\n", c->policy[c->against].policy, c->workers,
            c->workers == 1 ? "" : "s",
            c->virtual_time ? "; all seconds are virtual, each repeat has a seed of its own"
                            : "");
    print_spread(to, c);
    print_target(to, c);
    if (c->no_energy[0] && !c->virtual_time)
        fprintf(to, "no joules: %s\n", c->no_energy);
}

/* ---- For programs ---- */

static void print_csv_run(FILE *to, const struct crew_comparison *c,
                          const struct crew_comparison_policy *p, uint32_t r)
{
    const struct crew_comparison_run *run = &p->run[r], *base = &c->policy[c->against].run[r];
    const char *quote = strchr(p->policy, ',') ? "\"" : "";
    fprintf(to, "%s%s%s,%u", quote, p->policy, quote, r + 1);
    for (int f = 0; f < CREW_FIGURES; f++) {
        double v = crew_comparison_value(run, (enum crew_comparison_figure)f);
        fprintf(to, isfinite(v) ? ",%.17g" : ",", v);
    }
    fprintf(to, ",%d,%d,%016llx", run->reached, run->timed_out,
            (unsigned long long)run->weights_digest);
    if (base->finished)
        fprintf(to, ",%.17g,%.17g\n", run->wall_s / base->wall_s,
                run->worker_s / base->worker_s);
    else
        fputs(",,\n", to);
}

void print_comparison_csv(FILE *to, const struct crew_comparison *c)
{
    fputs("policy,repeat", to);
    for (int f = 0; f < CREW_FIGURES; f++)
        fprintf(to, ",%s", crew_comparison_key((enum crew_comparison_figure)f));
    fputs(",reached,timed_out,weights_digest,ratio_wall,ratio_worker\n", to);
    for (uint32_t r = 0; r < c->repeats; r++)
        for (size_t k = 0; k < c->n_policies; k++)
            if (c->policy[k].run[r].finished)
                print_csv_run(to, c, &c->policy[k], r);
}
