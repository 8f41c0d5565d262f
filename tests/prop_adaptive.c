/* Laws of the policy adaptive, on workers whose speeds are made up and change. SEED=7 make
 * prop_adaptive draws others. */
#include "adaptive_world.h"

/* What the plan takes by the true means, over the best. */
static double off_best(const struct world *w, uint64_t tasks)
{
    double cost[N] = {0}, scratch[N], most = 0;
    uint64_t best[N];
    uint32_t m = 0;
    for (uint32_t i = 0; i < w->n; i++)
        if (w->available[i])
            cost[m++] = w->mean_s[i];
    crew_minmax_split(cost, m, tasks, scratch, best);
    for (uint32_t j = 0; j < m; j++)
        most = fmax(most, (double)best[j] * cost[j]);
    return longest(w, w->quota) / most;
}

/* What befalls workers now and then. */
static void disturb(struct world *w)
{
    uint32_t i = below(w->n);
    if (unit() < 0.05)
        w->mean_s[i] *= exp(4 * unit() - 2);
    w->mean_s[i] = fmin(fmax(w->mean_s[i], 0.1), 100);
    if (unit() < 0.05)
        w->available[i] = !w->available[i];
    w->available[0] = true;
}

static void quotas_are_legal_whatever_happens(void **state)
{
    (void)state;
    static const char *const settings[] = {NULL, "explore=0", "explore=0.5,width=0",
                                           "memory=10,width=10"};
    for (int object = 0; object < 60; object++) {
        struct world w;
        world_open(&w, 1 + below(N), settings[object % 4], NULL, NULL);
        for (int round = 0; round < 300; round++) {
            disturb(&w);
            world_plan(&w, 1 + below(round % 3 ? TASKS : 4)); /* checks it */
            world_observe(&w);
        }
        ops()->destroy(w.self);
    }
}

/* Powers of two exactly; others, as no two sums of random times are equal. */
/* Something happens to both; their plans are the same, and their tasks take as long. */
static void same_round(struct world *a, struct world *b, uint64_t tasks)
{
    disturb(a);
    memcpy(b->mean_s, a->mean_s, sizeof b->mean_s);
    memcpy(b->available, a->available, sizeof b->available);
    world_plan(a, tasks);
    world_plan(b, tasks);
    assert_memory_equal(a->quota, b->quota, sizeof a->quota);
    uint64_t mark = drawn;
    world_observe(a);
    drawn = mark;
    world_observe(b);
}

static void the_unit_of_time_does_not_matter(void **state)
{
    (void)state;
    static const double units[] = {0x1p-60, 1e-6, 3600, 0x1p60};
    for (int u = 0; u < 4; u++) {
        struct world a, b;
        world_open(&a, N, NULL, NULL, NULL);
        world_open(&b, N, NULL, NULL, NULL);
        memcpy(b.mean_s, a.mean_s, sizeof b.mean_s);
        b.unit_s = units[u];
        for (int round = 0; round < 600; round++)
            same_round(&a, &b, 10 + below(50));

        ops()->destroy(a.self);
        ops()->destroy(b.self);
    }
}

static void an_untried_worker_gets_one_task_and_the_others_the_rest(void **state)
{
    (void)state;
    for (int object = 0; object < 50; object++) {
        struct world w;
        world_open(&w, 2 + below(N - 1), NULL, NULL, NULL);
        uint32_t here = 1 + below(w.n), one = 0;
        uint64_t tasks = w.n + below(100);
        for (uint32_t i = here; i < w.n; i++)
            w.available[i] = false;
        world_plan(&w, tasks); /* nobody is known: evenly */
        for (uint32_t i = 0; i < here; i++)
            assert_in_range(w.quota[i], tasks / here, tasks / here + 1);
        world_observe(&w);
        memset(w.available, true, w.n);
        world_plan(&w, tasks);
        for (uint32_t i = here; i < w.n; i++)
            assert_int_equal(w.quota[i], 1);
        world_observe(&w);
        ops()->destroy(w.self);
        world_open(&w, N, NULL, NULL, NULL); /* fewer tasks than workers: over several rounds */
        bool tried[N] = {false};
        for (int round = 0; round < 4; round++) {
            world_plan(&w, 6);
            for (uint32_t i = 0; i < N; i++) {
                assert_true(w.quota[i] <= !tried[i]);
                tried[i] |= w.quota[i] > 0;
                one += w.quota[i] > 0;
            }
            world_observe(&w);
        }
        assert_int_equal(one, N);
        ops()->destroy(w.self);
    }
}

