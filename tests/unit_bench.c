/* Whole runs of crew bench, short ones. No figure of this machine is judged. */
#include "fake_root.h"

#include "study/measure.h"
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

static struct crew_bench_config config(void)
{
    struct crew_bench_config cfg = {.model = "softmax",
                                    .task_rows = 8,
                                    .seed = 1,
                                    .workers = 2,
                                    .bind = "prefer",
                                    .batch_tasks = 5,
                                    .size = 16,
                                    .triad_mb = 1,
                                    .seconds = 2e-3,
                                    .powercap = "/none"};
    crew_data_config_init(&cfg.data);
    cfg.data.data = "synth:100x4x3";
    return cfg;
}

static bool within(double v, double most)
{
    return v > 0 && v < most;
}

static void check_slot(const struct crew_bench *b, uint32_t i)
{
    const struct crew_bench_slot *s = &b->slot[i];
    for (int what = 0; what < CREW_MEASURES; what++)
        for (int how = 0; how < CREW_SETTINGS; how++) {
            const struct crew_sampled *f = &s->measured[what][how];
            assert_true(f->n >= 3 && f->n <= CREW_SAMPLES);
            assert_true(within(f->mean_s, 1) && within(f->median_s, 1) && within(f->p95_s, 1));
            assert_true(f->p95_s >= f->median_s);
            assert_true(isnan(f->cpu_s) || f->cpu_s >= 0);
        }
    for (int how = 0; how < CREW_SETTINGS; how++)
        assert_true(s->speed[how] > 0 && s->speed[how] <= 1);
    assert_true(isnan(s->task_j));
}

/* A node gives its memory, or a note says why not. */
static void check_nodes(const struct crew_bench_nodes *d)
{
    for (uint32_t i = 0; i < d->n_cores * d->n_memory; i++)
        assert_true(isnan(d->bytes_per_s[i]) ==
                    isnan(d->load_s[i % d->n_memory]) /* whole columns */);
    for (uint32_t i = 0; i < d->n_cores * d->n_memory; i++)
        if (!isnan(d->load_s[i]))
            assert_true(within(d->bytes_per_s[i], 1e13) && within(d->load_s[i], 1));
    assert_true(!d->n_cores || d->n_memory);
}

static void a_short_bench_fills_in_everything(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    struct crew_error err = {.text = ""};
    uint64_t planned = 0;
    (void)state;
    cfg.latency = cfg.numa = true;
    cfg.watch_s = 0.02;
    if (crew_bench_run(&cfg, &b, &err) != CREW_OK)
        fail_msg("%s", err.text);
    assert_false(b.stopped);
    assert_int_equal(b.n_params, 15);
    for (uint32_t i = 0; i < b.n; i++) {
        check_slot(&b, i);
        planned += b.slot[i].planned;
        for (uint32_t j = 0; j < b.n && b.latency_s; j++) {
            double v = b.latency_s[i * b.n + j];
            assert_true(i == j ? isnan(v) : isnan(v) || within(v, 0.1));
        }
    }
    assert_int_equal(planned, 5);
    assert_true(b.n == 1 || b.latency_s);
    check_nodes(&b.nodes);
    assert_true(b.measured && b.passes == 1 && isnan(b.slot[0].speed_se[CREW_ALONE]));
    assert_int_equal(b.watch.buckets, 20);
    assert_true(isnan(b.task_j));
    assert_non_null(strstr(b.no_energy, "/none"));
    crew_bench_free(&b);
}

/* ---- Energy, from a made-up folder ---- */

static void a_zone(void **state, const char *microjoules)
{
    put(state, "/intel-rapl:0/name", "package-0\n");
    put(state, "/intel-rapl:0/max_energy_range_uj", "999999999999\n");
    put(state, "/intel-rapl:0/energy_uj", microjoules);
}

static void a_counter_that_stands_still_is_not_believed(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    a_zone(state, "5000\n");
    cfg.powercap = *state;
    assert_int_equal(crew_bench_run(&cfg, &b, NULL), CREW_OK);
    assert_true(isnan(b.task_j) && isnan(b.slot[0].task_j));
    assert_string_equal(b.no_energy, "the counters stand still");
    crew_bench_free(&b);
}

struct meter {
    int file;
    atomic_bool over;
};

/* A joule a millisecond, in as many digits as ever: no reader sees half a number. */
static void *count_up(void *arg)
{
    struct meter *m = arg;
    char text[16];
    for (uint64_t j = 0; !atomic_load(&m->over); j++) {
        snprintf(text, sizeof text, "%012llu", (unsigned long long)(j * 1000000));
        assert_int_equal(pwrite(m->file, text, 12, 0), 12);
        usleep(1000);
    }
    return NULL;
}

