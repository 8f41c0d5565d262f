/* What a report writes: text, scripts for gnuplot, and what becomes of them. */
#include "report_rig.h"
#include "study/page.h"
#include "study/plot.h"
#include "study/report.h"
#include <sys/stat.h>

/* ---- HTML ---- */

static char text[4096];

static const char *written(void (*write)(FILE *to, const char *s), const char *s)
{
    text[0] = '\0';
    FILE *to = fmemopen(text, sizeof text, "w");
    assert_non_null(to);
    write(to, s);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void no_text_is_markup(void **state)
{
    (void)state;
    assert_string_equal(written(crew_page_text, "<b a='1' c=\"2\">&amp;"),
                        "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;");
    assert_string_equal(written(crew_page_text, "\xc3\xa9 \xe2\x80\x93 \xf0\x9f\x98\x80"),
                        "\xc3\xa9 \xe2\x80\x93 \xf0\x9f\x98\x80");
#define BAD "\xef\xbf\xbd"
    assert_string_equal(written(crew_page_text, "a\xff\x01z\xc3"), "a" BAD BAD "z" BAD);
    assert_string_equal(written(crew_page_text, "\xc0\xaf"), BAD BAD);         /* overlong */
    assert_string_equal(written(crew_page_text, "\xed\xa0\x80"), BAD BAD BAD); /* half a pair */
}

static void put_svg(FILE *to, const char *s)
{
    crew_page_svg(to, s, "a <plot>");
}

static void a_plot_becomes_part_of_a_page(void **state)
{
    (void)state;
    assert_string_equal(
        written(put_svg, "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 1 1\">\n<title>x</title>"
                         "<desc>y</desc><defs><path id='p'/></defs><g id=\"g\" "
                         "fill=\"rgb(1,2,3)\"><path stroke='rgb(  1,   2,   3)' d='M0,0'/>"
                         "</g></svg>\n"),
        "<svg role=\"img\" aria-label=\"a &lt;plot&gt;\" viewBox=\"0 0 1 1\">\n"
        "<g fill=\"currentColor\"><path stroke='currentColor' d='M0,0'/></g></svg>\n");
    assert_string_equal(written(put_svg, "no picture"), "");
}

/* A script is data and numbers: whatever files and policies are called. */
static void nothing_of_a_users_text_reaches_gnuplot(void **state)
{
    (void)state;
    read_it(
        file("`reboot` END.jsonl",
             "{\"event\":\"start\",\"config\":{\"policy\":\"'; system('reboot')\"}}\n" ROUND1
                 ROUND2));
    unlink(file("`reboot` END.jsonl", NULL));
    char script[4096];
    FILE *to = fmemopen(script, sizeof script, "w");
    assert_non_null(to);
    assert_true(crew_plot_loss(to, &all, false));
    assert_true(crew_plot_loss(to, &all, true));
    assert_true(crew_plot_quota(to, all.log[0]));
    assert_int_equal(fclose(to), 0);
    assert_non_null(strstr(script, "plot "));
    assert_null(strstr(script, "reboot"));
    assert_null(strchr(script, '`'));
}

/* Whichever scale the numbers need. */
static void every_script_ends_with_a_plot(void **state)
{
    (void)state;
    static const char *const format =
        "{\"event\":\"round\",\"round\":%d,\"seconds\":1,\"worker_s\":1,\"loss\":%g,\"done\":"
        "[1,1],\"mean_ms\":[%g,1]}\n";
    for (int wide = 0; wide < 2; wide++) {
        char lines[1024], script[8192] = "";
        int at = snprintf(lines, sizeof lines, format, 1, 1.0, 1.0);
        snprintf(lines + at, sizeof lines - (size_t)at, format, 2, wide ? 1e-3 : 0.5,
                 wide ? 1e3 : 2.0);
        read_it(file("run.jsonl", lines));
        for (int k = 0; k < 3; k++) {
            FILE *to = fmemopen(script, sizeof script, "w");
            assert_non_null(to);
            assert_true(k == 0   ? crew_plot_loss(to, &all, false)
                        : k == 1 ? crew_plot_quota(to, all.log[0])
                                 : crew_plot_times(to, all.log[0]));
            assert_int_equal(fclose(to), 0);
            assert_non_null(strstr(script, "\nplot "));
            assert_int_equal(strstr(script, "logscale y") != NULL, wide && k != 1);
        }
        crew_logs_free(&all);
    }
}

/* ---- The program that draws ---- */

/* A report on run.jsonl with this as gnuplot, a shell script, or nothing of that name. */
static crew_status report_with(const char *gnuplot, double seconds)
{
    char path[96];
    const char *input = file("run.jsonl", START ROUND1 ROUND2 END),
               *tool = file("gnuplot", NULL);
    snprintf(path, sizeof path, "%s/page.html", folder);
    unlink(tool);
    if (gnuplot) {
        FILE *f = fopen(tool, "w");
        assert_non_null(f);
        fputs(gnuplot, f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(tool, 0700), 0);
    }
    const struct crew_report_config cfg = {
        .inputs = &input, .n_inputs = 1, .output = path, .replace = true, .plot_s = seconds};
    assert_int_equal(setenv("PATH", folder, 1), 0);
    crew_status status = crew_report(&cfg, &err);
    assert_int_equal(setenv("PATH", "/usr/bin:/bin", 1), 0);
    assert_int_equal(access(path, F_OK) == 0, status == CREW_OK);
    assert_int_equal(access(file("page-loss.csv", NULL), F_OK), 0);
    unlink(path);
    return status;
}

static void without_a_picture_there_is_a_sentence_and_the_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *gnuplot, *text;
        double seconds; /* 0: as long as it takes */
    } bad[] = {
        {NULL, "gnuplot is missing (Debian package gnuplot-nox)", 0},
        {"not a program", "gnuplot cannot be started", 0},
        {"#!/bin/sh\nexit 1\n", "gnuplot failed (it says nothing)", 0},
        {"#!/bin/sh\nprintf 'line 3\\n  oops\\n' >&2\nexit 1\n", "gnuplot failed (", 0},
        {"#!/bin/sh\nkill -9 $$\n", "gnuplot failed", 0},
        {"#!/bin/sh\necho no picture\n", "gnuplot drew no picture", 0},
        {"#!/bin/sh\nexec /bin/sleep 600\n", "gnuplot was still drawing after 0.1 s", 0.1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        crew_status status = report_with(bad[i].gnuplot, bad[i].seconds);
        if (status != CREW_EOUTPUT || !strstr(err.text, bad[i].text) ||
            !strstr(err.text, "in CSV files beside it"))
            fail_msg("%d: '%s' instead of '%s'", status, err.text, bad[i].text);
    }
    assert_int_equal(report_with("#!/bin/sh\necho '<svg xmlns=\"x\"><path/></svg>'\n", 0),
                     CREW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_text_is_markup),
        cmocka_unit_test(a_plot_becomes_part_of_a_page),
        cmocka_unit_test_teardown(nothing_of_a_users_text_reaches_gnuplot, forget),
        cmocka_unit_test_teardown(every_script_ends_with_a_plot, forget),
        cmocka_unit_test(without_a_picture_there_is_a_sentence_and_the_numbers),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
