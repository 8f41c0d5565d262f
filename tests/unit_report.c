/* What a report reads and keeps of it; the page itself is looked at in unit_page, cli_report.
 */
#include "report_rig.h"
#include "study/plot.h"

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

/* As a crash may leave it: blocks of zeros, longer than any line may be. */
static void what_comes_before_a_line_too_long_stays(void **state)
{
    (void)state;
    const char *path = file("run.jsonl", START ROUND1);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 80 << 20, SEEK_END), 0);
    fputs("\n" ROUND2, f);
    assert_int_equal(fclose(f), 0);
    read_it(path);
    assert_int_equal(all.log[0]->rounds, 1);
    assert_int_equal(all.input[0].lines, 3);
    assert_int_equal(all.input[0].skipped, 1);
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

/* What no run can have said is a foreign line: it would spoil every plot. */
static void numbers_that_no_run_has_are_foreign(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\"seconds\":-1",
        "\"seconds\":1e300",
        "\"seconds\":1,\"elapsed_s\":1e16",
        "\"seconds\":1,\"elapsed_s\":0.5", /* before the round before it */
        "\"seconds\":1,\"worker_s\":-3",
        "\"seconds\":1,\"wait_s\":1e300",
        "\"loss\":1"};
    const char *path = file("run.jsonl", ROUND1);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        fprintf(f, "{\"event\":\"round\",\"round\":2,%s}\n", bad[i]);
    fputs("{\"event\":\"round\",\"round\":2,\"seconds\":1,\"elapsed_s\":2,\"loss\":1e300,"
          "\"done\":[-1,1e300],\"mean_ms\":[1e300,-1]}\n",
          f);
    assert_int_equal(fclose(f), 0);
    read_it(path);
    const struct crew_log *l = all.log[0];
    assert_int_equal(all.input[0].skipped, sizeof bad / sizeof *bad);
    assert_int_equal(l->rounds, 2);
    assert_true(isnan(l->bin[1].loss));
    is_near(l->tasks[0][2] + l->tasks[0][3], 0, 0);
    assert_int_equal(l->sample[0].n, 1); /* of the first round */
}

static void a_file_that_is_not_usable_leaves_only_its_name(void **state)
{
    (void)state;
    read_it(file("run.jsonl", START ROUND1));
    assert_int_equal(crew_logs_read(&all, file("t.json", "{\"traceEvents\":[\n]}\n"), &err),
                     CREW_EFORMAT);
    assert_int_equal(all.n_inputs, 2);
    assert_int_equal(all.n_tasks, 0);
    assert_int_equal(all.input[1].kind, CREW_INPUT_UNUSABLE);
    assert_non_null(strstr(all.input[1].why, "no task in its 2 lines"));
    const char *many = file("bad", ""); /* more runs than there is room for: none of them */
    FILE *f = fopen(many, "a");
    for (int i = 0; i < CREW_LOG_FILES + 1; i++)
        fputs(START, f);
    fclose(f);
    assert_int_equal(crew_logs_read(&all, many, &err), CREW_EINVAL);
    assert_int_equal(all.n_logs, 1);
    assert_int_equal(all.input[2].kind, CREW_INPUT_UNUSABLE);
    assert_int_equal(crew_logs_join(&all, &err), CREW_OK);
    assert_int_equal(all.n_logs, 1);
}

/* Every fourth task takes 9 s, the others 1 s: whoever keeps every fourth sees only those. */
static void samples_are_drawn_by_lot(void **state)
{
    (void)state;
    static double value[CREW_LOG_SAMPLES];
    struct crew_log_samples s = {.value = value};
    size_t slow = 0;
    for (int i = 1; i <= 4 * CREW_LOG_SAMPLES; i++)
        crew_log_sample(&s, i % 4 ? 1 : 9);
    assert_int_equal(s.each, 4);
    assert_int_equal(s.n, CREW_LOG_SAMPLES);
    for (size_t i = 0; i < s.n; i++)
        slow += value[i] == 9;
    is_near((double)slow / (double)s.n, 0.25, 0.04); /* four standard deviations */
}

/* ---- Tasks ---- */

static void tasks_go_to_the_run_of_the_nearest_name(void **state)
{
    (void)state;
    const char *const csv = "round,worker,seconds,start_s\n1,0,0.25,0\n1,1,0.125,0.5\n";
    read_it(file("run.jsonl", START ROUND1));
    read_it(file("run.2.jsonl", START ROUND1));
    read_it(file("run.2.tasks.csv", csv));
    read_it(file("run2.csv", csv)); /* nobody's */
    assert_int_equal(crew_logs_join(&all, &err), CREW_OK);
    assert_int_equal(all.n_logs, 3);
    assert_null(all.log[0]->single);
    assert_ptr_equal(all.log[1]->single, all.tasks[0]);
    assert_ptr_equal(all.log[2]->single, all.tasks[1]);
}

static void tasks_of_another_name_go_to_the_only_run_they_fit(void **state)
{
    (void)state;
    static const char *const csv[] = {"round,worker,seconds\n1,1,0.5\n",
                                      "round,worker,seconds\n1,2,0.5\n",
                                      "round,worker,seconds\n2,1,0.5\n"};
    for (int i = 0; i < 3; i++) { /* the second has more workers, the third more rounds */
        read_it(file("run.jsonl", START ROUND1));
        read_it(file("bad", csv[i]));
        assert_int_equal(crew_logs_join(&all, &err), CREW_OK);
        assert_int_equal(all.n_logs, i ? 2 : 1);
        assert_int_equal(all.log[0]->single != NULL, i == 0);
        crew_logs_free(&all);
    }
}

