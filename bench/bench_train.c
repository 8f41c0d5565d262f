/* Training against its own matrix products: the sgemm calls that the gradients of ROUNDS rounds
 * consist of, bare, warm, with beta = 0, in the layout that is faster; one worker. Then two
 * workers against one, and their tasks of a round as one minibatch each. */
#include "machine/pool.h"
#include "shapes.h"

enum { ROUND_ROWS = TASKS * TASK_ROWS, ONE = 3, MEASURED = 7 };

struct products {
    int rows, layers, width[4]; /* rows: of a task */
    bool by_output;             /* weights [out][in] */
    float *y[4], *d[4], *w[3], *g[3];
};

static void product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const float *a,
                    const float *b, float *c)
{
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, ta == CblasNoTrans ? k : m, b,
                tb == CblasNoTrans ? n : k, 0, c, n);
}

static void one_task(struct products *p)
{
    const CBLAS_TRANSPOSE no = CblasNoTrans, yes = CblasTrans;
    for (int l = 0; l < p->layers; l++)
        product(no, p->by_output ? yes : no, p->rows, p->width[l + 1], p->width[l], p->y[l],
                p->w[l], p->y[l + 1]);
    for (int l = p->layers; l-- > 0;) {
        if (p->by_output)
            product(yes, no, p->width[l + 1], p->width[l], p->rows, p->d[l + 1], p->y[l],
                    p->g[l]);
        else
            product(yes, no, p->width[l], p->width[l + 1], p->rows, p->y[l], p->d[l + 1],
                    p->g[l]);
        if (l)
            product(no, p->by_output ? no : yes, p->rows, p->width[l], p->width[l + 1],
                    p->d[l + 1], p->w[l], p->d[l]);
    }
}

static void run_products(void *self)
{
    const struct products *p = self;
    for (int i = 0; i < ROUNDS * ROUND_ROWS / p->rows; i++)
        one_task(self);
}

static struct products *products(bool by_output, int rows, int layers, const int *width)
{
    struct products *p = crew_zalloc(sizeof *p);
    if (!p)
        exit(1);
    p->by_output = by_output;
    p->rows = rows;
    p->layers = layers;
    for (int l = 0; l <= layers; l++) {
        p->width[l] = width[l];
        p->y[l] = random_floats((size_t)rows * (size_t)width[l], 2);
        p->d[l] = random_floats((size_t)rows * (size_t)width[l], 3);
        if (l)
            p->w[l - 1] = random_floats((size_t)width[l - 1] * (size_t)width[l], 4);
        if (l)
            p->g[l - 1] = random_floats((size_t)width[l - 1] * (size_t)width[l], 5);
    }
    return p;
}

/* The same by two threads that are bound as crew's workers are: what two cores are worth here.
 */
struct two_threads {
    crew_pool *pool;
    struct products *p[2];
};

static void half_of_them(void *self, uint32_t worker)
{
    const struct two_threads *two = self;
    struct products *p = two->p[worker];
    for (int i = 0; i < ROUNDS * ROUND_ROWS / p->rows / 2; i++)
        one_task(p);
}

static void both_halves(void *self, uint32_t worker)
{
    (void)worker;
    crew_pool_all(((struct two_threads *)self)->pool, half_of_them, self);
}

static void run_on_two(void *self)
{
    crew_pool_call(((struct two_threads *)self)->pool, both_halves, self);
}

static crew_pool *two_cores(crew_machine **machine)
{
    struct crew_error err;
    struct crew_pool_config cfg = {.n = 2};
    crew_pool *pool;
    if (crew_machine_create(NULL, machine, &err) != CREW_OK)
        exit(1);
    cfg.machine = *machine;
    if (crew_pool_create(&cfg, &pool, &err) != CREW_OK)
        exit(1);
    return pool;
}

static double operations(int layers, const int *width)
{
    double sum = 0;
    for (int l = 0; l < layers; l++)
        sum += 2.0 * ROUND_ROWS * width[l] * width[l + 1] * (l ? 3 : 2);
    return sum * ROUNDS;
}

#define CREW(NAME, RECIPE)                                                              \
    {                                                                                   \
        .name = NAME, .run = run_trainer, .open = open_trainer, .close = close_trainer, \
        .recipe = RECIPE                                                                \
    }

static void compare(const struct bench_report *report, crew_pool *pool, const char *model,
                    int task_rows, int layers, const int *width, const crew_dataset *rows)
{
    struct recipe one = {model, "queue", 1, rows, (uint32_t)task_rows, false}, two = one,
                  learned = one, fused;
    two.workers = learned.workers = 2;
    learned.policy = "adaptive";
    fused = learned;
    fused.fuse = true;
    struct two_threads on_two = {
        pool,
        {products(false, task_rows, layers, width), products(false, task_rows, layers, width)}};
    struct bench b[] = {{.name = "bare sgemm, weights [in][out]",
                         .run = run_products,
                         .self = products(false, task_rows, layers, width)},
                        {.name = "bare sgemm, weights [out][in]",
                         .run = run_products,
                         .self = products(true, task_rows, layers, width)},
                        {.name = "bare sgemm, 2 threads", .run = run_on_two, .self = &on_two},
                        CREW("crew, 1 worker", &one),
                        CREW("crew, 2 workers, queue", &two),
                        CREW("crew, 2 workers, adaptive", &learned),
                        CREW("crew, 2 workers, fuse-quota", &fused)};
    char name[64];
    snprintf(name, sizeof name, "%s, %d rows", model, task_rows);
    printf("%s, %d rounds of %d tasks of %d rows\n", model, ROUNDS, ROUND_ROWS / task_rows,
           task_rows);
    bench_run(b, MEASURED);
    struct bench best = b[bench_quantile(&b[0], 0.5) <= bench_quantile(&b[1], 0.5) ? 0 : 1];
    best.name = "the better sgemm";
    for (int i = 0; i < MEASURED; i++)
        bench_row(report, name, &b[i], &best);
    printf("  the better sgemm: %.1f GF/s; crew, 1 worker: %.0f rows/s\n",
           1e-9 * operations(layers, width) / bench_quantile(&best, 0.5),
           ROUNDS * ROUND_ROWS / bench_quantile(&b[ONE], 0.5));
    double low, high, ratio = bench_ratio(&b[0], &b[2], &low, &high);
    printf("  %s: %.3f times 1 thread (%.3f .. %.3f)\n", b[2].name, ratio, low, high);
    for (int i = ONE + 1; i < MEASURED; i++) {
        ratio = bench_ratio(&b[ONE], &b[i], &low, &high);
        printf("  %s: %.3f times 1 worker (%.3f .. %.3f)\n", b[i].name, ratio, low, high);
    }
}

int main(void)
{
    const int mlp[] = {FEATURES, 512, 256, CLASSES}, softmax[] = {FEATURES, CLASSES};
    crew_dataset *rows = random_rows();
    crew_machine *machine;
    crew_pool *pool = two_cores(&machine);
    struct bench_report report;
    openblas_set_num_threads(1);
    bench_begin(&report, "train", "training against its matrix products");
    compare(&report, pool, "mlp:512,256", TASK_ROWS, 3, mlp, rows);
    compare(&report, pool, "mlp:512,256", 4 * TASK_ROWS, 3, mlp, rows);
    compare(&report, pool, "softmax", TASK_ROWS, 1, softmax, rows);
    bench_end(&report);
    crew_dataset_destroy(rows);
    crew_pool_destroy(pool);
    crew_machine_destroy(machine);
    return 0;
}
