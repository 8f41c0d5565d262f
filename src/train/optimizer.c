/* Conventions of PyTorch's optimisers of the same names.
 * Sources: Sutskever, Martens, Dahl, Hinton, ICML 2013 (momentum, Nesterov); Kingma and Ba,
 * ICLR 2015, arXiv:1412.6980 (adam); Loshchilov and Hutter, ICLR 2019, arXiv:1711.05101
 * (adamw). */
#include "train/optimizer.h"
#include "base/error.h"
#include "base/kernels.h"
#include "base/mem.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct settings {
    double momentum, weight_decay, beta1, beta2, eps;
    bool nesterov;
};

#define SETTING(NAME, TYPE, FIELD, MIN, MAX, VALUE, HELP)                                   \
    {                                                                                       \
        .name = NAME, .type = TYPE, .offset = offsetof(struct settings, FIELD), .min = MIN, \
        .max = MAX, .value = VALUE, .help = HELP                                            \
    }
#define DECAY(VALUE, HELP) \
    SETTING("weight-decay", CREW_OPTION_REAL, weight_decay, 0, 1, VALUE, HELP)
#define BETAS                                                                            \
    SETTING("beta1", CREW_OPTION_REAL, beta1, 0, 0.999999, "0.9", "memory of the mean"), \
        SETTING("beta2", CREW_OPTION_REAL, beta2, 0, 0.999999, "0.999",                  \
                "memory of the square"),                                                 \
        SETTING("eps", CREW_OPTION_REAL, eps, 1e-30, 1, "1e-8",                          \
                "added to the root of the square")
#define END                     \
    {                           \
        .type = CREW_OPTION_END \
    }

static const struct crew_option sgd_settings[] = {
    SETTING("momentum", CREW_OPTION_REAL, momentum, 0, 0.999999, NULL,
            "share of the last step that is kept"),
    SETTING("nesterov", CREW_OPTION_FLAG, nesterov, 0, 0, "no", "look ahead"),
    DECAY("0", "added to the gradient, times the weights"), END};
static const struct crew_option adam_settings[] = {
    BETAS, DECAY("0", "added to the gradient, times the weights"), END};
static const struct crew_option adamw_settings[] = {
    BETAS, DECAY("0.01", "taken off the weights, times the learning rate"), END};

struct crew_optimizer {
    const struct crew_kernels *kernels;
    size_t kind;
    size_t n_params;
    struct settings set;
    float *state[2]; /* [n_params] each; see the update of each kind */
    uint64_t steps;
    double power1, power2; /* beta1 and beta2 to the number of steps */
};

/* state[0]: velocity. v = mu v + g; w -= lr v, or lr (g + mu v) */
static void update_sgd(const crew_optimizer *o, double lr, float scale, const float *grad,
                       float *params, size_t first, size_t n)
{
    const float mu = (float)o->set.momentum;
    const bool nesterov = o->set.nesterov; /* d + mu v; else v: both are a d + b v */
    const struct crew_sgd_step s = {.scale = scale,
                                    .decay = (float)o->set.weight_decay,
                                    .mu = mu,
                                    .rate = (float)lr,
                                    .a = nesterov ? 1.0f : 0.0f,
                                    .b = nesterov ? mu : 1.0f};
    o->kernels->sgd(&s, grad + first, params + first, o->state[0] ? o->state[0] + first : NULL,
                    n);
}

/* state[0]: mean, state[1]: square; decoupled: weight decay acts on the weights, not on the
 * gradient. */
static void step_adam(const crew_optimizer *o, double lr, float scale, const float *grad,
                      float *params, size_t first, size_t n, bool decoupled)
{
    const struct crew_adam_step s = {
        .scale = scale,
        .decay = decoupled ? 0.0f : (float)o->set.weight_decay,
        .b1 = (float)o->set.beta1,
        /* Not 1 - b2 of the rounded one: that of 0.999 is off by 1.3e-5, which the correction
         * would not know. */
        .c1 = (float)(1 - o->set.beta1),
        .b2 = (float)o->set.beta2,
        .c2 = (float)(1 - o->set.beta2),
        .shrink = decoupled ? (float)(1.0 - lr * o->set.weight_decay) : 1.0f,
        .rate = (float)(lr / (1.0 - o->power1)),
        .correct = (float)(1.0 / sqrt(1.0 - o->power2)),
        .eps = (float)o->set.eps};
    o->kernels->adam(&s, grad + first, params + first, o->state[0] + first, o->state[1] + first,
                     n);
}

static void update_adam(const crew_optimizer *o, double lr, float scale, const float *grad,
                        float *params, size_t first, size_t n)
{
    step_adam(o, lr, scale, grad, params, first, n, false);
}

