/* Recorded task times, given out again. */
#include "testing.h"
#include <crew/crew.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "caret.h"
#include "exec/speed.h"

static struct crew_error err;

static void close_to(double x, double want)
{
    if (!(fabs(x - want) <= 1e-12 * fabs(want)))
        fail_msg("%.17g, must be %.17g", x, want);
}

static char folder[] = "/tmp/crew_unit_replay_XXXXXX", path[64], spec_of_path[80];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/tasks.csv", folder);
    snprintf(spec_of_path, sizeof spec_of_path, "replay(%s)", path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_file(const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static crew_speeds *recorded(const char *text, bool wrap)
{
    crew_speeds *s;
    write_file(text, strlen(text));
    if (crew_speeds_parse(spec_of_path, wrap, &s, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return s;
}

#define HEAD "round,worker,task,kept,seconds,cpu_seconds,work,flags\n"

/* Worker 0 has the times 0.5 (warm-up), 0.1, 0.3 for half a task; worker 1 has 0.2. */
static const char recording[] = HEAD "1,0,0,1,0.5,,1,1\n"
                                     "1,1,2,1,0.20000000000000001,0.1,1,1\n"
                                     "2,0,0,1,0.10000000000000001,,1,4\n"
                                     "2,1,1,0,0.00001,,1,0\n"
                                     "3,0,0,1,0.29999999999999999,,0.5,0\n";

static double next_of(crew_speeds *s, uint32_t worker, double work, uint32_t *flags)
{
    return crew_speeds_draw(s, worker, &(struct crew_draw){.round = 1, .work = work}, flags);
}

static void recorded_times_come_back_bit_for_bit(void **state)
{
    (void)state;
    crew_speeds *s = recorded(recording, false);
    uint32_t flags;
    assert_int_equal(crew_speeds_n(s), 2);
    assert_false(crew_speeds_vary(s));
    close_to(crew_speeds_mean(s, 0, 1, 0), 0.4 / 1.5); /* without the warm-up */
    assert_true(crew_speeds_mean(s, 1, 1, 0) == 0.2);  /* there is nothing else */
    for (int pass = 0; pass < 2; pass++) {
        assert_true(next_of(s, 0, 1, &flags) == 0.5 && flags == CREW_WARM_UP);
        assert_true(next_of(s, 1, 1, &flags) == 0.2 && flags == CREW_WARM_UP);
        assert_true(next_of(s, 0, 1, &flags) == 0.1 && flags == CREW_MIGRATED);
        assert_true(next_of(s, 0, 0.5, &flags) == 0.3 && flags == 0);
        assert_true(next_of(s, 0, 1, &flags) < 0);
        assert_true(next_of(s, 0, 1, &flags) < 0);
        assert_true(next_of(s, 1, 1, &flags) < 0);
        crew_speeds_rewind(s);
    }
    assert_true(next_of(s, 0, 0.5, &flags) == 0.25); /* another work: in proportion */
    crew_speeds_destroy(s);
}

/* Also where seconds / work * work is another number. */
static void any_work_that_was_recorded_comes_back(void **state)
{
    (void)state;
    enum { TIMES = 300 };
    static char text[TIMES * 80];
    double seconds[TIMES], work[TIMES];
    int n = snprintf(text, sizeof text, HEAD);
    for (unsigned k = 0; k < TIMES; k++) {
        seconds[k] = crew_rng_unit(test_seed(), CREW_STREAM_TEST, 2, k) + 1e-9;
        work[k] = crew_rng_unit(test_seed(), CREW_STREAM_TEST, 3, k) + 1e-9;
        n += snprintf(text + n, sizeof text - (size_t)n, "%u,0,0,1,%.17g,,%.17g,0\n", k + 1,
                      seconds[k], work[k]);
    }
    crew_speeds *s = recorded(text, false);
    uint32_t flags, moved = 0;
    for (unsigned k = 0; k < TIMES; k++) {
        assert_true(next_of(s, 0, work[k], &flags) == seconds[k]);
        moved += seconds[k] / work[k] * work[k] != seconds[k];
    }
    assert_true(moved > 0);
    crew_speeds_destroy(s);
}

static void a_recording_may_start_again(void **state)
{
    (void)state;
    crew_speeds *s = recorded(recording, true);
    uint32_t flags;
    for (int pass = 0; pass < 3; pass++) {
        assert_true(next_of(s, 0, 1, &flags) == 0.5);
        assert_true(next_of(s, 0, 1, &flags) == 0.1);
        assert_true(next_of(s, 0, 1, &flags) == 0.6);
        assert_true(next_of(s, 1, 1, &flags) == 0.2);
    }
    crew_speeds_destroy(s);
}

static void what_was_taken_back_comes_again(void **state)
{
    (void)state;
    const double want[] = {0.5, 0.1, 0.6};
    for (uint32_t given = 1; given < 8; given++)
        for (uint32_t back = 0; back <= given; back++) {
            crew_speeds *s = recorded(recording, true);
            uint32_t flags, k = given - back;
            for (uint32_t j = 0; j < given; j++)
                (void)next_of(s, 0, 1, &flags);
            for (uint32_t j = 0; j < back; j++)
                crew_speeds_undo(s, 0);
            for (; k < 10; k++)
                assert_true(next_of(s, 0, 1, &flags) == want[k % 3]);
            assert_true(next_of(s, 1, 1, &flags) == 0.2);
            crew_speeds_destroy(s);
        }
}

/* Columns in any order, others between them, blanks, another end of line, a mark at the start,
 * no flags, rounds out of order. */
static void a_recording_is_read_by_its_column_names(void **state)
{
    (void)state;
    crew_speeds *s = recorded("\xef\xbb\xbfwork,x,seconds,kept,task,worker,round\r\n"
                              "1,abc, 3 ,1,0,0,3\r\n"
                              "\r\n"
                              "1,,1,1,0,0,1\r\n"
                              "1,,2,1,1,0,1",
                              false);
    uint32_t flags = 9;
    assert_int_equal(crew_speeds_n(s), 1);
    for (int i = 1; i <= 3; i++)
        assert_true(next_of(s, 0, 1, &flags) == i && flags == 0);
    assert_true(crew_speeds_mean(s, 0, 1, 0) == 2);
    crew_speeds_destroy(s);
}

static void a_recording_stands_beside_other_groups(void **state)
{
    (void)state;
    char spec[200];
    uint32_t flags;
    crew_speeds *s;
    write_file(recording, sizeof recording - 1);
    snprintf(spec, sizeof spec, "2*7 %s 9 %s", spec_of_path, spec_of_path);
    assert_int_equal(crew_speeds_parse(spec, false, &s, &err), CREW_OK);
    assert_int_equal(crew_speeds_n(s), 7);
    assert_true(next_of(s, 1, 1, &flags) == 7 && next_of(s, 4, 1, &flags) == 9);
    assert_true(next_of(s, 3, 1, &flags) == 0.2 && next_of(s, 2, 1, &flags) == 0.5);
    assert_true(next_of(s, 5, 1, &flags) == 0.5 && next_of(s, 6, 1, &flags) == 0.2);
    crew_speeds_destroy(s);
}

static void recordings_are_groups_of_their_own(void **state)
{
    (void)state;
    write_file(recording, sizeof recording - 1);
    char marked[300];
    static const struct {
        const char *before, *after, *sentence;
    } cases[] = {
        {"#2*", "", "a recording has no count: it brings its own workers"},
        {"1 #1ms+", "", "no time can be added to a recording"},
        {"1@0..5,#", "", "a recording cannot follow a law, only a blank"},
        {"", "#@0..", "nothing can follow replay(FILE) but a blank"},
        {"", "#,1ms", "nothing can follow replay(FILE) but a blank"},
        {"4294967294*1 #", "", "that makes more than 4294967295 workers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(marked, sizeof marked, "%s%s%s", cases[i].before, spec_of_path,
                 cases[i].after);
        points_at(marked, cases[i].sentence);
    }
    points_at("replay(#)", "')' stands where FILE must");
    points_at("replay(abc#", "the text ends where ')' is missing");
}

static void bad_recordings_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", " is empty"},
        {"\n \n", " is empty"},
        {"round,worker,task,kept,seconds\n", ", line 1: the header has no column work"},
        {"\nworker,task,kept,seconds,work\n", ", line 2: the header has no column round"},
        {"round,worker,round,task,kept,seconds,work\n",
         ", line 1: the column round is there twice"},
        {HEAD, " has no kept task"},
        {HEAD "1,0,0,0,1,,1,0\n", " has no kept task"},
        {HEAD "1,0,0,1,1,,1\n", ", line 2: 7 columns, the header has 8"},
        {HEAD "1,0,0,1,1,,1,0,\n", ", line 2: 9 columns, the header has 8"},
        {HEAD "\n1,0,0,1,x,,1,0\n", ", line 3: seconds is 'x', must be a number from 1e-12 to "
                                    "1e12"},
        {HEAD "1,0,0,1,0,,1,0\n", ", line 2: seconds is '0', must be a number from 1e-12 to "
                                  "1e12"},
        {HEAD "1,0,0,1,1e-320,,1e6,0\n", ", line 2: seconds is '1e-320', must be a number from "
                                         "1e-12 to 1e12"},
        {HEAD "1,0,0,1,-1,,1,0\n", ", line 2: seconds is '-1', must be a number from 1e-12 to "
                                   "1e12"},
        {HEAD "1,0,0,1,nan,,1,0\n",
         ", line 2: seconds is 'nan', must be a number from 1e-12 to "
         "1e12"},
        {HEAD "1,0,0,1,1,,0,0\n", ", line 2: work is '0', must be a number above 0 and at most "
                                  "1e6"},
        {HEAD "1,0,0,1,1,,1e7,0\n", ", line 2: work is '1e7', must be a number above 0 and at "
                                    "most 1e6"},
        {HEAD "1,0,0,1,1,,1e-300,0\n", ", line 2: work is '1e-300', must be more for so many "
                                       "seconds"},
        {HEAD "1,1000000,0,1,1,,1,0\n", ", line 2: worker is '1000000', must be a whole number "
                                        "below 1000000"},
        {HEAD "-1,0,0,1,1,,1,0\n", ", line 2: round is '-1', must be a whole number below "
                                   "4294967296"},
        {HEAD "1,0,,1,1,,1,0\n", ", line 2: task is '', must be a whole number below "
                                 "4294967296"},
        {HEAD "1,0,0,2,1,,1,0\n", ", line 2: kept is '2', must be a whole number below 2"},
        {HEAD "1,0,0,1,1,,1,1.5\n", ", line 2: flags is '1.5', must be a whole number below "
                                    "4294967296"},
        {HEAD "1,2,0,1,1,,1,0\n1,0,0,1,1,,1,0\n",
         " has workers 0..2, but no kept task of worker 1"},
        {HEAD "1,0,0,1,1,,1,0\n1,1,0,0,1,,1,0\n",
         " has workers 0..1, but no kept task of worker 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        crew_speeds *s;
        char want[300];
        write_file(cases[i].text, strlen(cases[i].text));
        snprintf(want, sizeof want, "%s%s", path, cases[i].why);
        assert_int_equal(crew_speeds_parse(spec_of_path, false, &s, &err), CREW_EFORMAT);
        assert_string_equal(err.text, want);
        assert_null(s);
    }
}

static void files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    crew_speeds *s;
    char spec[100], want[200];
    assert_int_equal(crew_speeds_parse("1 replay(/nonexistent/x)", false, &s, &err),
                     CREW_EINPUT);
    assert_string_equal(err.text, "cannot open /nonexistent/x: No such file or directory");
    snprintf(spec, sizeof spec, "replay(%s)", folder);
    snprintf(want, sizeof want, "cannot open %s: Is a directory", folder);
    assert_int_equal(crew_speeds_parse(spec, false, &s, &err), CREW_EINPUT);
    assert_string_equal(err.text, want);
}

static void broken_recordings_never_crash(void **state)
{
    (void)state;
    uint64_t drawn = 0;
    size_t taken = 0;
    for (size_t k = 0; k < 2000; k++) {
        char text[sizeof recording];
        memcpy(text, recording, sizeof text);
        uint64_t r = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 1, drawn++);
        for (uint64_t edits = 1 + r % 3; edits > 0; edits--) {
            r = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 1, drawn++);
            text[(r >> 16) % (sizeof text - 1)] =
                (r & 1) ? (char)(r >> 8) : "0123456789,.-e\n"[(r >> 8) % 15];
        }
        crew_speeds *s;
        write_file(text, k % 4 ? sizeof text - 1 : (r >> 40) % sizeof text);
        crew_status status = crew_speeds_parse(spec_of_path, false, &s, &err);
        assert_true(status == CREW_OK || status == CREW_EFORMAT);
        if (status != CREW_OK)
            continue;
        uint32_t flags;
        double x = next_of(s, crew_speeds_n(s) - 1, 1, &flags);
        assert_true(x > 0 && isfinite(x));
        taken++;
        crew_speeds_destroy(s);
    }
    assert_true(taken > 20 && taken < 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_times_come_back_bit_for_bit),
        cmocka_unit_test(any_work_that_was_recorded_comes_back),
        cmocka_unit_test(a_recording_may_start_again),
        cmocka_unit_test(what_was_taken_back_comes_again),
        cmocka_unit_test(a_recording_is_read_by_its_column_names),
        cmocka_unit_test(a_recording_stands_beside_other_groups),
        cmocka_unit_test(recordings_are_groups_of_their_own),
        cmocka_unit_test(bad_recordings_are_refused_with_their_line),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(broken_recordings_never_crash),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
