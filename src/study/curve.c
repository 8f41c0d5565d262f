#include "study/curve.h"
#include "base/error.h"
#include "base/mem.h"
#include "train/output.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Points; of 2^32 rounds; most points; characters without the policy's */
enum { A_DECADE = 20, DECADES = 10, MOST = 100000, LINE = 200 };

static void choose_multiples(struct crew_curve *c, uint64_t rounds, uint64_t every)
{
    for (uint64_t k = every; k < rounds; k += every)
        c->round[c->n_rounds++] = k;
    c->round[c->n_rounds++] = rounds;
}

static void choose_rounds(struct crew_curve *c, uint64_t rounds)
{
    uint64_t last = 0;
    for (int j = 0; last < rounds; j++) {
        uint64_t next = (uint64_t)llround(pow(10, (double)j / A_DECADE));
        if (next > last)
            c->round[c->n_rounds++] = last = next < rounds ? next : rounds;
    }
}

crew_status crew_curve_init(struct crew_curve *c, uint64_t rounds, uint64_t every, size_t runs,
                            struct crew_error *err)
{
    *c = (struct crew_curve){.most_runs = runs};
    if (every && rounds / every >= MOST)
        return crew_fail(err, CREW_EINVAL,
                         "every %llu of %llu rounds are more than %d points of a curve",
                         (unsigned long long)every, (unsigned long long)rounds, MOST);
    size_t most = every ? (size_t)(rounds / every) + 1 : A_DECADE * DECADES + 1;
    c->round = crew_alloc(most * sizeof *c->round);
    if (c->round && every)
        choose_multiples(c, rounds, every);
    else if (c->round)
        choose_rounds(c, rounds);
    c->run = crew_zalloc(runs * sizeof *c->run);
    c->point = crew_alloc(runs * c->n_rounds * sizeof *c->point);
    return c->round && c->run && c->point
               ? CREW_OK
               : crew_fail(err, CREW_ENOMEM, "no memory for %zu curves", runs);
}

struct crew_curve_point *crew_curve_open(struct crew_curve *c, const char *policy,
                                         uint64_t seed)
{
    c->run[c->n_runs] = (struct crew_curve_run){policy, seed};
    return c->point + c->n_runs * c->n_rounds;
}

void crew_curve_close(struct crew_curve *c)
{
    c->n_runs++;
}

/* A field of a CSV file: in quotes where it holds a comma. A policy's name holds no quote. */
static int print_line(char *to, size_t cap, const struct crew_curve_run *run, uint64_t round,
                      const struct crew_curve_point *p)
{
    const char *quote = strchr(run->policy, ',') ? "\"" : "";
    char regret[40] = "";
    if (isfinite(p->regret_s))
        snprintf(regret, sizeof regret, "%.17g", p->regret_s);
    return snprintf(to, cap, "%s%s%s,%llu,%llu,%.17g,%.17g,%.17g,%s\n", quote, run->policy,
                    quote, (unsigned long long)run->seed, (unsigned long long)round, p->time_s,
                    p->worker_s, p->best_s, regret);
}

crew_status crew_curve_write(const struct crew_curve *c, const char *path, bool replace,
                             struct crew_error *err)
{
    static const char header[] = "policy,seed,round,time_s,worker_s,best_s,regret_s\n";
    size_t cap = sizeof header, n = sizeof header - 1;
    for (size_t r = 0; r < c->n_runs; r++)
        cap += c->n_rounds * (LINE + strlen(c->run[r].policy));
    char *text = crew_alloc(cap);
    if (!text)
        return crew_fail(err, CREW_ENOMEM, "no memory to write %s", path);
    memcpy(text, header, sizeof header);
    for (size_t r = 0; r < c->n_runs; r++)
        for (size_t i = 0; i < c->n_rounds; i++)
            n += (size_t)print_line(text + n, cap - n, &c->run[r], c->round[i],
                                    &c->point[r * c->n_rounds + i]);
    crew_status status =
        crew_output_write(path, replace, &(struct crew_piece){text, n}, 1, err);
    crew_free(text);
    return status;
}

void crew_curve_free(struct crew_curve *c)
{
    crew_free(c->round);
    crew_free(c->run);
    crew_free(c->point);
}
