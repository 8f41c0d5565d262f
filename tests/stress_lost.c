/* Cores that are taken away while workers run on them: threads are really moved, and going back
 * can be refused, because sched_setaffinity() is this program's own: the dynamic linker prefers
 * it, for hwloc too. So is clock_gettime(), which can jump: whoever is away tries to go back
 * once a second. */
#include "testing.h"

#include "base/clock.h"
#include "base/mem.h"
#include "exec/loop.h"
#include "exec/threads.h"
#include "trainer_rig.h"
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TASKS = 40, SPARE = 4, MOST_WORKERS = 3 };

/* CPUs that nobody may be bound to, as a mask. */
static _Atomic uint64_t refused;

static long set_mask(pid_t thread, const cpu_set_t *set)
{
    return syscall(SYS_sched_setaffinity, thread, sizeof *set, set);
}

CREW_API int sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *set)
{
    for (int cpu = 0; cpu < 64; cpu++)
        if (CPU_COUNT_S(size, set) == 1 && CPU_ISSET_S((size_t)cpu, size, set) &&
            atomic_load(&refused) >> cpu & 1) {
            errno = EINVAL;
            return -1;
        }
    return (int)syscall(SYS_sched_setaffinity, thread, size, set);
}

static _Atomic long jumped_s;

CREW_API int clock_gettime(clockid_t clock, struct timespec *out)
{
    int e = (int)syscall(SYS_clock_gettime, clock, out);
    if (clock == CLOCK_MONOTONIC)
        out->tv_sec += atomic_load(&jumped_s);
    return e;
}

/* Every CPU of the process but those of `not_here`. */
static void move(pid_t thread, uint64_t not_here)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (uint32_t i = 0; i < crew_machine_info(test_machine_)->n_slots; i++) {
        uint32_t cpu = crew_machine_info(test_machine_)->slots[i].cpu;
        if (cpu < 64 && !(not_here >> cpu & 1))
            CPU_SET(cpu, &set);
    }
    assert_int_equal(set_mask(thread, &set), 0);
}

static uint64_t bit_of_worker(uint32_t i)
{
    const struct crew_machine_info *m = crew_machine_info(test_machine_);
    return UINT64_C(1) << m->slots[i % m->n_slots].cpu;
}

/* ---- The executor, with tasks that move their own thread ---- */

struct probe {
    _Atomic uint32_t computed[TASKS + SPARE], kept[TASKS + SPARE];
    _Atomic uint32_t victims; /* workers that lose their core at their next task, as a mask */
    uint32_t join, joined[MOST_WORKERS]; /* most tasks together; by each worker, just now */
    uint64_t fatal; /* tasks that cost whoever runs them its core, as a mask */
};

struct rig {
    uint32_t n;
    struct crew_loop loop;
    struct probe probe;
    uint64_t round;
    void (*body)(struct rig *r);
};

/* Long enough for the executor to look where it ran. */
static crew_status compute(void *self, uint32_t worker, const struct crew_task_context *t,
                           bool droppable)
{
    struct probe *p = self;
    double until = crew_now_s() + 150e-6;
    (void)droppable;
    p->joined[worker] = t->joined;
    for (uint32_t k = 0; k < t->joined; k++)
        atomic_fetch_add(&p->computed[t->task + k], 1);
    bool fatal = p->fatal >> t->task & 1;
    if (atomic_fetch_and(&p->victims, ~(1u << worker)) >> worker & 1 || fatal)
        move(0, bit_of_worker(worker));
    while (crew_now_s() < until && !crew_task_stopped(t))
        ;
    return crew_task_stopped(t) ? CREW_ESTOPPED : CREW_OK;
}

static void settle(void *self, uint32_t worker, uint32_t task, bool kept)
{
    struct probe *p = self;
    for (uint32_t k = 0; k < p->joined[worker]; k++)
        atomic_fetch_add(&p->kept[task + k], kept);
}

static void rig_start(struct rig *r, uint32_t n, const char *policy)
{
    const double mean_s[MOST_WORKERS] = {1, 1, 1};
    struct crew_threads_config cfg = {.pool = test_pool(n), .max_tasks = TASKS + SPARE};
    struct crew_policy_config policy_cfg = {
        .struct_size = sizeof policy_cfg, .n = n, .seed = test_seed(), .mean_s = mean_s};
    cfg.machine = test_machine_;
    memset(r, 0, sizeof *r);
    atomic_store(&refused, 0);
    r->n = n;
    assert_int_equal(crew_loop_init(&r->loop, n), CREW_OK);
    r->loop.policy = crew_policy_find(policy);
    r->loop.executor = &crew_threads;
    assert_int_equal(crew_threads_create(&cfg, &r->loop.executor_self, NULL), CREW_OK);
    assert_int_equal(r->loop.policy->create(&policy_cfg, &r->loop.policy_self, NULL), CREW_OK);
}

