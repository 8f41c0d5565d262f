/* Laws of splits under floors: of workers, and of groups of workers. SEED=7 make prop_floors
 * draws other instances. */
#include "testing.h"

#include "base/mem.h"
#include "policy_draws.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- Workers that have something already ---- */

/* The definition: each further task goes where it is done first; ties as documented. O(n B). */
static void one_by_one(const double *cost, uint32_t n, uint64_t tasks, const uint64_t *least,
                       uint64_t *quota)
{
    memcpy(quota, least, n * sizeof *quota);
    for (uint32_t i = 0; i < n; i++)
        tasks -= least[i];
    while (tasks--) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < n; i++) {
            double v = (double)(quota[i] + 1) * cost[i],
                   first = (double)(quota[best] + 1) * cost[best];
            if (v < first || (v == first && quota[i] && !quota[best]))
                best = i;
        }
        quota[best]++;
    }
}

enum { MANY = 200 };

/* least: none, one each, few, or one worker has nearly all. Returns their sum. */
static uint64_t draw_least(uint64_t *least, uint32_t n, uint32_t kind)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += least[i] = kind == 0 ? 0 : kind == 1 ? 1 : kind == 2 ? below(5) : 0;
    if (kind == 3)
        sum += least[below(n)] += 100 + below(100);
    return sum;
}

static void tasks_beyond_the_seats_go_to_where_each_is_done_first(void **state)
{
    (void)state;
    static double cost[MANY], scratch[3 * MANY];
    static uint64_t least[MANY], quota[MANY], expected[MANY];
    for (int round = 0; round < 3000; round++) {
        uint32_t n = 1 + below(round % 2 ? 10 : MANY), kind = below(5), kept = below(4);
        uint64_t tasks = draw_least(least, n, kept) + below(round % 3 ? 2 * n : 3);
        draw_costs(cost, n, kind);
        crew_minmax_split_from(cost, n, tasks, least, scratch, quota);
        one_by_one(cost, n, tasks, least, expected);
        for (uint32_t i = 0; i < n; i++)
            if (quota[i] != expected[i])
                fail_msg("n %u, %" PRIu64 " tasks, kinds %u and %u: worker %u has %" PRIu64
                         " instead of %" PRIu64,
                         n, tasks, kind, kept, i, quota[i], expected[i]);
    }
}

/* Costs 1, 2, 4 ... 2^29 and one seat each. Of 30 + k tasks beyond the cheap ones each step of
 * leaving out who got nothing lowers the rest's t, and leaves out few: the longest such chains.
 */
static void chains_of_workers_that_are_left_out_one_after_the_other_end(void **state)
{
    (void)state;
    enum { N = 120 };
    double cost[N], scratch[3 * N];
    uint64_t least[N], quota[N], expected[N];
    for (int base = 0; base < 20; base++)
        for (uint64_t more = 0; more < 200; more += 7) {
            uint64_t tasks = more;
            for (uint32_t i = 0; i < N; i++) {
                cost[i] = pow(1.01 + 0.05 * base, i);
                tasks += least[i] = 1 + i % 3;
            }
            crew_minmax_split_from(cost, N, tasks, least, scratch, quota);
            one_by_one(cost, N, tasks, least, expected);
            assert_memory_equal(quota, expected, sizeof quota);
        }
}

static void without_seats_it_is_the_plain_split(void **state)
{
    (void)state;
    static double cost[MANY], scratch[3 * MANY];
    static uint64_t least[MANY], quota[MANY], expected[MANY];
    for (int round = 0; round < 1000; round++) {
        uint32_t n = 1 + below(MANY);
        uint64_t tasks =
            crew_rng_u64(test_seed(), CREW_STREAM_TEST, 1, (uint64_t)round) >> below(64);
        draw_costs(cost, n, below(5));
        crew_minmax_split_from(cost, n, tasks, least, scratch, quota);
        crew_minmax_split(cost, n, tasks, scratch, expected);
        assert_memory_equal(quota, expected, n * sizeof *quota);
    }
}

/* All tasks given, and no task beyond the seats ends after another worker's next one would. */
static void any_seats_and_any_costs_are_legal(void **state)
{
    (void)state;
    static const double ends[] = {DBL_TRUE_MIN, DBL_MIN, 1, DBL_MAX / 4, DBL_MAX};
    double cost[MANY], scratch[3 * MANY];
    uint64_t least[MANY], quota[MANY];
    for (int round = 0; round < 2000; round++) {
        uint32_t n = 1 + below(80);
        uint64_t tasks = draw_least(least, n, below(4)) + (round % 4 ? below(1000) : 0),
                 sum = 0;
        double most = 0, next = HUGE_VAL;
        for (uint32_t i = 0; i < n; i++)
            cost[i] = ends[below(5)];
        crew_minmax_split_from(cost, n, tasks, least, scratch, quota);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(quota[i] >= least[i]);
            sum += quota[i];
            if (quota[i] > least[i])
                most = fmax(most, (double)quota[i] * cost[i]);
            next = fmin(next, (double)(quota[i] + 1) * cost[i]);
        }
        assert_int_equal(sum, tasks);
        assert_true(most <= next);
    }
}

