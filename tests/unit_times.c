/* Lists of seconds from the command line and from files. */
#include "testing.h"
#include <crew/crew.h>
#include <string.h>
#include <unistd.h>

static struct crew_error err;

static void reads(const char *spec, const double *want, size_t count)
{
    double *times;
    size_t n;
    if (crew_times_read(spec, &times, &n, &err) != CREW_OK)
        fail_msg("%s", err.text);
    assert_int_equal(n, count);
    assert_memory_equal(times, want, count * sizeof *want);
    crew_times_free(times);
}

static void refuses(const char *spec, crew_status want, const char *why)
{
    double *times = (double *)&err;
    size_t n;
    err.text[0] = '\0';
    crew_status status = crew_times_read(spec, &times, &n, &err);
    if (status != want || times || !strstr(err.text, why))
        fail_msg("'%s': status %d, '%s'", spec, status, err.text);
}

static void numbers_stand_between_commas_or_blanks(void **state)
{
    (void)state;
    const double want[] = {1, 2, 3.5};
    reads("1,2,3.5", want, 3);
    reads(" 1.0\t2e0,\n 3.5,", want, 3);
    reads("1", want, 1);
    crew_times_free(NULL);
}

static void other_words_are_refused_by_their_number(void **state)
{
    (void)state;
    refuses("", CREW_EINVAL, "no numbers");
    refuses(" , ", CREW_EINVAL, "no numbers");
    refuses("1,x,3", CREW_EINVAL, "item 2 is 'x', must be a number above 0");
    refuses("1,2,0", CREW_EINVAL, "item 3 is '0'");
    refuses("-1", CREW_EINVAL, "item 1 is '-1'");
    refuses("1,inf", CREW_EINVAL, "item 2 is 'inf'");
    refuses("1;2", CREW_EINVAL, "item 1 is '1;2'");
    refuses("@/no/such/file", CREW_EINPUT, "/no/such/file: No such file");
    refuses("@", CREW_EINPUT, "No such file");
    refuses("@/tmp", CREW_EINPUT, "/tmp: Is a directory");
}

/* Longer than what is read at a time: 4096 bytes, then twice as many. */
static void files_may_be_long(void **state)
{
    (void)state;
    enum { N = 20000 };
    static double want[N];
    char path[] = "/tmp/crew-test-XXXXXX", spec[40];
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    for (int i = 0; i < N; i++) {
        want[i] = (i + 1) / 8.0;
        fprintf(f, i % 10 ? "%.17g," : "%.17g\n", want[i]);
    }
    assert_int_equal(fclose(f), 0);
    snprintf(spec, sizeof spec, "@%s", path);
    reads(spec, want, N);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stand_between_commas_or_blanks),
        cmocka_unit_test(other_words_are_refused_by_their_number),
        cmocka_unit_test(files_may_be_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
