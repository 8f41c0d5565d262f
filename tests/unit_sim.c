/* The executor in virtual time. SEED=7 make unit_sim draws other instances. */
#include "base/mem.h"
#include "base/rng.h"
#include "exec/sim.h"
#include "testing.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { N = 12, TASKS = 64 };

static uint64_t seed, drawn;

static double unit(void)
{
    return crew_rng_unit(seed, CREW_STREAM_TEST, 0, drawn++);
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)(unit() * n);
}

struct bench {
    crew_speeds *speeds;
    void *sim;
    uint64_t quota[N];
    bool open[N], overrun[N];
    struct crew_plan plan;
    struct crew_round round;
    struct crew_outcome out;
};

static void bench_open(struct bench *b, const struct crew_law *law, uint32_t n)
{
    memset(b, 0, sizeof *b);
    assert_int_equal(crew_speeds_create(law, n, &b->speeds, NULL), CREW_OK);
    const struct crew_sim_config cfg = {.speeds = b->speeds, .max_tasks = TASKS + N};
    assert_int_equal(crew_sim_create(&cfg, &b->sim, NULL), CREW_OK);
    b->plan = (struct crew_plan){b->quota, b->open, b->overrun};
    b->round = (struct crew_round){.seed = seed, .spare = n, .plan = &b->plan};
}

static void bench_close(struct bench *b)
{
    crew_sim.destroy(b->sim);
    crew_speeds_destroy(b->speeds);
}

static void run(struct bench *b, uint32_t tasks)
{
    b->round.round++;
    b->round.tasks = tasks;
    assert_int_equal(crew_sim.run_round(b->sim, &b->round, &b->out), CREW_OK);
}

static void constants(struct crew_law *law, const double *seconds, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        law[i] = (struct crew_law){CREW_LAW_CONST, seconds[i], 0, 0};
}

struct expected {
    uint32_t worker, task;
    double seconds;
    bool kept;
};

static void expect(const struct bench *b, double seconds, const struct expected *want, size_t n)
{
    assert_int_equal(b->out.n_timings, n);
    assert_true(b->out.seconds == seconds);
    for (size_t i = 0; i < n; i++) {
        const struct crew_timing *t = &b->out.timing[i];
        assert_int_equal(t->worker, want[i].worker);
        assert_int_equal(t->task, want[i].task);
        assert_int_equal(t->kept, want[i].kept);
        assert_true(t->seconds == want[i].seconds);
        assert_true(t->work == 1 && t->flags == 0 && isnan(t->cpu_seconds));
    }
}

static void a_quota_takes_the_sum_of_its_tasks_and_a_round_its_longest_quota(void **state)
{
    (void)state;
    struct crew_law law[3];
    struct bench b;
    constants(law, (double[]){1, 0.5, 4}, 3);
    bench_open(&b, law, 3);
    b.quota[0] = 2;
    b.quota[1] = 3;
    run(&b, 5);
    expect(&b, 2,
           (struct expected[]){{0, 0, 1, true},
                               {0, 1, 1, true},
                               {1, 2, 0.5, true},
                               {1, 3, 0.5, true},
                               {1, 4, 0.5, true}},
           5);
    b.quota[2] = 1;
    run(&b, 6);
    assert_true(b.out.seconds == 4);
    assert_true(b.out.timing[4].start_s == 1 && b.out.timing[5].start_s == 0);
    assert_true(crew_sim.now(b.sim) == 6);
    bench_close(&b);
}

static void free_workers_take_the_next_task_of_the_queue(void **state)
{
    (void)state;
    struct crew_law law[3];
    struct bench b;
    /* 0: done at 1, 2, 3; 1: at 2.5; 2: at 10. Five tasks: 0 takes 0, 3 and 4, 1 then finds
     * none. */
    constants(law, (double[]){1, 2.5, 10}, 3);
    bench_open(&b, law, 3);
    memset(b.open, true, 3);
    run(&b, 5);
    expect(&b, 10,
           (struct expected[]){{0, 0, 1, true},
                               {0, 3, 1, true},
                               {0, 4, 1, true},
                               {1, 1, 2.5, true},
                               {2, 2, 10, true}},
           5);
    run(&b, 2); /* for two tasks the third worker comes too late */
    expect(&b, 2.5, (struct expected[]){{0, 0, 1, true}, {1, 1, 2.5, true}}, 2);
    bench_close(&b);
}

