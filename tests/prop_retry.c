/* Laws of trying again whoever gets no tasks, which the policy adaptive does. SEED=7 make
 * prop_retry draws others. */
#include "adaptive_world.h"

/* 2 fast workers, 14 that are `times` as slow: B = 8 leaves them nothing, and each retry makes
 * the round longer. */
static void open_parked(struct world *w, const char *settings, double times)
{
    world_open(w, 16, settings, NULL, NULL);
    for (uint32_t i = 0; i < 16; i++)
        w->mean_s[i] = i < 2 ? 1 : times;
    world_rounds(w, 20, 8);
}

/* Of the rounds from here on: the whole, what retries made longer, and their own time. */
struct bill {
    double time_s, worker_s, longer_s, retry_s, dearest_s;
    int retries;
};

static struct bill pay(struct world *w, int rounds)
{
    struct bill b = {0};
    for (int round = 0; round < rounds; round++) {
        double fast = 0, slow = 0;
        world_rounds(w, 1, 8);
        for (uint32_t i = 0; i < 16; i++) {
            b.worker_s += w->busy_s[i];
            fast = i < 2 ? fmax(fast, w->busy_s[i]) : fast;
            slow += i < 2 ? 0 : w->busy_s[i];
        }
        b.retries += slow > 0;
        b.time_s += fmax(fast, slow);
        b.longer_s += fmax(slow - fast, 0);
        b.retry_s += slow;
        b.dearest_s = fmax(b.dearest_s, slow);
    }
    return b;
}

static void retries_cost_no_more_than_they_may(void **state)
{
    (void)state;
    static const double explore[] = {0.002, 0.01, 0.05}, times[] = {4.5, 20, 300};
    for (int e = 0; e < 3; e++)
        for (int t = 0; t < 3; t++) {
            struct world w;
            char settings[40];
            snprintf(settings, sizeof settings, "explore=%g", explore[e]);
            open_parked(&w, settings, times[t]);
            struct bill b = pay(&w, 20000);
            if (!(b.longer_s <= 1.1 * explore[e] * b.time_s + 2 * b.dearest_s) ||
                !(b.retry_s <= 1.1 * explore[e] * b.worker_s + 2 * b.dearest_s))
                fail_msg("explore %g, %g times: %g of %g s, %g of %g s", explore[e], times[t],
                         b.longer_s, b.time_s, b.retry_s, b.worker_s);
            /* and what they may cost is spent */
            assert_true(b.longer_s + b.dearest_s >= 0.5 * explore[e] * b.time_s ||
                        b.retry_s + b.dearest_s >= 0.5 * explore[e] * b.worker_s);
            assert_true(b.retries > 0);
            ops()->destroy(w.self);
        }
    struct world w;
    open_parked(&w, "explore=0", 4.5);
    assert_int_equal(pay(&w, 5000).retries, 0);
    ops()->destroy(w.self);
}

static void a_parked_worker_that_is_fast_again_is_taken_back(void **state)
{
    (void)state;
    for (int object = 0; object < 20; object++) {
        struct world w;
        world_open(&w, 8, NULL, NULL, NULL);
        for (uint32_t i = 0; i < 8; i++)
            w.mean_s[i] = 1;
        world_rounds(&w, 100, 16);
        w.mean_s[0] = w.mean_s[1] = 4; /* the others take 3 for 3 tasks each */
        world_rounds(&w, 100, 16);
        assert_true(w.quota[0] + w.quota[1] <= 1);
        w.mean_s[0] = w.mean_s[1] = 1;
        /* earned: 1 % of rounds of 3 s; a retry costs 1 s more, so 33 rounds; the next
         * one follows at once, as the first was not as expensive */
        world_rounds(&w, 100, 16);
        if (w.quota[0] != 2 || w.quota[1] != 2)
            fail_msg("they have %d and %d tasks", (int)w.quota[0], (int)w.quota[1]);
        ops()->destroy(w.self);
    }
}

/* 6 of 1 s take 3 each: 3.2 s and 4 s are left out. Those of 3.2 s had 1 s once, so their turn
 * comes about three times as often as that of the others. */
static void who_was_fast_once_is_tried_more_often(void **state)
{
    (void)state;
    struct world w;
    uint32_t once = 0, never = 0;
    world_open(&w, 16, NULL, NULL, NULL);
    for (uint32_t i = 0; i < 16; i++)
        w.mean_s[i] = i < 8 ? 1 : 4;
    world_rounds(&w, 100, 16);
    w.mean_s[6] = w.mean_s[7] = 3.2;
    world_rounds(&w, 50, 16);
    for (int round = 0; round < 10000; round++) {
        world_rounds(&w, 1, 16);
        for (uint32_t i = 6; i < 16; i++)
            *(i < 8 ? &once : &never) += w.quota[i] > 0;
    }
    assert_true(never > 80); /* 10 each */
    double ratio = (once / 2.0) / (never / 8.0);
    if (!(ratio > 2.5 && ratio < 4.5))
        fail_msg("%u and %u retries", once, never);
    ops()->destroy(w.self);
}

/* Its first task of all took 500 times as long. */
static void an_outlier_at_first_parks_nobody_for_long(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 8, NULL, NULL, NULL);
    for (uint32_t i = 0; i < 8; i++)
        w.mean_s[i] = i ? 1 : 500;
    world_rounds(&w, 1, 8);
    w.mean_s[0] = 1;
    world_rounds(&w, 250,
                 24); /* at most two rounds long it is taken for: 100 rounds, doubled */
    assert_in_range(w.quota[0], 2, 4);
    ops()->destroy(w.self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_cost_no_more_than_they_may),
        cmocka_unit_test(a_parked_worker_that_is_fast_again_is_taken_back),
        cmocka_unit_test(who_was_fast_once_is_tried_more_often),
        cmocka_unit_test(an_outlier_at_first_parks_nobody_for_long),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
