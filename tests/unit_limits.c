/* machine/limits: quotas and memory limits, read from made-up trees of /proc and control
 * groups. */
#include "machine/limits.h"
#include <crew/machine.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_root.h"
#include <cmocka.h>

static void groups(void **state, const char *cgroup, const char *mountinfo)
{
    put(state, "/proc/self/cgroup", cgroup);
    put(state, "/proc/self/mountinfo", mountinfo);
}

#define V2_MOUNT "30 20 0:26 / /cg rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_CPU "31 20 0:27 / /v1/cpu rw shared:7 master:2 - cgroup cgroup rw,cpuacct,cpu\n"
#define V1_MEMORY "32 20 0:28 / /v1/memory rw - cgroup cgroup rw,memory\n"

static void assert_quota(void **state, double cores)
{
    double got = crew_limits_quota_cores(*state);
    if (!(got >= cores && got <= cores))
        fail_msg("quota is %g cores, must be %g", got, cores);
}

static void a_machine_without_control_groups_has_no_limits(void **state)
{
    assert_quota(state, 0.0);
    assert_true(crew_limits_free_bytes(*state) == UINT64_MAX);
}

static void available_memory_counts_where_no_group_limits_it(void **state)
{
    put(state, "/proc/meminfo",
        "MemTotal:  9999 kB\nMemFree: 1 kB\nMemAvailable:     300 kB\n");
    assert_true(crew_limits_free_bytes(*state) == 300 * 1024);
}

static void the_least_quota_of_all_v2_ancestors_holds(void **state)
{
    groups(state, "0::/a/b/c\n", V2_MOUNT);
    put(state, "/cg/a/cpu.max", "150000 100000\n");  /* 1.5 */
    put(state, "/cg/a/b/cpu.max", "100000 20000\n"); /* 5 */
    put(state, "/cg/a/b/c/cpu.max", "max 100000\n");
    put(state, "/cg/z/cpu.max", "1000 100000\n"); /* not ours */
    assert_quota(state, 1.5);
}

static void the_least_quota_of_all_v1_ancestors_holds(void **state)
{
    groups(state, "12:cpuset:/q\n5:cpuacct,cpu:/a/b\n1:name=systemd:/q\n", V1_CPU);
    put(state, "/v1/cpu/cpu.cfs_quota_us", "-1\n");
    put(state, "/v1/cpu/cpu.cfs_period_us", "100000\n");
    put(state, "/v1/cpu/a/cpu.cfs_quota_us", "50000\n");
    put(state, "/v1/cpu/a/cpu.cfs_period_us", "100000\n");
    put(state, "/v1/cpu/a/b/cpu.cfs_quota_us", "-1\n");
    put(state, "/v1/cpu/a/b/cpu.cfs_period_us", "100000\n");
    put(state, "/v1/cpu/q/cpu.cfs_quota_us", "1000\n"); /* our group in another hierarchy */
    put(state, "/v1/cpu/q/cpu.cfs_period_us", "100000\n");
    assert_quota(state, 0.5);
}

static void hybrid_systems_are_limited_by_both_versions(void **state)
{
    groups(state, "5:cpu,cpuacct:/a\n0::/u\n", V1_CPU V2_MOUNT);
    put(state, "/v1/cpu/a/cpu.cfs_quota_us", "400000\n");
    put(state, "/v1/cpu/a/cpu.cfs_period_us", "100000\n");
    assert_quota(state, 4.0);
    put(state, "/cg/u/cpu.max", "300000 100000\n");
    assert_quota(state, 3.0);
}

static void a_mounted_subgroup_stands_for_its_part_of_the_path(void **state)
{
    groups(state, "0::/docker/abc/job:1\n",
           "30 20 0:26 /docker/abc /cg rw - cgroup2 cgroup2 rw\n");
    put(state, "/cg/cpu.max", "200000 100000\n");
    put(state, "/cg/job:1/cpu.max", "100000 100000\n");
    put(state, "/cg/docker/abc/job:1/cpu.max", "1000 100000\n"); /* a different group */
    assert_quota(state, 1.0);
}

/* A path that is not below the mounted group: other namespace, or only the same first letters.
 */
