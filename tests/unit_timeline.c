/* Timelines: what is in the file, and what is let go when there is no room. */
#include "study/timeline.h"
#include "testing.h"
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/crew-timeline-XXXXXX";
static char path[64];
static struct crew_error err;

static void is_near(double value, double want, double off)
{
    if (!(fabs(value - want) <= off))
        fail_msg("%.17g is not %.17g", value, want);
}

/* Round `round` of two workers, 10 s after the one before: worker 0 has two tasks of 1 s,
 * worker 1 one of 3 s, which is dropped. */
static struct crew_record record_of(uint64_t round, const uint64_t quota[2])
{
    static struct crew_timing timing[3];
    static const double busy_s[2] = {2, 3};
    static const uint64_t done[2] = {2, 0};
    timing[0] = (struct crew_timing){
        .worker = 0, .task = 0, .start_s = 0.5, .seconds = 1, .kept = true};
    timing[1] = (struct crew_timing){
        .worker = 0, .task = 2, .start_s = 1.5, .seconds = 1, .kept = true};
    timing[2] = (struct crew_timing){
        .worker = 1, .task = 1, .start_s = 0.25, .seconds = 3, .kept = false};
    return (struct crew_record){.round = round,
                                .loss = 0.5,
                                .seconds = 4,
                                .wait_s = 3.25,
                                .elapsed_s = 10 * (double)round,
                                .n = 2,
                                .quota = quota,
                                .done = done,
                                .busy_s = busy_s,
                                .timing = timing,
                                .n_timings = 3};
}

static json_t *write_and_read(const crew_timeline *t)
{
    json_error_t why;
    assert_int_equal(crew_timeline_write(t, path, true, NULL, "a \"title\"", &err), CREW_OK);
    json_t *root = json_load_file(path, 0, &why);
    assert_non_null(root);
    assert_true(json_is_array(json_object_get(root, "traceEvents")));
    return root;
}

static const char *text_of(const json_t *event, const char *key)
{
    const char *s = json_string_value(json_object_get(event, key));
    return s ? s : "";
}

static double number_of(const json_t *event, const char *key)
{
    return json_number_value(json_object_get(event, key));
}

/* The i-th event with that name, or NULL; counts from 0. */
static const json_t *event_of(const json_t *root, const char *name, size_t i)
{
    size_t k;
    json_t *e;
    json_array_foreach(json_object_get(root, "traceEvents"), k, e)
    {
        if (!strcmp(text_of(e, "name"), name) && i-- == 0)
            return e;
    }
    return NULL;
}

static void a_round_is_spans_of_its_workers_and_the_coordinator(void **state)
{
    (void)state;
    crew_timeline *t;
    const uint64_t quota[2] = {2, 1};
    const struct crew_record r = record_of(1, quota);
    assert_int_equal(crew_timeline_create(10, 2, &t, &err), CREW_OK);
    crew_timeline_round(t, &r);
    json_t *root = write_and_read(t);
    const json_t *task = event_of(root, "task", 1),
                 *dropped = event_of(root, "dropped task", 0),
                 *wait = event_of(root, "plan and wait", 0),
                 *step = event_of(root, "combine and step", 0);
    assert_string_equal(text_of(task, "ph"), "X");
    assert_int_equal(number_of(task, "tid"), 1);
    is_near(number_of(task, "ts"), 7.5e6, 1e-2); /* the round began at 6 s */
    is_near(number_of(task, "dur"), 1e6, 1e-2);
    assert_int_equal(number_of(json_object_get(task, "args"), "task"), 2);
    assert_int_equal(number_of(dropped, "tid"), 2);
    is_near(number_of(dropped, "ts"), 6.25e6, 1e-2);
    assert_null(event_of(root, "dropped task", 1));
    assert_int_equal(number_of(wait, "tid"), 0);
    is_near(number_of(wait, "ts") + number_of(wait, "dur"), number_of(step, "ts"), 1e-2);
    is_near(number_of(step, "ts") + number_of(step, "dur"), 10e6, 1e-2);
    assert_string_equal(
        text_of(json_object_get(event_of(root, "process_name", 0), "args"), "name"),
        "a \"title\"");
    assert_string_equal(
        text_of(json_object_get(event_of(root, "thread_name", 2), "args"), "name"), "worker 1");
    json_decref(root);
    crew_timeline_destroy(t);
}

