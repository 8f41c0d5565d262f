/* Laws of the policy cohort, on workers whose times are made up. SEED=7 make prop_cohort draws
 * others. */
#include "base/rng.h"
#include "policy/adaptive.h"
#include "testing.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { N = 24, TASKS = 4000, STATE = 2000 };

static uint64_t drawn;

static double unit(void)
{
    return crew_rng_unit(test_seed(), CREW_STREAM_TEST, 5, drawn++);
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)(unit() * n);
}

/* The policy at work. A task takes unit_s mean_s (1 - cv + cv Exp(1)). */
struct world {
    const struct crew_policy_ops *ops;
    void *self;
    uint32_t n;
    uint64_t round;
    double unit_s, mean_s[N], cv;
    bool available[N], open[N], overrun[N];
    uint64_t quota[N];
    struct crew_timing timing[TASKS]; /* of the last round */
    size_t n_timings;
    double time_s, worker_s; /* of all rounds */
    int greedy;              /* rounds */
};

static struct world *world_open(uint32_t n, double cv, const char *settings)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    *w = (struct world){.ops = crew_policy_find("cohort"), .n = n, .unit_s = 1, .cv = cv};
    struct crew_policy_config cfg = {
        .struct_size = sizeof cfg, .n = n, .seed = 3, .settings = settings};
    for (uint32_t i = 0; i < n; i++) {
        w->available[i] = true;
        w->mean_s[i] = 1 + i;
    }
    assert_int_equal(w->ops->create(&cfg, &w->self, NULL), CREW_OK);
    return w;
}

static void world_close(struct world *w)
{
    w->ops->destroy(w->self);
    free(w);
}

static uint32_t members(const struct world *w)
{
    uint32_t m = 0;
    for (uint32_t i = 0; i < w->n; i++)
        m += w->open[i];
    return m;
}

/* Beyond legal: a round is planned in full, or open to some who overrun, without quotas. */
static void world_plan(struct world *w, uint64_t tasks)
{
    struct crew_plan_request rq = {
        .round = ++w->round, .tasks = tasks, .n = w->n, .available = w->available};
    struct crew_plan p = {w->quota, w->open, w->overrun};
    struct crew_error err;
    uint64_t sum = 0;
    memset(w->quota, 0, sizeof w->quota);
    memset(w->open, 0, sizeof w->open);
    memset(w->overrun, 0, sizeof w->overrun);
    w->ops->plan(w->self, &rq, &p);
    if (crew_plan_check(&rq, &p, &err) != CREW_OK)
        fail_msg("n %u, %" PRIu64 " tasks: %s", w->n, tasks, err.text);
    for (uint32_t i = 0; i < w->n; i++) {
        sum += w->quota[i];
        assert_true(w->open[i] == w->overrun[i]);
        assert_true(w->available[i] || (!w->quota[i] && !w->open[i]));
    }
    assert_true(members(w) ? sum == 0 : sum == tasks);
}

static double task_s(const struct world *w, uint32_t i)
{
    return w->unit_s * w->mean_s[i] * (1 - w->cv - w->cv * log(1 - unit()));
}

static void add(struct world *w, uint32_t i, double s, bool kept)
{
    assert_true(w->n_timings < TASKS);
    w->timing[w->n_timings] =
        (struct crew_timing){i, (uint32_t)w->n_timings, 0, s, (double)NAN, 1, 0, kept};
    w->n_timings++;
    w->worker_s += s;
}

static double run_planned(struct world *w)
{
    double longest = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        double sum = 0;
        for (uint64_t j = 0; j < w->quota[i]; j++) {
            double s = task_s(w, i);
            add(w, i, s, true);
            sum += s;
        }
        longest = fmax(longest, sum);
    }
    return longest;
}