static void update_adamw(const crew_optimizer *o, double lr, float scale, const float *grad,
                         float *params, size_t first, size_t n)
{
    step_adam(o, lr, scale, grad, params, first, n, true);
}

static const struct kind {
    struct crew_entry entry;
    unsigned vectors; /* of state, at most */
    double lr;
    void (*update)(const crew_optimizer *o, double lr, float scale, const float *grad,
                   float *params, size_t first, size_t n);
} kinds[] = {
    {{"sgd", "stochastic gradient descent with momentum", sgd_settings}, 1, 0.1, update_sgd},
    {{"adam", "adaptive moments", adam_settings}, 2, 0.002, update_adam},
    {{"adamw", "adam with decoupled weight decay", adamw_settings}, 2, 0.002, update_adamw},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const struct crew_entry *crew_optimizer_at(size_t i)
{
    return i < KINDS ? &kinds[i].entry : NULL;
}

static size_t find(const char *spec, const char **settings)
{
    size_t n = crew_text_name(spec, settings), k = 0;
    while (k < KINDS && !crew_text_same(kinds[k].entry.name, spec, n))
        k++;
    return k;
}

size_t crew_optimizer_bytes(const char *spec, size_t n_params)
{
    size_t k = find(spec, NULL);
    return k < KINDS ? kinds[k].vectors * n_params * sizeof(float) : 0;
}

crew_status crew_optimizer_create(const char *spec, double momentum, size_t n_params,
                                  crew_optimizer **out, struct crew_error *err)
{
    const char *settings;
    size_t k = find(spec, &settings);
    *out = NULL;
    if (k == KINDS) {
        const char *names[KINDS];
        for (size_t i = 0; i < KINDS; i++)
            names[i] = kinds[i].entry.name;
        return crew_fail_unknown(err, "optimizer", spec, names, KINDS);
    }
    crew_optimizer *o = crew_zalloc(sizeof *o);
    if (!o)
        return crew_fail(err, CREW_ENOMEM, "no memory for the optimizer");
    char what[64];
    snprintf(what, sizeof what, "optimizer %s", kinds[k].entry.name);
    o->kind = k;
    o->kernels = crew_kernels_at(0);
    o->n_params = n_params;
    o->power1 = o->power2 = 1;
    crew_option_defaults(kinds[k].entry.settings, &o->set);
    o->set.momentum = momentum;
    crew_status status =
        crew_option_settings(kinds[k].entry.settings, settings, what, &o->set, err);
    unsigned vectors = k == 0 && o->set.momentum <= 0 ? 0 : kinds[k].vectors;
    if (status == CREW_OK && o->set.nesterov && !vectors)
        status =
            crew_fail(err, CREW_EINVAL, "optimizer sgd: nesterov needs a momentum above 0");
    for (unsigned i = 0; i < vectors && status == CREW_OK; i++)
        if (!(o->state[i] = crew_zalloc(n_params * sizeof(float))))
            status = crew_fail(err, CREW_ENOMEM, "no memory for the optimizer's state");
    if (status == CREW_OK)
        *out = o;
    else
        crew_optimizer_destroy(o);
    return status;
}

void crew_optimizer_destroy(crew_optimizer *o)
{
    if (!o)
        return;
    crew_free(o->state[0]);
    crew_free(o->state[1]);
    crew_free(o);
}

double crew_optimizer_default_lr(const crew_optimizer *o)
{
    return kinds[o->kind].lr;
}

void crew_optimizer_begin(crew_optimizer *o)
{
    o->steps++;
    o->power1 *= o->set.beta1;
    o->power2 *= o->set.beta2;
}

void crew_optimizer_step(const crew_optimizer *o, double lr, float scale, const float *grad,
                         float *params, size_t first, size_t n)
{
    kinds[o->kind].update(o, lr, scale, grad, params, first, n);
}

float *crew_optimizer_vector(const crew_optimizer *o, unsigned i)
{
    return i < sizeof o->state / sizeof *o->state ? o->state[i] : NULL;
}

/* Steps, then the powers: products of so many factors, which no power function gives to the
 * last bit. */
void crew_optimizer_save(const crew_optimizer *o, double out[CREW_OPTIMIZER_NUMBERS])
{
    out[0] = (double)o->steps;
    out[1] = o->power1;
    out[2] = o->power2;
}

crew_status crew_optimizer_load(crew_optimizer *o, const double *in, size_t n)
{
    if (n != CREW_OPTIMIZER_NUMBERS || !(in[0] >= 0 && in[0] < 0x1p53) ||
        !(in[1] >= 0 && in[1] <= 1) || !(in[2] >= 0 && in[2] <= 1))
        return CREW_EFORMAT;
    o->steps = (uint64_t)in[0];
    o->power1 = in[1];
    o->power2 = in[2];
    return CREW_OK;
}
