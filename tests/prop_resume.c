/* Interrupted anywhere, any number of times, and gone on with by other workers and policies:
 * the bits are those of one run. */
#include "testing.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "checkpoint_rig.h"
#include <math.h>

static uint64_t draw(uint32_t stream, uint64_t i, uint64_t below)
{
    return crew_rng_u64(test_seed(), CREW_STREAM_TEST, stream, i) % below;
}

/* Policies that drop nothing, and who carries out their plans. */
static const char *const policies[] = {"uniform", "fixed",         "queue",
                                       "ata",     "ata-empirical", "adaptive"};
static const struct optimizer {
    const char *spec;
    double momentum;
} optimizers[] = {
    {"sgd", 0}, {"sgd", 0.9}, {"sgd:nesterov=yes", 0.5}, {"adam", 0.9}, {"adamw", 0.9}};
static const struct carrier {
    uint32_t workers;   /* threads, or */
    const char *speeds; /* virtual */
    const char *times;
} carriers[] = {{1, NULL, "1"},
                {2, NULL, "1,2"},
                {3, NULL, "1,2,4"},
                {0, "1ms", NULL},
                {0, "1ms exp(1ms,1ms)", NULL},
                {0, "2*1ms@0..9,3ms@9.. 15*exp(0ms,2ms)", NULL}};
enum {
    POLICIES = sizeof policies / sizeof *policies,
    OPTIMIZERS = sizeof optimizers / sizeof *optimizers,
    CARRIERS = sizeof carriers / sizeof *carriers
};

static void put(struct crew_config *cfg, size_t policy, size_t carrier)
{
    const struct carrier *c = &carriers[carrier];
    cfg->policy = policies[policy];
    cfg->executor = c->speeds ? "sim" : "threads";
    cfg->workers = c->workers;
    cfg->speeds = c->speeds;
    cfg->times = strcmp(cfg->policy, "fixed") ? NULL : c->times;
}

static struct crew_config whole_run(size_t optimizer, uint64_t rounds, bool best)
{
    struct crew_config cfg = rig_config();
    cfg.optimizer = optimizers[optimizer].spec;
    cfg.momentum = optimizers[optimizer].momentum;
    cfg.schedule = "cosine";
    cfg.clip = 1;
    cfg.epochs = 0;
    cfg.rounds = rounds;
    cfg.best = best;
    return cfg;
}

/* Ends at random rounds, the last ones of epochs among them, which stops their validation. */
static void interrupt(uint64_t i, size_t policy, size_t optimizer, size_t carrier)
{
    uint64_t rounds = 20 + draw(1, i, 9), done = 0;
    struct crew_config cfg = whole_run(optimizer, rounds, i % 3 == 0);
    uint64_t want = rig_result(&cfg), parts = 0;
    struct ck_part p;
    ck_clear(NULL);
    cfg.checkpoint = ck_dir;
    cfg.every = i % 2 ? "1rounds" : "1h"; /* written while it trains, or only at its end */
    cfg.keep = 2;
    for (; done < rounds; parts++) {
        uint64_t stop = done + 1 + draw(2, 64 * i + parts, 16);
        put(&cfg, policy, carrier);
        p = ck_run(cfg, stop);
        assert_true(p.s.resumed == (parts > 0) && p.s.resumed_round == done);
        done = p.s.rounds;
        assert_int_equal(done, stop < rounds ? stop : rounds);
        policy = draw(3, 64 * i + parts, POLICIES);
        carrier = draw(4, 64 * i + parts, CARRIERS);
    }
    if (p.s.stopped) /* in the validation of its last epoch */
        p = ck_run(cfg, 0);
    if (p.s.weights_digest != want)
        fail_msg(
            "case %llu: optimizer %s, %llu rounds in %llu parts: other weights (SEED=%llu)",
            (unsigned long long)i, optimizers[optimizer].spec, (unsigned long long)rounds,
            (unsigned long long)parts, (unsigned long long)test_seed());
}

