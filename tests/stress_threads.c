/* The pool and the executor on it, under load: every task once, whatever the plan; stops at
 * every moment. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "exec/loop.h"
#include "exec/threads.h"
#include "testing.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { TASKS = 64, SPARE = 8, MOST = 16 };

/* Counts what each task went through; slow tasks wait for the stop. */
struct probe {
    _Atomic uint32_t computed[TASKS + SPARE], kept[TASKS + SPARE], dropped[TASKS + SPARE];
    _Atomic uint32_t together; /* workers inside compute() now */
    _Atomic uint32_t most;
    uint32_t fails;        /* this task fails, 0: none */
    uint32_t endless;      /* tasks of this worker end only when stopped; UINT32_MAX: none */
    uint32_t join;         /* most tasks that are computed together */
    uint32_t joined[MOST]; /* by each worker, just now */
    double work[TASKS + SPARE];
};

static crew_status compute(void *self, uint32_t worker, const struct crew_task_context *t,
                           bool droppable)
{
    struct probe *p = self;
    p->joined[worker] = t->joined;
    assert_true(t->joined == 1 || (t->joined <= p->join && !droppable));
    uint32_t now = atomic_fetch_add(&p->together, 1) + 1, most = atomic_load(&p->most);
    while (now > most && !atomic_compare_exchange_weak(&p->most, &most, now))
        ;
    for (uint32_t k = 0; k < t->joined; k++)
        atomic_fetch_add(&p->computed[t->task + k], 1);
    while (worker == p->endless && !crew_task_stopped(t))
        ;
    atomic_fetch_sub(&p->together, 1);
    if (p->fails && t->task == p->fails)
        return CREW_ENONFINITE;
    return crew_task_stopped(t) ? CREW_ESTOPPED : CREW_OK;
}

static void settle(void *self, uint32_t worker, uint32_t task, bool kept)
{
    struct probe *p = self;
    for (uint32_t k = 0; k < p->joined[worker]; k++)
        atomic_fetch_add(kept ? &p->kept[task + k] : &p->dropped[task + k], 1);
}

struct rig {
    uint32_t n;
    void *executor;
    struct crew_plan plan;
    struct probe probe;
    void (*body)(struct rig *r);
};

static void rig_open(struct rig *r, uint32_t n, const double *slowdown)
{
    struct crew_threads_config cfg = {
        .pool = test_pool(n), .max_tasks = TASKS + SPARE, .slowdown = slowdown};
    cfg.machine = test_machine_;
    memset(r, 0, sizeof *r);
    r->n = n;
    r->probe.endless = UINT32_MAX;
    for (int i = 0; i < TASKS + SPARE; i++)
        r->probe.work[i] = 1;
    assert_int_equal(crew_threads_create(&cfg, &r->executor, NULL), CREW_OK);
    r->plan.quota = crew_zalloc(n * sizeof *r->plan.quota);
    r->plan.open = crew_zalloc(n);
    r->plan.overrun = crew_zalloc(n);
}

static void rig_close(struct rig *r)
{
    crew_threads.destroy(r->executor);
    crew_free(r->plan.quota);
    crew_free(r->plan.open);
    crew_free(r->plan.overrun);
    test_pool_done();
}

static void in_pool(void *self, uint32_t worker)
{
    struct rig *r = self;
    (void)worker;
    r->body(r);
}

static void coordinate(struct rig *r, void (*body)(struct rig *))
{
    r->body = body;
    crew_pool_call(test_pool(r->n), in_pool, r);
}

static crew_status round_of(struct rig *r, uint64_t round, uint32_t tasks, uint32_t spare,
                            struct crew_outcome *out)
{
    struct crew_work run = {&r->probe, compute, settle, r->probe.join};
    struct crew_round in = {1, round, tasks, spare, &r->plan, r->probe.work, &run};
    for (int i = 0; i < TASKS + SPARE; i++) {
        atomic_store(&r->probe.computed[i], 0);
        atomic_store(&r->probe.kept[i], 0);
        atomic_store(&r->probe.dropped[i], 0);
    }
    return crew_threads.run_round(r->executor, &in, out);
}

/* Random legal plans: quotas, an open tail, or both. */
static uint32_t random_plan(struct rig *r, uint64_t round)
{
    uint32_t tasks =
                 1 + (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, 2, round) % TASKS),
             left = tasks;
    bool open = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 3, round) % 2;
    for (uint32_t i = 0; i < r->n; i++) {
        uint64_t want =
            crew_rng_u64(test_seed(), CREW_STREAM_TEST, 4 + i, round) % (TASKS / r->n + 1);
        r->plan.quota[i] = want < left ? want : left;
        r->plan.open[i] = open && (i == 0 || want % 2);
        left -= (uint32_t)r->plan.quota[i];
    }
    if (!open)
        r->plan.quota[r->n - 1] += left;
    return tasks;
}

