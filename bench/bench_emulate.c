/* Two workers, one of them four times slower (emulated: see --emulate), B = 10: the learned
 * split against the split of the true means and the equal one. Mean time of COUNTED rounds,
 * after LEARNED ones of the policy that learns and WARM ones of the others, the policies in
 * turn. */
#include "shapes.h"

enum {
    B = 10,
    LEARNED = 300,
    WARM = 20,
    COUNTED = 120,
    REPEATS = 3,
    POLICIES = 4,
    UNIFORM = 2
};

struct sum {
    uint64_t before;
    double seconds;
    uint64_t rounds;
};

static bool on_round(void *user, const struct crew_record *r)
{
    struct sum *s = user;
    if (r->round > s->before) {
        s->seconds += r->wait_s;
        s->rounds++;
    }
    return true;
}

static double mean_round(const char *policy, const crew_dataset *rows)
{
    struct crew_config cfg;
    struct crew_data data;
    struct crew_error err;
    struct sum s = {.before = strncmp(policy, "ata", 3) ? WARM : LEARNED};
    crew_trainer *t;
    memset(&data, 0, sizeof data);
    memcpy(&data.train, &rows, sizeof rows);
    crew_config_init(&cfg);
    cfg.model = "mlp:512,256";
    cfg.policy = policy;
    cfg.workers = 2;
    cfg.emulate = "0:1x 1:4x";
    cfg.times = "1,4";
    cfg.batch_tasks = B;
    cfg.task_rows = TASK_ROWS;
    cfg.epochs = 0;
    cfg.rounds = s.before + COUNTED;
    cfg.on_round = on_round;
    cfg.user = &s;
    if (crew_trainer_create(&cfg, &data, &t, &err) != CREW_OK ||
        crew_trainer_run(t, &err) != CREW_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    crew_trainer_destroy(t);
    return s.seconds / (double)s.rounds;
}

int main(void)
{
    struct bench b[POLICIES] = {
        {.name = "fixed"}, {.name = "adaptive"}, {.name = "uniform"}, {.name = "queue"}};
    struct bench_report report;
    crew_dataset *rows = random_rows();
    bench_begin(&report, "emulate",
                "a core four times slower, mlp:512,256, B = 10: mean of 120 rounds once it is "
                "learned, 3 samples");
    for (int r = 0; r < REPEATS; r++)
        for (int p = 0; p < POLICIES; p++) {
            b[p].sample[r] = mean_round(b[p].name, rows);
            b[p].samples = r + 1;
        }
    bench_rows(&report, "", b, POLICIES);
    for (int p = 0; p < POLICIES; p++) {
        double low, high, ratio = bench_ratio(&b[p], &b[UNIFORM], &low, &high);
        printf("  %s: %.3f times uniform (%.3f .. %.3f)\n", b[p].name, ratio, low, high);
    }
    bench_end(&report);
    crew_dataset_destroy(rows);
    return 0;
}