static void any_policy_optimizer_and_workers_go_on_to_the_same_bits(void **state)
{
    (void)state;
    uint64_t i = 0;
    ck_validate(true);
    for (size_t p = 0; p < POLICIES; p++)
        for (size_t o = 0; o < OPTIMIZERS; o++)
            for (size_t c = 0; c < CARRIERS; c++)
                interrupt(i++, p, o, c);
    ck_do_not_validate();
}

/* Whatever file a crash leaves as the newest one. */
static void any_checkpoint_goes_on_to_the_same_bits(void **state)
{
    (void)state;
    uint64_t *round;
    size_t n;
    struct crew_config cfg = whole_run(4, 22, false);
    uint64_t want = rig_result(&cfg);
    cfg.checkpoint = ck_dir;
    cfg.every = "1rounds";
    cfg.keep = 1000;
    assert_true(ck_run(cfg, 0).s.weights_digest == want);
    assert_int_equal(crew_folder_list(ck_dir, &round, &n, NULL), CREW_OK);
    assert_true(n > 1 && round[0] == 22 && round[n - 1] == 0);
    ck_only_read(&cfg);
    for (size_t i = 0; i < n; i++) {
        put(&cfg, i % POLICIES, i % CARRIERS);
        cfg.resume = ck_file(ck_dir, round[i]);
        struct ck_part p = ck_run(cfg, 0);
        assert_int_equal(p.s.resumed_round, round[i]);
        if (p.s.weights_digest != want)
            fail_msg("from round %llu: other weights", (unsigned long long)round[i]);
    }
    crew_free(round);
}

/* A row that is not finite makes one round of each epoch one without a step. */
static void rounds_left_out_and_rolled_back_are_those_of_one_run(void **state)
{
    (void)state;
    static const char *const answers[] = {"skip", "rollback"};
    float kept = rig_x[50][0];
    rig_x[50][0] = NAN;
    for (uint64_t i = 0; i < 24; i++) {
        uint64_t rounds = 18 + draw(7, i, 9), done = 0, parts = 0;
        struct crew_config cfg = whole_run(i % OPTIMIZERS, rounds, false);
        struct crew_summary want;
        struct ck_part p = {0};
        cfg.on_nan = answers[i % 2];
        crew_trainer *t = rig_trainer(&cfg);
        rig_run(t);
        crew_trainer_summary(t, &want);
        crew_trainer_destroy(t);
        assert_in_range(want.skipped, 4, 7);
        ck_clear(NULL);
        cfg.checkpoint = ck_dir;
        for (; done < rounds; done = p.s.rounds) {
            put(&cfg, draw(8, 64 * i + parts, POLICIES), draw(9, 64 * i + parts, CARRIERS));
            p = ck_run(cfg, done + 1 + draw(10, 64 * i + parts++, 7));
        }
        if (p.s.weights_digest != want.weights_digest || p.s.skipped != want.skipped)
            fail_msg("case %llu: on-nan %s, %llu of %llu rounds without a step: other weights "
                     "(SEED=%llu)",
                     (unsigned long long)i, cfg.on_nan, (unsigned long long)p.s.skipped,
                     (unsigned long long)want.skipped, (unsigned long long)test_seed());
    }
    rig_x[50][0] = kept;
}

/* ---- In virtual time all of it is the same, not the weights alone ---- */

enum { ROUNDS = 40 };

struct seen {
    uint64_t stop, hash[ROUNDS + 1]; /* of each round */
    double elapsed_s;
};

static bool see(void *user, const struct crew_record *r)
{
    struct seen *s = user;
    const double numbers[] = {r->loss,          r->lr,        r->seconds,           r->wait_s,
                              (double)r->epoch, r->elapsed_s, (double)r->epoch_rows};
    uint64_t h = crew_hash(CREW_HASH_INIT, numbers, sizeof numbers);
    h = crew_hash(h, r->quota, r->n * sizeof *r->quota);
    h = crew_hash(h, r->done, r->n * sizeof *r->done);
    h = crew_hash(h, r->busy_s, r->n * sizeof *r->busy_s);
    for (size_t i = 0; i < r->n_timings; i++) {
        const struct crew_timing *x = &r->timing[i];
        const double y[] = {x->worker, x->task, x->kept, x->seconds, x->start_s, x->flags};
        h = crew_hash(h, y, sizeof y);
    }
    s->hash[r->round] = h;
    s->elapsed_s = r->elapsed_s;
    return r->round != s->stop;
}

