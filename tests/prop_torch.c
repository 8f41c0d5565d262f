/* Gradients and steps against PyTorch, where python3-torch is installed; see
 * torch_reference.py. */
#include "base/mem.h"
#include "base/rng.h"
#include "torch_rig.h"
#include "train/optimizer.h"
#include <crew/model.h>
#include <math.h>
#include <string.h>

enum { ROWS = 33, FEATURES = 12, CLASSES = 5, STEPS = 20 };

static const uint32_t width[] = {FEATURES, 17, 9, CLASSES};
enum { LAYERS = sizeof width / sizeof *width - 1, PARAMS = 13 * 17 + 18 * 9 + 10 * CLASSES };

/* The same run in our words and in those of torch_reference.py. */
static const struct {
    const char *ours, *torch;
    double lr;
} runs[] = {
    {"sgd:momentum=0", "sgd:20:0.1:0:0:no", 0.1},
    {"sgd:momentum=0.9", "sgd:20:0.1:0:0.9:no", 0.1},
    {"sgd:momentum=0.9,weight-decay=0.01", "sgd:20:0.05:0.01:0.9:no", 0.05},
    {"sgd:momentum=0.8,nesterov,weight-decay=0.01", "sgd:20:0.05:0.01:0.8:yes", 0.05},
    {"adam", "adam:20:0.01:0:0:no", 0.01},
    {"adam:weight-decay=0.02", "adam:20:0.01:0.02:0:no", 0.01},
    {"adamw", "adamw:20:0.01:0.01:0:no", 0.01},
    {"adamw:weight-decay=0.3", "adamw:20:0.01:0.3:0:no", 0.01},
};
enum { RUNS = sizeof runs / sizeof *runs };

static const struct crew_model_ops *ops;
static void *model, *workspace;
static float start[PARAMS], x[ROWS * FEATURES], grad[PARAMS];
static uint32_t label[ROWS];
static double want[(1 + RUNS) * PARAMS];
static char source[] = "/tmp/crew-torch-XXXXXX", target[] = "/tmp/crew-torch-XXXXXX";

static void gradient(const float *params)
{
    const struct crew_task_context task = {.round = 1};
    const struct crew_batch batch = {x, label, ROWS, 1.0f / ROWS};
    double loss;
    assert_int_equal(ops->gradient(model, &task, params, &batch, workspace, false, grad, &loss),
                     CREW_OK);
}

static void make_case(void)
{
    const struct crew_model_shape shape = {1, FEATURES, 1, CLASSES};
    ops = crew_model_find("mlp");
    assert_int_equal(ops->create("17,9", &shape, &model, NULL), CREW_OK);
    assert_int_equal(ops->n_params(model), PARAMS);
    workspace = crew_zalloc(ops->workspace_bytes(model, ROWS));
    ops->init(model, test_seed(), start);
    for (uint32_t i = 0; i < ROWS * FEATURES; i++)
        x[i] = (float)(4 * crew_rng_unit(test_seed(), CREW_STREAM_TEST, 1, i) - 2);
    for (uint32_t i = 0; i < ROWS; i++)
        label[i] = (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, 2, i) % CLASSES);
    const uint32_t sizes[] = {ROWS, LAYERS};
    FILE *f = fdopen(mkstemp(source), "wb");
    assert_non_null(f);
    fwrite(sizes, sizeof sizes, 1, f);
    fwrite(width, sizeof width, 1, f);
    fwrite(label, sizeof label, 1, f);
    fwrite(start, sizeof start, 1, f);
    fwrite(x, sizeof x, 1, f);
    assert_int_equal(fclose(f), 0);
}

static int ask_torch(void **state)
{
    (void)state;
    static char script[] = "tests/torch_reference.py", text[RUNS][40];
    char *argv[5 + RUNS] = {torch_python(), script, source, target};
    if (!argv[0])
        return 0;
    make_case();
    for (int i = 0; i < RUNS; i++) {
        snprintf(text[i], sizeof text[i], "%s", runs[i].torch);
        argv[4 + i] = text[i];
    }
    FILE *f = fdopen(mkstemp(target), "rb");
    assert_int_equal(torch_run(argv), 0);
    assert_int_equal(fread(want, sizeof want, 1, f), 1);
    fclose(f);
    return 0;
}

static int tidy(void **state)
{
    (void)state;
    unlink(source);
    unlink(target);
    if (ops)
        ops->destroy(model);
    crew_free(workspace);
    return 0;
}

static void gradients_agree(void **state)
{
    (void)state;
    if (!ops)
        skip();
    gradient(start);
    for (int i = 0; i < PARAMS; i++)
        assert_true(fabs((double)grad[i] - want[i]) < 1e-6);
}

/* Float rounding, amplified by 20 steps; an error in a formula shows at the size of the steps,
 * 0.01 and more. */
static void twenty_steps_agree(void **state)
{
    (void)state;
    if (!ops)
        skip();
    for (int k = 0; k < RUNS; k++) {
        const double *w = want + (1 + k) * PARAMS;
        float params[PARAMS];
        double most = 0, moved = 0;
        crew_optimizer *o;
        assert_int_equal(crew_optimizer_create(runs[k].ours, 0.9, PARAMS, &o, NULL), CREW_OK);
        memcpy(params, start, sizeof params);
        for (int t = 0; t < STEPS; t++) {
            gradient(params);
            crew_optimizer_begin(o);
            crew_optimizer_step(o, runs[k].lr, 1, grad, params, 0, PARAMS);
        }
        for (int i = 0; i < PARAMS; i++) {
            most = fmax(most, fabs((double)params[i] - w[i]));
            moved = fmax(moved, fabs(w[i] - (double)start[i]));
        }
        print_message("%-45s moved %.2g, differs by %.2g\n", runs[k].ours, moved, most);
        assert_true(moved > 0.05 && most < 2e-5);
        crew_optimizer_destroy(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_agree),
        cmocka_unit_test(twenty_steps_agree),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, ask_torch, tidy);
}