/* Every open worker's tasks until the round is over; when that is, is found first. */
static double run_greedy(struct world *w, uint64_t tasks)
{
    static double took[N][TASKS];
    double done[N] = {0};
    uint32_t count[N] = {0}, last = 0;
    for (uint32_t i = 0; i < w->n; i++)
        done[i] = w->open[i] ? (took[i][0] = task_s(w, i)) : HUGE_VAL;
    for (uint64_t k = 0; k < tasks; k++) {
        if (k) {
            done[last] += took[last][++count[last]] = task_s(w, last);
            assert_true(count[last] + 1 < TASKS);
        }
        for (uint32_t i = 0; i < w->n; i++)
            last = done[i] < done[last] ? i : last;
    }
    for (uint32_t i = 0; i < w->n; i++) {
        double now = 0;
        for (uint32_t j = 0; w->open[i] && now < done[last]; j++) {
            bool kept = j < count[i] || i == last;
            double s = kept ? took[i][j] : done[last] - now;
            if (s > 0)
                add(w, i, s, kept);
            now = kept && j == count[i] ? done[last] : now + s;
        }
    }
    return done[last];
}

static void world_observe(struct world *w, uint64_t tasks)
{
    w->n_timings = 0;
    w->greedy += members(w) > 0;
    w->time_s += members(w) ? run_greedy(w, tasks) : run_planned(w);
    w->ops->observe(w->self, w->timing, w->n_timings);
}

static void world_rounds(struct world *w, int rounds, uint64_t tasks)
{
    for (int k = 0; k < rounds; k++) {
        world_plan(w, tasks);
        world_observe(w, tasks);
    }
}

static double mean_of(const struct world *w, uint32_t i)
{
    return ((const struct crew_adaptive *)w->self)->mean[i] / w->unit_s;
}

/* ---- Laws ---- */

static void plans_are_legal_whoever_is_there(void **state)
{
    (void)state;
    static const char *const settings[] = {NULL, "cost-budget=0", "cost-budget=3",
                                           "explore=0,cost-budget=1.2", "width=3,explore=0.5"};
    int greedy = 0;
    for (int k = 0; k < 40; k++) {
        struct world *w =
            world_open(1 + below(N), unit() < 0.3 ? 0.02 : unit(), settings[below(5)]);
        uint64_t tasks = 1 + below(60);
        for (int round = 0; round < 300; round++) {
            if (unit() < 0.1)
                w->available[below(w->n)] ^= true;
            if (unit() < 0.02)
                w->mean_s[below(w->n)] *= 0.3 + 3 * unit();
            w->available[below(w->n)] = true;
            if (unit() < 0.05)
                tasks = 1 + below(60);
            world_rounds(w, 1, tasks);
        }
        greedy += w->greedy;
        world_close(w);
    }
    assert_true(greedy > 1000);
}

/* All are open for some 4 s, and most of the slow ones' tasks are dropped. Nobody is tried by a
 * plan but at first and in one round of 32. Who cannot finish in a round is never known better
 * than by its first tasks. */
static void a_worker_whose_tasks_are_dropped_is_not_taken_for_fast(void **state)
{
    (void)state;
    enum { POINTS = 200 };
    static const double cvs[] = {0.3, 0.5, 1}, by[] = {0.15, 0.2, 0.4};
    for (int k = 0; k < 3; k++) {
        struct world *w = world_open(12, cvs[k], "cost-budget=1e6,explore=0");
        double mean[N] = {0};
        world_rounds(w, 1000, 12);
        for (int r = 0; r < POINTS; r++) {
            world_rounds(w, 10, 12);
            for (uint32_t i = 0; i < w->n; i++)
                mean[i] += mean_of(w, i) / POINTS;
        }
        assert_true(w->greedy > 2500);
        for (uint32_t i = 0; i < w->n && w->mean_s[i] * (1 - w->cv) < 3.5; i++)
            if (!(fabs(mean[i] / w->mean_s[i] - 1) < by[k]))
                fail_msg("cv %g: worker %u is taken for one of mean %g, not %g", cvs[k], i,
                         mean[i], w->mean_s[i]);
        world_close(w);
    }
}

/* Of rounds 1500..4500, beside the best split of the true means: 23 tasks, 9 4 3 2 1 1 1 1 1,
 * busy for 69. By simulation its rounds take 13.4 if cv is 0.5; greedy on 6 takes 10.2. */
