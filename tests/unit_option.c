/* Tables of settings: defaults, parsing, printing, suggestions. */
#include "testing.h"
#include <crew/crew.h>
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"

static struct crew_error err;

/* ---- Every table of the library ---- */

static void is_a_name(const char *s)
{
    assert_true(islower((unsigned char)s[0]));
    for (; *s; s++)
        assert_true(islower((unsigned char)*s) || isdigit((unsigned char)*s) || *s == '-');
}

static void is_a_line(const char *s)
{
    assert_non_null(s);
    assert_true(strlen(s) > 3 && s[strlen(s) - 1] != '.' && !strchr(s, '\n'));
}

/* Large enough for any struct that a table describes; aligned for all fields. */
union base {
    double align;
    char bytes[4096];
};

static void check_table(const struct crew_option *table)
{
    union base base;
    memset(&base, 0x5a, sizeof base);
    crew_option_defaults(table, &base); /* asserts */
    for (const struct crew_option *o = table; o->type != CREW_OPTION_END; o++) {
        char text[64];
        is_a_name(o->name);
        is_a_line(o->help);
        assert_true(o->offset + sizeof(double) <= sizeof base);
        assert_true(o->min <= o->max);
        for (const struct crew_option *p = table; p < o; p++) {
            assert_string_not_equal(o->name, p->name);
            assert_true(o->offset != p->offset);
            assert_true(!o->letter || o->letter != p->letter);
        }
        if (o->value && crew_option_set(o, o->value, &base, &err) != CREW_OK)
            fail_msg("%s: its own default is refused: %s", o->name, err.text);
        if (o->value && o->type != CREW_OPTION_STRING) { /* shown as it stands in the table */
            assert_true(crew_option_show(o, &base, text, sizeof text));
            assert_true(crew_option_set(o, text, &base, NULL) == CREW_OK);
        }
        if (!o->value) /* not given is told from given */
            assert_true(!crew_option_show(o, &base, text, sizeof text) ||
                        o->type == CREW_OPTION_FLAG || o->type == CREW_OPTION_U32 ||
                        o->type == CREW_OPTION_U64);
    }
}

static void check_entry(const struct crew_entry *e)
{
    is_a_name(e->name);
    is_a_line(e->summary);
    if (e->settings)
        check_table(e->settings);
}

static void every_table_agrees_with_itself(void **state)
{
    (void)state;
    size_t n = 0;
    check_table(crew_train_options());
    check_table(crew_data_options());
    for (size_t i = 0; crew_optimizer_at(i); i++, n++)
        check_entry(crew_optimizer_at(i));
    for (size_t i = 0; crew_schedule_at(i); i++, n++)
        check_entry(crew_schedule_at(i));
    for (size_t i = 0; crew_policy_at(i); i++, n++) {
        const struct crew_policy_ops *p = crew_policy_at(i);
        check_entry(&(struct crew_entry){p->name, p->summary, p->settings});
    }
    assert_true(n >= 12);
}

/* They stand side by side on one command line. */
static void train_and_data_share_no_name_or_letter(void **state)
{
    (void)state;
    for (const struct crew_option *o = crew_train_options(); o->type != CREW_OPTION_END; o++)
        for (const struct crew_option *p = crew_data_options(); p->type != CREW_OPTION_END;
             p++) {
            assert_true(!o->letter || o->letter != p->letter);
            if (strcmp(o->name, p->name) == 0)
                assert_string_equal(o->name, "seed"); /* one number for both */
        }
}

/* ---- A table of our own ---- */

struct thing {
    bool flag;
    uint32_t u32, small, size;
    uint64_t u64, count;
    double real, share;
    const char *text;
};

#define ROW(NAME, TYPE, FIELD, ...)                                                        \
    {                                                                                      \
        .name = NAME, .type = CREW_OPTION_##TYPE, .offset = offsetof(struct thing, FIELD), \
        __VA_ARGS__                                                                        \
    }