/* 20 times as fast all of a sudden: first it takes its turn at one task more than twice what it
 * has shown, whatever its share would be. A worker has shown at least its tasks since the
 * change. */
static void nobody_is_flooded_after_an_alarm(void **state)
{
    (void)state;
    for (int object = 0; object < 20; object++) {
        struct world w;
        uint64_t shown = 0, tasks = 200, most = 0;
        world_open(&w, 16, NULL, NULL, NULL);
        for (uint32_t i = 0; i < 16; i++)
            w.mean_s[i] = i ? 1 : 20;
        world_rounds(&w, 100, tasks); /* the others have 13 each, worker 0 one now and then */
        w.mean_s[0] = 1.0 / 20;
        for (int round = 0; round < 100; round++) {
            world_plan(&w, tasks);
            if (shown > 0 && shown < 8)
                assert_true(w.quota[0] <= 2 * shown + 1);
            shown += w.quota[0];
            most = w.quota[0] > most ? w.quota[0] : most;
            world_observe(&w);
        }
        assert_true(most > 100); /* in the end it has its share: of 200, 20 against 15 */
        ops()->destroy(w.self);
    }
}

/* Every worker's speed halves or doubles a few times; within 100 rounds the plan is again what
 * it is to be. */
static void plans_follow_changes(void **state)
{
    (void)state;
    for (int object = 0; object < 20; object++) {
        struct world w;
        world_open(&w, 8, NULL, NULL, NULL);
        for (uint32_t i = 0; i < 8; i++)
            w.mean_s[i] = 1 + unit();
        for (int change = 0; change < 6; change++) {
            double sum = 0;
            world_rounds(&w, 100, 64);
            for (int round = 0; round < 50; round++) {
                world_rounds(&w, 1, 64);
                sum += off_best(&w, 64) / 50;
            }
            if (!(sum <= 1.06)) /* 40 seeds: at most 1.046 */
                fail_msg("change %d: %g of the best", change, sum);
            uint32_t i = below(8);
            w.mean_s[i] *= w.mean_s[i] < 1 ? 2 : w.mean_s[i] > 2 ? 0.5 : unit() < 0.5 ? 2 : 0.5;
        }
        ops()->destroy(w.self);
    }
}

static void who_was_away_is_welcome_back(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 8, NULL, NULL, NULL);
    for (uint32_t i = 0; i < 8; i++)
        w.mean_s[i] = 1 + i / 4;
    world_rounds(&w, 100, 48); /* 8 for each fast one, 4 for the others */
    for (int times = 0; times < 3; times++) {
        w.available[0] = w.available[1] = false;
        world_rounds(&w, 200, 48);
        w.available[0] = w.available[1] = true;
        world_plan(&w, 48);
        assert_in_range(w.quota[0], 7, 9);
        assert_in_range(w.quota[1], 7, 9);
        world_observe(&w);
    }
    ops()->destroy(w.self);
}

static void a_profile_is_where_it_starts(void **state)
{
    (void)state;
    static const double tasks[] = {1000, 3, 1000, 0}, mean_s[] = {1, 1, 4, 0};
    struct world w;
    world_open(&w, 4, NULL, tasks, mean_s);
    world_plan(&w, 10); /* one for the unknown one; 9 by the means: 4, 4, 1 */
    static const uint64_t expected[] = {4, 4, 1, 1};
    assert_memory_equal(w.quota, expected, sizeof expected);
    /* It was of another machine: all the other way round. */
    w.mean_s[0] = w.mean_s[1] = 4;
    w.mean_s[2] = w.mean_s[3] = 1;
    world_observe(&w);
    world_rounds(&w, 30, 10);
    double sum = 0;
    for (int round = 0; round < 20; round++) {
        world_rounds(&w, 1, 10);
        sum += off_best(&w, 10) / 20;
    }
    if (!(sum <= 1.1))
        fail_msg("a wrong profile sticks: %g of the best", sum);
    ops()->destroy(w.self);
}

/* Not so wrong that it is a change: it gives way to what is seen. */
static void a_profile_soon_gives_way(void **state)
{
    (void)state;
    static const double tasks[] = {1e6, 1e6}, mean_s[] = {1, 1};
    struct world w;
    world_open(&w, 2, NULL, tasks, mean_s);
    w.mean_s[0] = 1;
    w.mean_s[1] = 1.4; /* of 48: 28 and 20 */
    world_plan(&w, 48);
    assert_int_equal(w.quota[0], 24);
    world_observe(&w);
    world_rounds(&w, 20, 48);
    assert_in_range(w.quota[0], 27, 29);
    ops()->destroy(w.self);
}

