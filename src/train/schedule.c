#include "train/schedule.h"
#include "base/error.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SETTING(NAME, FIELD, MIN, MAX, VALUE, ARGUMENT, HELP)                    \
    {                                                                            \
        .name = NAME, .type = CREW_OPTION_REAL,                                  \
        .offset = offsetof(struct crew_schedule, FIELD), .min = MIN, .max = MAX, \
        .value = VALUE, .argument = ARGUMENT, .help = HELP                       \
    }
#define WARMUP                                       \
    SETTING("warmup", warmup, 0, 1e9, "0", "EPOCHS", \
            "the rate grows from 0 over so many epochs")
#define END                     \
    {                           \
        .type = CREW_OPTION_END \
    }

static const struct crew_option constant_settings[] = {WARMUP, END};
static const struct crew_option step_settings[] = {
    SETTING("every", every, 1e-6, 1e9, "10", "EPOCHS", "epochs between two steps"),
    SETTING("factor", factor, 1e-6, 1, "0.1", "FACTOR",
            "what each step multiplies the rate by"),
    WARMUP, END};
static const struct crew_option cosine_settings[] = {
    SETTING("final", final, 0, 1, "0", "SHARE", "of the rate that is left at the end"), WARMUP,
    END};

enum { CONSTANT, STEP, COSINE, KINDS };
static const struct crew_entry kinds[KINDS] = {
    {"constant", "the same rate all the time", constant_settings},
    {"step", "multiplied by a factor every so many epochs", step_settings},
    {"cosine", "half a cosine from the rate to its final share", cosine_settings}};

const struct crew_entry *crew_schedule_at(size_t i)
{
    return i < KINDS ? &kinds[i] : NULL;
}

crew_status crew_schedule_parse(const char *spec, double epochs, struct crew_schedule *out,
                                struct crew_error *err)
{
    const char *settings;
    size_t n = crew_text_name(spec, &settings), k = 0;
    char what[64];
    while (k < KINDS && !crew_text_same(kinds[k].name, spec, n))
        k++;
    if (k == KINDS) {
        const char *const names[KINDS] = {kinds[CONSTANT].name, kinds[STEP].name,
                                          kinds[COSINE].name};
        return crew_fail_unknown(err, "schedule", spec, names, KINDS);
    }
    snprintf(what, sizeof what, "schedule %s", kinds[k].name);
    memset(out, 0, sizeof *out);
    crew_option_defaults(kinds[k].settings, out);
    out->kind = k;
    out->epochs = epochs;
    TRY(crew_option_settings(kinds[k].settings, settings, what, out, err));
    if (k == COSINE && epochs <= 0)
        return crew_fail(err, CREW_EINVAL, "schedule cosine needs epochs or rounds to end at");
    if (k == COSINE && out->warmup >= epochs)
        return crew_fail(err, CREW_EINVAL,
                         "schedule cosine: warmup is %g epochs, the whole run has %g",
                         out->warmup, epochs);
    return CREW_OK;
}

double crew_schedule_at_epoch(const struct crew_schedule *s, double done)
{
    const double pi = 3.14159265358979323846;
    if (done < s->warmup)
        return done / s->warmup;
    switch (s->kind) {
    case STEP:
        return pow(s->factor, floor(done / s->every));
    case COSINE: {
        double x = (done - s->warmup) / (s->epochs - s->warmup);
        return s->final + (1 - s->final) * 0.5 * (1 + cos(pi * (x < 1 ? x : 1)));
    }
    default:
        return 1;
    }
}
