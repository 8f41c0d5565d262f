/* The counters of RAPL, on a made-up folder of powercap. */
#include "testing.h"

#include "machine/energy.h"
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void put(const char *zone, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, zone);
    (void)mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", root, zone, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void zone(const char *folder, const char *name, const char *microjoules)
{
    put(folder, "name", name);
    put(folder, "max_energy_range_uj", "999\n");
    put(folder, "energy_uj", microjoules);
}

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/crew-powercap.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    static const char *const zones[] = {"intel-rapl:0", "intel-rapl:1", "intel-rapl:2",
                                        "intel-rapl:0:0", "intel-rapl-mmio:0"};
    static const char *const files[] = {"name", "max_energy_range_uj", "energy_uj"};
    char path[256];
    (void)state;
    for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
        for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
            snprintf(path, sizeof path, "%s/%s/%s", root, zones[z], files[f]);
            (void)unlink(path);
        }
        snprintf(path, sizeof path, "%s/%s", root, zones[z]);
        (void)rmdir(path);
    }
    return rmdir(root);
}

static void packages_are_summed_and_their_parts_left_out(void **state)
{
    crew_energy *e;
    struct crew_error err;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "100\n");
    zone("intel-rapl:1", "package-1\n", "200\n");
    zone("intel-rapl:2", "psys\n", "0\n");
    zone("intel-rapl:0:0", "core\n", "0\n");
    zone("intel-rapl-mmio:0", "package-0\n", "0\n");
    assert_int_equal(crew_energy_open(root, &e, &err), CREW_OK);
    assert_int_equal(crew_energy_packages(e), 2);
    assert_true(crew_energy_joules(e) == 0);
    put("intel-rapl:0", "energy_uj", "130\n");
    put("intel-rapl:1", "energy_uj", "205\n");
    put("intel-rapl:2", "energy_uj", "500\n");
    put("intel-rapl:0:0", "energy_uj", "500\n");
    put("intel-rapl-mmio:0", "energy_uj", "500\n");
    assert_true(fabs(crew_energy_joules(e) - 35e-6) < 1e-12);
    put("intel-rapl:1", "energy_uj", "215\n");
    assert_true(fabs(crew_energy_joules(e) - 45e-6) < 1e-12);
    crew_energy_close(e);
}

/* From 990 over 999 and 0 to 4: 9 + 1 + 4. */
static void a_counter_that_wraps_goes_on(void **state)
{
    crew_energy *e;
    struct crew_error err;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "990\n");
    assert_int_equal(crew_energy_open(root, &e, &err), CREW_OK);
    put("intel-rapl:0", "energy_uj", "4\n");
    assert_true(fabs(crew_energy_joules(e) - 14e-6) < 1e-12);
    crew_energy_close(e);
}

static void a_counter_that_is_lost_makes_the_sum_unknown(void **state)
{
    crew_energy *e;
    struct crew_error err;
    (void)state;
    zone("intel-rapl:0", "package-0\n", "1\n");
    assert_int_equal(crew_energy_open(root, &e, &err), CREW_OK);
    put("intel-rapl:0", "energy_uj", "nonsense\n");
    assert_true(isnan(crew_energy_joules(e)));
    put("intel-rapl:0", "energy_uj", "5\n");
    assert_true(isnan(crew_energy_joules(e)));
    crew_energy_close(e);
}

static void refused(const char *folder, const char *why)
{
    crew_energy *e;
    struct crew_error err;
    assert_int_equal(crew_energy_open(folder, &e, &err), CREW_EINPUT);
    assert_null(e);
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
}

static void what_is_missing_is_told(void **state)
{
    (void)state;
    refused("/none/powercap", "/none/powercap: No such file");
    refused(root, "names no energy counter of a package");
    put("intel-rapl:0", "name", "package-0\n");
    refused(root, "intel-rapl:0/max_energy_range_uj cannot be read: No such file");
    put("intel-rapl:0", "max_energy_range_uj", "999\n");
    refused(root, "intel-rapl:0/energy_uj cannot be read: No such file");
    put("intel-rapl:0", "energy_uj", "-1\n");
    refused(root, "intel-rapl:0/energy_uj cannot be read: Invalid argument");
    put("intel-rapl:0", "energy_uj", "99999999999999999999999\n");
    refused(root, "intel-rapl:0/energy_uj cannot be read");
    put("intel-rapl:0", "energy_uj", "");
    refused(root, "intel-rapl:0/energy_uj cannot be read");
}

static void a_counter_that_only_root_may_read_says_so(void **state)
{
    char path[256];
    (void)state;
    zone("intel-rapl:0", "package-0\n", "1\n");
    snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", root);
    assert_int_equal(chmod(path, 0), 0);
    uid_t me = geteuid();
    if (me == 0 && (chmod(root, 0755) || seteuid(65534))) {
        printf("skip: cannot become another user\n");
        return;
    }
    refused(root, "energy_uj cannot be read: only root may");
    assert_int_equal(seteuid(me), 0);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROOT(packages_are_summed_and_their_parts_left_out),
        WITH_ROOT(a_counter_that_wraps_goes_on),
        WITH_ROOT(a_counter_that_is_lost_makes_the_sum_unknown),
        WITH_ROOT(what_is_missing_is_told),
        WITH_ROOT(a_counter_that_only_root_may_read_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
