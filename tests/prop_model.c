/* Dense networks against their definition in double precision, and that against central
 * differences. */
#include "base/blas.h"
#include "base/mem.h"
#include "base/rng.h"
#include "testing.h"
#include <crew/model.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_LAYERS = 4,
    MAX_WIDTH = 24,
    MAX_ROWS = 40,
    MAX_PARAMS = MAX_LAYERS * (MAX_WIDTH + 1) * MAX_WIDTH
};

static uint32_t draw(uint32_t a, uint64_t i, uint32_t below)
{
    return (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, a, i) % below);
}

static double real(uint32_t a, uint64_t i)
{
    return 2 * crew_rng_unit(test_seed(), CREW_STREAM_TEST, a, i) - 1;
}

/* A model with random parameters and rows. */
struct net {
    uint32_t layers, width[MAX_LAYERS + 1], rows;
    const struct crew_model_ops *ops;
    void *self;
    size_t n;
    float params[MAX_PARAMS], x[MAX_ROWS * MAX_WIDTH];
    uint32_t label[MAX_ROWS];
    float weight;
    void *workspace;
};

static void open_net(struct net *t, uint64_t i)
{
    char spec[64] = "softmax";
    int at = 0;
    struct crew_error err;
    t->layers = 1 + (uint32_t)i % MAX_LAYERS;
    for (uint32_t l = 0; l <= t->layers; l++)
        t->width[l] = 1 + draw(l, i, MAX_WIDTH);
    t->width[t->layers] += t->width[t->layers] < 2;
    for (uint32_t l = 1; l < t->layers; l++)
        at += snprintf(spec + at, sizeof spec - (size_t)at, "%s%u",
                       l > 1 ? "," : "mlp:", t->width[l]);
    const char *colon = strchr(spec, ':');
    const struct crew_model_shape shape = {1, t->width[0], 1, t->width[t->layers]};
    t->ops = crew_model_find(spec);
    if (t->ops->create(colon ? colon + 1 : NULL, &shape, &t->self, &err) != CREW_OK)
        fail_msg("%s: %s", spec, err.text);
    t->n = t->ops->n_params(t->self);
    t->rows = 1 + draw(20, i, MAX_ROWS);
    t->weight = 1.0f / (float)(t->rows + 3);
    for (size_t k = 0; k < t->n; k++)
        t->params[k] = (float)real(21 + (uint32_t)i * 2, k);
    for (size_t k = 0; k < t->rows * t->width[0]; k++)
        t->x[k] = (float)real(22 + (uint32_t)i * 2, k);
    for (uint32_t r = 0; r < t->rows; r++)
        t->label[r] = draw(23, i * MAX_ROWS + r, t->width[t->layers]);
    t->workspace = crew_zalloc(t->ops->workspace_bytes(t->self, t->rows));
}

static void close_net(struct net *t)
{
    crew_free(t->workspace);
    t->ops->destroy(t->self);
}

static double gradient_of(struct net *t, uint32_t first, uint32_t rows, bool add, float *grad)
{
    const struct crew_task_context task = {.round = 1};
    const struct crew_batch batch = {t->x + first * t->width[0], t->label + first, rows,
                                     t->weight};
    double loss = -1;
    assert_int_equal(
        t->ops->gradient(t->self, &task, t->params, &batch, t->workspace, add, grad, &loss),
        CREW_OK);
    return loss;
}

/* ---- The definition ---- */

struct trace {
    double y[MAX_LAYERS + 1][MAX_WIDTH]; /* y[0]: the row; y[layers]: logits */
    double nearest;  /* distance of the hidden units' inputs from the kink of relu */
    uint64_t active; /* fingerprint of which of them are positive */
};

/* One row through all layers: W[l] is [in][out], then b[l]. Returns its cross-entropy. */
static double forward(const struct net *t, const double *w, uint32_t row, struct trace *out)
{
    double most = -HUGE_VAL, sum = 0;
    uint32_t classes = t->width[t->layers];
    for (uint32_t i = 0; i < t->width[0]; i++)
        out->y[0][i] = (double)t->x[row * t->width[0] + i];
    for (uint32_t l = 0; l < t->layers; l++) {
        uint32_t in = t->width[l], n = t->width[l + 1];
        for (uint32_t j = 0; j < n; j++) {
            double z = w[in * n + j];
            for (uint32_t i = 0; i < in; i++)
                z += out->y[l][i] * w[i * n + j];
            if (l + 1 < t->layers) {
                out->nearest = fmin(out->nearest, fabs(z));
                out->active = out->active * 31 + (z > 0);
                z = fmax(z, 0);
            }
            out->y[l + 1][j] = z;
        }
        w += (in + 1) * n;
    }
    const double *z = out->y[t->layers];
    for (uint32_t j = 0; j < classes; j++)
        most = fmax(most, z[j]);
    for (uint32_t j = 0; j < classes; j++)
        sum += exp(z[j] - most);
    return most + log(sum) - z[t->label[row]];
}

