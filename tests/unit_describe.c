/* machine/describe and machine/kinds: the tables that inform, on described machines. */
#include <crew/machine.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "described.h"

/* Laws of the tables that hold on any machine. */
static void check_tables(const struct crew_machine_info *info)
{
    uint32_t slots = 0, usable = 0, in_packages = 0, in_kinds = 0, with_kind = 0;
    for (uint32_t i = 0; i < info->n_cpus; i++) {
        const struct crew_cpu *c = &info->cpus[i];
        slots += c->state == CREW_CPU_SLOT;
        usable += c->usable;
        with_kind += c->kind >= 0;
        assert_int_equal(c->usable, c->state <= CREW_CPU_QUOTA);
        assert_int_equal(i >= info->pus, c->state == CREW_CPU_OFFLINE);
        assert_true(c->kind < (int32_t)info->n_all_kinds);
    }
    assert_int_equal(slots, info->n_slots);
    assert_int_equal(usable, info->usable_pus);
    for (uint32_t i = 0; i < info->all_packages; i++) {
        in_packages += info->package[i].pus;
        assert_int_equal(i<info->packages, info->package[i].pus> 0);
    }
    if (info->packages)
        assert_int_equal(in_packages, info->pus);
    for (uint32_t i = 0; i < info->n_all_kinds; i++) {
        in_kinds += info->kinds[i].all_pus;
        assert_int_equal(i<info->n_kinds, info->kinds[i].pus> 0);
    }
    assert_int_equal(in_kinds, with_kind);
    for (uint32_t level = 1; level < 6; level++) { /* a PU has one cache of a level at most */
        uint32_t pus = 0;
        for (uint32_t i = 0; i < info->n_caches; i++)
            if (info->caches[i].level == level)
                pus += info->caches[i].count * info->caches[i].pus;
        assert_true(pus <= info->pus);
    }
}

/* "all / with CPUs / with memory / local sets" of the nodes. */
static void check_nodes(const struct crew_machine_info *info, const char *expected)
{
    unsigned all, cpus, memory, sets, with_cpus = 0, with_memory = 0, distinct = 0;
    assert_int_equal(sscanf(expected, "%u / %u / %u / %u", &all, &cpus, &memory, &sets), 4);
    for (uint32_t i = 0; i < info->numa_nodes; i++) {
        const struct crew_numa_node *n = &info->node[i];
        uint32_t same = 0;
        while (same < i && strcmp(info->node[same].cpus, n->cpus) != 0)
            same++;
        assert_int_equal(n->pus > 0, *n->cpus != '\0');
        with_cpus += n->pus > 0;
        with_memory += n->bytes > 0;
        distinct += n->pus > 0 && same == i;
    }
    assert_int_equal(info->numa_nodes, all);
    assert_int_equal(with_cpus, cpus);
    assert_int_equal(with_memory, memory);
    assert_int_equal(distinct, sets);
}

/* The states of all CPUs in ascending order, one letter each: Slot, sIbling, Not asked, Quota,
 * Affinity, Cpuset, Offline. */
static void assert_states(const char *cores, bool smt, uint32_t at_most, const char *expected)
{
    static const char letters[] = "SINQACO";
    char got[64] = "";
    crew_machine *m = machine(cores, smt, at_most);
    const struct crew_machine_info *info = crew_machine_info(m);
    assert_true(info->n_cpus < sizeof got);
    for (uint32_t i = 0; i < info->n_cpus; i++)
        got[info->cpus[i].cpu] = letters[info->cpus[i].state];
    assert_string_equal(got, expected);
    crew_machine_destroy(m);
}

static void every_cpu_says_what_becomes_of_it(void **state)
{
    (void)state;
    describe(NULL, ODD); /* cores {0,3} {1,4} {2,5} {6}, 4 not allowed, 7 offline */
    assert_states(NULL, false, 0, "ISSSCISO");
    assert_states(NULL, true, 0, "SSSSCSSO");
    assert_states(NULL, false, 1, "INNSCNNO"); /* 5 gave way to 2, which was not asked for */
    assert_states("0,2", false, 0, "SNSNCNNO");
    assert_states("kind:P", false, 0, "NNNSCNNO");
    crew_machine *m = machine(NULL, false, 0);
    const struct crew_cpu *offline = &crew_machine_info(m)->cpus[7];
    assert_int_equal(offline->core, UINT32_MAX);
    assert_int_equal(offline->package, UINT32_MAX);
    assert_int_equal(offline->kind, 3);
    crew_machine_destroy(m);
}

static void each_state_has_a_word_and_a_reason(void **state)
{
    (void)state;
    assert_string_equal(crew_cpu_state_word(CREW_CPU_SIBLING), "smt-sibling");
    assert_string_equal(crew_cpu_state_text(CREW_CPU_CPUSET),
                        "not allowed by the control group");
    assert_string_equal(crew_cpu_state_word((enum crew_cpu_state)99), "unknown");
    assert_string_equal(crew_cpu_state_text((enum crew_cpu_state)99), "unknown");
}

