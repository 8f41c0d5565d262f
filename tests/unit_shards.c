/* Which rows each task of each shard reads, and what they weigh. SEED=7 make unit_shards draws
 * others. */
#include "testing.h"

#include "base/rng.h"
#include "data/shards.h"
#include <math.h>
#include <string.h>

enum { MAX_ROWS = 400, MAX_WORKERS = 9, MAX_TASKS = 40, MAX_TASK_ROWS = 20 };

static uint64_t drawn;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, 0, drawn++) % n);
}

struct world {
    struct crew_shards_config cfg;
    uint32_t shard[MAX_WORKERS];
    uint32_t first[MAX_WORKERS], rows[MAX_WORKERS];
    crew_shards *s;
};

static void world_open(struct world *w)
{
    uint32_t n = 1 + below(MAX_WORKERS), groups = 1 + below(n);
    *w = (struct world){.cfg = {.rows = n + below(MAX_ROWS - n),
                                .task_rows = 1 + below(MAX_TASK_ROWS),
                                .tasks = groups + below(MAX_TASKS - groups),
                                .seed = test_seed(),
                                .n_workers = n,
                                .n_shards = groups}};
    for (uint32_t i = 0; i < n; i++)
        w->shard[i] = i < groups ? i : below(groups);
    w->cfg.shard = w->shard;
    w->s = crew_shards_create(&w->cfg);
    w->cfg.task_rows = w->cfg.task_rows < w->cfg.rows ? w->cfg.task_rows : w->cfg.rows;
    for (uint32_t g = 0; g < groups; g++)
        assert_true(crew_shards_part(w->s, g, &w->first[g], &w->rows[g]));
}

/* At random, with nobody in some groups. */
static void draw_quota(const struct world *w, uint32_t tasks, uint64_t *quota)
{
    uint32_t some = 1 + below(w->cfg.n_workers);
    memset(quota, 0, w->cfg.n_workers * sizeof *quota);
    while (tasks--)
        quota[below(some)]++;
}

static void shards_are_neighbours_of_as_many_rows_as_their_share_of_the_workers(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct world w;
        uint32_t next = 0, first, n;
        world_open(&w);
        for (uint32_t g = 0; g < w.cfg.n_shards; g++) {
            uint32_t workers = 0;
            for (uint32_t k = 0; k < w.cfg.n_workers; k++)
                workers += w.shard[k] == g;
            double share = (double)w.cfg.rows * workers / w.cfg.n_workers;
            assert_int_equal(w.first[g], next);
            assert_true(w.rows[g] >= 1 && fabs(w.rows[g] - share) < 1);
            next += w.rows[g];
        }
        assert_int_equal(next, w.cfg.rows);
        assert_false(crew_shards_part(w.s, w.cfg.n_shards, &first, &n));
        crew_shards_destroy(w.s);
    }
}

/* One round: who reads what, and that the weights are those of all rows.
 * Did anybody read another shard than its own? */
static bool check_round(const struct world *w, const struct crew_sampler_round *r,
                        const uint64_t *quota, uint64_t *read)
{
    double weight[MAX_WORKERS] = {0}, all = 0;
    uint32_t asked[MAX_WORKERS] = {0}, got[MAX_WORKERS] = {0}, moved = 0, rows = 0;
    for (uint32_t i = 0, t = 0; i < w->cfg.n_workers; i++)
        for (uint64_t k = 0; k < quota[i]; k++, t++) {
            uint32_t n, g = 0;
            const uint32_t *row = crew_shards_rows(w->s, t, &n);
            assert_true(n >= 1 && n <= w->cfg.task_rows);
            while (row[0] >= w->first[g] + w->rows[g])
                g++;
            for (uint32_t j = 0; j < n; j++) {
                assert_true(row[j] >= w->first[g] && row[j] < w->first[g] + w->rows[g]);
                read[row[j]]++;
            }
            weight[g] += n * crew_shards_weight(w->s, t);
            asked[w->shard[i]]++;
            got[g]++;
            moved += g != w->shard[i];
            rows += n;
        }
    assert_int_equal(rows, r->rows);
    uint32_t none = 0;
    for (uint32_t g = 0; g < w->cfg.n_shards; g++) {
        none += !asked[g];
        assert_true(got[g] >= 1);
        assert_true(fabs(weight[g] - (double)w->rows[g] / w->cfg.rows) < 1e-12);
        all += weight[g];
    }
    assert_true(fabs(all - 1) < 1e-12);
    assert_int_equal(moved, none); /* one task each for those that have nobody */
    return moved > 0;
}

static void tasks_read_their_workers_shard_and_every_shard_weighs_its_share(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct world w;
        uint64_t quota[MAX_WORKERS], read[MAX_ROWS] = {0}, epoch = 1, of_epoch = 0;
        world_open(&w);
        for (int round = 0; round < 60; round++) {
            struct crew_sampler_round r;
            crew_shards_round(w.s, &r);
            uint64_t left = w.cfg.rows - of_epoch,
                     parts = (left + w.cfg.task_rows - 1) / w.cfg.task_rows;
            parts = parts < w.cfg.tasks ? parts : w.cfg.tasks;
            assert_int_equal(r.tasks, parts > w.cfg.n_shards ? parts : w.cfg.n_shards);
            assert_true(r.epoch == epoch && !r.spare);
            draw_quota(&w, r.tasks, quota);
            bool moved = crew_shards_deal(w.s, quota, &r);
            assert_true(check_round(&w, &r, quota, read) == moved);
            of_epoch += r.rows;
            bool ends = of_epoch >= w.cfg.rows;
            assert_int_equal(crew_shards_settle(w.s), ends);
            assert_int_equal(crew_shards_epoch_rows(w.s), of_epoch);
            epoch += ends;
            of_epoch = ends ? 0 : of_epoch;
        }
        for (uint32_t g = 0; g < w.cfg.n_shards; g++) { /* epoch by epoch of its own */
            uint64_t least = UINT64_MAX, most = 0;
            for (uint32_t j = w.first[g]; j < w.first[g] + w.rows[g]; j++) {
                least = read[j] < least ? read[j] : least;
                most = read[j] > most ? read[j] : most;
            }
            assert_true(most - least <= 1);
        }
        crew_shards_destroy(w.s);
    }
}