static void a_foreign_path_falls_back_to_the_mount_point(void **state)
{
    static const char *const path[] = {"0::/kubepods/x\n", "0::/docker/abcdef\n",
                                       "0::/../../docker/abc\n", "0::/..\n"};
    put(state, "/cg/cpu.max", "200000 100000\n");
    put(state, "/cpu.max", "1000 100000\n");
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        groups(state, path[i], "30 20 0:26 /docker/abc /cg rw - cgroup2 cgroup2 rw\n");
        assert_quota(state, 2.0);
    }
    groups(state, "0::/", "30 20 0:26 /../.. /cg rw - cgroup2 cgroup2 rw");
    assert_quota(state, 2.0);
    groups(state, "0::/../x", V2_MOUNT);
    put(state, "/x/cpu.max", "1000 100000\n");
    assert_quota(state, 2.0);
}

static void a_name_that_begins_with_dots_is_a_name(void **state)
{
    groups(state, "0::/..a/..b\n", V2_MOUNT);
    put(state, "/cg/cpu.max", "400000 100000\n");
    put(state, "/cg/..a/cpu.max", "150000 100000\n");
    assert_quota(state, 1.5);
}

static void ancestors_bind_though_our_own_folder_cannot_be_seen(void **state)
{
    groups(state, "0::/a/gone (deleted)\n", V2_MOUNT);
    put(state, "/cg/a/cpu.max", "250000 100000\n");
    assert_quota(state, 2.5);
}

static void blanks_in_mount_points_are_unescaped(void **state)
{
    groups(state, "0::/a b\\c\n",
           "30 20 0:26 / /c\\040g\\134 rw - cgroup2  rw\n"); /* and an empty source */
    put(state, "/c g\\/a b\\c/cpu.max", "70000 100000\n");
    assert_quota(state, 0.7);
}

static void paths_of_any_length_are_followed(void **state)
{
    enum { DEEP = 20000 };
    char *cgroup = calloc(1, DEEP + 16);
    assert_non_null(cgroup);
    memcpy(cgroup, "0::/a", 5);
    for (int i = 5; i < DEEP; i++)
        cgroup[i] = i % 200 == 5 ? '/' : 'x';
    groups(state, cgroup, V2_MOUNT);
    put(state, "/cg/a/cpu.max", "100000 50000\n");
    assert_quota(state, 2.0);
    free(cgroup);
}

static void malformed_quotas_are_no_quotas(void **state)
{
    static const char *const text[] = {
        "",           "\n",        "max\n",        "50000\n",     "50000 \n",
        "50000 0\n",  "0 50000\n", "x 100000\n",   "50000 x\n",   "-5 100000\n",
        "5000.5 1\n", "max max\n", "50000 1000 1", " 50000 1000", "99999999999999999999 1\n"};
    groups(state, "0::/\n", V2_MOUNT);
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        put(state, "/cg/cpu.max", text[i]);
        assert_quota(state, 0.0);
    }
}

static void malformed_tables_are_survived(void **state)
{
    static const char *const cgroup[] = {"",   "\n",  "0",     "0:",  "0:\n",
                                         "::", "0::", "0::\n", "::::"};
    static const char *const mounts[] = {"",
                                         "\n",
                                         "30 20 0:26 / /cg",
                                         "30 20 0:26 / /cg rw -",
                                         "30 20 0:26 / /cg rw - cgroup2",
                                         "30 20 0:26 / /cg rw - cgroup2 x",
                                         "- - - - - - -",
                                         "30 20 0:26 \\0 \\ - cgroup2 x rw"};
    for (size_t i = 0; i < sizeof cgroup / sizeof *cgroup; i++)
        for (size_t k = 0; k < sizeof mounts / sizeof *mounts; k++) {
            groups(state, cgroup[i], mounts[k]);
            assert_quota(state, 0.0);
            assert_true(crew_limits_free_bytes(*state) == UINT64_MAX);
        }
}

