/* Networks of layers against their definition in double precision: the loss, and by central
 * differences of that the gradient. Random layers, images and parameters. */
#include "base/mem.h"
#include "base/rng.h"
#include "testing.h"
#include <crew/model.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LAYERS = 6, MAX_ROWS = 5, MAX_SIDE = 9, MAX_VALUES = 12000, MAX_PARAMS = 30000 };
enum kind { CONV, MAX_POOL, AVERAGE_POOL, DENSE, RELU, NORM, DROPOUT };

struct layer {
    enum kind kind;
    uint32_t height, width, stride, pad, groups;
    uint32_t in[3], out[3]; /* height, width, depth */
};

struct net {
    char spec[256];
    struct layer layer[MAX_LAYERS + 1];
    uint32_t layers, rows, classes;
    const struct crew_model_ops *ops;
    void *self, *workspace;
    size_t n, features;
    uint32_t label[MAX_ROWS];
    float weight, params[MAX_PARAMS], x[MAX_ROWS * MAX_VALUES];
};

static uint32_t draw(uint32_t a, uint64_t i, uint32_t below)
{
    return (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, a, i) % below);
}

static double real(uint32_t a, uint64_t i)
{
    return 2 * crew_rng_unit(test_seed(), CREW_STREAM_TEST, a, i) - 1;
}

static uint32_t size_of(const uint32_t *extent)
{
    return extent[0] * extent[1] * extent[2];
}

/* A random layer on top, if one of that kind fits; its word goes to the end of the spec. */
static void add(struct net *t, uint64_t i, enum kind kind)
{
    struct layer *l = &t->layer[t->layers];
    uint32_t at = (uint32_t)strlen(t->spec), k = t->layers * 8;
    char *word = t->spec + at;
    size_t cap = sizeof t->spec - at;
    if (t->layers)
        memcpy(l->in, t->layer[t->layers - 1].out, sizeof l->in);
    memcpy(l->out, l->in, sizeof l->in);
    l->kind = kind;
    l->stride = l->height = l->width = l->groups = 1;
    l->pad = 0;
    const char *comma = at ? "," : "";
    if (kind == CONV) {
        l->height = 1 + draw(k + 1, i, 4);
        l->width = 1 + draw(k + 2, i, 4);
        l->stride = 1 + draw(k + 3, i, 3) / 2 * draw(k + 4, i, 3);
        l->pad = draw(k + 5, i, l->height < l->width ? l->height : l->width);
        l->out[2] = 1 + draw(k + 6, i, 20);
        snprintf(word, cap, "%sconv%ux%u-%us%up%u", comma, l->height, l->width, l->out[2],
                 l->stride, l->pad);
    } else if (kind == MAX_POOL || kind == AVERAGE_POOL) {
        l->height = l->width = 1 + draw(k + 1, i, 3);
        l->stride = 1 + draw(k + 2, i, 3);
        snprintf(word, cap, "%s%s%us%u", comma, kind == MAX_POOL ? "pool" : "avgpool",
                 l->height, l->stride);
    } else if (kind == DENSE) {
        l->out[0] = l->out[1] = 1;
        l->out[2] = 1 + draw(k + 1, i, 20);
        snprintf(word, cap, "%sfc%u", comma, l->out[2]);
    } else if (kind == NORM) {
        l->groups = l->in[2] % 3 == 0 ? 3 : l->in[2] % 2 == 0 ? 2 : 1;
        snprintf(word, cap, "%snorm%u", comma, l->groups);
    } else {
        snprintf(word, cap, "%s%s", comma, kind == RELU ? "relu" : "dropout0.4");
    }
    if (kind == CONV || kind == MAX_POOL || kind == AVERAGE_POOL)
        for (int d = 0; d < 2; d++) {
            uint32_t window = d ? l->width : l->height, side = l->in[d] + 2 * l->pad;
            if (window > side) {
                *word = 0;
                return;
            }
            l->out[d] = (side - window) / l->stride + 1;
        }
    /* A norm of one value is 0, and its derivative all rounding. */
    if (kind == NORM && size_of(l->in) / l->groups < 4) {
        *word = 0;
        return;
    }
    t->layers++;
}

