/* machine/place: memory on the node that was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "machine/place.h"

enum { BYTES = 3 << 20 };

static crew_machine *machine(void)
{
    crew_machine *m = NULL;
    assert_int_equal(crew_machine_create(NULL, &m, NULL), CREW_OK);
    return m;
}

/* Whoever touches it. Where the system does not tell, or has no such memory left, that is seen,
 * and nothing else is said. */
static void memory_comes_from_the_node_that_is_asked_for(void **state)
{
    crew_machine *m = machine();
    const struct crew_machine_info *info = crew_machine_info(m);
    (void)state;
    for (uint32_t i = 0; i < info->numa_nodes; i++) {
        const struct crew_numa_node *d = &info->node[i];
        if (!d->allowed || d->free_bytes < 16 * (uint64_t)BYTES || d->free_bytes == UINT64_MAX)
            continue;
        char *p = crew_place_alloc(m, (int32_t)d->node, BYTES);
        assert_non_null(p);
        memset(p, 1, BYTES);
        int32_t node = crew_place_node(m, p, BYTES);
        assert_true(node == (int32_t)d->node || node == CREW_PLACE_UNKNOWN);
        crew_place_free(m, p, BYTES);
    }
    crew_machine_destroy(m);
}

/* Nodes that have room, by OS number; how many. */
static uint32_t nodes_with_room(const crew_machine *m, int32_t *node, uint32_t most)
{
    const struct crew_machine_info *info = crew_machine_info(m);
    uint32_t n = 0;
    for (uint32_t i = 0; i < info->numa_nodes && n < most; i++)
        if (info->node[i].allowed && info->node[i].free_bytes >= 16 * (uint64_t)BYTES &&
            info->node[i].free_bytes != UINT64_MAX)
            node[n++] = (int32_t)info->node[i].node;
    return n;
}

/* To each node in turn, then over all nodes; what is written stays. With
 * one node nothing moves, which is said. */
static void memory_that_is_there_moves(void **state)
{
    crew_machine *m = machine();
    int32_t node[8];
    uint32_t n = nodes_with_room(m, node, 8);
    char *p = malloc(BYTES);
    (void)state;
    assert_non_null(p);
    for (int i = 0; i < BYTES; i++)
        p[i] = (char)(i % 101);
    for (uint32_t i = 0; i < n; i++) {
        if (!crew_place_move(m, node[i], p, BYTES)) {
            print_message("the system moves no memory\n");
            n = 0;
            break;
        }
        int32_t where = crew_place_node(m, p, BYTES);
        assert_true(where == node[i] || where == CREW_PLACE_UNKNOWN);
    }
    if (n == 1)
        print_message("one NUMA node: nothing moves\n");
    if (n) {
        assert_true(crew_place_spread(m, node, n, p, BYTES));
        int32_t where = crew_place_node(m, p, BYTES);
        assert_true(where == (n > 1 ? CREW_PLACE_MIXED : node[0]) ||
                    where == CREW_PLACE_UNKNOWN);
    }
    for (int i = 0; i < BYTES; i++)
        assert_true(p[i] == (char)(i % 101));
    free(p);
    crew_machine_destroy(m);
}

static void a_described_machine_gives_plain_memory(void **state)
{
    (void)state;
    setenv("HWLOC_SYNTHETIC", "node:2 core:2 pu:1", 1);
    crew_machine *m = machine();
    unsetenv("HWLOC_SYNTHETIC");
    char *p = crew_place_alloc(m, 1, BYTES);
    assert_non_null(p);
    memset(p, 1, BYTES);
    assert_int_equal(crew_place_node(m, p, BYTES), CREW_PLACE_UNKNOWN);
    assert_false(crew_place_move(m, 1, p, BYTES) ||
                 crew_place_spread(m, &(int32_t){1}, 1, p, BYTES));
    crew_place_free(m, p, BYTES);
    crew_place_free(m, NULL, BYTES);
    crew_machine_destroy(m);
}

static void no_node_is_no_wish(void **state)
{
    crew_machine *m = machine();
    char *p = crew_place_alloc(m, -1, BYTES);
    (void)state;
    assert_non_null(p);
    memset(p, 1, BYTES);
    crew_place_free(m, p, BYTES);
    crew_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_comes_from_the_node_that_is_asked_for),
        cmocka_unit_test(memory_that_is_there_moves),
        cmocka_unit_test(a_described_machine_gives_plain_memory),
        cmocka_unit_test(no_node_is_no_wish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
