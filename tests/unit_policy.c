/* The policies one at a time, with numbers worked out by hand. */
#include <crew/policy.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { MOST = 4, TASKS = 16 };

/* One policy object with a plan of its own. */
struct subject {
    const struct crew_policy_ops *ops;
    void *self;
    uint32_t n;
    uint64_t quota[MOST];
    bool open[MOST], overrun[MOST];
};

static const double means[MOST] = {1, 2.5, 4, 8};

static struct subject open_from(const char *spec, struct crew_policy_config cfg)
{
    struct subject s = {.ops = crew_policy_find(spec), .n = cfg.n};
    struct crew_error err = {0};
    const char *colon = strchr(spec, ':');
    cfg.struct_size = sizeof cfg;
    cfg.seed = 1;
    cfg.settings = colon ? colon + 1 : NULL;
    assert_non_null(s.ops);
    if (s.ops->create(&cfg, &s.self, &err) != CREW_OK)
        fail_msg("%s: %s", spec, err.text);
    return s;
}

static struct subject open_policy(const char *spec, uint32_t n)
{
    bool knows = !strncmp(spec, "fixed", 5);
    return open_from(spec, (struct crew_policy_config){.n = n, .mean_s = knows ? means : NULL});
}

static void refuse(const char *spec, const struct crew_policy_config *cfg, const char *text)
{
    struct crew_error err = {0};
    void *self = &err;
    assert_int_equal(crew_policy_find(spec)->create(cfg, &self, &err), CREW_EINVAL);
    assert_null(self);
    assert_string_equal(err.text, text);
}

static void plan(struct subject *s, uint64_t round, uint64_t tasks, const bool *available)
{
    struct crew_plan_request rq = {
        .round = round, .tasks = tasks, .n = s->n, .available = available};
    struct crew_plan out = {s->quota, s->open, s->overrun};
    memset(s->quota, 0, sizeof s->quota);
    memset(s->open, 0, sizeof s->open);
    memset(s->overrun, 0, sizeof s->overrun);
    s->ops->plan(s->self, &rq, &out);
}

/* Every worker runs its quota; a task of worker i takes means[i] exactly. */
static void observe(struct subject *s)
{
    struct crew_timing t[TASKS];
    size_t n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        for (uint64_t j = 0; j < s->quota[i]; j++, n++)
            t[n] = (struct crew_timing){i, (uint32_t)n, 0, means[i], (double)NAN, 1, 0, true};
    s->ops->observe(s->self, t, n);
}

static void expect(struct subject *s, uint64_t round, uint64_t tasks, uint64_t a, uint64_t b)
{
    plan(s, round, tasks, NULL);
    if (s->quota[0] != a || s->quota[1] != b)
        fail_msg("round %d: (%d, %d) instead of (%d, %d)", (int)round, (int)s->quota[0],
                 (int)s->quota[1], (int)a, (int)b);
}

static void names_are_found_up_to_a_colon(void **state)
{
    (void)state;
    static const char *const names[] = {"uniform", "fixed",         "queue",    "greedy",
                                        "ata",     "ata-empirical", "adaptive", "cohort"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_ptr_equal(crew_policy_find(names[i]), crew_policy_at(i));
        assert_string_equal(crew_policy_at(i)->name, names[i]);
        assert_int_equal(crew_policy_at(i)->abi, CREW_POLICY_ABI);
    }
    assert_null(crew_policy_at(8));
    assert_ptr_equal(crew_policy_find("ata:alpha=1"), crew_policy_at(4));
    assert_ptr_equal(crew_policy_find("ata-empirical:eta=0.25"), crew_policy_at(5));
    assert_null(crew_policy_find("at"));
    assert_null(crew_policy_find("ata-"));
    assert_null(crew_policy_find(":ata"));
    assert_null(crew_policy_find(""));
}