/* Rows and weights of a round. */
static uint64_t hash_round(const struct world *w, const struct crew_sampler_round *r)
{
    uint64_t h = r->rows + r->epoch;
    for (uint32_t t = 0; t < r->tasks; t++) {
        uint32_t n;
        const uint32_t *row = crew_shards_rows(w->s, t, &n);
        for (uint32_t j = 0; j < n; j++)
            h = (h ^ row[j]) * UINT64_C(1099511628211);
        h += (uint64_t)(1e15 * crew_shards_weight(w->s, t));
    }
    return h;
}

static uint64_t deal(const struct world *w, uint64_t *quota)
{
    struct crew_sampler_round r;
    crew_shards_round(w->s, &r);
    if (quota[0] == UINT64_MAX)
        draw_quota(w, r.tasks, quota);
    (void)crew_shards_deal(w->s, quota, &r);
    return hash_round(w, &r);
}

static void a_round_that_did_not_count_is_dealt_again(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct world w;
        world_open(&w);
        for (int round = 0; round < 30; round++) {
            uint64_t quota[MAX_WORKERS] = {UINT64_MAX}, other[MAX_WORKERS] = {UINT64_MAX};
            uint64_t first = deal(&w, quota);
            (void)deal(&w, other);
            assert_true(deal(&w, quota) == first);
            (void)crew_shards_settle(w.s);
        }
        crew_shards_destroy(w.s);
    }
}

/* After a round that counted, and after one that was dealt and did not. */
static void a_state_goes_on_to_the_same_rows(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct world w, again;
        double x[3 + 4 * MAX_WORKERS];
        uint64_t quota[MAX_WORKERS], kept = drawn;
        world_open(&w);
        uint64_t after = drawn;
        drawn = kept;
        world_open(&again);
        drawn = after;
        for (uint32_t round = below(30); round--;) {
            quota[0] = UINT64_MAX;
            (void)deal(&w, quota);
            (void)crew_shards_settle(w.s);
        }
        quota[0] = UINT64_MAX;
        if (i % 2)
            (void)deal(&w, quota);
        size_t n = crew_shards_save(w.s, x, sizeof x / sizeof *x);
        assert_true(n == crew_shards_state_max(w.s) && n <= sizeof x / sizeof *x);
        assert_int_equal(crew_shards_load(again.s, x, n), CREW_OK);
        for (int round = 0; round < 20; round++) {
            quota[0] = UINT64_MAX;
            uint64_t h = deal(&w, quota);
            assert_true(deal(&again, quota) == h);
            assert_int_equal(crew_shards_settle(w.s), crew_shards_settle(again.s));
        }
        crew_shards_destroy(w.s);
        crew_shards_destroy(again.s);
    }
}

static void a_state_of_other_shards_or_none_is_refused(void **state)
{
    (void)state;
    static const uint32_t halves[] = {0, 1, 0, 1}, quarter[] = {0, 1, 1, 1},
                          three[] = {0, 1, 2, 2};
    struct crew_shards_config cfg = {
        .rows = 100, .task_rows = 7, .tasks = 8, .seed = 1, .n_workers = 4, .n_shards = 2};
    double x[3 + 4 * 3], bad[3 + 4 * 3];
    cfg.shard = halves;
    crew_shards *a = crew_shards_create(&cfg);
    cfg.shard = quarter;
    crew_shards *b = crew_shards_create(&cfg);
    cfg.shard = three;
    cfg.n_shards = 3;
    crew_shards *c = crew_shards_create(&cfg);
    size_t n = crew_shards_save(a, x, sizeof x / sizeof *x);
    assert_int_equal(crew_shards_load(a, x, n), CREW_OK);
    assert_int_equal(crew_shards_load(b, x, n), CREW_EINVAL);
    assert_int_equal(crew_shards_load(c, x, n), CREW_EINVAL);
    assert_int_equal(crew_shards_load(a, x, 2), CREW_EFORMAT);
    assert_int_equal(crew_shards_load(a, x, n - 1), CREW_EINVAL);
    static const size_t at[] = {0, 0, 1, 4, 5, 10};
    static const double wrong[] = {0, (double)NAN, 1e9, 0.5, 9, -1};
    for (int i = 0; i < 6; i++) {
        memcpy(bad, x, sizeof bad);
        bad[at[i]] = wrong[i];
        assert_int_equal(crew_shards_load(a, bad, n), CREW_EFORMAT);
    }
    crew_shards_destroy(a);
    crew_shards_destroy(b);
    crew_shards_destroy(c);
    crew_shards_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_neighbours_of_as_many_rows_as_their_share_of_the_workers),
        cmocka_unit_test(tasks_read_their_workers_shard_and_every_shard_weighs_its_share),
        cmocka_unit_test(a_round_that_did_not_count_is_dealt_again),
        cmocka_unit_test(a_state_goes_on_to_the_same_rows),
        cmocka_unit_test(a_state_of_other_shards_or_none_is_refused),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