static void a_noisy_cohort_is_faster_than_the_plan_at_its_cost(void **state)
{
    (void)state;
    struct world *w = world_open(N, 0.5, NULL);
    world_rounds(w, 1500, 23);
    w->time_s = w->worker_s = w->greedy = 0;
    world_rounds(w, 3000, 23);
    assert_true(w->greedy > 2800);
    if (!(w->worker_s < 3000 * 69 * 1.01 && w->time_s < 3000 * 11.2))
        fail_msg("rounds take %g, cost %g", w->time_s / 3000, w->worker_s / 3000);
    world_close(w);
}

static void the_budget_moves_the_cost(void **state)
{
    (void)state;
    static const char *const settings[] = {"cost-budget=0.7", NULL, "cost-budget=1.5"};
    double time_s[3], worker_s[3];
    for (int k = 0; k < 3; k++) {
        struct world *w = world_open(N, 0.5, settings[k]);
        world_rounds(w, 2000, 23);
        time_s[k] = w->time_s;
        worker_s[k] = w->worker_s;
        world_close(w);
    }
    assert_true(time_s[0] > 1.05 * time_s[1] && time_s[1] > 1.05 * time_s[2]);
    assert_true(worker_s[0] < 0.95 * worker_s[1] && worker_s[1] < 0.95 * worker_s[2]);
}

static void quiet_or_equal_workers_are_planned(void **state)
{
    (void)state;
    for (int equal = 0; equal < 2; equal++) {
        struct world *w = world_open(N, equal ? 0.5 : 0.03, NULL);
        for (uint32_t i = 0; i < N && equal; i++)
            w->mean_s[i] = 1;
        world_rounds(w, 1000, 96);
        assert_true(w->greedy <= 50);
        world_close(w);
    }
}

/* Worker 0 does a third of the tasks; five times slower it is out, soon, and back soon. */
static void a_member_that_changes_leaves_and_returns(void **state)
{
    (void)state;
    struct world *w = world_open(8, 0.5, NULL);
    int in = 0, slow_in = 0, back = 0;
    world_rounds(w, 600, 23);
    for (int k = 0; k < 300; k++, in += w->open[0])
        world_rounds(w, 1, 23);
    w->mean_s[0] = 20;
    world_rounds(w, 50, 23);
    for (int k = 0; k < 300; k++, slow_in += w->open[0])
        world_rounds(w, 1, 23);
    w->mean_s[0] = 1;
    world_rounds(w, 200, 23);
    for (int k = 0; k < 300; k++, back += w->open[0])
        world_rounds(w, 1, 23);
    if (!(in > 280 && slow_in < 60 && back > 280))
        fail_msg("in the cohort in %d, %d, %d of 300 rounds", in, slow_in, back);
    world_close(w);
}

/* In rounds that wait for nobody, for about the hundredth of the workers' time that is set. */
static void who_is_not_in_the_cohort_is_let_in_now_and_then(void **state)
{
    (void)state;
    for (int off = 0; off < 2; off++) {
        struct world *w = world_open(N, 0.5, off ? "explore=0,width=0" : "width=0");
        bool tried[N] = {false};
        double usual = 0, rounds = 0;
        uint32_t others = 0;
        world_rounds(w, 400, 23);
        for (int k = 0; k < 2000; k++) {
            world_rounds(w, 1, 23);
            if (!members(w))
                continue;
            rounds++;
            usual += members(w);
            for (uint32_t i = 0; i < N; i++)
                tried[i] |= w->open[i];
        }
        for (uint32_t i = 9; i < N; i++)
            others += tried[i];
        if (off ? others > 2 : others < N - 12)
            fail_msg("%u of the %d slow workers were tried", others, N - 9);
        assert_true(usual / rounds < 8);
        world_close(w);
    }
}

