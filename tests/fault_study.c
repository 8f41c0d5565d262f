/* Every call that can fail does, while policies are simulated, plans made, profiles and
 * settings read, and while a run writes its log and goes on with it. */
#include "testing.h"

#include "base/error.h"
#include "fault.h"
#include "fault_rig.h"
#include "study/runlog.h"
#include "study/simulate.h"
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Simulations ---- */

static double round_s, expected_s;

static crew_status simulate(struct crew_error *err)
{
    const struct crew_simulation_config cfg = {.speeds = "2*exp(1ms,2ms) 1*uniform(1ms,2ms)",
                                               .batch_tasks = 5,
                                               .rounds = 20,
                                               .policy = "ata-empirical",
                                               .seeds = "7",
                                               .pretrain = 3,
                                               .save_profile = fault_path("out/profile"),
                                               .curve = fault_path("out/curve"),
                                               .replace = true};
    struct crew_simulation s = {0};
    crew_status status = crew_simulate(&cfg, &s, err);
    if (status == CREW_OK)
        round_s = s.figures[0].round_s.mean;
    crew_simulation_free(&s);
    return status;
}

static void empty_folder(void)
{
    fault_remove(fault_path("out"));
    mkdir(fault_path("out"), 0777);
}

static bool simulated(crew_status status, const char *failed)
{
    (void)failed;
    if (status != CREW_OK)
        return true;
    return round_s == expected_s && fault_files(fault_path("out")) == 2 &&
           fault_same_file(fault_path("out/profile"), fault_path("profile")) &&
           fault_same_file(fault_path("out/curve"), fault_path("curve"));
}

static void simulating(void **state)
{
    struct crew_error err;
    (void)state;
    empty_folder();
    assert_int_equal(simulate(&err), CREW_OK);
    expected_s = round_s;
    assert_int_equal(rename(fault_path("out/profile"), fault_path("profile")), 0);
    assert_int_equal(rename(fault_path("out/curve"), fault_path("curve")), 0);
    const struct fault_scenario s = {
        .name = "simulation", .before = empty_folder, .run = simulate, .after = simulated};
    fault_try(&s);
}

static crew_status simulate_scenario(struct crew_error *err)
{
    const struct crew_simulation_config cfg = {.scenario = "paper-sqrt",
                                               .workers = 5,
                                               .batch_tasks = 3,
                                               .rounds = 20,
                                               .policy =
                                                   "greedy,fixed,ata:width=2,queue,uniform",
                                               .seeds = "1,2"};
    struct crew_simulation s = {0};
    crew_status status = crew_simulate(&cfg, &s, err);
    if (status == CREW_OK)
        round_s = s.figures[4].round_s.mean;
    crew_simulation_free(&s);
    return status;
}

static bool same_length(crew_status status, const char *failed)
{
    (void)failed;
    return status != CREW_OK || round_s == expected_s;
}

static void all_policies(void **state)
{
    struct crew_error err;
    (void)state;
    assert_int_equal(simulate_scenario(&err), CREW_OK);
    expected_s = round_s;
    const struct fault_scenario s = {
        .name = "scenario", .run = simulate_scenario, .after = same_length};
    fault_try(&s);
}

/* ---- Plans ---- */

static char times[300]; /* "@FILE" */

static crew_status plan(struct crew_error *err)
{
    const struct crew_policy_ops *fixed = crew_policy_find("fixed");
    struct crew_policy_config cfg = {.struct_size = sizeof cfg, .seed = 1};
    uint64_t quota[3] = {0};
    bool open[3] = {false}, overrun[3] = {false};
    struct crew_plan_request rq = {.round = 1, .tasks = 23, .n = 3};
    struct crew_plan out = {quota, open, overrun};
    double *mean;
    size_t n;
    void *self;
    TRY(crew_times_read(times, &mean, &n, err));
    cfg.mean_s = mean;
    cfg.n = (uint32_t)n;
    crew_status status = fixed->create(&cfg, &self, err);
    if (status == CREW_OK) {
        fixed->plan(self, &rq, &out);
        status = crew_plan_check(&rq, &out, err);
        round_s = (double)(quota[0] * 10000 + quota[1] * 100 + quota[2]);
        fixed->destroy(self);
    }
    crew_times_free(mean);
    return status;
}

