/* What is believed of one worker's speed, task by task. */
#include "base/rng.h"
#include "policy/pace.h"
#include "testing.h"
#include <math.h>
#include <string.h>

static const double MEMORY = 2000;
static uint64_t drawn;

static double unit(void)
{
    return crew_rng_unit(test_seed(), CREW_STREAM_TEST, 1, drawn++);
}

/* Mean 1, standard deviation cv <= 1. */
static double noisy(double cv)
{
    return 1 - cv - cv * log(1 - unit());
}

static enum crew_news add(struct crew_pace *p, struct crew_noise *noise, double seconds)
{
    const struct crew_task_time t = {.seconds = seconds, .work = 1};
    return crew_pace_add(p, noise, crew_noise_cv(noise), MEMORY, &t);
}

static struct crew_pace learnt(struct crew_noise *noise, double mean, double cv, int tasks)
{
    struct crew_pace p = {0};
    *noise = crew_noise_start();
    for (int k = 0; k < tasks; k++)
        add(&p, noise, mean * noisy(cv));
    return p;
}

static void is_near(double a, double b, double part)
{
    if (!(fabs(a / b - 1) <= part))
        fail_msg("%.17g is not within %g %% of %.17g", a, 100 * part, b);
}

static void the_mean_is_that_of_the_work(void **state)
{
    (void)state;
    struct crew_noise noise = crew_noise_start();
    struct crew_pace p = {0};
    assert_true(crew_pace_mean(&p) == 0);
    static const struct crew_task_time t[] = {
        {.seconds = 2, .work = 1}, {.seconds = 4, .work = 0.5}, {.seconds = 1, .work = 0.25}};
    static const double mean[] = {2, 4 / 1.5, 4.25 / 1.75};
    for (int k = 0; k < 3; k++) {
        enum crew_news news = crew_pace_add(&p, &noise, crew_noise_cv(&noise), MEMORY, &t[k]);
        assert_int_equal(news, k ? CREW_NEWS_NONE : CREW_NEWS_FIRST);
        is_near(crew_pace_mean(&p), mean[k], 1e-15);
    }
}

static void noise_is_learnt_from_all_workers_together(void **state)
{
    (void)state;
    static const double cvs[] = {0.02, 0.05, 0.3, 1};
    for (int c = 0; c < 4; c++) {
        struct crew_noise noise = crew_noise_start();
        struct crew_pace p[8] = {{0}};
        for (int k = 0; k < 8 * 500; k++)
            add(&p[k % 8], &noise, (1 + k % 8) * noisy(cvs[c]));
        double guess = 4 * 0.25, all = 8 * 500; /* 4 tasks of 0.5; squares are clipped */
        is_near(crew_noise_cv(&noise), sqrt(cvs[c] * cvs[c] + guess / all), 0.2);
    }
}

/* Wherever it comes, once anything is known. */
static void an_outlier_of_500_times_changes_nothing(void **state)
{
    (void)state;
    for (int at = 1; at < 60; at++) {
        struct crew_noise noise;
        struct crew_pace p = learnt(&noise, 1, 0.05, at);
        double before = crew_pace_mean(&p), cv = crew_noise_cv(&noise);
        assert_int_equal(add(&p, &noise, 500), CREW_NEWS_NONE);
        assert_true(crew_pace_mean(&p) == before && crew_noise_cv(&noise) == cv);
        for (int k = 0; k < 300; k++)
            assert_int_equal(add(&p, &noise, noisy(0.05)), CREW_NEWS_NONE);
        is_near(crew_pace_mean(&p), 1, 0.02);
    }
}

/* Interrupted, or whatever it was: not odd yet, and no reason to believe that it is slow. */
static void one_slow_task_is_no_change(void **state)
{
    (void)state;
    for (double s = 1.5; s < 4.6; s += 0.1) {
        struct crew_noise noise;
        struct crew_pace p = learnt(&noise, 1, 0.05, 400);
        for (int k = 0; k < 400; k++) { /* one in ten */
            double x = k % 10 ? noisy(0.05) : s;
            if (add(&p, &noise, x) != CREW_NEWS_NONE)
                fail_msg("news of a task of %g", x);
        }
        is_near(crew_pace_mean(&p), 1, 0.06 * s);
    }
}