static void plan_check_names_the_broken_rule(void **state)
{
    (void)state;
    static const bool here[3] = {true, true, false};
    static const struct {
        uint64_t quota[3];
        bool open[3], overrun[3];
        const char *text; /* NULL: legal */
    } cases[] = {
        {{4, 6, 0}, {0}, {0}, NULL},
        {{4, 0, 0}, {0, 1, 0}, {0}, NULL},
        {{0, 0, 0}, {1, 1, 0}, {1, 1, 0}, NULL},
        {{4, 6, 0}, {1, 1, 0}, {0}, NULL},
        {{4, 5, 1}, {0}, {0}, "round 7: worker 2 is not available but has a share"},
        {{5, 5, 0}, {0, 0, 1}, {0}, "round 7: worker 2 is not available but has a share"},
        {{5, 5, 0}, {1, 0, 0}, {0, 1, 0}, "round 7: worker 1 overruns but is not open"},
        {{5, 6, 0},
         {1, 1, 0},
         {0},
         "round 7: quotas sum to more than 10 tasks from worker 1 on"},
        {{5, UINT64_MAX, 0},
         {0},
         {0},
         "round 7: quotas sum to more than 10 tasks from worker 1 on"},
        {{5, 4, 0}, {0}, {0}, "round 7: quotas sum to 9 of 10 tasks and no worker is open"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct crew_plan_request rq = {.round = 7, .tasks = 10, .n = 3, .available = here};
        uint64_t quota[3];
        bool open[3], overrun[3];
        memcpy(quota, cases[i].quota, sizeof quota);
        memcpy(open, cases[i].open, sizeof open);
        memcpy(overrun, cases[i].overrun, sizeof overrun);
        struct crew_plan p = {quota, open, overrun};
        struct crew_error err = {0};
        crew_status status = crew_plan_check(&rq, &p, &err);
        assert_int_equal(status, cases[i].text ? CREW_EINVAL : CREW_OK);
        assert_string_equal(err.text, cases[i].text ? cases[i].text : "");
        assert_int_equal(crew_plan_check(&rq, &p, NULL), status);
    }
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *settings, *text;
    } cases[] = {
        {"uniform", "x=1", "policy uniform has no settings, but 'x' is given"},
        {"fixed", "x=1", "policy fixed has no settings, but 'x' is given"},
        {"queue", "x=1", "policy queue has no settings, but 'x' is given"},
        {"greedy", "x=1", "policy greedy has no settings, but 'x' is given"},
        {"ata", "alpha=0", "policy ata: alpha is 0, must be 1e-09..1000000"},
        {"ata", "alpha=-1", "policy ata: alpha is -1, must be 1e-09..1000000"},
        {"ata", "alpha=much", "policy ata: alpha is 'much', must be a number"},
        {"ata", "alpa=1", "policy ata has no setting 'alpa'; did you mean 'alpha'?"},
        {"ata-empirical", "eta=0", "policy ata-empirical: eta is 0, must be 1e-09..1000000"},
        {"ata-empirical", "eta=nan", "policy ata-empirical: eta is 'nan', must be a number"},
        {"ata-empirical", "wdth=2",
         "policy ata-empirical has no setting 'wdth'; did you mean 'width'?"},
        {"adaptive", "explore=0.6", "policy adaptive: explore is 0.6, must be 0..0.5"},
        {"adaptive", "explore=1%", "policy adaptive: explore is '1%', must be a number"},
        {"adaptive", "width=-1", "policy adaptive: width is -1, must be 0..10"},
        {"adaptive", "memory=1", "policy adaptive: memory is 1, must be 10..1000000000"},
        {"adaptive", "wdth=2", "policy adaptive has no setting 'wdth'; did you mean 'width'?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct crew_policy_config cfg = {.struct_size = sizeof cfg,
                                         .n = 2,
                                         .seed = 1,
                                         .settings = cases[i].settings,
                                         .mean_s = means};
        refuse(cases[i].name, &cfg, cases[i].text);
    }
}

static void fixed_wants_a_positive_mean_of_every_worker(void **state)
{
    (void)state;
    const double zero[] = {1, 0}, infinite[] = {HUGE_VAL, 1};
    struct crew_policy_config cfg = {.struct_size = sizeof cfg, .n = 2, .seed = 1};
    refuse("fixed", &cfg, "policy fixed needs the mean seconds per task (--times)");
    cfg.mean_s = zero;
    refuse("fixed", &cfg, "policy fixed: the mean seconds of worker 1 are 0, must be above 0");
    cfg.mean_s = infinite;
    refuse("fixed", &cfg,
           "policy fixed: the mean seconds of worker 0 are inf, must be above 0");
}