/* Powers of two: not a bit may differ. */
static void the_unit_of_time_does_not_matter(void **state)
{
    (void)state;
    struct world *a = world_open(N, 0.5, NULL), *b = world_open(N, 0.5, NULL);
    b->unit_s = 0x1p-30;
    for (int k = 0; k < 500; k++) {
        uint64_t from = drawn;
        world_rounds(a, 1, 23);
        drawn = from;
        world_rounds(b, 1, 23);
        assert_memory_equal(a->quota, b->quota, sizeof a->quota);
        assert_memory_equal(a->open, b->open, sizeof a->open);
    }
    assert_true(a->greedy > 300);
    world_close(a);
    world_close(b);
}

static void saved_and_loaded_it_plans_like_the_original(void **state)
{
    (void)state;
    static double numbers[STATE], again[STATE];
    static const int lengths[] = {0, 3, 40, 333, 334, 335, 600};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        struct world *a = world_open(N, 0.4, NULL), *b = world_open(N, 0.4, NULL);
        world_rounds(a, lengths[l], 23);
        size_t n = a->ops->save(a->self, numbers, STATE);
        assert_true(n <= STATE && a->ops->save(a->self, NULL, 0) == n);
        assert_int_equal(b->ops->load(b->self, numbers, n), CREW_OK);
        b->round = a->round;
        for (int k = 0; k < 200; k++) {
            uint64_t from = drawn;
            world_rounds(a, 1, 23);
            drawn = from;
            world_rounds(b, 1, 23);
            assert_memory_equal(a->quota, b->quota, sizeof a->quota);
            assert_memory_equal(a->open, b->open, sizeof a->open);
        }
        assert_int_equal(a->ops->save(a->self, numbers, STATE), n);
        assert_int_equal(b->ops->save(b->self, again, STATE), n);
        assert_memory_equal(numbers, again, n * sizeof *numbers);
        world_close(a);
        world_close(b);
    }
}

/* One number of a good state is replaced by what it cannot be, or by anything: refused without
 * a change, or good for legal plans. */
static void a_state_that_is_none_is_refused(void **state)
{
    (void)state;
    static double good[STATE], bad[STATE], now[STATE];
    static const double odd[] = {-1, 0.5, 0, 1e300, -HUGE_VAL, HUGE_VAL, (double)NAN};
    struct world *w = world_open(N, 0.5, NULL);
    world_rounds(w, 400, 23);
    size_t n = w->ops->save(w->self, good, STATE);
    int refused = 0;
    assert_int_equal(w->ops->load(w->self, good, n - 1), CREW_EFORMAT);
    assert_int_equal(w->ops->load(w->self, NULL, 0), CREW_EFORMAT);
    for (size_t k = 0; k < n; k++) {
        size_t o = k % 2 ? 6 : below(7);
        memcpy(bad, good, n * sizeof *bad);
        bad[k] = odd[o];
        if (w->ops->load(w->self, bad, n) != CREW_OK) {
            assert_int_equal(w->ops->save(w->self, now, STATE), n);
            assert_memory_equal(now, good, n * sizeof *now);
            refused++;
        } else {
            assert_true(isfinite(odd[o])); /* below 0: an account of retry.h */
            world_plan(w, 23);
            assert_int_equal(w->ops->load(w->self, good, n), CREW_OK);
        }
    }
    assert_true(refused > (int)n / 2);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_legal_whoever_is_there),
        cmocka_unit_test(a_worker_whose_tasks_are_dropped_is_not_taken_for_fast),
        cmocka_unit_test(a_noisy_cohort_is_faster_than_the_plan_at_its_cost),
        cmocka_unit_test(the_budget_moves_the_cost),
        cmocka_unit_test(quiet_or_equal_workers_are_planned),
        cmocka_unit_test(a_member_that_changes_leaves_and_returns),
        cmocka_unit_test(who_is_not_in_the_cohort_is_let_in_now_and_then),
        cmocka_unit_test(the_unit_of_time_does_not_matter),
        cmocka_unit_test(saved_and_loaded_it_plans_like_the_original),
        cmocka_unit_test(a_state_that_is_none_is_refused),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
