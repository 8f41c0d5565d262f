/* The laws of task times: names, moments, draws.
 *
 * A draw takes its random numbers from one block of the generator, named by (seed, worker,
 * round, task). Whoever needs more takes the first block as the key of a stream of its own, so
 * that how many a draw uses never moves another draw.
 *
 * Sources: Box and Muller, "A note on the generation of random normal deviates", Annals of
 * Mathematical Statistics 29(2), 1958. Marsaglia and Tsang, "A simple method for generating
 * gamma variables", ACM TOMS 26(3), 2000. The others invert their distribution function. */
#include "base/rng.h"
#include "exec/speed_internal.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PI 3.14159265358979323846

/* ---- Table ---- */

#define FIELD(name) offsetof(struct crew_law, name)
#define TIME CREW_ARGUMENT_TIME
#define TIME_OR_ZERO CREW_ARGUMENT_TIME_OR_ZERO
#define NUMBER CREW_ARGUMENT_NUMBER
#define ABOVE_ONE CREW_ARGUMENT_ABOVE_ONE

static const struct crew_law_form forms[] = {
    [CREW_LAW_CONST] = {{"const", "const(TIME), or TIME alone: always the same", NULL},
                        "const(TIME)",
                        1,
                        {{"TIME", TIME, FIELD(shift)}}},
    [CREW_LAW_UNIFORM] = {{"uniform", "uniform(FROM,TO): equally likely between two times",
                           NULL},
                          "uniform(FROM,TO)",
                          2,
                          {{"FROM", TIME_OR_ZERO, FIELD(a)}, {"TO", TIME, FIELD(b)}}},
    [CREW_LAW_EXP] = {{"exp", "exp(SHIFT,MEAN): SHIFT and an exponential excess of mean MEAN",
                       NULL},
                      "exp(SHIFT,MEAN)",
                      2,
                      {{"SHIFT", TIME_OR_ZERO, FIELD(shift)}, {"MEAN", TIME, FIELD(a)}}},
    [CREW_LAW_HALFNORMAL] = {{"halfnormal",
                              "halfnormal(SIGMA): size of a normal variable of mean 0 and "
                              "standard deviation SIGMA",
                              NULL},
                             "halfnormal(SIGMA)",
                             1,
                             {{"SIGMA", TIME, FIELD(a)}}},
    [CREW_LAW_LOGNORMAL] = {{"lognormal",
                             "lognormal(MEDIAN,SIGMA): its logarithm is normal, of standard "
                             "deviation SIGMA, a number",
                             NULL},
                            "lognormal(MEDIAN,SIGMA)",
                            2,
                            {{"MEDIAN", TIME, FIELD(a)}, {"SIGMA", NUMBER, FIELD(b)}}},
    [CREW_LAW_GAMMA] = {{"gamma", "gamma(SHAPE,SCALE): of mean SHAPE, a number, times SCALE",
                         NULL},
                        "gamma(SHAPE,SCALE)",
                        2,
                        {{"SHAPE", NUMBER, FIELD(a)}, {"SCALE", TIME, FIELD(b)}}},
    [CREW_LAW_WEIBULL] = {{"weibull",
                           "weibull(SHAPE,SCALE): SHAPE, a number, below 1: long tail; 1: "
                           "exponential",
                           NULL},
                          "weibull(SHAPE,SCALE)",
                          2,
                          {{"SHAPE", NUMBER, FIELD(a)}, {"SCALE", TIME, FIELD(b)}}},
    [CREW_LAW_PARETO] = {{"pareto",
                          "pareto(SHAPE,MINIMUM): P(time > t) = (MINIMUM / t)^SHAPE, a number "
                          "above 1",
                          NULL},
                         "pareto(SHAPE,MINIMUM)",
                         2,
                         {{"SHAPE", ABOVE_ONE, FIELD(a)}, {"MINIMUM", TIME, FIELD(b)}}},
    [CREW_LAW_REPLAY] = {{"replay",
                          "replay(FILE): the workers and times of a recording by crew train "
                          "--log-tasks",
                          NULL},
                         "replay(FILE)",
                         0,
                         {{0}}},
};

const struct crew_law_form *crew_law_form(size_t kind)
{
    return kind < sizeof forms / sizeof *forms ? &forms[kind] : NULL;
}

const struct crew_entry *crew_law_at(size_t i)
{
    const struct crew_law_form *form = crew_law_form(i);
    return form ? &form->entry : NULL;
}

/* ---- Moments ---- */

double crew_law_mean(const struct crew_law *law)
{
    double a = law->a, b = law->b;
    switch (law->kind) {
    case CREW_LAW_CONST:
        return law->shift;
    case CREW_LAW_UNIFORM:
        return law->shift + (a + b) / 2;
    case CREW_LAW_EXP:
        return law->shift + a;
    case CREW_LAW_HALFNORMAL:
        return law->shift + a * sqrt(2 / PI);
    case CREW_LAW_LOGNORMAL:
        return law->shift + a * exp(b * b / 2);
    case CREW_LAW_GAMMA:
        return law->shift + a * b;
    case CREW_LAW_WEIBULL:
        return law->shift + b * tgamma(1 + 1 / a);
    case CREW_LAW_PARETO:
        return law->shift + b * a / (a - 1);
    case CREW_LAW_REPLAY:
        break;
    }
    return (double)NAN;
}

/* ---- Checks ---- */

