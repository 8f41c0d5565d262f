/* What a report reads, keeps and writes; the page itself is looked at in cli_report. */
#include "study/page.h"
#include "study/plot.h"
#include "testing.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/crew-report-XXXXXX";
static struct crew_error err;
static struct crew_logs all;

static void is_near(double value, double want, double off)
{
    if (!(fabs(value - want) <= off))
        fail_msg("%.17g is not %.17g", value, want);
}

static const char *file(const char *name, const char *text)
{
    static char path[4][96];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    if (text) {
        FILE *f = fopen(p, "w");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
    }
    return p;
}

static void read_it(const char *path)
{
    crew_status status = crew_logs_read(&all, path, &err);
    if (status != CREW_OK)
        fail_msg("%s", err.text);
}

static int forget(void **state)
{
    (void)state;
    crew_logs_free(&all);
    return 0;
}

#define START                                                                                  \
    "{\"event\":\"start\",\"config\":{\"policy\":\"queue\",\"model\":\"mlp:64\"},\"machine\":" \
    "{\"cores\":2}}\n"
#define ROUND1                                                                                \
    "{\"event\":\"round\",\"round\":1,\"loss\":2,\"seconds\":1,\"wait_s\":0.5,\"elapsed_s\":" \
    "1,"                                                                                      \
    "\"worker_s\":1.5,\"quota\":[3,1],\"done\":[3,1],\"mean_ms\":[100,null]}\n"
#define ROUND2                                                                               \
    "{\"event\":\"round\",\"round\":2,\"loss\":null,\"seconds\":1,\"elapsed_s\":3,\"worker_" \
    "s\":2,"                                                                                 \
    "\"quota\":[2,2],\"done\":[2,2],\"mean_ms\":[200,300]}\n"
#define END "{\"event\":\"end\",\"wall_s\":3,\"worker_s\":3.5,\"error\":null}\n"

static void a_log_gives_its_rounds(void **state)
{
    (void)state;
    read_it(file("run.jsonl", START ROUND1 ROUND2 END));
    assert_int_equal(all.n_logs, 1);
    const struct crew_log *l = all.log[0];
    assert_string_equal(l->name, "run");
    assert_int_equal(l->rounds, 2);
    assert_int_equal(l->workers, 2);
    assert_int_equal(l->n_bins, 2);
    is_near(l->bin[0].loss, 2, 0);
    assert_true(isnan(l->bin[1].loss));
    is_near(l->bin[1].seconds, 3, 0);
    is_near(l->bin[1].worker_s, 3.5, 0);
    assert_true(l->planned);
    is_near(l->tasks[1][0], 3, 0);
    is_near(l->tasks[1][3], 2, 0);
    double q[5];
    assert_true(crew_log_quantiles(l, 0, q));
    is_near(q[2], 0.15, 1e-12);
    assert_true(crew_log_quantiles(l, 1, q));
    is_near(q[2], 0.3, 1e-12);
    assert_int_equal(all.input[0].skipped, 0);
    char label[64];
    crew_log_label(l, label, sizeof label);
    assert_string_equal(label, "run: queue");
}

static void foreign_and_cut_lines_are_counted(void **state)
{
    (void)state;
    read_it(file("run.jsonl", "warning: something\n\n" START "{\"event\":\"else\"}\n" ROUND1
                              "[1,2]\n{\"event\":\"round\"}\n"
                              "{\"event\":\"round\",\"round\":2,\"lo"));
    assert_int_equal(all.log[0]->rounds, 1);
    assert_int_equal(all.input[0].lines, 7);
    assert_int_equal(all.input[0].skipped, 5);
    assert_null(all.log[0]->end);
}

static void a_second_start_is_a_second_run(void **state)
{
    (void)state;
    read_it(file("run.jsonl", START ROUND1 END START ROUND1 ROUND2));
    assert_int_equal(all.n_logs, 2);
    assert_int_equal(all.log[0]->rounds, 1);
    assert_int_equal(all.log[1]->rounds, 2);
    assert_string_equal(all.log[1]->name, "run #2");
}

