/* Laws of the min-max split. SEED=7 make prop_minmax draws other instances. */
#include "testing.h"

#include "base/mem.h"
#include "policy/minmax.h"
#include "policy_draws.h"
#include <float.h>
#include <inttypes.h>
#include <string.h>

struct split {
    uint32_t n;
    double *cost, *scratch;
    uint64_t *quota;
};

static struct split split_new(uint32_t n)
{
    struct split s = {n, crew_alloc(n * sizeof(double)), crew_alloc(n * sizeof(double)),
                      crew_alloc(n * sizeof(uint64_t))};
    assert_true(s.cost && s.scratch && s.quota);
    memset(s.quota, 0xff, n * sizeof(uint64_t));
    return s;
}

static void split_free(struct split *s)
{
    crew_free(s->cost);
    crew_free(s->scratch);
    crew_free(s->quota);
}

/* How good an allocation is, in the order of the documented rules. */
struct merit {
    double busiest;
    uint32_t at_busiest, awake;
};

static struct merit merit_of(const double *cost, const uint64_t *a, uint32_t n)
{
    struct merit m = {0, 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        double v = (double)a[i] * cost[i];
        m.at_busiest = v > m.busiest ? 1 : m.at_busiest + (v == m.busiest && a[i]);
        m.busiest = fmax(m.busiest, v);
        m.awake += a[i] > 0;
    }
    return m;
}

/* Is a better than b: earlier end, fewer at the maximum, fewer awake, then lower numbers get
 * more? */
static bool better(const double *cost, const uint64_t *a, const uint64_t *b, uint32_t n)
{
    struct merit x = merit_of(cost, a, n), y = merit_of(cost, b, n);
    if (x.busiest != y.busiest)
        return x.busiest < y.busiest;
    if (x.at_busiest != y.at_busiest)
        return x.at_busiest < y.at_busiest;
    if (x.awake != y.awake)
        return x.awake < y.awake;
    for (uint32_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return a[i] > b[i];
    return false;
}

enum { FEW = 5 };

/* Every allocation of `tasks` over workers i..n-1, the best of all into best. */
static void search(const double *cost, uint32_t n, uint32_t i, uint64_t tasks, uint64_t *a,
                   uint64_t *best)
{
    if (i + 1 == n) {
        a[i] = tasks;
        if (best[0] == UINT64_MAX || better(cost, a, best, n))
            memcpy(best, a, n * sizeof *a);
        return;
    }
    for (a[i] = 0; a[i] <= tasks; a[i]++)
        search(cost, n, i + 1, tasks - a[i], a, best);
}

static void split_is_what_exhaustive_search_finds(void **state)
{
    (void)state;
    for (int round = 0; round < 1500; round++) {
        double cost[FEW], scratch[FEW];
        uint64_t quota[FEW], a[FEW], best[FEW] = {UINT64_MAX};
        uint32_t n = 1 + below(FEW), tasks = below(9);
        draw_costs(cost, n, below(4));
        crew_minmax_split(cost, n, tasks, scratch, quota);
        search(cost, n, 0, tasks, a, best);
        for (uint32_t i = 0; i < n; i++)
            if (quota[i] != best[i])
                fail_msg("n %u, %u tasks: worker %u has %" PRIu64 " instead of %" PRIu64, n,
                         tasks, i, quota[i], best[i]);
    }
}

/* The definition: each task goes where it is done first; ties as documented. O(n B). */
static void one_by_one(const double *cost, uint32_t n, uint64_t tasks, uint64_t *quota)
{
    memset(quota, 0, n * sizeof *quota);
    while (tasks--) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < n; i++) {
            double v = (double)(quota[i] + 1) * cost[i],
                   least = (double)(quota[best] + 1) * cost[best];
            if (v < least || (v == least && quota[i] && !quota[best]))
                best = i;
        }
        quota[best]++;
    }
}

static void split_gives_each_task_to_where_it_is_done_first(void **state)
{
    (void)state;
    for (int round = 0; round < 400; round++) {
        uint32_t n = 1 + below(round % 2 ? 60 : 300), kind = below(4);
        uint64_t tasks = below(round % 3 ? 2 * n + 2 : 1500);
        struct split s = split_new(n);
        uint64_t *expected = crew_alloc(n * sizeof *expected);
        draw_costs(s.cost, n, kind);
        crew_minmax_split(s.cost, n, tasks, s.scratch, s.quota);
        one_by_one(s.cost, n, tasks, expected);
        for (uint32_t i = 0; i < n; i++)
            if (s.quota[i] != expected[i])
                fail_msg("n %u, %" PRIu64 " tasks, kind %u: worker %u has %" PRIu64
                         " instead of %" PRIu64,
                         n, tasks, kind, i, s.quota[i], expected[i]);
        crew_free(expected);
        split_free(&s);
    }
}