static void open_net(struct net *t, uint64_t i, bool dropout)
{
    struct crew_error err;
    memset(t, 0, sizeof *t);
    t->layer[0].in[0] = 1 + draw(100, i, MAX_SIDE);
    t->layer[0].in[1] = 1 + draw(101, i, MAX_SIDE);
    t->layer[0].in[2] = 1 + draw(102, i, 4);
    t->classes = 2 + draw(103, i, 4);
    t->rows = 1 + draw(104, i, MAX_ROWS);
    t->features = size_of(t->layer[0].in);
    const struct crew_model_shape shape = {t->layer[0].in[0], t->layer[0].in[1],
                                           t->layer[0].in[2], t->classes};
    for (uint32_t k = 0; k < MAX_LAYERS - 1; k++)
        add(t, i,
            k == 0 ? CONV : draw(105, i * MAX_LAYERS + k, dropout ? DROPOUT + 1 : DROPOUT));
    if (!t->layers)
        add(t, i, RELU);
    t->ops = crew_model_find("cnn");
    if (t->ops->create(t->spec, &shape, &t->self, &err) != CREW_OK)
        fail_msg("%s: %s", t->spec, err.text);
    add(t, i, DENSE); /* the last one, which has no word */
    t->layer[t->layers - 1].out[2] = t->classes;
    t->n = t->ops->n_params(t->self);
    assert_true(t->n <= MAX_PARAMS);
    t->weight = 1.0f / (float)(t->rows + 1);
    t->ops->init(t->self, i, t->params);
    for (size_t k = 0; k < t->n; k++)
        t->params[k] += (float)(0.1 * real(106 + (uint32_t)i, k));
    for (size_t k = 0; k < t->rows * t->features; k++)
        t->x[k] = (float)real(107 + (uint32_t)i, k);
    for (uint32_t r = 0; r < t->rows; r++)
        t->label[r] = draw(108, i * MAX_ROWS + r, t->classes);
    t->workspace = crew_zalloc(t->ops->workspace_bytes(t->self, t->rows));
}

static void close_net(struct net *t)
{
    crew_free(t->workspace);
    t->ops->destroy(t->self);
}

static double gradient_of(struct net *t, bool add_up, uint32_t task_number, float *grad)
{
    const struct crew_task_context task = {.seed = 9, .round = 1, .task = task_number};
    const struct crew_batch batch = {t->x, t->label, t->rows, t->weight};
    double loss = -1;
    assert_int_equal(
        t->ops->gradient(t->self, &task, t->params, &batch, t->workspace, add_up, grad, &loss),
        CREW_OK);
    return loss;
}

/* ---- The definition ---- */

/* Of the kinks: which side of them, as a fingerprint, and how near the nearest is. */
struct kinks {
    uint64_t sides;
    double nearest;
};

static void side(struct kinks *k, uint64_t which, double distance)
{
    k->sides = k->sides * 1000003 + which;
    k->nearest = fmin(k->nearest, distance);
}

static double *at(double *x, const uint32_t *extent, uint32_t i, uint32_t j, uint32_t c)
{
    return &x[((size_t)i * extent[1] + j) * extent[2] + c];
}

static void window_layer(const struct layer *l, const double *w, double *x, double *y,
                         uint32_t i, uint32_t j, uint32_t c, struct kinks *kinks)
{
    uint32_t taps = l->height * l->width;
    double sum = l->kind == CONV ? w[taps * l->in[2] * l->out[2] + c] : 0, best = -HUGE_VAL,
           second = -HUGE_VAL;
    uint32_t which = 0;
    for (uint32_t r = 0; r < l->height; r++)
        for (uint32_t s = 0; s < l->width; s++) {
            int64_t row = (int64_t)i * l->stride + r - l->pad,
                    column = (int64_t)j * l->stride + s - l->pad;
            if (row < 0 || column < 0 || row >= l->in[0] || column >= l->in[1])
                continue;
            for (uint32_t k = 0; l->kind == CONV && k < l->in[2]; k++)
                sum += *at(x, l->in, (uint32_t)row, (uint32_t)column, k) *
                       w[((r * l->width + s) * l->in[2] + k) * l->out[2] + c];
            double v = *at(x, l->in, (uint32_t)row, (uint32_t)column, c < l->in[2] ? c : 0);
            if (l->kind == AVERAGE_POOL)
                sum += v / taps;
            if (v > best)
                which = r * l->width + s;
            second = fmax(second, fmin(v, best));
            best = fmax(best, v);
        }
    if (l->kind == MAX_POOL) /* two that are equal are zeros of a relu: either will do */
        side(kinks, which, best > second ? best - second : HUGE_VAL);
    *at(y, l->out, i, j, c) = l->kind == MAX_POOL ? best : sum;
}

static void norm_layer(const struct layer *l, const double *w, const double *x, double *y)
{
    uint32_t depth = l->in[2], per = depth / l->groups, pixels = l->in[0] * l->in[1];
    for (uint32_t g = 0; g < l->groups; g++) {
        double mean = 0, variance = 0;
        for (uint32_t p = 0; p < pixels; p++)
            for (uint32_t c = g * per; c < (g + 1) * per; c++)
                mean += x[p * depth + c] / (pixels * per);
        for (uint32_t p = 0; p < pixels; p++)
            for (uint32_t c = g * per; c < (g + 1) * per; c++)
                variance += pow(x[p * depth + c] - mean, 2) / (pixels * per);
        for (uint32_t p = 0; p < pixels; p++)
            for (uint32_t c = g * per; c < (g + 1) * per; c++)
                y[p * depth + c] =
                    (x[p * depth + c] - mean) / sqrt(variance + 1e-5) * w[c] + w[depth + c];
    }
}