static const struct crew_option table[] = {
    ROW("flag", FLAG, flag, .value = "no"),
    ROW("u32", U32, u32, .value = "7"),
    ROW("small-number", U32, small, .min = 1, .max = 8, .value = "3"),
    ROW("u64", U64, u64, .value = "9"),
    ROW("size", U32, size, .min = 2, .max = 8, .value = "3", .zero = "auto"),
    ROW("count", U64, count, .value = "all", .zero = "all"),
    ROW("real", REAL, real, .value = "1e-3"),
    ROW("share", REAL, share, .min = 0, .max = 0.9),
    ROW("text", STRING, text, .value = "hello"),
    {.type = CREW_OPTION_END},
};

static const struct crew_option *row(const char *name)
{
    const struct crew_option *o = crew_option_find(table, name, strlen(name));
    assert_non_null(o);
    return o;
}

static void accepts(const char *name, const char *value, struct thing *t)
{
    if (crew_option_set(row(name), value, t, &err) != CREW_OK)
        fail_msg("%s", err.text);
}

/* Refused, with a sentence that holds `why`, and nothing is written. */
static void refuses(const char *name, const char *value, const char *why)
{
    struct thing t, before;
    memset(&t, 0x33, sizeof t);
    memcpy(&before, &t, sizeof t);
    err.text[0] = '\0';
    assert_int_equal(crew_option_set(row(name), value, &t, &err), CREW_EINVAL);
    assert_int_equal(crew_option_set(row(name), value, &t, NULL), CREW_EINVAL);
    assert_memory_equal(&t, &before, sizeof t);
    if (!strstr(err.text, why) || !strstr(err.text, name))
        fail_msg("'%s' does not say '%s'", err.text, why);
}