static double loss_of(const struct net *t, const double *w, struct trace *trace)
{
    double loss = 0;
    for (uint32_t r = 0; r < t->rows; r++)
        loss += forward(t, w, r, trace);
    return loss * (double)t->weight;
}

/* Back from the logits, by the chain rule. */
static void backward(const struct net *t, const double *w, double *grad)
{
    memset(grad, 0, t->n * sizeof *grad);
    for (uint32_t r = 0; r < t->rows; r++) {
        struct trace f = {.nearest = HUGE_VAL};
        double d[MAX_WIDTH], below[MAX_WIDTH], loss = forward(t, w, r, &f);
        uint32_t classes = t->width[t->layers];
        const double *z = f.y[t->layers];
        for (uint32_t j = 0; j < classes; j++) /* log p[j] = z[j] - z[label] - loss */
            d[j] = (exp(z[j] - z[t->label[r]] - loss) - (j == t->label[r])) * (double)t->weight;
        size_t at = t->n;
        for (uint32_t l = t->layers; l-- > 0;) {
            uint32_t in = t->width[l], n = t->width[l + 1];
            at -= (in + 1) * n;
            for (uint32_t i = 0; i < in; i++) {
                below[i] = 0;
                for (uint32_t j = 0; j < n; j++) {
                    grad[at + i * n + j] += f.y[l][i] * d[j];
                    below[i] += w[at + i * n + j] * d[j] * (f.y[l][i] > 0 || l == 0);
                }
            }
            for (uint32_t j = 0; j < n; j++)
                grad[at + in * n + j] += d[j];
            memcpy(d, below, in * sizeof *d);
        }
    }
}

/* Near a kink float and double may take different sides: such a case is drawn again. */
static bool smooth(const struct net *t, double *w)
{
    struct trace trace = {.nearest = HUGE_VAL};
    for (size_t k = 0; k < t->n; k++)
        w[k] = (double)t->params[k];
    (void)loss_of(t, w, &trace);
    return trace.nearest > 2e-5;
}

static void the_gradient_is_the_derivative_of_the_loss(void **state)
{
    (void)state;
    static struct net t;
    static double w[MAX_PARAMS], want[MAX_PARAMS];
    static float grad[MAX_PARAMS];
    uint32_t checked = 0;
    for (uint64_t i = 0; i < 120; i++) {
        open_net(&t, i);
        if (smooth(&t, w)) {
            struct trace trace = {.nearest = HUGE_VAL};
            double most = (double)t.weight, loss = gradient_of(&t, 0, t.rows, false, grad),
                   exact = loss_of(&t, w, &trace);
            backward(&t, w, want);
            assert_true(fabs(loss - exact) < 2e-6 * (1 + exact));
            for (size_t k = 0; k < t.n; k++)
                most = fmax(most, fabs(want[k]));
            for (size_t k = 0; k < t.n; k++)
                if (!(fabs((double)grad[k] - want[k]) < 5e-6 * most))
                    fail_msg("case %u, parameter %zu: %.9g, not %.9g (SEED=%llu)", (unsigned)i,
                             k, (double)grad[k], want[k], (unsigned long long)test_seed());
            checked++;
        }
        close_net(&t);
    }
    assert_true(checked > 60);
}

/* (f(w + h) - f(w - h)) / 2h, h = 1e-5: truncation h^2 f''' and rounding 1e-16 / h, both below
 * 1e-9. */
static void the_definition_agrees_with_central_differences(void **state)
{
    (void)state;
    static struct net t;
    static double w[MAX_PARAMS], want[MAX_PARAMS];
    uint32_t checked = 0;
    for (uint64_t i = 0; i < 60; i++) {
        open_net(&t, i);
        (void)smooth(&t, w);
        backward(&t, w, want);
        for (uint32_t k = 0; k < 30; k++) {
            const double h = 1e-5;
            size_t p = draw(30, i * 30 + k, (uint32_t)t.n);
            double was = w[p];
            struct trace up = {.nearest = HUGE_VAL}, down = up;
            w[p] = was + h;
            double above = loss_of(&t, w, &up);
            w[p] = was - h;
            double slope = (above - loss_of(&t, w, &down)) / (2 * h);
            w[p] = was;
            if (up.active != down.active)
                continue; /* a kink lies between */
            assert_true(fabs(slope - want[p]) < 1e-8 * (1 + fabs(want[p])));
            checked++;
        }
        close_net(&t);
    }
    assert_true(checked > 1500);
}

