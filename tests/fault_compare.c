/* Every call that can fail does, while a comparison is saved: the whole of it is there then, or
 * the file of before. */
#include "testing.h"

#include "fault.h"
#include "fault_rig.h"
#include "study/compare_json.h"
#include <math.h>
#include <string.h>

enum { REPEATS = 3, WORKERS = 2, POINTS = 4 };

static struct crew_comparison comparison;
static struct crew_config config;

static crew_status save(struct crew_error *err)
{
    const struct crew_settings set = {crew_train_options(), &config};
    return crew_comparison_save(&comparison, &set, 1, fault_path("out"), true, err);
}

static void put_old(void)
{
    fault_write_file(fault_path("out"), "old", 3);
}

/* Dates are all alike. */
static char *read_result(const char *path)
{
    size_t bytes;
    char *all = fault_read_file(path, &bytes), *at = all ? strstr(all, "\"date\": \"") : NULL;
    if (at) {
        at += strlen("\"date\": \"");
        memset(at, '-', strcspn(at, "\""));
    }
    return all;
}

static bool whole_or_old(crew_status status, const char *failed)
{
    (void)failed;
    char *now = read_result(fault_path("out")), *want = read_result(fault_path("whole"));
    /* The folder may be what could not be synced: then the new one is there, too. */
    bool good =
        now && want && (!strcmp(now, want) || (status != CREW_OK && !strcmp(now, "old")));
    free(now);
    free(want);
    return good;
}

static void saving(void **state)
{
    static struct crew_comparison_run run[2][REPEATS];
    static struct crew_rounds_entry point[POINTS];
    static double tasks[WORKERS] = {3, 2};
    static struct crew_comparison_policy policy[2];
    struct crew_error err;
    (void)state;
    described_machine();
    config = fault_config();
    for (int p = 0; p < 2; p++) {
        for (int r = 0; r < REPEATS; r++)
            run[p][r] = (struct crew_comparison_run){.finished = p == 0 || r < 2,
                                                     .train_s = 1.5 + p + r,
                                                     .joules = (double)NAN,
                                                     .rounds = 7,
                                                     .weights_digest = 0x123456789abcdef0};
        policy[p] = (struct crew_comparison_policy){.policy = p ? "queue" : "uniform",
                                                    .run = run[p],
                                                    .point = point,
                                                    .n_points = POINTS,
                                                    .quota_mean = tasks,
                                                    .tasks_mean = tasks};
    }
    comparison = (struct crew_comparison){.n_policies = 2,
                                          .policy = policy,
                                          .repeats = REPEATS,
                                          .workers = WORKERS,
                                          .seed = UINT64_MAX, /* a text in JSON */
                                          .target_loss = 0.25,
                                          .target_accuracy = (double)NAN,
                                          .error = "a sentence"};
    crew_comparison_summarise(&comparison, false);
    assert_int_equal(crew_machine_create(NULL, &comparison.machine, &err), CREW_OK);
    assert_int_equal(save(&err), CREW_OK);
    assert_int_equal(rename(fault_path("out"), fault_path("whole")), 0);
    const struct fault_scenario s = {
        .name = "a comparison", .before = put_old, .run = save, .after = whole_or_old};
    fault_try(&s);
    crew_machine_destroy(comparison.machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(saving)};
    return cmocka_run_group_tests(tests, fault_open, fault_close);
}