static void whole_numbers_are_whole_and_in_range(void **state)
{
    (void)state;
    struct thing t = {0};
    accepts("u32", "4294967295", &t);
    accepts("u64", "18446744073709551615", &t);
    accepts("small-number", "1", &t);
    accepts("small-number", "8", &t);
    assert_true(t.u32 == UINT32_MAX && t.u64 == UINT64_MAX && t.small == 8);
    refuses("u32", "4294967296", "0..4294967295");
    refuses("u32", "-1", "0..4294967295");
    refuses("u64", "18446744073709551616", "below 2^64");
    refuses("u64", "-1", "0..18446744073709551615");
    refuses("small-number", "0", "is 0, must be 1..8");
    refuses("small-number", "9", "is 9, must be 1..8");
    refuses("small-number", "-3", "is -3, must be 1..8");
    refuses("small-number", "99999999999", "is 99999999999, must be 1..8");
    static const char *const words[] = {"",    " 3",  "3 ",    "3.0", "3x",
                                        "0x3", "1e1", "three", "+3",  "--3"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        refuses("small-number", words[i], "must be a whole number");
    refuses("u32", NULL, "needs a value");
}

/* The word for 0 is the only way to it where the range begins above. */
static void a_word_may_stand_for_zero(void **state)
{
    (void)state;
    struct thing t;
    char text[64];
    crew_option_defaults(table, &t);
    assert_true(t.size == 3 && t.count == 0);
    assert_true(crew_option_show(row("count"), &t, text, sizeof text));
    assert_string_equal(text, "all");
    accepts("size", "auto", &t);
    assert_true(t.size == 0);
    assert_true(crew_option_show(row("size"), &t, text, sizeof text));
    assert_string_equal(text, "auto");
    accepts("count", "12", &t);
    assert_true(crew_option_show(row("count"), &t, text, sizeof text));
    assert_string_equal(text, "12");
    refuses("size", "0", "is 0, must be 2..8");
    refuses("size", "all", "must be a whole number or auto");
    refuses("small-number", "auto", "must be a whole number");
}

static void reals_are_finite_decimals_in_range(void **state)
{
    (void)state;
    struct thing t = {0};
    accepts("real", "-2.5e-3", &t);
    accepts("share", "0.9", &t);
    assert_true(t.real == -2.5e-3 && t.share == 0.9);
    accepts("share", "0", &t);
    refuses("share", "0.91", "is 0.91, must be 0..0.9");
    refuses("share", "-0.1", "is -0.1, must be 0..0.9");
    static const char *const words[] = {"",    "inf", "-inf", "nan",   "0x1p2",
                                        "1,5", " 1",  "1 ",   "1e999", "x"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        refuses("real", words[i], "must be a number");
}

static void flags_are_yes_or_no(void **state)
{
    (void)state;
    static const char *const yes[] = {NULL, "yes", "1", "true"}, *const no[] = {"no", "0",
                                                                                "false"};
    struct thing t = {0};
    for (int i = 0; i < 4; i++) {
        t.flag = false;
        accepts("flag", yes[i], &t);
        assert_true(t.flag);
    }
    for (int i = 0; i < 3; i++) {
        t.flag = true;
        accepts("flag", no[i], &t);
        assert_false(t.flag);
    }
    refuses("flag", "maybe", "must be yes or no");
    refuses("flag", "", "must be yes or no");
}

static void names_are_found_whole_with_either_hyphen(void **state)
{
    (void)state;
    assert_ptr_equal(crew_option_find(table, "small_number=3", 12), row("small-number"));
    assert_null(crew_option_find(table, "small", 5));
    assert_null(crew_option_find(table, "small-numbers", 13));
    assert_null(crew_option_find(table, "", 0));
}

/* ---- NAME:SETTINGS ---- */

static void settings_are_read_one_after_the_other(void **state)
{
    (void)state;
    struct thing t = {.u32 = 1};
    assert_int_equal(crew_option_settings(table, NULL, "policy x", &t, &err), CREW_OK);
    assert_int_equal(crew_option_settings(table, "", "policy x", &t, &err), CREW_OK);
    assert_int_equal(t.u32, 1);
    assert_int_equal(
        crew_option_settings(table, "flag,u32=5,small_number=2,real=1e3", "policy x", &t, &err),
        CREW_OK);
    assert_true(t.flag && t.u32 == 5 && t.small == 2 && t.real == 1000);
}

static void wrong_settings_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *settings, *why;
    } bad[] = {
        {"u33=1", "policy x has no setting 'u33'; did you mean 'u32'?"},
        {"zzzzzz=1", "policy x has no setting 'zzzzzz'; the first of its 9 is 'flag'"},
        {"u32=5,small-number=9", "policy x: small-number is 9, must be 1..8"},
        {"u32", "policy x: u32 needs a value"},
        {"u32=", "policy x: u32 is '', must be a whole number"},
        {",u32=1", "policy x has no setting ''"},
        {"u32=1,,u64=1", "policy x has no setting ''"},
        {"u32=1;u64=2", "policy x: u32 is '1;u64=2', must be a whole number"},
        {"real=00000000000000000000000000000000000000000000000000000000000000001",
         "policy x: the value of 'real' is too long"},
    };
    struct thing t;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(crew_option_settings(table, bad[i].settings, "policy x", &t, &err),
                         CREW_EINVAL);
        if (strncmp(err.text, bad[i].why, strlen(bad[i].why)) != 0)
            fail_msg("'%s': '%s'", bad[i].settings, err.text);
    }
    const struct crew_option none[] = {{.type = CREW_OPTION_END}};
    assert_int_equal(crew_option_settings(none, "a=1", "policy q", &t, &err), CREW_EINVAL);
    assert_string_equal(err.text, "policy q has no settings, but 'a' is given");
}

/* ---- Show ---- */

static void numbers_come_back_exactly(void **state)
{
    (void)state;
    struct thing t = {0}, back = {0};
    char text[64];
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t bits = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 0, i);
        memcpy(&t.real, &bits, sizeof t.real);
        t.u64 = bits >> (i % 64);
        t.u32 = (uint32_t)t.u64;
        if (!isfinite(t.real))
            continue;
        for (const char *const *name = (const char *const[]){"real", "u64", "u32", NULL}; *name;
             name++) {
            assert_true(crew_option_show(row(*name), &t, text, sizeof text));
            accepts(*name, text, &back);
        }
        assert_memory_equal(&back.real, &t.real, sizeof t.real);
        assert_true(back.u64 == t.u64 && back.u32 == t.u32);
    }
}

