/* A trainer takes of a profile only what is about its own task and workers. */
#include "testing.h"

#include "base/mem.h"
#include "profile_file.h"
#include "train/profile.h"
#include <math.h>

/* A policy that keeps what it is told, and plans like uniform for two. */
static double told_tasks[4], told_mean_s[4], known_mean_s[4];
static bool told, known;

static crew_status create(const struct crew_policy_config *cfg, void **self,
                          struct crew_error *err)
{
    (void)err;
    *self = NULL;
    told = cfg->prior_tasks != NULL;
    known = cfg->mean_s != NULL;
    assert_true(told == (cfg->prior_mean_s != NULL) && cfg->n <= 4);
    for (uint32_t i = 0; i < cfg->n; i++) {
        told_tasks[i] = told ? cfg->prior_tasks[i] : 0;
        told_mean_s[i] = told ? cfg->prior_mean_s[i] : 0;
        known_mean_s[i] = known ? cfg->mean_s[i] : 0;
    }
    return CREW_OK;
}

static void plan(void *self, const struct crew_plan_request *rq, struct crew_plan *out)
{
    (void)self;
    for (uint32_t i = 0; i < rq->n; i++)
        out->quota[i] = rq->tasks / rq->n + (i < rq->tasks % rq->n);
}

static const struct crew_policy_ops listener = {
    .abi = CREW_POLICY_ABI, .name = "listener", .create = create, .plan = plan};

static struct crew_config config(void)
{
    struct crew_config cfg = rig_config();
    cfg.policy_ops = &listener;
    return cfg;
}

static void noted(const crew_trainer *t, const char *what)
{
    for (size_t i = 0; crew_trainer_note(t, i); i++)
        if (strstr(crew_trainer_note(t, i), what))
            return;
    for (size_t i = 0; crew_trainer_note(t, i); i++)
        print_message("note: %s\n", crew_trainer_note(t, i));
    fail_msg("no note says '%s'", what);
}

/* A run with this configuration notes that; nothing is taken then. */
static void refuses(const struct crew_config *cfg, const char *why)
{
    crew_trainer *t = rig_trainer(cfg);
    noted(t, why);
    assert_false(told);
    crew_trainer_destroy(t);
}

static void save_after_a_run(const struct crew_config *cfg, struct crew_summary *s)
{
    crew_trainer *t = rig_trainer(cfg);
    rig_run(t);
    assert_int_equal(crew_trainer_save_profile(t, path, true, NULL), CREW_OK);
    crew_trainer_summary(t, s);
    s->worker = memcpy(malloc(s->n * sizeof *s->worker), s->worker, s->n * sizeof *s->worker);
    crew_trainer_destroy(t);
}

static void free_workers(struct crew_summary *s)
{
    union {
        const void *borrowed;
        void *own;
    } worker = {s->worker};
    free(worker.own);
}

static void the_next_run_takes_what_this_one_measured(void **state)
{
    (void)state;
    struct crew_config cfg = config();
    struct crew_summary s;
    struct crew_profile p;
    save_after_a_run(&cfg, &s);
    assert_int_equal(crew_profile_read(path, &p, NULL), CREW_OK);
    assert_true(p.n == 2 && !strcmp(p.model, "mlp:9") && p.rows == RIG_TASK_ROWS && p.blas);
    cfg.profile = path;
    crew_trainer *t = rig_trainer(&cfg);
    uint32_t bound = 0;
    for (uint32_t i = 0; i < 2; i++) {
        /* all of its tasks but the warm-up */
        assert_int_equal(p.slot[i].count, s.worker[i].tasks - 1);
        assert_true(p.slot[i].mean_s == s.worker[i].mean_s);
        assert_true(fabs(sqrt(p.slot[i].variance_s2) - s.worker[i].sd_s) <=
                    1e-12 * s.worker[i].sd_s);
        assert_true(p.slot[i].cpu == (s.worker[i].bound ? (int64_t)s.worker[i].cpu : -1));
        assert_true(told_tasks[i] ==
                    (s.worker[i].bound ? fmin((double)p.slot[i].count, 50) : 0));
        assert_true(told_mean_s[i] == (s.worker[i].bound ? p.slot[i].mean_s : 0));
        bound += s.worker[i].bound;
    }
    noted(t, bound == 2   ? "times of 2 of 2 workers are taken"
             : bound == 1 ? "times of 1 of 2 workers are taken"
                          : "nothing is taken: its workers were bound to no CPU");
    assert_true(known == (bound == 2)); /* what is measured is known, too */
    for (uint32_t i = 0; i < 2 && known; i++)
        assert_true(known_mean_s[i] == p.slot[i].mean_s);
    crew_trainer_destroy(t);
    cfg.times = "7,9";
    crew_trainer_destroy(rig_trainer(&cfg));
    assert_true(known && known_mean_s[0] == 7 && known_mean_s[1] == 9);
    crew_profile_free(&p);
    free_workers(&s);
}

