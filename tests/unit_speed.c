/* Task times: the grammar, and where each mistake is pointed at. */
#include "testing.h"
#include <crew/crew.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "caret.h"
#include "exec/speed.h"

static struct crew_error err;

static crew_speeds *parsed(const char *spec)
{
    crew_speeds *s;
    if (crew_speeds_parse(spec, false, &s, &err) != CREW_OK)
        fail_msg("'%s': %s", spec, err.text);
    return s;
}

static double draw_at(crew_speeds *s, uint32_t i, uint64_t round, double at_s, double work)
{
    uint32_t flags;
    return crew_speeds_draw(
        s, i, &(struct crew_draw){.seed = 1, .round = round, .at_s = at_s, .work = work},
        &flags);
}

static void close_to(double x, double want)
{
    if (!(fabs(x - want) <= 1e-12 * fabs(want)))
        fail_msg("%.17g, must be %.17g", x, want);
}

/* ---- What is accepted ---- */

static void units_are_exact(void **state)
{
    (void)state;
    crew_speeds *s = parsed("3ns 3us 3ms 3s 3 3min 0.5ms 1e-3 2.e0s .5");
    const double want[] = {3e-9, 3e-6, 0.003, 3, 3, 180, 0.0005, 0.001, 2, 0.5};
    assert_int_equal(crew_speeds_n(s), 10);
    for (uint32_t i = 0; i < 10; i++) {
        assert_true(crew_speeds_mean(s, i, 1, 0) == want[i]);
        assert_true(draw_at(s, i, 1, 0, 1) == want[i]);
        assert_true(draw_at(s, i, 1, 0, 0.25) == want[i] * 0.25);
    }
    assert_false(crew_speeds_vary(s));
    crew_speeds_destroy(s);
}

static void each_law_has_the_mean_of_its_formula(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        double mean;
    } cases[] = {
        {"const(2ms)", 0.002},
        {"uniform(1,3)", 2},
        {"exp(1ms,2ms)", 0.003},
        {"halfnormal(1)", 0.79788456080286535588}, /* sqrt(2 / pi) */
        {"lognormal(2,1)", 3.2974425414002562937}, /* 2 sqrt(e) */
        {"gamma(4,0.5)", 2},
        {"weibull(2,2)", 1.7724538509055160273}, /* 2 Gamma(3/2) = sqrt(pi) */
        {"weibull(0.5,3)", 6},                   /* 3 Gamma(3) */
        {"pareto(3,2)", 3},
        {"1+uniform(1,3)", 3},
        {"1ms+exp(1ms,2ms)", 0.004},
        {"0+gamma( 4 , 0.5s )", 2},
        {"1s+const(2)", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        crew_speeds *s = parsed(cases[i].spec);
        assert_int_equal(crew_speeds_n(s), 1);
        close_to(crew_speeds_mean(s, 0, 7, 3), cases[i].mean);
        crew_speeds_destroy(s);
    }
}

static void groups_number_their_workers_in_order(void **state)
{
    (void)state;
    crew_speeds *s = parsed(" 4*1ms\t12*exp(1ms,2ms)\n1*3 ");
    assert_int_equal(crew_speeds_n(s), 17);
    for (uint32_t i = 0; i < 17; i++)
        assert_true(crew_speeds_mean(s, i, 1, 0) == (i < 4 ? 0.001 : i < 16 ? 0.003 : 3));
    crew_speeds_destroy(s);
}

