/* Laws of every policy's plans, on random workers, batches and availability, and of what they
 * lead to over many rounds. SEED=7 make prop_plan draws others. */
#include "base/rng.h"
#include <crew/policy.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { N = 40, TASKS = 200 };

static uint64_t seed = 1, drawn;

static double unit(void)
{
    return crew_rng_unit(seed, CREW_STREAM_TEST, 0, drawn++);
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)(unit() * n);
}

/* A policy at work on made-up workers. */
struct world {
    const struct crew_policy_ops *ops;
    void *self;
    uint32_t n;
    uint64_t round;
    bool available[N];
    double mean_s[N];
    double noise; /* a task takes mean ((1 - noise) + noise Exp(1)) */
    uint64_t quota[N];
    bool open[N], overrun[N];
};

static void world_open(struct world *w, const char *name, const char *settings, uint32_t n)
{
    *w = (struct world){.ops = crew_policy_find(name), .n = n, .noise = 0.5};
    for (uint32_t i = 0; i < n; i++) {
        w->available[i] = true;
        w->mean_s[i] = 0.01 * (1 + 9 * unit());
    }
    struct crew_policy_config cfg = {.struct_size = sizeof cfg,
                                     .n = n,
                                     .seed = seed,
                                     .settings = settings,
                                     .mean_s = !strcmp(name, "fixed") ? w->mean_s : NULL};
    assert_int_equal(w->ops->create(&cfg, &w->self, NULL), CREW_OK);
}

static void world_plan(struct world *w, uint64_t tasks)
{
    struct crew_plan_request rq = {
        .round = ++w->round, .tasks = tasks, .n = w->n, .available = w->available};
    struct crew_plan p = {w->quota, w->open, w->overrun};
    struct crew_error err;
    memset(w->quota, 0, sizeof w->quota);
    memset(w->open, 0, sizeof w->open);
    memset(w->overrun, 0, sizeof w->overrun);
    w->ops->plan(w->self, &rq, &p);
    if (crew_plan_check(&rq, &p, &err) != CREW_OK)
        fail_msg("%s, n %u, %" PRIu64 " tasks: %s", w->ops->name, w->n, tasks, err.text);
}

/* Every worker runs its quota. */
static void world_observe(struct world *w)
{
    struct crew_timing t[TASKS];
    size_t m = 0;
    for (uint32_t i = 0; i < w->n; i++)
        for (uint64_t j = 0; j < w->quota[i]; j++, m++) {
            double s = w->mean_s[i] * (1 - w->noise - w->noise * log(1 - unit()));
            t[m] = (struct crew_timing){i, (uint32_t)m, 0, s, (double)NAN, 1, 0, true};
        }
    if (w->ops->observe)
        w->ops->observe(w->self, t, m);
}

static double busiest(const struct world *w, const uint64_t *quota)
{
    double most = 0;
    for (uint32_t i = 0; i < w->n; i++)
        most = fmax(most, (double)quota[i] * w->mean_s[i]);
    return most;
}

/* One or more workers available. */
static uint32_t draw_available(struct world *w)
{
    uint32_t m = 0, sure = below(w->n);
    for (uint32_t i = 0; i < w->n; i++)
        m += w->available[i] = i == sure || unit() < 0.8;
    return m;
}

static void every_plan_of_every_policy_is_legal(void **state)
{
    (void)state;
    const struct crew_policy_ops *ops;
    for (size_t p = 0; (ops = crew_policy_at(p)); p++) {
        for (int object = 0; object < 20; object++) {
            struct world w;
            world_open(&w, ops->name, NULL, 1 + below(N));
            for (int round = 0; round < 60; round++) {
                draw_available(&w);
                world_plan(&w, 1 + below(round % 2 ? TASKS : 5));
                world_observe(&w);
            }
            ops->destroy(w.self);
        }
    }
}

static void workers_of_uniform_differ_by_at_most_one_task(void **state)
{
    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct world w;
        world_open(&w, "uniform", NULL, 1 + below(N));
        uint32_t m = draw_available(&w), extra = 0;
        uint64_t tasks = 1 + below(TASKS);
        world_plan(&w, tasks);
        for (uint32_t i = 0; i < w.n; i++) {
            if (!w.available[i])
                continue;
            assert_in_range(w.quota[i], tasks / m, tasks / m + 1);
            extra += w.quota[i] > tasks / m;
        }
        assert_int_equal(extra, tasks % m);
        w.ops->destroy(w.self);
    }
}