static void rig_end(struct rig *r)
{
    atomic_store(&refused, 0);
    crew_threads.destroy(r->loop.executor_self);
    r->loop.policy->destroy(r->loop.policy_self);
    crew_loop_free(&r->loop);
    test_pool_done();
}

static void in_pool(void *self, uint32_t worker)
{
    struct rig *r = self;
    (void)worker;
    r->body(r);
}

static void coordinate(struct rig *r, void (*body)(struct rig *))
{
    r->body = body;
    crew_pool_call(test_pool(r->n), in_pool, r);
}

/* One round by the policy: every task counts once, whoever was lost. */
static const struct crew_outcome *whole_round(struct rig *r)
{
    const struct crew_work run = {&r->probe, compute, settle, r->probe.join};
    const struct crew_outcome *out = &r->loop.outcome;
    uint32_t kept = 0, ran = 0;
    memset(r->probe.computed, 0, sizeof r->probe.computed);
    memset(r->probe.kept, 0, sizeof r->probe.kept);
    assert_int_equal(crew_loop_plan(&r->loop, ++r->round, TASKS, NULL), CREW_OK);
    assert_int_equal(crew_loop_run(&r->loop, 1, SPARE, NULL, &run), CREW_OK);
    for (uint32_t t = 0; t < TASKS + SPARE; t++) {
        uint32_t k = atomic_load(&r->probe.kept[t]), c = atomic_load(&r->probe.computed[t]);
        assert_true(k <= 1 && c <= 1 && k <= c);
        if (!r->loop.drops)
            assert_true(k == (t < TASKS));
        kept += k;
        ran += c;
    }
    assert_int_equal(kept, TASKS);
    assert_int_equal(out->n_timings, ran);
    for (size_t i = 0; i < out->n_timings; i++)
        kept -= out->timing[i].kept;
    assert_int_equal(kept, 0);
    crew_loop_observe(&r->loop);
    return out;
}

static uint32_t tasks_of(const struct crew_outcome *out, uint32_t worker, uint32_t flag)
{
    uint32_t n = 0;
    for (size_t i = 0; i < out->n_timings; i++)
        n +=
            out->timing[i].worker == worker && (!flag || (out->timing[i].flags & flag) == flag);
    return n;
}

/* Worker 1 is away at the end of a task, and back before the next one. */
static void moved_and_back(struct rig *r)
{
    (void)whole_round(r); /* its first task is too short a history to be looked at */
    for (int i = 0; i < 5; i++) {
        atomic_store(&r->probe.victims, 2);
        const struct crew_outcome *out = whole_round(r);
        if (atomic_exchange(&r->probe.victims, 0)) /* the policy gave it nothing */
            continue;
        assert_null(out->available);
        assert_int_equal(tasks_of(out, 1, CREW_MIGRATED), 1);
    }
}

/* Nobody is refused any more: at the next call all come. */
static void all_come_back(struct rig *r)
{
    atomic_store(&refused, 0);
    atomic_fetch_add(&jumped_s, 2);
    assert_null(whole_round(r)->available);
    assert_null(whole_round(r)->available);
}

/* Worker `i` may not come back: the others do what it has not begun, in the same round, and it
 * gets nothing until it may. */
static void lost_and_back(struct rig *r, uint32_t i)
{
    uint64_t home = bit_of_worker(i);
    atomic_store(&refused, home);
    atomic_store(&r->probe.victims, 1u << i);
    const struct crew_outcome *out = whole_round(r);
    while (atomic_load(&r->probe.victims)) /* until the policy gives it something */
        out = whole_round(r);
    assert_non_null(out->available);
    for (uint32_t k = 0; k < r->n; k++) /* workers may share its core, but were not moved */
        assert_int_equal(out->available[k], k != i);
    assert_int_equal(tasks_of(out, i, CREW_MIGRATED), 1);
    for (int k = 0; k < 3; k++) {
        out = whole_round(r);
        assert_true(out->available && !out->available[i]);
        assert_int_equal(tasks_of(out, i, 0), 0);
        assert_true(r->loop.plan.quota[i] == 0 && !r->loop.plan.open[i]);
    }
    atomic_fetch_add(&jumped_s, 2);
    assert_non_null(whole_round(r)->available); /* it tried, and was refused */
    all_come_back(r);
}