static void energy_is_that_of_a_task(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    struct meter meter = {0};
    char path[128];
    pthread_t thread;
    a_zone(state, "000000000000\n");
    snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", (char *)*state);
    meter.file = open(path, O_WRONLY);
    assert_true(meter.file >= 0);
    assert_int_equal(pthread_create(&thread, NULL, count_up, &meter), 0);
    cfg.powercap = *state;
    cfg.seconds = 0.05;
    crew_status status = crew_bench_run(&cfg, &b, NULL);
    atomic_store(&meter.over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(meter.file);
    assert_int_equal(status, CREW_OK);
    double turns = 0;
    for (uint32_t i = 0; i < b.n; i++)
        turns += (double)b.slot[i].measured[CREW_GRADIENT][CREW_TOGETHER].turns;
    double joules = turns * b.task_j; /* a whole number of the meter's steps */
    assert_true(joules > 0.5 && fabs(joules - round(joules)) < 1e-6 * joules);
    crew_bench_free(&b);
}

/* ---- Ends before the end ---- */

static bool stop_at_once(void *user, const char *what, double done)
{
    (void)what, (void)done;
    ++*(int *)user;
    return false;
}

static void a_bench_that_is_stopped_says_so(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    struct crew_error err = {.text = ""};
    int asked = 0;
    (void)state;
    cfg.seconds = 3600;
    cfg.on_progress = stop_at_once;
    cfg.user = &asked;
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_OK);
    assert_true(b.stopped && asked > 0);
    assert_true(b.round[3].policy == NULL);
    crew_bench_free(&b);
}

static bool remove_folder(void *user, const char *what, double done)
{
    (void)what, (void)done;
    (void)rmdir(user);
    return true;
}

/* The disk may be full by then: what was measured is not lost. */
static void a_profile_that_cannot_be_written_costs_no_figures(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    struct crew_error err;
    char folder[128], file[160];
    snprintf(folder, sizeof folder, "%s/gone", (char *)*state);
    snprintf(file, sizeof file, "%s/profile", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    cfg.seconds = 0.05;
    cfg.save_profile = file;
    cfg.on_progress = remove_folder;
    cfg.user = folder;
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_EOUTPUT);
    assert_true(b.measured && b.round[3].seconds > 0);
    crew_bench_free(&b);
}

/* A third of the memory for the parameters, and one for those of each worker: refused before
 * any of it is touched. */
static void memory_is_counted_before_it_is_taken(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    struct crew_error err;
    struct rusage before, after;
    char model[64];
    double have = (double)crew_machine_free_bytes(), width = floor(sqrt(have / 4 / 2.5));
    (void)state;
    if (have > 0x1p36)
        skip(); /* no model is so large */
    snprintf(model, sizeof model, "mlp:%.0f,%.0f", width, width);
    cfg.model = model;
    getrusage(RUSAGE_SELF, &before);
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_ENOMEM);
    getrusage(RUSAGE_SELF, &after);
    assert_true((double)(after.ru_maxrss - before.ru_maxrss) * 1024 < 0.1 * have);
    assert_non_null(strstr(err.text, "MB are free"));
    crew_bench_free(&b);
}

static void what_cannot_be_measured_is_refused(void **state)
{
    struct crew_bench_config cfg = config();
    struct crew_bench b;
    struct crew_error err;
    (void)state;
    cfg.model = "sofmax";
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_EINVAL);
    assert_non_null(strstr(err.text, "did you mean 'softmax'"));
    crew_bench_free(&b);
    cfg = config();
    cfg.bind = "glue";
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_EINVAL);
    crew_bench_free(&b);
    cfg = config();
    cfg.save_profile = "/none/profile";
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_EOUTPUT);
    crew_bench_free(&b);
    cfg = config();
    cfg.data.data = "/none/rows.csv";
    assert_int_equal(crew_bench_run(&cfg, &b, &err), CREW_EINPUT);
    crew_bench_free(&b);
    crew_bench_free(&b); /* zeroed is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_bench_fills_in_everything),
        cmocka_unit_test(a_bench_that_is_stopped_says_so),
        cmocka_unit_test(memory_is_counted_before_it_is_taken),
        cmocka_unit_test(what_cannot_be_measured_is_refused),
        cmocka_unit_test_setup_teardown(a_counter_that_stands_still_is_not_believed, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(energy_is_that_of_a_task, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_profile_that_cannot_be_written_costs_no_figures,
                                        make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