/* Beyond 2^20 workers the index is coarse: the borders are where they were. */
static void four_billion_workers_need_no_memory(void **state)
{
    (void)state;
    crew_speeds *s = parsed("1000000000*1 7*2 3294967287*3 4");
    static const struct {
        uint32_t worker;
        double mean;
    } cases[] = {{0, 1},          {999999999, 1},  {1000000000, 2}, {1000000006, 2},
                 {1000000007, 3}, {4294967293, 3}, {4294967294, 4}};
    assert_true(crew_speeds_n(s) == UINT32_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(crew_speeds_mean(s, cases[i].worker, 1, 0) == cases[i].mean);
    crew_speeds_destroy(s);
    s = parsed("4294967295*1");
    assert_true(crew_speeds_mean(s, UINT32_MAX - 1, 1, 0) == 1);
    crew_speeds_destroy(s);
}

static void a_thousand_groups_are_found(void **state)
{
    (void)state;
    enum { GROUPS = 1000 };
    char spec[GROUPS * 12], *at = spec;
    for (int g = 0; g < GROUPS; g++)
        at += snprintf(at, 12, "%d*%d ", 1 + g % 3, g + 1);
    crew_speeds *s = parsed(spec);
    uint32_t i = 0;
    for (int g = 0; g < GROUPS; g++)
        for (int k = 0; k < 1 + g % 3; k++)
            assert_true(crew_speeds_mean(s, i++, 1, 0) == g + 1);
    assert_int_equal(crew_speeds_n(s), i);
    crew_speeds_destroy(s);
}

static void a_law_holds_for_rounds_from_its_first_to_before_its_last(void **state)
{
    (void)state;
    crew_speeds *s = parsed("2*1ms@0..500,4ms@500..501,2ms@501.. 7@1..2,9@2.. 5@0..");
    static const struct {
        uint64_t round;
        double mean;
    } cases[] = {{1, 0.001}, {499, 0.001}, {500, 0.004}, {501, 0.002}, {4294967295, 0.002}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(crew_speeds_mean(s, 1, cases[i].round, 1e9) == cases[i].mean);
        assert_true(draw_at(s, 0, cases[i].round, 0, 1) == cases[i].mean);
    }
    assert_true(crew_speeds_mean(s, 2, 1, 0) == 7 && crew_speeds_mean(s, 2, 2, 0) == 9);
    assert_true(crew_speeds_mean(s, 3, 1, 0) == 5);
    assert_true(crew_speeds_vary(s));
    crew_speeds_destroy(s);
    s = parsed("5@0s.. 6@1..");
    assert_false(crew_speeds_vary(s));
    crew_speeds_destroy(s);
}

static void a_law_holds_for_tasks_that_begin_in_its_time(void **state)
{
    (void)state;
    crew_speeds *s = parsed("4ms@0s..10s,uniform(1ms,3ms)@10000ms..1min,1ms@60s..");
    static const struct {
        double at_s, mean;
    } cases[] = {{0, 0.004},  {9.9, 0.004}, {10, 0.002},
                 {59, 0.002}, {60, 0.001},  {1e15, 0.001}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(crew_speeds_mean(s, 0, 1u + (unsigned)i, cases[i].at_s) == cases[i].mean);
    assert_true(draw_at(s, 0, 9, 9.999, 1) == 0.004);
    assert_true(draw_at(s, 0, 9, 10, 1) != 0.004);
    crew_speeds_destroy(s);
}

static void the_laws_have_names_and_arguments_for_help(void **state)
{
    (void)state;
    static const char *const names[] = {"const", "uniform", "exp",    "halfnormal", "lognormal",
                                        "gamma", "weibull", "pareto", "replay"};
    size_t n = sizeof names / sizeof *names;
    for (size_t i = 0; i < n; i++) {
        const struct crew_entry *e = crew_law_at(i);
        assert_string_equal(e->name, names[i]);
        assert_memory_equal(e->summary, e->name, strlen(e->name));
        assert_true(e->summary[strlen(e->name)] == '(');
        assert_null(e->settings);
    }
    assert_null(crew_law_at(n));
    assert_int_equal(n - 1, CREW_LAW_REPLAY);
}

/* ---- What is not, and where the caret stands ---- */

static void mistakes_in_laws_are_pointed_at(void **state)
{
    (void)state;
    points_at("#", "no worker is given");
    points_at("  #", "no worker is given");
    points_at("4*1ms 12*#epx(1ms,2ms)", "unknown law 'epx'; did you mean 'exp'?");
    points_at("1ms+#Gamma(1,2)", "unknown law 'Gamma'; did you mean 'gamma'?");
    points_at("#zzzzzz(1)", "unknown law 'zzzzzz'");
    points_at("#exp", "exp needs its arguments: exp(SHIFT,MEAN)");
    points_at("#exp (1,2)", "exp needs its arguments: exp(SHIFT,MEAN)");
    points_at("#replay", "replay needs its arguments: replay(FILE)");
    points_at("exp(#)", "SHIFT is missing: exp(SHIFT,MEAN)");
    points_at("exp(1,#)", "MEAN is missing: exp(SHIFT,MEAN)");
    points_at("exp(#,1)", "SHIFT is missing: exp(SHIFT,MEAN)");
    points_at("exp(1#)", "exp takes 2 arguments: exp(SHIFT,MEAN)");
    points_at("exp(1,2#,3)", "exp takes 2 arguments: exp(SHIFT,MEAN)");
    points_at("const(1#,2)", "const takes 1 argument: const(TIME)");
    points_at("exp(1,2#", "the text ends where ')' is missing");
    points_at("exp(1,2 #;", "';' stands where ')' must");
    points_at("exp(1#;2)", "';' stands where ',' must");
    points_at("exp(#x,2)", "'x' stands where SHIFT must");
    points_at("exp(1,2)#)", "')' stands where a blank must");
    points_at("4*1ms#*2", "'*' stands where a blank must");
    points_at("1 2#;3", "';' stands where a blank must");
    points_at("1 #(2)", "'(' stands where a law must");
    points_at("3*#", "the text ends where a law is missing");
    points_at("3*# 1ms", "a blank stands where a law must");
    points_at("1ms+#", "the text ends where a law with arguments is missing");
    points_at("1ms+#2ms", "'2' stands where a law with arguments must");
    points_at("1#sec", "unknown unit 'sec', must be ns, us, ms, s or min");
    points_at("exp(1,1#e)", "unknown unit 'e', must be ns, us, ms, s or min");
    points_at("gamma(2#s,1)", "SHAPE has no unit, it is a number: gamma(SHAPE,SCALE)");
    points_at("exp(1,#1e999)", "the number does not fit");
}

static void values_out_of_range_are_pointed_at(void **state)
{
    (void)state;
    points_at("1 #0ms", "TIME is 0 s, must be 1e-12..1e12 s");
    points_at("#-1ms", "TIME is -0.001 s, must be 1e-12..1e12 s");
    points_at("const( #0 )", "TIME is 0 s, must be 1e-12..1e12 s");
    points_at("#1e13", "TIME is 10000000000000 s, must be 1e-12..1e12 s");
    points_at("exp(#-1,1)", "SHIFT is -1 s, must be 0..1e12 s");
    points_at("exp(0,#0)", "MEAN is 0 s, must be 1e-12..1e12 s");
    points_at("uniform(1,#1)", "TO is 1 s, must be above FROM, which is 1 s");
    points_at("uniform(#-1,1)", "FROM is -1 s, must be 0..1e12 s");
    points_at("halfnormal(#0)", "SIGMA is 0 s, must be 1e-12..1e12 s");
    points_at("lognormal(1,#0)", "SIGMA is 0, must be above 0 and at most 1e12");
    points_at("lognormal(#0,1)", "MEDIAN is 0 s, must be 1e-12..1e12 s");
    points_at("gamma(#-2,1)", "SHAPE is -2, must be above 0 and at most 1e12");
    points_at("weibull(1,#0)", "SCALE is 0 s, must be 1e-12..1e12 s");
    points_at("pareto(#1,1)", "SHAPE is 1, must be above 1 and at most 1e12");
    points_at("2 #gamma(1e10,1e3)", "the mean of gamma is 10000000000000 s, must be "
                                    "1e-12..1e12 s");
    points_at("#weibull(0.001,1)", "the mean of weibull is inf s, must be 1e-12..1e12 s");
    points_at("#1e12+gamma(1,1)",
              "the mean of gamma is 1000000000001 s, must be 1e-12..1e12 s");
    points_at("#2e12+exp(1,1)", "the time to add is 2000000000000 s, must be 0..1e12 s");
    points_at("#-1+exp(2,1)", "the time to add is -1 s, must be 0..1e12 s");
    points_at("#0*1ms", "the count is '0', must be a whole number 1..4294967295");
    points_at("1 #-2*1ms", "the count is '-2', must be a whole number 1..4294967295");
    points_at("#1.5*1ms", "the count is '1.5', must be a whole number 1..4294967295");
    points_at("#*1ms", "the count is '', must be a whole number 1..4294967295");
    points_at("#4294967296*1", "the count is '4294967296', must be a whole number "
                               "1..4294967295");
    points_at("4294967295*1 #1", "that makes more than 4294967295 workers");
}

static void spans_that_do_not_fit_are_pointed_at(void **state)
{
    (void)state;
    points_at("1@0..#5", "the last law must hold for ever: leave its end out");
    points_at("1@0..5,2@5..#9 3", "the last law must hold for ever: leave its end out");
    points_at("1@#2..", "the first law must hold from the start, from 0");
    points_at("1@#1s..", "the first law must hold from the start, from 0s");
    points_at("1#,2", "@FROM..TO is missing: another law follows");
    points_at("1@0..#,2@5..", "no law can follow one that holds for ever");
    points_at("1@0..5,2#", "@FROM..TO is missing: one law follows another");
    points_at("1@0..5,#", "the text ends where a law is missing");
    points_at("1@0..5,# 2@5..", "a blank stands where a law must");
    points_at("1@0..5,2@#6..", "it begins after the law before it ends, at 5");
    points_at("1@0s..5s,2@#4s..", "it begins before the law before it ends, at 5 s");
    points_at("1@0..5,2@#5s..", "this law begins by time, the one before ends by round");
    points_at("1@0s..5s,2@#5..", "this law begins by round, the one before ends by time");
    points_at("1@0..#5s,2@5s..", "from a round to a time: must be two rounds or two times");
    points_at("1@0s..#5,2@5..", "from a time to a round: must be two rounds or two times");
    points_at("1@0..5,2@5..#5,3@5..", "it ends before it has begun");
    points_at("1@0..#1,3@1..", "it ends before it has begun"); /* 0 means 1 */
    points_at("1@0..#1.5,3@1..", "the round is 1.5, must be a whole number below 2^32 (a time "
                                 "has a unit)");
    points_at("1@#-1..5,3@5..", "the round is -1, must be a whole number below 2^32 (a time "
                                "has a unit)");
    points_at("1@0..#4294967296,3@1..", "the round is 4294967296, must be a whole number below "
                                        "2^32 (a time has a unit)");
    points_at("1@#-1s..5s,3@5s..", "the time is -1 s, must be 0..1e12 s");
    points_at("1@0#", "the text ends where '..' is missing");
    points_at("1@0..5#x,2@5..", "unknown unit 'x', must be ns, us, ms, s or min");
    points_at("1@#..5,2@5..", "'.' stands where a round or a time must");
    points_at("1@#,2", "',' stands where a round or a time must");
}

static void long_texts_are_cut_around_the_mistake(void **state)
{
    (void)state;
    char spec[2001], *line, *caret;
    crew_speeds *s;
    for (size_t at = 0; at < 2000; at += 5) {
        for (size_t i = 0; i < 2000; i++)
            spec[i] = " 1ms\n"[(i + 1) % 5];
        spec[2000] = '\0';
        spec[at] = 'Q'; /* "Qms" is an unknown law */
        assert_int_equal(crew_speeds_parse(spec, false, &s, &err), CREW_EINVAL);
        assert_non_null(line = strchr(err.text, '\n'));
        assert_non_null(caret = strchr(line + 1, '\n'));
        assert_true(strspn(caret + 1, " ") == strlen(caret + 1) - 1);
        size_t column = strlen(caret + 1) - 1;
        assert_true(caret[1 + column] == '^' && line[1 + column] == 'Q');
        assert_true(caret - line - 1 <= 78);
        assert_int_equal(strncmp(line + 1, "  ...", 5) == 0, at > 35);
        assert_int_equal(strncmp(caret - 3, "...", 3) == 0, at < 2000 - 35);
    }
}

static void strange_characters_take_one_column_each(void **state)
{
    (void)state;
    crew_speeds *s;
    assert_int_equal(crew_speeds_parse("1\t2\n\xc3\xa9\x01", false, &s, &err), CREW_EINVAL);
    assert_string_equal(err.text, "byte 0xc3 stands where a law must\n  1 2 ???\n      ^");
    char name[401];
    memset(name, 'a', 400);
    name[400] = '\0';
    assert_int_equal(crew_speeds_parse(name, false, &s, &err), CREW_EINVAL);
    assert_true(strlen(err.text) < 300 && strstr(err.text, "aaa...\n  ^"));
}

static void laws_given_one_a_worker_are_checked(void **state)
{
    (void)state;
    struct crew_law law[3] = {
        {CREW_LAW_CONST, 1, 0, 0}, {CREW_LAW_EXP, 1, 2, 0}, {CREW_LAW_GAMMA, 0.5, 2, 3}};
    crew_speeds *s;
    assert_int_equal(crew_speeds_create(law, 3, &s, &err), CREW_OK);
    assert_int_equal(crew_speeds_n(s), 3);
    assert_true(crew_speeds_mean(s, 0, 1, 0) == 1 && crew_speeds_mean(s, 2, 1, 0) == 6.5);
    assert_true(draw_at(s, 0, 1, 0, 2) == 2);
    assert_false(crew_speeds_vary(s));
    crew_speeds_rewind(s);
    crew_speeds_destroy(s);
    law[1].a = 0;
    assert_int_equal(crew_speeds_create(law, 3, &s, &err), CREW_EINVAL);
    assert_string_equal(err.text, "worker 1, exp: MEAN is 0 s, must be 1e-12..1e12 s");
    assert_null(s);
    law[0].shift = (double)NAN;
    assert_int_equal(crew_speeds_create(law, 3, &s, &err), CREW_EINVAL);
    law[0] = (struct crew_law){CREW_LAW_UNIFORM, -1, 2, 3};
    assert_int_equal(crew_speeds_create(law, 1, &s, &err), CREW_EINVAL);
    assert_string_equal(err.text, "worker 0, uniform: the shift is -1 s, must be 0..1e12 s");
    law[0].kind = CREW_LAW_REPLAY;
    assert_int_equal(crew_speeds_create(law, 1, &s, &err), CREW_EINVAL);
    assert_int_equal(crew_speeds_create(law, 0, &s, &err), CREW_EINVAL);
    crew_speeds_destroy(NULL);
}

/* Valid texts with a few bytes changed, left out or doubled: refused with three lines, or
 * taken, and then every draw is above 0. */
static void garbage_is_refused_or_gives_times_above_zero(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "4*1ms 12*exp(1ms,2ms)",
        "1ms@0..500,4ms@500.. 3*uniform( 1 , 2 )",
        "2*lognormal(1ms,0.5)@0s..10s,0.1s+weibull(0.5,1e-3)@10s..",
        "gamma(0.3,1us) pareto(1.5,2ns) halfnormal(3min) const(.5)",
        "replay(/nonexistent/file) 1",
    };
    static const char bytes[] = "0123456789.eE+-*(),@ \tnumsixpg\xc3\x01";
    uint64_t drawn = 0;
    size_t taken = 0, rounds = 20000;
    for (size_t k = 0; k < rounds; k++) {
        char spec[128];
        snprintf(spec, sizeof spec, "%s", seeds[k % 5]);
        uint64_t r = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 0, drawn++);
        for (uint64_t edits = 1 + r % 4; edits > 0; edits--) {
            r = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 0, drawn++);
            size_t n = strlen(spec), at = n ? (r >> 8) % n : 0;
            if (r % 3 == 0 && n)
                memmove(spec + at, spec + at + 1, n - at);
            else if (r % 3 == 1 && n < 120)
                memmove(spec + at + 1, spec + at, n - at + 1);
            else
                spec[at] = bytes[(r >> 32) % (sizeof bytes - 1)];
        }
        crew_speeds *s;
        crew_status status = crew_speeds_parse(spec, false, &s, &err);
        if (status != CREW_OK) {
            const char *line = strchr(err.text, '\n');
            assert_true(status == CREW_EINVAL || status == CREW_EINPUT);
            assert_true((status == CREW_EINPUT) == !line);
            assert_true(!line ||
                        (strchr(line + 1, '\n') && err.text[strlen(err.text) - 1] == '^'));
            continue;
        }
        taken++;
        uint32_t last = crew_speeds_n(s) - 1;
        double x = draw_at(s, last, k + 1, (double)k, 1);
        assert_true(x > 0 && isfinite(x));
        assert_true(crew_speeds_mean(s, last, k + 1, (double)k) > 0);
        crew_speeds_destroy(s);
    }
    assert_true(taken > rounds / 50 && taken < rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_exact),
        cmocka_unit_test(each_law_has_the_mean_of_its_formula),
        cmocka_unit_test(groups_number_their_workers_in_order),
        cmocka_unit_test(four_billion_workers_need_no_memory),
        cmocka_unit_test(a_thousand_groups_are_found),
        cmocka_unit_test(a_law_holds_for_rounds_from_its_first_to_before_its_last),
        cmocka_unit_test(a_law_holds_for_tasks_that_begin_in_its_time),
        cmocka_unit_test(the_laws_have_names_and_arguments_for_help),
        cmocka_unit_test(mistakes_in_laws_are_pointed_at),
        cmocka_unit_test(values_out_of_range_are_pointed_at),
        cmocka_unit_test(spans_that_do_not_fit_are_pointed_at),
        cmocka_unit_test(long_texts_are_cut_around_the_mistake),
        cmocka_unit_test(strange_characters_take_one_column_each),
        cmocka_unit_test(laws_given_one_a_worker_are_checked),
        cmocka_unit_test(garbage_is_refused_or_gives_times_above_zero),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
