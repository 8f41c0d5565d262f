/* The counters of RAPL, on a made-up folder of powercap. */
#include "fake_root.h"
#include "machine/energy.h"
#include <math.h>
#include <stdbool.h>

static void zone(void **state, const char *folder, const char *name, const char *microjoules)
{
    static const char *const files[] = {"name", "max_energy_range_uj", "energy_uj"};
    const char *const text[] = {name, "999\n", microjoules};
    char path[128];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/%s/%s", folder, files[i]);
        put(state, path, text[i]);
    }
}

static crew_energy *opened(void **state)
{
    crew_energy *e;
    struct crew_error err;
    if (crew_energy_open(*state, &e, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return e;
}

static bool spent(crew_energy *e, double microjoules)
{
    return fabs(crew_energy_joules(e) - 1e-6 * microjoules) < 1e-12;
}

static void packages_are_summed_and_their_parts_left_out(void **state)
{
    zone(state, "intel-rapl:0", "package-0\n", "100\n");
    zone(state, "intel-rapl:1", "package-1\n", "200\n");
    zone(state, "intel-rapl:2", "psys\n", "0\n");
    zone(state, "intel-rapl:0:0", "core\n", "0\n");
    zone(state, "intel-rapl-mmio:0", "package-0\n", "0\n");
    crew_energy *e = opened(state);
    assert_int_equal(crew_energy_packages(e), 2);
    assert_true(crew_energy_joules(e) == 0);
    put(state, "/intel-rapl:0/energy_uj", "130\n");
    put(state, "/intel-rapl:1/energy_uj", "205\n");
    put(state, "/intel-rapl:2/energy_uj", "500\n");
    put(state, "/intel-rapl:0:0/energy_uj", "500\n");
    put(state, "/intel-rapl-mmio:0/energy_uj", "500\n");
    assert_true(spent(e, 35));
    put(state, "/intel-rapl:1/energy_uj", "215\n");
    assert_true(spent(e, 45));
    crew_energy_close(e);
}

/* From 990 over 999 and 0 to 4: 9 + 1 + 4. */
static void a_counter_that_wraps_goes_on(void **state)
{
    zone(state, "intel-rapl:0", "package-0\n", "990\n");
    crew_energy *e = opened(state);
    put(state, "/intel-rapl:0/energy_uj", "4\n");
    assert_true(spent(e, 14));
    crew_energy_close(e);
}

static void a_counter_that_is_lost_makes_the_sum_unknown(void **state)
{
    zone(state, "intel-rapl:0", "package-0\n", "1\n");
    crew_energy *e = opened(state);
    put(state, "/intel-rapl:0/energy_uj", "nonsense\n");
    assert_true(isnan(crew_energy_joules(e)));
    put(state, "/intel-rapl:0/energy_uj", "5\n");
    assert_true(isnan(crew_energy_joules(e)));
    crew_energy_close(e);
}

/* Taken for a wrap it would make joules without end. */
static void a_counter_beyond_its_range_is_lost(void **state)
{
    zone(state, "intel-rapl:0", "package-0\n", "1\n");
    crew_energy *e = opened(state);
    put(state, "/intel-rapl:0/energy_uj", "999\n");
    assert_true(spent(e, 998));
    put(state, "/intel-rapl:0/energy_uj", "5000\n");
    assert_true(isnan(crew_energy_joules(e)));
    put(state, "/intel-rapl:0/energy_uj", "3\n");
    assert_true(isnan(crew_energy_joules(e)));
    crew_energy_close(e);
}

/* A sum over some of them would be a wrong figure. */
static void more_packages_than_can_be_read_are_none(void **state)
{
    char name[32];
    for (int i = 0; i < 65; i++) {
        snprintf(name, sizeof name, "intel-rapl:%d", i);
        zone(state, name, "package-0-die-0\n", "0\n");
        if (i == 63)
            crew_energy_close(opened(state));
    }
    struct crew_error err;
    crew_energy *e;
    assert_int_equal(crew_energy_open(*state, &e, &err), CREW_EINPUT);
    assert_non_null(strstr(err.text, "more than 64"));
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
    refused("/none/powercap", "/none/powercap: No such file");
    refused(*state, "names no energy counter of a package");
    put(state, "/intel-rapl:0/name", "package-0\n");
    refused(*state, "intel-rapl:0/max_energy_range_uj cannot be read: No such file");
    put(state, "/intel-rapl:0/max_energy_range_uj", "999\n");
    refused(*state, "intel-rapl:0/energy_uj cannot be read: No such file");
    put(state, "/intel-rapl:0/energy_uj", "-1\n");
    refused(*state, "intel-rapl:0/energy_uj cannot be read: it holds no number");
    put(state, "/intel-rapl:0/energy_uj", "99999999999999999999999\n");
    refused(*state, "intel-rapl:0/energy_uj cannot be read");
    put(state, "/intel-rapl:0/energy_uj", "");
    refused(*state, "intel-rapl:0/energy_uj cannot be read");
    put(state, "/intel-rapl:0/energy_uj", "1000\n");
    refused(*state, "out of its range");
}

static void a_counter_that_only_root_may_read_says_so(void **state)
{
    char path[256];
    zone(state, "intel-rapl:0", "package-0\n", "1\n");
    snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", (const char *)*state);
    assert_int_equal(chmod(path, 0), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(chmod(path, 0755), 0);
    uid_t me = geteuid();
    if (me == 0 && (chmod(*state, 0755) || seteuid(65534))) {
        printf("skip: cannot become another user\n");
        return;
    }
    refused(*state, "energy_uj cannot be read: only root may");
    assert_int_equal(seteuid(me), 0);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROOT(packages_are_summed_and_their_parts_left_out),
        WITH_ROOT(a_counter_that_wraps_goes_on),
        WITH_ROOT(a_counter_that_is_lost_makes_the_sum_unknown),
        WITH_ROOT(a_counter_beyond_its_range_is_lost),
        WITH_ROOT(more_packages_than_can_be_read_are_none),
        WITH_ROOT(what_is_missing_is_told),
        WITH_ROOT(a_counter_that_only_root_may_read_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
