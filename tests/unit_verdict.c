/* What crew bench makes of known times, and which NUMA nodes it looks at. */
#include "testing.h"

#include "base/mem.h"
#include "study/measure_internal.h"
#include <math.h>
#include <string.h>

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fabs(b);
}

/* Three tasks more than two each on workers of 4, 2 and 1 s, seven in all: one of them has
 * three. 12 s if it is the slowest, with 1/3; else the slowest needs 8 s for its two. */
static void a_uniform_round_is_an_expectation(void **state)
{
    const double cost[] = {1, 4, 2};
    double scratch[3];
    (void)state;
    assert_true(near(crew_uniform_round_s(cost, 3, 7, scratch), 12 / 3.0 + 8 * 2 / 3.0));
    assert_true(near(crew_uniform_round_s(cost, 3, 6, scratch), 8));
    /* Two of three have one task, the other none: 4 s unless the slowest is left out. */
    assert_true(near(crew_uniform_round_s(cost, 3, 2, scratch), 4 * 2 / 3.0 + 2 / 3.0));
    assert_true(near(crew_uniform_round_s(cost, 1, 5, scratch), 5));
}

/* 1, 2 and 4 s, seven tasks: all are busy until 4 s. Of four tasks, the fourth goes to the
 * first at 1 s, and the third still runs until 4 s. */
static void a_queue_round_is_list_scheduling(void **state)
{
    const double cost[] = {1, 2, 4};
    double scratch[3];
    (void)state;
    assert_true(near(crew_queue_round_s(cost, 3, 7, scratch), 4));
    assert_true(near(crew_queue_round_s(cost, 3, 4, scratch), 4));
    assert_true(near(crew_queue_round_s(cost, 3, 2, scratch), 2));
    assert_true(near(crew_queue_round_s(cost, 3, 9, scratch), 6));
}

/* Two cores of one kind, 1 and 2 s, and one of another, 20 s; four tasks: 3, 1 and none. */
static void a_verdict_of_known_times(void **state)
{
    const double together[] = {1, 2, 20}, alone[] = {0.75, 1.5, 18};
    struct crew_bench_slot slot[3] = {{.where.kind = 1}, {.where.kind = 1}, {.where.kind = 0}};
    struct crew_bench b = {.n = 3, .slot = slot, .batch_tasks = 4};
    (void)state;
    for (int i = 0; i < 3; i++) {
        slot[i].measured[CREW_GRADIENT][CREW_TOGETHER].mean_s = together[i];
        slot[i].measured[CREW_GRADIENT][CREW_ALONE].mean_s = alone[i];
    }
    assert_int_equal(crew_bench_verdict(&b), CREW_OK);
    assert_true(near(slot[0].speed[CREW_TOGETHER], 1) &&
                near(slot[1].speed[CREW_TOGETHER], 0.5) &&
                near(slot[2].speed[CREW_TOGETHER], 0.05));
    assert_true(near(slot[1].speed[CREW_ALONE], 0.5) &&
                near(slot[2].speed[CREW_ALONE], 0.75 / 18));
    assert_int_equal(slot[0].planned, 3);
    assert_int_equal(slot[1].planned, 1);
    assert_int_equal(slot[2].planned, 0);
    assert_int_equal(b.n_kinds, 2);
    assert_int_equal(b.kind[0].kind, 1);
    assert_int_equal(b.kind[0].slots, 2);
    assert_int_equal(b.kind[0].parked, 0);
    assert_int_equal(b.kind[0].planned, 4);
    assert_true(near(b.kind[0].mean, 0.75) && near(b.kind[0].slowest, 0.5) &&
                near(b.kind[0].fastest, 1));
    assert_int_equal(b.kind[1].parked, 1);
    assert_string_equal(b.round[0].policy, "one core");
    assert_true(near(b.round[0].seconds, 4 * 0.75));
    assert_true(near(b.round[1].seconds, 40 / 3.0 + 20 * 2 / 3.0)); /* 1 each, and one more */
    assert_true(near(b.round[2].seconds, 20));
    assert_true(near(b.round[3].seconds, 3));
    crew_free(b.kind);
}