static void an_outlier_that_came_first_is_forgotten_with_the_next_task(void **state)
{
    (void)state;
    struct crew_noise noise;
    struct crew_pace other = learnt(&noise, 1, 0.05, 200), p = {0};
    (void)other;
    assert_int_equal(add(&p, &noise, 500), CREW_NEWS_FIRST);
    assert_int_equal(add(&p, &noise, 1), CREW_NEWS_FASTER);
    assert_true(crew_pace_mean(&p) == 1);
}

static void three_in_a_row_are_a_change(void **state)
{
    (void)state;
    struct crew_noise noise;
    struct crew_pace p = learnt(&noise, 1, 0.05, 100);
    assert_int_equal(add(&p, &noise, 30), CREW_NEWS_NONE);
    assert_int_equal(add(&p, &noise, 31), CREW_NEWS_NONE);
    assert_int_equal(add(&p, &noise, 32), CREW_NEWS_SLOWER);
    is_near(crew_pace_mean(&p), 31, 1e-12);
}

/* One task in sixteen takes 13 more: the mean is the truth, whoever else there is; and no
 * longer when that is over. */
static void a_shared_core_is_as_slow_as_it_is(void **state)
{
    (void)state;
    struct crew_noise noise = crew_noise_start();
    struct crew_pace p[4] = {{0}};
    double sum = 0;
    for (int k = 0; k < 4 * 4000; k++) {
        int i = k % 4;
        double s = 0.86 * noisy(0.05) + (i < 2 && unit() < 1.0 / 16 ? 13 : 0);
        enum crew_news news = add(&p[i], &noise, s);
        if (news == CREW_NEWS_BURSTS && k > 4 * 400)
            fail_msg("bursts after %d tasks", k / 4);
        sum += k > 4 * 2000 && i < 2 ? crew_pace_mean(&p[i]) : 0;
    }
    assert_true(p[0].bursty > 0 && p[1].bursty > 0 && !(p[2].bursty > 0) && !(p[3].bursty > 0));
    is_near(sum / 4000, 0.86 + 13.0 / 16, 0.12);
    is_near(crew_pace_mean(&p[2]), 0.86, 0.02);
    bool over = false;
    for (int k = 0; k < 1000; k++)
        over |= add(&p[0], &noise, 0.86 * noisy(0.05)) == CREW_NEWS_BURSTS_OVER;
    assert_true(over);
    is_near(crew_pace_mean(&p[0]), 0.86, 0.02);
}

/* What all have is no worker's slowness: 4 equal ones with a heavy tail stay equal. */
static void tails_that_all_have_are_nobodys_bursts(void **state)
{
    (void)state;
    struct crew_noise noise = crew_noise_start();
    struct crew_pace p[8] = {{0}};
    int bursts = 0;
    for (int k = 0; k < 8 * 5000; k++)
        bursts += add(&p[k % 8], &noise, pow(1 - unit(), -1 / 1.5)) == CREW_NEWS_BURSTS;
    assert_in_range(bursts, 0, 12); /* 6 seeds: at most 4 */
    for (int i = 1; i < 8; i++)
        is_near(crew_pace_mean(&p[i]), crew_pace_mean(&p[0]), 0.6);
}

/* Wall time far above CPU time: the core was somebody else's. */
static void a_preempted_task_counts_only_if_it_lasts(void **state)
{
    (void)state;
    struct crew_noise noise;
    struct crew_pace p = learnt(&noise, 1, 0.05, 100);
    const struct crew_task_time t = {.seconds = 2, .work = 1, .preempted = true};
    double before = crew_pace_mean(&p);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(crew_pace_add(&p, &noise, 0.05, MEMORY, &t), CREW_NEWS_NONE);
        assert_true(crew_pace_mean(&p) == before);
    }
    assert_int_equal(crew_pace_add(&p, &noise, 0.05, MEMORY, &t), CREW_NEWS_SLOWER);
    assert_true(crew_pace_mean(&p) == 2);
}