static void queue_opens_and_greedy_overruns_whoever_is_available(void **state)
{
    (void)state;
    static const bool here[3] = {true, false, true};
    for (int greedy = 0; greedy < 2; greedy++) {
        struct subject s = open_policy(greedy ? "greedy" : "queue", 3);
        plan(&s, 1, 2, here); /* fewer tasks than workers: all the same */
        for (int i = 0; i < 3; i++) {
            assert_int_equal(s.quota[i], 0);
            assert_int_equal(s.open[i], here[i]);
            assert_int_equal(s.overrun[i], here[i] && greedy);
        }
        plan(&s, 2, 2, NULL);
        assert_true(s.open[0] && s.open[1] && s.open[2]);
        s.ops->destroy(s.self);
    }
}

/* Means 1, 2.5, 4, 8, B = 10. Tasks end at 1 2 3 4 5 6 7 | 2.5 5 | 4: shares 7, 2, 1, 0.
 * Without worker 0 they end at 2.5 5 7.5 10 12.5 15 | 4 8 12 | 8: shares 6, 3, 1; the next
 * would end at 16. */
static void fixed_splits_the_means_of_whoever_is_available(void **state)
{
    (void)state;
    static const bool without_0[MOST] = {false, true, true, true};
    static const uint64_t all[MOST] = {7, 2, 1, 0}, rest[MOST] = {0, 6, 3, 1};
    struct subject s = open_policy("fixed", MOST);
    plan(&s, 1, 10, NULL);
    assert_memory_equal(s.quota, all, sizeof all);
    plan(&s, 2, 10, without_0);
    assert_memory_equal(s.quota, rest, sizeof rest);
    s.ops->destroy(s.self);
}

/* eta = 0.25, width 2: s = m (1 - w / 2), w = sqrt(L / K) + L / K, L = ln(2 k^2); times 1
 * and 2.5. k  L       K      w                s                plan 1  0.6931  0, 0 0, 0 even:
 * 2, 2 2  2.0794  2, 2   2.0594 2.0594    0, 0             even: 2, 2 3  2.8904  4,
 * 4   1.5726 1.5726    0.2137 0.5342    ends 0.21 0.43 0.53 0.64: 3, 1 4  3.4657  7,
 * 5   1.1987 1.5257    0.4006 0.5929    ends 0.40 0.59 0.80 1.186 (1.202): 2, 2 */
static void ata_empirical_follows_the_formula(void **state)
{
    (void)state;
    static const uint64_t expected[][2] = {{2, 2}, {2, 2}, {3, 1}, {2, 2}};
    struct subject s = open_policy("ata-empirical:eta=0.25", 2);
    for (uint64_t k = 1; k <= 4; k++) {
        expect(&s, k, 4, expected[k - 1][0], expected[k - 1][1]);
        observe(&s);
    }
    assert_null(s.ops->remark);
    s.ops->destroy(s.self);
}

/* alpha = 0.5 s, width 2: s = m - w; times 1 and 2.5. A single unknown worker gets the whole
 * round. k  L       K       w                s                plan 1  0.6931  0, 0 0, 0 even:
 * 2, 2 2  2.0794  2, 2    2.0594 2.0594    0, 0.4406        4, 0 3  2.8904  6,
 * 2    1.1758 2.6473    0, 0             even: 2, 2 4  3.4657  8, 4    1.0914 1.7973    0,
 * 0.7027        4, 0 5  3.9120  12, 4   0.8970 1.9669    0.1030 0.5331    ends 0.10 0.21 0.31
 * 0.41 (0.52): 4, 0 6  4.2767  16, 4   0.7843 2.1032    0.2157 0.3968    ends 0.22 0.40 0.43
 * 0.65 (0.79): 3, 1 */