static void each_lost_and_back(struct rig *r)
{
    for (int i = 0; i < 3; i++)
        (void)whole_round(r);
    for (uint32_t i = 0; i < r->n; i++)
        lost_and_back(r, i);
}

/* All at once, from where nobody may go back: they go on, each wherever it is. */
static void all_lost(struct rig *r)
{
    for (int i = 0; i < 3; i++)
        (void)whole_round(r);
    atomic_store(&refused, UINT64_MAX);
    for (uint32_t lost = 0; lost < r->n; lost++) {
        atomic_store(&r->probe.victims, 1u << lost);
        const struct crew_outcome *out = whole_round(r);
        for (int i = 0; i < 1000 && atomic_load(&r->probe.victims); i++)
            out = whole_round(r);
        assert_true(out->available);
        for (uint32_t k = 0; k < r->n; k++)
            assert_int_equal(out->available[k], k > lost || lost + 1 == r->n);
    }
    for (int i = 0; i < 5; i++) {
        const struct crew_outcome *out = whole_round(r);
        assert_true(out->available && tasks_of(out, 0, 0) + tasks_of(out, 1, 0) > 0);
    }
    all_come_back(r);
}

/* The last worker is lost at its 3rd task, whoever takes over at each 2nd one from there: what
 * is left goes on to the next, until all go on wherever they are. */
static void lost_in_turn(struct rig *r)
{
    (void)whole_round(r);
    atomic_store(&refused, UINT64_MAX);
    uint32_t first = TASKS - (uint32_t)r->loop.plan.quota[r->n - 1];
    for (uint32_t i = 0; i < r->n; i++)
        r->probe.fatal |= UINT64_C(1) << (first + 2 + 2 * i);
    const struct crew_outcome *out = whole_round(r);
    assert_non_null(out->available);
    for (uint32_t i = 0; i < r->n; i++)
        assert_true(out->available[i] && tasks_of(out, i, CREW_MIGRATED) > 0);
    r->probe.fatal = 0;
    all_come_back(r);
}

/* A plan of its own: quotas, an open tail, or both, at random; and tasks that do harm. Whoever
 * takes over from one who is lost may be lost, too. */
static void plan_at_random(void *self, const struct crew_plan_request *rq,
                           struct crew_plan *out)
{
    uint64_t left = rq->tasks;
    uint32_t last = 0;
    bool open = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 3, rq->round) % 2;
    (void)self;
    for (uint32_t i = 0; i < rq->n; i++) {
        if (rq->available && !rq->available[i])
            continue;
        uint64_t want =
            crew_rng_u64(test_seed(), CREW_STREAM_TEST, 4 + i, rq->round) % (TASKS / rq->n + 1);
        out->quota[i] = want < left ? want : left;
        out->open[i] = open;
        left -= out->quota[i];
        last = i;
    }
    if (!open)
        out->quota[last] += left;
}

static void random_losses(struct rig *r)
{
    struct crew_policy_ops ops = *r->loop.policy;
    ops.plan = plan_at_random;
    ops.observe = NULL;
    r->loop.policy = &ops;
    for (int i = 0; i < 100; i++) {
        uint64_t u = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 9, (uint64_t)i);
        atomic_store(&refused, u >> 60 ? u >> 8 : 0);
        r->probe.fatal = UINT64_C(1) << u % 40 | UINT64_C(1) << (u >> 16) % 40 |
                         UINT64_C(1) << (u >> 32) % 40;
        r->probe.join = (uint32_t)i % 4;
        (void)whole_round(r);
        if (i % 10 == 9) {
            r->probe.fatal = 0;
            all_come_back(r);
        }
    }
    r->probe.fatal = 0;
    r->loop.policy = crew_policy_find("queue");
}

static void with_all(void (*body)(struct rig *), uint32_t n)
{
    for (size_t k = 0; crew_policy_at(k); k++) {
        struct rig r;
        rig_start(&r, n, crew_policy_at(k)->name);
        coordinate(&r, body);
        rig_end(&r);
    }
}

static void a_moved_worker_goes_back_at_once(void **state)
{
    (void)state;
    with_all(moved_and_back, 2);
}

static void the_others_do_what_a_lost_worker_leaves(void **state)
{
    (void)state;
    with_all(each_lost_and_back, 2);
}

static void workers_who_all_are_lost_go_on(void **state)
{
    (void)state;
    with_all(all_lost, 2);
}

static void no_task_is_missed_or_done_twice(void **state)
{
    (void)state;
    for (uint32_t n = 2; n <= MOST_WORKERS; n++) {
        struct rig r;
        rig_start(&r, n, "queue");
        coordinate(&r, random_losses);
        rig_end(&r);
    }
}