/* One layer of one row; returns its number of parameters. */
static size_t layer_of(const struct layer *l, const double *w, double *x, double *y,
                       struct kinks *kinks)
{
    uint32_t in = size_of(l->in), out = size_of(l->out);
    switch (l->kind) {
    case CONV:
    case MAX_POOL:
    case AVERAGE_POOL:
        for (uint32_t i = 0; i < l->out[0]; i++)
            for (uint32_t j = 0; j < l->out[1]; j++)
                for (uint32_t c = 0; c < l->out[2]; c++)
                    window_layer(l, w, x, y, i, j, c, kinks);
        return l->kind == CONV ? (size_t)(l->height * l->width * l->in[2] + 1) * l->out[2] : 0;
    case DENSE:
        for (uint32_t j = 0; j < out; j++) {
            y[j] = w[in * out + j];
            for (uint32_t i = 0; i < in; i++)
                y[j] += x[i] * w[i * out + j];
        }
        return (size_t)(in + 1) * out;
    case NORM:
        norm_layer(l, w, x, y);
        return 2 * l->in[2];
    default:
        for (uint32_t i = 0; i < in; i++) {
            side(kinks, x[i] > 0, x[i] != 0 ? fabs(x[i]) : HUGE_VAL);
            y[i] = fmax(x[i], 0);
        }
        return 0;
    }
}

static double loss_of(const struct net *t, const double *w, struct kinks *kinks)
{
    static double y[2][MAX_VALUES];
    double loss = 0;
    for (uint32_t r = 0; r < t->rows; r++) {
        const double *part = w;
        for (size_t k = 0; k < t->features; k++)
            y[0][k] = (double)t->x[r * t->features + k];
        for (uint32_t l = 0; l < t->layers; l++) {
            assert_true(size_of(t->layer[l].out) <= MAX_VALUES);
            part += layer_of(&t->layer[l], part, y[l % 2], y[1 - l % 2], kinks);
        }
        assert_int_equal(part - w, t->n);
        const double *z = y[t->layers % 2];
        double most = -HUGE_VAL, sum = 0;
        for (uint32_t j = 0; j < t->classes; j++)
            most = fmax(most, z[j]);
        for (uint32_t j = 0; j < t->classes; j++)
            sum += exp(z[j] - most);
        loss += (most + log(sum) - z[t->label[r]]) * (double)t->weight;
    }
    return loss;
}

static double slope(const struct net *t, double *w, size_t p, double h, struct kinks *a,
                    struct kinks *b)
{
    double was = w[p], above;
    w[p] = was + h;
    above = loss_of(t, w, a);
    w[p] = was - h;
    above -= loss_of(t, w, b);
    w[p] = was;
    return above / (2 * h);
}

static void the_gradient_is_the_derivative_of_the_loss(void **state)
{
    (void)state;
    static struct net t;
    static double w[MAX_PARAMS];
    static float grad[MAX_PARAMS];
    uint32_t checked = 0, layers[DROPOUT] = {0};
    for (uint64_t i = 0; i < 150; i++) {
        struct kinks here = {0, HUGE_VAL};
        open_net(&t, i, false);
        for (size_t k = 0; k < t.n; k++)
            w[k] = (double)t.params[k];
        double exact = loss_of(&t, w, &here), most = 1e-3;
        double loss = gradient_of(&t, false, 0, grad);
        for (size_t k = 0; k < t.n; k++)
            most = fmax(most, fabs((double)grad[k]));
        if (here.nearest > 1e-5) { /* else float and double may take different sides */
            if (fabs(loss - exact) > 1e-5 * (1 + exact))
                fail_msg("%s: loss %.9g, not %.9g", t.spec, loss, exact);
            for (uint32_t k = 0; k < 40; k++) {
                struct kinks up = {0, HUGE_VAL}, down = {0, HUGE_VAL};
                size_t p = draw(200, i * 64 + k, (uint32_t)t.n);
                double want = slope(&t, w, p, 1e-6, &up, &down);
                if (up.sides != down.sides)
                    continue;
                if (fabs((double)grad[p] - want) > 1e-4 * most)
                    fail_msg("%s, case %u, parameter %zu of %zu: %.9g, not %.9g", t.spec,
                             (unsigned)i, p, t.n, (double)grad[p], want);
                checked++;
            }
            for (uint32_t l = 0; l < t.layers; l++)
                layers[t.layer[l].kind]++;
        }
        close_net(&t);
    }
    print_message("%u slopes checked; layers:", checked);
    for (int k = 0; k < DROPOUT; k++) {
        print_message(" %u", layers[k]);
        assert_true(layers[k] > 20);
    }
    print_message("\n");
    assert_true(checked > 3000);
}