static void ata_follows_the_formula(void **state)
{
    (void)state;
    static const uint64_t expected[][2] = {{2, 2}, {4, 0}, {2, 2}, {4, 0}, {4, 0}, {3, 1}};
    struct subject s = open_policy("ata:alpha=0.5", 2);
    for (uint64_t k = 1; k <= 6; k++) {
        expect(&s, k, 4, expected[k - 1][0], expected[k - 1][1]);
        observe(&s);
    }
    assert_null(s.ops->remark(s.self));
    s.ops->destroy(s.self);
}

/* After round 1 the means are 1 and 2.5, so alpha is 5. */
static void ata_without_alpha_takes_twice_the_largest_mean_and_says_so(void **state)
{
    (void)state;
    struct subject s = open_policy("ata", 2), given = open_policy("ata:alpha=5,width=2", 2);
    plan(&s, 1, 4, NULL);
    assert_null(s.ops->remark(s.self));
    observe(&s);
    plan(&s, 2, 4, NULL);
    assert_string_equal(s.ops->remark(s.self), "alpha is 5 s, twice the largest mean seen");
    /* K = 1000 each, round 2: L = 2.0794, w = 0.04768, s = 0.5232 and 2.0232; ends
     * 0.52 1.05 1.57 2.02 2.09: 4, 1. Told the same alpha, another object plans the same. */
    const double known[] = {1000, 1000, 1000, 2500};
    for (int i = 0; i < 2; i++) {
        struct subject *p = i ? &given : &s;
        assert_int_equal(p->ops->load(p->self, known, 4), CREW_OK);
        expect(p, 2, 5, 4, 1);
        p->ops->destroy(p->self);
    }
}

static void ata_takes_twice_the_largest_known_mean_where_means_are_known(void **state)
{
    (void)state;
    /* alpha = 5, as above, from the first round on. */
    const double known[] = {1000, 1000, 1000, 2500};
    struct subject s = open_from("ata", (struct crew_policy_config){.n = 2, .mean_s = means});
    assert_int_equal(s.ops->load(s.self, known, 4), CREW_OK);
    expect(&s, 2, 5, 4, 1);
    assert_null(s.ops->remark(s.self));
    s.ops->destroy(s.self);
}

static void a_policy_that_learns_starts_from_what_was_measured_before(void **state)
{
    (void)state;
    static const double tasks[] = {1000, 1000}, mean_s[] = {1, 2.5},
                        state_of[] = {1000, 1000, 1000, 2500};
    const struct crew_policy_config prior = {
        .n = 2, .prior_tasks = tasks, .prior_mean_s = mean_s};
    struct subject s = open_from("ata-empirical", prior),
                   none = open_policy("ata-empirical", 2);
    double saved[4];
    assert_int_equal(s.ops->save(s.self, saved, 4), 4);
    assert_memory_equal(saved, state_of, sizeof saved);
    plan(&s, 1, 5, NULL);
    assert_false(s.ops->exploring(s.self));
    plan(&none, 1, 5, NULL);
    assert_true(none.ops->exploring(none.self));
    s.ops->destroy(s.self);
    none.ops->destroy(none.self);
}

/* A worker leaves score 0 at K = L / x^2, x = (sqrt(1 + 2 / eta) - 1) / 2. Worker 1 is never
 * known; as long as worker 0 is not either they share the round. */
static void ata_empirical_leaves_score_0_at_the_published_counts(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        double eta, published;
    } cases[] = {{"ata-empirical", 1, 7.46},
                 {"ata-empirical:eta=2", 2, 23.3},
                 {"ata-empirical:eta=0.5", 0.5, 2.62},
                 {"ata-empirical:eta=0.25", 0.25, 1.0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct subject s = open_policy(cases[c].spec, 2);
        double x = (sqrt(1 + 2 / cases[c].eta) - 1) / 2, factor = 1 / (x * x);
        assert_true(fabs(factor / cases[c].published - 1) < 0.003);
        for (uint64_t k = 1; k < 1000000; k *= 10) {
            double L = log(2 * (double)k * (double)k);
            double state_at[] = {factor * L * (1 - 1e-9), 0, 3, 0};
            assert_int_equal(s.ops->load(s.self, state_at, 4), CREW_OK);
            expect(&s, k, 4, 2, 2);
            state_at[0] = factor * L * (1 + 1e-9);
            assert_int_equal(s.ops->load(s.self, state_at, 4), CREW_OK);
            expect(&s, k, 4, 0, 4);
        }
        s.ops->destroy(s.self);
    }
}