/* The file of a run, changed in one place each. */
static void what_is_of_another_task_or_machine_is_left_with_a_note(void **state)
{
    (void)state;
    struct crew_config cfg = config(), other;
    struct crew_summary s;
    struct crew_profile p;
    save_after_a_run(&cfg, &s);
    free_workers(&s);
    cfg.profile = path;
    other = cfg;
    other.model = "mlp:8";
    refuses(&other, "nothing is taken: its model is mlp:9, this one mlp:8");
    other = cfg;
    other.task_rows = 9;
    refuses(&other, "its task has 8 rows, this one 9");
    assert_int_equal(crew_profile_read(path, &p, NULL), CREW_OK);
    const struct crew_profile mine = p;
    p.features++;
    assert_int_equal(crew_profile_write(&p, path, true, NULL), CREW_OK);
    refuses(&cfg, " features, ");
    p = mine;
    p.classes++;
    assert_int_equal(crew_profile_write(&p, path, true, NULL), CREW_OK);
    refuses(&cfg, " classes and ");
    p = mine;
    p.parameters++;
    assert_int_equal(crew_profile_write(&p, path, true, NULL), CREW_OK);
    refuses(&cfg, " parameters, this one ");
    p = mine;
    assert_int_equal(crew_profile_write(&p, path, true, NULL), CREW_OK);
    crew_profile_free(&p);
    other = cfg;
    other.emulate = "1:3x";
    refuses(&other, "emulates 1:3x");
    other = cfg;
    other.executor = "sim";
    other.speeds = "2*1ms";
    refuses(&other, "its machine is real, this one is simulated");
    assert_int_equal(crew_profile_read(path, &p, NULL), CREW_OK);
    p.blas[0] = '?';
    p.blas[1] = 0;
    assert_int_equal(crew_profile_write(&p, path, true, NULL), CREW_OK);
    refuses(&cfg, "its BLAS kernel is ?, this one");
    crew_free(p.blas);
    p.blas = NULL;
    assert_int_equal(crew_profile_write(&p, path, true, NULL), CREW_OK);
    refuses(&cfg, "its times are simulated");
    crew_profile_free(&p);
}

/* A file of before sizes were kept, and one that counts far more than it is worth. */
static void an_old_file_is_taken_with_a_note_and_no_count_beyond_fifty(void **state)
{
    (void)state;
    struct crew_config cfg = config();
    struct crew_summary s;
    struct crew_profile p;
    cfg.executor = "sim";
    cfg.workers = 0;
    cfg.speeds = "1ms 2ms";
    save_after_a_run(&cfg, &s);
    free_workers(&s);
    assert_int_equal(crew_profile_read(path, &p, NULL), CREW_OK);
    assert_true(p.features == RIG_FEATURES && p.classes > 1 && p.parameters > p.features);
    p.features = p.classes = 0;
    p.parameters = 0;
    p.slot[0].count = 7000;
    p.slot[1].count = 49;
    assert_int_equal(crew_profile_write(&p, path, true, NULL), CREW_OK);
    cfg.profile = path;
    crew_trainer *t = rig_trainer(&cfg);
    noted(t, "times of 2 of 2 workers are taken");
    noted(t, "does not say how many features, classes and parameters");
    assert_true(told_tasks[0] == 50 && told_tasks[1] == 49);
    crew_trainer_destroy(t);
    crew_profile_free(&p);
}