static void no_tasks_leave_everybody_idle(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 100; n++) {
        struct crew_minmax_bound bound = {1, 1};
        struct split s = split_new(n);
        draw_costs(s.cost, n, n % 4);
        crew_minmax_split(s.cost, n, 0, s.scratch, s.quota);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(s.quota[i], 0);
        crew_minmax_split_again(s.cost, n, 0, &bound, s.scratch, s.quota);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(s.quota[i], 0);
        split_free(&s);
    }
}

/* All tasks given, and a[j] cost[j] <= (a[i] + 1) cost[i] for all i, j; relative slack `slack`.
 */
static void check_optimal(const struct split *s, uint64_t tasks, double slack)
{
    double most = 0, least = HUGE_VAL;
    uint64_t left = tasks;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->quota[i] > left)
            fail_msg("n %u, %" PRIu64 " tasks: quotas sum to more", s->n, tasks);
        left -= s->quota[i];
        most = fmax(most, (double)s->quota[i] * s->cost[i]);
        least = fmin(least, ((double)s->quota[i] + 1) * s->cost[i]);
    }
    if (left)
        fail_msg("n %u, %" PRIu64 " tasks: %" PRIu64 " given to nobody", s->n, tasks, left);
    if (most > least * (1 + slack))
        fail_msg("n %u, %" PRIu64 " tasks: busiest %.17g, next %.17g", s->n, tasks, most,
                 least);
}

static void large_splits_are_optimal_to_the_last_bit(void **state)
{
    (void)state;
    static const uint64_t batches[] = {1, 99999, 1000000000, UINT32_MAX, UINT64_C(1) << 40};
    struct split s = split_new(100000);
    for (uint32_t kind = 0; kind < 4; kind++) {
        draw_costs(s.cost, s.n, kind);
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            crew_minmax_split(s.cost, s.n, batches[b], s.scratch, s.quota);
            check_optimal(&s, batches[b], 0);
        }
    }
    split_free(&s);
}

static void any_number_of_tasks_is_split_to_the_last_one(void **state)
{
    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct split s = split_new(1 + below(100));
        draw_costs(s.cost, s.n, below(4));
        uint64_t random = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 1, (uint64_t)round);
        uint64_t tasks = round ? random >> below(round % 2 ? 12 : 64) : UINT64_MAX;
        crew_minmax_split(s.cost, s.n, tasks, s.scratch, s.quota);
        /* Above 2^52 a double no longer tells k from k + 1: three roundings of 2^-53 each. */
        check_optimal(&s, tasks, tasks <= UINT64_C(1) << 52 ? 0 : 4 * DBL_EPSILON);
        split_free(&s);
    }
}

/* One fast worker has a task due exactly when all the slow ones are due, and B asks for some of
 * them: the bracket then holds as many items as it can, most of them equal. */
static void one_fast_worker_and_many_tied_slow_ones(void **state)
{
    (void)state;
    enum { N = 1000, FAST = 4096 };
    struct split s = split_new(N);
    for (uint32_t wanted = 0; wanted <= N; wanted += 37) {
        for (uint32_t i = 0; i < N; i++)
            s.cost[i] = i == N / 2 ? 1 : FAST;
        /* Items before FAST: 4095. At FAST: the fast worker's, who is awake, then the slow by
         * number. */
        crew_minmax_split(s.cost, N, FAST - 1 + wanted, s.scratch, s.quota);
        for (uint32_t i = 0, slow = 0; i < N; i++) {
            if (i == N / 2)
                assert_int_equal(s.quota[i], FAST - 1 + (wanted > 0));
            else
                assert_int_equal(s.quota[i], ++slow < wanted);
        }
    }
    split_free(&s);
}

/* Values one bit apart, in falling order: the worst order for the bucket step. */
static void costs_that_differ_in_the_last_bit_are_told_apart(void **state)
{
    (void)state;
    struct split s = split_new(2000);
    double cost = 1;
    for (uint32_t i = s.n; i-- > 0; cost = nextafter(cost, 2))
        s.cost[i] = cost;
    crew_minmax_split(s.cost, s.n, 3 * s.n + 777, s.scratch, s.quota);
    for (uint32_t i = 0; i < s.n; i++) /* the 777 cheapest are the last ones */
        assert_int_equal(s.quota[i], i < s.n - 777 ? 3 : 4);
    split_free(&s);
}

