/* Profiles: what is written comes back, what is not a profile is refused. */
#include "testing.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "profile_file.h"
#include "train/profile.h"
#include <math.h>
#include <sys/stat.h>

static char *contents(size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 16);
    *n = fread(text, 1, (1 << 16) - 1, f);
    fclose(f);
    return text;
}

/* ---- The file ---- */

static bool same_number(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void comes_back(const struct crew_profile *p)
{
    struct crew_profile q;
    assert_int_equal(crew_profile_write(p, path, true, NULL), CREW_OK);
    assert_int_equal(crew_profile_read(path, &q, NULL), CREW_OK);
    assert_true(same_text(p->model, q.model) && same_text(p->blas, q.blas) &&
                same_text(p->machine, q.machine) && p->rows == q.rows && p->n == q.n);
    assert_true(p->features == q.features && p->classes == q.classes &&
                p->parameters == q.parameters);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct crew_profile_slot *a = &p->slot[i], *b = &q.slot[i];
        assert_true(a->cpu == b->cpu && a->count == b->count);
        assert_true(same_number(a->mean_s, b->mean_s));
        assert_true(same_number(a->variance_s2, b->variance_s2));
    }
    crew_profile_free(&q);
}

static void what_is_written_comes_back_to_the_last_bit(void **state)
{
    (void)state;
    char model[] = "mlp:64", blas[] = "Zen", machine[] = "two \"cores\"\n";
    struct crew_profile_slot slot[] = {
        {0, 720, 1.0 / 3, 1e-300},
        {1023, UINT64_C(1) << 53, 5e-324, 0},
        {-1, 1, 1.7e308, (double)NAN},
        {7, 0, (double)NAN, (double)NAN},
    };
    comes_back(&(struct crew_profile){model, 16, UINT32_MAX, UINT32_MAX, UINT64_C(1) << 53,
                                      blas, machine, 4, slot});
    comes_back(&(struct crew_profile){model, 16, 0, 0, 0, NULL, NULL, 4, slot});
    comes_back(&(struct crew_profile){NULL, 0, 0, 0, 0, NULL, NULL, 1, slot + 3});
}

static void an_existing_file_is_kept_unless_it_may_be_replaced(void **state)
{
    (void)state;
    struct crew_profile_slot slot = {.cpu = -1, .count = 0};
    const struct crew_profile p = {.n = 1, .slot = &slot};
    struct crew_error err;
    size_t n;
    put("mine", 4);
    assert_int_equal(crew_profile_write(&p, path, false, &err), CREW_EOUTPUT);
    assert_non_null(strstr(err.text, "exists already"));
    char *text = contents(&n);
    assert_string_equal(text, "mine");
    free(text);
    assert_int_equal(crew_profile_write(&p, path, true, &err), CREW_OK);
}

#define SLOT "{\"cpu\":0,\"count\":2,\"mean_s\":1.5,\"variance_s2\":0}"
#define TASK "{\"model\":\"mlp:9\",\"rows\":8,\"blas\":\"Zen\"}"