static double last_needed_s(const struct crew_outcome *out)
{
    double last = 0;
    for (size_t i = 0; i < out->n_timings; i++)
        if (out->timing[i].kept)
            last = fmax(last, out->timing[i].start_s + out->timing[i].seconds);
    return last;
}

static void random_rounds(struct rig *r)
{
    struct crew_outcome out;
    for (uint64_t round = 1; round <= 2000; round++) {
        uint32_t tasks = random_plan(r, round);
        assert_int_equal(round_of(r, round, tasks, 0, &out), CREW_OK);
        assert_int_equal(out.n_timings, tasks);
        assert_true(out.seconds == last_needed_s(&out));
        for (uint32_t t = 0; t < TASKS; t++) {
            assert_int_equal(atomic_load(&r->probe.computed[t]), t < tasks);
            assert_int_equal(atomic_load(&r->probe.kept[t]), t < tasks);
        }
        for (uint32_t i = 0; i < tasks; i++) {
            const struct crew_timing *x = &out.timing[i];
            assert_true(x->seconds > 0 && x->start_s >= 0 && x->kept && x->task < tasks &&
                        x->worker < r->n);
            if (i) /* sorted by worker, then in order of execution */
                assert_true(x[-1].worker < x->worker ||
                            (x[-1].worker == x->worker && x[-1].task < x->task));
        }
    }
}

static void every_task_runs_once_whatever_the_plan(void **state)
{
    (void)state;
    static const uint32_t join[] = {0, 1, 5, TASKS};
    for (uint32_t n = 1; n <= 5; n += 2)
        for (int k = 0; k < 4; k++) {
            struct rig r;
            rig_open(&r, n, NULL);
            r.probe.join = join[k];
            coordinate(&r, random_rounds);
            rig_close(&r);
        }
}

/* Worker 0 has 7 tasks, of which 3 may be joined: 3, 2, 2; task 1 is half the size of the
 * others. Worker 1 has 2. */
static void joined_round(struct rig *r)
{
    struct crew_outcome out;
    r->probe.join = 3;
    r->probe.work[1] = 0.5;
    r->plan.quota[0] = 7;
    r->plan.quota[1] = 2;
    assert_int_equal(round_of(r, 1, 9, 0, &out), CREW_OK);
    const struct crew_timing *x = out.timing;
    for (uint32_t i = 0; i < 9; i++) {
        static const uint32_t first[] = {0, 0, 0, 3, 3, 5, 5, 7, 7};
        const struct crew_timing *f = &x[first[i]];
        assert_true(x[i].task == i && x[i].worker == i / 7 && x[i].work == (i == 1 ? 0.5 : 1));
        assert_true(fabs(x[i].seconds - x[i].work * f->seconds) <= 1e-12);
        if (first[i] < i)
            assert_true(fabs(x[i].start_s - x[i - 1].start_s - x[i - 1].seconds) <= 1e-12);
        else if (i != 7)
            assert_true(!i || x[i].start_s >= x[i - 1].start_s + x[i - 1].seconds - 1e-12);
        assert_true(!(x[i].flags & CREW_WARM_UP) == (i > 2 && i < 7));
    }
}

static void joined_tasks_share_their_time_by_size(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 2, NULL);
    coordinate(&r, joined_round);
    rig_close(&r);
}

static void empty_rounds(struct rig *r)
{
    struct crew_outcome out;
    for (uint32_t i = 0; i < r->n; i++)
        r->plan.quota[i] = 1;
    for (uint64_t round = 1; round <= 10000; round++) {
        assert_int_equal(round_of(r, round, r->n, 0, &out), CREW_OK);
        for (uint32_t i = 0; i < r->n; i++)
            assert_true(out.timing[i].worker == i && out.timing[i].task == i);
    }
}

static void ten_thousand_rounds_pass(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 2, NULL);
    coordinate(&r, empty_rounds);
    rig_close(&r);
}

/* Worker 1 never ends by itself: the round must not wait for it, and must not count what it
 * did. */
