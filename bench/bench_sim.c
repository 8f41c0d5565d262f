/* Rounds in virtual time: plan, draw the task times, learn, as the trainer does on executor
 * sim.
 *
 * Policy ata on the scenario paper-sqrt with n = 459, B = 23, alpha = 2 mu_n, width 2.
 * Yardstick: a program as anybody would write it first, which is below: every worker's score by
 * log() and sqrt() in every round, then a binary heap of all workers, B times the smallest out
 * and back, and times by -log(u). Its random numbers are others, so its mean round may differ
 * by what chance allows: by more than 1 % ends the program.
 *
 * Then a round of policy adaptive. Yardstick: one of policy ata, on the same machine.
 *
 * Then a round of a machine of a million workers whose means are known. Yardstick: one pass
 * over those means. */
#include "bench.h"
#include "exec/loop.h"
#include "exec/sim.h"
#include "study/scenario.h"
#include <math.h>

enum { N = 459, B = 23, ROUNDS = 300000, SIM_SAMPLES = 5, MANY = 1000000, MANY_TASKS = 100000 };

static void *take(size_t n, size_t size)
{
    void *p = crew_zalloc(n * size);
    if (!p)
        exit(1);
    return p;
}

static void check(crew_status status, const struct crew_error *err)
{
    if (status == CREW_OK)
        return;
    fprintf(stderr, "%s\n", err ? err->text : crew_status_text(status));
    exit(1);
}

/* ---- Ours ---- */

struct crew_side {
    const char *policy; /* NULL: ata */
    crew_speeds *speeds;
    struct crew_loop loop;
    uint32_t tasks;
    double *mean_s; /* [n] */
    double *known;  /* [n] */
    uint64_t round;
    double round_s; /* mean of the last run */
};

static void open_loop(struct crew_side *c, bool prior)
{
    struct crew_error err;
    uint32_t n = crew_speeds_n(c->speeds);
    struct crew_sim_config sim = {.speeds = c->speeds, .max_tasks = c->tasks + n};
    struct crew_policy_config policy = {
        .struct_size = sizeof policy, .n = n, .seed = 1, .mean_s = c->mean_s};
    if (prior) {
        policy.prior_tasks = c->known;
        policy.prior_mean_s = c->mean_s;
    }
    memset(&c->loop, 0, sizeof c->loop);
    check(crew_loop_init(&c->loop, n), NULL);
    c->loop.executor = &crew_sim;
    c->loop.policy = crew_policy_find(c->policy ? c->policy : "ata");
    check(crew_sim_create(&sim, &c->loop.executor_self, &err), &err);
    check(c->loop.policy->create(&policy, &c->loop.policy_self, &err), &err);
    c->round = 0;
}

static void close_loop(struct crew_side *c)
{
    crew_sim.destroy(c->loop.executor_self);
    c->loop.policy->destroy(c->loop.policy_self);
    crew_loop_free(&c->loop);
}

static void open_speeds(struct crew_side *c, uint32_t n)
{
    struct crew_error err;
    check(crew_scenario_create("paper-sqrt", n, &c->speeds, &err), &err);
    c->mean_s = take(n, sizeof *c->mean_s);
    c->known = take(n, sizeof *c->known);
    for (uint32_t i = 0; i < n; i++) {
        c->mean_s[i] = crew_speeds_mean(c->speeds, i, 1, 0);
        c->known[i] = 1e12; /* tasks: no score is 0 any more */
    }
}

static void close_speeds(struct crew_side *c)
{
    crew_speeds_destroy(c->speeds);
    crew_free(c->mean_s);
    crew_free(c->known);
}

static void plan(void *self)
{
    struct crew_side *c = self;
    check(crew_loop_plan(&c->loop, ++c->round, c->tasks, NULL), NULL);
}

static void whole_round(void *self)
{
    struct crew_side *c = self;
    plan(c);
    check(crew_loop_run(&c->loop, 1, 0, NULL, NULL), NULL);
    crew_loop_observe(&c->loop);
}

static void all_rounds(void *self)
{
    struct crew_side *c = self;
    double sum = 0;
    open_loop(c, false);
    for (uint32_t k = 0; k < ROUNDS; k++) {
        whole_round(c);
        sum += c->loop.outcome.seconds;
    }
    c->round_s = sum / ROUNDS;
    close_loop(c);
}

/* ---- Theirs ---- */

struct entry {
    double finish; /* if it got one more task */
    int worker;
};

struct plain {
    double half[N]; /* of the mean: what a task takes at least */
    double tasks[N], seconds[N], score[N];
    int quota[N], zero[N];
    struct entry heap[N];
    uint64_t random;
    double round_s;
};

/* splitmix64, by Sebastiano Vigna */
static double uniform(struct plain *p)
{
    uint64_t z = p->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)(((z ^ z >> 31) >> 11) + 1) * 0x1p-53; /* (0, 1] */
}

static double score_of(const struct plain *p, int i, double k, double alpha)
{
    if (p->tasks[i] == 0)
        return 0;
    double L = log(2 * k * k) / p->tasks[i];
    return fmax(0, p->seconds[i] / p->tasks[i] - 2 * alpha * (sqrt(L) + L));
}

static void sift(struct entry *heap, int n, int i)
{
    struct entry moved = heap[i];
    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1].finish < heap[child].finish)
            child++;
        if (moved.finish <= heap[child].finish)
            break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