/* However long the log is: sums and means over all rounds stay what they are. */
static void a_long_log_is_thinned(void **state)
{
    (void)state;
    enum { ROUNDS = 3001 };
    const char *path = file("run.jsonl", START);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    for (int i = 1; i <= ROUNDS; i++)
        fprintf(f,
                "{\"event\":\"round\",\"round\":%d,\"loss\":%d,\"seconds\":1,\"elapsed_s\":%d,"
                "\"worker_s\":2,\"quota\":[0,0],\"done\":[1,%d],\"mean_ms\":[%d,1]}\n",
                i, i, i, i % 2, i);
    assert_int_equal(fclose(f), 0);
    read_it(path);
    const struct crew_log *l = all.log[0];
    double loss = 0, done[2] = {0, 0}, rounds = 0, q[5];
    assert_int_equal(l->rounds, ROUNDS);
    assert_true(l->n_bins > CREW_LOG_BINS / 2 - 1 && l->n_bins <= CREW_LOG_BINS);
    for (size_t i = 0; i < l->n_bins; i++) {
        assert_true(l->bin[i].rounds == l->each || i + 1 == l->n_bins); /* even columns */
        rounds += (double)l->bin[i].rounds;
        loss += l->bin[i].loss * (double)l->bin[i].rounds;
        is_near((double)l->bin[i].last, rounds, 0);
        is_near(l->bin[i].seconds, rounds, 0);
        is_near(l->bin[i].worker_s, 2 * rounds, 0);
        for (size_t w = 0; w < 2; w++)
            done[w] += l->tasks[0][2 * i + w];
    }
    is_near(rounds, ROUNDS, 0);
    is_near(loss, ROUNDS * (ROUNDS + 1) / 2.0, 1e-3);
    is_near(done[0], ROUNDS, 0);
    is_near(done[1], (ROUNDS + 1) / 2, 0);
    assert_false(l->planned);
    assert_true(l->sample[0].n <= CREW_LOG_SAMPLES &&
                l->sample[0].n > CREW_LOG_SAMPLES / 2 - 1);
    assert_true(crew_log_quantiles(l, 0, q));
    is_near(q[2], 1e-3 * ROUNDS / 2, 1e-3 * 2);
}

static void many_workers_share_a_row(void **state)
{
    (void)state;
    const char *path = file("run.jsonl", "");
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs("{\"event\":\"round\",\"round\":1,\"seconds\":1,\"done\":[1", f);
    for (int i = 1; i < 100; i++)
        fprintf(f, ",%d", i + 1);
    fputs("]}\n", f);
    assert_int_equal(fclose(f), 0);
    read_it(path);
    assert_int_equal(all.log[0]->workers, 100);
    assert_int_equal(all.log[0]->shown, CREW_LOG_WORKERS + 1);
    is_near(all.log[0]->tasks[0][63], 64, 0);
    is_near(all.log[0]->tasks[0][64], (65 + 100) * 36 / 2.0, 0);
}

/* ---- Tasks ---- */

#define TASKS                                                 \
    "round,worker,task,kept,seconds,cpu_seconds,work,flags\n" \
    "1,0,0,1,0.25,,1,1\n1,0,1,1,0.125,,1,0\n1,1,2,0,0.5,,1,0\n"

static void tasks_of_a_worker_follow_one_another(void **state)
{
    (void)state;
    struct crew_last_rounds last;
    double q[5];
    read_it(file("run.jsonl", START ROUND1 END));
    read_it(file("run.tasks.csv", TASKS "2,0,0,x,1,,1,0\n3,0,0,1,-1,,1,0\n"));
    assert_int_equal(all.input[1].lines, 6);
    assert_int_equal(all.input[1].skipped, 2);
    assert_int_equal(crew_logs_join(&all, &err), CREW_OK);
    assert_int_equal(all.n_logs, 1);
    assert_true(crew_last_rounds(all.log[0], &last));
    assert_int_equal(last.n, 3);
    assert_int_equal(last.n_rounds, 1);
    assert_int_equal(last.workers, 2);
    is_near(last.span[1].start_s, 0.25, 1e-12);
    is_near(last.span[2].start_s, 0, 0);
    assert_false(last.span[2].kept);
    is_near(last.round[0].wait_s, 0.5, 1e-12);
    is_near(last.end_s, 1, 1e-12); /* of the log */
    crew_last_rounds_free(&last);
    assert_true(crew_log_quantiles(all.log[0], 0, q)); /* without its warm-up */
    is_near(q[0], 0.125, 1e-12);
    assert_false(crew_log_quantiles(all.log[0], 1, q)); /* how long it took is not known */
}

