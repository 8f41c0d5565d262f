/* machine/topology and machine/slots: what is found on described machines, and which slots are
 * chosen. Described by hwloc's synthetic strings, by the files beside this one and, where they
 * are present, by recorded machines with a table of what is true of them. */
#include <crew/machine.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "described.h"
#include "fake_root.h"

/* The CPUs of the slots, in order, must be these; the machine is described by now. */
static void assert_cpus(const char *cores, bool smt, uint32_t at_most, const char *expected)
{
    char got[512] = "";
    size_t len = 0;
    crew_machine *m = machine(cores, smt, at_most);
    const struct crew_machine_info *info = crew_machine_info(m);
    for (uint32_t i = 0; i < info->n_slots && len < sizeof got; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%u", i ? " " : "",
                                info->slots[i].cpu);
    assert_string_equal(got, expected);
    crew_machine_destroy(m);
}

static void assert_refused(const char *cores, crew_status status, const char *why)
{
    struct crew_machine_request rq = {.cores = cores};
    struct crew_error err = {0};
    crew_machine *m = NULL;
    assert_int_equal(crew_machine_create(&rq, &m, &err), status);
    assert_null(m);
    assert_int_equal(err.status, status);
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
}

static void descriptions_that_cannot_be_loaded_are_refused(void **state)
{
    (void)state;
    describe(NULL, "tests/topologies/missing.xml");
    assert_refused(NULL, CREW_EINPUT, "tests/topologies/missing.xml");
    describe(NULL, "tests/topologies/version-3.xml");
    assert_refused(NULL, CREW_EINPUT, "cannot load");
    describe(NULL, "tests/topologies");
    assert_refused(NULL, CREW_EINPUT, "tests/topologies");
    describe("pack:2 nonsense:3", NULL);
    assert_refused(NULL, CREW_EINPUT, "nonsense:3");
}

/* hwloc would count the CPUs of the real machine instead. */
static void a_root_without_a_machine_is_refused(void **state)
{
    setenv("HWLOC_FSROOT", "/none", 1);
    assert_refused(NULL, CREW_EINPUT, "HWLOC_FSROOT is '/none'");
    put(state, "/etc/motd", "empty otherwise\n");
    setenv("HWLOC_FSROOT", *state, 1);
    assert_refused(NULL, CREW_EINPUT, "below which no machine is described");
}