static bool argument_fits(enum crew_argument_kind kind, double x)
{
    if (!(x <= CREW_MOST_TIME)) /* nan too */
        return false;
    if (kind == CREW_ARGUMENT_TIME)
        return x >= CREW_LEAST_TIME;
    if (kind == CREW_ARGUMENT_TIME_OR_ZERO)
        return x >= 0;
    return x > (kind == CREW_ARGUMENT_ABOVE_ONE ? 1 : 0);
}

bool crew_law_check(const struct crew_law *law, int *argument, char *why, size_t cap)
{
    static const char *const ranges[] = {
        [TIME] = " s, must be 1e-12..1e12 s",
        [TIME_OR_ZERO] = " s, must be 0..1e12 s",
        [NUMBER] = ", must be above 0 and at most 1e12",
        [ABOVE_ONE] = ", must be above 1 and at most 1e12",
    };
    const struct crew_law_form *form = &forms[law->kind];
    for (int k = 0; k < form->n_arguments; k++) {
        double x;
        memcpy(&x, (const char *)law + form->argument[k].offset, sizeof x);
        if (!argument_fits(form->argument[k].kind, x)) {
            *argument = k;
            snprintf(why, cap, "%s is %.15g%s", form->argument[k].name, x,
                     ranges[form->argument[k].kind]);
            return false;
        }
    }
    if (law->kind == CREW_LAW_UNIFORM && law->b <= law->a) {
        *argument = 1;
        snprintf(why, cap, "TO is %.15g s, must be above FROM, which is %.15g s", law->b,
                 law->a);
        return false;
    }
    *argument = -1;
    double mean = crew_law_mean(law);
    if (!argument_fits(TIME_OR_ZERO, law->shift))
        snprintf(why, cap, "the shift is %.15g%s", law->shift, ranges[TIME_OR_ZERO]);
    else if (!argument_fits(TIME, mean))
        snprintf(why, cap, "the mean of %s is %.15g%s", form->entry.name, mean, ranges[TIME]);
    else
        return true;
    return false;
}

/* ---- Draws ---- */

/* In the open interval (0, 1): 52 bits and a half are exact in a double. */
static inline double open_unit(uint64_t bits)
{
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

/* Uniform numbers without end: two of the first block, then of blocks keyed by it. */
struct uniforms {
    uint32_t block[4];
    uint32_t used, worker; /* used: of all that were taken */
    uint64_t key;
};

static double next_uniform(struct uniforms *u)
{
    uint32_t k = u->used++, *half = &u->block[k % 2 ? 2 : 0];
    if (k >= 2 && k % 2 == 0) {
        if (k == 2)
            u->key = (uint64_t)u->block[3] << 32 | u->block[1];
        crew_rng4(u->key, CREW_STREAM_TIME_MORE, u->worker, k / 2, u->block);
    }
    return open_unit((uint64_t)half[1] << 32 | half[0]);
}

static double next_normal(struct uniforms *u)
{
    double radius = sqrt(-2 * log(next_uniform(u)));
    return radius * cos(2 * PI * next_uniform(u));
}

/* Of scale 1. At most one attempt in twenty fails. */
static double next_gamma(struct uniforms *u, double shape)
{
    if (shape < 1) { /* gamma(shape) = gamma(shape + 1) U^(1 / shape) */
        double boost = pow(next_uniform(u), 1 / shape);
        return boost * next_gamma(u, shape + 1);
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = next_normal(u), root = 1 + c * x, v = root * root * root;
        if (root > 0 && log(next_uniform(u)) < 0.5 * x * x + d * (1 - v + log(v)))
            return d * v;
    }
}

/* Of the laws that take one number, 0 < u < 1. */
static inline double inverse(const struct crew_law *law, double u)
{
    switch (law->kind) {
    case CREW_LAW_UNIFORM:
        return law->a + (law->b - law->a) * u;
    case CREW_LAW_WEIBULL:
        return law->b * pow(-log(u), 1 / law->a);
    default:
        return law->b * pow(u, -1 / law->a); /* pareto */
    }
}

/* Of the others. */
static double transform(const struct crew_law *law, struct uniforms *u)
{
    switch (law->kind) {
    case CREW_LAW_HALFNORMAL:
        return law->a * fabs(next_normal(u));
    case CREW_LAW_LOGNORMAL:
        return law->a * exp(law->b * next_normal(u));
    default:
        return law->b * next_gamma(u, law->a);
    }
}

static inline double within_limits(double x)
{
    if (!(x > CREW_LEAST_TIME))
        return CREW_LEAST_TIME;
    return x < CREW_MOST_DRAW ? x : CREW_MOST_DRAW;
}

/* The exponential law comes first: most draws of most simulations. */
double crew_law_draw(const struct crew_law *law, uint64_t seed, uint32_t worker, uint64_t index)
{
    switch (law->kind) {
    case CREW_LAW_EXP: {
        double u = open_unit(crew_rng_u64(seed, CREW_STREAM_TIME, worker, index));
        return within_limits(law->shift - law->a * log(u));
    }
    case CREW_LAW_CONST:
    case CREW_LAW_REPLAY:
        return law->shift;
    case CREW_LAW_UNIFORM:
    case CREW_LAW_WEIBULL:
    case CREW_LAW_PARETO: {
        double u = open_unit(crew_rng_u64(seed, CREW_STREAM_TIME, worker, index));
        return within_limits(law->shift + inverse(law, u));
    }
    default: {
        struct uniforms u = {.worker = worker};
        crew_rng4(seed, CREW_STREAM_TIME, worker, index, u.block);
        return within_limits(law->shift + transform(law, &u));
    }
    }
}
