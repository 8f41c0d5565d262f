/* Runs on rows in shards: the same bits where the allocation is the same, what is refused, and
 * what is said. SEED=7 make prop_shard_runs draws others. */
#include "testing.h"

#include "shards_rig.h"
#include <math.h>

/* ---- The same bits ---- */

/* Workers of unlike speeds: 3 shards, or none. */
static struct crew_config three_workers(const char *policy, const char *speeds)
{
    struct crew_config cfg = rig_config();
    cfg.policy = policy;
    cfg.executor = "sim";
    cfg.speeds = speeds;
    cfg.workers = 0;
    cfg.batch_tasks = 9;
    cfg.shards = "worker";
    cfg.schedule = "cosine";
    cfg.epochs = 0;
    cfg.rounds = 60;
    return cfg;
}

/* Anywhere, any number of times: the allocation, and with it the rows, are those of one run. */
static void a_run_that_goes_on_is_the_run_that_was_never_interrupted(void **state)
{
    (void)state;
    static const char *const policies[] = {"uniform", "fixed", "ata", "ata-empirical",
                                           "adaptive"};
    for (uint64_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        struct crew_config cfg = three_workers(policies[p], "1ms exp(1ms,2ms) 5ms");
        crew_trainer *t = rig_trainer(&cfg);
        struct crew_summary want;
        rig_run(t);
        crew_trainer_summary(t, &want);
        crew_trainer_destroy(t);
        ck_clear(NULL);
        cfg.checkpoint = ck_dir;
        struct ck_part last;
        for (uint64_t stop = 0, i = 0; stop < cfg.rounds; i++) {
            stop += 1 + crew_rng_u64(test_seed(), CREW_STREAM_TEST, 3, 100 * p + i) % 25;
            last = ck_run(cfg, stop < cfg.rounds ? stop : 0);
            assert_true(last.s.resumed == (i > 0));
        }
        if (last.s.weights_digest != want.weights_digest || last.s.rows != want.rows ||
            last.s.epochs != want.epochs || last.s.train_loss != want.train_loss ||
            last.s.worker_s != want.worker_s)
            fail_msg("%s: another run (SEED=%llu)", policies[p],
                     (unsigned long long)test_seed());
    }
}

static void checkpoints_of_other_shards_are_refused(void **state)
{
    (void)state;
    struct crew_config cfg = three_workers("adaptive", "3*1ms");
    cfg.checkpoint = ck_dir;
    (void)ck_run(cfg, 5);
    cfg.speeds = "4*1ms";
    ck_refuse(&cfg, CREW_EINVAL, "other shards of the rows");
    cfg.speeds = "1ms"; /* one worker, one shard: none */
    ck_refuse(&cfg, CREW_EINVAL, "other shards of the rows");
    cfg.speeds = "3*1ms";
    cfg.shards = "off";
    ck_refuse(&cfg, CREW_EINVAL, "with shards worker, now it is off");
}

/* Three virtual workers on one and on two threads, and three threads: same plans, same bits. */
static void who_computes_changes_no_bit_while_the_allocation_is_the_same(void **state)
{
    (void)state;
    struct crew_config cfg = three_workers("fixed", "1ms 2ms 5ms");
    cfg.times = "1,2,5";
    uint64_t want = rig_result(&cfg);
    cfg.speeds = "2*3ms exp(1ms,1ms)";
    assert_true(rig_result(&cfg) == want);
    cfg.cores = "0";
    assert_true(rig_result(&cfg) == want);
    cfg.cores = "auto";
    cfg.executor = "threads";
    cfg.speeds = NULL;
    cfg.workers = 3;
    assert_true(rig_result(&cfg) == want);
    cfg.times = "1,1,1";
    assert_true(rig_result(&cfg) != want);
}

static crew_trainer *stopped_by_plan;
static int plans;

static void plan_and_stop(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    (void)self;
    out->quota[0] = rq->tasks - 2;
    out->quota[1] = out->quota[2] = 1;
    if (stopped_by_plan && ++plans % 3)
        crew_trainer_request_stop(stopped_by_plan);
}

/* Twice after its rows were chosen, in any round of a shard's epoch; and what is saved then is
 * the round before. */
static void a_round_that_was_stopped_is_done_again(void **state)
{
    (void)state;
    struct crew_policy_ops own = given;
    struct crew_config cfg = three_workers("adaptive", "3*1ms");
    struct crew_summary s = {.rounds = 0};
    own.plan = plan_and_stop;
    cfg.policy_ops = &own;
    cfg.schedule = "constant";
    stopped_by_plan = NULL;
    uint64_t want = rig_result(&cfg);
    struct crew_config rest = cfg;
    cfg.rounds = 1;
    cfg.checkpoint = ck_dir;
    crew_trainer *t = rig_trainer(&cfg);
    stopped_by_plan = t;
    for (int run = 1; run <= 3 * 40 + 2; run++) {
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_int_equal(s.rounds, run / 3);
    }
    crew_trainer_destroy(t);
    stopped_by_plan = NULL;
    rest.checkpoint = ck_dir;
    rest.rounds = 60 - 39; /* the last run began after 39 */
    struct ck_part p = ck_run(rest, 0);
    assert_int_equal(p.s.resumed_round, 40);
    assert_int_equal(p.s.rounds, 60);
    assert_true(p.s.weights_digest == want);
}

