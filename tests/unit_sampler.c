/* Which rows each task reads: nothing lost, nothing twice, whatever was dropped. */
#include "base/rng.h"
#include "data/sampler.h"
#include "testing.h"
#include <string.h>

enum { MAX_ROWS = 400, MAX_TASKS = 48 };

static uint32_t draw(uint32_t a, uint64_t i, uint32_t below)
{
    return (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, a, i) % below);
}

/* Exactly `tasks` of the tasks + spare are kept, at random. */
static void choose(bool *kept, const struct crew_sampler_round *r, uint64_t round)
{
    uint32_t order[MAX_TASKS * 2];
    crew_rng_shuffle(test_seed(), CREW_STREAM_TEST, (uint32_t)round + 1000, order,
                     r->tasks + r->spare);
    memset(kept, 0, (r->tasks + r->spare) * sizeof *kept);
    for (uint32_t i = 0; i < r->tasks; i++)
        kept[order[i]] = true;
}

/* What one epoch must be, for any number of rows, tasks and spare ones. */
static void run_epoch(crew_sampler *s, uint32_t rows, uint32_t task_rows, uint32_t tasks,
                      uint32_t spare, uint64_t epoch)
{
    uint32_t seen[MAX_ROWS] = {0}, parts = (rows + task_rows - 1) / task_rows, done = 0;
    uint64_t rounds = 0, rows_done = 0;
    bool last = false, kept[MAX_TASKS * 2];
    while (!last) {
        struct crew_sampler_round r, again;
        crew_sampler_round(s, tasks, spare, &r);
        crew_sampler_round(s, tasks, spare, &again); /* asking does not take */
        assert_memory_equal(&r, &again, sizeof r);
        assert_int_equal(r.epoch, epoch);
        assert_int_equal(r.tasks, tasks < parts - done ? tasks : parts - done);
        assert_true(r.spare <= spare && done + r.tasks + r.spare <= parts);
        choose(kept, &r, epoch * 1000 + rounds);
        uint64_t sum = 0;
        for (uint32_t t = 0; t < r.tasks + r.spare; t++) {
            uint32_t n;
            const uint32_t *row = crew_sampler_rows(s, t, &n);
            assert_true(n >= 1 && n <= task_rows);
            assert_true(n == task_rows || r.spare == 0); /* a short part never competes */
            for (uint32_t i = 0; i < n; i++) {
                assert_true(row[i] < rows && !seen[row[i]]);
                seen[row[i]] += kept[t];
            }
            sum += kept[t] ? n : 0;
        }
        assert_int_equal(r.rows, sum);
        last = crew_sampler_settle(s, r.spare ? kept : NULL);
        rows_done += sum;
        done += r.tasks;
        rounds++;
        assert_int_equal(crew_sampler_epoch_rows(s), rows_done);
    }
    assert_int_equal(done, parts);
    assert_int_equal(rounds, crew_sampler_rounds_per_epoch(s, tasks));
    assert_int_equal(rounds, (parts + tasks - 1) / tasks);
    for (uint32_t i = 0; i < rows; i++)
        assert_int_equal(seen[i], 1);
}

static void every_epoch_has_every_row_once(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 400; i++) {
        uint32_t rows = 1 + draw(1, i, MAX_ROWS), task_rows = 1 + draw(2, i, i % 2 ? 8 : 60),
                 tasks = 1 + draw(3, i, MAX_TASKS), spare = i % 3 ? draw(4, i, MAX_TASKS) : 0;
        crew_sampler *s = crew_sampler_create(rows, task_rows, i);
        assert_non_null(s);
        if (task_rows > rows)
            task_rows = rows;
        for (uint64_t epoch = 1; epoch <= 3; epoch++)
            run_epoch(s, rows, task_rows, tasks, spare, epoch);
        crew_sampler_destroy(s);
    }
}

/* Rows in the order in which the tasks of an epoch come, taken `tasks` at a time. */
static void order_of(uint32_t rows, uint32_t task_rows, uint32_t tasks, uint64_t seed,
                     uint64_t epoch, uint32_t *out)
{
    crew_sampler *s = crew_sampler_create(rows, task_rows, seed);
    struct crew_sampler_round r;
    uint32_t at = 0;
    for (uint64_t e = 1; e <= epoch; e++) {
        at = 0;
        do {
            crew_sampler_round(s, tasks, 0, &r);
            for (uint32_t t = 0; t < r.tasks; t++) {
                uint32_t n;
                const uint32_t *row = crew_sampler_rows(s, t, &n);
                memcpy(out + at, row, n * sizeof *out);
                at += n;
            }
        } while (!crew_sampler_settle(s, NULL));
    }
    assert_int_equal(at, rows);
    crew_sampler_destroy(s);
}

static void the_order_depends_on_seed_and_epoch_alone(void **state)
{
    (void)state;
    uint32_t a[101], b[101];
    order_of(101, 7, 4, 5, 3, a);
    order_of(101, 7, 9, 5, 3, b);
    assert_memory_equal(a, b, sizeof a);
    order_of(101, 10, 1, 5, 3, b);
    assert_memory_equal(a, b, sizeof a);
    order_of(101, 7, 4, 5, 2, b);
    assert_memory_not_equal(a, b, sizeof a);
    order_of(101, 7, 4, 6, 3, b);
    assert_memory_not_equal(a, b, sizeof a);
    crew_rng_shuffle(5, CREW_STREAM_EPOCH, 3, b, 101);
    assert_memory_equal(a, b, sizeof a);
}

/* 10 parts of one row, B = 3, 2 spare. Tasks 0 and 3 of round 1 are dropped: they come first in
 * round 2. */
static void what_was_dropped_comes_first_in_the_next_round(void **state)
{
    (void)state;
    const bool kept[] = {false, true, true, false, true};
    crew_sampler *s = crew_sampler_create(10, 1, 1);
    struct crew_sampler_round r;
    uint32_t n, dropped[2];
    crew_sampler_round(s, 3, 2, &r);
    assert_int_equal(r.spare, 2);
    dropped[0] = *crew_sampler_rows(s, 0, &n);
    dropped[1] = *crew_sampler_rows(s, 3, &n);
    assert_false(crew_sampler_settle(s, kept));
    crew_sampler_round(s, 3, 2, &r);
    assert_int_equal(*crew_sampler_rows(s, 0, &n), dropped[0]);
    assert_int_equal(*crew_sampler_rows(s, 1, &n), dropped[1]);
    crew_sampler_destroy(s);
}

/* 10 rows in tasks of 4: 4, 4, 2. B = 1: the short one is never spare; B = 2 takes it alone in
 * round 2. */
static void a_short_part_comes_last_and_alone(void **state)
{
    (void)state;
    crew_sampler *s = crew_sampler_create(10, 4, 1);
    struct crew_sampler_round r;
    const bool second[] = {false, true};
    crew_sampler_round(s, 1, 5, &r);
    assert_true(r.tasks == 1 && r.spare == 1 && r.rows == 4);
    assert_false(crew_sampler_settle(s, second));
    crew_sampler_round(s, 2, 5, &r);
    assert_true(r.tasks == 2 && r.spare == 0 && r.rows == 6);
    assert_true(crew_sampler_settle(s, NULL));
    assert_int_equal(crew_sampler_epoch_rows(s), 10);
    crew_sampler_destroy(s);
    crew_sampler_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_epoch_has_every_row_once),
        cmocka_unit_test(the_order_depends_on_seed_and_epoch_alone),
        cmocka_unit_test(what_was_dropped_comes_first_in_the_next_round),
        cmocka_unit_test(a_short_part_comes_last_and_alone),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
