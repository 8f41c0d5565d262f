/* What says in numbers where it is can be put there again: sampler, optimizer, executor. What
 * are not its numbers, it refuses, and is still usable. */
#include "testing.h"

#include "base/rng.h"
#include "data/sampler.h"
#include "exec/sim.h"
#include "train/optimizer.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

static uint64_t draw(uint32_t stream, uint64_t i, uint64_t below)
{
    return crew_rng_u64(test_seed(), CREW_STREAM_TEST, stream, i) % below;
}

/* One number of a state as it never is: negative, a fraction, none, too large. */
static double wrong(uint32_t stream, uint64_t i, double x)
{
    const double others[] = {-1 - x, x + 0.5, (double)NAN, (double)INFINITY, 1e300};
    return others[draw(stream, i, 5)];
}

/* ---- Sampler ---- */

enum { MOST_ROWS = 300, MOST_TASKS = 20, MOST_STATE = 3 + MOST_ROWS };

/* A round of which random tasks are kept, as policies that drop results do; without spare ones
 * the first. What it was goes into the hash. */
static void sampler_round(crew_sampler *s, uint32_t tasks, uint32_t spare, uint64_t number,
                          uint64_t *hash)
{
    struct crew_sampler_round r;
    uint32_t order[2 * MOST_TASKS], n;
    bool kept[2 * MOST_TASKS] = {false};
    crew_sampler_round(s, tasks, spare, &r);
    for (uint32_t t = 0; t < r.tasks + r.spare; t++) {
        const uint32_t *rows = crew_sampler_rows(s, t, &n);
        for (uint32_t i = 0; i < n; i++)
            *hash = (*hash ^ rows[i]) * 0x100000001b3u;
    }
    crew_rng_shuffle(test_seed(), CREW_STREAM_TEST, (uint32_t)number, order, r.tasks + r.spare);
    for (uint32_t i = 0; i < r.tasks; i++)
        kept[order[i]] = true;
    bool last = crew_sampler_settle(s, r.spare ? kept : NULL);
    *hash = (*hash ^ (r.epoch << 1 | last)) * 0x100000001b3u;
    *hash = (*hash ^ crew_sampler_epoch_rows(s)) * 0x100000001b3u;
}

static void a_sampler_goes_on_from_where_it_was(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 400; i++) {
        uint32_t rows = 1 + (uint32_t)draw(1, i, MOST_ROWS),
                 task_rows = 1 + (uint32_t)draw(2, i, 20),
                 tasks = 1 + (uint32_t)draw(3, i, MOST_TASKS),
                 spare = i % 3 ? (uint32_t)draw(4, i, MOST_TASKS) : 0;
        uint64_t before = draw(5, i, 60), hash[2] = {1, 1};
        double x[MOST_STATE];
        crew_sampler *a = crew_sampler_create(rows, task_rows, i),
                     *b = crew_sampler_create(rows, task_rows, i);
        assert_true(a && b && crew_sampler_state_max(a) <= MOST_STATE);
        for (uint64_t k = 0; k < before; k++)
            sampler_round(a, tasks, spare, k, &hash[0]);
        for (uint64_t k = 0; k < draw(6, i, 5); k++) /* wherever it stood */
            sampler_round(b, tasks, spare, k + 7, &hash[1]);
        size_t n = crew_sampler_save(a, x, MOST_STATE);
        assert_true(n <= crew_sampler_state_max(a) && n == crew_sampler_save(a, NULL, 0));
        assert_int_equal(crew_sampler_load(b, x, n), CREW_OK);
        hash[0] = hash[1] = 1;
        for (uint64_t k = before; k < before + 40; k++)
            for (int j = 0; j < 2; j++)
                sampler_round(j ? b : a, tasks, spare, k, &hash[j]);
        if (hash[0] != hash[1])
            fail_msg("%u rows by %u, %u tasks and %u, after %llu rounds: other rows", rows,
                     task_rows, tasks, spare, (unsigned long long)before);
        crew_sampler_destroy(a);
        crew_sampler_destroy(b);
    }
}