/* ---- Sums of gradients ---- */

/* Does this BLAS kernel add a finished product to what is there, for this layer's weights? */
static bool adds_whole(size_t in, size_t out, size_t rows)
{
    static float y[MAX_ROWS * MAX_WIDTH], d[MAX_ROWS * MAX_WIDTH], apart[MAX_WIDTH * MAX_WIDTH],
        both[MAX_WIDTH * MAX_WIDTH];
    for (size_t k = 0; k < rows * MAX_WIDTH; k++) {
        y[k] = (float)real(40, k);
        d[k] = (float)real(41, k);
    }
    memset(apart, 0, sizeof apart);
    crew_gemm_tn(in, out, rows, y, d, apart);
    for (size_t k = 0; k < in * out; k++)
        apart[k] += both[k] = (float)real(42, k);
    crew_gemm_tn(in, out, rows, y, d, both);
    return memcmp(apart, both, in * out * sizeof *both) == 0;
}

static void adding_in_place_gives_the_bits_of_adding_afterwards(void **state)
{
    (void)state;
    static struct net t;
    static float sum[MAX_PARAMS], apart[MAX_PARAMS], first[MAX_PARAMS];
    uint32_t other = 0;
    for (uint64_t i = 0; i < 120; i++) {
        open_net(&t, i);
        bool whole = true;
        for (uint32_t l = 0; l < t.layers; l++)
            whole = whole && adds_whole(t.width[l], t.width[l + 1], t.rows);
        double loss = gradient_of(&t, 0, t.rows, false, apart), again;
        for (size_t k = 0; k < t.n; k++)
            sum[k] = first[k] = (float)real(43, k);
        again = gradient_of(&t, 0, t.rows, true, sum);
        assert_true(loss == again);
        for (size_t k = 0; k < t.n; k++)
            apart[k] = first[k] + apart[k];
        if (whole)
            assert_memory_equal(sum, apart, t.n * sizeof *sum);
        for (size_t k = 0; k < t.n; k++)
            assert_true(fabs((double)sum[k] - (double)apart[k]) < 1e-5);
        other += !whole;
        close_net(&t);
    }
    if (other)
        printf("%u of 120 shapes are added with other last bits by this BLAS kernel\n", other);
}

static void a_batch_may_be_split(void **state)
{
    (void)state;
    static struct net t;
    static float whole[MAX_PARAMS], parts[MAX_PARAMS];
    for (uint64_t i = 0; i < 80; i++) {
        open_net(&t, i);
        double loss = gradient_of(&t, 0, t.rows, false, whole), sum = 0;
        for (uint32_t at = 0, n; at < t.rows; at += n) {
            n = 1 + draw(50, i * MAX_ROWS + at, t.rows - at);
            sum += gradient_of(&t, at, n, at > 0, parts);
        }
        assert_true(fabs(sum - loss) < 1e-6 * (1 + loss));
        for (size_t k = 0; k < t.n; k++)
            assert_true(fabs((double)parts[k] - (double)whole[k]) < 1e-5);
        close_net(&t);
    }
}

/* The loss is the mean of -log of what predict says of the label. */
static void predictions_are_probabilities(void **state)
{
    (void)state;
    static struct net t;
    static float p[MAX_ROWS * MAX_WIDTH], q[MAX_ROWS * MAX_WIDTH], grad[MAX_PARAMS];
    for (uint64_t i = 0; i < 80; i++) {
        open_net(&t, i);
        uint32_t classes = t.width[t.layers], half = t.rows / 2;
        double loss = 0;
        t.ops->predict(t.self, t.params, t.x, t.rows, t.workspace, p);
        for (uint32_t r = 0; r < t.rows; r++) {
            double sum = 0;
            for (uint32_t j = 0; j < classes; j++) {
                assert_true(p[r * classes + j] >= 0 && p[r * classes + j] <= 1);
                sum += (double)p[r * classes + j];
            }
            assert_true(fabs(sum - 1) < 1e-6);
            loss -= log((double)p[r * classes + t.label[r]]) * (double)t.weight;
        }
        assert_true(fabs(loss - gradient_of(&t, 0, t.rows, false, grad)) < 1e-5 * (1 + loss));
        if (half)
            t.ops->predict(t.self, t.params, t.x, half, t.workspace, q);
        t.ops->predict(t.self, t.params, t.x + half * t.width[0], t.rows - half, t.workspace,
                       q + half * classes);
        for (uint32_t k = 0; k < t.rows * classes; k++)
            assert_true(fabs((double)p[k] - (double)q[k]) < 2e-6);
        close_net(&t);
    }
}

