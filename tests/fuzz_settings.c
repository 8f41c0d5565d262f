/* The settings behind a name, "alpha=0.02,width=2": what is accepted is shown as text that is
 * accepted again; and every policy that takes them makes legal plans, and goes on from its
 * saved state. */
#include "fuzz.h"
#include <crew/policy.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct all {
    bool flag;
    uint32_t small, any;
    uint64_t large, most;
    double real, ranged;
};

#define ROW(FIELD, TYPE, MIN, MAX, VALUE)                                                  \
    {                                                                                      \
        .name = #FIELD, .type = CREW_OPTION_##TYPE, .offset = offsetof(struct all, FIELD), \
        .min = MIN, .max = MAX, .value = VALUE                                             \
    }

static const struct crew_option table[] = {
    ROW(flag, FLAG, 0, 0, "no"),         ROW(small, U32, 2, 7, "3"),
    ROW(any, U32, 0, 0, NULL),           ROW(large, U64, 1, 0x1p62, "5"),
    ROW(most, U64, 0, 0, NULL),          ROW(real, REAL, 0, 0, NULL),
    ROW(ranged, REAL, -1e-3, 1e30, "0"), {.type = CREW_OPTION_END},
};

static bool check_table(const char *text)
{
    struct all a, b;
    struct crew_error err = {0};
    crew_option_defaults(table, &a);
    b = a;
    if (!fuzz_accepted(crew_option_settings(table, text, "the table", &a, &err), &err))
        return false;
    FUZZ_CHECK(a.small >= 2 && a.small <= 7 && a.large >= 1 && a.large <= UINT64_C(1) << 62);
    FUZZ_CHECK(isfinite(a.real) && a.ranged >= -1e-3 && a.ranged <= 1e30);
    for (const struct crew_option *o = table; o->type != CREW_OPTION_END; o++) {
        char shown[64];
        (void)crew_option_show(o, &a, shown, sizeof shown);
        if (!fuzz_accepted(crew_option_set(o, shown, &b, &err), &err))
            fuzz_fail("%s", err.text);
    }
    FUZZ_CHECK(a.flag == b.flag && a.small == b.small && a.any == b.any && a.large == b.large);
    FUZZ_CHECK(a.most == b.most && memcmp(&a.real, &b.real, sizeof a.real) == 0 &&
               memcmp(&a.ranged, &b.ranged, sizeof a.ranged) == 0);
    return true;
}

enum { N = 3, TASKS = 7 };

struct turn {
    uint64_t quota[N];
    bool open[N], overrun[N];
};

static void plan(const struct crew_policy_ops *ops, void *self, uint64_t round, struct turn *t)
{
    struct crew_plan_request rq = {.round = round, .tasks = TASKS, .n = N};
    struct crew_plan p = {t->quota, t->open, t->overrun};
    struct crew_timing timing[N];
    struct crew_error err = {0};
    *t = (struct turn){.quota = {0}};
    ops->plan(self, &rq, &p);
    if (!fuzz_accepted(crew_plan_check(&rq, &p, &err), &err))
        fuzz_fail("policy %s, round %d: %s", ops->name, (int)round, err.text);
    for (uint32_t i = 0; i < N; i++)
        timing[i] = (struct crew_timing){
            .worker = i, .seconds = 1e-3 * (i + 1), .work = 1, .kept = true, .cpu_seconds = 0};
    if (ops->observe)
        ops->observe(self, timing, N);
}

static void check_plans(const struct crew_policy_ops *ops, const struct crew_policy_config *cfg,
                        void *self)
{
    double state[4096];
    struct turn turn, other;
    struct crew_error err = {0};
    void *restored;
    for (uint64_t round = 1; round <= 5; round++)
        plan(ops, self, round, &turn);
    if (!ops->save)
        return;
    size_t n = ops->save(self, state, 4096);
    FUZZ_CHECK(n <= 4096 && ops->create(cfg, &restored, &err) == CREW_OK);
    FUZZ_CHECK(ops->load(restored, state, n) == CREW_OK);
    for (uint64_t round = 6; round <= 9; round++) {
        plan(ops, self, round, &turn);
        plan(ops, restored, round, &other);
        FUZZ_CHECK(memcmp(turn.quota, other.quota, sizeof turn.quota) == 0);
    }
    ops->destroy(restored);
}

static bool run(const uint8_t *data, size_t n)
{
    static const double means[N] = {1e-3, 2e-3, 1};
    char *text = fuzz_text(data, n);
    bool accepted = check_table(text);
    const struct crew_policy_ops *ops;
    for (size_t i = 0; (ops = crew_policy_at(i)); i++)
        for (int known = 0; known < 2; known++) {
            const struct crew_policy_config cfg = {.struct_size = sizeof cfg,
                                                   .n = N,
                                                   .seed = 1,
                                                   .settings = text,
                                                   .mean_s = known ? means : NULL};
            void *self = NULL;
            struct crew_error err = {0};
            if (!fuzz_accepted(ops->create(&cfg, &self, &err), &err))
                continue;
            accepted = true;
            check_plans(ops, &cfg, self);
            if (ops->destroy)
                ops->destroy(self);
        }
    free(text);
    return accepted;
}

const struct fuzz_target fuzz_target = {
    .name = "settings", .run = run, .bytes_each = 4, .bytes_more = 32768, .longest = 4096};
