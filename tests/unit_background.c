/* The thread beside the pool: every job once, in order, and what it wrote is seen. */
#include "testing.h"

#include "base/clock.h"
#include "machine/background.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Written by the job and read by the caller, without atomics: the thread publishes it. */
struct work {
    uint64_t jobs, sum;
    uint64_t next; /* written by the caller */
    double delay_s;
    sigset_t blocked;
};

static crew_background *make(void)
{
    struct crew_error err;
    crew_background *b;
    if (crew_background_create(&b, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return b;
}

static void job(void *self)
{
    struct work *w = self;
    for (double end = crew_now_s() + w->delay_s; w->delay_s > 0 && crew_now_s() < end;)
        ;
    w->jobs++;
    w->sum += w->next;
    pthread_sigmask(SIG_BLOCK, NULL, &w->blocked);
}

static void every_job_runs_once_and_what_it_wrote_is_seen(void **state)
{
    (void)state;
    enum { JOBS = 3000 };
    struct work w = {.jobs = 0};
    crew_background *b = make();
    for (uint64_t i = 1; i <= JOBS; i++) {
        w.delay_s = i % 100 == 0 ? 200e-6 : 0;
        w.next = i;
        crew_background_start(b, job, &w);
        if (i % 3 == 0)
            while (crew_background_busy(b))
                ;
        else
            crew_background_wait(b);
        assert_int_equal(w.jobs, i);
    }
    assert_int_equal(w.sum, (uint64_t)JOBS * (JOBS + 1) / 2);
    crew_background_destroy(b);
}

/* Each with work of its own: the second one begins when the first one is done. */
static void a_job_waits_for_the_one_before(void **state)
{
    (void)state;
    struct work slow = {.delay_s = 5e-3}, fast = {.jobs = 0};
    crew_background *b = make();
    for (uint64_t i = 1; i <= 20; i++) {
        crew_background_start(b, job, &slow);
        crew_background_start(b, job, &fast);
        assert_int_equal(slow.jobs, i);
        crew_background_wait(b);
        crew_background_wait(b); /* once more does no harm */
        assert_int_equal(fast.jobs, i);
        assert_false(crew_background_busy(b));
    }
    crew_background_destroy(b);
}

static void without_a_job_there_is_nothing_to_wait_for(void **state)
{
    (void)state;
    crew_background *b = make();
    assert_false(crew_background_busy(b));
    crew_background_wait(b);
    crew_background_destroy(b);
    crew_background_destroy(NULL);
}

static void destroying_waits_for_its_job(void **state)
{
    (void)state;
    struct work w = {.delay_s = 2e-3};
    for (uint64_t i = 1; i <= 100; i++) {
        crew_background *b = make();
        w.delay_s = i % 10 ? 0 : 2e-3;
        crew_background_start(b, job, &w);
        crew_background_destroy(b);
        assert_int_equal(w.jobs, i);
    }
}

static void block(void *self)
{
    int *pipe_ends = self;
    char c;
    assert_int_equal(read(pipe_ends[0], &c, 1), 1);
}

static void it_is_busy_as_long_as_its_job_runs(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    crew_background *b = make();
    for (int i = 0; i < 5; i++) {
        crew_background_start(b, block, ends);
        for (int k = 0; k < 100; k++)
            assert_true(crew_background_busy(b));
        assert_int_equal(write(ends[1], "x", 1), 1);
        crew_background_wait(b);
        assert_false(crew_background_busy(b));
    }
    crew_background_destroy(b);
    close(ends[0]);
    close(ends[1]);
}

/* Signals are the application's, and the caller's mask is as it was. */
static void it_takes_no_signals(void **state)
{
    (void)state;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGCHLD};
    struct work w = {.jobs = 0};
    sigset_t before, after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    crew_background *b = make();
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    crew_background_start(b, job, &w);
    crew_background_wait(b);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(sigismember(&w.blocked, numbers[i]), 1);
        assert_int_equal(sigismember(&after, numbers[i]), sigismember(&before, numbers[i]));
    }
    crew_background_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_once_and_what_it_wrote_is_seen),
        cmocka_unit_test(a_job_waits_for_the_one_before),
        cmocka_unit_test(without_a_job_there_is_nothing_to_wait_for),
        cmocka_unit_test(destroying_waits_for_its_job),
        cmocka_unit_test(it_is_busy_as_long_as_its_job_runs),
        cmocka_unit_test(it_takes_no_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
