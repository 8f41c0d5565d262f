/* Training on rows in shards: the gradient is that of all rows, whoever does how many tasks,
 * and leads to the same optimum. SEED=7 make prop_shards draws others. */
#include "testing.h"

#include "shards_rig.h"
#include <math.h>

enum { B = 16, ALLOCATIONS = 5 };
static const uint64_t of_first[ALLOCATIONS] = {1, 4, 8, 14, 0}; /* of 16; 0: drawn */

/* Every round has both workers' tasks. */
static bool see_shards(void *user, const struct crew_record *r)
{
    (void)user;
    assert_true(r->n == 2 && r->shard[0] == 0 && r->shard[1] == 1);
    assert_true(r->done[0] >= 1 && r->done[1] >= 1);
    return true;
}

/* The gradient of a round at w: what a step of length 1 takes away. */
static void round_gradient(crew_trainer *t, const float *w, double *g)
{
    float after[PARAMS];
    assert_int_equal(crew_trainer_set_params(t, w, PARAMS, NULL), CREW_OK);
    rig_run(t);
    assert_int_equal(crew_trainer_get_params(t, after, PARAMS, NULL), CREW_OK);
    for (uint32_t i = 0; i < PARAMS; i++)
        g[i] = (double)w[i] - (double)after[i];
}

/* Of rows [first, first + n), as one task. */
static void mean_gradient(const float *w, uint32_t first, uint32_t n, double *g)
{
    struct crew_config cfg = two_shards(1, 1);
    crew_dataset *all = rig_data.train;
    uint32_t row[RIG_ROWS];
    for (uint32_t i = 0; i < n; i++)
        row[i] = first + i;
    assert_int_equal(crew_dataset_subset(all, row, n, &rig_data.train, NULL), CREW_OK);
    cfg.policy_ops = NULL;
    cfg.shards = "off";
    cfg.policy = "uniform";
    cfg.task_rows = n;
    crew_trainer *t = rig_trainer(&cfg);
    round_gradient(t, w, g);
    crew_trainer_destroy(t);
    crew_dataset_destroy(rig_data.train);
    rig_data.train = all;
}

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (uint32_t i = 0; i < PARAMS; i++)
        sum += a[i] * b[i];
    return sum;
}

/* z-test at fixed parameters. With f the gradient of all rows, m0 and m1 those of the shards,
 * each round's gradient g gives one number along the line on which a wrong weight of the shards
 * would move it: X = (g - f) . d / d . d, d = m0 - m1. If every row weighed 1 / rows of the
 * round, X had the mean `bias` = a / B - 101/203, for a of B tasks to shard 0. Over ROUNDS
 * rounds z = mean X / (sd / sqrt(ROUNDS)) is beyond 5 by chance with probability 6e-7, and
 * less: within an epoch of a shard rows are drawn without replacement, so rounds make up for
 * each other. The power against that weight is above 1 - 3e-7 where |bias| is 10 standard
 * errors at least, which is asserted for the allocations other than 8 : 8 and the drawn ones.
 */
static void the_expected_gradient_is_that_of_all_rows_for_any_allocation(void **state)
{
    (void)state;
    enum { ROUNDS = 3000 };
    float w[PARAMS];
    double f[PARAMS], m0[PARAMS], m1[PARAMS], d[PARAMS], g[PARAMS];
    some_params(w);
    mean_gradient(w, 0, RIG_ROWS, f);
    mean_gradient(w, 0, 101, m0);
    mean_gradient(w, 101, 102, m1);
    for (uint32_t i = 0; i < PARAMS; i++)
        d[i] = m0[i] - m1[i];
    for (int k = 0; k < ALLOCATIONS; k++) {
        struct crew_config cfg = two_shards(of_first[k], B);
        cfg.on_round = see_shards;
        double sum = 0, squares = 0;
        crew_trainer *t = rig_trainer(&cfg);
        for (int r = 0; r < ROUNDS; r++) {
            round_gradient(t, w, g);
            double x = (dot(g, d) - dot(f, d)) / dot(d, d);
            sum += x;
            squares += x * x;
        }
        crew_trainer_destroy(t);
        double mean = sum / ROUNDS, se = sqrt((squares / ROUNDS - mean * mean) / ROUNDS),
               bias = (double)of_first[k] / B - 101.0 / 203;
        print_message("%2d of %d tasks: mean %9.6f, standard error %.6f\n", (int)of_first[k], B,
                      mean, se);
        assert_true(k == 2 || k == 4 || fabs(bias) >= 10 * se);
        if (fabs(mean) > 5 * se)
            fail_msg("%d of %d tasks to shard 0: z = %.1f (SEED=%llu)", (int)of_first[k], B,
                     mean / se, (unsigned long long)test_seed());
    }
}

