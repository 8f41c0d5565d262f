/* Each update against its formula in double precision. */
#include "base/rng.h"
#include "testing.h"
#include "train/optimizer.h"
#include <math.h>
#include <string.h>

enum { N = 37, STEPS = 12 };

static float random_at(uint32_t a, uint64_t i)
{
    return (float)(2 * crew_rng_unit(test_seed(), CREW_STREAM_TEST, a, i) - 1);
}

static crew_optimizer *make(const char *spec, double momentum)
{
    crew_optimizer *o;
    struct crew_error err;
    if (crew_optimizer_create(spec, momentum, N, &o, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return o;
}

/* What is to be computed; decay1 is added to the gradient, decay2 taken off the weights. */
struct formula {
    const char *spec;
    double momentum, mu, decay1, decay2, beta1, beta2, eps;
    bool nesterov;
};

static const struct formula formulas[] = {
    {"sgd", 0, .mu = 0},
    {"sgd", 0.9, .mu = 0.9},
    {"sgd:momentum=0.5", 0.9, .mu = 0.5}, /* the setting wins */
    {"sgd:weight-decay=0.01", 0, .decay1 = 0.01},
    {"sgd:nesterov=yes,weight-decay=0.03", 0.8, .mu = 0.8, .decay1 = 0.03, .nesterov = true},
    {"adam", 0.9, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    {"adam:beta1=0.5,beta2=0.9,eps=1e-3,weight-decay=0.1", 0.9, .beta1 = 0.5, .beta2 = 0.9,
     .eps = 1e-3, .decay1 = 0.1},
    {"adam:beta1=0,beta2=0", 0, .eps = 1e-8},
    {"adamw", 0.9, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .decay2 = 0.01},
    {"adamw:weight-decay=0.5", 0.9, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .decay2 = 0.5},
};
enum { FORMULAS = sizeof formulas / sizeof *formulas };

/* One step of one weight, as the papers write it; a and b are its velocity, or its moments. */
static double reference(const struct formula *f, int t, double lr, double g, double w,
                        double *a, double *b)
{
    double d = g + f->decay1 * w;
    if (f->spec[0] == 's') {
        *a = f->mu * *a + d;
        return w - lr * (f->nesterov ? d + f->mu * *a : *a);
    }
    *a = f->beta1 * *a + (1 - f->beta1) * d;
    *b = f->beta2 * *b + (1 - f->beta2) * d * d;
    double mean = *a / (1 - pow(f->beta1, t)), square = *b / (1 - pow(f->beta2, t));
    return w - lr * f->decay2 * w - lr * mean / (sqrt(square) + f->eps);
}

/* Weights that start at 0 show an error of the update itself, not hidden by their own rounding.
 */
static void updates_follow_their_formulas(void **state)
{
    (void)state;
    for (int k = 0; k < FORMULAS; k++) {
        const struct formula *f = &formulas[k];
        crew_optimizer *o = make(f->spec, f->momentum);
        float w[N], g[N];
        double want[N], way[N], a[N] = {0}, b[N] = {0};
        for (int i = 0; i < N; i++) {
            w[i] = i % 2 ? random_at(1, (uint64_t)i) : 0;
            want[i] = (double)w[i];
            way[i] = fabs(want[i]);
        }
        for (int t = 1; t <= STEPS; t++) {
            double lr = 0.05 / t;
            for (int i = 0; i < N; i++) {
                g[i] = random_at(10 + (uint32_t)t, (uint64_t)i) * (i % 3 ? 1 : 1e-3f);
                double to = reference(f, t, lr, (double)g[i], want[i], &a[i], &b[i]);
                way[i] += fabs(to - want[i]);
                want[i] = to;
            }
            crew_optimizer_begin(o);
            crew_optimizer_step(o, lr, 1, g, w, 0, N);
            for (int i = 0; i < N; i++)
                if (!(fabs((double)w[i] - want[i]) <= 1e-6 * way[i]))
                    fail_msg("%s, step %d, weight %d: %.9g, not %.9g (SEED=%llu)", f->spec, t,
                             i, (double)w[i], want[i], (unsigned long long)test_seed());
        }
        crew_optimizer_destroy(o);
    }
}

/* Random cuts, done from the back to the front. */
static void slices_in_any_order_give_the_same_bits(void **state)
{
    (void)state;
    for (int k = 0; k < FORMULAS; k++) {
        crew_optimizer *whole = make(formulas[k].spec, 0.9), *cut = make(formulas[k].spec, 0.9);
        float w[N], v[N], g[N];
        for (int i = 0; i < N; i++)
            w[i] = v[i] = random_at(2, (uint64_t)i);
        for (uint32_t t = 0; t < STEPS; t++) {
            for (int i = 0; i < N; i++)
                g[i] = random_at(30 + t, (uint64_t)i);
            crew_optimizer_begin(whole);
            crew_optimizer_step(whole, 0.01, 0.7f, g, w, 0, N);
            crew_optimizer_begin(cut);
            for (size_t end = N; end > 0;) {
                size_t n = 1 + crew_rng_u64(test_seed(), CREW_STREAM_TEST, 50 + t, end) % end;
                crew_optimizer_step(cut, 0.01, 0.7f, g, v, end - n, n);
                end -= n;
            }
            assert_memory_equal(w, v, sizeof w);
        }
        crew_optimizer_destroy(whole);
        crew_optimizer_destroy(cut);
    }
}

/* A quarter is exact in binary. */
static void the_scale_multiplies_the_gradient(void **state)
{
    (void)state;
    for (int k = 0; k < FORMULAS; k++) {
        crew_optimizer *a = make(formulas[k].spec, 0.9), *b = make(formulas[k].spec, 0.9);
        float w[N], v[N], g[N], small[N];
        for (int i = 0; i < N; i++) {
            w[i] = v[i] = random_at(3, (uint64_t)i);
            g[i] = random_at(4, (uint64_t)i);
            small[i] = g[i] / 4;
        }
        for (int t = 0; t < 3; t++) {
            crew_optimizer_begin(a);
            crew_optimizer_step(a, 0.1, 0.25f, g, w, 0, N);
            crew_optimizer_begin(b);
            crew_optimizer_step(b, 0.1, 1, small, v, 0, N);
        }
        assert_memory_equal(w, v, sizeof w);
        crew_optimizer_destroy(a);
        crew_optimizer_destroy(b);
    }
}

static void wrong_optimizers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        double momentum;
        const char *why;
    } bad[] = {
        {"adm", 0.9, "unknown optimizer 'adm'; did you mean 'adam'?"},
        {"", 0.9, "unknown optimizer ''"},
        {"sgd:momentum=1", 0.9, "optimizer sgd: momentum is 1, must be 0..0.999999"},
        {"sgd:nesterov", 0, "optimizer sgd: nesterov needs a momentum"},
        {"sgd:nesterov,momentum=0", 0.9, "optimizer sgd: nesterov needs a momentum"},
        {"sgd:beta1=0.9", 0.9, "optimizer sgd has no setting 'beta1'"},
        {"adam:beta2=1", 0.9, "optimizer adam: beta2 is 1"},
        {"adam:momentum=0.5", 0.9, "optimizer adam has no setting 'momentum'"},
        {"adamw:weight-decay=-1", 0.9, "optimizer adamw: weight-decay is -1"},
    };
    struct crew_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        crew_optimizer *o = (crew_optimizer *)&err;
        err.text[0] = '\0';
        assert_int_equal(crew_optimizer_create(bad[i].spec, bad[i].momentum, N, &o, &err),
                         CREW_EINVAL);
        assert_null(o);
        if (strncmp(err.text, bad[i].why, strlen(bad[i].why)) != 0)
            fail_msg("'%s': '%s'", bad[i].spec, err.text);
    }
    crew_optimizer_destroy(NULL);
}

static void each_has_a_rate_and_a_size(void **state)
{
    (void)state;
    assert_int_equal(crew_optimizer_bytes("sgd:momentum=0.5", 1000), 4000);
    assert_int_equal(crew_optimizer_bytes("adam", 1000), 8000);
    assert_int_equal(crew_optimizer_bytes("adamw:eps=1e-6", 1000), 8000);
    assert_int_equal(crew_optimizer_bytes("nonsense", 1000), 0);
    for (size_t i = 0; crew_optimizer_at(i); i++) {
        crew_optimizer *o = make(crew_optimizer_at(i)->name, 0.9);
        assert_true(crew_optimizer_default_lr(o) > 0 && crew_optimizer_default_lr(o) < 1);
        crew_optimizer_destroy(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_follow_their_formulas),
        cmocka_unit_test(slices_in_any_order_give_the_same_bits),
        cmocka_unit_test(the_scale_multiplies_the_gradient),
        cmocka_unit_test(wrong_optimizers_are_refused),
        cmocka_unit_test(each_has_a_rate_and_a_size),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
