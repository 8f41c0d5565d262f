/* The canonical sum: the same bits whoever puts what, in whatever order, on however many
 * threads. */
#include "base/mem.h"
#include "base/rng.h"
#include "machine/pool.h"
#include "testing.h"
#include "train/reduce.h"
#include <stdatomic.h>
#include <string.h>

enum { PARAMS = 67, MAX_TASKS = 300 };

static float leaf(uint32_t task, size_t i)
{
    return (float)(crew_rng_unit(test_seed(), CREW_STREAM_TEST, task, i) - 0.5);
}

/* sum[l, r) = sum[l, m) + sum[m, r), m - l = the largest power of two below r - l: the
 * definition, by recursion. */
static float canonical(uint32_t l, uint32_t r, size_t i)
{
    uint32_t half = 1;
    if (r - l == 1)
        return leaf(l, i);
    while (half * 2 < r - l)
        half *= 2;
    return canonical(l, l + half, i) + canonical(l + half, r, i);
}

static void put_one(crew_reduce *r, uint32_t task, bool fuse)
{
    uint32_t block = fuse ? crew_reduce_left(r, task) : CREW_NO_BLOCK;
    bool pair = block != CREW_NO_BLOCK;
    if (!pair)
        block = crew_reduce_take(r);
    float *sum = crew_reduce_sum(r, block);
    for (size_t i = 0; i < PARAMS; i++)
        sum[i] = pair ? sum[i] + leaf(task, i) : leaf(task, i);
    double *loss = crew_reduce_loss(r, block);
    *loss = pair ? *loss + task : task;
    if (pair)
        crew_reduce_put_pair(r, task, block);
    else
        crew_reduce_put(r, task, 1, block);
}

static void assert_canonical(crew_reduce *r, uint32_t tasks)
{
    double loss;
    const float *sum = crew_reduce_finish(r, &loss);
    for (size_t i = 0; i < PARAMS; i++) {
        float want = canonical(0, tasks, i);
        assert_memory_equal(&sum[i], &want, sizeof want);
    }
    assert_true(loss == tasks * (tasks - 1.0) / 2);
}

static void any_order_gives_the_sum_of_the_definition(void **state)
{
    (void)state;
    crew_reduce *r = crew_reduce_create(PARAMS, MAX_TASKS, 0,
                                        MAX_TASKS); /* any order: as many owners as tasks */
    uint32_t order[MAX_TASKS];
    assert_non_null(r);
    for (uint32_t tasks = 1; tasks <= MAX_TASKS; tasks += 1 + tasks / 9)
        for (uint32_t repeat = 0; repeat < 4; repeat++) {
            crew_rng_shuffle(test_seed(), CREW_STREAM_TEST, tasks * 7 + repeat, order, tasks);
            crew_reduce_begin(r, tasks);
            for (uint32_t i = 0; i < tasks; i++)
                put_one(r, repeat ? order[i] : i, repeat % 2);
            assert_canonical(r, tasks);
        }
    crew_reduce_destroy(r);
}

static void put_range(crew_reduce *r, uint32_t first, uint32_t end)
{
    if (end - first == 1) {
        put_one(r, first, true);
        return;
    }
    uint32_t block = crew_reduce_take(r);
    memset(crew_reduce_sum(r, block), 0, PARAMS * sizeof(float));
    *crew_reduce_loss(r, block) = 0;
    for (uint32_t task = first; task < end; task++) {
        for (size_t i = 0; i < PARAMS; i++)
            crew_reduce_sum(r, block)[i] += leaf(task, i);
        *crew_reduce_loss(r, block) += task;
    }
    crew_reduce_put(r, first, end - first, block);
}

/* Whatever is summed with whom: nothing is lost, nothing counts twice, and the order in which
 * the sums come in changes no bit. */
static void joined_tasks_count_once_in_any_order(void **state)
{
    (void)state;
    crew_reduce *r = crew_reduce_create(PARAMS, MAX_TASKS, 0, MAX_TASKS);
    assert_non_null(r);
    for (uint32_t tasks = 1; tasks <= MAX_TASKS; tasks++) {
        uint32_t cut[MAX_TASKS + 1] = {0}, order[MAX_TASKS], n = 0;
        float first[PARAMS];
        while (cut[n] < tasks) {
            uint64_t u = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 500 + tasks, n);
            cut[n + 1] = cut[n] + 1 + (uint32_t)(u % (tasks - cut[n]) % (1 + (u >> 32) % 40));
            n++;
        }
        for (uint32_t repeat = 0; repeat < 4; repeat++) {
            double loss;
            crew_rng_shuffle(test_seed(), CREW_STREAM_TEST, tasks * 7 + repeat, order, n);
            crew_reduce_begin(r, tasks);
            for (uint32_t i = 0; i < n; i++)
                put_range(r, cut[order[i]], cut[order[i] + 1]);
            const float *sum = crew_reduce_finish(r, &loss);
            assert_true(loss == tasks * (tasks - 1.0) / 2);
            if (!repeat)
                memcpy(first, sum, sizeof first);
            assert_memory_equal(sum, first, sizeof first);
        }
    }
    crew_reduce_destroy(r);
}

