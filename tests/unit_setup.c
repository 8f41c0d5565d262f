/* What no trainer is made of: each refusal with its reason. */
#include "testing.h"

#include "trainer_rig.h"
#include <math.h>

static void refuses(const struct crew_config *cfg, crew_status want, const char *why)
{
    struct crew_error err = {.status = CREW_OK};
    crew_trainer *t = (crew_trainer *)&err;
    crew_status status = crew_trainer_create(cfg, &rig_data, &t, &err);
    if (status != want || err.status != want || t || !strstr(err.text, why))
        fail_msg("status %d, '%s' does not say '%s'", status, err.text, why);
    assert_int_equal(crew_trainer_create(cfg, &rig_data, &t, NULL), want);
}

#define REFUSE(FIELD, VALUE, WHY)               \
    do {                                        \
        struct crew_config cfg_ = rig_config(); \
        cfg_.FIELD = VALUE;                     \
        refuses(&cfg_, CREW_EINVAL, WHY);       \
    } while (0)

static void wrong_settings_are_refused_with_a_reason(void **state)
{
    (void)state;
    REFUSE(struct_size, 0, "crew_config_init");
    REFUSE(struct_size, 10000, "crew_config_init");
    REFUSE(model, "mpl:64", "unknown model 'mpl'; did you mean 'mlp'?");
    REFUSE(model, "mlp:0", "width '0'");
    REFUSE(model, NULL, "NULL");
    REFUSE(policy, "ata-emprical",
           "unknown policy 'ata-emprical'; did you mean 'ata-empirical'?");
    REFUSE(policy, "queue:x=1", "policy queue");
    REFUSE(policy, "fixed", "times");
    REFUSE(times, "1,2,3", "3 numbers for 2 workers");
    REFUSE(times, "1,-2", "item 2 is '-2'");
    REFUSE(cores, "nonsense", "nonsense");
    REFUSE(bind, "sometimes", "must be prefer, strict or none");
    REFUSE(workers, 5000, "workers is 5000, must be 0..4096");
    REFUSE(emulate, "0:0.5x", "'0:0.5x'");
    REFUSE(emulate, "0:2", "'0:2'");
    REFUSE(emulate, "7:2x", "there is no worker 7");
    REFUSE(batch_tasks, 0, "batch-tasks is 0, must be 1..65536");
    REFUSE(batch_tasks, 65537, "batch-tasks is 65537, must be 1..65536");
    REFUSE(task_rows, (1 << 20) + 1, "task-rows is 1048577");
    REFUSE(momentum, 0.5, "momentum is of the optimizer sgd, this one is adam");
    REFUSE(time_limit_s, -1, "time-limit is -1");
    REFUSE(optimizer, "adm", "unknown optimizer 'adm'; did you mean 'adam'?");
    REFUSE(lr, -0.1, "lr is -0.1");
    REFUSE(lr, (double)NAN, "lr is nan");
    REFUSE(lr, (double)INFINITY, "lr is inf");
    REFUSE(momentum, 1, "momentum is 1");
    REFUSE(clip, -1, "clip is -1");
    REFUSE(schedule, "cosin", "unknown schedule 'cosin'; did you mean 'cosine'?");
    REFUSE(best, true, "best needs validation rows");
    REFUSE(patience, 3, "patience needs validation rows");
    REFUSE(keep, 0, "keep is 0, must be 1..1000000");
    REFUSE(every, "5s", "every needs a folder: see checkpoint");
    REFUSE(keep, 4, "keep needs a folder: see checkpoint");
    REFUSE(resume, NULL, "NULL");
}

static void more_memory_than_there_is_is_refused_with_numbers(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    cfg.model = "mlp:1048576,524288"; /* 2^39 weights: 2 TB each time they are held */
    refuses(&cfg, CREW_ENOMEM, "MB are free");
}

static void wrong_data_is_refused(void **state)
{
    (void)state;
    const struct crew_config cfg = rig_config();
    struct crew_data none = {.train = NULL}, other = rig_data;
    struct crew_error err;
    crew_trainer *t;
    assert_int_equal(crew_trainer_create(&cfg, &none, &t, &err), CREW_EINVAL);
    assert_string_equal(err.text, "no training data");
    assert_int_equal(crew_trainer_create(&cfg, NULL, &t, &err), CREW_EINVAL);
    assert_int_equal(
        crew_dataset_wrap(&rig_x[0][0], NULL, RIG_ROWS, RIG_FEATURES, 0, &none.train, NULL),
        CREW_OK);
    assert_int_equal(crew_trainer_create(&cfg, &none, &t, &err), CREW_EINVAL);
    assert_non_null(strstr(err.text, "0 classes"));
    crew_dataset_destroy(none.train);
    assert_int_equal(crew_dataset_wrap(&rig_x[0][0], rig_label, 100, RIG_FEATURES + 1,
                                       RIG_CLASSES, &other.validation, NULL),
                     CREW_OK);
    assert_int_equal(crew_trainer_create(&cfg, &other, &t, &err), CREW_EINVAL);
    assert_non_null(strstr(err.text, "validation"));
    t = rig_trainer(&cfg); /* nor can it be evaluated */
    struct crew_evaluation e;
    assert_int_equal(crew_trainer_evaluate(t, other.validation, &e, &err), CREW_EINVAL);
    assert_non_null(strstr(err.text, "14 features, the model mlp:9 has 13"));
    crew_trainer_destroy(t);
    crew_dataset_destroy(other.validation);
    crew_trainer_destroy(NULL);
}

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    (void)cfg;
    (void)err;
    *self = NULL;
    return CREW_OK;
}

static void plan_too_much(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    (void)self;
    out->quota[0] = rq->tasks + (rq->round == 3);
}

/* Two good rounds, then one that is not carried out. */
static void an_illegal_plan_ends_the_run(void **state)
{
    (void)state;
    struct crew_policy_ops own = {
        .abi = CREW_POLICY_ABI, .name = "own", .create = create, .plan = plan_too_much};
    struct crew_config cfg = rig_config();
    struct crew_error err;
    struct crew_summary s;
    cfg.policy_ops = &own;
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(crew_trainer_run(t, &err), CREW_EINVAL);
    assert_string_equal(
        err.text, "policy own: round 3: quotas sum to more than 7 tasks from worker 0 on");
    crew_trainer_summary(t, &s);
    assert_int_equal(s.rounds, 2);
    crew_trainer_destroy(t);
    own.abi = 77;
    refuses(&cfg, CREW_EINVAL, "abi 77");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_settings_are_refused_with_a_reason),
        cmocka_unit_test(more_memory_than_there_is_is_refused_with_numbers),
        cmocka_unit_test(wrong_data_is_refused),
        cmocka_unit_test(an_illegal_plan_ends_the_run),
    };
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