/* Exactly, where nothing is left to chance: 192 rows, shards of 96 = 12 tasks of 8. With a and
 * 12 - a tasks a round, 12 rounds are a epochs of shard 0 and 12 - a of shard 1: each row was
 * read as often as any other of its shard, and the mean of the rounds' gradients is that of all
 * rows, up to roundings of floats. */
static void over_whole_epochs_of_each_shard_the_mean_gradient_is_exact(void **state)
{
    (void)state;
    enum { ROWS = 192, TASKS = 12 };
    float w[PARAMS];
    double f[PARAMS], g[PARAMS];
    uint32_t row[ROWS];
    crew_dataset *all = rig_data.train;
    some_params(w);
    mean_gradient(w, 0, ROWS, f);
    for (uint32_t i = 0; i < ROWS; i++)
        row[i] = i;
    assert_int_equal(crew_dataset_subset(all, row, ROWS, &rig_data.train, NULL), CREW_OK);
    for (uint64_t first = 1; first < TASKS; first++) {
        struct crew_config cfg = two_shards(first, TASKS);
        double sum[PARAMS] = {0};
        crew_trainer *t = rig_trainer(&cfg);
        for (int r = 0; r < TASKS;
             r++) { /* 96 of 192 rows each: an epoch has two whole rounds */
            round_gradient(t, w, g);
            for (uint32_t i = 0; i < PARAMS; i++)
                sum[i] += g[i] / TASKS;
        }
        crew_trainer_destroy(t);
        for (uint32_t i = 0; i < PARAMS; i++)
            assert_true(fabs(sum[i] - f[i]) < 2e-6);
    }
    crew_dataset_destroy(rig_data.train);
    rig_data.train = all;
}

/* ---- Convergence ---- */

/* Loss on all rows. */
static double loss_of(crew_trainer *t)
{
    struct crew_evaluation e;
    assert_int_equal(crew_trainer_evaluate(t, rig_data.train, &e, NULL), CREW_OK);
    return e.loss;
}

static double trained(struct crew_config cfg)
{
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    double loss = loss_of(t);
    crew_trainer_destroy(t);
    return loss;
}

/* Softmax regression on rows that no plane separates is convex with one least loss. Gradient
 * descent with all rows finds it; SGD whose step shrinks to 0, without shards and with them,
 * must come as near. If each row weighed 1 / rows of the round, the optimum would be another
 * one for all but 8 : 8. */
static void training_ends_at_the_optimum_of_all_rows_for_any_allocation(void **state)
{
    (void)state;
    struct crew_config cfg = two_shards(1, 1);
    cfg.shards = "off";
    cfg.policy_ops = NULL;
    cfg.policy = "uniform";
    cfg.task_rows = RIG_ROWS;
    cfg.rounds = 8000;
    cfg.momentum = 0.9;
    double least = trained(cfg);
    cfg = two_shards(1, B);
    cfg.shards = "off";
    cfg.policy_ops = NULL;
    cfg.policy = "uniform";
    cfg.lr = 2;
    cfg.schedule = "cosine";
    cfg.rounds = 0;
    cfg.epochs = 2000;
    double without = trained(cfg);
    print_message("least loss %.7f; without shards + %.2e\n", least, without - least);
    for (int k = 0; k < ALLOCATIONS; k++) {
        struct crew_config with = two_shards(of_first[k], B);
        with.lr = cfg.lr;
        with.schedule = cfg.schedule;
        with.rounds = 0;
        with.epochs = cfg.epochs;
        double loss = trained(with);
        print_message("%2d of %d tasks to shard 0: + %.2e\n", (int)of_first[k], B,
                      loss - least);
    }
}
int main(void)
{
#define CASE(F) cmocka_unit_test_setup(F, ck_clear)
    const struct CMUnitTest tests[] = {
        CASE(the_expected_gradient_is_that_of_all_rows_for_any_allocation),
        CASE(over_whole_epochs_of_each_shard_the_mean_gradient_is_exact),
        CASE(training_ends_at_the_optimum_of_all_rows_for_any_allocation),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, open_sorted, ck_close);
}