static void overrunning_rounds(struct rig *r)
{
    struct crew_outcome out;
    r->probe.join = 4;
    r->probe.endless = 1;
    for (uint32_t i = 0; i < r->n; i++)
        r->plan.open[i] = r->plan.overrun[i] = true;
    for (uint64_t round = 1; round <= 300; round++) {
        uint32_t tasks = 1 + (uint32_t)(round % TASKS), kept = 0, dropped = 0;
        r->plan.quota[0] = round % 2 ? tasks / 2 : 0;
        assert_int_equal(round_of(r, round, tasks, SPARE, &out), CREW_OK);
        for (uint32_t t = 0; t < TASKS + SPARE; t++) {
            kept += atomic_load(&r->probe.kept[t]);
            dropped += atomic_load(&r->probe.dropped[t]);
            assert_true(atomic_load(&r->probe.computed[t]) <= 1);
        }
        assert_int_equal(kept, tasks);
        assert_true(out.seconds == last_needed_s(&out));
        assert_int_equal(kept + dropped, out.n_timings);
        for (size_t i = 0; i < out.n_timings; i++)
            assert_true(out.timing[i].kept ==
                        (atomic_load(&r->probe.kept[out.timing[i].task]) == 1));
    }
}

static void exactly_b_results_count_and_late_ones_quit(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 3, NULL);
    coordinate(&r, overrunning_rounds);
    rig_close(&r);
}

static void failing_round(struct rig *r)
{
    struct crew_outcome out;
    r->plan.quota[0] = 4;
    r->plan.quota[1] = 4;
    r->probe.fails = 5;
    assert_int_equal(round_of(r, 1, 8, 0, &out), CREW_ENONFINITE);
    r->probe.fails = 0;
    assert_int_equal(round_of(r, 2, 8, 0, &out), CREW_OK); /* and the next one starts afresh */
}

static void a_failure_ends_the_round_with_its_status(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 2, NULL);
    coordinate(&r, failing_round);
    rig_close(&r);
}

static void until_stopped(struct rig *r)
{
    struct crew_outcome out;
    uint64_t round = 1;
    r->plan.quota[0] = r->plan.quota[1] = 8;
    while (round_of(r, round, 16, 0, &out) == CREW_OK)
        round++;
    assert_int_equal(round_of(r, round, 16, 0, &out), CREW_ESTOPPED); /* and stays stopped */
}

/* A stop from another thread, at a random moment: the pool's own worker 2, which has no tasks.
 */
static void stop_later(void *self, uint32_t worker)
{
    struct rig *r = self;
    double until =
        crew_now_s() +
        1e-6 * (double)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, worker, r->n) % 300);
    while (crew_now_s() < until)
        ;
    crew_threads.stop(r->executor);
}

static void stop_while_running(struct rig *r)
{
    crew_pool_start(test_pool(r->n), 2, stop_later, r);
    until_stopped(r);
    crew_pool_wait(test_pool(r->n), 2);
}

static void a_stop_at_any_moment_ends_the_round(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        struct rig r;
        rig_open(&r, 3, NULL);
        coordinate(&r, stop_while_running);
        rig_close(&r);
    }
}

/* A task that would sleep for hours is woken by the stop. */
static void spin_a_little(struct rig *r)
{
    struct crew_outcome out;
    r->plan.quota[0] = r->plan.quota[1] = 1;
    crew_pool_start(test_pool(r->n), 2, stop_later, r);
    assert_int_equal(round_of(r, 1, 2, 0, &out), CREW_ESTOPPED);
    crew_pool_wait(test_pool(r->n), 2);
}

static void a_stop_ends_an_emulated_sleep(void **state)
{
    (void)state;
    struct rig r;
    const double slowdown[3] = {1e12, 1e12, 0}; /* a task of 1 us CPU: 11 days */
    rig_open(&r, 3, slowdown);
    coordinate(&r, spin_a_little);
    rig_close(&r);
}

static void burn(struct rig *r)
{
    struct crew_outcome out;
    double sum[2] = {0};
    r->plan.quota[0] = r->plan.quota[1] = 4;
    for (uint64_t round = 1; round <= 3; round++)
        assert_int_equal(round_of(r, round, 8, 0, &out), CREW_OK);
    for (size_t i = 0; i < out.n_timings; i++)
        sum[out.timing[i].worker] += out.timing[i].seconds;
    assert_true(isfinite(sum[0]) && sum[1] > 0);
}

static void rounds_with_emulated_cores_end(void **state)
{
    (void)state;
    struct rig r;
    const double slowdown[2] = {1, 40};
    rig_open(&r, 2, slowdown);
    coordinate(&r, burn);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once_whatever_the_plan),
        cmocka_unit_test(joined_tasks_share_their_time_by_size),
        cmocka_unit_test(ten_thousand_rounds_pass),
        cmocka_unit_test(exactly_b_results_count_and_late_ones_quit),
        cmocka_unit_test(a_failure_ends_the_round_with_its_status),
        cmocka_unit_test(a_stop_at_any_moment_ends_the_round),
        cmocka_unit_test(a_stop_ends_an_emulated_sleep),
        cmocka_unit_test(rounds_with_emulated_cores_end),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
