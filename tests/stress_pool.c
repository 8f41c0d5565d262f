/* Threads that come and go, wait and are woken: no wake-up is lost, and who waits long uses no
 * CPU. */
#include "base/clock.h"
#include "base/rng.h"
#include "machine/park.h"
#include "testing.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static crew_machine *machine;

static int find_machine(void **state)
{
    (void)state;
    return crew_machine_create(NULL, &machine, NULL) != CREW_OK;
}

static int forget_machine(void **state)
{
    (void)state;
    crew_machine_destroy(machine);
    return 0;
}

static crew_pool *make(uint32_t n, double spin_s)
{
    const struct crew_pool_config cfg = {
        .machine = machine, .n = n, .bind = CREW_BIND_PREFER, .spin_s = spin_s};
    struct crew_error err;
    crew_pool *p;
    if (crew_pool_create(&cfg, &p, &err) != CREW_OK)
        fail_msg("%s", err.text);
    assert_int_equal(crew_pool_workers(p), n);
    return p;
}

/* What all cases hand to the workers. Each worker writes its own entry, without atomics: the
 * pool publishes it. */
enum { MOST = 16 };
struct work {
    crew_pool *pool;
    uint32_t n;
    uint64_t runs[MOST], rounds;
    double delay_s; /* of a job, at most */
    uint64_t round;
};

static void pause_for(double seconds)
{
    for (double until = crew_now_s() + seconds; crew_now_s() < until;)
        ;
}

static double random_delay(const struct work *w, uint32_t worker)
{
    return w->delay_s * crew_rng_unit(test_seed(), CREW_STREAM_TEST, worker, w->round);
}

static void job(void *self, uint32_t worker)
{
    struct work *w = self;
    if (w->delay_s > 0)
        pause_for(random_delay(w, worker));
    w->runs[worker]++;
}

static void pools_come_and_go(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        struct work w = {.n = 1 + i % 5};
        crew_pool *p = make(w.n, i % 2 ? 20e-6 : 0);
        if (i % 3 == 0)
            crew_pool_call(p, job, &w);
        crew_pool_destroy(p);
        assert_int_equal(w.runs[0], i % 3 == 0);
    }
    crew_pool_destroy(NULL);
}

static void rounds(void *self, uint32_t worker)
{
    struct work *w = self;
    assert_int_equal(worker, 0);
    for (w->round = 1; w->round <= w->rounds; w->round++) {
        uint64_t before[MOST], who = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 99, w->round);
        memcpy(before, w->runs, sizeof before);
        if (w->round % 4 == 0) {
            crew_pool_all(w->pool, job, w);
            who = UINT64_MAX;
        } else { /* some of them, collected in the reverse order */
            who &= ~(uint64_t)1;
            for (uint32_t i = 1; i < w->n; i++)
                if (who >> i & 1)
                    crew_pool_start(w->pool, i, job, w);
            if (w->delay_s > 0)
                pause_for(random_delay(w, 50));
            for (uint32_t i = w->n; i-- > 1;)
                if (who >> i & 1)
                    crew_pool_wait(w->pool, i);
        }
        for (uint32_t i = 0; i < w->n; i++)
            assert_int_equal(w->runs[i] - before[i], who >> i & 1);
    }
}

static void run_rounds(uint32_t n, double spin_s, uint64_t count, double delay_s)
{
    struct work w = {.n = n, .rounds = count, .delay_s = delay_s};
    w.pool = make(n, spin_s);
    crew_pool_call(w.pool, rounds, &w);
    crew_pool_destroy(w.pool);
}

static void a_started_job_runs_once_before_its_wait_ends(void **state)
{
    (void)state;
    run_rounds(2, 50e-6, 5000, 0);
    run_rounds(1, 0, 100, 0);
}

/* Without spinning every wait meets every moment of falling asleep. */
static void no_wake_up_is_lost(void **state)
{
    (void)state;
    run_rounds(2, 0, 4000, 0);
    run_rounds(3, 0, 1500, 30e-6);
    run_rounds(2, 5e-6, 4000, 10e-6); /* and at the end of the spinning */
}

static void more_workers_than_cores_take_turns(void **state)
{
    (void)state;
    run_rounds(MOST, 0, 200, 0);
    run_rounds(MOST, 0, 50, 20e-6);
}

static void one_call_after_the_other(void **state)
{
    (void)state;
    struct work w = {.n = 2};
    crew_pool *p = make(2, 20e-6);
    for (uint64_t i = 0; i < 1000; i++) {
        crew_pool_call(p, job, &w);
        assert_int_equal(w.runs[0], i + 1);
    }
    assert_int_equal(w.runs[1], 0);
    crew_pool_destroy(p);
}

static double process_cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_s(double seconds)
{
    const struct timespec t = {0, (long)(seconds * 1e9)};
    nanosleep(&t, NULL);
}

