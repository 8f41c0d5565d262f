/* machine/host: what the kernel tells, read from made-up trees of /sys. */
#include "machine/host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_root.h"
#include <cmocka.h>

#define CPU "/sys/devices/system/cpu/"
#define NODE "/sys/devices/system/node/"

static void assert_frequency(void **state, const char *governor, uint32_t max_mhz)
{
    struct crew_cpu cpu = {.cpu = 1030};
    crew_host_frequency(*state, &cpu);
    assert_string_equal(cpu.governor, governor);
    assert_int_equal(cpu.max_mhz, max_mhz);
}

static void frequencies_are_those_of_the_cpus_policy(void **state)
{
    assert_frequency(state, "", 0);
    put(state, CPU "cpu1030/cpufreq/scaling_governor", "performance\n");
    put(state, CPU "cpu1030/cpufreq/scaling_max_freq", "3900000\n");
    put(state, CPU "cpu103/cpufreq/scaling_max_freq", "1000000\n");
    assert_frequency(state, "performance", 3900);
}

static void frequencies_that_are_malformed_are_unknown(void **state)
{
    static const char *const numbers[] = {"",
                                          "\n",
                                          "<unsupported>\n",
                                          "-1\n",
                                          "1e6\n",
                                          "99999999999999999999999999\n",
                                          "18446744073709551615\n"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        put(state, CPU "cpu1030/cpufreq/scaling_max_freq", numbers[i]);
        assert_frequency(state, "", 0);
    }
    put(state, CPU "cpu1030/cpufreq/scaling_governor", "a-governor-of-too-long-a-name\n");
    assert_frequency(state, "", 0);
    put(state, CPU "cpu1030/cpufreq/scaling_governor", "\x1b[31mred\n");
    assert_frequency(state, "", 0);
}

static void free_memory_of_a_node_comes_from_its_meminfo(void **state)
{
    assert_true(crew_host_node_free_bytes(*state, 0) == UINT64_MAX);
    put(state, NODE "node12/meminfo",
        "Node 12 MemTotal:       16777216 kB\nNode 12 MemFree:           12345 kB\n"
        "Node 12 MemUsed:         1 kB\n");
    assert_int_equal(crew_host_node_free_bytes(*state, 12), 12345u * 1024u);
    assert_true(crew_host_node_free_bytes(*state, 1) == UINT64_MAX);
    put(state, NODE "node3/meminfo", "Node 3 MemTotal: 5 kB\n");
    assert_true(crew_host_node_free_bytes(*state, 3) == UINT64_MAX);
    put(state, NODE "node4/meminfo", "Node 4 MemFree: 18446744073709551615 kB\n");
    assert_true(crew_host_node_free_bytes(*state, 4) == UINT64_MAX);
}

static void the_host_names_its_kernel_and_microcode(void **state)
{
    struct crew_host host;
    crew_host_read(*state, &host);
    assert_true(strchr(host.kernel, ' ') != NULL);
    assert_true(*host.architecture != '\0');
    assert_string_equal(host.microcode, "");
    put(state, CPU "cpu0/microcode/version", "0xa0011d1\n");
    crew_host_read(*state, &host);
    assert_string_equal(host.microcode, "0xa0011d1");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(frequencies_are_those_of_the_cpus_policy),
        CASE(frequencies_that_are_malformed_are_unknown),
        CASE(free_memory_of_a_node_comes_from_its_meminfo),
        CASE(the_host_names_its_kernel_and_microcode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