/* Worker i is on slot i modulo their number: a CPU's second worker takes its second entry. */
static void slots_are_matched_by_cpu_in_the_order_of_workers(void **state)
{
    (void)state;
    struct crew_config cfg = config();
    struct crew_summary s;
    struct crew_profile p;
    cfg.cores = "auto";
    cfg.workers = 4;
    save_after_a_run(&cfg, &s);
    assert_int_equal(crew_profile_read(path, &p, NULL), CREW_OK);
    assert_int_equal(p.n, 4);
    for (uint32_t i = 0; i < 2; i++) { /* backwards, with one of an unknown CPU */
        struct crew_profile_slot swap = p.slot[i];
        p.slot[i] = p.slot[3 - i];
        p.slot[3 - i] = swap;
    }
    int64_t lost = p.slot[2].cpu;
    p.slot[2].cpu = INT32_MAX;
    assert_int_equal(crew_profile_write(&p, path, true, NULL), CREW_OK);
    cfg.profile = path;
    crew_trainer *t = rig_trainer(&cfg);
    if (lost >= 0 && s.worker[0].cpu != s.worker[1].cpu && s.worker[0].cpu == s.worker[2].cpu) {
        /* two CPUs a, b: the file has b a - a, of workers 3 2 - 0 */
        noted(t, "times of 3 of 4 workers are taken");
        assert_true(told_mean_s[0] == p.slot[1].mean_s);
        assert_true(told_mean_s[1] == p.slot[0].mean_s);
        assert_true(told_mean_s[2] == p.slot[3].mean_s);
        assert_true(told_tasks[3] == 0 && told_mean_s[3] == 0 && !known);
    }
    crew_trainer_destroy(t);
    crew_profile_free(&p);
    free_workers(&s);
}

static void simulated_workers_are_matched_by_number(void **state)
{
    (void)state;
    struct crew_config cfg = config();
    struct crew_summary s;
    struct crew_profile p;
    cfg.executor = "sim";
    cfg.workers = 0;
    cfg.speeds = "1ms 2ms 4ms";
    save_after_a_run(&cfg, &s);
    assert_true(known && known_mean_s[2] == 4e-3); /* true means */
    assert_int_equal(crew_profile_read(path, &p, NULL), CREW_OK);
    assert_true(!p.machine && !p.blas && !strcmp(p.model, "mlp:9") && p.n == 3);
    cfg.profile = path;
    crew_trainer *t = rig_trainer(&cfg);
    noted(t, "times of 3 of 3 workers are taken");
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(p.slot[i].cpu == -1 && p.slot[i].count > 0);
        assert_true(fabs(told_mean_s[i] - 1e-3 * (1 << i)) < 1e-12);
        assert_true(told_tasks[i] == fmin((double)p.slot[i].count, 50));
    }
    crew_trainer_destroy(t);
    cfg.speeds = "1ms 2ms";
    refuses(&cfg, "it has 3 workers, speeds 2");
    struct crew_config threads = config();
    threads.profile = path;
    refuses(&threads, "its times are simulated");
    crew_profile_free(&p);
    free_workers(&s);
    /* of no task at all: only for a simulation */
    static const char plain[] =
        ONE("{\"cpu\":null,\"count\":5,\"mean_s\":0.5,\"variance_s2\":null},"
            "{\"cpu\":null,\"count\":0,\"mean_s\":null,\"variance_s2\":null}");
    put(plain, sizeof plain - 1);
    t = rig_trainer(&cfg);
    noted(t, "times of 1 of 2 workers are taken");
    assert_true(told_tasks[0] == 5 && told_mean_s[0] == 0.5 && told_tasks[1] == 0);
    crew_trainer_destroy(t);
    refuses(&threads, "its times are simulated");
}

static void a_file_that_is_no_profile_is_an_error(void **state)
{
    (void)state;
    struct crew_config cfg = config();
    struct crew_error err;
    crew_trainer *t;
    cfg.profile = "/nowhere/profile";
    assert_int_equal(crew_trainer_create(&cfg, &rig_data, &t, &err), CREW_EINPUT);
    put("{}", 2);
    cfg.profile = path;
    assert_int_equal(crew_trainer_create(&cfg, &rig_data, &t, &err), CREW_EFORMAT);
    assert_non_null(strstr(err.text, "not a profile"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_run_takes_what_this_one_measured),
        cmocka_unit_test(what_is_of_another_task_or_machine_is_left_with_a_note),
        cmocka_unit_test(an_old_file_is_taken_with_a_note_and_no_count_beyond_fifty),
        cmocka_unit_test(slots_are_matched_by_cpu_in_the_order_of_workers),
        cmocka_unit_test(simulated_workers_are_matched_by_number),
        cmocka_unit_test(a_file_that_is_no_profile_is_an_error),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