static void a_quota_comes_before_the_queue(void **state)
{
    (void)state;
    struct crew_law law[2];
    struct bench b;
    /* Tasks 0 and 1 are 0's, 2 is 1's; 3 is in the queue and goes to 1 at 1.5. */
    constants(law, (double[]){1, 1.5}, 2);
    bench_open(&b, law, 2);
    b.quota[0] = 2;
    b.quota[1] = 1;
    memset(b.open, true, 2);
    run(&b, 4);
    expect(&b, 3,
           (struct expected[]){
               {0, 0, 1, true}, {0, 1, 1, true}, {1, 2, 1.5, true}, {1, 3, 1.5, true}},
           4);
    bench_close(&b);
}

static void the_first_results_count_and_the_rest_is_cut_off(void **state)
{
    (void)state;
    struct crew_law law[2];
    struct bench b;
    constants(law, (double[]){1, 10}, 2);
    bench_open(&b, law, 2);
    memset(b.open, true, 2);
    memset(b.overrun, true, 2);
    run(&b, 3);
    expect(&b, 3,
           (struct expected[]){
               {0, 0, 1, true}, {0, 2, 1, true}, {0, 3, 1, true}, {1, 1, 3, false}},
           4);
    bench_close(&b);
}

static void who_is_done_at_the_same_time_goes_on_in_the_order_of_numbers(void **state)
{
    (void)state;
    struct crew_law law[3];
    struct bench b;
    constants(law, (double[]){1, 1, 1}, 3);
    bench_open(&b, law, 3);
    memset(b.open, true, 3);
    run(&b, 5);
    expect(&b, 2,
           (struct expected[]){{0, 0, 1, true},
                               {0, 3, 1, true},
                               {1, 1, 1, true},
                               {1, 4, 1, true},
                               {2, 2, 1, true}},
           5);
    memset(b.overrun, true, 3);
    run(&b, 2); /* the third is ready, too, but not needed; the first has just gone on */
    expect(&b, 1,
           (struct expected[]){
               {0, 0, 1, true}, {0, 3, 1e-15, false}, {1, 1, 1, true}, {2, 2, 1, false}},
           4);
    bench_close(&b);
}

/* However short its tasks are, a round of greedy costs n times its length. */
static void cut_off_tasks_take_what_is_left_of_the_round(void **state)
{
    (void)state;
    struct crew_law law[3];
    struct bench b;
    constants(law, (double[]){1e-12, 3e-12, 7e-12}, 3);
    bench_open(&b, law, 3);
    memset(b.open, true, 3);
    memset(b.overrun, true, 3);
    for (uint32_t tasks = 1; tasks < 20; tasks++) {
        double busy_s = 0;
        run(&b, tasks);
        for (size_t j = 0; j < b.out.n_timings; j++)
            busy_s += b.out.timing[j].seconds;
        assert_true(fabs(busy_s / b.out.seconds - 3) < 0.01);
    }
    bench_close(&b);
}

/* The same, the slow way: all that is under way is looked at for each result. */
struct naive {
    double done_s[N], began_s[N], seconds;
    bool busy[N];
    uint32_t nth[N], left[N], cursor, results, dropped;
    uint64_t done_tasks[N];
};

static void naive_begin(struct naive *v, const struct bench *b, uint32_t i, double at_s)
{
    uint32_t limit = b->round.tasks + (b->overrun[i] ? b->round.spare : 0), flags;
    v->busy[i] = v->left[i] || (b->open[i] && v->cursor < limit);
    if (!v->busy[i])
        return;
    if (v->left[i])
        v->left[i]--;
    else
        v->cursor++;
    struct crew_draw d = {seed, b->round.round, v->nth[i]++, 0, 1};
    v->began_s[i] = at_s;
    v->done_s[i] = at_s + crew_speeds_draw(b->speeds, i, &d, &flags);
}

static struct naive naive_round(const struct bench *b, uint32_t n)
{
    struct naive v = {.seconds = 0};
    for (uint32_t i = 0; i < n; i++) {
        v.left[i] = (uint32_t)b->quota[i];
        v.cursor += v.left[i];
    }
    for (uint32_t i = 0; i < n; i++)
        naive_begin(&v, b, i, 0);
    while (v.results < b->round.tasks) {
        uint32_t first = N;
        for (uint32_t i = 0; i < n; i++)
            if (v.busy[i] && (first == N || v.done_s[i] < v.done_s[first]))
                first = i;
        assert_in_range(first, 0, n - 1);
        v.seconds = v.done_s[first];
        v.done_tasks[first]++;
        v.busy[first] = false;
        if (++v.results < b->round.tasks)
            naive_begin(&v, b, first, v.seconds);
    }
    for (uint32_t i = 0; i < n; i++)
        v.dropped += v.busy[i];
    return v;
}