static void numbers_are_shown_as_they_are_typed(void **state)
{
    (void)state;
    static const char *const typed[] = {"0.25", "0.1",  "1e-08", "0.002",
                                        "3",    "-7.5", "1e+30", "123456.789"};
    struct thing t = {0};
    char text[64], tiny[4];
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        accepts("real", typed[i], &t);
        assert_true(crew_option_show(row("real"), &t, text, sizeof text));
        assert_string_equal(text, typed[i]);
    }
    t.text = "a longer one";
    assert_true(crew_option_show(row("text"), &t, tiny, sizeof tiny));
    assert_string_equal(tiny, "a l");
    t.text = NULL;
    assert_false(crew_option_show(row("text"), &t, text, sizeof text));
    t.flag = true;
    assert_true(crew_option_show(row("flag"), &t, text, sizeof text));
    assert_string_equal(text, "yes");
}

static void a_locale_with_a_comma_changes_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "de_DE",
                                        "fr_FR.UTF-8", "fr_FR.utf8",  "nl_NL.UTF-8",
                                        "es_ES.UTF-8", "it_IT.UTF-8", "pl_PL.UTF-8"};
    struct thing t = {0};
    char text[64];
    const char *comma = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !comma; i++)
        comma = setlocale(LC_NUMERIC, names[i]);
    if (!comma) {
        printf("skip: no locale with a decimal comma is installed\n");
        skip();
    }
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5"); /* it is one */
    accepts("real", "0.5", &t);
    assert_true(t.real == 0.5);
    refuses("real", "0,5", "must be a number");
    refuses("share", "0.91", "is 0.91, must be 0..0");
    assert_true(crew_option_show(row("real"), &t, text, sizeof text));
    assert_string_equal(text, "0.5");
    setlocale(LC_NUMERIC, "C");
}

/* ---- Suggestions ---- */

static void the_nearest_name_is_suggested(void **state)
{
    (void)state;
    static const char *const names[] = {"ata",     "ata-empirical", "queue",
                                        "uniform", "fixed",         "greedy"};
    static const struct {
        const char *typed, *want;
    } cases[] = {
        {"ata-emprical", "ata-empirical"},
        {"queu", "queue"},
        {"unifrom", "uniform"},
        {"fix", "fixed"},
        {"atta", "ata"},
        {"gredy", "greedy"},
        {"x", NULL},
        {"", NULL},
        {"sgd", NULL},
        {"completely-different", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = crew_option_nearest(cases[i].typed, names, 6);
        if (!got != !cases[i].want || (got && strcmp(got, cases[i].want) != 0))
            fail_msg("'%s': '%s'", cases[i].typed, got ? got : "(none)");
    }
    char text[300];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_null(crew_option_nearest(text, names, 6));
    const char *const longer = text; /* and no name is too long to be compared with */
    assert_null(crew_option_nearest("aaaa", &longer, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_agrees_with_itself),
        cmocka_unit_test(train_and_data_share_no_name_or_letter),
        cmocka_unit_test(whole_numbers_are_whole_and_in_range),
        cmocka_unit_test(a_word_may_stand_for_zero),
        cmocka_unit_test(reals_are_finite_decimals_in_range),
        cmocka_unit_test(flags_are_yes_or_no),
        cmocka_unit_test(names_are_found_whole_with_either_hyphen),
        cmocka_unit_test(settings_are_read_one_after_the_other),
        cmocka_unit_test(wrong_settings_are_refused_with_a_reason),
        cmocka_unit_test(numbers_come_back_exactly),
        cmocka_unit_test(numbers_are_shown_as_they_are_typed),
        cmocka_unit_test(a_locale_with_a_comma_changes_nothing),
        cmocka_unit_test(the_nearest_name_is_suggested),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
