/* The oracle; scenarios: their sizes, and machines whose speeds change, against what is worked
 * out by hand. */
#include "base/stats.h"
#include "exec/loop.h"
#include "exec/sim.h"
#include "study/scenario.h"
#include "study/simulate.h"
#include "testing.h"
#include <math.h>
#include <string.h>

static struct crew_error err;
static struct crew_simulation result;

static const struct crew_policy_figures *simulate(const struct crew_simulation_config *cfg)
{
    crew_simulation_free(&result);
    if (crew_simulate(cfg, &result, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return result.figures;
}

static void is_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.17g is not within %g of %.17g", a, tolerance, b);
}

static crew_speeds *open_scenario(const char *name, uint32_t n)
{
    crew_speeds *s;
    if (crew_scenario_create(name, n, &s, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return s;
}

static void the_oracle_has_no_regret_and_others_stand_beside_it(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = {.speeds = "1s@0..6,3s@6.. 2s",
                                         .batch_tasks = 1,
                                         .rounds = 10,
                                         .policy = "oracle,fixed,uniform,queue",
                                         .seeds = "1"};
    /* 1 s, then 2 s; fixed stays with the first worker */
    const struct crew_policy_figures *f = simulate(&cfg);
    is_near(f[0].round_s.mean, 1.5, 0);
    is_near(f[0].regret_s.mean, 0, 0);
    is_near(f[0].loss_ratio.mean, 1, 0);
    is_near(f[0].oracle_ratio.mean, 1, 0);
    is_near(f[1].round_s.mean, 2, 0);
    is_near(f[1].oracle_ratio.mean, 20.0 / 15, 1e-12);
    is_near(f[1].loss_ratio.mean, 20.0 / 15, 1e-12);
    assert_true(isnan(f[3].loss_ratio.mean) && !isnan(f[3].oracle_ratio.mean));
    cfg.policy = "fixed";
    f = simulate(&cfg);
    assert_true(isnan(f[0].oracle_ratio.mean));
    is_near(f[0].loss_ratio.mean, 20.0 / 15, 1e-12);
}

static void what_is_not_said_is_the_scenarios_own(void **state)
{
    (void)state;
    static const struct {
        const char *scenario;
        uint32_t workers, batch_tasks;
        uint64_t rounds;
    } sizes[] = {
        {"paper-regret", 20, 5, 10000}, {"steady", 16, 40, 2500}, {"heavy", 16, 40, 2500}};
    struct crew_simulation_config cfg = {.policy = "uniform", .seeds = "1"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cfg.scenario = sizes[i].scenario;
        simulate(&cfg);
        assert_int_equal(result.workers, sizes[i].workers);
        assert_int_equal(result.batch_tasks, sizes[i].batch_tasks);
        assert_int_equal(result.rounds, sizes[i].rounds);
    }
    cfg.workers = 6;
    cfg.batch_tasks = 7;
    cfg.rounds = 8;
    simulate(&cfg);
    assert_true(result.workers == 6 && result.batch_tasks == 7 && result.rounds == 8);
    cfg = (struct crew_simulation_config){.policy = "fixed", .seeds = "1", .speeds = "1"};
    simulate(&cfg);
    assert_true(result.batch_tasks == 23 && result.rounds == 10000);
}

/* 40 tasks on 8 workers of 1 ms and 8 of 4 ms: 4 ms. With two of 3 ms among the fast ones:
 * those have one task, the other six five each, 5 ms. Without these two: 38 tasks are done in 5
 * ms, so 6 ms. Worker 0 of 0.86 + 13 / 16 = 1.6725 ms: 2 for it, 8 for the slow ones, 28 for
 * the others: two of them take 5 ms. */
static void the_best_split_takes_what_it_is_to_take(void **state)
{
    (void)state;
    static const struct {
        const char *scenario;
        double best_s; /* proxy loss of all rounds */
    } cases[] = {
        {"steady", 2500 * 4e-3},
        {"throttle", 1500 * 4e-3 + 1000 * 5e-3},
        {"churn", 2000 * 4e-3 + 500 * 6e-3},
        {"outliers", 2500 * 4e-3 * (1 + 0.001 * 499)},
        {"timeshare", 2500 * 5e-3},
        {"heavy", 2500 * 4e-3},
        /* 500 rounds, then 200 that are 1.0025, 1.005 .. 1.5 times as long, then 1800 */
        {"ramp", 4e-3 * (500 + 200 * (1 + 0.5 * 201 / 400) + 1800 * 1.5)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct crew_simulation_config cfg = {
            .scenario = cases[i].scenario, .policy = "oracle,uniform", .seeds = "1"};
        const struct crew_policy_figures *f = simulate(&cfg);
        double best_s = f[1].regret_s.mean / (f[1].loss_ratio.mean - 1);
        if (!(fabs(best_s / cases[i].best_s - 1) < 1e-9))
            fail_msg("%s: %.17g s instead of %.17g", cases[i].scenario, best_s,
                     cases[i].best_s);
    }
}

/* Draws have the mean that is told, in rounds where it is one and where it is another. */
static void times_have_the_means_they_are_said_to_have(void **state)
{
    (void)state;
    static const struct {
        const char *scenario;
        uint64_t round;
        uint32_t worker;
        double mean_s, sd_s;
    } cases[] = {
        {"steady", 1, 0, 1e-3, 0.05e-3},
        {"steady", 2500, 8, 4e-3, 0.2e-3},
        {"throttle", 499, 1, 1e-3, 0.05e-3},
        {"throttle", 500, 1, 3e-3, 0.15e-3},
        {"throttle", 500, 2, 1e-3, 0.05e-3},
        {"throttle", 1499, 0, 3e-3, 0.15e-3},
        {"throttle", 1500, 0, 1e-3, 0.05e-3},
        {"ramp", 600, 15, 5e-3, 0.25e-3},
        {"ramp", 2000, 0, 1.5e-3, 0.075e-3},
        /* of p = 1/16: variance 0.043^2 + 13^2 p (1 - p) */
        {"timeshare", 7, 0, 1.6725e-3, 3.147e-3},
        {"timeshare", 7, 1, 1e-3, 0.05e-3},
        /* of p = 0.001: second moment 1.0025 (1 + p (500^2 - 1)) */
        {"outliers", 7, 3, 1.499e-3, 15.79e-3},
    };
    enum { MANY = 40000 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        crew_speeds *s = open_scenario(cases[i].scenario, 16);
        struct crew_stats stats = {0};
        uint32_t flags;
        crew_speeds_enter(s, 9, cases[i].round);
        for (uint32_t k = 0; k < MANY; k++) {
            struct crew_draw d = {9, cases[i].round, k, 0, 0.5};
            crew_stats_add(&stats, 2 * crew_speeds_draw(s, cases[i].worker, &d, &flags));
        }
        double told = crew_speeds_mean(s, cases[i].worker, cases[i].round, 0);
        if (!(fabs(told / cases[i].mean_s - 1) < 1e-12) ||
            !(fabs(stats.mean - told) < 5 * cases[i].sd_s / sqrt(MANY)) ||
            !(fabs(crew_stats_sd(&stats) / cases[i].sd_s - 1) < 0.15))
            fail_msg("%s, round %d, worker %u: told %g, mean %g, sd %g", cases[i].scenario,
                     (int)cases[i].round, cases[i].worker, told, stats.mean,
                     crew_stats_sd(&stats));
        crew_speeds_destroy(s);
    }
}

static void a_worker_that_is_away_gets_nothing_and_comes_back(void **state)
{
    (void)state;
    static const char *const policies[] = {"uniform", "queue", "greedy", "ata-empirical",
                                           "adaptive"};
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        struct crew_loop l = {.executor = &crew_sim, .policy = crew_policy_find(policies[p])};
        struct crew_policy_config cfg = {.struct_size = sizeof cfg, .n = 16, .seed = 1};
        crew_speeds *s = open_scenario("churn", 16);
        struct crew_sim_config sim = {.speeds = s, .max_tasks = 40 + 16};
        assert_int_equal(crew_loop_init(&l, 16), CREW_OK);
        assert_int_equal(crew_sim_create(&sim, &l.executor_self, &err), CREW_OK);
        assert_int_equal(l.policy->create(&cfg, &l.policy_self, &err), CREW_OK);
        for (uint64_t round = 1; round <= 1010; round++) {
            uint32_t ran[2] = {0};
            if (crew_loop_plan(&l, round, 40, &err) != CREW_OK)
                fail_msg("%s: %s", policies[p], err.text);
            assert_int_equal(crew_loop_run(&l, 1, 16, NULL, NULL), CREW_OK);
            crew_loop_observe(&l);
            for (size_t j = 0; j < l.outcome.n_timings; j++)
                if (l.outcome.timing[j].worker < 2)
                    ran[l.outcome.timing[j].worker]++;
            bool away = round >= 500 && round < 1000;
            if (away)
                assert_int_equal(ran[0] + ran[1], 0);
            else if (round >= 490) /* until then some still learn of the others */
                assert_true(ran[0] > 0 && ran[1] > 0);
        }
        crew_sim.destroy(l.executor_self);
        l.policy->destroy(l.policy_self);
        crew_loop_free(&l);
        crew_speeds_destroy(s);
    }
}

/* A geometric time of mean 100 has sd 99.5; over 200000 rounds about 2000 of them. */
static void the_co_runner_comes_and_goes_at_random_by_seed_and_round_alone(void **state)
{
    (void)state;
    enum { ROUNDS = 200000, PROBES = 200 };
    crew_speeds *s = open_scenario("co-runner", 16), *other = open_scenario("co-runner", 16);
    double last = 1e-3, slow = 0;
    uint32_t changes = 0;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        crew_speeds_enter(s, 5, round);
        double mean = crew_speeds_mean(s, 0, round, 0);
        assert_true(fabs(mean / 1e-3 - 1) < 1e-9 || fabs(mean / 2e-3 - 1) < 1e-9);
        assert_true(crew_speeds_mean(s, 1, round, 0) == 1e-3);
        changes += fabs(mean - last) > 1e-4;
        slow += mean > 1.5e-3;
        last = mean;
        if (round % (ROUNDS / PROBES) == 0) { /* at once, and backwards */
            crew_speeds_enter(other, 5, ROUNDS + 1 - round);
            crew_speeds_enter(other, 5, round);
            assert_true(crew_speeds_mean(other, 0, round, 0) == mean);
        }
    }
    assert_in_range(changes, 2000 - 5 * 45, 2000 + 5 * 45);
    assert_true(fabs(slow / ROUNDS - 0.5) < 0.09); /* 1000 pairs of times: sd 0.016 */
    crew_speeds_enter(other, 6, ROUNDS);
    crew_speeds_enter(s, 5, 700);
    uint32_t differ = 0;
    for (uint64_t round = 1; round <= 2000; round++) {
        crew_speeds_enter(s, 5, round);
        crew_speeds_enter(other, 6, round);
        differ += crew_speeds_mean(s, 0, round, 0) != crew_speeds_mean(other, 0, round, 0);
        crew_speeds_enter(s, 6, round); /* whatever it stood for before */
        assert_true(crew_speeds_mean(s, 0, round, 0) == crew_speeds_mean(other, 0, round, 0));
    }
    assert_in_range(differ, 200, 1800);
    crew_speeds_destroy(s);
    crew_speeds_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oracle_has_no_regret_and_others_stand_beside_it),
        cmocka_unit_test(what_is_not_said_is_the_scenarios_own),
        cmocka_unit_test(the_best_split_takes_what_it_is_to_take),
        cmocka_unit_test(times_have_the_means_they_are_said_to_have),
        cmocka_unit_test(a_worker_that_is_away_gets_nothing_and_comes_back),
        cmocka_unit_test(the_co_runner_comes_and_goes_at_random_by_seed_and_round_alone),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    crew_simulation_free(&result);
    return failed;
}
