/* A task during which the machine slept, or the process was stopped: minutes on the clock, and
 * no CPU time. Nothing is learnt from it. The clocks are this program's own, and can jump. */
#include "testing.h"

#include "base/clock.h"
#include "checkpoint_rig.h"
#include <math.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

enum { JUMP_S = 300, ROUND = 6, TASK = 5 };

static _Atomic long jumped_s;
static _Thread_local long worked_s; /* CPU time that this thread only claims to have used */

CREW_API int clock_gettime(clockid_t clock, struct timespec *out)
{
    int e = (int)syscall(SYS_clock_gettime, clock, out);
    if (clock == CLOCK_MONOTONIC)
        out->tv_sec += atomic_load(&jumped_s);
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        out->tv_sec += worked_s;
    return e;
}

/* ---- A model with one such task ---- */

static const struct crew_model_ops *mlp;
static struct crew_model_ops sleepy;
static bool works; /* all the while, so that the task was just long */

static crew_status gradient(const void *self, const struct crew_task_context *task,
                            const float *params, const struct crew_batch *batch,
                            void *workspace, bool add, float *grad, double *loss)
{
    if (task->round == ROUND && task->task == TASK) {
        atomic_fetch_add(&jumped_s, JUMP_S);
        worked_s += works ? JUMP_S : 0;
    }
    return mlp->gradient(self, task, params, batch, workspace, add, grad, loss);
}

struct seen {
    uint64_t rounds, suspended, long_ones;
    bool marked;
    double elapsed_s;
};

/* Other workers may have been in the middle of a task, too. */
static bool on_round(void *user, const struct crew_record *r)
{
    struct seen *s = user;
    for (size_t i = 0; i < r->n_timings; i++) {
        const struct crew_timing *x = &r->timing[i];
        bool flag = x->flags & CREW_SUSPENDED, this_one = r->round == ROUND && x->task == TASK;
        s->suspended += flag;
        s->long_ones += x->seconds >= JUMP_S;
        s->marked |= flag && this_one;
        assert_true(!flag || (r->round == ROUND && x->seconds >= JUMP_S));
        assert_true(x->seconds >= JUMP_S || !this_one);
    }
    assert_true(r->elapsed_s >= s->elapsed_s && r->elapsed_s < JUMP_S + 60);
    s->elapsed_s = r->elapsed_s;
    s->rounds++;
    return true;
}

static crew_trainer *make(struct crew_config *cfg, struct seen *s)
{
    cfg->on_round = on_round;
    cfg->user = s;
    crew_trainer *t = rig_trainer(cfg);
    t->net->ops = &sleepy;
    return t;
}

static void it_is_marked_and_no_sample(void **state)
{
    (void)state;
    for (size_t k = 0; crew_policy_at(k); k++) {
        struct crew_config cfg = rig_config();
        struct crew_summary s;
        struct seen seen = {0};
        const uint64_t want = rig_result(&cfg);
        cfg.policy = crew_policy_at(k)->name;
        cfg.times = "1,1";
        works = false;
        crew_trainer *t = make(&cfg, &seen);
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_true(seen.marked && seen.suspended == seen.long_ones);
        assert_int_equal(seen.rounds, 12);
        for (uint32_t i = 0; i < s.n; i++)
            assert_true(!(s.worker[i].mean_s >= 1));
        assert_true(s.worker_s >= JUMP_S && s.wall_s >= JUMP_S && s.idle_s >= 0);
        if (!rig_drops(cfg.policy))
            assert_int_equal(s.weights_digest, want);
        crew_trainer_destroy(t);
    }
}

static void a_task_that_worked_all_the_while_is_one(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    struct seen seen = {0};
    cfg.policy = "uniform"; /* so that it is not the first task of its worker */
    works = true;
    crew_trainer *t = make(&cfg, &seen);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(!seen.marked && seen.long_ones >= 1);
    double slowest = fmax(s.worker[0].mean_s, s.worker[1].mean_s);
    assert_true(slowest >= JUMP_S / 50.);
    crew_trainer_destroy(t);
    works = false;
}

/* ---- Limits ---- */

