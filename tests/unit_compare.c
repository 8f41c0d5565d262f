/* Training with several policies side by side, against closed forms. */
#include "study/compare_json.h"
#include "testing.h"
#include "trainer_rig.h"
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static struct crew_error err;
static struct crew_comparison result;

/* Three workers of 1, 2 and 4 s; tasks of equal size: 26 parts, rounds of 6, 6, 6, 6 and 2. */
static struct crew_comparison_config base_config(const char *policy)
{
    struct crew_comparison_config cfg = {.train = rig_config(),
                                         .data = &rig_data,
                                         .policy = policy,
                                         .repeats = 1,
                                         .target_loss = (double)NAN,
                                         .target_accuracy = (double)NAN};
    cfg.train.workers = 0;
    cfg.train.executor = "sim";
    cfg.train.speeds = "1 2 4";
    cfg.train.batch_tasks = 6;
    cfg.train.rounds = 4;
    cfg.train.epochs = 0;
    return cfg;
}

static const struct crew_comparison_policy *compare(const struct crew_comparison_config *cfg)
{
    crew_comparison_free(&result);
    if (crew_compare(cfg, &result, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return result.policy;
}

static void refuse(const struct crew_comparison_config *cfg, const char *text)
{
    struct crew_comparison out;
    crew_status status = crew_compare(cfg, &out, &err);
    if (status != CREW_EINVAL || !strstr(err.text, text))
        fail_msg("%d: '%s' instead of '%s'", status, err.text, text);
    assert_null(out.policy);
}

static void is_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.17g is not within %g of %.17g", a, tolerance, b);
}

/* ---- Closed forms ---- */

/* uniform: two tasks each, 8 s, busy 2 + 4 + 8. fixed: 4, 2, 0 or 3, 2, 1 tasks, 4 s. queue:
 * 4 s, too: at 1, 2, 2, 3 s the workers take the next ones, and the last is done at 4 s. */
static void constant_times_give_exact_figures(void **state)
{
    (void)state;
    struct crew_comparison_config cfg = base_config("uniform,fixed,queue");
    const struct crew_comparison_policy *p = compare(&cfg);
    assert_int_equal(result.n_policies, 3);
    assert_int_equal(result.workers, 3);
    is_near(p[0].run[0].train_s, 32, 1e-12);
    is_near(p[0].run[0].worker_s, 56, 1e-12);
    is_near(p[0].run[0].idle_s, 3 * 32 - 56, 1e-12);
    is_near(p[0].run[0].round_mean_s, 8, 1e-12);
    is_near(p[0].run[0].round_p95_s, 8, 1e-12);
    is_near(p[0].quota_mean[0], 2, 0);
    is_near(p[0].tasks_mean[2], 2, 0);
    is_near(p[1].run[0].train_s, 16, 1e-12);
    is_near(p[1].ratio_train.median, 0.5, 1e-12);
    is_near(p[1].ratio_worker.median, p[1].run[0].worker_s / 56, 1e-12);
    is_near(p[1].quota_mean[0] + p[1].quota_mean[1] + p[1].quota_mean[2], 6, 1e-12);
    is_near(p[2].ratio_train.median, 0.5, 1e-12);
    is_near(p[2].quota_mean[0], 0, 0);
    is_near(p[2].tasks_mean[0] + p[2].tasks_mean[1] + p[2].tasks_mean[2], 6, 1e-12);
    assert_int_equal(p[0].n_points, 4);
    is_near(p[0].point[3].seconds, 32, 1e-12);
    is_near(p[0].point[3].worker_s, 56, 1e-12);
    assert_true(isnan(p[0].run[0].test_accuracy));
    assert_true(isnan(p[0].run[0].joules));
    assert_string_equal(result.no_energy, "time is virtual");
}

static void policies_that_drop_nothing_end_with_the_same_weights(void **state)
{
    (void)state;
    struct crew_comparison_config cfg = base_config("uniform,queue,greedy,ata-empirical,fixed");
    cfg.train.speeds = "1 3*exp(1,2)";
    cfg.repeats = 3;
    const struct crew_comparison_policy *p = compare(&cfg);
    assert_int_equal(result.same, CREW_SAME_YES);
    for (uint32_t r = 0; r < 3; r++)
        for (size_t k = 1; k < 5; k++)
            if (k != 2)
                assert_true(p[k].run[r].weights_digest == p[0].run[r].weights_digest);
    assert_true(p[2].drops && p[2].run[0].dropped);
    assert_false(p[0].drops);
    assert_true(p[0].run[0].weights_digest != p[0].run[1].weights_digest); /* another seed */
    assert_true(p[0].ratio_train.n == 3 && p[0].ratio_train.low == 1 &&
                p[0].ratio_train.high == 1);
}

static void real_threads_end_with_the_weights_of_virtual_ones(void **state)
{
    (void)state;
    struct crew_comparison_config cfg = base_config("uniform");
    uint64_t digest = compare(&cfg)->run[0].weights_digest;
    cfg = base_config(NULL);
    cfg.train.executor = "threads";
    cfg.train.speeds = NULL;
    cfg.train.workers = 2;
    cfg.repeats = 2;
    const struct crew_comparison_policy *p = compare(&cfg);
    assert_int_equal(result.n_policies, 4); /* fixed: no times are known */
    assert_string_equal(p[3].policy, "adaptive");
    assert_int_equal(result.same, CREW_SAME_YES);
    assert_true(p[0].run[0].weights_digest == digest && p[3].run[1].weights_digest == digest);
    for (size_t k = 0; k < 4; k++)
        for (uint32_t r = 0; r < 2; r++)
            is_near(p[k].run[r].idle_s, fmax(2 * p[k].run[r].train_s - p[k].run[r].worker_s, 0),
                    1e-9);
    cfg.train.times = "1,2";
    compare(&cfg);
    assert_int_equal(result.n_policies, 5);
    assert_string_equal(result.policy[4].policy, "fixed");
}

/* ---- Targets ---- */

static void a_run_ends_when_the_smoothed_loss_is_low_enough(void **state)
{
    (void)state;
    struct crew_comparison_config cfg = base_config("uniform,queue");
    cfg.target_loss = 1e9; /* as soon as there are as many rounds as an epoch has: five */
    cfg.train.rounds = 50;
    const struct crew_comparison_policy *p = compare(&cfg);
    assert_int_equal(result.window, 5);
    assert_true(p[0].run[0].reached && p[1].run[0].reached);
    assert_int_equal(p[0].run[0].rounds, 5);
    cfg.target_loss = 1e-9;
    p = compare(&cfg);
    assert_false(p[0].run[0].reached);
    assert_int_equal(p[0].run[0].rounds, 50);
    double sixth = 11 * p[0].point[29].loss; /* an epoch: four rounds of 48 rows, one of 11 */
    for (size_t i = 25; i < 29; i++)
        sixth += 48 * p[0].point[i].loss;
    cfg.target_loss = sixth / RIG_ROWS * (1 + 1e-12);
    p = compare(&cfg);
    assert_true(p[0].run[0].reached);
    assert_true(p[0].run[0].rounds > 5 && p[0].run[0].rounds <= 30);
    assert_int_equal(p[0].run[0].rounds, p[1].run[0].rounds);
    assert_int_equal(result.same, CREW_SAME_YES);
}

static void a_run_ends_when_the_validation_accuracy_is_high_enough(void **state)
{
    (void)state;
    struct crew_data data = rig_data;
    struct crew_comparison_config cfg = base_config("fixed");
    data.validation = data.test = rig_data.train;
    cfg.data = &data;
    cfg.target_accuracy = 0.01;
    cfg.train.rounds = 50;
    const struct crew_comparison_policy *p = compare(&cfg);
    assert_true(p[0].run[0].reached);
    assert_int_equal(p[0].run[0].rounds, 5); /* the first epoch */
    assert_true(p[0].run[0].test_accuracy >= 0.01);
}

/* ---- Calls back ---- */

struct watcher {
    uint32_t begun, ended, finished, stop_at, rounds;
    char order[64];
};

static bool on_begin(void *user, const struct crew_comparison_step *step, crew_trainer *t)
{
    struct watcher *w = user;
    size_t n = strlen(w->order);
    assert_non_null(t);
    snprintf(w->order + n, sizeof w->order - n, "%c%u ", step->policy[0], step->repeat);
    return ++w->begun != w->stop_at;
}

static void on_end(void *user, const struct crew_comparison_step *step,
                   const struct crew_comparison_run *run)
{
    struct watcher *w = user;
    (void)step;
    w->ended++;
    w->finished += run != NULL;
}

static void on_round(void *user, const struct crew_record *r)
{
    struct watcher *w = user;
    (void)r;
    w->rounds++;
}

static void each_repeat_begins_with_another_policy(void **state)
{
    (void)state;
    struct watcher w = {.begun = 0};
    struct crew_comparison_config cfg = base_config("fixed,queue,uniform");
    cfg.repeats = 3;
    cfg.on_begin = on_begin;
    cfg.on_end = on_end;
    cfg.user = &w;
    compare(&cfg);
    assert_string_equal(w.order, "f1 q1 u1 q2 u2 f2 u3 f3 q3 ");
    assert_int_equal(w.ended, 9);
    assert_int_equal(w.finished, 9);
}

static void real_time_is_warmed_up(void **state)
{
    (void)state;
    struct watcher w = {.begun = 0};
    struct crew_comparison_config cfg = base_config("queue");
    cfg.train.executor = "threads";
    cfg.train.speeds = NULL;
    cfg.train.rounds = 1;
    cfg.target_loss = 1e9; /* does not end the warm-up */
    cfg.warm_up_s = 1e-9;
    cfg.on_begin = on_begin;
    cfg.on_round = on_round;
    cfg.on_end = on_end;
    cfg.user = &w;
    compare(&cfg);
    assert_string_equal(w.order, "q0 q1 ");
    assert_int_equal(w.rounds, 3 + 1); /* the least, of a time that is over at once */
    assert_int_equal(w.ended, 2);
    assert_int_equal(w.finished, 1);
    assert_int_equal(result.policy[0].run[0].rounds, 1);
}

static void a_stop_leaves_what_is_finished(void **state)
{
    (void)state;
    struct watcher w = {.stop_at = 4};
    struct crew_comparison_config cfg = base_config("uniform,queue");
    cfg.repeats = 3;
    cfg.on_begin = on_begin;
    cfg.on_end = on_end;
    cfg.user = &w;
    const struct crew_comparison_policy *p = compare(&cfg); /* u1 q1 q2, not u2 */
    assert_true(result.stopped);
    assert_int_equal(w.ended, 4);
    assert_true(p[0].run[0].finished && p[1].run[1].finished && !p[0].run[1].finished);
    assert_int_equal(p[1].ratio_train.n, 1);
    assert_false(crew_spread_holds_one(&p[1].ratio_train));
}

/* greedy needs more of the recording than the others, and it runs out. */
static void a_run_that_fails_leaves_what_is_finished(void **state)
{
    (void)state;
    char path[] = "/tmp/unit_compare.XXXXXX", speeds[64];
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    fputs("round,worker,task,kept,seconds,cpu_seconds,work\n", f);
    for (int i = 1; i <= 12; i++)
        fprintf(f, "%d,0,0,1,%d,,1\n%d,1,1,1,1,,1\n", i, i % 2 ? 1 : 2, i);
    assert_int_equal(fclose(f), 0);
    snprintf(speeds, sizeof speeds, "replay(%s)", path);
    struct watcher w = {.begun = 0};
    struct crew_comparison_config cfg = base_config("uniform,greedy");
    cfg.train.speeds = speeds;
    cfg.train.rounds = 4;
    cfg.on_begin = on_begin;
    cfg.on_end = on_end;
    cfg.user = &w;
    crew_comparison_free(&result);
    crew_status status = crew_compare(&cfg, &result, &err);
    if (status != CREW_EINPUT)
        fail_msg("%s", err.text);
    unlink(path);
    assert_non_null(strstr(err.text, "greedy, repeat 1: "));
    assert_string_equal(result.error, err.text);
    assert_int_equal(w.ended, 2);
    assert_int_equal(w.finished, 1);
    assert_int_equal(result.n_policies, 2);
    assert_true(result.stopped && result.policy[0].run[0].finished &&
                !result.policy[1].run[0].finished);
    json_t *o = crew_comparison_json(&result, NULL, 0, false);
    assert_string_equal(json_string_value(json_object_get(o, "error")), err.text);
    json_decref(o);
}

/* ---- Energy, files, refusals ---- */

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void joules_are_measured_where_they_can_be_read(void **state)
{
    (void)state;
    char root[] = "/tmp/unit_compare.XXXXXX", zone[64], path[200];
    assert_non_null(mkdtemp(root));
    snprintf(zone, sizeof zone, "%s/intel-rapl:0", root);
    assert_int_equal(mkdir(zone, 0777), 0);
    write_text(zone, "name", "package-0\n");
    write_text(zone, "energy_uj", "5\n");
    write_text(zone, "max_energy_range_uj", "1000000\n");
    struct crew_comparison_config cfg = base_config("queue");
    cfg.train.executor = "threads";
    cfg.train.speeds = NULL;
    cfg.powercap = root;
    is_near(compare(&cfg)->run[0].joules, 0, 0); /* the counter stands still */
    assert_string_equal(result.no_energy, "");
    cfg.powercap = "/nowhere";
    assert_true(isnan(compare(&cfg)->run[0].joules));
    assert_non_null(strstr(result.no_energy, "/nowhere"));
    static const char *const files[] = {"name", "energy_uj", "max_energy_range_uj"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", zone, files[i]);
        unlink(path);
    }
    rmdir(zone);
    rmdir(root);
}

static void json_says_what_is_known_and_null_of_the_rest(void **state)
{
    (void)state;
    struct watcher w = {.stop_at = 2};
    struct crew_comparison_config cfg = base_config("uniform,queue");
    const struct crew_settings set = {crew_train_options(), &cfg.train};
    cfg.on_begin = on_begin;
    cfg.user = &w;
    compare(&cfg);
    json_t *o = crew_comparison_json(&result, &set, 1, true);
    json_t *list = json_object_get(o, "policies"), *first = json_array_get(list, 0),
           *second = json_array_get(list, 1);
    assert_int_equal(json_array_size(list), 2);
    is_near(json_real_value(json_array_get(json_object_get(first, "train_s"), 0)), 32, 1e-12);
    assert_true(json_is_null(json_array_get(json_object_get(second, "train_s"), 0)));
    assert_true(json_is_null(json_array_get(json_object_get(first, "joules"), 0)));
    assert_true(json_is_null(json_array_get(json_object_get(first, "reached"), 0)));
    assert_true(json_is_null(json_object_get(o, "same_weights")));
    assert_true(json_is_true(json_object_get(o, "stopped")));
    json_t *curve = json_object_get(first, "curve");
    assert_int_equal(json_array_size(json_object_get(curve, "loss")), 4);
    assert_int_equal(json_array_size(json_object_get(first, "quota_mean")), 3);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(o, "config"), "speeds")), "1 2 4");
    assert_true(json_is_object(json_object_get(o, "machine")));
    json_decref(o);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct crew_comparison_config cfg = base_config("uniform,queeu");
    refuse(&cfg, "did you mean 'queue'?");
    cfg = base_config("uniform,ata:widht=2"); /* found out before the first run */
    refuse(&cfg, "did you mean 'width'?");
    cfg = base_config("uniform");
    cfg.against = "queue";
    refuse(&cfg, "against is 'queue', which is not among the policies compared");
    cfg = base_config("uniform");
    cfg.repeats = 0;
    refuse(&cfg, "repeats is 0");
    cfg = base_config("uniform");
    cfg.target_accuracy = 0.5;
    refuse(&cfg, "see val-fraction");
    cfg.target_loss = 0.5;
    refuse(&cfg, "not both");
    cfg = base_config("uniform,fixed"); /* it is asked for by name */
    cfg.train.executor = "threads";
    cfg.train.speeds = NULL;
    refuse(&cfg, "needs the mean seconds");
}

static int free_result(void **state)
{
    crew_comparison_free(&result);
    return rig_close(state);
}

int main(void)
{
    test_print_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_times_give_exact_figures),
        cmocka_unit_test(policies_that_drop_nothing_end_with_the_same_weights),
        cmocka_unit_test(real_threads_end_with_the_weights_of_virtual_ones),
        cmocka_unit_test(a_run_ends_when_the_smoothed_loss_is_low_enough),
        cmocka_unit_test(a_run_ends_when_the_validation_accuracy_is_high_enough),
        cmocka_unit_test(each_repeat_begins_with_another_policy),
        cmocka_unit_test(real_time_is_warmed_up),
        cmocka_unit_test(a_stop_leaves_what_is_finished),
        cmocka_unit_test(a_run_that_fails_leaves_what_is_finished),
        cmocka_unit_test(joules_are_measured_where_they_can_be_read),
        cmocka_unit_test(json_says_what_is_known_and_null_of_the_rest),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, rig_open, free_result);
}