/* Together the second worker takes 2 and 4 times the first one's seconds, whatever those are:
 * speeds 0.5 and 0.25, deviation sqrt(2) / 8, of two passes 1 / 8. A pass without it does not
 * count. Alone it always takes twice as long. */
static void the_error_of_a_speed_comes_from_the_passes(void **state)
{
    double pass_s[] = {5, 10, 1, 2, 6, 12, 10, 40, 7, 14, 1, (double)NAN};
    struct crew_bench_slot slot[2] = {{.where.kind = -1}, {.where.kind = -1}};
    struct crew_bench b = {
        .n = 2, .slot = slot, .batch_tasks = 4, .passes = 3, .pass_s = pass_s};
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int how = 0; how < CREW_SETTINGS; how++)
            slot[i].measured[CREW_GRADIENT][how].mean_s = 1 + 2 * i;
    assert_int_equal(crew_bench_verdict(&b), CREW_OK);
    assert_true(near(slot[1].speed[CREW_TOGETHER], 1 / 3.0));
    assert_true(near(slot[1].speed_se[CREW_TOGETHER], 1 / 8.0));
    assert_true(slot[0].speed_se[CREW_TOGETHER] == 0 && slot[1].speed_se[CREW_ALONE] == 0);
    crew_free(b.kind);
    b.passes = 1;
    assert_int_equal(crew_bench_verdict(&b), CREW_OK);
    for (int how = 0; how < CREW_SETTINGS; how++)
        assert_true(isnan(slot[0].speed_se[how]) && isnan(slot[1].speed_se[how]));
    crew_free(b.kind);
}

/* Two passes of 0.9 and 0.7: 0.8 and an error of 0.1, no more than two of them from 1; of 0.8
 * and 0.7: 0.75 and 0.05, five of them. One pass tells nothing. */
static void a_difference_within_two_errors_is_noise(void **state)
{
    double pass_s[] = {1, 1, 1, 0.9, 1 / 0.9, 1 / 0.8, 1, 1, 1, 0.7, 1 / 0.7, 1 / 0.7};
    struct crew_bench_slot slot[3] = {{.bound = true}};
    struct crew_bench b = {
        .n = 3, .slot = slot, .batch_tasks = 4, .passes = 2, .pass_s = pass_s};
    (void)state;
    pass_s[3] = pass_s[9] = 1;
    for (int i = 0; i < 3; i++)
        for (int how = 0; how < CREW_SETTINGS; how++)
            slot[i].measured[CREW_GRADIENT][how] = (struct crew_sampled){
                .mean_s = (double[]){1, 1.25, 1 / 0.75}[i], .wall_s = 10, .cpu_s = 9.01};
    slot[1].measured[CREW_GRADIENT][CREW_ALONE].cpu_s = 8.9; /* of either setting */
    slot[2].measured[CREW_GRADIENT][CREW_ALONE].cpu_s = (double)NAN;
    assert_int_equal(crew_bench_verdict(&b), CREW_OK);
    assert_true(near(slot[1].speed_se[CREW_TOGETHER], 0.1));
    assert_true(near(slot[2].speed_se[CREW_TOGETHER], 0.05));
    assert_true(!slot[0].within_noise && slot[1].within_noise && !slot[2].within_noise);
    assert_true(!slot[0].shared && slot[1].shared && !slot[2].shared);
    crew_free(b.kind);
    b.passes = 1;
    assert_int_equal(crew_bench_verdict(&b), CREW_OK);
    assert_false(slot[1].within_noise);
    crew_free(b.kind);
}