static void costs_at_the_ends_of_the_range_of_double_are_legal(void **state)
{
    (void)state;
    static const double ends[] = {DBL_TRUE_MIN, DBL_MIN, 1, DBL_MAX / 4, DBL_MAX};
    for (int round = 0; round < 200; round++) {
        struct split s = split_new(1 + below(80));
        for (uint32_t i = 0; i < s.n; i++)
            s.cost[i] = ends[below(5)];
        uint64_t tasks = 1 + below(1000);
        crew_minmax_split(s.cost, s.n, tasks, s.scratch, s.quota);
        check_optimal(&s, tasks, 0);
        split_free(&s);
    }
}

/* ATA paper, scenario paper-sqrt: means 58 sqrt(i), 17 workers, B = 23. Workers 1 and 4 end at
 * 4 * 58 = 2 * 58 sqrt(4) = 232, worker 17 last, at 58 sqrt(17) = 239.1. */
static void square_root_means_of_the_paper_split_as_published(void **state)
{
    (void)state;
    static const uint64_t expected[17] = {4, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    double cost[17], scratch[17];
    uint64_t quota[17];
    for (int i = 0; i < 17; i++)
        cost[i] = 58 * sqrt(i + 1);
    crew_minmax_split(cost, 17, 23, scratch, quota);
    assert_memory_equal(quota, expected, sizeof expected);
}

/* Scenario paper-linear: means 58 i, B = 23: (9, 4, 3, 2, 1, 1, 1, 1, 1), maximum 9 * 58 = 522;
 * in units of 58 the values are 9, 8, 9, 8, 5, 6, 7, 8, 9. The rest of any number of workers
 * gets nothing. */
static void linear_means_of_the_paper_split_as_published(void **state)
{
    (void)state;
    static const uint64_t expected[] = {9, 4, 3, 2, 1, 1, 1, 1, 1};
    static const uint32_t workers[] = {17, 51, 153};
    for (int w = 0; w < 3; w++) {
        struct split s = split_new(workers[w]);
        for (uint32_t i = 0; i < s.n; i++)
            s.cost[i] = 58.0 * (i + 1);
        crew_minmax_split(s.cost, s.n, 23, s.scratch, s.quota);
        for (uint32_t i = 0; i < s.n; i++)
            assert_int_equal(s.quota[i], i < 9 ? expected[i] : 0);
        split_free(&s);
    }
}

/* Costs that wander, and now and then jump: whatever bound was kept, the split is the same. */
static void splitting_again_gives_the_same_split(void **state)
{
    (void)state;
    for (uint32_t instance = 0; instance < 60; instance++) {
        uint32_t n = 1 + below(400), kind = instance % 4;
        uint64_t tasks = 1 + below(2 * n);
        struct split fresh = split_new(n), again = split_new(n);
        struct crew_minmax_bound bound = {instance % 3 ? 0 : pow(10, 20 * unit() - 10),
                                          unit() - 0.5};
        draw_costs(fresh.cost, n, kind);
        for (uint32_t round = 0; round < 40; round++) {
            crew_minmax_split(fresh.cost, n, tasks, fresh.scratch, fresh.quota);
            memset(again.quota, 0, n * sizeof *again.quota);
            crew_minmax_split_again(fresh.cost, n, tasks, &bound, again.scratch, again.quota);
            if (memcmp(fresh.quota, again.quota, n * sizeof *fresh.quota) != 0)
                fail_msg("n %" PRIu32 ", B %" PRIu64 ", kind %" PRIu32 ", round %" PRIu32
                         ": another split",
                         n, tasks, kind, round);
            for (uint32_t i = 0; i < n; i++)
                fresh.cost[i] *= kind == 0 ? 1 : round % 10 ? 0.99 + 0.02 * unit() : 8 * unit();
        }
        split_free(&fresh);
        split_free(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_is_what_exhaustive_search_finds),
        cmocka_unit_test(split_gives_each_task_to_where_it_is_done_first),
        cmocka_unit_test(no_tasks_leave_everybody_idle),
        cmocka_unit_test(large_splits_are_optimal_to_the_last_bit),
        cmocka_unit_test(any_number_of_tasks_is_split_to_the_last_one),
        cmocka_unit_test(one_fast_worker_and_many_tied_slow_ones),
        cmocka_unit_test(costs_that_differ_in_the_last_bit_are_told_apart),
        cmocka_unit_test(costs_at_the_ends_of_the_range_of_double_are_legal),
        cmocka_unit_test(square_root_means_of_the_paper_split_as_published),
        cmocka_unit_test(linear_means_of_the_paper_split_as_published),
        cmocka_unit_test(splitting_again_gives_the_same_split),
    };
    return cmocka_run_group_tests_name("prop_minmax", tests, NULL, NULL);
}
