/* Tasks that take too long: those that see the stop, those that do not, and those that were
 * only held up with the whole process. The model's gradient is replaced by one that dawdles;
 * the clock is this program's own, and can jump. */
#include "testing.h"

#include "base/clock.h"
#include "trainer_rig.h"
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const double LIMIT_S =
    0.4; /* other tasks must not take so long, on a busy machine either */

static _Atomic long jumped_s;
static _Atomic pid_t watcher;  /* the thread that runs the tests */
static _Atomic uint32_t looks; /* how often it asked */

CREW_API int clock_gettime(clockid_t clock, struct timespec *out)
{
    int e = (int)syscall(SYS_clock_gettime, clock, out);
    looks += gettid() == watcher;
    if (clock == CLOCK_MONOTONIC)
        out->tv_sec += atomic_load(&jumped_s);
    return e;
}

enum manner { QUICK, UNTIL_STOPPED, UNTIL_STOPPED_YET_OK, UNTIL_RELEASED, JUMPS };

static const struct crew_model_ops *mlp; /* the real one, and with our gradient */
static struct crew_model_ops slow;

/* How one task behaves; set again while another one still dawdles. */
static struct {
    _Atomic enum manner manner;
    _Atomic uint64_t round;
    _Atomic uint32_t task;
    _Atomic bool released, returned;
} dawdle;

static crew_status gradient(const void *self, const struct crew_task_context *task,
                            const float *params, const struct crew_batch *batch,
                            void *workspace, bool add, float *grad, double *loss)
{
    bool this_one = task->round == dawdle.round && task->task == dawdle.task;
    enum manner manner = this_one ? dawdle.manner : QUICK;
    bool waits = manner == UNTIL_STOPPED || manner == UNTIL_STOPPED_YET_OK;
    crew_status status = mlp->gradient(self, task, params, batch, workspace, add, grad, loss);
    if (manner == QUICK)
        return status;
    while (waits && !crew_task_stopped(task))
        usleep(1000);
    while (manner == UNTIL_RELEASED && !dawdle.released)
        usleep(1000);
    if (manner == JUMPS) {
        jumped_s += 1000;
        for (uint32_t before = looks; looks < before + 3;) /* it is looked at meanwhile */
            usleep(1000);
    }
    dawdle.returned = true;
    return manner == UNTIL_STOPPED ? CREW_ESTOPPED : status;
}

/* Worker 0 has tasks 0 to 3 of a round, worker 1 the other three; 4 rounds an epoch. */
static struct crew_config config(enum manner manner, uint64_t round, uint32_t task)
{
    struct crew_config cfg = rig_config();
    cfg.policy = "fixed";
    cfg.times = "1,1";
    cfg.task_timeout_s = LIMIT_S;
    dawdle.manner = manner;
    dawdle.round = round;
    dawdle.task = task;
    dawdle.released = dawdle.returned = false;
    return cfg;
}

static crew_trainer *dawdling(const struct crew_config *cfg)
{
    crew_trainer *t = rig_trainer(cfg);
    t->net->ops = &slow;
    return t;
}

static uint64_t undisturbed(struct crew_config cfg)
{
    cfg.task_timeout_s = 0;
    cfg.checkpoint = NULL;
    return rig_result(&cfg);
}

/* "task 2 of round 3 (epoch 1, worker 1, rows 5, 6 and 6 more)": with the rows it really has.
 */
static void names_the_task(const crew_trainer *t, const char *text, uint32_t worker)
{
    char want[400];
    uint32_t n;
    const uint32_t *row = crew_sampler_rows(t->sampler, dawdle.task, &n);
    assert_int_equal(n, RIG_TASK_ROWS);
    snprintf(
        want, sizeof want,
        "task %u of round %llu (epoch %llu, worker %u, rows %u, %u, %u, %u, %u, %u, %u, %u) ",
        dawdle.task, (unsigned long long)dawdle.round,
        (unsigned long long)(dawdle.round - 1) / 4 + 1, worker, row[0], row[1], row[2], row[3],
        row[4], row[5], row[6], row[7]);
    if (strncmp(text, want, strlen(want)) != 0)
        fail_msg("'%s' does not begin with '%s'", text, want);
}

static void times_out(crew_trainer *t, uint32_t worker, const char *how)
{
    struct crew_error err = {.status = CREW_OK};
    assert_int_equal(crew_trainer_run(t, &err), CREW_ETIMEOUT);
    assert_int_equal(err.status, CREW_ETIMEOUT);
    names_the_task(t, err.text, worker);
    assert_non_null(strstr(err.text, how));
}

/* ---- Tasks that see the stop ---- */

static void a_late_task_is_named_and_the_trainer_goes_on(void **state)
{
    (void)state;
    struct crew_summary s;
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t worker = k % 2;
        struct crew_config cfg =
            config(k < 2 ? UNTIL_STOPPED : UNTIL_STOPPED_YET_OK, 6, worker ? 5 : 1);
        crew_trainer *t = dawdling(&cfg);
        times_out(t, worker, " s, longer than 0.4 s");
        crew_trainer_summary(t, &s);
        assert_true(s.rounds == 5 && s.epochs == 1 && !s.hung && !s.stopped);
        cfg.rounds = 5;
        assert_int_equal(s.weights_digest, undisturbed(cfg));
        dawdle.manner = QUICK; /* and the rest: 3 more epochs from here */
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_int_equal(s.rounds, 5 + 3 * 4 - 1);
        cfg.rounds = 0;
        cfg.epochs = 4;
        assert_int_equal(s.weights_digest, undisturbed(cfg));
        crew_trainer_destroy(t);
    }
}