static void adding_gives_the_sum_of_both(void **state)
{
    (void)state;
    static struct net t;
    static float alone[MAX_PARAMS], sum[MAX_PARAMS];
    for (uint64_t i = 0; i < 60; i++) {
        open_net(&t, i, true);
        double loss = gradient_of(&t, false, 3, alone);
        for (size_t k = 0; k < t.n; k++)
            sum[k] = (float)real(300, k);
        assert_true(loss == gradient_of(&t, true, 3, sum));
        for (size_t k = 0; k < t.n; k++)
            assert_true(fabs((double)sum[k] - (double)(float)real(300, k) - (double)alone[k]) <
                        1e-5);
        close_net(&t);
    }
}

static void a_workspace_may_hold_anything(void **state)
{
    (void)state;
    static struct net t;
    static float clean[MAX_PARAMS], dirty[MAX_PARAMS];
    static float p[MAX_ROWS * 8], q[MAX_ROWS * 8];
    for (uint64_t i = 0; i < 60; i++) {
        open_net(&t, i, true);
        size_t bytes = t.ops->workspace_bytes(t.self, t.rows);
        (void)gradient_of(&t, false, 1, clean);
        memset(t.workspace, 0xff, bytes); /* not a number */
        (void)gradient_of(&t, false, 1, dirty);
        assert_memory_equal(clean, dirty, t.n * sizeof *clean);
        t.ops->predict(t.self, t.params, t.x, t.rows, t.workspace, p);
        memset(t.workspace, 0xff, bytes);
        t.ops->predict(t.self, t.params, t.x, t.rows, t.workspace, q);
        assert_memory_equal(p, q, t.rows * t.classes * sizeof *p);
        close_net(&t);
    }
}

/* ---- Dropout ---- */

/* With ones as input, the gradient of a dense layer's weights tells which features were there.
 */
static double dropped(const struct crew_model_ops *ops, void *self, uint64_t round,
                      uint32_t number, uint32_t features, float *grad)
{
    static float x[4096], params[2 * 4096 + 2], workspace[1 << 16];
    const uint32_t label = 0;
    const struct crew_task_context task = {.seed = test_seed(), .round = round, .task = number};
    const struct crew_batch batch = {x, &label, 1, 1};
    double loss, none = 0;
    for (uint32_t k = 0; k < features; k++)
        x[k] = 1;
    assert_true(ops->workspace_bytes(self, 1) <= sizeof workspace);
    assert_int_equal(ops->gradient(self, &task, params, &batch, workspace, false, grad, &loss),
                     CREW_OK);
    for (uint32_t k = 0; k < features; k++) {
        /* d loss / d z[0] = 1/2 - 1, times the feature, which is 0 or 1 / (1 - rate) */
        assert_true(grad[2 * k] == 0 || fabs((double)grad[2 * k] + 0.5 / 0.7) < 1e-6);
        none += grad[2 * k] == 0;
    }
    return none / features;
}

static void dropout_is_a_function_of_round_and_task(void **state)
{
    (void)state;
    enum { FEATURES = 4096 };
    static float a[2 * FEATURES + 2], b[2 * FEATURES + 2];
    const struct crew_model_shape shape = {1, FEATURES, 1, 2};
    const struct crew_model_ops *ops = crew_model_find("cnn");
    void *self;
    assert_int_equal(ops->create("dropout0.3", &shape, &self, NULL), CREW_OK);
    for (uint32_t k = 0; k < 5; k++) {
        /* deviation of the share: sqrt(.3 .7 / 4096) = 0.0072 */
        assert_true(fabs(dropped(ops, self, 1, k, FEATURES, a) - 0.3) < 5 * 0.0072);
        (void)dropped(ops, self, 1, k, FEATURES, b);
        assert_memory_equal(a, b, sizeof a);
        for (int other = 0; other < 2; other++) {
            uint32_t same = 0;
            (void)dropped(ops, self, 1 + (uint32_t)!other, k + (uint32_t)other, FEATURES, b);
            for (uint32_t j = 0; j < FEATURES; j++)
                same += (a[2 * j] == 0) == (b[2 * j] == 0);
            /* .3^2 + .7^2 = 0.58, deviation 0.0077 */
            assert_true(fabs(same / (double)FEATURES - 0.58) < 5 * 0.0077);
        }
    }
    ops->destroy(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gradient_is_the_derivative_of_the_loss),
        cmocka_unit_test(adding_gives_the_sum_of_both),
        cmocka_unit_test(a_workspace_may_hold_anything),
        cmocka_unit_test(dropout_is_a_function_of_round_and_task),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