static void watch(struct crew_config cfg, struct seen *s, struct crew_summary *out)
{
    cfg.on_round = see;
    cfg.user = s;
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    crew_trainer_summary(t, out);
    out->worker = NULL;
    crew_trainer_destroy(t);
}

/* A recording of three workers. */
static void record(char path[32])
{
    snprintf(path, 32, "/tmp/crew-test-XXXXXX");
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    fputs("round,worker,task,kept,seconds,cpu_seconds,work,flags\n", f);
    for (uint64_t i = 0; i < 60; i++)
        fprintf(f, "%llu,%llu,0,1,%.9g,,1,0\n", (unsigned long long)i / 3,
                (unsigned long long)i % 3,
                1e-3 * (1 + (double)draw(5, i, 1000) / (i % 3 ? 100 : 1000)));
    assert_int_equal(fclose(f), 0);
}

static void virtual_times_and_quotas_are_those_of_one_run(void **state)
{
    (void)state;
    static const char *const all[] = {
        "uniform", "queue", "ata-empirical:eta=0.25", "ata", "adaptive", "greedy", "cohort"};
    char path[32], replay[64];
    record(path);
    snprintf(replay, sizeof replay, "replay(%s)", path);
    const char *const speeds[] = {"3*1ms 4*exp(1ms,2ms) lognormal(2ms,1)",
                                  "2*1ms@0s..0.06s,5ms@0.06s..0.1s,1ms@0.1s.. 2*exp(1ms,1ms)",
                                  "2*1ms@0..17,4ms@17.. gamma(2,1ms)", replay};
    for (size_t p = 0; p < sizeof all / sizeof *all; p++)
        for (size_t k = 0; k < 4; k++) {
            struct crew_config cfg = rig_config();
            struct seen one = {.stop = 0}, parts = {.stop = 0};
            struct crew_summary want, got;
            cfg.policy = all[p];
            cfg.executor = "sim";
            cfg.workers = 0;
            cfg.speeds = speeds[k];
            cfg.replay_wrap = k == 3;
            cfg.epochs = 0;
            cfg.rounds = ROUNDS;
            watch(cfg, &one, &want);
            ck_clear(NULL);
            cfg.checkpoint = ck_dir;
            for (uint64_t i = 0; parts.stop < ROUNDS; i++) {
                parts.stop += 1 + draw(6, 100 * p + 10 * k + i, 20);
                watch(cfg, &parts, &got);
            }
            for (uint64_t r = 1; r <= ROUNDS; r++)
                if (one.hash[r] != parts.hash[r])
                    fail_msg("%s on %s: round %llu is another one", all[p], speeds[k],
                             (unsigned long long)r);
            assert_true(want.weights_digest == got.weights_digest && want.rows == got.rows &&
                        want.train_loss == got.train_loss);
            assert_true(want.train_s == got.train_s && want.worker_s == got.worker_s &&
                        want.idle_s == got.idle_s && want.wasted_s == got.wasted_s);
            assert_true(fabs(want.wall_s - got.wall_s) <= 1e-12 * want.wall_s);
        }
    unlink(path);
}

int main(void)
{
#define CASE(F) cmocka_unit_test_setup(F, ck_clear)
    const struct CMUnitTest tests[] = {
        CASE(any_policy_optimizer_and_workers_go_on_to_the_same_bits),
        CASE(any_checkpoint_goes_on_to_the_same_bits),
        CASE(rounds_left_out_and_rolled_back_are_those_of_one_run),
        CASE(virtual_times_and_quotas_are_those_of_one_run),
    };
    test_print_seed();
    return cmocka_run_group_tests(tests, ck_open, ck_close);
}
