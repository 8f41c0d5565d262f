/* The learning rate over time: numbers worked out by hand. */
#include "testing.h"
#include "train/schedule.h"
#include <math.h>
#include <string.h>

static double at(const char *spec, double epochs, double done)
{
    struct crew_schedule s;
    struct crew_error err;
    if (crew_schedule_parse(spec, epochs, &s, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return crew_schedule_at_epoch(&s, done);
}

static void is(const char *spec, double epochs, double done, double want)
{
    double got = at(spec, epochs, done);
    if (!(fabs(got - want) < 1e-12))
        fail_msg("%s of %g epochs, %g done: %.15g, not %.15g", spec, epochs, done, got, want);
}

static void constant_stays(void **state)
{
    (void)state;
    is("constant", 10, 0, 1);
    is("constant", 0, 1e6, 1); /* the length of the run does not matter */
}

static void warm_up_grows_linearly(void **state)
{
    (void)state;
    is("constant:warmup=2", 10, 0, 0);
    is("constant:warmup=2", 10, 0.5, 0.25);
    is("constant:warmup=2", 10, 2, 1);
    is("step:every=1,warmup=2", 10, 1.5, 0.75); /* and no step counts before its end */
    is("cosine:warmup=2", 10, 1, 0.5);
}

static void step_multiplies_every_so_many_epochs(void **state)
{
    (void)state;
    is("step:every=2,factor=0.5", 10, 0, 1);
    is("step:every=2,factor=0.5", 10, 1.999, 1);
    is("step:every=2,factor=0.5", 10, 2, 0.5);
    is("step:every=2,factor=0.5", 10, 5, 0.25);
    is("step", 100, 10, 0.1);
}

/* 1/2 (1 + cos(pi x)): x = 0, 1/3, 1/2, 1 -> 1, 3/4, 1/2, 0; after the end it stays. */
static void cosine_falls_to_its_final_share(void **state)
{
    (void)state;
    is("cosine", 12, 0, 1);
    is("cosine", 12, 4, 0.75);
    is("cosine", 12, 6, 0.5);
    is("cosine", 12, 12, 0);
    is("cosine", 12, 20, 0);
    is("cosine:final=0.2", 12, 6, 0.6);
    is("cosine:final=0.2", 12, 12, 0.2);
    is("cosine:warmup=2", 12, 2, 1); /* then over the 10 epochs that are left */
    is("cosine:warmup=2", 12, 7, 0.5);
    is("cosine:warmup=2", 12, 12, 0);
}

static void the_rate_never_leaves_0_to_1(void **state)
{
    (void)state;
    static const char *const specs[] = {"constant:warmup=3",
                                        "step:every=0.3,factor=0.9,warmup=1",
                                        "cosine:final=0.1,warmup=4.9"};
    for (int i = 0; i < 3; i++)
        for (double done = 0; done < 15; done += 0.1) {
            double rate = at(specs[i], 5, done);
            assert_true(rate >= 0 && rate <= 1);
        }
}

static void wrong_schedules_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        double epochs;
        const char *why;
    } bad[] = {
        {"cosin", 5, "unknown schedule 'cosin'; did you mean 'cosine'?"},
        {"", 5, "unknown schedule ''"},
        {"cosine:x=1", 5, "schedule cosine has no setting 'x'"},
        {"step:every=0", 5, "schedule step: every is 0"},
        {"step:factor=1.5", 5, "schedule step: factor is 1.5"},
        {"constant:warmup=-1", 5, "schedule constant: warmup is -1"},
        {"cosine", 0, "schedule cosine needs epochs or rounds"},
        {"cosine:warmup=5", 5, "schedule cosine: warmup is 5"},
    };
    struct crew_schedule s;
    struct crew_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err.text[0] = '\0';
        assert_int_equal(crew_schedule_parse(bad[i].spec, bad[i].epochs, &s, &err),
                         CREW_EINVAL);
        if (strncmp(err.text, bad[i].why, strlen(bad[i].why)) != 0)
            fail_msg("'%s': '%s'", bad[i].spec, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_stays),
        cmocka_unit_test(warm_up_grows_linearly),
        cmocka_unit_test(step_multiplies_every_so_many_epochs),
        cmocka_unit_test(cosine_falls_to_its_final_share),
        cmocka_unit_test(the_rate_never_leaves_0_to_1),
        cmocka_unit_test(wrong_schedules_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