/* A worker that begins late, as in a queue, and waits between two tasks. */
static void a_csv_tells_when_tasks_began(void **state)
{
    (void)state;
    struct crew_last_rounds last;
    read_it(file("run.jsonl", START ROUND1 ROUND2));
    read_it(file("run.tasks.csv", "round,worker,kept,seconds,start_s\n2,0,1,0.25,0.0625\n"
                                  "2,0,1,0.25,0.5\n2,1,1,0.5,0.125\n"));
    assert_int_equal(crew_logs_join(&all, &err), CREW_OK);
    assert_true(crew_last_rounds(all.log[0], &last));
    assert_int_equal(last.n, 3);
    is_near(last.span[0].start_s, 0.0625, 1e-12);
    is_near(last.span[1].start_s, 0.5, 1e-12);
    is_near(last.span[2].start_s, 0.125, 1e-12);
    crew_last_rounds_free(&last);
    assert_true(all.log[0]->single->measured && !all.log[0]->single->absolute);
}

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
    assert_string_equal(c.label, "c: a"); /* there are curves of another file */
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

static void medians_are_of_all_repeats(void **state)
{
    (void)state;
    json_t *o = json_object(), *list = json_array();
    for (int i = 1; i <= 1000; i++)
        json_array_append_new(list, json_real(i));
    json_object_set_new(o, "train_s", list);
    is_near(crew_json_number(o, "train_s"), 500.5, 0);
    json_decref(o);
}

static void runs_of_one_name_are_told_apart(void **state)
{
    (void)state;
    read_it(file("run.jsonl", START ROUND1));
    read_it(file("run.log", START ROUND1));
    read_it(file("bad", START ROUND1));
    assert_int_equal(crew_logs_join(&all, &err), CREW_OK);
    assert_non_null(strstr(all.log[0]->name, "/run.jsonl"));
    assert_non_null(strstr(all.log[1]->name, "/run.log"));
    assert_string_equal(all.log[2]->name, "bad");
}

/* 300 slots: squares of two by two. */
static void latencies_of_many_slots_share_squares(void **state)
{
    (void)state;
    struct crew_latencies l;
    json_t *rows = json_array();
    for (int i = 0; i < 300; i++) {
        json_t *row = json_array();
        for (int k = 0; k < 300; k++)
            json_array_append_new(row, i == k ? json_null() : json_real(100 + i % 2));
        json_array_append_new(rows, row);
    }
    json_array_set_new(json_array_get(rows, 7), 9, json_real(-1)); /* not known */
    json_array_set_new(json_array_get(rows, 8), 9, json_real(1e300));
    json_array_set_new(json_array_get(rows, 298), 299, json_real(250));
    json_array_set_new(json_array_get(rows, 1), 299, json_real(50));
    assert_true(crew_latencies_of(rows, &l));
    assert_int_equal(l.each, 2);
    is_near(l.high, 250, 0);
    is_near(l.low, 50, 0);
    assert_true(l.high_from == 298 && l.high_to == 299 && l.low_from == 1 && l.low_to == 299);
    is_near(crew_latency_at(rows, &l, 0, 0), (100 + 101) / 2.0, 1e-12);
    is_near(crew_latency_at(rows, &l, 0, 1), (2 * 100 + 2 * 101) / 4.0, 1e-12);
    is_near(crew_latency_at(rows, &l, 149, 149), (250 + 101) / 2.0, 1e-12);
    json_decref(rows);
    rows = json_pack("[[n], [n, n]]");
    assert_false(crew_latencies_of(rows, &l));
    json_decref(rows);
    assert_false(crew_latencies_of(NULL, &l));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_log_gives_its_rounds, forget),
        cmocka_unit_test_teardown(foreign_and_cut_lines_are_counted, forget),
        cmocka_unit_test_teardown(what_comes_before_a_line_too_long_stays, forget),
        cmocka_unit_test_teardown(a_second_start_is_a_second_run, forget),
        cmocka_unit_test_teardown(a_long_log_is_thinned, forget),
        cmocka_unit_test_teardown(many_workers_share_a_row, forget),
        cmocka_unit_test_teardown(numbers_that_no_run_has_are_foreign, forget),
        cmocka_unit_test_teardown(a_file_that_is_not_usable_leaves_only_its_name, forget),
        cmocka_unit_test(samples_are_drawn_by_lot),
        cmocka_unit_test_teardown(tasks_go_to_the_run_of_the_nearest_name, forget),
        cmocka_unit_test_teardown(tasks_of_another_name_go_to_the_only_run_they_fit, forget),
        cmocka_unit_test_teardown(a_csv_tells_when_tasks_began, forget),
        cmocka_unit_test_teardown(tasks_of_a_worker_follow_one_another, forget),
        cmocka_unit_test_teardown(a_timeline_tells_when_tasks_began, forget),
        cmocka_unit_test_teardown(results_of_comparisons_are_curves_too, forget),
        cmocka_unit_test(medians_are_of_all_repeats),
        cmocka_unit_test_teardown(runs_of_one_name_are_told_apart, forget),
        cmocka_unit_test(latencies_of_many_slots_share_squares),
        cmocka_unit_test_teardown(what_holds_nothing_is_refused, forget),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