static void virtual_workers_are_not_to_blame(void **state)
{
    (void)state;
    struct crew_error err;
    struct crew_config cfg = config(UNTIL_STOPPED, 2, 3);
    cfg.executor = "sim";
    cfg.speeds = "3*1ms";
    cfg.times = NULL;
    cfg.workers = 0;
    crew_trainer *t = dawdling(&cfg);
    assert_int_equal(crew_trainer_run(t, &err), CREW_ETIMEOUT);
    assert_non_null(strstr(err.text, "task 3 of round 2 (epoch 1, thread "));
    dawdle.manner = QUICK;
    rig_run(t);
    assert_int_equal(rig_digest(t), undisturbed(cfg));
    crew_trainer_destroy(t);
}

/* ---- Tasks that do not ---- */

static char *new_folder(void)
{
    static char folder[40];
    snprintf(folder, sizeof folder, "/tmp/crew-hang-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static void remove_folder(const char *folder)
{
    char command[60];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void release(void)
{
    dawdle.released = true;
    while (!dawdle.returned)
        usleep(1000);
}

static void refuses_all_but_saving(crew_trainer *t)
{
    struct crew_error err;
    struct crew_summary s;
    struct crew_evaluation e;
    float params[400];
    char path[] = "/tmp/crew-hang-model-XXXXXX";
    int fd = mkstemp(path);
    crew_trainer_summary(t, &s);
    assert_true(s.hung);
    assert_int_equal(crew_trainer_run(t, &err), CREW_ESTATE);
    assert_non_null(strstr(err.text, "never returned"));
    assert_int_equal(crew_trainer_evaluate(t, rig_data.train, &e, &err), CREW_ESTATE);
    assert_int_equal(crew_trainer_get_params(t, params, s.n_params, NULL), CREW_OK);
    assert_int_equal(crew_trainer_set_params(t, params, s.n_params, &err), CREW_ESTATE);
    assert_int_equal(crew_trainer_save(t, path, true, &err), CREW_OK);
    crew_trainer_request_stop(t);
    unlink(path);
    close(fd);
}

/* What stays behind is not lost to whoever looks for leaks. */
static crew_trainer *left_behind[4];

static void a_task_that_never_returns_costs_no_whole_round(void **state)
{
    (void)state;
    struct crew_summary s;
    for (uint32_t worker = 0; worker < 2; worker++) {
        struct crew_config cfg = config(UNTIL_RELEASED, 6, worker ? 5 : 1);
        cfg.checkpoint = new_folder();
        crew_trainer *t = left_behind[worker] = dawdling(&cfg);
        times_out(t, worker, "has not returned after 0.4 s");
        crew_trainer_summary(t, &s);
        assert_true(s.rounds == 5 && !s.checkpoint_failed && s.checkpoints == 1);
        refuses_all_but_saving(t);
        crew_trainer_destroy(t);
        /* Another trainer takes over, in this process. */
        dawdle.manner = QUICK;
        crew_trainer *heir = rig_trainer(&cfg);
        crew_trainer_summary(heir, &s);
        assert_true(s.resumed && s.resumed_round == 5);
        rig_run(heir);
        assert_int_equal(rig_digest(heir), undisturbed(cfg));
        crew_trainer_destroy(heir);
        release();
        remove_folder(cfg.checkpoint);
    }
}

static void one_that_returns_after_all_leaves_nothing_behind(void **state)
{
    (void)state;
    struct crew_config cfg = config(UNTIL_RELEASED, 2, 5);
    struct crew_summary before, after;
    crew_trainer *t = dawdling(&cfg);
    times_out(t, 1, "has not returned after 0.4 s");
    crew_trainer_summary(t, &before);
    release();
    refuses_all_but_saving(t);
    while (!crew_pool_join(t->pool, 0))
        usleep(1000);
    crew_trainer_summary(t, &after); /* it was nobody's but ours meanwhile */
    assert_true(after.wall_s == before.wall_s && after.rounds == 1 && after.hung);
    crew_trainer_destroy(t);
}

/* The time limit passes while a task hangs. */
static void a_limit_that_passes_meanwhile_does_not_hide_it(void **state)
{
    (void)state;
    struct crew_config cfg = config(UNTIL_RELEASED, 2, 5);
    cfg.time_limit_s = LIMIT_S / 2;
    crew_trainer *t = left_behind[2] = dawdling(&cfg);
    times_out(t, 1, "has not returned after 0.4 s");
    crew_trainer_destroy(t);
    release();
}

/* ---- Held up ---- */

static void a_clock_that_jumps_blames_no_task(void **state)
{
    (void)state;
    struct crew_summary s;
    struct crew_config cfg = config(JUMPS, 6, 5);
    crew_trainer *t = dawdling(&cfg);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.wall_s > 1000 && s.rounds == 12);
    assert_int_equal(s.weights_digest, undisturbed(cfg));
    dawdle.manner = UNTIL_STOPPED; /* but it is not off its guard */
    dawdle.round = 14;
    times_out(t, 1, "longer than 0.4 s");
    crew_trainer_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_task_is_named_and_the_trainer_goes_on),
        cmocka_unit_test(virtual_workers_are_not_to_blame),
        cmocka_unit_test(a_task_that_never_returns_costs_no_whole_round),
        cmocka_unit_test(one_that_returns_after_all_leaves_nothing_behind),
        cmocka_unit_test(a_limit_that_passes_meanwhile_does_not_hide_it),
        cmocka_unit_test(a_clock_that_jumps_blames_no_task),
    };
    watcher = gettid();
    mlp = crew_model_find("mlp");
    slow = *mlp;
    slow.gradient = gradient;
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