/* The watcher, who has to look for overdue tasks once a second, sees that it is late. */
static void a_limit_that_was_slept_through_is_reached(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct crew_config cfg = rig_config();
        struct crew_summary s;
        struct seen seen = {0};
        cfg.epochs = k ? 0 : 3;
        cfg.time_limit_s = k ? JUMP_S / 2 : 10 * JUMP_S;
        cfg.task_timeout_s = 10 * JUMP_S;
        crew_trainer *t = make(&cfg, &seen);
        rig_run(t);
        crew_trainer_summary(t, &s);
        assert_true(s.timed_out == k && s.rounds >= ROUND && (k || s.rounds == 12));
        crew_trainer_destroy(t);
    }
}

/* As many intervals as were slept through are one checkpoint, not five. */
static void one_checkpoint_makes_up_for_it(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    struct seen seen = {0};
    ck_clear(NULL);
    cfg.checkpoint = ck_dir;
    cfg.every = "60s";
    cfg.epochs = 20;
    crew_trainer *t = make(&cfg, &seen);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_int_equal(s.checkpoints, 2); /* then, and at the end */
    assert_true(ck_exists(ck_file(ck_dir, ROUND)));
    crew_trainer_destroy(t);
}

/* ---- Policies ---- */

/* Two of a kind are told the same, but one of a task that slept, too. */
static void tell(const struct crew_policy_ops *ops, void *a, void *b, uint64_t round)
{
    struct crew_timing t[5] = {
        {.worker = 0, .task = 0, .seconds = 1, .work = 1, .kept = true},
        {.worker = 0, .task = 1, .seconds = 1.25, .work = 1, .kept = true},
        {.worker = 1, .task = 2, .seconds = 2, .work = 1, .kept = true},
        {.worker = 1, .task = 3, .seconds = 2.5, .work = 1, .kept = true},
        {.worker = 1,
         .task = 4,
         .seconds = 900,
         .work = 1,
         .kept = true,
         .flags = CREW_SUSPENDED}};
    for (int i = 0; i < 5; i++)
        t[i].cpu_seconds = (double)NAN;
    if (ops->observe) {
        ops->observe(a, t, 4);
        ops->observe(b, t, round % 3 == 2 ? 5 : 4);
    }
}

static void no_policy_learns_from_it(void **state)
{
    (void)state;
    const double mean_s[2] = {1, 2};
    for (size_t k = 0; crew_policy_at(k); k++) {
        const struct crew_policy_ops *ops = crew_policy_at(k);
        const struct crew_policy_config cfg = {
            .struct_size = sizeof cfg, .n = 2, .seed = 1, .mean_s = mean_s};
        void *a, *b;
        assert_int_equal(ops->create(&cfg, &a, NULL), CREW_OK);
        assert_int_equal(ops->create(&cfg, &b, NULL), CREW_OK);
        for (uint64_t round = 1; round <= 60; round++) {
            const struct crew_plan_request rq = {.round = round, .tasks = 16, .n = 2};
            uint64_t quota[2][2] = {{0}};
            bool open[2][2] = {{false}}, overrun[2][2] = {{false}};
            struct crew_plan p = {quota[0], open[0], overrun[0]},
                             q = {quota[1], open[1], overrun[1]};
            ops->plan(a, &rq, &p);
            ops->plan(b, &rq, &q);
            assert_memory_equal(quota[0], quota[1], sizeof quota[0]);
            assert_memory_equal(open[0], open[1], sizeof open[0]);
            tell(ops, a, b, round);
        }
        ops->destroy(a);
        ops->destroy(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_marked_and_no_sample),
        cmocka_unit_test(a_task_that_worked_all_the_while_is_one),
        cmocka_unit_test(a_limit_that_was_slept_through_is_reached),
        cmocka_unit_test(one_checkpoint_makes_up_for_it),
        cmocka_unit_test(no_policy_learns_from_it),
    };
    mlp = crew_model_find("mlp");
    sleepy = *mlp;
    sleepy.gradient = gradient;
    return cmocka_run_group_tests(tests, ck_open, ck_close);
}
