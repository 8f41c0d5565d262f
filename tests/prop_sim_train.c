/* Real gradients in virtual time: the same bits as on threads, and seconds as the speeds have
 * them. */
#include "testing.h"

#include "base/bytes.h"
#include "trainer_rig.h"
#include <math.h>
#include <unistd.h>

static struct crew_config sim(const char *speeds, const char *policy)
{
    struct crew_config cfg = rig_config();
    cfg.executor = "sim";
    cfg.workers = 0;
    cfg.speeds = speeds;
    cfg.policy = policy;
    return cfg;
}

/* ---- Weights ---- */

static void the_same_task_numbers_give_the_bits_of_the_threads(void **state)
{
    (void)state;
    static const char *const policies[] = {"fixed", "uniform",       "ata:alpha=0.001",
                                           "ata",   "ata-empirical", "ata-empirical:eta=0.25",
                                           "queue", "adaptive"};
    static const char *const speeds[] = {"1*1ms", "2*1ms 1*exp(1ms,2ms)",
                                         "3*1ms 10*uniform(1ms,2ms) 4*exp(0ms,9ms)"};
    static const uint32_t batches[] = {1, 7, 40};
    for (int b = 0; b < 3; b++) {
        struct crew_config threads = rig_config();
        threads.batch_tasks = batches[b];
        uint64_t want = rig_result(&threads);
        for (size_t p = 0; p < sizeof policies / sizeof *policies; p++)
            for (int s = 0; s < 3; s++) {
                struct crew_config cfg = sim(speeds[s], policies[p]);
                cfg.batch_tasks = batches[b];
                if (rig_result(&cfg) != want)
                    fail_msg("%s on %s, B = %u: other weights (SEED=%llu)", policies[p],
                             speeds[s], batches[b], (unsigned long long)test_seed());
            }
    }
}

/* All of it is a function of the configuration, not of who computes: on one thread and on all,
 * dropped results included. */
static void greedy_drops_in_virtual_time_and_keeps_every_row_once(void **state)
{
    (void)state;
    crew_machine *m;
    char first[16];
    uint64_t digest[2];
    assert_int_equal(crew_machine_create(NULL, &m, NULL), CREW_OK);
    snprintf(first, sizeof first, "%u", crew_machine_info(m)->slots[0].cpu);
    crew_machine_destroy(m);
    for (int one = 0; one < 2; one++) {
        struct crew_config cfg = sim("5*1ms 20*exp(0ms,5ms)", "greedy");
        struct crew_summary s;
        uint64_t tasks = 0, dropped = 0;
        cfg.epochs = 20;
        cfg.cores = one ? first : "auto";
        crew_trainer *t = rig_trainer(&cfg);
        rig_run(t);
        crew_trainer_summary(t, &s);
        for (uint32_t i = 0; i < s.n; i++) {
            tasks += s.worker[i].tasks;
            dropped += s.worker[i].dropped;
        }
        assert_int_equal(s.n, 25);
        assert_int_equal(tasks, 20 * RIG_PARTS);
        assert_int_equal(s.rows, 20 * RIG_ROWS);
        assert_true(dropped > 0 && s.wasted_s > 0);
        digest[one] = s.weights_digest;
        crew_trainer_destroy(t);
    }
    assert_int_equal(digest[0], digest[1]);
}

/* Of the first 160 tasks at once those of the fastest 60: sums wait on both sides of every
 * hole.
 */
static void many_holes_between_kept_tasks_are_summed_around(void **state)
{
    (void)state;
    uint64_t digest[2];
    for (int again = 0; again < 2; again++) {
        struct crew_config cfg = sim("160*exp(0ms,5ms)", "greedy");
        cfg.task_rows = 1;
        cfg.batch_tasks = 60;
        digest[again] = rig_result(&cfg);
    }
    assert_int_equal(digest[0], digest[1]);
}

/* ---- Seconds ---- */

enum { MOST_ROUNDS = 16 };

struct seen {
    uint32_t rounds, stop_after;
    double wait_s[MOST_ROUNDS], elapsed_s[MOST_ROUNDS], busy_s[MOST_ROUNDS][4];
    uint64_t dropped[MOST_ROUNDS], hash;
};

