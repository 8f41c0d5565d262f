/* Plans for groups of workers with floors, by every policy, round after round. SEED=7 make
 * prop_groups draws others. */
#include "testing.h"

#include "policy_draws.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { N = 40, TASKS = 200, ROUNDS = 80 };
static const char *const planning[] = {"uniform",        "fixed",         "ata",
                                       "ata:alpha=1e-9", "ata-empirical", "adaptive"};

struct world {
    const struct crew_policy_ops *ops;
    void *self;
    struct crew_plan_request rq;
    double mean_s[N];
    bool available[N], open[N], overrun[N];
    uint32_t group[N];
    uint64_t floor[N], quota[N], least_tasks;
};

static void world_open(struct world *w, const char *policy, uint32_t most)
{
    const char *colon = strchr(policy, ':');
    uint32_t n = 1 + below(N), groups = 1 + below(n);
    *w = (struct world){.ops = crew_policy_find(policy)};
    w->rq = (struct crew_plan_request){.n = n,
                                       .available = w->available,
                                       .group = w->group,
                                       .floor = w->floor,
                                       .groups = groups};
    for (uint32_t i = 0; i < n; i++) {
        w->mean_s[i] = 0.01 * (1 + 9 * unit());
        w->group[i] = i < groups ? i : below(groups);
    }
    for (uint32_t g = 0; g < groups; g++)
        w->least_tasks += w->floor[g] = most ? below(most + 1) : 1;
    const struct crew_policy_config cfg = {.struct_size = sizeof cfg,
                                           .n = n,
                                           .seed = test_seed(),
                                           .settings = colon ? colon + 1 : NULL,
                                           .mean_s = w->mean_s,
                                           .groups = groups};
    assert_int_equal(w->ops->create(&cfg, &w->self, NULL), CREW_OK);
}

static void world_round(struct world *w)
{
    struct crew_plan p = {w->quota, w->open, w->overrun};
    struct crew_error err;
    static struct crew_timing t[N * 4 + TASKS];
    size_t m = 0;
    memset(w->quota, 0, sizeof w->quota);
    w->ops->plan(w->self, &w->rq, &p);
    if (crew_plan_check(&w->rq, &p, &err) != CREW_OK)
        fail_msg("%s, n %u, %u groups, %" PRIu64 " tasks: %s", w->ops->name, w->rq.n,
                 w->rq.groups, w->rq.tasks, err.text);
    for (uint32_t i = 0; i < w->rq.n; i++)
        for (uint64_t j = 0; j < w->quota[i]; j++, m++) {
            double slow = w->rq.round > 40 && i % 3 == 0 ? 8 : 1;
            double s = slow * w->mean_s[i] * (0.5 - 0.5 * log(1 - unit()));
            t[m] = (struct crew_timing){i, (uint32_t)m, 0, s, (double)NAN, 1, 0, true};
        }
    if (w->ops->observe)
        w->ops->observe(w->self, t, m);
}

/* Workers come and go, whole groups among them; tasks may be just enough for the floors. */
static void every_planning_policy_keeps_every_floor(void **state)
{
    (void)state;
    for (size_t p = 0; p < sizeof planning / sizeof *planning; p++)
        for (uint32_t object = 0; object < 120; object++) {
            struct world w;
            world_open(&w, planning[p], object % 3 ? 0 : 4);
            for (w.rq.round = 1; w.rq.round <= ROUNDS; w.rq.round++) {
                uint32_t sure = below(w.rq.n);
                double here = w.rq.round % 3 ? 1 : unit();
                for (uint32_t i = 0; i < w.rq.n; i++)
                    w.available[i] = i == sure || unit() < here;
                w.rq.tasks = w.least_tasks + below(object % 2 ? TASKS : 5);
                w.rq.tasks += !w.rq.tasks;
                world_round(&w);
            }
            w.ops->destroy(w.self);
        }
}

/* Groups without floors change no quota, but for ties that are drawn. */
static void without_floors_groups_change_nothing(void **state)
{
    (void)state;
    static const char *const policies[] = {"fixed", "adaptive"};
    for (size_t p = 0; p < 2; p++)
        for (int object = 0; object < 20; object++) {
            struct world grouped, plain;
            world_open(&grouped, policies[p], 0);
            plain = grouped;
            plain.self = make_policy(plain.ops, plain.rq.n, grouped.mean_s, 0);
            plain.rq.available = grouped.rq.available = NULL;
            plain.rq.group = NULL;
            grouped.rq.group = grouped.group;
            grouped.rq.floor = NULL;
            for (uint64_t round = 1; round <= 30; round++) {
                plain.rq.round = grouped.rq.round = round;
                plain.rq.tasks = grouped.rq.tasks = plain.rq.n * (1 + round % 3);
                uint64_t from = drawn;
                world_round(&grouped);
                drawn = from;
                world_round(&plain);
                assert_memory_equal(plain.quota, grouped.quota, sizeof plain.quota);
            }
            plain.ops->destroy(plain.self);
            grouped.ops->destroy(grouped.self);
        }
}

/* Two groups of two, floor 1. Means 1, 1, 9, 9, B = 6: without floors (3, 3, 0, 0), 3 s; with
 * them one of the slow ones has a task, 9 s, and the rest goes (3, 2) or (2, 3) to the fast
 * ones. The slow group's other worker is to be tried again: by a task of the fast group. */
