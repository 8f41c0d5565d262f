#include "base/rng.h"
#include "data/number.h"
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool parse(const char *s, double *x)
{
    return crew_parse_real(s, s + strlen(s), x);
}

static void exact(const char *s)
{
    double x = -1;
    if (!parse(s, &x) || memcmp(&x, &(double){strtod(s, NULL)}, sizeof x) != 0)
        fail_msg("%s became %.17g", s, x);
}

static void usual_spellings_are_exact(void **state)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "+1",
                                       "12",
                                       "-12.5",
                                       "1.",
                                       ".5",
                                       "007",
                                       "1e3",
                                       "1E-3",
                                       "2.5e+2",
                                       "0.1",
                                       "0.000001",
                                       "5.000000000000000000e+00",
                                       "9007199254740993",
                                       "123456789012345678901234567890",
                                       "1e22",
                                       "1e23",
                                       "4.9e-324",
                                       "1.7976931348623157e308",
                                       "0.3333333333333333333333333",
                                       "100000000000000000000000",
                                       "1e-400",
                                       "0e999999999999",
                                       "0.00000000000000000000000000000000000001e38"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        exact(good[i]);
}

static void other_texts_are_no_numbers(void **state)
{
    static const char *const bad[] = {"",    "-",     "+",        ".",    "e5",      "1e",
                                      "1e+", "1e+x",  "1x",       "0x10", "inf",     "nan",
                                      "1,5", "1 ",    " 1",       "--1",  "1-",      "1.2.3",
                                      "NaN", "1e400", "infinity", "1d5",  "\xd9\xa1"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double x;
        if (parse(bad[i], &x))
            fail_msg("\"%s\" became %g", bad[i], x);
    }
}

/* Random digits, point and exponent, lengths 1..40: the fast path and the slow one agree with
 * strtod. */
static void random_decimals_agree_with_strtod(void **state)
{
    (void)state;
    const char *env = getenv("SEED");
    uint64_t seed = env ? strtoull(env, NULL, 10) : 1;
    printf("SEED=%llu\n", (unsigned long long)seed);
    for (uint32_t i = 0; i < 100000; i++) {
        char s[80];
        uint32_t r[4];
        crew_rng4(seed, CREW_STREAM_TEST, i, 0, r);
        size_t n = 0, digits = 1 + r[0] % (r[1] % 3 ? 17 : 40), point = r[2] % (2 * digits);
        if (r[3] & 1)
            s[n++] = '-';
        for (size_t d = 0; d < digits; d++) {
            uint64_t v = crew_rng_u64(seed, CREW_STREAM_TEST, i, 1 + d);
            s[n++] = (char)('0' + (v & 3 ? v >> 8 : 0) % 10); /* many zeros */
            if (d == point)
                s[n++] = '.';
        }
        s[n] = '\0';
        if (r[3] & 2)
            snprintf(s + n, sizeof s - n, "e%d", (int)(r[3] >> 8) % 50 - 25);
        exact(s);
    }
}

/* A caller whose decimal point is a comma. */
static void the_locale_does_not_matter(void **state)
{
    (void)state;
    double x, y;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8")) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
    bool ok = parse("0.3333333333333333333333333", &x) && parse("1.5", &y);
    setlocale(LC_ALL, "C");
    assert_true(ok && x == 1.0 / 3 && y == 1.5);
}

static void shown_text_is_short_and_printable(void **state)
{
    char out[48];
    const char *s = "a\nb\tc\x7f";
    (void)state;
    assert_string_equal(crew_shown(s, s + 6, out), "a?b?c?");
    s = "0123456789012345678901234567890123456789x";
    assert_string_equal(crew_shown(s, s + 41, out),
                        "0123456789012345678901234567890123456789...");
    assert_string_equal(crew_shown(s, s + 40, out), "0123456789012345678901234567890123456789");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_spellings_are_exact),
        cmocka_unit_test(other_texts_are_no_numbers),
        cmocka_unit_test(random_decimals_agree_with_strtod),
        cmocka_unit_test(the_locale_does_not_matter),
        cmocka_unit_test(shown_text_is_short_and_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