static void the_only_worker_goes_on(struct rig *r)
{
    (void)whole_round(r);
    atomic_store(&refused, UINT64_MAX);
    atomic_store(&r->probe.victims, 1);
    const struct crew_outcome *out = whole_round(r);
    assert_true(out->available && out->available[0]);
    assert_true(whole_round(r)->available[0]);
    all_come_back(r);
}

static void one_worker_cannot_do_without_itself(void **state)
{
    (void)state;
    struct rig r;
    rig_start(&r, 1, "uniform");
    coordinate(&r, the_only_worker_goes_on);
    rig_end(&r);
}

static void what_is_left_is_handed_on_and_on(void **state)
{
    (void)state;
    for (uint32_t n = 2; n <= MOST_WORKERS; n++) {
        struct rig r;
        rig_start(&r, n, "fixed");
        coordinate(&r, lost_in_turn);
        rig_end(&r);
    }
}

/* ---- A trainer, whose threads somebody moves ---- */

/* The thread of worker i by its name, -1: none. */
static pid_t thread_of(uint32_t i)
{
    char path[64], name[32], want[32];
    pid_t found = -1;
    DIR *all = opendir("/proc/self/task");
    snprintf(want, sizeof want, "crew %u\n", i);
    for (struct dirent *d; all && (d = readdir(all));) {
        snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", d->d_name);
        FILE *f = fopen(path, "r");
        if (f && fgets(name, sizeof name, f) && !strcmp(name, want))
            found = (pid_t)atoi(d->d_name);
        if (f)
            fclose(f);
    }
    if (all)
        closedir(all);
    return found;
}

struct witness {
    uint64_t rounds, lost, astray, back;
    bool away;
};

/* Between rounds, some lose their core, some may go back. */
static bool disturb(void *user, const struct crew_record *r)
{
    struct witness *w = user;
    uint64_t u = crew_rng_u64(test_seed(), CREW_STREAM_TEST, 11, r->round), done = 0, gone = 0;
    uint32_t victim = u >> 10 & 1;
    for (uint32_t i = 0; i < r->n; i++) {
        done += r->done[i];
        gone += r->available && !r->available[i];
    }
    assert_int_equal(done, r->rows / RIG_TASK_ROWS + (r->rows % RIG_TASK_ROWS > 0));
    w->rounds++;
    w->lost += gone > 0;
    w->astray += r->available && !gone;
    w->back += w->away && !r->available;
    w->away = r->available != NULL;
    if (u % 4 == 0) {
        atomic_fetch_or(&refused, u >> 8 & 3 ? bit_of_worker(victim) : 0);
        move(thread_of(victim), bit_of_worker(victim));
    }
    if (u % 16 == 1) {
        atomic_store(&refused, 0);
        atomic_fetch_add(&jumped_s, 2);
    }
    return true;
}

static void the_weights_are_those_of_an_undisturbed_run(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    cfg.epochs = 0;
    cfg.rounds = 210;
    cfg.times = "1,1";
    uint64_t want = rig_result(&cfg);
    assert_int_equal(crew_machine_create(NULL, &test_machine_, NULL), CREW_OK);
    for (size_t k = 0; crew_policy_at(k); k++) {
        struct witness w = {.rounds = 0};
        cfg.policy = crew_policy_at(k)->name;
        cfg.on_round = disturb;
        cfg.user = &w;
        uint64_t got = rig_result(&cfg);
        atomic_store(&refused, 0);
        assert_int_equal(w.rounds, 210);
        assert_true(w.lost > 0 && w.astray > 0 && w.back > 0);
        if (!rig_drops(cfg.policy))
            assert_int_equal(got, want);
    }
    crew_machine_destroy(test_machine_);
    test_machine_ = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moved_worker_goes_back_at_once),
        cmocka_unit_test(the_others_do_what_a_lost_worker_leaves),
        cmocka_unit_test(workers_who_all_are_lost_go_on),
        cmocka_unit_test(no_task_is_missed_or_done_twice),
        cmocka_unit_test(one_worker_cannot_do_without_itself),
        cmocka_unit_test(what_is_left_is_handed_on_and_on),
        cmocka_unit_test(the_weights_are_those_of_an_undisturbed_run),
    };
    cpu_set_t mine;
    test_print_seed();
    if (sched_getaffinity(0, sizeof mine, &mine) || CPU_COUNT(&mine) < 2) {
        printf("skip: one CPU only: there is nowhere else to move a thread to\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
