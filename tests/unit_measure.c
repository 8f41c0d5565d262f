/* What crew bench makes of its measurements: samples, verdict, matrices. No figure of this
 * machine is judged. */
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
 * 400
 * + 361 + 324 + 6084 = 7610, over 4. */
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

static struct crew_window window(struct counter *c, const bool *active,
                                 const _Atomic bool *stop, struct crew_sampled *out,
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
    _Atomic bool stop = false;
    struct counter c = {.turn_s = {0.02, 1e-4}};
    struct crew_sampled out[2] = {{0}};
    struct window_job job = {window(&c, both, &stop, out, 1e-3), CREW_ESTATE};
    (void)state;
    crew_pool_call(test_pool(2), run_window, &job);
    assert_int_equal(job.status, CREW_OK);
    for (int i = 0; i < 2; i++) {
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
    _Atomic bool stop = false;
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

static void a_stop_ends_a_long_window(void **state)
{
    const bool both[] = {true, true};
    _Atomic bool stop = true;
    struct counter c = {.turn_s = {1e-5, 1e-5}};
    struct crew_sampled out[2] = {{0}};
    struct window_job job = {window(&c, both, &stop, out, 3600), CREW_ESTATE};
    (void)state;
    crew_pool_call(test_pool(2), run_window, &job);
    assert_int_equal(job.status, CREW_OK);
    assert_true(out[0].n == 0 && isnan(out[0].mean_s));
    crew_sampled_free(&out[0]);
    crew_sampled_free(&out[1]);
}

/* ---- Memory ---- */

static void a_triad_pass_covers_its_part_only(void **state)
{
    struct crew_triad t;
    (void)state;
    assert_true(crew_triad_take(&t, 3 * 1000 * sizeof(double)));
    assert_true(t.n <= 1000 && t.n > 990);
    for (size_t i = 0; i < t.n; i++) {
        t.b[i] = (double)i;
        t.c[i] = 2;
    }
    crew_triad_pass(&t, 10, 20);
    for (size_t i = 0; i < t.n; i++)
        assert_true(t.a[i] == (i >= 10 && i < 20 ? (double)i + 6 : 1));
    crew_free(t.a);
}

static void a_chain_visits_every_line_once(void **state)
{
    struct crew_chain c;
    (void)state;
    assert_true(crew_chain_take(&c, 100 * CREW_LINE));
    assert_int_equal(c.lines, 100);
    for (uint32_t steps = 1; steps < 100; steps++)
        assert_int_not_equal(crew_chain_walk(&c, 0, steps), 0);
    assert_int_equal(crew_chain_walk(&c, 0, 100), 0);
    crew_free(c.next);
}

/* ---- The verdict ---- */

/* Three tasks more than two each on workers of 4, 2 and 1 s, seven in all: one of them has
 * three. 12 s if it is the slowest, with 1/3; else the slowest needs 8 s for its two. */
static void a_uniform_round_is_an_expectation(void **state)
{
    const double cost[] = {1, 4, 2};
    double scratch[3];
    (void)state;
    assert_true(near(crew_uniform_round_s(cost, 3, 7, scratch), 12 / 3.0 + 8 * 2 / 3.0));
    assert_true(near(crew_uniform_round_s(cost, 3, 6, scratch), 8));
    /* Two of three have one task, the other none: 4 s unless the slowest is left out. */
    assert_true(near(crew_uniform_round_s(cost, 3, 2, scratch), 4 * 2 / 3.0 + 2 / 3.0));
    assert_true(near(crew_uniform_round_s(cost, 1, 5, scratch), 5));
}

/* 1, 2 and 4 s, seven tasks: all are busy until 4 s. Of four tasks, the fourth goes to the
 * first at 1 s, and the third still runs until 4 s. */
static void a_queue_round_is_list_scheduling(void **state)
{
    const double cost[] = {1, 2, 4};
    double scratch[3];
    (void)state;
    assert_true(near(crew_queue_round_s(cost, 3, 7, scratch), 4));
    assert_true(near(crew_queue_round_s(cost, 3, 4, scratch), 4));
    assert_true(near(crew_queue_round_s(cost, 3, 2, scratch), 2));
    assert_true(near(crew_queue_round_s(cost, 3, 9, scratch), 6));
}

/* Two cores of one kind, 1 and 2 s, and one of another, 20 s; four tasks: 3, 1 and none. */
static void a_verdict_of_known_times(void **state)
{
    const double together[] = {1, 2, 20}, alone[] = {0.75, 1.5, 18};
    struct crew_bench_slot slot[3] = {{.where.kind = 1}, {.where.kind = 1}, {.where.kind = 0}};
    struct crew_bench b = {.n = 3, .slot = slot, .batch_tasks = 4};
    (void)state;
    for (int i = 0; i < 3; i++) {
        slot[i].measured[CREW_GRADIENT][CREW_TOGETHER].mean_s = together[i];
        slot[i].measured[CREW_GRADIENT][CREW_ALONE].mean_s = alone[i];
    }
    assert_int_equal(crew_bench_verdict(&b), CREW_OK);
    assert_true(near(slot[0].relative_speed, 1) && near(slot[1].relative_speed, 0.5) &&
                near(slot[2].relative_speed, 0.05));
    assert_int_equal(slot[0].planned, 3);
    assert_int_equal(slot[1].planned, 1);
    assert_int_equal(slot[2].planned, 0);
    assert_int_equal(b.n_kinds, 2);
    assert_int_equal(b.kind[0].kind, 1);
    assert_int_equal(b.kind[0].slots, 2);
    assert_int_equal(b.kind[0].parked, 0);
    assert_int_equal(b.kind[0].planned, 4);
    assert_true(near(b.kind[0].mean, 0.75) && near(b.kind[0].slowest, 0.5) &&
                near(b.kind[0].fastest, 1));
    assert_int_equal(b.kind[1].parked, 1);
    assert_string_equal(b.round[0].policy, "one core");
    assert_true(near(b.round[0].seconds, 4 * 0.75));
    assert_true(near(b.round[1].seconds, 40 / 3.0 + 20 * 2 / 3.0)); /* 1 each, and one more */
    assert_true(near(b.round[2].seconds, 20));
    assert_true(near(b.round[3].seconds, 3));
    crew_free(b.kind);
}

static void nodes_are_listed_once_and_in_order(void **state)
{
    struct crew_bench_slot slot[6] = {{.where.numa = 3},  {.where.numa = 1}, {.where.numa = 3},
                                      {.where.numa = -1}, {.where.numa = 0}, {.where.numa = 1}};
    const struct crew_bench b = {.n = 6, .slot = slot};
    const int32_t expected[] = {0, 1, 3};
    int32_t node[6];
    (void)state;
    assert_int_equal(crew_bench_find_nodes(&b, node), 3);
    assert_memory_equal(node, expected, sizeof expected);
}

/* ---- All of it, short ---- */

static struct crew_bench_config config(void)
{
    struct crew_bench_config cfg = {.model = "softmax",
                                    .task_rows = 8,
                                    .seed = 1,
                                    .workers = 2,
                                    .bind = "prefer",
                                    .batch_tasks = 5,
                                    .size = 16,
                                    .triad_mb = 1,
                                    .seconds = 2e-3,
                                    .powercap = "/none"};
    crew_data_config_init(&cfg.data);
    cfg.data.data = "synth:100x4x3";
    return cfg;
}

static bool within(double v, double most)
{
    return v > 0 && v < most;
}

static void check_slot(const struct crew_bench *b, uint32_t i)
{
    const struct crew_bench_slot *s = &b->slot[i];
    for (int what = 0; what < CREW_MEASURES; what++)
        for (int how = 0; how < CREW_SETTINGS; how++) {
            const struct crew_sampled *f = &s->measured[what][how];
            assert_true(f->n >= 3 && f->n <= CREW_SAMPLES);
            assert_true(within(f->mean_s, 1) && within(f->median_s, 1) && within(f->p95_s, 1));
            assert_true(f->p95_s >= f->median_s);
            assert_true(isnan(f->cpu_s) || f->cpu_s >= 0);
        }
    assert_true(s->relative_speed > 0 && s->relative_speed <= 1);
    assert_true(isnan(s->task_j));
}

static void a_short_bench_fills_in_everything(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    struct crew_error err = {.text = ""};
    uint64_t planned = 0;
    (void)state;
    cfg.latency = cfg.numa = true;
    cfg.watch_s = 0.02;
    if (crew_bench_run(&cfg, &b, &err) != CREW_OK)
        fail_msg("%s", err.text);
    assert_false(b.stopped);
    assert_int_equal(b.n_params, 15);
    for (uint32_t i = 0; i < b.n; i++) {
        check_slot(&b, i);
        planned += b.slot[i].planned;
        for (uint32_t j = 0; j < b.n && b.latency_s; j++) {
            double v = b.latency_s[i * b.n + j];
            assert_true(i == j ? isnan(v) : isnan(v) || within(v, 0.1));
        }
    }
    assert_int_equal(planned, 5);
    assert_true(b.n == 1 || b.latency_s);
    for (uint32_t i = 0; i < b.nodes.n * b.nodes.n; i++)
        assert_true(within(b.nodes.bytes_per_s[i], 1e13) && within(b.nodes.load_s[i], 1));
    assert_int_equal(b.watch.buckets, 20);
    assert_true(isnan(b.task_j));
    assert_non_null(strstr(b.no_energy, "/none"));
    crew_bench_free(&b);
}

static bool stop_at_once(void *user, const char *what, double done)
{
    (void)what, (void)done;
    ++*(int *)user;
    return false;
}

static void a_bench_that_is_stopped_says_so(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    struct crew_error err = {.text = ""};
    int asked = 0;
    (void)state;
    cfg.seconds = 3600;
    cfg.on_progress = stop_at_once;
    cfg.user = &asked;
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_OK);
    assert_true(b.stopped && asked > 0);
    assert_true(b.round[3].policy == NULL);
    crew_bench_free(&b);
}

static void what_cannot_be_measured_is_refused(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    struct crew_error err;
    (void)state;
    cfg.model = "sofmax";
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_EINVAL);
    assert_non_null(strstr(err.text, "did you mean 'softmax'"));
    crew_bench_free(&b);
    cfg = config();
    cfg.bind = "glue";
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_EINVAL);
    crew_bench_free(&b);
    cfg = config();
    cfg.save_profile = "/none/profile";
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_EOUTPUT);
    crew_bench_free(&b);
    cfg = config();
    cfg.data.data = "/none/rows.csv";
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_EINPUT);
    crew_bench_free(&b);
    crew_bench_free(&b); /* zeroed is fine */
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
        cmocka_unit_test(a_stop_ends_a_long_window),
        cmocka_unit_test(a_triad_pass_covers_its_part_only),
        cmocka_unit_test(a_chain_visits_every_line_once),
        cmocka_unit_test(a_uniform_round_is_an_expectation),
        cmocka_unit_test(a_queue_round_is_list_scheduling),
        cmocka_unit_test(a_verdict_of_known_times),
        cmocka_unit_test(nodes_are_listed_once_and_in_order),
        cmocka_unit_test(a_short_bench_fills_in_everything),
        cmocka_unit_test(a_bench_that_is_stopped_says_so),
        cmocka_unit_test(what_cannot_be_measured_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