/* Asked for a round that then does not count, it says the same. */
static void a_sampler_in_the_middle_of_a_round_is_where_the_round_began(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        double x[2][MOST_STATE];
        struct crew_sampler_round r[2];
        uint64_t hash = 1;
        crew_sampler *a = crew_sampler_create(97, 4, i), *b = crew_sampler_create(97, 4, i);
        for (uint64_t k = 0; k < i; k++)
            sampler_round(a, 6, i % 2 ? 5 : 0, k, &hash);
        size_t n = crew_sampler_save(a, x[0], MOST_STATE);
        crew_sampler_round(a, 6, 5, &r[0]);
        size_t m = crew_sampler_save(a, x[1], MOST_STATE);
        assert_int_equal(crew_sampler_load(b, x[0], n), CREW_OK);
        crew_sampler_round(b, 6, 5, &r[1]);
        assert_memory_equal(&r[0], &r[1], sizeof r[0]);
        assert_int_equal(crew_sampler_load(b, x[1], m), CREW_OK);
        crew_sampler_round(b, 6, 5, &r[1]);
        assert_memory_equal(&r[0], &r[1], sizeof r[0]);
        crew_sampler_destroy(a);
        crew_sampler_destroy(b);
    }
}

static void a_sampler_refuses_what_is_not_its_own(void **state)
{
    (void)state;
    double x[MOST_STATE], y[MOST_STATE];
    uint64_t hash = 1;
    crew_sampler *s = crew_sampler_create(103, 5, 3), *other = crew_sampler_create(103, 4, 3);
    for (uint64_t k = 0; k < 4; k++)
        sampler_round(s, 3, 3, k, &hash);
    size_t n = crew_sampler_save(s, x, MOST_STATE);
    assert_int_equal(n, crew_sampler_state_max(s)); /* its order is not 0, 1, 2 ... */
    assert_int_equal(crew_sampler_load(other, x, n), CREW_EFORMAT);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(crew_sampler_load(s, x, k), k == 3 ? CREW_OK : CREW_EFORMAT);
    for (uint64_t i = 0; i < 2000; i++) {
        size_t k = draw(10, i, n);
        memcpy(y, x, n * sizeof *y);
        y[k] = wrong(11, i, y[k]);
        if (crew_sampler_load(s, y, n) != CREW_EFORMAT)
            fail_msg("number %zu may be %g", k, y[k]);
        sampler_round(s, 3, 3, i, &hash); /* and it goes on */
    }
    memcpy(y, x, n * sizeof *y);
    y[5] = y[6]; /* a part twice, another one never */
    assert_int_equal(crew_sampler_load(s, y, n), CREW_EFORMAT);
    assert_int_equal(crew_sampler_load(s, x, n), CREW_OK);
    crew_sampler_destroy(s);
    crew_sampler_destroy(other);
}

/* ---- Optimizer ---- */

enum { N = 37 };

static void step(crew_optimizer *o, uint64_t number, float *params)
{
    float grad[N];
    for (uint32_t i = 0; i < N; i++)
        grad[i] = (float)crew_rng_unit(test_seed(), CREW_STREAM_TEST, i, number) - 0.4f;
    crew_optimizer_begin(o);
    crew_optimizer_step(o, 0.01, 1, grad, params, 0, N);
}