static void quotas_and_remarks_are_told_when_they_change(void **state)
{
    (void)state;
    crew_timeline *t;
    const uint64_t first[2] = {2, 1}, second[2] = {3, 0};
    assert_int_equal(crew_timeline_create(10, 2, &t, &err), CREW_OK);
    for (uint64_t i = 1; i <= 6; i++) {
        struct crew_record r = record_of(i, i < 4 ? first : second);
        r.remark = i == 2 || i == 3 ? "alpha is\n\"small\"" : NULL;
        r.loss = i == 5 ? (double)NAN : 1;
        crew_timeline_round(t, &r);
    }
    json_t *root = write_and_read(t);
    const json_t *later = json_object_get(event_of(root, "quota", 1), "args");
    assert_string_equal(text_of(event_of(root, "quota", 0), "ph"), "i");
    assert_int_equal(number_of(later, "round"), 4);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(later, "quota"), 0)), 3);
    assert_null(event_of(root, "quota", 2));
    assert_string_equal(text_of(json_object_get(event_of(root, "remark", 0), "args"), "remark"),
                        "alpha is\n\"small\"");
    assert_null(event_of(root, "remark", 1));
    assert_non_null(event_of(root, "loss", 4));
    assert_null(event_of(root, "loss", 5));
    json_decref(root);
    crew_timeline_destroy(t);
}

/* On the worker's row, at the end of the round; of too many the last ones are known. */
static void decisions_are_instants_of_their_worker(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    static struct crew_policy_event event[MANY];
    crew_timeline *t;
    const uint64_t quota[2] = {2, 1};
    struct crew_record r = record_of(1, quota);
    assert_int_equal(crew_timeline_create(10, 2, &t, &err), CREW_OK);
    for (uint32_t i = 0; i < MANY; i++)
        event[i] = (struct crew_policy_event){i % 2, "\"slower\"", 0.25, i};
    event[MANY - 1].before_s = (double)NAN;
    r.events = event;
    r.n_events = MANY - 2;
    crew_timeline_round(t, &r);
    r.events = event + MANY - 2;
    r.n_events = 2;
    r.round = 2;
    r.elapsed_s = 20;
    crew_timeline_round(t, &r);
    json_t *root = write_and_read(t);
    const json_t *first = event_of(root, "\"slower\"", 0),
                 *last = event_of(root, "\"slower\"", (1 << 14) - 1);
    assert_string_equal(text_of(first, "ph"), "i");
    is_near(number_of(first, "ts"), 10e6, 1e-2);
    is_near(number_of(json_object_get(first, "args"), "before_ms"), 250, 1e-9);
    is_near(number_of(json_object_get(first, "args"), "after_ms"), 1e3 * (MANY - (1 << 14)), 1);
    is_near(number_of(last, "ts"), 20e6, 1e-2);
    assert_int_equal(number_of(last, "tid"), 2);
    assert_null(json_object_get(json_object_get(last, "args"), "before_ms"));
    assert_null(event_of(root, "\"slower\"", 1 << 14));
    json_decref(root);
    crew_timeline_destroy(t);
}

static void the_last_rounds_are_kept(void **state)
{
    (void)state;
    crew_timeline *t;
    const uint64_t quota[2] = {2, 1};
    assert_int_equal(crew_timeline_create(3, 2, &t, &err), CREW_OK);
    json_decref(write_and_read(t)); /* valid without any round, too */
    for (uint64_t i = 1; i <= 8; i++) {
        const struct crew_record r = record_of(i, quota);
        crew_timeline_round(t, &r);
    }
    assert_int_equal(crew_timeline_kept(t), 3);
    assert_int_equal(crew_timeline_seen(t), 8);
    json_t *root = write_and_read(t);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            number_of(json_object_get(event_of(root, "plan and wait", i), "args"), "round"),
            6 + i);
    assert_null(event_of(root, "plan and wait", 3));
    assert_non_null(event_of(root, "task", 5));
    assert_null(event_of(root, "task", 6));
    assert_non_null(event_of(root, "quota", 0)); /* though it has not changed since the first */
    json_decref(root);
    crew_timeline_destroy(t);
}