/* Measured twice, but there is nothing to gain. */
static void one_slot_gains_nothing_over_one_core(void **state)
{
    struct crew_bench_slot slot = {.where.kind = -1};
    struct crew_bench b = {.n = 1, .slot = &slot, .batch_tasks = 4};
    (void)state;
    slot.measured[CREW_GRADIENT][CREW_TOGETHER].mean_s = 2;
    slot.measured[CREW_GRADIENT][CREW_ALONE].mean_s = 3;
    assert_int_equal(crew_bench_verdict(&b), CREW_OK);
    for (int r = 0; r < CREW_BENCH_ROUNDS; r++)
        assert_true(near(b.round[r].seconds, 8));
    crew_free(b.kind);
}

static void passes_are_as_many_as_windows_of_a_quarter_second(void **state)
{
    const double seconds[] = {1e-3, 0.1, 0.49, 0.5, 2, 3600};
    const uint32_t passes[] = {1, 1, 1, 2, 8, 20};
    (void)state;
    for (int i = 0; i < 6; i++)
        assert_int_equal(crew_bench_passes(seconds[i]), passes[i]);
}

static void nodes_are_listed_once_and_in_order(void **state)
{
    struct crew_bench_slot slot[6] = {{.where.numa = 3},  {.where.numa = 1}, {.where.numa = 3},
                                      {.where.numa = -1}, {.where.numa = 0}, {.where.numa = 1}};
    const struct crew_bench b = {.n = 6, .slot = slot};
    const int32_t expected[] = {0, 1, 3};
    int32_t node[6];
    (void)state;
    assert_int_equal(crew_bench_find_nodes(&b, node), 3);
    assert_memory_equal(node, expected, sizeof expected);
}

/* Memory of a node without cores is measured; that of a GPU is somebody else's. */
static void memory_is_taken_where_there_is_some(void **state)
{
    const struct crew_numa_node all[] = {
        {.node = 4, .allowed = true, .bytes = 1, .free_bytes = 1},
        {.node = 2, .allowed = true, .bytes = 0, .free_bytes = 0, .cpus = "0"},
        {.node = 1, .allowed = true, .bytes = 1, .free_bytes = 1, .cpus = ""},
        {.node = 5, .allowed = false, .bytes = 1, .free_bytes = 1},
        {.node = 6, .allowed = true, .bytes = 1, .free_bytes = 1, .subtype = "GPUMemory"},
        {.node = 7, .allowed = true, .bytes = 0, .free_bytes = UINT64_MAX},
        {.node = 3, .allowed = true, .bytes = 1, .free_bytes = 1, .subtype = "HBM"},
    };
    const int32_t expected[] = {1, 3, 4, 7};
    int32_t node[7];
    struct crew_bench b = {0};
    (void)state;
    assert_int_equal(crew_bench_find_memory(all, 7, node, NULL), 4);
    assert_int_equal(crew_bench_find_memory(all, 7, node, &b), 4);
    assert_memory_equal(node, expected, sizeof expected);
    assert_int_equal(b.n_notes, 3);
    assert_non_null(strstr(b.note[0], "NUMA node 2 is not measured: it has no memory"));
    assert_non_null(strstr(b.note[1], "5 is not measured: it is not allowed"));
    assert_non_null(strstr(b.note[2], "6 is not measured: it is a GPU's"));
    for (size_t i = 0; i < b.n_notes; i++)
        crew_free(b.note[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uniform_round_is_an_expectation),
        cmocka_unit_test(a_queue_round_is_list_scheduling),
        cmocka_unit_test(a_verdict_of_known_times),
        cmocka_unit_test(the_error_of_a_speed_comes_from_the_passes),
        cmocka_unit_test(a_difference_within_two_errors_is_noise),
        cmocka_unit_test(one_slot_gains_nothing_over_one_core),
        cmocka_unit_test(passes_are_as_many_as_windows_of_a_quarter_second),
        cmocka_unit_test(nodes_are_listed_once_and_in_order),
        cmocka_unit_test(memory_is_taken_where_there_is_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