static void split_by_heap(struct plain *p)
{
    for (int i = 0; i < N; i++)
        p->heap[i] = (struct entry){p->score[i], i};
    for (int i = N / 2; i-- > 0;)
        sift(p->heap, N, i);
    for (int t = 0; t < B; t++) {
        struct entry *top = &p->heap[0];
        int i = top->worker;
        p->quota[i]++;
        top->finish = (p->quota[i] + 1) * p->score[i];
        sift(p->heap, N, 0);
    }
}

/* Those with score 0 share the tasks, a random part of them has one more. */
static void split_evenly(struct plain *p, int n_zero)
{
    for (int j = 0; j < n_zero; j++)
        p->quota[p->zero[j]] = B / n_zero;
    for (int j = 0; j < B % n_zero; j++) {
        int other = j + (int)((1 - uniform(p)) * (n_zero - j)), i = p->zero[other];
        p->zero[other] = p->zero[j];
        p->zero[j] = i;
        p->quota[i]++;
    }
}

static double plain_round(struct plain *p, double k, double alpha)
{
    int n_zero = 0;
    double longest = 0;
    for (int i = 0; i < N; i++) {
        p->quota[i] = 0;
        p->score[i] = score_of(p, i, k, alpha);
        if (p->score[i] == 0)
            p->zero[n_zero++] = i;
    }
    if (n_zero)
        split_evenly(p, n_zero);
    else
        split_by_heap(p);
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int t = 0; t < p->quota[i]; t++)
            sum += p->half[i] - p->half[i] * log(uniform(p));
        p->tasks[i] += p->quota[i];
        p->seconds[i] += sum;
        longest = fmax(longest, sum);
    }
    return longest;
}

static void plain_rounds(void *self)
{
    struct plain *p = self;
    double sum = 0;
    memset(p, 0, sizeof *p);
    for (int i = 0; i < N; i++)
        p->half[i] = 29 * sqrt(i + 1.0);
    for (int k = 1; k <= ROUNDS; k++)
        sum += plain_round(p, k, 4 * p->half[N - 1]);
    p->round_s = sum / ROUNDS;
}

/* ---- Both ---- */

static bool compare(const struct bench_report *report)
{
    static struct plain plain;
    struct crew_side c = {.tasks = B};
    open_speeds(&c, N);
#define SIDE(NAME, RUN, SELF)                                                         \
    {                                                                                 \
        .name = NAME, .run = RUN, .self = SELF, .unit = "rounds/s", .amount = ROUNDS, \
        .samples = SIM_SAMPLES                                                        \
    }
    struct bench b[] = {SIDE("straightforward program", plain_rounds, &plain),
                        SIDE("crew", all_rounds, &c)};
    bench_run(b, 2);
    bench_rows(report, "paper-sqrt, n = 459, B = 23, 300000 rounds, 5 samples", b, 2);
    double off = c.round_s / plain.round_s - 1;
    printf("  mean round: %.2f s, straightforward %.2f s (%+.2f %%)\n", c.round_s,
           plain.round_s, 100 * off);
    close_speeds(&c);
    return fabs(off) <= 0.01;
}

/* What learning more costs, once means are known. */
static void compare_policies(const struct bench_report *report)
{
    struct crew_side ata = {.tasks = B}, adaptive = {.policy = "adaptive", .tasks = B};
    open_speeds(&ata, N);
    open_speeds(&adaptive, N);
    open_loop(&ata, true);
    open_loop(&adaptive, true);
    struct bench b[] = {{.name = "ata", .run = whole_round, .self = &ata},
                        {.name = "adaptive", .run = whole_round, .self = &adaptive}};
    bench_run(b, 2);
    bench_rows(report, "paper-sqrt, n = 459, B = 23: planning, drawing, learning", b, 2);
    close_loop(&ata);
    close_loop(&adaptive);
    close_speeds(&ata);
    close_speeds(&adaptive);
}

static void one_pass(void *self)
{
    struct crew_side *c = self;
    double a[4] = {0};
    for (uint32_t i = 0; i < MANY; i += 4)
        for (uint32_t j = 0; j < 4; j++)
            a[j] += c->mean_s[i + j];
    c->round_s = a[0] + a[1] + a[2] + a[3];
    __asm__("" ::"g"(&c->round_s) : "memory");
}

static void measure_many(const struct bench_report *report)
{
    struct crew_side c = {.tasks = MANY_TASKS};
    open_speeds(&c, MANY);
    open_loop(&c, true);
    struct bench b[] = {
        {.name = "one pass over the means", .run = one_pass, .self = &c},
        {.name = "planning", .run = plan, .self = &c},
        {.name = "planning, drawing, learning", .run = whole_round, .self = &c}};
    bench_run(b, 3);
    bench_rows(report, "paper-sqrt, n = 1000000, B = 100000, means known", b, 3);
    close_loop(&c);
    close_speeds(&c);
}

int main(void)
{
    struct bench_report report;
    bench_begin(&report, "sim", "rounds in virtual time, policy ata");
    bool same = compare(&report);
    compare_policies(&report);
    measure_many(&report);
    bench_end(&report);
    if (!same)
        fprintf(stderr, "the mean rounds differ by more than 1 %%\n");
    return !same;
}