/* a/b: 1000 - (600 - 100 that can be dropped) = 500; a: 700 - 650 = 50, then 680 - 650 = 30. */
static void what_is_left_under_v2_limits_is_free(void **state)
{
    groups(state, "0::/a/b\n", V2_MOUNT);
    put(state, "/proc/meminfo", "MemAvailable: 300 kB\n");
    put(state, "/cg/a/b/memory.max", "1000\n");
    put(state, "/cg/a/b/memory.current", "600\n");
    put(state, "/cg/a/b/memory.stat", "anon 500\ninactive_file 100\nactive_file 1\n");
    assert_true(crew_limits_free_bytes(*state) == 500);
    put(state, "/cg/a/memory.max", "700\n");
    put(state, "/cg/a/memory.current", "650\n");
    assert_true(crew_limits_free_bytes(*state) == 50);
    put(state, "/cg/a/memory.high", "680\n");
    assert_true(crew_limits_free_bytes(*state) == 30);
    put(state, "/cg/a/memory.current", "900\n");
    assert_true(crew_limits_free_bytes(*state) == 0);
}

static void what_is_left_under_v1_limits_is_free(void **state)
{
    groups(state, "4:memory:/a\n", V1_CPU V1_MEMORY);
    put(state, "/v1/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* unlimited */
    put(state, "/v1/memory/memory.usage_in_bytes", "1000\n");
    assert_true(crew_limits_free_bytes(*state) == UINT64_MAX);
    put(state, "/v1/memory/a/memory.limit_in_bytes", "5000000000\n");
    put(state, "/v1/memory/a/memory.usage_in_bytes", "4500000000\n");
    put(state, "/v1/memory/a/memory.stat", "inactive_file 7\ntotal_inactive_file 1000000000\n");
    assert_true(crew_limits_free_bytes(*state) == UINT64_C(1500000000));
}

/* 1000 kB - 300 kB; then 400 kB - 150 kB, the least; then a limit that is passed already. */
static void what_is_left_of_the_address_space_is_free(void **state)
{
    put(state, "/proc/self/status", "Name:\tx\nVmSize:\t     300 kB\nVmData:\t     150 kB\n");
    put(state, "/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max data size             unlimited            unlimited            bytes     \n"
        "Max address space         unlimited            unlimited            bytes     \n");
    assert_true(crew_limits_address_bytes(*state) == UINT64_MAX);
    put(state, "/proc/self/limits",
        "Max data size  unlimited  5 bytes\n"
        "Max address space   1024000   unlimited   bytes\n");
    assert_true(crew_limits_address_bytes(*state) == 700 * 1024);
    assert_true(crew_limits_free_bytes(*state) == 700 * 1024);
    put(state, "/proc/meminfo", "MemAvailable: 800 kB\n");
    assert_true(crew_limits_free_bytes(*state) == 700 * 1024);
    put(state, "/proc/meminfo", "MemAvailable: 600 kB\n");
    assert_true(crew_limits_free_bytes(*state) == 600 * 1024);
    put(state, "/proc/self/limits",
        "Max data size  409600  unlimited bytes\n"
        "Max address space   1024000   unlimited   bytes\n");
    assert_true(crew_limits_address_bytes(*state) == 250 * 1024);
    put(state, "/proc/self/limits", "Max address space   307200   unlimited   bytes\n");
    assert_true(crew_limits_address_bytes(*state) == 0);
    put(state, "/proc/self/limits", "Max address space   4096   unlimited   bytes\n");
    assert_true(crew_limits_address_bytes(*state) == 0);
}

static void this_machine_has_some_memory_left(void **state)
{
    (void)state;
    assert_true(crew_machine_free_bytes() > 0);
    assert_true(crew_limits_quota_cores("") >= 0.0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_machine_without_control_groups_has_no_limits),
        CASE(available_memory_counts_where_no_group_limits_it),
        CASE(the_least_quota_of_all_v2_ancestors_holds),
        CASE(the_least_quota_of_all_v1_ancestors_holds),
        CASE(hybrid_systems_are_limited_by_both_versions),
        CASE(a_mounted_subgroup_stands_for_its_part_of_the_path),
        CASE(a_foreign_path_falls_back_to_the_mount_point),
        CASE(a_name_that_begins_with_dots_is_a_name),
        CASE(ancestors_bind_though_our_own_folder_cannot_be_seen),
        CASE(blanks_in_mount_points_are_unescaped),
        CASE(paths_of_any_length_are_followed),
        CASE(malformed_quotas_are_no_quotas),
        CASE(malformed_tables_are_survived),
        CASE(what_is_left_under_v2_limits_is_free),
        CASE(what_is_left_under_v1_limits_is_free),
        CASE(what_is_left_of_the_address_space_is_free),
        cmocka_unit_test(this_machine_has_some_memory_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
