/* Policies in virtual time, against closed forms. */
#include "base/stats.h"
#include "study/lists.h"
#include "study/simulate.h"
#include "testing.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 20000 }; /* rounds where times are random */

static struct crew_error err;
static struct crew_simulation result;
static char folder[] = "/tmp/unit_simulate.XXXXXX";

static struct crew_simulation_config base_config(const char *speeds, const char *policy)
{
    return (struct crew_simulation_config){
        .speeds = speeds, .batch_tasks = 7, .rounds = 10, .policy = policy, .seeds = "1"};
}

/* The figures of all policies, in `result` until the next call. */
static const struct crew_policy_figures *simulate(const struct crew_simulation_config *cfg)
{
    crew_simulation_free(&result);
    if (crew_simulate(cfg, &result, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return result.figures;
}

static void refuse(const struct crew_simulation_config *cfg, crew_status status,
                   const char *text)
{
    struct crew_simulation out;
    crew_status is = crew_simulate(cfg, &out, &err);
    if (is != status || !strstr(err.text, text))
        fail_msg("%d: '%s' instead of %d: '%s'", is, err.text, status, text);
    assert_null(out.figures);
}

static void is_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.17g is not within %g of %.17g", a, tolerance, b);
}

static const char *path_of(const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- Closed forms ---- */

static void one_worker_does_all_tasks_one_after_another(void **state)
{
    (void)state;
    struct crew_simulation_config cfg =
        base_config("0.25", "greedy,fixed,uniform,queue,ata,ata-empirical");
    const struct crew_policy_figures *f = simulate(&cfg);
    assert_int_equal(result.n_policies, 6);
    assert_int_equal(result.workers, 1);
    for (size_t p = 0; p < 6; p++) {
        is_near(f[p].round_s.mean, 7 * 0.25, 0);
        is_near(f[p].worker_s.mean, 7 * 0.25, 0);
        is_near(f[p].time_ratio.mean, 1, 0);
        is_near(f[p].cost_ratio.mean, 1, 0);
        assert_true(isnan(f[p].round_s.se));
        assert_true(f[p].plan_us.mean > 0 && f[p].plan_us.mean < 1e6);
    }
}

/* Of 1, 2 and 4 s, 7 tasks: all are busy for 4 s with 4, 2 and 1 of them. */
static void constant_times_give_exact_rounds(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = base_config("1 2 4", "fixed,greedy,queue");
    const struct crew_policy_figures *f = simulate(&cfg);
    for (size_t p = 0; p < 3; p++) {
        is_near(f[p].round_s.mean, 4, 0);
        is_near(f[p].worker_s.mean, 12, 1e-8); /* what is cut short at its end ran for 0 s */
        assert_string_equal(f[p].policy, p == 0 ? "fixed" : p == 1 ? "greedy" : "queue");
    }
    cfg.batch_tasks = 3; /* uniform: one each; greedy: 1 at 1 s, 2 more at 2 s */
    cfg.policy = "fixed,greedy,queue,uniform";
    f = simulate(&cfg);
    is_near(f[0].round_s.mean, 2, 0);
    is_near(f[0].worker_s.mean, 4, 0);
    is_near(f[1].round_s.mean, 2, 0);
    is_near(f[1].worker_s.mean, 6, 1e-8); /* dropped work included */
    is_near(f[2].round_s.mean, 4, 0);
    is_near(f[3].round_s.mean, 4, 0);
    is_near(f[3].worker_s.mean, 7, 0);
    is_near(f[3].time_ratio.mean, 2, 0);
    is_near(f[3].cost_ratio.mean, 6.0 / 7, 1e-8);
    is_near(f[0].cost_ratio.mean, 1.5, 1e-8);
}

static void greedy_waits_for_the_least_of_exponential_times(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = base_config("5*exp(0,2)", "greedy");
    cfg.batch_tasks = 1;
    cfg.rounds = MANY;
    const struct crew_policy_figures *f = simulate(&cfg);
    is_near(f->round_s.mean, 2.0 / 5, 5 * (2.0 / 5) / sqrt(MANY));
    is_near(f->worker_s.mean, 5 * f->round_s.mean, 1e-6);
}

/* Mean H_n of n exponential times of mean 1, variance H_n of second order. */
static void uniform_waits_for_the_largest_of_exponential_times(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = base_config("6*exp(0,1)", "uniform");
    double mean = 0, variance = 0;
    for (int k = 1; k <= 6; k++) {
        mean += 1.0 / k;
        variance += 1.0 / k / k;
    }
    cfg.batch_tasks = 6;
    cfg.rounds = MANY;
    const struct crew_policy_figures *f = simulate(&cfg);
    is_near(f->round_s.mean, mean, 5 * sqrt(variance / MANY));
    is_near(f->worker_s.mean, 6, 5 * sqrt(6.0 / MANY));
}

/* ---- Regret ---- */

static void regret_is_that_of_the_proxy_loss(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = base_config("1 2 4", "fixed,uniform,queue,greedy");
    cfg.batch_tasks = 3; /* best: two on the first, one on the second, 2 s; uniform: 4 s */
    const struct crew_policy_figures *f = simulate(&cfg);
    is_near(f[0].regret_s.mean, 0, 0);
    is_near(f[1].regret_s.mean, 10 * (4 - 2), 0);
    assert_true(isnan(f[2].regret_s.mean) && isnan(f[3].regret_s.mean));
    cfg.speeds = "exp(0,1) exp(0,2) exp(0,4)"; /* as means, whatever was drawn */
    f = simulate(&cfg);
    is_near(f[0].regret_s.mean, 0, 0);
    is_near(f[1].regret_s.mean, 20, 0);
}

static void regret_follows_speeds_that_change(void **state)
{
    (void)state;
    /* By the means of round 1 all goes to the first worker; from round 6 on it takes 3 s, not
     * 1, and the other one 2 s. */
    struct crew_simulation_config cfg = base_config("1s@0..6,3s@6.. 2s", "fixed");
    cfg.batch_tasks = 1;
    is_near(simulate(&cfg)->regret_s.mean, 5 * (3 - 2), 0);
    cfg.speeds = "1s@0s..5s,3s@5s.. 2s"; /* the same, by time */
    is_near(simulate(&cfg)->regret_s.mean, 5 * (3 - 2), 0);
}

/* ---- Learning, and what is known before ---- */

static void what_was_measured_before_saves_exploring(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = base_config(NULL, "ata-empirical");
    cfg.scenario = "paper-sqrt";
    cfg.workers = 17;
    cfg.batch_tasks = 23;
    cfg.rounds = 1000;
    cfg.save_profile = path_of("profile.json");
    double cold = simulate(&cfg)->explore_share.mean;
    assert_true(cold > 0 && cold < 1);
    cfg.profile = cfg.save_profile;
    cfg.save_profile = NULL;
    cfg.rounds = 300; /* what 1000 rounds measured suffices for so many */
    is_near(simulate(&cfg)->explore_share.mean, 0, 0);
    cfg.profile = NULL;
    cfg.pretrain = 1000;
    is_near(simulate(&cfg)->explore_share.mean, 0, 0);
    cfg.pretrain = 0;
    assert_true(simulate(&cfg)->explore_share.mean > 0);
    cfg.pretrain = 1;
    cfg.profile = path_of("profile.json");
    refuse(&cfg, CREW_EINVAL, "not both");
    cfg.pretrain = 0;
    cfg.workers = 18;
    refuse(&cfg, CREW_EINVAL, "is of 17 workers, not of 18");
}

/* alpha of ata is twice the largest true mean: with that alpha the plans are the same. */
static void ata_takes_alpha_from_the_true_means(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = base_config("3*exp(1,1) 8", "ata,ata:alpha=16");
    cfg.rounds = 200;
    const struct crew_policy_figures *f = simulate(&cfg);
    is_near(f[0].round_s.mean, f[1].round_s.mean, 0);
    is_near(f[0].regret_s.mean, f[1].regret_s.mean, 0);
    cfg.policy = "ata,ata:alpha=2";
    f = simulate(&cfg);
    assert_true(f[0].regret_s.mean > f[1].regret_s.mean);
}

/* ---- Seeds ---- */

static void figures_are_means_over_seeds(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = base_config("2*exp(1,1) exp(2,2)", "greedy,uniform");
    struct crew_stats round = {0}, ratio = {0};
    static const char *const seeds[] = {"5", "18446744073709551615", "7"};
    for (size_t k = 0; k < 3; k++) {
        cfg.seeds = seeds[k];
        const struct crew_policy_figures *f = simulate(&cfg);
        crew_stats_add(&round, f[1].round_s.mean);
        crew_stats_add(&ratio, f[1].time_ratio.mean);
        is_near(f[1].time_ratio.mean, f[1].round_s.mean / f[0].round_s.mean, 1e-12);
    }
    cfg.seeds = "5,18446744073709551615,7";
    const struct crew_policy_figures *f = simulate(&cfg);
    assert_int_equal(result.n_seeds, 3);
    assert_true(result.seeds[1] == UINT64_MAX);
    is_near(f[1].round_s.mean, round.mean, 1e-12);
    is_near(f[1].round_s.se, crew_stats_sd(&round) / sqrt(3), 1e-12);
    is_near(f[1].time_ratio.mean, ratio.mean, 1e-12);
    is_near(f[1].time_ratio.se, crew_stats_sd(&ratio) / sqrt(3), 1e-12);
    assert_true(round.m2 > 0);
}

static void policies_meet_the_same_times(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = base_config("3*exp(0,1)", "uniform,fixed,uniform");
    cfg.batch_tasks = 3; /* one each, also by the split of equal means */
    const struct crew_policy_figures *f = simulate(&cfg);
    is_near(f[0].round_s.mean, f[1].round_s.mean, 0);
    is_near(f[0].worker_s.mean, f[2].worker_s.mean, 0);
    assert_true(isnan(f[0].time_ratio.mean) && isnan(f[0].cost_ratio.mean));
}

/* ---- Files ---- */

static void curves_end_where_the_figures_are(void **state)
{
    (void)state;
    struct crew_simulation_config cfg =
        base_config("1 2 4", "uniform,queue,ata:alpha=1,width=1");
    char line[256];
    unsigned long long rounds, last = 0;
    double time_s, worker_s, best_s, regret_s;
    size_t lines = 0, gaps = 0, quoted = 0;
    cfg.batch_tasks = 3;
    cfg.rounds = 1234;
    cfg.curve = path_of("curve.csv");
    simulate(&cfg);
    FILE *f = fopen(cfg.curve, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    assert_string_equal(line, "policy,seed,round,time_s,worker_s,best_s,regret_s\n");
    for (; fgets(line, sizeof line, f); lines++) {
        gaps += strstr(line, ",\n") != NULL;
        quoted += strncmp(line, "\"ata:alpha=1,width=1\",1,", 24) == 0;
        if (strncmp(line, "uniform,", 8) != 0)
            continue;
        assert_int_equal(sscanf(line, "uniform,1,%llu,%lf,%lf,%lf,%lf", &rounds, &time_s,
                                &worker_s, &best_s, &regret_s),
                         5);
        assert_true(rounds > last && rounds <= last + last / 5 + 1);
        last = rounds;
        is_near(time_s, 4 * (double)rounds, 0);
        is_near(worker_s, 7 * (double)rounds, 0);
        is_near(best_s, 2 * (double)rounds, 0);
        is_near(regret_s, 2 * (double)rounds, 0);
    }
    fclose(f);
    assert_int_equal(last, 1234);
    assert_true(lines > 3 * 40 && lines < 3 * 64);
    assert_int_equal(gaps, lines / 3);
    assert_int_equal(quoted, lines / 3);
    refuse(&cfg, CREW_EOUTPUT, "exists already");
    cfg.replace = true;
    simulate(&cfg);
}

static void a_curve_may_have_a_point_every_so_many_rounds(void **state)
{
    (void)state;
    struct crew_simulation_config cfg = base_config("1 2 4", "uniform");
    char line[256];
    unsigned long long round, next = 4;
    cfg.batch_tasks = 3;
    cfg.rounds = 10;
    cfg.curve = path_of("curve.csv");
    cfg.curve_every = 4;
    cfg.replace = true;
    simulate(&cfg);
    FILE *f = fopen(cfg.curve, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    for (; fgets(line, sizeof line, f); next = next + 4 < 10 ? next + 4 : 10) {
        assert_int_equal(sscanf(line, "uniform,1,%llu,", &round), 1);
        assert_int_equal(round, next);
    }
    fclose(f);
    assert_int_equal(round, 10);
}

/* ---- Stopping ---- */

static bool until_uniform(void *user, const char *policy, uint64_t seed, double done)
{
    (void)seed;
    ++*(int *)user;
    assert_true(done > 0 && done < 1);
    return strcmp(policy, "uniform") != 0;
}

static void a_stop_keeps_what_is_finished(void **state)
{
    (void)state;
    int calls = 0;
    struct crew_simulation_config cfg = base_config("64*1ms", "greedy,uniform,fixed");
    cfg.batch_tasks = 64;
    cfg.rounds = 100000;
    cfg.on_progress = until_uniform;
    cfg.user = &calls;
    const struct crew_policy_figures *f = simulate(&cfg);
    assert_true(result.stopped && calls > 0);
    assert_int_equal(result.n_policies, 1);
    is_near(f[0].round_s.mean, 1e-3, 1e-12);
}

static bool at_once(void *user, const char *policy, uint64_t seed, double done)
{
    (void)user;
    (void)policy;
    (void)seed;
    (void)done;
    return false;
}

/* A simulation of so many workers fits, but not their profile: that is told before it runs. */
static void a_profile_that_memory_cannot_hold_is_refused(void **state)
{
    (void)state;
    char speeds[40];
    uint64_t n = crew_machine_free_bytes() / 800;
    snprintf(speeds, sizeof speeds, "%llu*1ms",
             (unsigned long long)(n < UINT32_MAX / 2 ? n : UINT32_MAX / 2));
    struct crew_simulation_config cfg = base_config(speeds, "queue");
    cfg.save_profile = path_of("profile.json");
    cfg.replace = true;
    cfg.on_progress = at_once;
    refuse(&cfg, CREW_ENOMEM, "takes about");
}

/* ---- Lists and bad input ---- */

static void a_list_of_policies_is_split_at_the_right_commas(void **state)
{
    (void)state;
    struct crew_policy_list l;
    assert_int_equal(crew_policy_list_parse(
                         "greedy,ata:width=2,alpha=3,queue,ata-empirical:eta=1", &l, &err),
                     CREW_OK);
    assert_int_equal(l.n, 4);
    assert_string_equal(l.name[0], "greedy");
    assert_string_equal(l.name[1], "ata:width=2,alpha=3");
    assert_string_equal(l.name[2], "queue");
    assert_string_equal(l.name[3], "ata-empirical:eta=1");
    crew_policy_list_free(&l);
    static const char *const bad[][2] = {
        {"", "unknown policy ''"},
        {"queue,", "unknown policy ''"},
        {",queue", "unknown policy ''"},
        {"gredy", "did you mean 'greedy'"},
        {"queue,unifrom", "did you mean 'uniform'"},
        {"width=2", "unknown policy 'width=2'"},
        {"ata,width=2", "settings follow a colon, as in ata:width=2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(crew_policy_list_parse(bad[i][0], &l, &err), CREW_EINVAL);
        assert_non_null(strstr(err.text, bad[i][1]));
        crew_policy_list_free(&l);
    }
}

static void bad_input_is_refused_before_anything_runs(void **state)
{
    (void)state;
    const struct crew_simulation_config good = base_config("1 2", "fixed");
    struct crew_simulation_config cfg = good;
#define REFUSE(change, status, text) \
    do {                             \
        cfg = good;                  \
        change;                      \
        refuse(&cfg, status, text);  \
    } while (0)
    REFUSE(cfg.speeds = NULL, CREW_EINVAL, "either a scenario or speeds must be given");
    REFUSE(cfg.scenario = "paper-sqrt", CREW_EINVAL, "not both");
    REFUSE((cfg.speeds = NULL, cfg.scenario = "paper-sqrt"), CREW_EINVAL, "needs workers");
    REFUSE((cfg.speeds = NULL, cfg.scenario = "paper-sqr", cfg.workers = 2), CREW_EINVAL,
           "did you mean 'paper-sqrt'");
    REFUSE(cfg.workers = 3, CREW_EINVAL, "workers is 3, but speeds describes 2");
    REFUSE(cfg.speeds = "-1", CREW_EINVAL, "");
    REFUSE((cfg.speeds = NULL, cfg.scenario = "churn", cfg.workers = 3), CREW_EINVAL,
           "workers is 3, scenario churn needs at least 4");
    REFUSE(cfg.policy = "fixed,oracle:x=1", CREW_EINVAL, "policy oracle has no settings");
    REFUSE(cfg.policy = "orcale", CREW_EINVAL, "did you mean 'oracle'");
    REFUSE((cfg.curve = "p", cfg.rounds = 100000, cfg.curve_every = 1), CREW_EINVAL,
           "more than 100000 points");
    REFUSE(cfg.rounds = UINT64_C(1) << 32, CREW_EINVAL, "rounds is 4294967296");
    REFUSE(cfg.pretrain = UINT64_C(1) << 32, CREW_EINVAL, "pretrain is 4294967296");
    REFUSE(cfg.seeds = "1,x", CREW_EINVAL, "seeds: item 2 is 'x'");
    REFUSE(cfg.seeds = "", CREW_EINVAL, "seeds: item 1 is ''");
    REFUSE(cfg.seeds = "1,2,1", CREW_EINVAL, "seeds: 1 is given twice");
    REFUSE(cfg.seeds = "18446744073709551616", CREW_EINVAL, "below 2^64");
    REFUSE(cfg.policy = "fixed,ata:width=0", CREW_EINVAL, "width is 0");
    REFUSE(cfg.policy = "fixed,ata:widht=1", CREW_EINVAL, "did you mean 'width'");
    REFUSE(cfg.profile = "/none/profile", CREW_EINPUT, "/none/profile");
    REFUSE(cfg.curve = "/none/curve", CREW_EOUTPUT, "/none/curve");
    REFUSE(cfg.save_profile = "/none/profile", CREW_EOUTPUT, "/none/profile");
    REFUSE((cfg.save_profile = "p", cfg.seeds = "1,2"), CREW_EINVAL, "one policy and one seed");
    REFUSE((cfg.save_profile = "p", cfg.policy = "fixed,queue"), CREW_EINVAL, "one policy");
    REFUSE(cfg.save_profile = cfg.curve = "p", CREW_EINVAL, "p is named for two outputs");
    REFUSE(cfg.batch_tasks = UINT32_MAX, CREW_EINVAL, "more than 2^32");
    REFUSE((cfg.speeds = "2000000000*1ms", cfg.batch_tasks = 2000000000), CREW_ENOMEM,
           "2000000000 tasks takes about");
    REFUSE((cfg.speeds = NULL, cfg.scenario = "paper-linear", cfg.workers = 4000000000),
           CREW_ENOMEM, "simulating 4000000000 workers");
    REFUSE(cfg.speeds = "4000000000*1ms", CREW_ENOMEM, "simulating 4000000000 workers");
#undef REFUSE
    assert_int_equal(access("p", F_OK), -1);
}

static void a_recording_that_runs_out_is_told(void **state)
{
    (void)state;
    char speeds[96];
    FILE *f = fopen(path_of("tasks.csv"), "w");
    assert_non_null(f);
    fputs("round,worker,task,kept,seconds,cpu_seconds,work\n", f);
    for (int round = 1; round <= 5; round++)
        fprintf(f, "%d,0,0,1,0.5,,1\n%d,1,1,1,0.25,,1\n", round, round);
    assert_int_equal(fclose(f), 0);
    snprintf(speeds, sizeof speeds, "replay(%s)", path_of("tasks.csv"));
    struct crew_simulation_config cfg = base_config(speeds, "uniform");
    cfg.batch_tasks = 2;
    cfg.rounds = 5;
    is_near(simulate(&cfg)->round_s.mean, 0.5, 0);
    cfg.rounds = 6;
    refuse(&cfg, CREW_EINPUT, "policy uniform, round 6: the recording of worker 0 has run out");
    cfg.replay_wrap = true;
    is_near(simulate(&cfg)->worker_s.mean, 0.75, 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    crew_simulation_free(&result);
    static const char *const names[] = {"profile.json", "curve.csv", "tasks.csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_of(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_does_all_tasks_one_after_another),
        cmocka_unit_test(constant_times_give_exact_rounds),
        cmocka_unit_test(greedy_waits_for_the_least_of_exponential_times),
        cmocka_unit_test(uniform_waits_for_the_largest_of_exponential_times),
        cmocka_unit_test(regret_is_that_of_the_proxy_loss),
        cmocka_unit_test(regret_follows_speeds_that_change),
        cmocka_unit_test(what_was_measured_before_saves_exploring),
        cmocka_unit_test(ata_takes_alpha_from_the_true_means),
        cmocka_unit_test(figures_are_means_over_seeds),
        cmocka_unit_test(policies_meet_the_same_times),
        cmocka_unit_test(curves_end_where_the_figures_are),
        cmocka_unit_test(a_curve_may_have_a_point_every_so_many_rounds),
        cmocka_unit_test(a_stop_keeps_what_is_finished),
        cmocka_unit_test(a_profile_that_memory_cannot_hold_is_refused),
        cmocka_unit_test(a_list_of_policies_is_split_at_the_right_commas),
        cmocka_unit_test(bad_input_is_refused_before_anything_runs),
        cmocka_unit_test(a_recording_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
