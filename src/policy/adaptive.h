/* What the policies adaptive and cohort have in common: the workers' means, their bounds, and
 * the plan by them. What it does and why is in adaptive.c. */
#ifndef CREW_POLICY_ADAPTIVE_H
#define CREW_POLICY_ADAPTIVE_H

#include "policy/pace.h"
#include "policy/retry.h"
#include "policy/shape.h"
#include "policy/share.h"

struct crew_adaptive_settings {
    double width, explore, memory;
};

struct crew_adaptive {
    struct crew_share share;
    uint64_t seed, round;
    struct crew_adaptive_settings set;
    struct crew_noise noise;
    struct crew_retry retry;
    bool learning; /* the last plan: somebody was tried for the first time, or again */
    bool cut;      /* the last plan lets tasks be dropped: the others tell less */
    struct crew_shape *shape; /* learnt too, and makes use of dropped tasks; NULL: it is not */
    struct crew_pace *pace;   /* [n] */
    double *numbers;          /* [arrays][even n], which are: */
    double *mean;             /* of pace; 0: not known */
    double *root;             /* 1 / sqrt(K_i), 0 where not known */
    double *score;            /* s_i of the last plan */
    double *hope;             /* mean, or what that was before it became slower */
    double *limit;            /* most tasks a round may give */
    double *seen;             /* last round with a task, 0: none */
    bool *lone;               /* [n] its mean is that of one task */
    struct crew_policy_event *event; /* [n] of the last round, one a worker */
    size_t n_events;
};

/* Rows of a table of settings whose struct begins with a struct crew_adaptive_settings. */
#define CREW_ADAPTIVE_SETTING(field, ...)                                     \
    {                                                                         \
        .name = #field, .type = CREW_OPTION_REAL,                             \
        .offset = offsetof(struct crew_adaptive_settings, field), __VA_ARGS__ \
    }
#define CREW_ADAPTIVE_SETTINGS                                                             \
    CREW_ADAPTIVE_SETTING(width, .max = 10, .value = "0.1", .argument = "FACTOR",          \
                          .help = "how far bounds lie below a mean; 0: means alone"),      \
        CREW_ADAPTIVE_SETTING(explore, .max = 0.5, .value = "0.01", .argument = "SHARE",   \
                              .help = "of time and of workers' time for trying again who " \
                                      "gets no tasks; 0: never"),                          \
        CREW_ADAPTIVE_SETTING(memory, .min = 10, .max = 1e9, .value = "2000",              \
                              .argument = "TASKS",                                         \
                              .help = "most tasks that a mean is made of: what is older "  \
                                      "fades")

/* *a is zeroed first, so crew_adaptive_close() is legal after a failure. */
CREW_CHECKED crew_status crew_adaptive_open(struct crew_adaptive *a,
                                            const struct crew_policy_config *cfg,
                                            const struct crew_adaptive_settings *set,
                                            struct crew_error *err);
void crew_adaptive_close(struct crew_adaptive *a);

/* A round begins: all scores, 0 where a worker is not known; returns whether all are. */
bool crew_adaptive_begin(struct crew_adaptive *a, uint64_t round);
/* After that, the plan by them. known: what it returned. */
void crew_adaptive_plan(struct crew_adaptive *a, bool known, const struct crew_plan_request *rq,
                        struct crew_plan *out);
/* Somebody without tasks may be given one, if that is due: retry.h. */
void crew_adaptive_retry(struct crew_adaptive *a, const struct crew_plan_request *rq,
                         const struct crew_outlook *o, uint64_t *quota);
void crew_adaptive_observe(struct crew_adaptive *a, const struct crew_timing *t,
                           size_t n_timings);

/* For the log: what was decided of a worker, whose mean was before_s. */
void crew_adaptive_tell(struct crew_adaptive *a, uint32_t i, const char *reason,
                        double before_s);

/* As in struct crew_policy_ops, for any policy that begins with a struct crew_adaptive. */
bool crew_adaptive_exploring(const void *self);
size_t crew_adaptive_events(const void *self, const struct crew_policy_event **out);

/* State as numbers: how many, and their writing and reading. */
size_t crew_adaptive_save(const struct crew_adaptive *a, double *out, size_t cap);
CREW_CHECKED crew_status crew_adaptive_load(struct crew_adaptive *a, const double *in,
                                            size_t n_numbers);

#endif