static void an_optimizer_goes_on_to_the_last_bit(void **state)
{
    (void)state;
    static const char *const specs[] = {"sgd:momentum=0",
                                        "sgd",
                                        "sgd:nesterov=yes,weight-decay=0.01",
                                        "adam",
                                        "adam:beta1=0.5,beta2=0.99",
                                        "adamw"};
    static const unsigned vectors[] = {0, 1, 1, 2, 2, 2};
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++)
        for (uint64_t before = 0; before < 3000; before = 2 * before + 1) {
            crew_optimizer *a, *b;
            float x[N] = {0.5f, -0.25f}, y[N];
            double numbers[CREW_OPTIMIZER_NUMBERS], again[CREW_OPTIMIZER_NUMBERS];
            unsigned v = 0;
            assert_int_equal(crew_optimizer_create(specs[k], 0.9, N, &a, NULL), CREW_OK);
            assert_int_equal(crew_optimizer_create(specs[k], 0.9, N, &b, NULL), CREW_OK);
            for (uint64_t i = 0; i < before; i++)
                step(a, i, x);
            crew_optimizer_save(a, numbers);
            assert_int_equal(crew_optimizer_load(b, numbers, CREW_OPTIMIZER_NUMBERS), CREW_OK);
            for (; crew_optimizer_vector(a, v); v++)
                memcpy(crew_optimizer_vector(b, v), crew_optimizer_vector(a, v), sizeof x);
            assert_int_equal(v, vectors[k]);
            assert_null(crew_optimizer_vector(a, 2));
            memcpy(y, x, sizeof y);
            for (uint64_t i = before; i < before + 20; i++) {
                step(a, i, x);
                step(b, i, y);
            }
            crew_optimizer_save(a, numbers);
            crew_optimizer_save(b, again);
            if (memcmp(x, y, sizeof x) != 0 || memcmp(numbers, again, sizeof again) != 0)
                fail_msg("%s after %llu steps: other weights", specs[k],
                         (unsigned long long)before);
            crew_optimizer_destroy(a);
            crew_optimizer_destroy(b);
        }
}

static void an_optimizer_refuses_what_is_not_its_own(void **state)
{
    (void)state;
    crew_optimizer *o;
    const double good[] = {12, 0.28, 0.98};
    assert_int_equal(crew_optimizer_create("adam", 0.9, N, &o, NULL), CREW_OK);
    for (size_t n = 0; n < 6; n++)
        assert_int_equal(crew_optimizer_load(o, n <= 3 ? good : (double[6]){0}, n),
                         n == 3 ? CREW_OK : CREW_EFORMAT);
    for (uint64_t i = 0; i < 300; i++) {
        double x[3];
        size_t k = draw(20, i, 3);
        memcpy(x, good, sizeof x);
        x[k] = k ? wrong(21, i, 1) : -1;
        assert_int_equal(crew_optimizer_load(o, x, 3), CREW_EFORMAT);
    }
    crew_optimizer_destroy(o);
}

/* ---- Executor ---- */

enum { WORKERS = 5, TASKS = 9 };