/* n = 10, B = 13: each worker has one of the 3 remainders with p = 0.3 a round. Over 3000
 * rounds a count has mean 900 and sd 25.1; 5.5 sd are passed by one of 10 counts once in 2.6
 * million seeds. The 45 pairs go together with p = 3 * 2 / (10 * 9): mean 200, sd 13.7, 6 sd.
 * Likewise for 3 tasks on 10 workers. */
static void remainder_of_uniform_is_fair(void **state)
{
    (void)state;
    for (uint64_t tasks = 3; tasks <= 13; tasks += 10) {
        uint32_t alone[10] = {0}, pair[10][10] = {{0}};
        struct world w;
        world_open(&w, "uniform", NULL, 10);
        for (int round = 0; round < 3000; round++) {
            world_plan(&w, tasks);
            for (int i = 0; i < 10; i++)
                for (int j = 0; j <= i; j++)
                    if (w.quota[i] > tasks / 10 && w.quota[j] > tasks / 10)
                        *(i == j ? &alone[i] : &pair[i][j]) += 1;
        }
        for (int i = 0; i < 10; i++) {
            assert_in_range(alone[i], 900 - 138, 900 + 138);
            for (int j = 0; j < i; j++)
                assert_in_range(pair[i][j], 200 - 82, 200 + 82);
        }
        w.ops->destroy(w.self);
    }
}

static void random_remainder_depends_on_seed_and_round_alone(void **state)
{
    (void)state;
    struct world a, b;
    int differ = 0;
    world_open(&a, "uniform", NULL, N);
    world_open(&b, "uniform", NULL, N);
    for (int round = 0; round < 50; round++) {
        uint64_t before[N];
        memcpy(before, a.quota, sizeof before);
        world_plan(&a, N + N / 2);
        if (round % 3) { /* b skips some plans */
            b.round = a.round - 1;
            world_plan(&b, N + N / 2);
            assert_memory_equal(a.quota, b.quota, sizeof before);
        }
        differ += memcmp(before, a.quota, sizeof before) != 0;
    }
    assert_int_equal(differ, 50); /* 1 of 10^11 subsets each */
    a.ops->destroy(a.self);
    b.ops->destroy(b.self);
}

static void fixed_is_the_split_of_the_available_means(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct world w;
        double cost[N], scratch[N];
        uint64_t expected[N];
        uint32_t m = 0;
        world_open(&w, "fixed", NULL, 1 + below(N));
        draw_available(&w);
        uint64_t tasks = 1 + below(TASKS);
        world_plan(&w, tasks);
        for (uint32_t i = 0; i < w.n; i++)
            if (w.available[i])
                cost[m++] = w.mean_s[i];
        crew_minmax_split(cost, m, tasks, scratch, expected);
        for (uint32_t i = 0, j = 0; i < w.n; i++)
            if (w.available[i])
                assert_int_equal(w.quota[i], expected[j++]);
        w.ops->destroy(w.self);
    }
}

/* Known: a million tasks seen. Whoever is known gets nothing while somebody is not. */
static void unknown_workers_share_the_round_evenly(void **state)
{
    (void)state;
    static const char *const names[] = {"ata", "ata-empirical"};
    for (int round = 0; round < 400; round++) {
        struct world w;
        double known[2 * N] = {0};
        uint32_t unknown = 0;
        world_open(&w, names[round % 2], round % 2 ? "eta=0.25" : "alpha=0.001",
                   2 + below(N - 1));
        draw_available(&w);
        for (uint32_t i = 0; i < w.n; i++)
            if (unit() < 0.5) {
                known[i] = 1e6;
                known[w.n + i] = 1e6 * w.mean_s[i];
            } else {
                unknown += w.available[i];
            }
        assert_int_equal(w.ops->load(w.self, known, 2 * (size_t)w.n), CREW_OK);
        uint64_t tasks = 1 + below(TASKS);
        world_plan(&w, tasks);
        for (uint32_t i = 0; unknown && i < w.n; i++) {
            bool one = w.available[i] && known[i] == 0;
            assert_in_range(w.quota[i], one ? tasks / unknown : 0,
                            one ? tasks / unknown + 1 : 0);
        }
        w.ops->destroy(w.self);
    }
}

/* The busiest worker's expected time in the last rounds, in units of the split by true means,
 * on the paper's linear scenario: there that split ends at 9 mean times of worker 1, the
 * uniform one at 34. */
