/* --fuse-quota: a worker's tasks of a round are one minibatch, so a run of many small tasks is,
 * bit for bit, one of few large ones; and what cannot be joined is not. */
#include "testing.h"

#include "trainer_rig.h"

enum {
    ROWS = 192
}; /* a multiple of every round below: the last one is as long as the others */

static int open_rows(void **state)
{
    if (rig_open(state) != 0)
        return -1;
    crew_dataset_destroy(rig_data.train);
    return crew_dataset_wrap(&rig_x[0][0], rig_label, ROWS, RIG_FEATURES, RIG_CLASSES,
                             &rig_data.train, NULL) != CREW_OK;
}

static struct crew_config config(const char *model, uint32_t workers, uint32_t tasks,
                                 uint32_t rows)
{
    struct crew_config cfg = rig_config();
    cfg.model = model;
    cfg.policy = "uniform";
    cfg.workers = workers;
    cfg.batch_tasks = tasks;
    cfg.task_rows = rows;
    return cfg;
}

/* Dropout draws by (task, row of the minibatch): the first task's are the same. */
static const char *const models[] = {"softmax", "mlp:9,5",
                                     "cnn:conv1x3-4,relu,norm,pool1,fc7,relu"};

static void a_quota_is_one_minibatch(void **state)
{
    static const struct {
        uint32_t workers, tasks, rows;
    } runs[] = {{1, 4, 8}, {1, 6, 2}, {2, 4, 8}, {2, 16, 1}, {3, 6, 4}, {3, 12, 2}, {4, 16, 3}};
    (void)state;
    for (size_t m = 0; m < 3; m++)
        for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
            struct crew_config small = config(models[m], runs[k].workers, runs[k].tasks,
                                              runs[k].rows),
                               large = config(models[m], runs[k].workers, runs[k].workers,
                                              runs[k].tasks / runs[k].workers * runs[k].rows);
            uint64_t apart = rig_result(&small);
            small.fuse_quota = true;
            uint64_t fused = rig_result(&small), one = rig_result(&large);
            if (fused != one || fused == apart)
                fail_msg("%s, %u workers, %u tasks of %u rows: %016llx, as one minibatch each "
                         "%016llx, apart "
                         "%016llx",
                         models[m], runs[k].workers, runs[k].tasks, runs[k].rows,
                         (unsigned long long)fused, (unsigned long long)one,
                         (unsigned long long)apart);
        }
}

static void results_that_may_be_dropped_stay_apart(void **state)
{
    static const char *const policies[] = {"greedy", "queue"};
    (void)state;
    for (int p = 0; p < 2; p++) {
        struct crew_config cfg = config("mlp:9", 1, 5, 8); /* one worker: nobody is late */
        cfg.policy = policies[p];
        uint64_t apart = rig_result(&cfg);
        cfg.fuse_quota = true;
        assert_true(rig_result(&cfg) == apart);
    }
}

/* A worker may have all of B: the memory for that is there, and said before it is taken. */
static void every_task_may_go_to_one_worker(void **state)
{
    (void)state;
    struct crew_config cfg = config("mlp:9", 2, 24, 8);
    cfg.policy = "fixed";
    cfg.times = "1,1000";
    cfg.fuse_quota = true;
    crew_trainer *t = rig_trainer(&cfg);
    double bytes = t->bytes;
    rig_run(t);
    assert_int_equal(t->work.join, 24);
    assert_true(t->tally[0].kept == 24 * 3 && t->tally[1].kept == 0);
    crew_trainer_destroy(t);
    cfg.fuse_quota = false;
    t = rig_trainer(&cfg);
    assert_true(bytes - t->bytes >= 2.0 * 23 * 8 * RIG_FEATURES * sizeof(float));
    crew_trainer_destroy(t);
    cfg.fuse_quota = true;
    cfg.task_rows = 100; /* 1024 rows hold 10 */
    cfg.batch_tasks = 24;
    t = rig_trainer(&cfg);
    assert_int_equal(t->work.join, 10);
    crew_trainer_destroy(t);
}

static void virtual_workers_are_refused(void **state)
{
    (void)state;
    struct crew_config cfg = config("mlp:9", 0, 4, 8);
    struct crew_error err;
    crew_trainer *t;
    cfg.executor = "sim";
    cfg.speeds = "2*1ms";
    cfg.fuse_quota = true;
    assert_int_equal(crew_trainer_create(&cfg, &rig_data, &t, &err), CREW_EINVAL);
    assert_non_null(strstr(err.text, "fuse-quota needs real threads"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_is_one_minibatch),
        cmocka_unit_test(results_that_may_be_dropped_stay_apart),
        cmocka_unit_test(every_task_may_go_to_one_worker),
        cmocka_unit_test(virtual_workers_are_refused),
    };
    return cmocka_run_group_tests(tests, open_rows, rig_close);
}