static void planning(void **state)
{
    static const char text[] = "1 2\n3.5\n";
    struct crew_error err;
    (void)state;
    fault_write_file(fault_path("times"), text, sizeof text - 1);
    snprintf(times, sizeof times, "@%s", fault_path("times"));
    assert_int_equal(plan(&err), CREW_OK);
    expected_s = round_s;
    const struct fault_scenario s = {.name = "plan", .run = plan, .after = same_length};
    fault_try(&s);
}

/* ---- Logs ---- */

static struct crew_config config;
static const struct crew_settings *settings(void)
{
    static struct crew_settings set;
    set = (struct crew_settings){crew_train_options(), &config};
    return &set;
}

static crew_trainer *trainer;
static struct crew_runlog_config files;

/* Rounds [first, last] and the end, of numbers that stay. */
static crew_status write_log(uint64_t first, uint64_t last, struct crew_error *err)
{
    static const struct crew_timing timing[] = {
        {.worker = 0, .seconds = 0.001, .cpu_seconds = 0.001, .work = 1, .kept = true},
        {.worker = 1,
         .task = 1,
         .seconds = 0.002,
         .cpu_seconds = 0.5,
         .work = 1,
         .kept = true}};
    static const uint64_t one[] = {1, 1};
    static const double busy[] = {0.001, 0.002};
    struct crew_record r = {.epoch = 1,
                            .rows = 8,
                            .loss = 0.5,
                            .lr = 0.25,
                            .seconds = 0.125,
                            .n = 2,
                            .quota = one,
                            .done = one,
                            .busy_s = busy,
                            .timing = timing,
                            .n_timings = 2,
                            .remark = "a remark"};
    const struct crew_epoch_record e = {.epoch = 1, .round = last, .train_loss = 0.5};
    const struct crew_checkpoint_record c = {.round = last, .path = "file", .text = ""};
    const struct crew_summary sum = {.rounds = last};
    const struct crew_evaluation test = {.rows = 4, .correct = 3, .loss = 1, .accuracy = 0.75};
    struct crew_dataset_info info;
    crew_runlog *l;
    crew_dataset_info(fault_data.train, &info);
    TRY(crew_runlog_open(&files, &l, err));
    crew_runlog_start(l, settings(), 1, trainer, &info);
    for (r.round = first; r.round <= last; r.round++)
        crew_runlog_round(l, &r);
    crew_runlog_epoch(l, &e);
    crew_runlog_checkpoint(l, &c);
    crew_runlog_end(l, &sum, &test, NULL);
    return crew_runlog_close(l, err);
}

static crew_status write_first(struct crew_error *err)
{
    return write_log(1, 3, err);
}

static crew_status write_on(struct crew_error *err)
{
    return write_log(3, 4, err);
}

/* Dates are all alike. */
static char *read_log(const char *path)
{
    size_t bytes;
    char *all = fault_read_file(path, &bytes), *at = all;
    while (at && (at = strstr(at, "\"date\":\""))) {
        at += strlen("\"date\":\"");
        memset(at, '-', strcspn(at, "\""));
    }
    return all;
}

static bool same_log(const char *a, const char *b)
{
    char *x = read_log(a), *y = read_log(b);
    bool same = x && y && !strcmp(x, y);
    free(x);
    free(y);
    return same;
}

static bool logged(crew_status status, const char *failed)
{
    (void)failed;
    return status != CREW_OK || (same_log(fault_path("out/log"), fault_path("log")) &&
                                 fault_same_file(fault_path("out/tasks"), fault_path("tasks")));
}