/* ---- Parameters ---- */

static void tensors_cover_the_parameters_in_order(void **state)
{
    (void)state;
    static struct net t;
    for (uint64_t i = 0; i < 20; i++) {
        struct crew_tensor part, before;
        size_t at = 0;
        uint32_t k = 0;
        open_net(&t, i);
        for (; t.ops->tensor(t.self, k, &part); k++) {
            size_t count = 1;
            assert_int_equal(part.offset, at);
            assert_true(part.n_dims >= 1 && part.n_dims <= 4);
            for (uint32_t d = 0; d < part.n_dims; d++)
                count *= (size_t)part.dims[d];
            at += count;
            assert_true(k == 0 || strcmp(part.name, before.name) != 0);
            before = part;
        }
        assert_int_equal(at, t.n);
        assert_int_equal(k, 2 * t.layers);
        assert_false(t.ops->tensor(t.self, k + 1000, &part));
        assert_int_equal(t.ops->workspace_bytes(t.self, 7) % 64, 0);
        close_net(&t);
    }
}

/* Uniform on +-sqrt(6 / in): variance 2 / in; a mean of squares of n uniforms has sd 0.894 /
 * sqrt(n) of itself. */
static void initial_weights_have_variance_2_over_in(void **state)
{
    (void)state;
    const struct crew_model_ops *ops = crew_model_find("mlp:300,200");
    const struct crew_model_shape shape = {10, 10, 3, 50};
    struct crew_tensor part;
    void *self;
    assert_int_equal(ops->create("300,200", &shape, &self, NULL), CREW_OK);
    size_t n = ops->n_params(self);
    assert_int_equal(n, 300 * 300 + 300 + 300 * 200 + 200 + 200 * 50 + 50);
    float *a = malloc(n * sizeof *a), *b = malloc(n * sizeof *b);
    memset(a, 0xff, n * sizeof *a);
    ops->init(self, test_seed(), a);
    ops->init(self, test_seed(), b);
    assert_memory_equal(a, b, n * sizeof *a);
    ops->init(self, test_seed() + 1, b);
    assert_memory_not_equal(a, b, n * sizeof *a);
    for (uint32_t k = 0; ops->tensor(self, k, &part); k++) {
        size_t count = (size_t)(part.n_dims == 2 ? part.dims[0] * part.dims[1] : part.dims[0]);
        double sum = 0, square = 0, in = (double)part.dims[0];
        for (size_t i = 0; i < count; i++) {
            double w = (double)a[part.offset + i];
            sum += w;
            square += w * w;
            assert_true(part.n_dims == 2 ? fabs(w) <= sqrt(6 / in) : w == 0);
        }
        if (part.n_dims == 2) {
            assert_true(fabs(square / (double)count * in / 2 - 1) <
                        6 * 0.894 / sqrt((double)count));
            assert_true(fabs(sum / (double)count) < 6 * sqrt(2 / in / (double)count));
        }
    }
    free(a);
    free(b);
    ops->destroy(self);
}

/* ---- Stopping ---- */

/* The executor's word that stands behind `stop`: not 0 means stopped. */
static void a_stopped_task_gives_up(void **state)
{
    (void)state;
    static struct net t;
    static float grad[MAX_PARAMS];
    _Atomic uint32_t word = 0;
    const struct crew_task_context task = {.stop = &word};
    double loss;
    open_net(&t, 3);
    const struct crew_batch batch = {t.x, t.label, t.rows, t.weight};
    assert_int_equal(
        t.ops->gradient(t.self, &task, t.params, &batch, t.workspace, false, grad, &loss),
        CREW_OK);
    atomic_store(&word, 1);
    assert_int_equal(
        t.ops->gradient(t.self, &task, t.params, &batch, t.workspace, false, grad, &loss),
        CREW_ESTOPPED);
    close_net(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gradient_is_the_derivative_of_the_loss),
        cmocka_unit_test(the_definition_agrees_with_central_differences),
        cmocka_unit_test(adding_in_place_gives_the_bits_of_adding_afterwards),
        cmocka_unit_test(a_batch_may_be_split),
        cmocka_unit_test(predictions_are_probabilities),
        cmocka_unit_test(tensors_cover_the_parameters_in_order),
        cmocka_unit_test(initial_weights_have_variance_2_over_in),
        cmocka_unit_test(a_stopped_task_gives_up),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