static void check_order(const struct bench *b)
{
    bool seen[TASKS + N] = {false};
    for (size_t j = 0; j < b->out.n_timings; j++) {
        const struct crew_timing *t = &b->out.timing[j];
        assert_true(j == 0 || t[-1].worker < t->worker ||
                    (t[-1].worker == t->worker && t[-1].task < t->task));
        bool first = j == 0 || t[-1].worker < t->worker;
        assert_true(t->start_s == (first ? 0 : t[-1].start_s + t[-1].seconds));
        assert_in_range(t->task, 0, b->round.tasks + b->round.spare - 1);
        assert_false(seen[t->task]);
        assert_true(t->seconds > 0);
        seen[t->task] = true;
    }
}

static void any_plan_runs_as_a_simulation_without_a_heap_says(void **state)
{
    (void)state;
    for (int instance = 0; instance < 3000; instance++) {
        uint32_t n = 1 + below(N), tasks = 1 + below(TASKS), left = tasks;
        struct crew_law law[N];
        struct bench b;
        for (uint32_t i = 0; i < n; i++)
            law[i] = (struct crew_law){CREW_LAW_EXP, unit(), 0.1 + 10 * unit() * unit(), 0};
        bench_open(&b, law, n);
        bool any = false;
        for (uint32_t i = 0; i < n; i++) {
            b.quota[i] = instance % 3 ? below(left + 1) : 0;
            left -= (uint32_t)b.quota[i];
            b.open[i] = instance % 5 && below(2);
            b.overrun[i] = b.open[i] && instance % 2 && below(2);
            any |= b.open[i];
        }
        if (left && !any)
            b.quota[0] += left;
        run(&b, tasks);
        struct naive v = naive_round(&b, n);
        check_order(&b);
        uint32_t dropped = 0;
        uint64_t done[N] = {0};
        for (size_t j = 0; j < b.out.n_timings; j++) {
            dropped += !b.out.timing[j].kept;
            done[b.out.timing[j].worker] += b.out.timing[j].kept;
        }
        assert_true(b.out.seconds == v.seconds);
        assert_int_equal(dropped, v.dropped);
        assert_memory_equal(done, v.done_tasks, sizeof done);
        bench_close(&b);
    }
}

static void short_tasks_take_their_part_of_the_time(void **state)
{
    (void)state;
    struct crew_law law[1];
    struct bench b;
    constants(law, (double[]){8}, 1);
    bench_open(&b, law, 1);
    b.quota[0] = 2;
    b.round.work = (double[]){1, 0.25, 1};
    run(&b, 2);
    assert_true(b.out.seconds == 10 && b.out.timing[1].work == 0.25);
    bench_close(&b);
}

/* An executor that runs what it is given, one after the other. */
struct carrier {
    uint32_t ran[TASKS], n;
    bool stopped, droppable, destroyed;
};

static crew_status carrier_round(void *self, const struct crew_round *in,
                                 struct crew_outcome *out)
{
    struct carrier *c = self;
    (void)out;
    if (c->stopped)
        return CREW_ESTOPPED;
    for (uint32_t t = 0; t < in->tasks; t++) {
        const struct crew_task_context task = {.seed = in->seed, .round = in->round, .task = t};
        assert_int_equal(in->run->compute(in->run->self, 1, &task, false), CREW_OK);
        in->run->settle(in->run->self, 1, t, true);
    }
    return CREW_OK;
}

static void carrier_stop(void *self)
{
    ((struct carrier *)self)->stopped = true;
}

static void carrier_resume(void *self)
{
    ((struct carrier *)self)->stopped = false;
}

static void carrier_destroy(void *self)
{
    ((struct carrier *)self)->destroyed = true;
}

static const struct crew_executor_ops carrier_ops = {.abi = CREW_EXECUTOR_ABI,
                                                     .name = "carrier",
                                                     .run_round = carrier_round,
                                                     .stop = carrier_stop,
                                                     .resume = carrier_resume,
                                                     .destroy = carrier_destroy};

static crew_status note_task(void *self, uint32_t worker, const struct crew_task_context *task,
                             bool droppable)
{
    struct carrier *c = self;
    assert_int_equal(worker, 1); /* the carrier's, not the virtual one */
    c->ran[c->n] = task->task;
    c->droppable = droppable;
    return CREW_OK;
}