static bool see(void *user, const struct crew_record *r)
{
    struct seen *s = user;
    uint32_t k = s->rounds++;
    const double numbers[] = {r->loss, r->lr, r->seconds, r->wait_s, r->elapsed_s};
    s->hash = crew_hash(s->hash, numbers, sizeof numbers);
    s->hash = crew_hash(s->hash, r->quota, r->n * sizeof *r->quota);
    s->hash = crew_hash(s->hash, r->done, r->n * sizeof *r->done);
    s->hash = crew_hash(s->hash, r->busy_s, r->n * sizeof *r->busy_s);
    for (size_t i = 0; i < r->n_timings; i++) {
        const struct crew_timing *x = &r->timing[i];
        s->hash = crew_hash(s->hash, &x->seconds, sizeof x->seconds);
        s->hash = crew_hash(s->hash, &x->task, sizeof x->task);
    }
    assert_true(r->real_s > 0 && r->real_s < 60);
    if (k >= MOST_ROUNDS)
        return true;
    s->wait_s[k] = r->wait_s;
    s->elapsed_s[k] = r->elapsed_s;
    for (uint32_t i = 0; i < r->n && i < 4; i++)
        s->busy_s[k][i] = r->busy_s[i];
    for (size_t i = 0; i < r->n_timings; i++)
        s->dropped[k] += !r->timing[i].kept;
    return s->rounds != s->stop_after;
}

static struct seen watch(struct crew_config cfg)
{
    struct seen s = {.hash = CREW_HASH_INIT};
    cfg.on_round = see;
    cfg.user = &s;
    (void)rig_result(&cfg);
    return s;
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * fabs(want)))
        fail_msg("%.17g, not %.17g", got, want);
}

/* An epoch is 26 tasks of 8 rows, the last one of 3: rounds of 7, 7, 7 and 5 tasks.
 *   one worker of 2 ms                   14, 14, 14 and 2 (4 + 3/8) = 8.75 ms
 *   three of 1, 2 and 4 ms, known means  (4, 2, 1): 4 ms each */
static void constant_times_give_the_rounds_of_the_closed_form(void **state)
{
    (void)state;
    static const char *const same_for_one[] = {"uniform", "queue", "ata-empirical", "fixed"};
    for (int p = 0; p < 4; p++) {
        struct seen s = watch(sim("1*2ms", same_for_one[p]));
        double total = 0;
        assert_int_equal(s.rounds, 12);
        for (uint32_t k = 0; k < s.rounds; k++) {
            double want = k % 4 < 3 ? 14e-3 : 8.75e-3;
            near(s.wait_s[k], want);
            near(s.busy_s[k][0], want);
            near(s.elapsed_s[k], total += want);
        }
    }
    struct seen s = watch(sim("1ms 2ms 4ms", "fixed"));
    for (uint32_t k = 0; k < 3; k++) {
        near(s.wait_s[k], 4e-3);
        near(s.busy_s[k][0], 4e-3);
        near(s.busy_s[k][1], 4e-3);
        near(s.busy_s[k][2], 4e-3);
    }
}

/* Results come at 1, 1.1, 2, 2.2, 3, 3.3 and 4 ms; the seventh, of worker 0, ends the round,
 * and what workers 1 and 2 have under way then is dropped. */
static void greedy_ends_with_the_last_needed_result(void **state)
{
    (void)state;
    struct seen s = watch(sim("1ms 1.1ms 100ms", "greedy"));
    near(s.wait_s[0], 4e-3);
    for (int i = 0; i < 3; i++)
        near(s.busy_s[0][i], 4e-3);
    assert_int_equal(s.dropped[0], 2);
}

static void two_runs_give_the_same_records(void **state)
{
    (void)state;
    static const char *const policies[] = {"greedy", "queue", "ata", "uniform"};
    for (int p = 0; p < 4; p++) {
        struct crew_config cfg = sim("3*1ms 10*uniform(1ms,2ms) 4*exp(1ms,9ms)", policies[p]);
        struct seen a = watch(cfg), b = watch(cfg);
        assert_int_equal(a.hash, b.hash);
        cfg.seed++;
        assert_true(watch(cfg).hash != a.hash);
    }
}

/* ---- Ends ---- */

static void the_time_limit_is_of_virtual_time(void **state)
{
    (void)state;
    struct crew_config cfg = sim("1*1000s", "queue"); /* 7000 s a round */
    struct crew_summary s;
    cfg.epochs = 0;
    cfg.time_limit_s = 20000;
    crew_trainer *t = rig_trainer(&cfg);
    for (uint32_t run = 1; run < 3; run++) {
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_true(s.timed_out && !s.stopped && s.virtual_time);
        assert_true(s.wall_s >= run * 20000.0 && s.wall_s < run * 28000.0);
        assert_true(s.real_s > 0 && s.real_s < 60);
    }
    crew_trainer_destroy(t);
    cfg.epochs = 1; /* 21000 and 4375 s: this is the end anyway */
    cfg.time_limit_s = 25000;
    t = rig_trainer(&cfg);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.epochs == 1 && !s.timed_out);
    crew_trainer_destroy(t);
}