/* ---- Groups ---- */

enum { FEW = 5, GROUPS = 3 };

struct small {
    uint32_t n, groups, group[FEW];
    uint64_t floor[GROUPS], tasks;
    double cost[FEW];
};

/* Each group has a worker; floors are at most the tasks. */
static struct small draw_small(void)
{
    struct small s = {.n = 1 + below(FEW)};
    uint64_t sum = 0;
    s.groups = 1 + below(s.n < GROUPS ? s.n : GROUPS);
    for (uint32_t i = 0; i < s.n; i++)
        s.group[i] = i < s.groups ? i : below(s.groups);
    for (uint32_t g = 0; g < s.groups; g++)
        sum += s.floor[g] = below(4);
    s.tasks = sum + below(6);
    s.tasks += !s.tasks;
    draw_costs(s.cost, s.n, below(5));
    return s;
}

struct merit {
    double busiest;
    uint32_t at_busiest;
};

static struct merit merit_of(const struct small *s, const uint64_t *a)
{
    struct merit m = {0, 0};
    for (uint32_t i = 0; i < s->n; i++) {
        double v = (double)a[i] * s->cost[i];
        m.at_busiest = v > m.busiest ? 1 : m.at_busiest + (v == m.busiest && a[i]);
        m.busiest = fmax(m.busiest, v);
    }
    return m;
}

static bool keeps_floors(const struct small *s, const uint64_t *a)
{
    uint64_t sum[GROUPS] = {0};
    for (uint32_t i = 0; i < s->n; i++)
        sum[s->group[i]] += a[i];
    for (uint32_t g = 0; g < s->groups; g++)
        if (sum[g] < s->floor[g])
            return false;
    return true;
}

/* The best of every allocation of `left` tasks over workers i..n-1 that keeps the floors. */
static void search(const struct small *s, uint32_t i, uint64_t left, uint64_t *a,
                   struct merit *best)
{
    if (i + 1 == s->n) {
        a[i] = left;
        struct merit m = merit_of(s, a);
        if (keeps_floors(s, a) &&
            (m.busiest < best->busiest ||
             (m.busiest == best->busiest && m.at_busiest < best->at_busiest)))
            *best = m;
        return;
    }
    for (a[i] = 0; a[i] <= left; a[i]++)
        search(s, i + 1, left - a[i], a, best);
}

/* What the public functions make of it, as their documentation says. */
static void split_groups(const struct small *s, uint64_t *quota)
{
    double scratch[3 * FEW], cost[FEW];
    uint64_t least[FEW], part[FEW];
    for (uint32_t g = 0; g < s->groups; g++) {
        uint32_t m = 0;
        for (uint32_t i = 0; i < s->n; i++)
            if (s->group[i] == g)
                cost[m++] = s->cost[i];
        crew_minmax_split(cost, m, s->floor[g], scratch, part);
        m = 0;
        for (uint32_t i = 0; i < s->n; i++)
            if (s->group[i] == g)
                least[i] = part[m++];
    }
    crew_minmax_split_from(s->cost, s->n, s->tasks, least, scratch, quota);
}

/* The policy fixed plans so, too. */
static void floors_cost_no_more_than_exhaustive_search_says(void **state)
{
    (void)state;
    const struct crew_policy_ops *fixed = crew_policy_find("fixed");
    for (int round = 0; round < 4000; round++) {
        struct small s = draw_small();
        struct merit best = {HUGE_VAL, 0};
        uint64_t a[FEW], quota[FEW] = {0}, plan[FEW] = {0};
        bool open[FEW] = {false}, overrun[FEW] = {false};
        const struct crew_plan_request rq = {.round = 1,
                                             .tasks = s.tasks,
                                             .n = s.n,
                                             .group = s.group,
                                             .floor = s.floor,
                                             .groups = s.groups};
        struct crew_plan p = {plan, open, overrun};
        search(&s, 0, s.tasks, a, &best);
        split_groups(&s, quota);
        struct merit m = merit_of(&s, quota);
        if (!keeps_floors(&s, quota) || m.busiest != best.busiest ||
            m.at_busiest != best.at_busiest)
            fail_msg("n %u, %" PRIu64 " tasks, %u groups: %g by %u instead of %g by %u", s.n,
                     s.tasks, s.groups, m.busiest, m.at_busiest, best.busiest, best.at_busiest);
        void *self = make_policy(fixed, s.n, s.cost, s.groups);
        fixed->plan(self, &rq, &p);
        fixed->destroy(self);
        assert_int_equal(crew_plan_check(&rq, &p, NULL), CREW_OK);
        assert_true(merit_of(&s, plan).busiest == best.busiest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_beyond_the_seats_go_to_where_each_is_done_first),
        cmocka_unit_test(chains_of_workers_that_are_left_out_one_after_the_other_end),
        cmocka_unit_test(without_seats_it_is_the_plain_split),
        cmocka_unit_test(any_seats_and_any_costs_are_legal),
        cmocka_unit_test(floors_cost_no_more_than_exhaustive_search_says),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