static void timings_that_tell_nothing_are_ignored_and_short_tasks_count_in_part(void **state)
{
    (void)state;
    static const struct crew_timing t[] = {
        {0, 0, 0, 9, (double)NAN, 1, CREW_WARM_UP, true},
        {0, 1, 0, 2, (double)NAN, 1, 0, true},
        {0, 2, 0, 9, (double)NAN, 1, CREW_SUSPENDED, true},
        {0, 3, 0, 0.5, (double)NAN, 0.25, 0, true},
        {1, 4, 0, 3, (double)NAN, 1, CREW_MIGRATED, true},
        {1, 5, 0, 0.1, (double)NAN, 1, 0, false},
    };
    struct subject s = open_policy("ata", 2);
    double out[4] = {0};
    s.ops->observe(s.self, t, sizeof t / sizeof *t);
    assert_int_equal(s.ops->save(s.self, out, 4), 4);
    assert_true(out[0] == 1.25 && out[1] == 1 && out[2] == 2.5 && out[3] == 3);
    s.ops->destroy(s.self);
}

/* State of adaptive: the noise, as tasks and squares, and five numbers more; then of each
 * worker its last round, its tasks and seconds, and fifteen numbers more. */
enum { ADAPTIVE = 7, ADAPTIVE_WORKER = 18, ADAPTIVE_TWO = ADAPTIVE + 2 * ADAPTIVE_WORKER };

static void adaptive_state(double *out, double cv, double k0, double mean0, double k1,
                           double mean1)
{
    memset(out, 0, ADAPTIVE_TWO * sizeof *out);
    out[0] = 100;
    out[1] = 100 * cv * cv;
    out[6] = -1;
    out[ADAPTIVE + 1] = k0;
    out[ADAPTIVE + 2] = k0 * mean0;
    out[ADAPTIVE + ADAPTIVE_WORKER + 1] = k1;
    out[ADAPTIVE + ADAPTIVE_WORKER + 2] = k1 * mean1;
}

/* s = m max(0.05, 1 - c sqrt(0.2 ln(1 + k) / K)), 100 tasks of 1 s and one of 2.6 s:
 * k     c    s                  ends                            plan
 * 1     0.5  0.981 2.116        0.98 1.96 2.12 2.94 (3.93)      3, 1
 * 1000  0.5  0.941 1.072        0.94 1.07 1.88 2.14 (2.82)      2, 2
 * 1000  5    0.412 0.13 (1/20)  0.13 0.26 0.39 0.41 (0.52)      1, 3
 * With width 0 it is 3, 1 at all of them: 1 2 2.6 3. */
static void adaptive_follows_the_formula(void **state)
{
    (void)state;
    static const struct {
        uint64_t round;
        double cv;
        uint64_t first, second;
    } cases[] = {{1, 0.5, 3, 1}, {1000, 0.5, 2, 2}, {1000, 5, 1, 3}};
    for (int bare = 0; bare < 2; bare++) {
        struct subject s = open_policy(bare ? "adaptive:width=0" : "adaptive", 2);
        double numbers[ADAPTIVE_TWO];
        assert_int_equal(s.ops->save(s.self, NULL, 0), ADAPTIVE_TWO);
        for (int c = 0; c < 3; c++) {
            adaptive_state(numbers, cases[c].cv, 100, 1, 1, 2.6);
            assert_int_equal(s.ops->load(s.self, numbers, ADAPTIVE_TWO), CREW_OK);
            expect(&s, cases[c].round, 4, bare ? 3 : cases[c].first,
                   bare ? 1 : cases[c].second);
        }
        s.ops->destroy(s.self);
    }
}