static void who_is_parked_is_tried_again_by_a_task_that_no_floor_needs(void **state)
{
    (void)state;
    struct world w;
    const double means[] = {1, 1, 9, 9};
    const uint32_t groups[] = {0, 0, 1, 1};
    const uint64_t floors[] = {1, 1};
    uint64_t tasks_of[4] = {0}, retried = 0;
    w = (struct world){.ops = crew_policy_find("adaptive")};
    w.self = make_policy(w.ops, 4, NULL, 2);
    w.rq = (struct crew_plan_request){
        .tasks = 6, .n = 4, .group = w.group, .floor = w.floor, .groups = 2};
    memcpy(w.mean_s, means, sizeof means);
    memcpy(w.group, groups, sizeof groups);
    memcpy(w.floor, floors, sizeof floors);
    for (w.rq.round = 1; w.rq.round <= 2000; w.rq.round++) {
        struct crew_plan p = {w.quota, w.open, w.overrun};
        struct crew_timing t[6];
        size_t m = 0;
        memset(w.quota, 0, sizeof w.quota);
        w.ops->plan(w.self, &w.rq, &p);
        assert_int_equal(crew_plan_check(&w.rq, &p, NULL), CREW_OK);
        for (uint32_t i = 0; i < 4; i++)
            for (uint64_t j = 0; j < w.quota[i]; j++, m++)
                t[m] = (struct crew_timing){
                    i,           (uint32_t)m, 0, means[i] * (0.95 + 0.1 * unit()),
                    (double)NAN, 1,           0, true};
        for (uint32_t i = 0; i < 4; i++)
            tasks_of[i] += w.quota[i];
        retried += w.rq.round > 10 && w.quota[2] && w.quota[3];
        w.ops->observe(w.self, t, m);
    }
    w.ops->destroy(w.self);
    assert_true(tasks_of[2] + tasks_of[3] >= 2000);
    assert_true(tasks_of[2] + tasks_of[3] <= 2000 + 2000 / 50); /* retries: about 1 % */
    assert_true(retried > 0);
}

static void policies_with_open_workers_refuse_groups(void **state)
{
    (void)state;
    static const char *const open[] = {"queue", "greedy", "cohort"};
    for (int i = 0; i < 3; i++) {
        const struct crew_policy_config cfg = {
            .struct_size = sizeof cfg, .n = 2, .seed = 1, .groups = 2};
        struct crew_error err;
        void *self;
        assert_int_equal(crew_policy_find(open[i])->create(&cfg, &self, &err), CREW_EINVAL);
        assert_true(strstr(err.text, open[i]) && strstr(err.text, "shard") && !self);
    }
}

static void a_plan_that_breaks_a_floor_is_told(void **state)
{
    (void)state;
    static const bool here[3] = {true, true, false};
    static const uint32_t group[3] = {0, 1, 2};
    static const uint64_t floor[3] = {1, 2, 1};
    static const struct {
        uint64_t quota[3];
        bool open[3];
        const char *text; /* NULL: legal */
    } cases[] = {
        {{1, 9, 0}, {0}, NULL}, /* nobody of group 2 is here: its floor is nobody's */
        {{8, 2, 0}, {0}, NULL},
        {{0, 10, 0}, {0}, "round 7: shard 0 gets 0 tasks, must get 1 at least"},
        {{9, 1, 0}, {0}, "round 7: shard 1 gets 1 tasks, must get 2 at least"},
        {{5, 4, 0},
         {0, 1, 0},
         "round 7: worker 1 is open, but a task from the queue would be of no shard"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct crew_plan_request rq = {7, 10, 3, here, group, floor, 3};
        uint64_t quota[3];
        bool open[3], overrun[3] = {false};
        memcpy(quota, cases[i].quota, sizeof quota);
        memcpy(open, cases[i].open, sizeof open);
        struct crew_plan p = {quota, open, overrun};
        struct crew_error err = {0};
        assert_int_equal(crew_plan_check(&rq, &p, &err), cases[i].text ? CREW_EINVAL : CREW_OK);
        assert_string_equal(err.text, cases[i].text ? cases[i].text : "");
    }
}

/* 600 groups are looked at in several passes: the one broken floor is found in each. */
static void floors_of_many_groups_are_all_checked(void **state)
{
    (void)state;
    enum { GROUPS_ = 600 };
    static uint32_t group[GROUPS_];
    static uint64_t floor[GROUPS_], quota[GROUPS_];
    static bool none[GROUPS_];
    for (uint32_t i = 0; i < GROUPS_; i++) {
        group[i] = GROUPS_ - 1 - i;
        floor[i] = quota[i] = 1;
    }
    const struct crew_plan_request rq = {.round = 1,
                                         .tasks = GROUPS_,
                                         .n = GROUPS_,
                                         .group = group,
                                         .floor = floor,
                                         .groups = GROUPS_};
    const struct crew_plan p = {quota, none, none};
    assert_int_equal(crew_plan_check(&rq, &p, NULL), CREW_OK);
    for (uint32_t i = 0; i < GROUPS_; i++) {
        uint32_t to = (i + 1) % GROUPS_;
        quota[i]--;
        quota[to]++;
        assert_int_equal(crew_plan_check(&rq, &p, NULL), CREW_EINVAL);
        quota[i]++;
        quota[to]--;
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_planning_policy_keeps_every_floor),
        cmocka_unit_test(without_floors_groups_change_nothing),
        cmocka_unit_test(who_is_parked_is_tried_again_by_a_task_that_no_floor_needs),
        cmocka_unit_test(policies_with_open_workers_refuse_groups),
        cmocka_unit_test(a_plan_that_breaks_a_floor_is_told),
        cmocka_unit_test(floors_of_many_groups_are_all_checked),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