/* How many tasks until it is noticed; 30 tasks later the mean is the new one. */
static void changes_are_noticed_soon_and_the_past_is_forgotten(void **state)
{
    (void)state;
    static const struct {
        double cv, times;
        int most; /* tasks */
    } cases[] = {{0.05, 1.25, 12}, {0.05, 1.5, 8}, {0.05, 2, 6},   {0.05, 3, 6},
                 {0.05, 4.9, 8},   {0.05, 50, 3},  {0.05, 0.5, 3}, {0.05, 0.25, 2},
                 {0.05, 0.002, 1}, {0.3, 2, 40},   {0.3, 0.4, 40}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct crew_noise noise;
        struct crew_pace p = learnt(&noise, 1, cases[c].cv, 2000);
        int k = 1;
        enum crew_news news;
        while ((news = add(&p, &noise, cases[c].times * noisy(cases[c].cv))) == CREW_NEWS_NONE)
            if (k++ == cases[c].most)
                fail_msg("%g times is not noticed after %d tasks", cases[c].times, k - 1);
        assert_int_equal(news, cases[c].times > 1 ? CREW_NEWS_SLOWER : CREW_NEWS_FASTER);
        if (cases[c].cv < 0.1 && cases[c].times < 1) /* nothing of what was before is in it */
            is_near(crew_pace_mean(&p), cases[c].times, 8 * cases[c].cv);
        for (k = 0; k < 30; k++)
            add(&p, &noise, cases[c].times * noisy(cases[c].cv));
        is_near(crew_pace_mean(&p), cases[c].times, 1.2 * cases[c].cv);
    }
}

/* A task of 0.85 says a little, one of 0.002 everything: only that one is after the change. */
static void what_was_chance_before_a_change_is_left_out(void **state)
{
    (void)state;
    struct crew_noise noise;
    struct crew_pace p = learnt(&noise, 1, 0.05, 1000);
    assert_int_equal(add(&p, &noise, 0.85), CREW_NEWS_NONE);
    assert_true(p.faster > 0);
    assert_int_equal(add(&p, &noise, 0.002), CREW_NEWS_FASTER);
    assert_true(crew_pace_mean(&p) == 0.002);
}

/* Now odd, now not quite: it is the fifth that shows it, as if all were odd but two. */
static void a_change_on_the_brink_of_odd_is_one(void **state)
{
    (void)state;
    struct crew_noise noise;
    struct crew_pace p = learnt(&noise, 1, 0.05, 1000);
    double mean = crew_pace_mean(&p);
    for (int k = 0; k < 5; k++)
        assert_int_equal(add(&p, &noise, (k % 2 ? 4.9 : 5.2) * mean),
                         k < 4 ? CREW_NEWS_NONE : CREW_NEWS_SLOWER);
}

/* One of eight takes now 1, now 2: that is its noise, not a change a minute. */
static void a_worker_may_be_noisier_than_the_others(void **state)
{
    (void)state;
    struct crew_noise noise = crew_noise_start();
    struct crew_pace p[8] = {{0}};
    int alarms = 0;
    double sum = 0;
    for (int k = 0; k < 8 * 4000; k++) {
        double s = noisy(0.05) * (k % 8 || unit() < 0.5 ? 1 : 2);
        enum crew_news news = add(&p[k % 8], &noise, s);
        alarms += k > 8 * 400 && news != CREW_NEWS_NONE;
        sum += k % 8 == 0 && k >= 8 * 2000 ? crew_pace_mean(&p[0]) / 2000 : 0;
    }
    assert_in_range(alarms, 0, 2);
    is_near(sum, 1.5, 0.1);
}