/* Kept tasks 1, 2, 5 of 7: (1) and (2) meet at [0, 4), 5 comes alone to [4, 7): (g1 + g2) + g5.
 */
static void missing_tasks_are_left_out(void **state)
{
    (void)state;
    crew_reduce *r = crew_reduce_create(PARAMS, 7, 0, 2);
    double loss;
    crew_reduce_begin(r, 7);
    put_one(r, 5, false);
    put_one(r, 2, false);
    put_one(r, 1, false);
    const float *sum = crew_reduce_finish(r, &loss);
    for (size_t i = 0; i < PARAMS; i++) {
        float want = (leaf(1, i) + leaf(2, i)) + leaf(5, i);
        assert_memory_equal(&sum[i], &want, sizeof want);
    }
    assert_true(loss == 8);
    crew_reduce_destroy(r);
}

/* n workers, each with a contiguous range or all with one queue, stay within the blocks that
 * were reserved. */
struct crowd {
    crew_reduce *r;
    uint32_t tasks, n;
    bool queue;
    _Atomic uint32_t next;
};

static void put_share(void *self, uint32_t worker)
{
    struct crowd *c = self;
    uint32_t first = c->tasks * worker / c->n, end = c->tasks * (worker + 1) / c->n;
    if (c->queue) {
        for (uint32_t t; (t = atomic_fetch_add(&c->next, 1)) < c->tasks;)
            put_one(c->r, t, true);
        return;
    }
    for (uint32_t t = first; t < end; t++)
        put_one(c->r, t, true);
}

static void run_crowd(void *self, uint32_t worker)
{
    struct crowd *c = self;
    (void)worker;
    for (uint32_t round = 0; round < 60; round++) {
        c->tasks = 1 + (uint32_t)(crew_rng_u64(test_seed(), CREW_STREAM_TEST, 1, round) % 64);
        c->queue = round % 2;
        atomic_store(&c->next, 0);
        crew_reduce_begin(c->r, c->tasks);
        crew_pool_all(test_pool(c->n), put_share, c);
        assert_canonical(c->r, c->tasks);
    }
}

static void threads_agree_bit_for_bit(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 8; n += n < 3 ? 1 : 5) {
        struct crowd c = {.n = n, .r = crew_reduce_create(PARAMS, 64, 0, n)};
        crew_pool_call(test_pool(n), run_crowd, &c);
        crew_reduce_destroy(c.r);
        test_pool_done();
    }
}

/* The sum over a subset, by the definition: what is missing is left out. False: nothing is
 * there. */
static bool partial(const bool *there, uint32_t l, uint32_t r, size_t i, float *out)
{
    uint32_t half = 1;
    float left, right;
    if (r - l == 1) {
        *out = leaf(l, i);
        return there[l];
    }
    while (half * 2 < r - l)
        half *= 2;
    bool a = partial(there, l, l + half, i, &left), b = partial(there, l + half, r, i, &right);
    *out = a && b ? left + right : a ? left : right;
    return a || b;
}

/* One worker, any holes: the blocks that were reserved suffice. One block too few would be
 * taken from before the first. */
static void holes_need_no_more_than_was_reserved(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t tasks = 2 + (uint32_t)(298 * crew_rng_unit(round, CREW_STREAM_TEST, 1, 0));
        uint32_t holes = (uint32_t)((tasks - 1) * crew_rng_unit(round, CREW_STREAM_TEST, 2, 0));
        uint32_t order[MAX_TASKS];
        bool there[MAX_TASKS] = {false};
        double loss;
        crew_reduce *r = crew_reduce_create(PARAMS, tasks, holes, 1);
        crew_rng_shuffle(test_seed(), CREW_STREAM_TEST, round, order, tasks);
        for (uint32_t i = holes; i < tasks; i++)
            there[order[i]] = true;
        crew_reduce_begin(r, tasks);
        for (uint32_t i = 0; i < tasks; i++)
            if (there[i])
                put_one(r, i, false);
        const float *sum = crew_reduce_finish(r, &loss);
        for (size_t i = 0; i < PARAMS; i++) {
            float want;
            assert_true(partial(there, 0, tasks, i, &want));
            assert_memory_equal(&sum[i], &want, sizeof want);
        }
        crew_reduce_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_sum_of_the_definition),
        cmocka_unit_test(missing_tasks_are_left_out),
        cmocka_unit_test(joined_tasks_count_once_in_any_order),
        cmocka_unit_test(holes_need_no_more_than_was_reserved),
        cmocka_unit_test(threads_agree_bit_for_bit),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