static struct sim {
    crew_speeds *speeds;
    void *self;
} open_sim(const char *spec, bool wrap)
{
    struct sim s;
    struct crew_error err;
    if (crew_speeds_parse(spec, wrap, &s.speeds, &err) != CREW_OK)
        fail_msg("%s: %s", spec, err.text);
    const struct crew_sim_config cfg = {.speeds = s.speeds, .max_tasks = TASKS};
    if (crew_sim_create(&cfg, &s.self, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return s;
}

static void close_sim(struct sim *s)
{
    crew_sim.destroy(s->self);
    crew_speeds_destroy(s->speeds);
}

/* All times of a round: of quotas, or of a shared queue. */
static void sim_round(struct sim *s, uint64_t number, bool open, double out[TASKS + 1])
{
    uint64_t quota[WORKERS] = {0};
    bool is_open[WORKERS], overrun[WORKERS] = {false};
    memset(is_open, open, sizeof is_open);
    for (uint64_t k = 0; k < TASKS && !open; k++)
        quota[draw(30, number * TASKS + k, WORKERS)]++;
    const struct crew_plan plan = {quota, is_open, overrun};
    const struct crew_round round = {.seed = 5, .round = number, .tasks = TASKS, .plan = &plan};
    struct crew_outcome outcome;
    assert_int_equal(crew_sim.run_round(s->self, &round, &outcome), CREW_OK);
    assert_int_equal(outcome.n_timings, TASKS);
    for (size_t i = 0; i < TASKS; i++)
        out[i] = outcome.timing[i].seconds;
    out[TASKS] = crew_sim.now(s->self);
}

/* A recording of WORKERS workers in a file of its own. */
static const char *record(void)
{
    static char path[32];
    snprintf(path, sizeof path, "/tmp/crew-test-XXXXXX");
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    fputs("round,worker,task,kept,seconds,cpu_seconds,work,flags\n", f);
    for (int r = 1; r <= 30; r++)
        for (int w = 0; w < WORKERS; w++)
            for (int k = 0; k <= w % 3; k++)
                fprintf(f, "%d,%d,%d,1,%.9g,,1,0\n", r, w, 3 * w + k,
                        1e-3 * (1 + (r * 7 + w * 3 + k) % 11));
    assert_int_equal(fclose(f), 0);
    return path;
}

static void an_executor_goes_on_in_the_same_times(void **state)
{
    (void)state;
    const char *path = record();
    char replay[100], mixed[160];
    snprintf(replay, sizeof replay, "replay(%s)", path);
    snprintf(mixed, sizeof mixed, "%s", "2*1ms 2*exp(1ms,2ms) lognormal(3ms,0.5)");
    const char *const specs[] = {mixed, "2*1ms@0..20,4ms@20.. 3*uniform(1ms,2ms)",
                                 "4*1ms@0s..0.05s,7ms@0.05s..0.09s,2ms@0.09s.. gamma(2,1ms)",
                                 replay};
    for (size_t k = 0; k < 4; k++)
        for (uint64_t before = 0; before < 60; before += 1 + before / 2) {
            struct sim a = open_sim(specs[k], k == 3), b = open_sim(specs[k], k == 3);
            double x[TASKS + 1], y[TASKS + 1], numbers[1 + WORKERS];
            bool open = before % 2;
            for (uint64_t r = 1; r <= before; r++)
                sim_round(&a, r, open, x);
            size_t n = crew_sim.save(a.self, numbers, 1 + WORKERS);
            assert_int_equal(n, k == 3 ? 1 + WORKERS : 1);
            assert_int_equal(crew_sim.load(b.self, numbers, n), CREW_OK);
            for (uint64_t r = before + 1; r < before + 20; r++) {
                sim_round(&a, r, open, x);
                sim_round(&b, r, open, y);
                if (memcmp(x, y, sizeof x) != 0)
                    fail_msg("%s after %llu rounds: other times", specs[k],
                             (unsigned long long)before);
            }
            close_sim(&a);
            close_sim(&b);
        }
    unlink(path);
}

static void an_executor_refuses_what_is_not_its_own(void **state)
{
    (void)state;
    const char *path = record();
    char replay[100];
    snprintf(replay, sizeof replay, "replay(%s)", path);
    struct sim s = open_sim(replay, true), plain = open_sim("5*1ms", false);
    double x[1 + WORKERS], y[1 + WORKERS], times[TASKS + 1];
    size_t n = crew_sim.save(s.self, x, 1 + WORKERS);
    assert_int_equal(crew_sim.load(plain.self, x, n), CREW_EFORMAT);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(crew_sim.load(s.self, x, k), CREW_EFORMAT);
    for (uint64_t i = 0; i < 200; i++) {
        size_t k = 1 + draw(40, i, WORKERS);
        memcpy(y, x, n * sizeof *y);
        y[k] = wrong(41, i, y[k]);
        assert_int_equal(crew_sim.load(s.self, y, n), CREW_EFORMAT);
    }
    for (size_t k = 1; k < n; k++) { /* a state half loaded is not one: but it runs */
        memcpy(y, x, n * sizeof *y);
        y[0] = (double)NAN;
        assert_int_equal(crew_sim.load(s.self, y, n), CREW_EFORMAT);
        sim_round(&s, k, true, times);
    }
    close_sim(&s);
    close_sim(&plain);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sampler_goes_on_from_where_it_was),
        cmocka_unit_test(a_sampler_in_the_middle_of_a_round_is_where_the_round_began),
        cmocka_unit_test(a_sampler_refuses_what_is_not_its_own),
        cmocka_unit_test(an_optimizer_goes_on_to_the_last_bit),
        cmocka_unit_test(an_optimizer_refuses_what_is_not_its_own),
        cmocka_unit_test(an_executor_goes_on_in_the_same_times),
        cmocka_unit_test(an_executor_refuses_what_is_not_its_own),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
