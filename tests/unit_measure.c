/* How crew bench samples: windows, figures, memory. No figure of this machine is judged. */
#include "testing.h"

#include "base/clock.h"
#include "base/mem.h"
#include "study/measure_internal.h"
#include <math.h>
#include <string.h>

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fabs(b);
}

/* ---- Samples ---- */

static struct crew_sampled open_samples(uint64_t repeat)
{
    struct crew_sampled s = {.sample_s = crew_alloc(CREW_SAMPLES * sizeof *s.sample_s),
                             .repeat = repeat};
    assert_non_null(s.sample_s);
    return s;
}

/* 1, 2, 3, 4 and 100 s: mean 22, median 3, the order is kept; squares of the deviations: 441 +
 * 400 + 361 + 324 + 6084 = 7610, over 4. */
static void figures_of_a_few_samples(void **state)
{
    const double turn_s[] = {4, 100, 1, 3, 2};
    struct crew_sampled s = open_samples(1);
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_false(crew_sampled_add(&s, turn_s[i]));
    assert_int_equal(crew_sampled_finish(&s), CREW_OK);
    assert_true(near(s.mean_s, 22));
    assert_true(near(s.median_s, 3));
    assert_true(near(s.p75_s, 4));
    assert_true(near(s.p95_s, 100));
    assert_true(near(s.sd_s, sqrt(7610 / 4.0)));
    assert_int_equal(s.turns, 5);
    assert_memory_equal(s.sample_s, turn_s, sizeof turn_s);
    crew_sampled_free(&s);
    s = open_samples(1);
    for (int i = 0; i < 4; i++)
        (void)crew_sampled_add(&s, turn_s[i]); /* 1 3 4 100 */
    assert_int_equal(crew_sampled_finish(&s), CREW_OK);
    assert_true(near(s.median_s, 3.5));
    crew_sampled_free(&s);
}

static void a_sample_of_several_turns_counts_as_their_mean(void **state)
{
    struct crew_sampled s = open_samples(4);
    (void)state;
    (void)crew_sampled_add(&s, 8);
    (void)crew_sampled_add(&s, 16);
    assert_int_equal(crew_sampled_finish(&s), CREW_OK);
    assert_int_equal(s.turns, 8);
    assert_true(near(s.mean_s, 3));
    assert_true(near(s.sample_s[1], 4));
    crew_sampled_free(&s);
}

/* Turn i takes i s: merged or not, the sum and the order are those of all of them. */
static void too_many_samples_are_merged_and_nothing_is_lost(void **state)
{
    struct crew_sampled s = open_samples(1);
    size_t merges = 0, turns = 0;
    double sum = 0;
    (void)state;
    while (merges < 3 || s.n < CREW_SAMPLES) {
        double seconds = 0;
        for (uint64_t i = 0; i < s.repeat; i++)
            seconds += (double)turns++;
        sum += seconds;
        merges += crew_sampled_add(&s, seconds);
    }
    assert_int_equal(s.repeat, 8);
    assert_int_equal(s.turns, turns);
    assert_int_equal(crew_sampled_finish(&s), CREW_OK);
    assert_true(near(s.mean_s, sum / (double)turns));
    for (size_t i = 1; i < s.n; i++)
        assert_true(s.sample_s[i] > s.sample_s[i - 1]);
    crew_sampled_free(&s);
}

/* ---- Windows ---- */

struct counter {
    _Atomic uint64_t turns[2];
    double turn_s[2];
};

static void count(void *self, uint32_t worker, uint64_t turn)
{
    struct counter *c = self;
    assert_int_equal(turn, atomic_fetch_add(&c->turns[worker], 1));
    for (double until = crew_now_s() + c->turn_s[worker]; crew_now_s() < until;)
        ;
}

struct window_job {
    struct crew_window w;
    crew_status status;
};

static void run_window(void *self, uint32_t worker)
{
    struct window_job *job = self;
    assert_int_equal(worker, 0);
    job->status = crew_window_run(&job->w);
}

static void finish(struct crew_sampled *s)
{
    assert_int_equal(crew_sampled_finish(s), CREW_OK);
}

static struct crew_window window(struct counter *c, const bool *active,
                                 const _Atomic uint32_t *stop, struct crew_sampled *out,
                                 double seconds)
{
    return (struct crew_window){.pool = test_pool(2),
                                .turn = count,
                                .self = c,
                                .warm_s = 1e-3,
                                .seconds = seconds,
                                .stop = stop,
                                .active = active,
                                .out = out};
}

/* The slow worker needs three turns of 20 ms; the fast one goes on meanwhile. */
static void everybody_has_three_samples_and_nobody_idles_before(void **state)
{
    const bool both[] = {true, true};
    _Atomic uint32_t stop = 0;
    struct counter c = {.turn_s = {0.02, 1e-4}};
    struct crew_sampled out[2] = {{0}};
    struct window_job job = {window(&c, both, &stop, out, 1e-3), CREW_ESTATE};
    (void)state;
    crew_pool_call(test_pool(2), run_window, &job);
    assert_int_equal(job.status, CREW_OK);
    for (int i = 0; i < 2; i++) {
        finish(&out[i]);
        assert_true(out[i].n >= 3);
        assert_true(out[i].mean_s >= c.turn_s[i]);
        assert_true(near(out[i].wall_s, out[i].mean_s * (double)out[i].turns));
        assert_true(atomic_load(&c.turns[i]) > out[i].turns); /* some were warm-up */
    }
    assert_true(out[1].wall_s > 0.04);
    crew_sampled_free(&out[0]);
    crew_sampled_free(&out[1]);
}