static double learned_ratio(const char *name, const char *settings, double noise, int rounds)
{
    enum { WORKERS = 17, LAST = 500 };
    struct world w;
    double scratch[WORKERS], ratio = 0;
    uint64_t best[WORKERS];
    world_open(&w, name, settings, WORKERS);
    w.noise = noise;
    for (uint32_t i = 0; i < WORKERS; i++)
        w.mean_s[i] = 0.01 * (i + 1);
    crew_minmax_split(w.mean_s, WORKERS, 23, scratch, best);
    for (int round = 0; round < rounds; round++) {
        world_plan(&w, 23);
        world_observe(&w);
        if (round >= rounds - LAST)
            ratio += busiest(&w, w.quota) / busiest(&w, best) / LAST;
    }
    w.ops->destroy(w.self);
    return ratio;
}

static void plans_approach_the_split_by_true_means(void **state)
{
    (void)state;
    static const struct {
        const char *name, *settings;
        double noise;
        int rounds;
        /* 6 seeds gave at most 1.022, 1.017, 1.303, 1.035, 1.005; 30 seeds 1.12, 1.01, 1.12, in
         * most of them 1.01: now and then the ninth worker waits for its retries */
        double most;
    } cases[] = {
        {"ata-empirical", "eta=0.25", 0.2, 3000, 1.05},
        {"ata-empirical", "eta=0.25", 0, 3000, 1.05},
        {"ata-empirical", "eta=1", 0.5, 3000, 1.4},
        {"ata-empirical", "eta=1", 0.5, 30000, 1.08},
        {"ata", "alpha=0.01", 0.2, 3000, 1.05},
        {"adaptive", NULL, 0.2, 1000, 1.15},
        {"adaptive", NULL, 0, 1000, 1.02},
        {"adaptive", NULL, 0.5, 3000, 1.15},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double ratio =
            learned_ratio(cases[c].name, cases[c].settings, cases[c].noise, cases[c].rounds);
        if (!(ratio <= cases[c].most))
            fail_msg("%s:%s after %d rounds: %g times the best round", cases[c].name,
                     cases[c].settings ? cases[c].settings : "", cases[c].rounds, ratio);
    }
}

static void a_worker_that_leaves_and_returns_is_not_forgotten(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, "ata-empirical", "eta=0.25", 3);
    w.mean_s[0] = 0.01;
    w.mean_s[1] = w.mean_s[2] = 0.04;
    for (int round = 0; round < 300; round++) {
        w.available[0] = round < 100 || round >= 200;
        world_plan(&w, 12);
        world_observe(&w);
        if (round >= 50 && w.available[0])
            assert_in_range(w.quota[0], 7, 9); /* by true means 8, 2, 2 */
        if (!w.available[0])
            assert_true(w.quota[1] + w.quota[2] == 12 && w.quota[1] > 2 && w.quota[2] > 2);
    }
    w.ops->destroy(w.self);
}

static void saved_and_loaded_policy_plans_like_the_original(void **state)
{
    (void)state;
    static const char *const names[] = {"ata", "ata-empirical"};
    for (int p = 0; p < 2; p++) {
        struct world a, b;
        double numbers[2 * N];
        world_open(&a, names[p], NULL, 17);
        for (int round = 0; round < 200; round++) {
            world_plan(&a, 23);
            world_observe(&a);
        }
        size_t n = a.ops->save(a.self, numbers, 2 * (size_t)N);
        world_open(&b, names[p], NULL, 17);
        assert_int_equal(b.ops->load(b.self, numbers, n), CREW_OK);
        b.round = a.round;
        memcpy(b.mean_s, a.mean_s, sizeof b.mean_s);
        for (int round = 0; round < 500; round++) {
            world_plan(&a, 23);
            world_plan(&b, 23);
            assert_memory_equal(a.quota, b.quota, sizeof a.quota);
            uint64_t mark = drawn; /* the same times for both */
            world_observe(&a);
            drawn = mark;
            world_observe(&b);
        }
        a.ops->destroy(a.self);
        b.ops->destroy(b.self);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan_of_every_policy_is_legal),
        cmocka_unit_test(workers_of_uniform_differ_by_at_most_one_task),
        cmocka_unit_test(remainder_of_uniform_is_fair),
        cmocka_unit_test(random_remainder_depends_on_seed_and_round_alone),
        cmocka_unit_test(fixed_is_the_split_of_the_available_means),
        cmocka_unit_test(unknown_workers_share_the_round_evenly),
        cmocka_unit_test(plans_approach_the_split_by_true_means),
        cmocka_unit_test(a_worker_that_leaves_and_returns_is_not_forgotten),
        cmocka_unit_test(saved_and_loaded_policy_plans_like_the_original),
    };
    if (getenv("SEED"))
        seed = strtoull(getenv("SEED"), NULL, 10);
    print_message("SEED=%" PRIu64 "\n", seed);
    return cmocka_run_group_tests_name("prop_plan", tests, NULL, NULL);
}