/* Tasks, not only rounds, are bounded: 2^19 of them. */
static void rounds_of_many_tasks_make_room_for_each_other(void **state)
{
    (void)state;
    enum { TASKS = 200000 };
    crew_timeline *t;
    const uint64_t quota[2] = {TASKS, 0};
    struct crew_timing *timing = calloc(TASKS, sizeof *timing);
    assert_non_null(timing);
    for (uint32_t i = 0; i < TASKS; i++)
        timing[i] =
            (struct crew_timing){.task = i, .start_s = 1e-6 * i, .seconds = 1e-6, .kept = true};
    assert_int_equal(crew_timeline_create(1000, 2, &t, &err), CREW_OK);
    for (uint64_t i = 1; i <= 5; i++) {
        struct crew_record r = record_of(i, quota);
        timing[0].task = (uint32_t)(1000000 + i);
        r.timing = timing;
        r.n_timings = TASKS;
        crew_timeline_round(t, &r);
        assert_true(crew_timeline_kept(t) == (i < 2 ? i : 2));
    }
    json_t *root = write_and_read(t);
    const json_t *first = json_object_get(event_of(root, "task", 0), "args"),
                 *second = json_object_get(event_of(root, "task", TASKS), "args");
    assert_int_equal(number_of(first, "round"), 4);
    assert_int_equal(number_of(first, "task"), 1000004);
    assert_int_equal(number_of(second, "task"), 1000005);
    assert_null(event_of(root, "task", 2 * TASKS));
    json_decref(root);
    crew_timeline_destroy(t);
    free(timing);
}

/* So are rounds, whatever they hold: a million of them fit nobody's viewer. */
static void a_million_rounds_are_bounded(void **state)
{
    (void)state;
    crew_timeline *t;
    const uint64_t quota[2] = {2, 1};
    struct crew_record r = record_of(1, quota);
    assert_int_equal(crew_timeline_create(1000000, 2, &t, &err), CREW_OK);
    r.n_timings = 0;
    for (r.round = 1; r.round <= 1000000; r.round++)
        crew_timeline_round(t, &r);
    assert_int_equal(crew_timeline_seen(t), 1000000);
    assert_int_equal(crew_timeline_kept(t), 1 << 17);
    crew_timeline_destroy(t);
    assert_int_equal(crew_timeline_create(1000000, 4096, &t, &err), CREW_OK);
    crew_timeline_destroy(t);
}

/* Virtual seconds know no bounds: 10^12 of them are 31 700 years. */
static void very_long_times_stay_in_order(void **state)
{
    (void)state;
    crew_timeline *t;
    const uint64_t quota[2] = {2, 1};
    assert_int_equal(crew_timeline_create(10, 2, &t, &err), CREW_OK);
    struct crew_record r = record_of(1, quota);
    r.elapsed_s = 1e12 + 4;
    crew_timeline_round(t, &r);
    json_t *root = write_and_read(t);
    is_near(number_of(event_of(root, "plan and wait", 0), "ts"), 1e18, 0);
    is_near(number_of(event_of(root, "quota", 0), "ts"), 1e18, 0);
    is_near(number_of(event_of(root, "task", 1), "ts"), 1e18 + 1.5e6, 200);
    is_near(number_of(event_of(root, "task", 1), "dur"), 1e6, 0);
    json_decref(root);
    crew_timeline_destroy(t);
}

static void a_file_is_replaced_only_when_asked(void **state)
{
    (void)state;
    crew_timeline *t;
    assert_int_equal(crew_timeline_create(3, 2, &t, &err), CREW_OK);
    json_decref(write_and_read(t));
    assert_int_equal(crew_timeline_write(t, path, false, NULL, "", &err), CREW_EOUTPUT);
    assert_non_null(strstr(err.text, path));
    crew_timeline_destroy(t);
    crew_timeline_destroy(NULL);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/timeline.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_is_spans_of_its_workers_and_the_coordinator),
        cmocka_unit_test(quotas_and_remarks_are_told_when_they_change),
        cmocka_unit_test(decisions_are_instants_of_their_worker),
        cmocka_unit_test(the_last_rounds_are_kept),
        cmocka_unit_test(rounds_of_many_tasks_make_room_for_each_other),
        cmocka_unit_test(a_million_rounds_are_bounded),
        cmocka_unit_test(very_long_times_stay_in_order),
        cmocka_unit_test(a_file_is_replaced_only_when_asked),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