static void put_first(void)
{
    size_t bytes;
    empty_folder();
    char *log = fault_read_file(fault_path("first"), &bytes);
    fault_write_file(fault_path("out/log"), log, bytes);
    free(log);
    char *tasks = fault_read_file(fault_path("first tasks"), &bytes);
    fault_write_file(fault_path("out/tasks"), tasks, bytes);
    free(tasks);
}

/* What was written up to the round it goes on after, stays. */
static bool begins_as_before(const char *path, const char *before, const char *until)
{
    char *x = read_log(path), *y = read_log(before), *end = y ? strstr(y, until) : NULL;
    bool same = x && end && !strncmp(x, y, (size_t)(end - y));
    free(x);
    free(y);
    return same;
}

static bool logged_on(crew_status status, const char *failed)
{
    return logged(status, failed) &&
           begins_as_before(fault_path("out/log"), fault_path("first"),
                            "{\"event\":\"round\",\"round\":3") &&
           begins_as_before(fault_path("out/tasks"), fault_path("first tasks"), "\n3,");
}

static void keep_files(const char *log, const char *tasks)
{
    assert_int_equal(rename(fault_path("out/log"), log), 0);
    assert_int_equal(rename(fault_path("out/tasks"), tasks), 0);
}

static void logging(void **state)
{
    static char rounds[256], tasks[256];
    struct crew_error err;
    (void)state;
    described_machine();
    config = fault_config();
    trainer = fault_trainer(&config);
    empty_folder();
    snprintf(rounds, sizeof rounds, "%s", fault_path("out/log"));
    snprintf(tasks, sizeof tasks, "%s", fault_path("out/tasks"));
    files = (struct crew_runlog_config){.rounds = rounds, .tasks = tasks, .replace = true};
    assert_int_equal(write_first(&err), CREW_OK);
    keep_files(fault_path("log"), fault_path("tasks"));
    const struct fault_scenario s = {
        .name = "log", .before = empty_folder, .run = write_first, .after = logged};
    fault_try(&s);

    keep_files(fault_path("first"), fault_path("first tasks"));
    files.resumed = true;
    files.round = 2;
    files.set = settings();
    files.n_sets = 1;
    put_first();
    assert_int_equal(write_on(&err), CREW_OK);
    keep_files(fault_path("log"), fault_path("tasks"));
    const struct fault_scenario on = {.name = "log of a run that goes on",
                                      .before = put_first,
                                      .run = write_on,
                                      .after = logged_on,
                                      .reads_json = true};
    fault_try(&on);
    crew_trainer_destroy(trainer);
}

static crew_status read_settings(struct crew_error *err)
{
    void *texts;
    struct crew_config cfg;
    crew_config_init(&cfg);
    const struct crew_settings set = {crew_train_options(), &cfg};
    crew_status status = crew_runlog_config(fault_path("settings"), &set, 1, &texts, err);
    if (status == CREW_OK)
        round_s =
            strcmp(cfg.model, "mlp:3") == 0 && cfg.batch_tasks == 9 && cfg.smt ? cfg.lr : 0;
    crew_runlog_config_free(texts);
    return status;
}

static void settings_file(void **state)
{
    static const char text[] =
        "{\"model\": \"mlp:3\", \"batch-tasks\": 9, \"lr\": 0.125, \"smt\": true}";
    (void)state;
    fault_write_file(fault_path("settings"), text, sizeof text - 1);
    expected_s = 0.125;
    const struct fault_scenario s = {
        .name = "settings", .run = read_settings, .after = same_length, .reads_json = true};
    fault_try(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulating),    cmocka_unit_test(all_policies),
        cmocka_unit_test(planning),      cmocka_unit_test(logging),
        cmocka_unit_test(settings_file),
    };
    return cmocka_run_group_tests(tests, fault_open, fault_close);
}