static void who_is_not_active_does_nothing(void **state)
{
    const bool second[] = {false, true};
    _Atomic uint32_t stop = 0;
    struct counter c = {.turn_s = {1e-5, 1e-5}};
    struct crew_sampled out[2] = {{0}};
    struct window_job job = {window(&c, second, &stop, out, 5e-3), CREW_ESTATE};
    (void)state;
    crew_pool_call(test_pool(2), run_window, &job);
    assert_int_equal(job.status, CREW_OK);
    assert_int_equal(atomic_load(&c.turns[0]), 0);
    assert_null(out[0].sample_s);
    assert_true(out[1].n >= 3);
    assert_true(isnan(job.w.joules));
    crew_sampled_free(&out[1]);
}

/* Three windows are one measurement: sums go on, samples stay of one length, which short turns
 * (at least 0.1 us, so some in a sample of 10 us) would otherwise choose anew. */
static void windows_add_up(void **state)
{
    const bool both[] = {true, true};
    _Atomic uint32_t stop = 0;
    struct counter c = {.turn_s = {1e-3, 1e-7}};
    struct crew_sampled out[2] = {{0}};
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct crew_sampled before[2] = {out[0], out[1]};
        struct window_job job = {window(&c, both, &stop, out, 5e-3), CREW_ESTATE};
        crew_pool_call(test_pool(2), run_window, &job);
        assert_int_equal(job.status, CREW_OK);
        for (int i = 0; i < 2; i++) {
            assert_true(out[i].n >= before[i].n + 3);
            assert_int_equal(out[i].turns, out[i].n * out[i].repeat);
            assert_true(k == 0 || out[i].repeat == before[i].repeat);
            double turns = (double)(out[i].turns - before[i].turns);
            assert_true(near(out[i].window_s, (out[i].wall_s - before[i].wall_s) / turns));
            assert_true(isnan(out[i].cpu_s) || out[i].cpu_s >= before[i].cpu_s);
        }
        atomic_store(&c.turns[0], out[0].turns); /* numbering goes on from what counted */
        atomic_store(&c.turns[1], out[1].turns);
    }
    for (int i = 0; i < 2; i++) {
        finish(&out[i]);
        assert_true(near(out[i].mean_s, out[i].wall_s / (double)out[i].turns));
        crew_sampled_free(&out[i]);
    }
}

static void a_stop_ends_a_long_window(void **state)
{
    const bool both[] = {true, true};
    _Atomic uint32_t stop = 1;
    struct counter c = {.turn_s = {1e-5, 1e-5}};
    struct crew_sampled out[2] = {{0}};
    struct window_job job = {window(&c, both, &stop, out, 3600), CREW_ESTATE};
    (void)state;
    crew_pool_call(test_pool(2), run_window, &job);
    assert_int_equal(job.status, CREW_OK);
    finish(&out[0]);
    assert_true(out[0].n == 0 && isnan(out[0].mean_s));
    crew_sampled_free(&out[0]);
    crew_sampled_free(&out[1]);
}

/* ---- Memory ---- */

static void a_triad_pass_covers_its_part_only(void **state)
{
    struct crew_triad t;
    void *memory = crew_alloc(3 * 1000 * sizeof(double));
    (void)state;
    assert_non_null(memory);
    crew_triad_lay(&t, memory, 3 * 1000 * sizeof(double));
    assert_true(t.n <= 1000 && t.n > 990);
    for (size_t i = 0; i < t.n; i++) {
        t.b[i] = (double)i;
        t.c[i] = 2;
    }
    crew_triad_pass(&t, 10, 20);
    for (size_t i = 0; i < t.n; i++)
        assert_true(t.a[i] == (i >= 10 && i < 20 ? (double)i + 6 : 1));
    crew_free(memory);
}

static void a_chain_visits_every_line_once(void **state)
{
    struct crew_chain c;
    void *memory = crew_alloc(100 * CREW_LINE);
    (void)state;
    assert_non_null(memory);
    crew_chain_lay(&c, memory, 100 * CREW_LINE);
    assert_int_equal(c.lines, 100);
    for (uint32_t steps = 1; steps < 100; steps++)
        assert_int_not_equal(crew_chain_walk(&c, 0, steps), 0);
    assert_int_equal(crew_chain_walk(&c, 0, 100), 0);
    crew_free(memory);
}

static int done(void **state)
{
    (void)state;
    test_pool_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_a_few_samples),
        cmocka_unit_test(a_sample_of_several_turns_counts_as_their_mean),
        cmocka_unit_test(too_many_samples_are_merged_and_nothing_is_lost),
        cmocka_unit_test(everybody_has_three_samples_and_nobody_idles_before),
        cmocka_unit_test(who_is_not_active_does_nothing),
        cmocka_unit_test(windows_add_up),
        cmocka_unit_test(a_stop_ends_a_long_window),
        cmocka_unit_test(a_triad_pass_covers_its_part_only),
        cmocka_unit_test(a_chain_visits_every_line_once),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