/* One round of two threads, of whom worker 1 may be away: then worker 0 does all tasks, the
 * last one of shard 1. */
static void one_round(bool fuse, bool away, float *after)
{
    static const bool here[] = {true, false};
    struct crew_config cfg = two_shards(5, 7);
    float w[PARAMS];
    some_params(w);
    cfg.policy_ops = NULL;
    cfg.policy = "fixed";
    cfg.times = "2,5";
    cfg.executor = "threads";
    cfg.speeds = NULL;
    cfg.workers = 2;
    cfg.fuse_quota = fuse;
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(crew_trainer_set_params(t, w, PARAMS, NULL), CREW_OK);
    t->loop.request.available = away ? here : NULL;
    rig_run(t);
    assert_int_equal(t->tally[0].kept, away ? 7 : 5);
    assert_int_equal(crew_trainer_get_params(t, after, PARAMS, NULL), CREW_OK);
    crew_trainer_destroy(t);
}

/* Tasks computed as one have one weight. The same rows weigh the same in both cases; a task of
 * shard 1 with the weight of shard 0 would weigh a sixth. */
static void tasks_of_several_shards_are_not_computed_as_one(void **state)
{
    (void)state;
    float apart[PARAMS], fused[PARAMS];
    for (int away = 0; away < 2; away++) {
        one_round(false, away, apart);
        one_round(true, away, fused);
        for (uint32_t i = 0; i < PARAMS; i++)
            assert_true(fabs((double)apart[i] - (double)fused[i]) < 1e-6);
    }
}

/* ---- What is refused, and what is said ---- */

static void shards_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct crew_config cfg = three_workers("adaptive", "10*1ms");
    ck_refuse(&cfg, CREW_EINVAL, "batch-tasks is 9, but there are 10 shards");
    cfg.speeds = "204*1ms";
    cfg.batch_tasks = 300;
    ck_refuse(&cfg, CREW_EINVAL, "203 training rows are too few for shards of 204 workers");
    cfg.speeds = "203*1ms";
    (void)rig_result(&cfg);
    cfg.shards = "nodes";
    ck_refuse(&cfg, CREW_EINVAL, "unknown shards 'nodes'; did you mean 'node'?");
    cfg.shards = NULL;
    ck_refuse(&cfg, CREW_EINVAL, "is NULL");
    static const char *const open[] = {"queue", "greedy", "cohort"};
    for (int i = 0; i < 3; i++) {
        cfg = three_workers(open[i], "3*1ms");
        ck_refuse(&cfg, CREW_EINVAL, open[i]);
    }
}

static void plan_open(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    (void)self;
    assert_true(rq->groups == 3 && rq->group[2] == 2 && rq->floor[2] == 1);
    out->quota[0] = out->quota[1] = out->quota[2] = 1;
    out->open[1] = rq->round == 2;
    out->quota[0] += rq->round == 2 ? 0 : rq->tasks - 3;
}

static void a_plan_with_a_queue_ends_the_run_and_names_the_policy(void **state)
{
    (void)state;
    struct crew_policy_ops own = given;
    struct crew_config cfg = three_workers("adaptive", "3*1ms");
    struct crew_error err;
    own.name = "own";
    own.plan = plan_open;
    cfg.policy_ops = &own;
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(crew_trainer_run(t, &err), CREW_EINVAL);
    assert_string_equal(err.text,
                        "policy own: round 2: worker 1 is open, but a task from the queue "
                        "would be of no shard");
    crew_trainer_destroy(t);
}

/* One worker has all rows; so have virtual ones, who are on no node. */
static void one_shard_is_none(void **state)
{
    (void)state;
    struct crew_config cfg = three_workers("queue", "1ms");
    char notes[4096];
    cfg.shards = "off";
    uint64_t want = rig_result(&cfg);
    cfg.shards = "worker";
    (void)ck_resumed(&cfg, notes);
    ck_says(notes, "there is one worker, so there is one shard and nothing changes");
    assert_true(rig_result(&cfg) == want);
    cfg.speeds = "3*1ms";
    cfg.shards = "node";
    (void)ck_resumed(&cfg, notes);
    ck_says(notes, "virtual workers are on no NUMA node, so there is one shard");
    assert_true(rig_result(&cfg) == want);
}
int main(void)
{
#define CASE(F) cmocka_unit_test_setup(F, ck_clear)
    const struct CMUnitTest tests[] = {
        CASE(a_run_that_goes_on_is_the_run_that_was_never_interrupted),
        CASE(checkpoints_of_other_shards_are_refused),
        CASE(who_computes_changes_no_bit_while_the_allocation_is_the_same),
        CASE(a_round_that_was_stopped_is_done_again),
        CASE(tasks_of_several_shards_are_not_computed_as_one),
        CASE(shards_that_cannot_be_are_refused),
        CASE(a_plan_with_a_queue_ends_the_run_and_names_the_policy),
        CASE(one_shard_is_none),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, open_sorted, ck_close);
}