static void adaptive_ignores_what_tells_nothing(void **state)
{
    (void)state;
    static const struct crew_timing t[] = {
        {0, 0, 0, 9, (double)NAN, 1, CREW_WARM_UP, true},
        {0, 1, 0, 2, (double)NAN, 1, 0, true},
        {0, 2, 0, 9, (double)NAN, 1, CREW_SUSPENDED, true},
        {0, 3, 0, 0.5, (double)NAN, 0.25, 0, true},
        {1, 4, 0, 3, (double)NAN, 1, CREW_MIGRATED, true},
        {1, 5, 0, 0.1, (double)NAN, 1, 0, false},
    };
    struct subject s = open_policy("adaptive", 2);
    double out[ADAPTIVE_TWO];
    plan(&s, 7, 6, NULL);
    s.ops->observe(s.self, t, sizeof t / sizeof *t);
    assert_int_equal(s.ops->save(s.self, out, ADAPTIVE_TWO), ADAPTIVE_TWO);
    static const double seen[2][3] = {{7, 1.25, 2.5}, {7, 1, 3}};
    for (int i = 0; i < 2; i++)
        assert_memory_equal(out + ADAPTIVE + i * ADAPTIVE_WORKER, seen[i], sizeof seen[i]);
    /* A mean that no number holds is none. */
    adaptive_state(out, 0.5, 100, 1, 1, 1);
    out[ADAPTIVE + 1] = 1e-300;
    out[ADAPTIVE + 2] = 1e300;
    assert_int_equal(s.ops->load(s.self, out, ADAPTIVE_TWO), CREW_EFORMAT);
    s.ops->destroy(s.self);
}

static void state_that_is_none_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const double bad[][5] = {
        {1, 1, 1, -1}, {1, 1, (double)NAN, 1}, {HUGE_VAL, 1, 1, 1}, {0, 1, 1, 1}, {1, 1, 0, 1}};
    const double good[] = {1, 2, 3, 4, 5};
    struct subject s = open_policy("ata-empirical", 2);
    double out[4];
    assert_int_equal(s.ops->load(s.self, good, 4), CREW_OK);
    assert_int_equal(s.ops->load(s.self, good + 1, 3), CREW_EFORMAT);
    assert_int_equal(s.ops->load(s.self, good, 5), CREW_EFORMAT);
    assert_int_equal(s.ops->load(s.self, NULL, 0), CREW_EFORMAT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(s.ops->load(s.self, bad[i], 4), CREW_EFORMAT);
    assert_int_equal(s.ops->save(s.self, out, 4), 4);
    assert_memory_equal(out, good, sizeof out);
    assert_int_equal(s.ops->save(s.self, out, 0), 4); /* only asks how many */
    s.ops->destroy(s.self);
}

static void destroy_takes_null(void **state)
{
    (void)state;
    const struct crew_policy_ops *p;
    for (size_t i = 0; (p = crew_policy_at(i)); i++)
        p->destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_up_to_a_colon),
        cmocka_unit_test(plan_check_names_the_broken_rule),
        cmocka_unit_test(settings_that_make_no_sense_are_refused),
        cmocka_unit_test(fixed_wants_a_positive_mean_of_every_worker),
        cmocka_unit_test(queue_opens_and_greedy_overruns_whoever_is_available),
        cmocka_unit_test(fixed_splits_the_means_of_whoever_is_available),
        cmocka_unit_test(ata_empirical_follows_the_formula),
        cmocka_unit_test(ata_follows_the_formula),
        cmocka_unit_test(ata_without_alpha_takes_twice_the_largest_mean_and_says_so),
        cmocka_unit_test(ata_takes_twice_the_largest_known_mean_where_means_are_known),
        cmocka_unit_test(a_policy_that_learns_starts_from_what_was_measured_before),
        cmocka_unit_test(ata_empirical_leaves_score_0_at_the_published_counts),
        cmocka_unit_test(timings_that_tell_nothing_are_ignored_and_short_tasks_count_in_part),
        cmocka_unit_test(adaptive_follows_the_formula),
        cmocka_unit_test(adaptive_ignores_what_tells_nothing),
        cmocka_unit_test(state_that_is_none_is_refused_and_changes_nothing),
        cmocka_unit_test(destroy_takes_null),
    };
    return cmocka_run_group_tests_name("unit_policy", tests, NULL, NULL);
}