static void the_state_is_all_there_is(void **state)
{
    (void)state;
    enum { ROOM = 1000 };
    double numbers[ROOM], again[ROOM];
    for (int object = 0; object < 10; object++) {
        struct world a, b;
        world_open(&a, 1 + below(N), NULL, NULL, NULL);
        for (int round = 0; round < 20 + 50 * object; round++) {
            disturb(&a);
            world_rounds(&a, 1, 1 + below(100));
        }
        size_t n = ops()->save(a.self, numbers, ROOM);
        assert_true(n <= ROOM);
        assert_int_equal(ops()->save(a.self, NULL, 0), n);
        world_open(&b, a.n, NULL, NULL, NULL);
        assert_int_equal(ops()->load(b.self, numbers, n), CREW_OK);
        assert_int_equal(ops()->save(b.self, again, ROOM), n);
        assert_memory_equal(numbers, again, n * sizeof *numbers);
        b.round = a.round;
        for (int round = 0; round < 300; round++)
            same_round(&a, &b, 1 + below(100));

        /* What it cannot be is refused, and changes nothing. */
        static const double bad[] = {-1, 0.5, HUGE_VAL, (double)NAN, -HUGE_VAL, 1e300};
        n = ops()->save(a.self, numbers, ROOM);
        assert_int_equal(ops()->load(a.self, numbers, n - 1), CREW_EFORMAT);
        assert_int_equal(ops()->load(a.self, NULL, 0), CREW_EFORMAT);
        for (size_t k = 0; k < n * 6; k++) {
            double was = numbers[k / 6];
            numbers[k / 6] = bad[k % 6];
            bool taken = ops()->load(a.self, numbers, n) == CREW_OK;
            numbers[k / 6] = was;
            if (taken) {
                assert_true(isfinite(bad[k % 6]));
                world_plan(&a, 50); /* whatever is taken can be planned with */
                world_observe(&a);
                assert_int_equal(ops()->load(a.self, numbers, n), CREW_OK);
            }
            ops()->save(a.self, again, ROOM);
            assert_memory_equal(numbers, again, n * sizeof *numbers);
        }
        ops()->destroy(a.self);
        ops()->destroy(b.self);
    }
}

static void decisions_are_told(void **state)
{
    (void)state;
    const struct crew_policy_event *e;
    struct world w;
    world_open(&w, 4, NULL, NULL, NULL);
    for (uint32_t i = 0; i < 4; i++)
        w.mean_s[i] = 1;
    world_plan(&w, 8);
    assert_int_equal(ops()->events(w.self, &e), 0);
    world_observe(&w);
    assert_int_equal(ops()->events(w.self, &e), 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(e[i].worker, i);
        assert_string_equal(e[i].reason, "first task");
        assert_true(isnan(e[i].before_s) && fabs(e[i].after_s - 1) < 0.5);
    }
    world_rounds(&w, 100, 8);
    assert_int_equal(ops()->events(w.self, &e), 0);
    w.mean_s[2] = 10;
    size_t n = 0;
    for (int round = 0; !n && round < 10; round++) {
        world_rounds(&w, 1, 8);
        n = ops()->events(w.self, &e);
    }
    assert_int_equal(n, 1);
    assert_int_equal(e->worker, 2);
    assert_string_equal(e->reason, "slower");
    assert_true(fabs(e->before_s - 1) < 0.1 && fabs(e->after_s - 10) < 2);
    w.mean_s[2] = 1;
    for (int round = 0; round < 1000; round++) {
        world_rounds(&w, 1, 8);
        n = ops()->events(w.self, &e);
        if (n && e->worker == 2)
            break;
    }
    assert_string_equal(e->reason, "retried");
    assert_true(fabs(e->before_s - 10) < 2 && fabs(e->after_s - 1) < 0.5);
    assert_true(ops()->exploring(w.self));
    ops()->destroy(w.self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_are_legal_whatever_happens),
        cmocka_unit_test(the_unit_of_time_does_not_matter),
        cmocka_unit_test(an_untried_worker_gets_one_task_and_the_others_the_rest),
        cmocka_unit_test(nobody_is_flooded_after_an_alarm),
        cmocka_unit_test(plans_follow_changes),
        cmocka_unit_test(who_was_away_is_welcome_back),
        cmocka_unit_test(a_profile_is_where_it_starts),
        cmocka_unit_test(a_profile_soon_gives_way),
        cmocka_unit_test(the_state_is_all_there_is),
        cmocka_unit_test(decisions_are_told),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