static void what_is_no_profile_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"", "line 1"},
        {"[]", "not a version"},
        {"{\"crew_profile\":\"1\"}", "not a version"},
        {"{\"crew_profile\":2}", "version 2, this program reads 1"},
        {"{\"crew_profile\":1}", "task"},
        {PROFILE(TASK, "null", "[" SLOT "]") "x", "line 1"},
        {PROFILE(TASK, "null", "[" SLOT "]") "{}", "line 1"},
        {PROFILE(TASK, "null,\"more\":1", "[" SLOT "]"), "more"},
        {PROFILE(TASK, "null,\"task\":null", "[" SLOT "]"), "task"},
        {PROFILE(TASK, "7", "[" SLOT "]"), "machine is neither"},
        {PROFILE("7", "null", "[" SLOT "]"), "task"},
        {PROFILE("{\"model\":null,\"rows\":8,\"blas\":null}", "null", "[" SLOT "]"), "task"},
        {PROFILE("{\"model\":\"a\",\"rows\":0,\"blas\":null}", "null", "[" SLOT "]"),
         "rows is 0"},
        {PROFILE("{\"model\":\"a\",\"rows\":1048577,\"blas\":null}", "null", "[" SLOT "]"),
         "rows is 1048577"},
        {PROFILE("{\"model\":\"a\",\"rows\":1.0,\"blas\":null}", "null", "[" SLOT "]"), "task"},
        {PROFILE("{\"model\":\"a\",\"rows\":1,\"blas\":1}", "null", "[" SLOT "]"),
         "blas is neither"},
        {PROFILE("{\"model\":\"a\",\"rows\":1,\"features\":2,\"blas\":null}", "null",
                 "[" SLOT "]"),
         "all or none"},
        {PROFILE("{\"model\":\"a\",\"rows\":1,\"features\":2,\"classes\":0,\"parameters\":9,"
                 "\"blas\":null}",
                 "null", "[" SLOT "]"),
         "all or none"},
        {PROFILE("null", "null", "{}"), "slots is no list of 1..10000000"},
        {PROFILE("null", "null", "[]"), "slots is no list"},
        {ONE("1"), "slot 0"},
        {ONE(SLOT ",{}"), "slot 1"},
        {ONE("{\"cpu\":-1,\"count\":0,\"mean_s\":null,\"variance_s2\":null}"), "cpu is"},
        {ONE("{\"cpu\":\"0\",\"count\":0,\"mean_s\":null,\"variance_s2\":null}"), "cpu is"},
        {ONE("{\"cpu\":9999999999,\"count\":0,\"mean_s\":null,\"variance_s2\":null}"),
         "cpu is"},
        {ONE("{\"cpu\":0,\"count\":-1,\"mean_s\":null,\"variance_s2\":null}"), "count must"},
        {ONE("{\"cpu\":0,\"count\":9007199254740993,\"mean_s\":1,\"variance_s2\":0}"),
         "count must"},
        {ONE("{\"cpu\":0,\"count\":1.5,\"mean_s\":1,\"variance_s2\":null}"), "slot 0"},
        {ONE("{\"cpu\":0,\"count\":1,\"mean_s\":0,\"variance_s2\":null}"), "mean_s must"},
        {ONE("{\"cpu\":0,\"count\":1,\"mean_s\":-1,\"variance_s2\":null}"), "mean_s must"},
        {ONE("{\"cpu\":0,\"count\":1,\"mean_s\":null,\"variance_s2\":null}"), "mean_s must"},
        {ONE("{\"cpu\":0,\"count\":0,\"mean_s\":1,\"variance_s2\":null}"), "mean_s must"},
        {ONE("{\"cpu\":0,\"count\":1,\"mean_s\":\"1\",\"variance_s2\":null}"), "neither"},
        {ONE("{\"cpu\":0,\"count\":1,\"mean_s\":1e999,\"variance_s2\":null}"), "line 1"},
        {ONE("{\"cpu\":0,\"count\":1,\"mean_s\":NaN,\"variance_s2\":null}"), "line 1"},
        {ONE("{\"cpu\":0,\"count\":2,\"mean_s\":1,\"variance_s2\":-1}"), "variance_s2 must"},
        {ONE("{\"cpu\":0,\"count\":1,\"mean_s\":1,\"variance_s2\":1}"), "variance_s2 must"},
        {ONE("{\"cpu\":0,\"count\":1,\"mean_s\":1}"), "slot 0"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct crew_profile p;
        struct crew_error err = {.text = ""};
        put(wrong[i].text, strlen(wrong[i].text));
        if (crew_profile_read(path, &p, &err) != CREW_EFORMAT ||
            !strstr(err.text, wrong[i].why) || !strstr(err.text, path))
            fail_msg("%s: '%s' does not say '%s'", wrong[i].text, err.text, wrong[i].why);
        assert_true(!p.slot && !p.model && !p.machine);
        assert_int_equal(crew_profile_read(path, &p, NULL), CREW_EFORMAT);
    }
}

static void what_cannot_be_read_is_told_from_what_is_malformed(void **state)
{
    (void)state;
    struct crew_profile p;
    struct crew_error err;
    assert_int_equal(crew_profile_read("/nowhere/profile", &p, &err), CREW_EINPUT);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(crew_profile_read(folder, &p, &err), CREW_EINPUT);
    assert_non_null(strstr(err.text, "directory"));
}

/* Any byte changed, any part missing: read or refused, never more. */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    static const char good[] = PROFILE(TASK, "\"m\"", "[" SLOT "," SLOT "]");
    static const char bytes[] = "\0\"{}[],:-0e.\\u\xff";
    char bad[sizeof good];
    struct crew_profile p;
    put(good, sizeof good - 1);
    assert_int_equal(crew_profile_read(path, &p, NULL), CREW_OK);
    crew_profile_free(&p);
    for (size_t i = 0; i < sizeof good - 1; i++) {
        put(good, i);
        assert_int_equal(crew_profile_read(path, &p, NULL), CREW_EFORMAT);
        for (size_t b = 0; b < sizeof bytes - 1; b++) {
            memcpy(bad, good, sizeof good);
            bad[i] = bytes[b];
            put(bad, sizeof good - 1);
            crew_status status = crew_profile_read(path, &p, NULL);
            assert_true(status == CREW_OK || status == CREW_EFORMAT);
            crew_profile_free(&p);
        }
    }
    static char deep[100000];
    memset(deep, '[', sizeof deep);
    put(deep, sizeof deep);
    assert_int_equal(crew_profile_read(path, &p, NULL), CREW_EFORMAT);
}

static void a_machine_has_one_name_and_another_machine_another(void **state)
{
    (void)state;
    static const char *const machines[] = {"pack:2 core:4 pu:1", "pack:2 core:4 pu:1",
                                           "pack:1 core:8 pu:1", "pack:2 core:4 pu:2"};
    char *name[4];
    for (int i = 0; i < 4; i++) {
        crew_machine *m;
        setenv("HWLOC_SYNTHETIC", machines[i], 1);
        assert_int_equal(crew_machine_create(NULL, &m, NULL), CREW_OK);
        assert_non_null(name[i] = crew_profile_machine(m));
        crew_machine_destroy(m);
    }
    unsetenv("HWLOC_SYNTHETIC");
    assert_string_equal(name[0], name[1]);
    assert_true(strcmp(name[0], name[2]) && strcmp(name[0], name[3]) &&
                strcmp(name[2], name[3]));
    for (int i = 0; i < 4; i++)
        crew_free(name[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back_to_the_last_bit),
        cmocka_unit_test(an_existing_file_is_kept_unless_it_may_be_replaced),
        cmocka_unit_test(what_is_no_profile_is_refused_with_a_reason),
        cmocka_unit_test(what_cannot_be_read_is_told_from_what_is_malformed),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(a_machine_has_one_name_and_another_machine_another),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
