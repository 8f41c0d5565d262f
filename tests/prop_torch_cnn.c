/* Losses and gradients of cnn against PyTorch, where python3-torch is installed; see
 * torch_cnn_reference.py. */
#include "base/mem.h"
#include "base/rng.h"
#include "torch_rig.h"
#include <crew/model.h>
#include <math.h>

enum { ROWS = 6, MAX_PARAMS = 20000, MAX_FEATURES = 1000 };

static const struct net {
    const char *spec;
    struct crew_model_shape shape; /* height, width, depth, classes */
} nets[] = {
    {"conv3x3-16p1,relu,pool2,conv3x3-20p1,relu,pool2,fc24,relu", {12, 11, 3, 10}},
    {"conv5x3-7s2p2,relu,norm7,avgpool2,fc9", {13, 10, 1, 4}},
    {"conv2x4-18s3p1,norm3,relu,pool3s1,avgpool", {16, 15, 2, 5}},
    {"avgpool2,conv1x1-17,relu,norm,conv3x3-5p2,pool2s3", {9, 9, 5, 3}},
    {"norm2,conv4x4-33p3,relu,avgpool3s2,dropout0,fc11,relu,fc7", {7, 6, 4, 2}},
    {"pool2,fc10,norm2,relu", {6, 7, 3, 6}},
    {"conv1x5-6p0,conv7x1-4s4,relu", {15, 15, 1, 3}},
};
enum { NETS = sizeof nets / sizeof *nets };

static size_t n_params[NETS];
static double loss[NETS];
static float params[MAX_PARAMS], grad[NETS][MAX_PARAMS], x[ROWS * MAX_FEATURES];
static uint32_t label[ROWS];
static char source[] = "/tmp/crew-torch-XXXXXX", target[] = "/tmp/crew-torch-XXXXXX";
static FILE *answer; /* NULL: no torch */

static float real(uint32_t a, uint64_t i)
{
    return (float)(2 * crew_rng_unit(test_seed(), CREW_STREAM_TEST, a, i) - 1);
}

/* Our gradient; the same task for torch goes to f. */
static void compute(uint32_t k, FILE *f)
{
    const struct crew_model_shape *s = &nets[k].shape;
    const struct crew_model_ops *ops = crew_model_find("cnn");
    const struct crew_task_context task = {.round = 1};
    const struct crew_batch batch = {x, label, ROWS, 1.0f / ROWS};
    size_t values = (size_t)ROWS * s->height * s->width * s->depth;
    void *model;
    assert_int_equal(ops->create(nets[k].spec, s, &model, NULL), CREW_OK);
    size_t n = n_params[k] = ops->n_params(model);
    assert_true(n <= MAX_PARAMS && values <= ROWS * MAX_FEATURES);
    ops->init(model, test_seed(), params);
    for (size_t i = 0; i < n; i++)
        params[i] += 0.1f * real(3 * k, i);
    for (size_t i = 0; i < values; i++)
        x[i] = real(3 * k + 1, i);
    for (uint32_t i = 0; i < ROWS; i++)
        label[i] =
            (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, 3 * k + 2, i) % s->classes);
    void *workspace = crew_alloc(ops->workspace_bytes(model, ROWS));
    assert_int_equal(
        ops->gradient(model, &task, params, &batch, workspace, false, grad[k], &loss[k]),
        CREW_OK);
    const uint32_t head[] = {ROWS, s->height, s->width, s->depth, s->classes, (uint32_t)n};
    fwrite(head, sizeof head, 1, f);
    fwrite(label, sizeof label, 1, f);
    fwrite(params, sizeof *params, n, f);
    fwrite(x, sizeof *x, values, f);
    crew_free(workspace);
    ops->destroy(model);
}

static int ask_torch(void **state)
{
    (void)state;
    static char script[] = "tests/torch_cnn_reference.py", spec[NETS][80];
    char *argv[5 + NETS] = {torch_python(), script, source, target};
    if (!argv[0])
        return 0;
    FILE *f = fdopen(mkstemp(source), "wb");
    assert_non_null(f);
    for (uint32_t k = 0; k < NETS; k++) {
        compute(k, f);
        snprintf(spec[k], sizeof spec[k], "%s", nets[k].spec);
        argv[4 + k] = spec[k];
    }
    assert_int_equal(fclose(f), 0);
    answer = fdopen(mkstemp(target), "rb");
    assert_non_null(answer);
    assert_int_equal(torch_run(argv), 0);
    return 0;
}

static int tidy(void **state)
{
    (void)state;
    if (answer)
        fclose(answer);
    unlink(source);
    unlink(target);
    return 0;
}

/* In float and in double a value that is that near to a kink may lie on either side of it: such
 * a network is left out, but most are not. Else both differ by float rounding. */
static void losses_and_gradients_agree(void **state)
{
    (void)state;
    static double want[2 + MAX_PARAMS];
    uint32_t compared = 0;
    if (!answer)
        skip();
    for (uint32_t k = 0; k < NETS; k++) {
        double most = 0, largest = 0;
        assert_int_equal(fread(want, sizeof *want, 2 + n_params[k], answer), 2 + n_params[k]);
        if (want[0] < 1e-6) {
            printf("left out: %s, a kink at a distance of %.2g\n", nets[k].spec, want[0]);
            continue;
        }
        for (size_t i = 0; i < n_params[k]; i++) {
            most = fmax(most, fabs((double)grad[k][i] - want[2 + i]));
            largest = fmax(largest, fabs(want[2 + i]));
        }
        printf("%-60s loss %.4f, largest gradient %.2g, differs by %.2g\n", nets[k].spec,
               want[1], largest, most);
        assert_true(fabs(loss[k] - want[1]) < 1e-5);
        assert_true(largest > 1e-3 && most < 1e-5 * fmax(largest, 1));
        compared++;
    }
    assert_true(compared > NETS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(losses_and_gradients_agree)};
    test_print_seed();
    return cmocka_run_group_tests(tests, ask_torch, tidy);
}
