/* What the runs of a comparison say together. */
#include "study/compare.h"
#include <math.h>

static const struct {
    const char *key;
    size_t offset; /* of a double in struct crew_comparison_run; rounds are none */
} figures[CREW_FIGURES] = {
#define FIGURE(NAME, FIELD) \
    [CREW_FIGURE_##NAME] = {#FIELD, offsetof(struct crew_comparison_run, FIELD)}
    FIGURE(TRAIN, train_s),           FIGURE(WORKER, worker_s),       FIGURE(JOULES, joules),
    FIGURE(ROUND_MEAN, round_mean_s), FIGURE(ROUND_P95, round_p95_s), FIGURE(IDLE, idle_s),
    FIGURE(WASTED, wasted_s),         FIGURE(ROUNDS, rounds),         FIGURE(LOSS, train_loss),
    FIGURE(ACCURACY, test_accuracy),
#undef FIGURE
};

const char *crew_comparison_key(enum crew_comparison_figure figure)
{
    return figures[figure].key;
}

double crew_comparison_value(const struct crew_comparison_run *run,
                             enum crew_comparison_figure figure)
{
    const void *field = (const char *)run + figures[figure].offset;
    return figure == CREW_FIGURE_ROUNDS ? (double)*(const uint64_t *)field
                                        : *(const double *)field;
}

static void find_medians(struct crew_comparison_policy *p, uint32_t repeats)
{
    double value[CREW_COMPARISON_REPEATS];
    struct crew_spread spread;
    for (int f = 0; f < CREW_FIGURES; f++) {
        size_t n = 0;
        for (uint32_t r = 0; r < repeats; r++)
            if (p->run[r].finished)
                value[n++] = crew_comparison_value(&p->run[r], (enum crew_comparison_figure)f);
        crew_spread_of(value, n, &spread);
        p->median[f] = spread.median;
    }
}

bool crew_comparison_complete(const struct crew_comparison *c,
                              const struct crew_comparison_run *run)
{
    bool target = isfinite(c->target_loss) || isfinite(c->target_accuracy);
    return run->finished && (target ? run->reached : !run->timed_out);
}

/* Each repeat within itself: what disturbed all of its runs cancels. */
static void find_ratio(const struct crew_comparison *c, const struct crew_comparison_policy *p,
                       enum crew_comparison_figure figure, struct crew_spread *out)
{
    const struct crew_comparison_policy *to = &c->policy[c->against];
    double ratio[CREW_COMPARISON_REPEATS];
    size_t n = 0;
    for (uint32_t r = 0; r < c->repeats; r++)
        if (crew_comparison_complete(c, &p->run[r]) && crew_comparison_complete(c, &to->run[r]))
            ratio[n++] = crew_comparison_value(&p->run[r], figure) /
                         crew_comparison_value(&to->run[r], figure);
    crew_spread_of(ratio, n, out);
}

/* Weights of a run depend on the policy where results are dropped, and on the clock where the
 * time limit ends it. */
static bool comparable(const struct crew_comparison_run *run)
{
    return run->finished && !run->dropped && !run->timed_out;
}

/* What the weights of repeat r ought to be: its own first ones, or, as real time leaves the
 * seed alone, those of the first repeat that has any. NULL: there are none. */
static const struct crew_comparison_run *reference(const struct crew_comparison *c, uint32_t r)
{
    for (uint32_t k = c->virtual_time ? r : 0; k <= r; k++)
        for (size_t p = 0; p < c->n_policies; p++)
            if (comparable(&c->policy[p].run[k]))
                return &c->policy[p].run[k];
    return NULL;
}

static void compare_weights(struct crew_comparison *c)
{
    size_t compared = 0;
    for (uint32_t r = 0; r < c->repeats; r++) {
        const struct crew_comparison_run *first = reference(c, r);
        for (size_t p = 0; p < c->n_policies; p++) {
            const struct crew_comparison_run *run = &c->policy[p].run[r];
            c->policy[p].drops |= run->finished && run->dropped;
            if (c->apart || !comparable(run) || run == first)
                continue;
            compared++;
            c->policy[p].other_weights |= run->weights_digest != first->weights_digest;
        }
    }
    c->same = compared ? CREW_SAME_YES : CREW_SAME_UNKNOWN;
    for (size_t p = 0; p < c->n_policies; p++)
        if (c->policy[p].other_weights)
            c->same = CREW_SAME_NO;
}

/* A policy of which more runs are complete comes before one that is faster. */
static size_t best(const struct crew_comparison *c)
{
    size_t at = 0;
    uint32_t most = 0;
    for (size_t p = 0; p < c->n_policies; p++) {
        uint32_t n = 0;
        for (uint32_t r = 0; r < c->repeats; r++)
            n += crew_comparison_complete(c, &c->policy[p].run[r]);
        if (n > most || (n == most && c->policy[p].median[CREW_FIGURE_TRAIN] <
                                          c->policy[at].median[CREW_FIGURE_TRAIN]))
            at = p;
        most = n > most ? n : most;
    }
    return at;
}

void crew_comparison_summarise(struct crew_comparison *c, bool against_best)
{
    for (size_t p = 0; p < c->n_policies; p++)
        find_medians(&c->policy[p], c->repeats);
    if (against_best)
        c->against = best(c);
    for (size_t p = 0; p < c->n_policies; p++) {
        struct crew_comparison_policy *x = &c->policy[p];
        find_ratio(c, x, CREW_FIGURE_TRAIN, &x->ratio_train);
        find_ratio(c, x, CREW_FIGURE_WORKER, &x->ratio_worker);
    }
    compare_weights(c);
}