static void a_timeline_tells_when_tasks_began(void **state)
{
    (void)state;
    struct crew_last_rounds last;
    read_it(file("t.json",
                 "{\"traceEvents\":[\n"
                 "{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"thread_name\",\"args\":{}},\n"
                 "{\"ph\":\"X\",\"tid\":0,\"ts\":5e6,\"dur\":2e6,\"name\":\"plan and "
                 "wait\",\"cat\":\"round\",\"args\":{\"round\":7}},\n"
                 "{\"ph\":\"X\",\"tid\":0,\"ts\":7e6,\"dur\":1e6,\"name\":\"combine and "
                 "step\",\"cat\":\"round\",\"args\":{\"round\":7}},\n"
                 "{\"ph\":\"X\",\"tid\":2,\"ts\":5.5e6,\"dur\":1e6,\"name\":\"dropped "
                 "task\",\"cat\":\"task\",\"args\":{\"round\":7,\"task\":1}},\n"
                 "{\"ph\":\"X\",\"tid\":2,\"ts\":5.5e6,\n"
                 "],\"displayTimeUnit\":\"ms\"}\n"));
    assert_int_equal(all.input[0].skipped, 1);
    assert_int_equal(crew_logs_join(&all, &err), CREW_OK);
    assert_int_equal(all.n_logs, 1); /* a run of its own */
    assert_true(crew_last_rounds(all.log[0], &last));
    assert_int_equal(last.n, 1);
    assert_int_equal(last.span[0].worker, 1);
    is_near(last.span[0].start_s, 0.5, 1e-9);
    is_near(last.round[0].begin_s, 0, 0);
    is_near(last.round[0].wait_s, 2, 1e-9);
    is_near(last.end_s, 3, 1e-9);
    crew_last_rounds_free(&last);
}

/* ---- Other files ---- */

static void results_of_comparisons_are_curves_too(void **state)
{
    (void)state;
    struct crew_curve c;
    double x, w, y;
    read_it(file("run.jsonl", START ROUND1));
    read_it(file("c.json",
                 "{\n \"policies\": [\n  {\"policy\": \"a\", \"wall_s\": [3, 1, null, "
                 "2],\n   \"curve\": {\"seconds\": [1, 2], \"worker_seconds\": [2, 4], "
                 "\"loss\": [null, 5]}},\n  {\"policy\": \"b\", \"curve\": [[1, 2, "
                 "3]]}, {}]}\n"));
    assert_int_equal(all.input[1].kind, CREW_INPUT_COMPARISON);
    assert_true(crew_curve_at(&all, 0, &c));
    assert_string_equal(c.label, "run: queue");
    assert_true(crew_curve_at(&all, 1, &c));
    assert_string_equal(c.label, "a");
    assert_int_equal(c.n, 2);
    assert_false(crew_curve_point(&c, 0, &x, &w, &y));
    assert_true(crew_curve_point(&c, 1, &x, &w, &y));
    is_near(x + w + y, 2 + 4 + 5, 0);
    assert_true(crew_curve_at(&all, 2, &c));
    assert_true(crew_curve_point(&c, 0, &x, &w, &y));
    is_near(y, 3, 0);
    assert_false(crew_curve_at(&all, 3, &c));
    const json_t *list = json_object_get(all.input[1].document, "policies");
    is_near(crew_json_number(json_array_get(list, 0), "wall_s"), 2, 0);
    assert_true(isnan(crew_json_number(json_array_get(list, 1), "wall_s")));
}

static void what_holds_nothing_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "hello\nworld\n",
                                      "{}\n",
                                      "[1,2,3]",
                                      "{\"a\": 1",
                                      "round,worker,task,kept,seconds\n",
                                      "{\"traceEvents\":[\n]}\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(crew_logs_read(&all, file("bad", bad[i]), &err), CREW_EFORMAT);
        assert_non_null(strstr(err.text, "/bad: "));
    }
    unlink(file("bad", NULL));
    assert_int_equal(crew_logs_read(&all, file("bad", NULL), &err), CREW_EINPUT);
    assert_int_equal(crew_logs_read(&all, folder, &err), CREW_EINPUT);
}

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

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"run.jsonl", "run.tasks.csv", "t.json", "c.json",
                                        "bad"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(file(names[i], NULL));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_log_gives_its_rounds, forget),
        cmocka_unit_test_teardown(foreign_and_cut_lines_are_counted, forget),
        cmocka_unit_test_teardown(a_second_start_is_a_second_run, forget),
        cmocka_unit_test_teardown(a_long_log_is_thinned, forget),
        cmocka_unit_test_teardown(many_workers_share_a_row, forget),
        cmocka_unit_test_teardown(tasks_of_a_worker_follow_one_another, forget),
        cmocka_unit_test_teardown(a_timeline_tells_when_tasks_began, forget),
        cmocka_unit_test_teardown(results_of_comparisons_are_curves_too, forget),
        cmocka_unit_test_teardown(what_holds_nothing_is_refused, forget),
        cmocka_unit_test(no_text_is_markup),
        cmocka_unit_test(a_plot_becomes_part_of_a_page),
        cmocka_unit_test_teardown(nothing_of_a_users_text_reaches_gnuplot, forget),
        cmocka_unit_test_teardown(every_script_ends_with_a_plot, forget),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