static void packages_and_nodes_are_listed_with_or_without_cpus(void **state)
{
    (void)state;
    describe(NULL, ODD);
    crew_machine *m = machine(NULL, false, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    assert_int_equal(info->packages, 1);
    assert_int_equal(info->all_packages, 2);
    assert_string_equal(info->package[0].cpus, "0-6");
    assert_int_equal(info->package[0].usable_pus, 6);
    assert_string_equal(info->package[1].cpus, "");
    assert_int_equal(info->node[0].node, 9);
    assert_string_equal(info->node[0].subtype, "GPUMemory");
    assert_null(info->node[1].subtype);
    assert_int_equal(info->node[1].cores, 4);
    assert_int_equal(info->node[1].bytes, 1 << 30);
    assert_true(info->node[1].free_bytes == UINT64_MAX);
    assert_string_equal(info->node[2].cpus, "");
    crew_machine_destroy(m);
}

static void caches_say_how_many_share_them(void **state)
{
    (void)state;
    describe("pack:2 l3:1(size=8388608) l2:2(size=1048576) core:2 l1d:1(size=32768) pu:2",
             NULL);
    static const struct crew_cache expected[] = {
        {1, -1, 32 << 10, 1, 2, 8}, {2, -1, 1 << 20, 2, 4, 4}, {3, -1, 8 << 20, 4, 8, 2}};
    crew_machine *m = machine(NULL, false, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    assert_int_equal(info->n_caches, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(info->caches[i].level, expected[i].level);
        assert_int_equal(info->caches[i].kind, expected[i].kind);
        assert_int_equal(info->caches[i].bytes, expected[i].bytes);
        assert_int_equal(info->caches[i].cores, expected[i].cores);
        assert_int_equal(info->caches[i].pus, expected[i].pus);
        assert_int_equal(info->caches[i].count, expected[i].count);
    }
    crew_machine_destroy(m);
}

static void a_described_machine_takes_nothing_from_this_one(void **state)
{
    (void)state;
    describe("core:2 pu:1", NULL);
    crew_machine *m = machine(NULL, false, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    assert_null(info->kernel);
    assert_null(info->microcode);
    assert_null(info->cpu_model);
    assert_true(info->node[0].free_bytes == UINT64_MAX);
    assert_int_equal(info->cpus[0].max_mhz, 0);
    assert_string_equal(info->cpus[0].governor, "");
    crew_machine_destroy(m);
    describe(NULL, NULL);
    m = machine(NULL, false, 0);
    assert_non_null(crew_machine_info(m)->kernel);
    assert_non_null(crew_machine_info(m)->architecture);
    crew_machine_destroy(m);
}

/* What the files themselves say, beside the table's numbers. */
static void names_are_those_of_the_description(void **state)
{
    (void)state;
    describe(NULL, "tests/topologies/named.xml");
    crew_machine *m = machine(NULL, false, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    assert_string_equal(info->cpu_model, "Second"); /* the first package names none */
    assert_null(info->package[0].cpu_model);
    assert_string_equal(info->package[1].cpu_model, "Second");
    assert_string_equal(info->platform, "Board");
    assert_string_equal(info->architecture, "riscv64");
    assert_true(info->node[0].allowed);
    assert_false(info->node[1].allowed);
    crew_machine_destroy(m);
}

/* A name is typed on a command line and stands in JSON; a number that cannot be is no name. */
static void strange_values_make_no_strange_names(void **state)
{
    (void)state;
    static const char *const names[] = {"gr????er", "4294967295 MHz", "capacity 4294967295",
                                        "kind 3"};
    describe(NULL, STRANGE);
    crew_machine *m = machine(NULL, false, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    assert_int_equal(info->n_kinds, 4);
    for (uint32_t k = 0; k < 4; k++)
        assert_string_equal(info->kinds[k].name, names[k]);
    assert_int_equal(info->kinds[1].capacity, 0);
    assert_int_equal(info->kinds[3].max_mhz, 0);
    assert_int_equal(info->n_cpus, info->pus + 68);
    assert_true(noted(info, "CPUs 5,7,9,")); /* 68 of them: a note says so many, and no more */
    assert_true(noted(info, "45,47,..."));
    crew_machine_destroy(m);
    m = machine("kind:kind 3", false, 0);
    assert_int_equal(crew_machine_info(m)->slots[0].cpu, 3);
    crew_machine_destroy(m);
}

static void check_row(const char *row)
{
    char *packages = cell(row, 3), *nodes = cell(row, 4), *kinds = cell(row, 5);
    assert_true(packages && nodes && kinds);
    for (int smt = 0; smt <= 1; smt++) {
        crew_machine *m = machine(NULL, smt, 0);
        const struct crew_machine_info *info = crew_machine_info(m);
        check_tables(info);
        check_nodes(info, nodes);
        assert_int_equal(info->all_packages, number(packages));
        assert_int_equal(info->n_all_kinds, number(kinds));
        crew_machine_destroy(m);
    }
    free(packages), free(nodes), free(kinds);
}

static void tables_of_recorded_machines_are_right(void **state)
{
    (void)state;
    for_recorded_machines(check_row);
}

static void tables_of_big_and_odd_machines_keep_the_laws(void **state)
{
    (void)state;
    static const char *const synthetic[] = {"pu:1", "pack:2 pu:3", "numa:3 core:2 pu:4",
                                            "pack:8 numa:4 l2:64 core:1 pu:2"};
    for (size_t i = 0; i < sizeof synthetic / sizeof *synthetic; i++)
        for (uint32_t at_most = 0; at_most < 4; at_most++) {
            describe(synthetic[i], NULL);
            crew_machine *m = machine(NULL, at_most % 2, at_most);
            check_tables(crew_machine_info(m));
            crew_machine_destroy(m);
        }
    describe(NULL, SPARSE);
    crew_machine *m = machine(NULL, false, 0);
    check_tables(crew_machine_info(m));
    crew_machine_destroy(m);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, real_machine, real_machine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_cpu_says_what_becomes_of_it),
        CASE(each_state_has_a_word_and_a_reason),
        CASE(packages_and_nodes_are_listed_with_or_without_cpus),
        CASE(caches_say_how_many_share_them),
        CASE(a_described_machine_takes_nothing_from_this_one),
        CASE(names_are_those_of_the_description),
        CASE(strange_values_make_no_strange_names),
        CASE(tables_of_recorded_machines_are_right),
        CASE(tables_of_big_and_odd_machines_keep_the_laws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