/* CPU time is counted, not a speed: 3 threads that went on spinning would take some 200 ms. */
static void who_waits_long_uses_no_cpu(void **state)
{
    (void)state;
    struct work w = {.n = 3};
    crew_pool *p = make(3, 200e-6);
    crew_pool_call(p, job, &w);
    sleep_s(0.02); /* all have given up spinning */
    double before = process_cpu_s();
    sleep_s(0.2);
    assert_true(process_cpu_s() - before < 0.02);
    crew_pool_call(p, job, &w); /* and they are still there */
    assert_int_equal(w.runs[0], 2);
    crew_pool_destroy(p);
}

/* ---- The gate alone ---- */

struct pair {
    struct crew_gate there, back;
    uint32_t rounds;
    uint64_t payload;
};

static void *answer(void *self)
{
    struct pair *g = self;
    uint32_t seen = 0;
    while (seen < g->rounds) {
        seen = crew_gate_wait(&g->there, seen, seen % 3 ? 0 : 2e-6);
        g->payload += seen;
        crew_gate_set(&g->back, seen);
    }
    return NULL;
}

static void a_gate_publishes_what_was_written_before(void **state)
{
    (void)state;
    struct pair g = {.rounds = 10000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer, &g), 0);
    uint64_t want = 0;
    for (uint32_t i = 1; i <= g.rounds; i++) {
        want += i + 5;
        g.payload += 5;
        crew_gate_set(&g.there, i);
        assert_int_equal(crew_gate_wait(&g.back, i - 1, i % 5 ? 0 : 2e-6), i);
        assert_int_equal(g.payload, want);
    }
    pthread_join(thread, NULL);
}

static void *open_gate(void *self)
{
    sleep_s(0.05);
    crew_gate_set(self, 1);
    return NULL;
}

/* Whoever gave up waiting leaves the mark of a sleeper: the next to wait must not take that for
 * an answer, spinning or not, and is woken. */
static void a_wait_that_ended_early_is_no_answer(void **state)
{
    (void)state;
    for (int spin = 0; spin <= 1; spin++) {
        struct crew_gate g = {0};
        pthread_t thread;
        assert_false(crew_gate_wait_until(&g, 0, crew_now_s()));
        assert_false(crew_gate_wait_until(&g, 0, crew_now_s() + 1e-3));
        assert_int_equal(pthread_create(&thread, NULL, open_gate, &g), 0);
        assert_int_equal(crew_gate_wait(&g, 0, spin), 1);
        pthread_join(thread, NULL);
        assert_true(crew_gate_wait_until(&g, 0, 0)); /* open: no time is needed */
    }
}

/* The kernel counts seconds in a long, and waits for nothing when they do not fit: CPU time is
 * counted here, not a speed. */
static void a_wait_until_the_end_of_time_sleeps(void **state)
{
    (void)state;
    struct crew_gate g = {0};
    pthread_t thread;
    double before = process_cpu_s();
    assert_int_equal(pthread_create(&thread, NULL, open_gate, &g), 0);
    assert_true(crew_gate_wait_until(&g, 0, 1e300));
    assert_true(process_cpu_s() - before < 0.02);
    pthread_join(thread, NULL);
}

struct bed {
    _Atomic uint32_t word;
};

static void *set_and_wake(void *self)
{
    struct bed *b = self;
    sleep_s(0.002);
    atomic_store(&b->word, 1);
    crew_wake(&b->word);
    return NULL;
}

static void a_sleep_ends_at_its_time_or_when_woken(void **state)
{
    (void)state;
    struct bed b = {0};
    pthread_t thread;
    double now = crew_now_s();
    assert_true(crew_sleep_until(&b.word, 0, now - 1));
    assert_true(crew_sleep_until(&b.word, 0, now + 0.003));
    assert_true(crew_now_s() >= now + 0.003); /* never before its time */
    assert_int_equal(pthread_create(&thread, NULL, set_and_wake, &b), 0);
    assert_false(crew_sleep_until(&b.word, 0, now + 1e6));
    pthread_join(thread, NULL);
    assert_false(crew_sleep_until(&b.word, 0, now + 1e6));
    crew_wake(&b.word); /* nobody sleeps: fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_come_and_go),
        cmocka_unit_test(a_started_job_runs_once_before_its_wait_ends),
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(more_workers_than_cores_take_turns),
        cmocka_unit_test(one_call_after_the_other),
        cmocka_unit_test(who_waits_long_uses_no_cpu),
        cmocka_unit_test(a_gate_publishes_what_was_written_before),
        cmocka_unit_test(a_wait_that_ended_early_is_no_answer),
        cmocka_unit_test(a_wait_until_the_end_of_time_sleeps),
        cmocka_unit_test(a_sleep_ends_at_its_time_or_when_woken),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, find_machine, forget_machine);
}