static void steady_speeds_give_few_alarms(void **state)
{
    (void)state;
    static const struct {
        double cv;
        int most; /* of 100000 tasks */
    } cases[] = {{0.02, 2}, {0.05, 2}, {0.3, 3}, {0.5, 3}, {1, 100}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct crew_noise noise = crew_noise_start();
        struct crew_pace p[4] = {{0}};
        int alarms = 0;
        for (int k = 0; k < 100000; k++) {
            enum crew_news news = add(&p[k % 4], &noise, noisy(cases[c].cv));
            alarms += news != CREW_NEWS_NONE && news != CREW_NEWS_FIRST;
        }
        if (alarms > cases[c].most)
            fail_msg("cv %g: %d alarms", cases[c].cv, alarms);
    }
}

/* A unit of time that is a power of two changes no bit of what is without one. */
static void the_unit_of_time_does_not_matter(void **state)
{
    (void)state;
    const double unit_s = 0x1p-40;
    struct crew_noise a = crew_noise_start(), b = a;
    struct crew_pace p = {0}, q = {0};
    for (int k = 0; k < 20000; k++) {
        double s = (k % 5000 < 2500 ? 1 : 3) * noisy(0.2) * (unit() < 0.01 ? 20 : 1);
        assert_int_equal(add(&p, &a, s), add(&q, &b, unit_s * s));
        assert_memory_equal(&a, &b, sizeof a);
        assert_true(crew_pace_mean(&q) == unit_s * crew_pace_mean(&p));
    }
}

/* Its mean moves as ever: 100 tasks of 1 and one of 1.1; nobody's noise does. What stands for a
 * dropped task counts as much as it weighs: half of a task of 3 more. */
static void tasks_of_a_round_that_drops_say_nothing_of_the_noise(void **state)
{
    (void)state;
    struct crew_noise noise;
    struct crew_pace p = learnt(&noise, 1, 0.05, 100), before = p;
    struct crew_noise noise_before = noise;
    const struct crew_task_time kept = {.seconds = 1.1, .work = 1, .cut_round = true},
                                dropped = {.seconds = 3, .work = 0.5, .cut_round = true};
    assert_int_equal(crew_pace_add(&p, &noise, 0.5, MEMORY, &kept), CREW_NEWS_NONE);
    assert_int_equal(crew_pace_add_cut(&p, 0.5, MEMORY, &dropped), CREW_NEWS_NONE);
    assert_true(noise.tasks == noise_before.tasks && noise.squares == noise_before.squares);
    assert_true(p.checks == before.checks && p.squares == before.squares);
    double mean = (before.seconds + 1.1 + 1.5) / (before.tasks + 1.5);
    assert_true(fabs(crew_pace_mean(&p) / mean - 1) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mean_is_that_of_the_work),
        cmocka_unit_test(noise_is_learnt_from_all_workers_together),
        cmocka_unit_test(an_outlier_of_500_times_changes_nothing),
        cmocka_unit_test(one_slow_task_is_no_change),
        cmocka_unit_test(an_outlier_that_came_first_is_forgotten_with_the_next_task),
        cmocka_unit_test(three_in_a_row_are_a_change),
        cmocka_unit_test(a_shared_core_is_as_slow_as_it_is),
        cmocka_unit_test(tails_that_all_have_are_nobodys_bursts),
        cmocka_unit_test(a_preempted_task_counts_only_if_it_lasts),
        cmocka_unit_test(changes_are_noticed_soon_and_the_past_is_forgotten),
        cmocka_unit_test(what_was_chance_before_a_change_is_left_out),
        cmocka_unit_test(a_change_on_the_brink_of_odd_is_one),
        cmocka_unit_test(a_worker_may_be_noisier_than_the_others),
        cmocka_unit_test(steady_speeds_give_few_alarms),
        cmocka_unit_test(the_unit_of_time_does_not_matter),
        cmocka_unit_test(tasks_of_a_round_that_drops_say_nothing_of_the_noise),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