static void a_stop_keeps_whole_rounds_and_the_next_run_goes_on(void **state)
{
    (void)state;
    struct crew_config cfg = sim("3*1ms", "greedy");
    struct seen seen = {.hash = CREW_HASH_INIT, .stop_after = 5};
    struct crew_summary s;
    cfg.on_round = see;
    cfg.user = &seen;
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.stopped && s.rounds == 5);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(!s.stopped &&
                s.rounds == 5 + 3 * 4 - 1); /* the epoch under way, and two more */
    crew_trainer_destroy(t);
}

static void a_recording_that_runs_out_ends_the_run_with_a_sentence(void **state)
{
    (void)state;
    char path[] = "/tmp/crew_recording_XXXXXX", speeds[64];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fputs("round,worker,task,kept,seconds,cpu_seconds,work,flags\n", f);
    for (int i = 0; i < 10; i++)
        fprintf(f, "1,0,%d,1,0.%d,,1,0\n", i, i + 1);
    fclose(f);
    snprintf(speeds, sizeof speeds, "replay(%s)", path);
    struct crew_config cfg = sim(speeds, "queue");
    struct crew_error err;
    struct crew_summary s;
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(crew_trainer_run(t, &err), CREW_EINPUT);
    assert_string_equal(err.text, "the recording of a worker in speeds has run out after 1 "
                                  "rounds; replay-wrap starts it again");
    crew_trainer_summary(t, &s);
    assert_int_equal(s.rounds, 1);
    near(s.wall_s, 2.8); /* 0.1 + ... + 0.7 */
    crew_trainer_destroy(t);
    cfg.replay_wrap = true;
    assert_true(rig_result(&cfg) != 0);
    unlink(path);
}

/* Nothing is quadratic, and spare tasks are bounded by the data. */
static void many_workers_take_memory_and_time_for_each_of_them_once(void **state)
{
    (void)state;
    static const char *const policies[] = {"uniform", "greedy", "queue"};
    struct crew_config threads = rig_config();
    threads.epochs = 1;
    uint64_t want = rig_result(&threads);
    for (int p = 0; p < 3; p++) {
        struct crew_config cfg = sim("300000*uniform(1ms,2ms)", policies[p]);
        cfg.epochs = 1;
        uint64_t got = rig_result(&cfg);
        assert_true(p == 1 || got == want);
    }
}

/* ---- What is refused ---- */

static void refuses(const struct crew_config *cfg, const char *why)
{
    struct crew_error err = {.status = CREW_OK};
    crew_trainer *t;
    if (crew_trainer_create(cfg, &rig_data, &t, &err) != CREW_EINVAL || !strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
}

static void settings_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    struct crew_config cfg = sim("2*1ms", "queue");
    cfg.workers = 3;
    refuses(&cfg, "workers is 3, but speeds describes 2");
    cfg.workers = 2;
    (void)rig_result(&cfg);
    cfg.emulate = "0:2x";
    refuses(&cfg, "emulate slows real threads down");
    cfg = sim(NULL, "queue");
    refuses(&cfg, "executor sim needs speeds");
    cfg = sim("2*1ms", "queue");
    cfg.executor = "simm";
    refuses(&cfg, "executor is 'simm', must be threads or sim");
    cfg.executor = "threads";
    refuses(&cfg, "speeds is of the executor sim");
    cfg.speeds = NULL;
    cfg.replay_wrap = true;
    refuses(&cfg, "replay-wrap is of the executor sim");
    cfg = sim("2*1sm", "queue");
    refuses(&cfg, "^");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_task_numbers_give_the_bits_of_the_threads),
        cmocka_unit_test(greedy_drops_in_virtual_time_and_keeps_every_row_once),
        cmocka_unit_test(many_holes_between_kept_tasks_are_summed_around),
        cmocka_unit_test(constant_times_give_the_rounds_of_the_closed_form),
        cmocka_unit_test(greedy_ends_with_the_last_needed_result),
        cmocka_unit_test(two_runs_give_the_same_records),
        cmocka_unit_test(the_time_limit_is_of_virtual_time),
        cmocka_unit_test(a_stop_keeps_whole_rounds_and_the_next_run_goes_on),
        cmocka_unit_test(a_recording_that_runs_out_ends_the_run_with_a_sentence),
        cmocka_unit_test(many_workers_take_memory_and_time_for_each_of_them_once),
        cmocka_unit_test(settings_that_contradict_each_other_are_refused),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