static void settle_task(void *self, uint32_t worker, uint32_t task, bool kept)
{
    struct carrier *c = self;
    assert_true(kept && worker == 1);
    assert_int_equal(c->ran[c->n++], task);
}

static void only_what_counts_is_computed_and_by_the_carrier(void **state)
{
    (void)state;
    struct carrier c = {.n = 0};
    const struct crew_work work = {.self = &c, .compute = note_task, .settle = settle_task};
    struct crew_law law[2];
    struct bench b;
    constants(law, (double[]){1, 10}, 2);
    bench_open(&b, law, 2);
    crew_sim.destroy(b.sim);
    const struct crew_sim_config cfg = {b.speeds, TASKS + N, &carrier_ops, &c, 2};
    assert_int_equal(crew_sim_create(&cfg, &b.sim, NULL), CREW_OK);
    b.round.run = &work;
    memset(b.open, true, 2);
    memset(b.overrun, true, 2);
    run(&b, 3);
    assert_int_equal(c.n, 3); /* task 1 is the slow worker's: 0, 2, 3 */
    assert_true(c.ran[0] == 0 && c.ran[1] == 2 && c.ran[2] == 3 && c.droppable);
    memset(b.overrun, false, 2);
    c.n = 0;
    run(&b, 3);
    assert_true(c.n == 3 && c.ran[1] == 1 && !c.droppable);
    crew_sim.stop(b.sim);
    assert_int_equal(crew_sim.run_round(b.sim, &b.round, &b.out), CREW_ESTOPPED);
    assert_true(c.stopped && crew_sim.now(b.sim) == 13);
    crew_sim.resume(b.sim);
    assert_false(c.stopped);
    run(&b, 1);
    bench_close(&b);
    assert_true(c.destroyed);
}

/* What a stopped round had drawn is there for the round in its place. */
static void a_stopped_round_gives_its_recorded_times_back(void **state)
{
    (void)state;
    char path[] = "/tmp/unit_sim.XXXXXX", speeds[64];
    struct carrier c = {.n = 0};
    const struct crew_work work = {.self = &c, .compute = note_task, .settle = settle_task};
    struct bench b = {.plan = {b.quota, b.open, b.overrun}, .quota = {2, 1}};
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    fputs("round,worker,task,kept,seconds,work\n1,0,0,1,1,1\n1,0,1,1,2,1\n1,1,2,1,4,1\n"
          "2,0,0,1,8,1\n2,0,1,1,16,1\n2,1,2,1,32,1\n",
          f);
    assert_int_equal(fclose(f), 0);
    snprintf(speeds, sizeof speeds, "replay(%s)", path);
    assert_int_equal(crew_speeds_parse(speeds, false, &b.speeds, NULL), CREW_OK);
    unlink(path);
    const struct crew_sim_config cfg = {b.speeds, TASKS + N, &carrier_ops, &c, 2};
    assert_int_equal(crew_sim_create(&cfg, &b.sim, NULL), CREW_OK);
    b.round = (struct crew_round){.tasks = 3, .plan = &b.plan, .run = &work};
    for (uint64_t round = 1; round <= 2; round++) {
        c.stopped = true; /* after the sim has looked */
        c.n = 0;
        assert_int_equal(crew_sim.run_round(b.sim, &b.round, &b.out), CREW_ESTOPPED);
        c.stopped = false;
        run(&b, 3);
        assert_true(b.out.seconds == (round == 1 ? 4 : 32));
    }
    assert_true(crew_sim.now(b.sim) == 36);
    bench_close(&b);
}

int main(void)
{
    seed = test_seed();
    test_print_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_takes_the_sum_of_its_tasks_and_a_round_its_longest_quota),
        cmocka_unit_test(free_workers_take_the_next_task_of_the_queue),
        cmocka_unit_test(a_quota_comes_before_the_queue),
        cmocka_unit_test(the_first_results_count_and_the_rest_is_cut_off),
        cmocka_unit_test(who_is_done_at_the_same_time_goes_on_in_the_order_of_numbers),
        cmocka_unit_test(cut_off_tasks_take_what_is_left_of_the_round),
        cmocka_unit_test(any_plan_runs_as_a_simulation_without_a_heap_says),
        cmocka_unit_test(short_tasks_take_their_part_of_the_time),
        cmocka_unit_test(only_what_counts_is_computed_and_by_the_carrier),
        cmocka_unit_test(a_stopped_round_gives_its_recorded_times_back),
    };
    return cmocka_run_group_tests_name("unit_sim", tests, NULL, NULL);
}