/* Two cores of two threads, {0,2} and {1,3}; CPU 3 is offline. */
static void a_machine_is_read_from_below_a_root(void **state)
{
    static const char cpu[] = "/sys/devices/system/cpu/cpu";
    for (unsigned i = 0; i < 4; i++) {
        char name[96], text[16];
        snprintf(name, sizeof name, "%s%u/topology/core_id", cpu, i);
        snprintf(text, sizeof text, "%u\n", i % 2);
        put(state, name, text);
        snprintf(name, sizeof name, "%s%u/topology/physical_package_id", cpu, i);
        put(state, name, "0\n");
        snprintf(name, sizeof name, "%s%u/topology/core_cpus", cpu, i);
        put(state, name, i % 2 ? "0000000a\n" : "00000005\n");
        snprintf(name, sizeof name, "%s%u/topology/package_cpus", cpu, i);
        put(state, name, "0000000f\n");
        snprintf(name, sizeof name, "%s%u/online", cpu, i);
        put(state, name, i == 3 ? "0\n" : "1\n");
    }
    setenv("HWLOC_FSROOT", *state, 1);
    crew_machine *m = machine(NULL, false, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    assert_false(info->this_system);
    assert_int_equal(info->cores, 2);
    assert_int_equal(info->pus, 3);
    assert_int_equal(info->n_cpus, 4);
    assert_int_equal(info->cpus[3].state, CREW_CPU_OFFLINE);
    assert_true(noted(info, "HWLOC_FSROOT"));
    crew_machine_destroy(m);
    assert_cpus("auto", false, 0, "0 1");
}

static void an_empty_description_is_none(void **state)
{
    (void)state;
    describe("", "");
    crew_machine *m = machine("all", false, 0);
    assert_true(crew_machine_info(m)->this_system);
    crew_machine_destroy(m);
}

static void a_core_has_one_slot_and_a_thread_one_with_smt(void **state)
{
    (void)state;
    describe("pack:2 core:2 pu:2", NULL);
    crew_machine *m = machine(NULL, false, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    assert_false(info->this_system);
    assert_int_equal(info->cores, 4);
    assert_int_equal(info->pus, 8);
    assert_int_equal(info->usable_cores, 4);
    assert_int_equal(info->usable_pus, 8);
    assert_int_equal(info->packages, 2);
    assert_int_equal(info->n_kinds, 0);
    assert_int_equal(info->slots[3].package, 1);
    assert_int_equal(info->slots[3].core, 3);
    assert_int_equal(info->slots[3].kind, -1);
    assert_true(noted(info, "HWLOC_SYNTHETIC"));
    crew_machine_destroy(m);
    assert_cpus("auto", false, 0, "0 2 4 6");
    assert_cpus("auto", true, 0, "0 1 2 3 4 5 6 7");
}

static void a_cpu_without_a_core_counts_for_itself(void **state)
{
    (void)state;
    describe("pack:2 pu:3", NULL);
    assert_cpus("auto", false, 0, "0 1 2 3 4 5");
}

static void fewer_slots_are_spread_over_nodes_and_cores(void **state)
{
    (void)state;
    describe("numa:2 core:3 pu:2", NULL);
    assert_cpus("all", false, 2, "0 6");
    assert_cpus("all", false, 3, "0 2 6");
    assert_cpus("all", true, 2, "0 6");
    assert_cpus("all", true, 7,
                "0 1 2 4 6 8 10"); /* every core first, then the first sibling */
    assert_cpus("numa:1", false, 2, "6 8");
    assert_cpus("all", false, 100, "0 2 4 6 8 10");
}

static void a_list_names_exact_cpus(void **state)
{
    (void)state;
    describe("numa:2 core:2 pu:2", NULL);
    assert_cpus("7,0-2", false, 0, "0 1 2 7");
    assert_cpus("3", false, 0, "3");
    assert_refused("0-3,2", CREW_EINVAL, "CPU 2 is named twice");
    assert_refused("6-8", CREW_EINVAL, "CPU 8 does not exist");
    assert_refused("0-4294967294", CREW_EINVAL, "CPU 8 does not exist");
    static const char *const malformed[] = {
        "",     ",",   "0,",         "-1",   "1-",
        "2-1",  "0 1", "0x1",        "+1",   " 1",
        "0,,1", "two", "4294967295", "0--1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_refused(malformed[i], CREW_EINVAL, "must be auto, all, kind:NAME");
    assert_refused("numa:2", CREW_EINVAL, "no NUMA node 2");
    assert_refused("numa:", CREW_EINVAL, "no number");
    assert_refused("numa:1x", CREW_EINVAL, "no number");
    assert_refused("kind:0", CREW_EINVAL, "no kinds");
}

/* odd.xml: its README says what is in it. */
static void kinds_are_cut_down_to_usable_cpus(void **state)
{
    (void)state;
    describe(NULL, ODD);
    crew_machine *m = machine(NULL, true, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    static const struct {
        const char *name;
        int efficiency;
        unsigned cores, pus, all_cores, all_pus, max_mhz;
    } expected[] = {{"E #0", 0, 1, 1, 1, 1, 1000},
                    {"E #1", 2, 1, 1, 1, 2, 2000},
                    {"P", 3, 1, 1, 1, 1, 0},
                    {"1500 MHz", 1, 0, 0, 0, 1, 1500}}; /* only CPU 7, which is offline */
    assert_int_equal(info->cores, 4);
    assert_int_equal(info->usable_cores, 4);
    assert_int_equal(info->pus, 7);
    assert_int_equal(info->usable_pus, 6);
    assert_int_equal(info->n_kinds, 3);
    assert_int_equal(info->n_all_kinds, 4);
    for (uint32_t k = 0; k < 4; k++) {
        assert_string_equal(info->kinds[k].name, expected[k].name);
        assert_int_equal(info->kinds[k].efficiency, expected[k].efficiency);
        assert_int_equal(info->kinds[k].cores, expected[k].cores);
        assert_int_equal(info->kinds[k].pus, expected[k].pus);
        assert_int_equal(info->kinds[k].all_cores, expected[k].all_cores);
        assert_int_equal(info->kinds[k].all_pus, expected[k].all_pus);
        assert_int_equal(info->kinds[k].max_mhz, expected[k].max_mhz);
    }
    assert_string_equal(info->kinds[2].core_type, "IntelCore");
    assert_int_equal(info->kinds[0].n_facts, 2);
    assert_string_equal(info->kinds[0].facts[1].name, "FrequencyMaxMHz");
    assert_string_equal(info->kinds[0].facts[1].value, "1000");
    assert_true(noted(info, "CPU 7"));
    crew_machine_destroy(m);
    assert_cpus("all", true, 0, "0 3 1 2 5 6");
}

static void a_core_cut_by_kinds_is_pinned_to_the_faster(void **state)
{
    (void)state;
    describe(NULL, ODD);
    assert_cpus("auto", false, 0, "3 1 2 6");
    assert_cpus("kind:E #0", false, 0, "0");
    assert_cpus("kind:p", false, 0, "3");
    assert_cpus("kind:1", false, 0, "1");
    assert_refused("kind:Q", CREW_EINVAL, "E #0, E #1, P");
    assert_refused("kind:3", CREW_EINVAL, "E #0, E #1, P");
}

static void fast_kinds_are_kept_and_unknown_ones_go_last(void **state)
{
    (void)state;
    describe(NULL, ODD);
    assert_cpus("auto", false, 1, "3");
    assert_cpus("auto", false, 2, "3 1");
    assert_cpus("auto", false, 3, "3 1 2");
    assert_cpus("0,2,5", false, 1, "0");
}

/* As crew cores writes lists of CPUs, after hwloc. */
static void a_range_may_have_a_stride(void **state)
{
    (void)state;
    describe(NULL, ODD);
    assert_cpus("0-2:2", false, 0, "0 2");
    assert_cpus("0-3:3", false, 0, "0 3"); /* of one core: named, both */
    assert_cpus("1-3:5,6", false, 0, "1 6");
    assert_refused("0-6:2", CREW_EINVAL, "CPU 4 is not allowed by the control group");
    assert_refused("0-4294967294:4294967293", CREW_EINVAL, "CPU 4294967293 does not exist");
    assert_refused("1-2:1,2", CREW_EINVAL, "CPU 2 is named twice");
    assert_refused("0-2:0", CREW_EINVAL, "CPUs like 0,2-5");
    assert_refused("0-2:", CREW_EINVAL, "CPUs like 0,2-5");
    assert_refused("0:2", CREW_EINVAL, "CPUs like 0,2-5");
    assert_refused("0-2:1:1", CREW_EINVAL, "CPUs like 0,2-5");
}

static void a_cpu_that_cannot_be_used_is_refused_with_the_reason(void **state)
{
    (void)state;
    describe(NULL, ODD);
    assert_refused("1,4", CREW_EINVAL, "CPU 4 is not allowed by the control group");
    assert_refused("6-7", CREW_EINVAL, "CPU 7 is offline");
    assert_refused("8", CREW_EINVAL, "CPU 8 does not exist");
}

static void the_nearest_node_has_ordinary_memory(void **state)
{
    (void)state;
    describe(NULL, ODD);
    crew_machine *m = machine(NULL, false, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    assert_int_equal(info->numa_nodes, 3);
    for (uint32_t i = 0; i < info->n_slots; i++)
        assert_int_equal(info->slots[i].numa, 0);
    crew_machine_destroy(m);
    assert_cpus("numa:9", false, 0, "3 1 2 6");
    describe(NULL, STRANGE);
    m = machine(NULL, false, 0);
    assert_string_equal(crew_machine_info(m)->node[0].subtype, "NVM");
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(crew_machine_info(m)->slots[i].numa, 0);
    crew_machine_destroy(m);
    describe(NULL, ODD);
    assert_refused("numa:4", CREW_EINVAL, "node 4 has no CPU");
}

static void cpu_numbers_may_have_holes_and_exceed_1023(void **state)
{
    (void)state;
    describe(NULL, SPARSE);
    assert_cpus("auto", false, 0, "7 1030");
    assert_cpus("auto", true, 0, "7 1500 1030");
    assert_cpus("1500", false, 0, "1500");
    assert_cpus("kind:icestorm", false, 0, "7");
    assert_cpus("kind:3900 MHz", false, 0, "1030");
    assert_refused("8", CREW_EINVAL, "does not exist");
    crew_machine *m = machine(NULL, false, 0);
    assert_int_equal(crew_machine_info(m)->kinds[0].efficiency, -1);
    crew_machine_destroy(m);
}

/* Laws of every choice: as many as asked for, sorted, each CPU once, each core once without
 * smt. */
static void slots_are_sorted_and_distinct_whatever_is_asked(void **state)
{
    (void)state;
    static const char *const synthetic[] = {"pu:1", "core:5 pu:1", "pack:2 numa:2 core:3 pu:2",
                                            "numa:3 core:2 pu:4"};
    for (size_t s = 0; s < sizeof synthetic / sizeof *synthetic; s++)
        for (uint32_t at_most = 0; at_most <= 25; at_most++)
            for (int smt = 0; smt <= 1; smt++) {
                describe(synthetic[s], NULL);
                crew_machine *m = machine("all", smt, at_most);
                const struct crew_machine_info *info = crew_machine_info(m);
                uint32_t most = smt ? info->usable_pus : info->usable_cores;
                assert_int_equal(info->n_slots, at_most && at_most < most ? at_most : most);
                for (uint32_t i = 1; i < info->n_slots; i++) {
                    const struct crew_slot *a = &info->slots[i - 1], *b = &info->slots[i];
                    assert_true(a->numa <= b->numa);
                    if (a->numa == b->numa)
                        assert_true(smt ? a->core <= b->core : a->core < b->core);
                    assert_true(a->core != b->core || a->cpu < b->cpu);
                }
                crew_machine_destroy(m);
            }
}

static void big_machines_are_no_problem(void **state)
{
    (void)state;
    describe("pack:8 numa:4 core:64 pu:2", NULL); /* 4096 CPUs */
    crew_machine *m = machine(NULL, false, 0);
    assert_int_equal(crew_machine_info(m)->n_slots, 2048);
    assert_int_equal(crew_machine_info(m)->numa_nodes, 32);
    crew_machine_destroy(m);
}

/* "#0 e0 4c/4p (...); #1 ..." against the usable kinds, which keep hwloc's order. */
static void check_kinds(const struct crew_machine_info *info, const char *kinds)
{
    uint32_t k = 0;
    for (const char *s = kinds; (s = strchr(s, '#')); s++) {
        int index, efficiency;
        unsigned cores, pus;
        if (sscanf(s, "#%d e%d %uc/%up", &index, &efficiency, &cores, &pus) != 4 || !pus)
            continue;
        assert_true(k < info->n_kinds);
        assert_int_equal(info->kinds[k].efficiency, efficiency);
        assert_int_equal(info->kinds[k].cores, cores);
        assert_int_equal(info->kinds[k].pus, pus);
        k++;
    }
    assert_int_equal(k, info->n_kinds);
    for (uint32_t i = 0; i < k; i++)
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(info->kinds[i].name, info->kinds[j].name);
}

/* Distinct NUMA nodes of the slots. */
static unsigned localities(const struct crew_machine_info *info)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < info->n_slots; i++)
        n += info->slots[i].numa >= 0 && (!i || info->slots[i].numa != info->slots[i - 1].numa);
    return n;
}

/* Row: file, PUs (indexes), cores, packages, NUMA all/CPUs/memory/local sets, kinds all/usable,
 * kinds, PUs in no kind. */
static void check_row(const char *row)
{
    char *pus = cell(row, 1), *cores = cell(row, 2), *nodes = cell(row, 4),
         *n_kinds = cell(row, 5);
    char *kinds = cell(row, 6), *kindless = cell(row, 7);
    assert_true(pus && cores && nodes && n_kinds && kinds && kindless);
    crew_machine *m = machine("all", true, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    unsigned all, cpus, memory, sets, none = 0;
    assert_int_equal(info->usable_pus, number(pus));
    assert_int_equal(info->n_slots, number(pus));
    assert_int_equal(info->usable_cores, number(cores));
    assert_int_equal(sscanf(nodes, "%u / %u / %u / %u", &all, &cpus, &memory, &sets), 4);
    assert_int_equal(info->numa_nodes, all);
    /* where nodes nest, the outer one is nearest to no CPU */
    assert_int_equal(localities(info), sets - (strstr(row, "nodes nest") ? 1 : 0));
    assert_int_equal(info->n_kinds, number(strchr(n_kinds, '/') + 2));
    check_kinds(info, kinds);
    for (uint32_t i = 0; i < info->n_slots; i++)
        none += info->slots[i].kind < 0;
    assert_int_equal(none, info->n_kinds ? number(kindless) : info->n_slots);
    crew_machine_destroy(m);

    char *list = strchr(pus, '('); /* "8 (0-3,5)": exactly these CPUs may be named */
    list[strlen(list) - 1] = '\0';
    m = machine(list + 1, false, 0);
    assert_int_equal(crew_machine_info(m)->n_slots, number(pus));
    crew_machine_destroy(m);
    m = machine(NULL, false, 0);
    assert_int_equal(crew_machine_info(m)->n_slots, number(cores));
    crew_machine_destroy(m);
    free(pus), free(cores), free(nodes), free(n_kinds), free(kinds), free(kindless);
}

static void recorded_machines_are_as_their_table_says(void **state)
{
    (void)state;
    for_recorded_machines(check_row);
}

/* In a child whose mask is the last CPU this process may use: 0, or the line that failed. */
static int look_with_one_cpu(int cpu, uint32_t cores)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    crew_machine *m = NULL;
    char other[16];
    struct crew_error err;
    if (sched_setaffinity(0, sizeof one, &one) || crew_machine_create(NULL, &m, NULL))
        return __LINE__;
    const struct crew_machine_info *info = crew_machine_info(m);
    if (info->n_slots != 1 || info->slots[0].cpu != (uint32_t)cpu || info->usable_pus != 1)
        return __LINE__;
    if (cores > 1 &&
        (!noted(info, "the affinity mask allows CPU ") || !noted(info, "warning: ")))
        return __LINE__;
    crew_machine_destroy(m);
    snprintf(other, sizeof other, "%d", cpu ? 0 : 1);
    struct crew_machine_request rq = {.cores = other};
    if (cores > 1 && (crew_machine_create(&rq, &m, &err) != CREW_EINVAL ||
                      !strstr(err.text, "is not in the affinity mask")))
        return __LINE__;
    return 0;
}

static void a_mask_of_one_cpu_leaves_one_slot_and_a_warning(void **state)
{
    (void)state;
    crew_machine *m = machine("all", false, 0);
    const struct crew_machine_info *info = crew_machine_info(m);
    uint32_t cores = info->usable_cores;
    int cpu = (int)info->slots[info->n_slots - 1].cpu, status;
    crew_machine_destroy(m);
    if (cpu >= CPU_SETSIZE) {
        print_message("skip: CPU %d does not fit into a cpu_set_t\n", cpu);
        skip();
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child)
        _exit(look_with_one_cpu(cpu, cores) & 0xff);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status),
                     0); /* else: a line of look_with_one_cpu() modulo 256 */
}

static void looking_does_not_change_the_mask(void **state)
{
    (void)state;
    cpu_set_t before, after;
    if (sched_getaffinity(0, sizeof before, &before)) {
        print_message("skip: more CPUs than a cpu_set_t holds\n");
        skip();
    }
    crew_machine_destroy(machine(NULL, false, 0));
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
}

static int leave_root(void **state)
{
    describe(NULL, NULL);
    return remove_root(state);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, real_machine, real_machine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(descriptions_that_cannot_be_loaded_are_refused),
        cmocka_unit_test_setup_teardown(a_root_without_a_machine_is_refused, make_root,
                                        leave_root),
        cmocka_unit_test_setup_teardown(a_machine_is_read_from_below_a_root, make_root,
                                        leave_root),
        CASE(an_empty_description_is_none),
        CASE(a_core_has_one_slot_and_a_thread_one_with_smt),
        CASE(a_cpu_without_a_core_counts_for_itself),
        CASE(fewer_slots_are_spread_over_nodes_and_cores),
        CASE(a_list_names_exact_cpus),
        CASE(kinds_are_cut_down_to_usable_cpus),
        CASE(a_core_cut_by_kinds_is_pinned_to_the_faster),
        CASE(fast_kinds_are_kept_and_unknown_ones_go_last),
        CASE(a_range_may_have_a_stride),
        CASE(a_cpu_that_cannot_be_used_is_refused_with_the_reason),
        CASE(the_nearest_node_has_ordinary_memory),
        CASE(cpu_numbers_may_have_holes_and_exceed_1023),
        CASE(slots_are_sorted_and_distinct_whatever_is_asked),
        CASE(big_machines_are_no_problem),
        CASE(recorded_machines_are_as_their_table_says),
        CASE(a_mask_of_one_cpu_leaves_one_slot_and_a_warning),
        CASE(looking_does_not_change_the_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
