/* Are the figures of `crew bench` those of a plain loop? Products of 256 x 256 matrices and a
 * triad, each written down here in a few lines and timed as a whole, against what the bench
 * says of the same core, in turn. */
#include "machine/pool.h"
#include "shapes.h"
#include "study/measure.h"

enum { SIZE = 256, REPEATS = 9 };
static const double SECONDS = 0.1;

struct plain {
    float *m;  /* [3][SIZE][SIZE] */
    double *a; /* [3][n] */
    size_t n;
    double gemm_s, triad_s; /* out: of one */
};

static __attribute__((noinline)) void triad(double *restrict a, const double *restrict b,
                                            const double *restrict c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] + 3.0 * c[i];
}

static void gemm(float *m)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIZE, SIZE, SIZE, 1.0f, m, SIZE,
                m + SIZE * SIZE, SIZE, 1.0f, m + 2 * SIZE * SIZE, SIZE);
}

static void run_plain(void *self, uint32_t worker)
{
    struct plain *p = self;
    (void)worker;
    for (int round = 0; round < 2; round++) { /* the first one warms up */
        double from = crew_now_s(), now = from;
        int runs = 0;
        for (; now < from + SECONDS; now = crew_now_s(), runs++)
            gemm(p->m);
        p->gemm_s = (now - from) / runs;
    }
    for (int round = 0; round < 2; round++) {
        double from = crew_now_s(), now = from;
        int runs = 0;
        for (; now < from + SECONDS; now = crew_now_s(), runs++)
            triad(p->a, p->a + p->n, p->a + 2 * p->n, p->n);
        p->triad_s = (now - from) / runs;
    }
}

/* Its memory is touched on the core that works on it, and given back: the bench takes its own.
 */
static void plain_on_core(void *self, uint32_t worker)
{
    struct plain *p = self;
    p->m = random_floats(3 * SIZE * SIZE, 1);
    p->a = crew_alloc(3 * p->n * sizeof *p->a);
    if (!p->a)
        exit(1);
    for (size_t i = 0; i < 3 * p->n; i++)
        p->a[i] = 1;
    run_plain(p, worker);
    crew_free(p->m);
    crew_free(p->a);
}

static void die(const struct crew_error *err)
{
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void by_bench(double *gemm_s, double *triad_s, uint64_t *bytes)
{
    struct crew_bench_config cfg = {.model = "softmax",
                                    .task_rows = 16,
                                    .seed = 1,
                                    .workers = 1,
                                    .bind = "prefer",
                                    .batch_tasks = 16,
                                    .size = SIZE,
                                    .seconds = SECONDS};
    struct crew_bench b;
    struct crew_error err;
    crew_data_config_init(&cfg.data);
    cfg.data.data = "synth:256x16x2";
    if (crew_bench_run(&cfg, &b, &err) != CREW_OK)
        die(&err);
    *gemm_s = b.slot[0].measured[CREW_SGEMM][CREW_ALONE].mean_s;
    *triad_s = b.slot[0].measured[CREW_TRIAD][CREW_ALONE].mean_s;
    *bytes = b.triad_bytes;
    crew_bench_free(&b);
}

static void verdict(const struct bench *b)
{
    double low, high, ratio = bench_ratio(&b[1], &b[0], &low, &high);
    printf("  %.3f times the plain loop: %s 10 %%\n", ratio,
           ratio > 0.9 && ratio < 1.1 ? "within" : "NOT within");
}

int main(void)
{
    struct bench g[2] = {{.name = "plain loop of sgemm", .unit = "GF/s"},
                         {.name = "crew bench", .unit = "GF/s"}},
                 t[2] = {{.name = "plain loop of the triad", .unit = "GB/s"},
                         {.name = "crew bench", .unit = "GB/s"}};
    struct crew_machine_request rq = {.at_most = 1};
    struct crew_pool_config cfg = {.n = 1, .bind = CREW_BIND_PREFER};
    crew_machine *machine;
    crew_pool *pool;
    struct crew_error err;
    struct bench_report report;
    uint64_t bytes;
    openblas_set_num_threads(1);
    if (crew_machine_create(&rq, &machine, &err) != CREW_OK)
        die(&err);
    cfg.machine = machine;
    if (crew_pool_create(&cfg, &pool, &err) != CREW_OK)
        die(&err);
    bench_begin(&report, "measure", "what crew bench measures, against plain loops, one core");
    by_bench(&g[1].sample[0], &t[1].sample[0], &bytes);
    for (int r = 0; r < REPEATS; r++) {
        struct plain p = {.n = (size_t)(bytes / 24)};
        crew_pool_call(pool, plain_on_core, &p);
        g[0].sample[r] = p.gemm_s;
        t[0].sample[r] = p.triad_s;
        by_bench(&g[1].sample[r], &t[1].sample[r], &bytes);
    }
    for (int i = 0; i < 2; i++) {
        g[i].samples = t[i].samples = REPEATS;
        g[i].amount = 2e-9 * SIZE * SIZE * SIZE;
        t[i].amount = 1e-9 * (double)bytes;
    }
    bench_rows(&report, "", g, 2);
    verdict(g);
    bench_rows(&report, "", t, 2);
    verdict(t);
    bench_end(&report);
    crew_pool_destroy(pool);
    crew_machine_destroy(machine);
    return 0;
}
