/* Training against its own matrix products: the sgemm calls that the gradients of ROUNDS rounds
 * consist of, bare, warm, with beta = 0, in the layout that is faster; one worker. Then two
 * workers against one. */
#include "shapes.h"

struct products {
    int layers, width[4];
    bool by_output; /* weights [out][in] */
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
        product(no, p->by_output ? yes : no, TASK_ROWS, p->width[l + 1], p->width[l], p->y[l],
                p->w[l], p->y[l + 1]);
    for (int l = p->layers; l-- > 0;) {
        if (p->by_output)
            product(yes, no, p->width[l + 1], p->width[l], TASK_ROWS, p->d[l + 1], p->y[l],
                    p->g[l]);
        else
            product(yes, no, p->width[l], p->width[l + 1], TASK_ROWS, p->y[l], p->d[l + 1],
                    p->g[l]);
        if (l)
            product(no, p->by_output ? no : yes, TASK_ROWS, p->width[l], p->width[l + 1],
                    p->d[l + 1], p->w[l], p->d[l]);
    }
}

static void run_products(void *self)
{
    for (int i = 0; i < ROUNDS * TASKS; i++)
        one_task(self);
}

static struct products *products(bool by_output, int layers, const int *width)
{
    struct products *p = crew_zalloc(sizeof *p);
    if (!p)
        exit(1);
    p->by_output = by_output;
    p->layers = layers;
    for (int l = 0; l <= layers; l++) {
        p->width[l] = width[l];
        p->y[l] = random_floats((size_t)TASK_ROWS * (size_t)width[l], 2);
        p->d[l] = random_floats((size_t)TASK_ROWS * (size_t)width[l], 3);
        if (l)
            p->w[l - 1] = random_floats((size_t)width[l - 1] * (size_t)width[l], 4);
        if (l)
            p->g[l - 1] = random_floats((size_t)width[l - 1] * (size_t)width[l], 5);
    }
    return p;
}

static double operations(int layers, const int *width)
{
    double sum = 0;
    for (int l = 0; l < layers; l++)
        sum += 2.0 * TASK_ROWS * width[l] * width[l + 1] * (l ? 3 : 2);
    return sum * ROUNDS * TASKS;
}

#define CREW(NAME, RECIPE)                                                              \
    {                                                                                   \
        .name = NAME, .run = run_trainer, .open = open_trainer, .close = close_trainer, \
        .recipe = RECIPE                                                                \
    }

static void compare(const struct bench_report *report, const char *model, int layers,
                    const int *width, const crew_dataset *rows)
{
    struct recipe one = {model, "queue", 1, rows}, two = {model, "queue", 2, rows},
                  learned = {model, "adaptive", 2, rows};
    struct bench b[] = {{.name = "bare sgemm, weights [in][out]",
                         .run = run_products,
                         .self = products(false, layers, width)},
                        {.name = "bare sgemm, weights [out][in]",
                         .run = run_products,
                         .self = products(true, layers, width)},
                        CREW("crew, 1 worker", &one),
                        CREW("crew, 2 workers, queue", &two),
                        CREW("crew, 2 workers, adaptive", &learned)};
    printf("%s, %d rounds of %d tasks of %d rows\n", model, ROUNDS, TASKS, TASK_ROWS);
    bench_run(b, 5);
    struct bench best = b[bench_quantile(&b[0], 0.5) <= bench_quantile(&b[1], 0.5) ? 0 : 1];
    best.name = "the better sgemm";
    for (int i = 0; i < 5; i++)
        bench_row(report, model, &b[i], &best);
    printf("  the better sgemm: %.1f GF/s; crew, 1 worker: %.0f rows/s\n",
           1e-9 * operations(layers, width) / bench_quantile(&best, 0.5),
           ROUNDS * TASKS * TASK_ROWS / bench_quantile(&b[2], 0.5));
    for (int i = 3; i < 5; i++) {
        double low, high, ratio = bench_ratio(&b[2], &b[i], &low, &high);
        printf("  %s: %.3f times 1 worker (%.3f .. %.3f)\n", b[i].name, ratio, low, high);
    }
}

int main(void)
{
    const int mlp[] = {FEATURES, 512, 256, CLASSES}, softmax[] = {FEATURES, CLASSES};
    crew_dataset *rows = random_rows();
    struct bench_report report;
    openblas_set_num_threads(1);
    bench_begin(&report, "train", "training against its matrix products");
    compare(&report, "mlp:512,256", 3, mlp, rows);
    compare(&report, "softmax", 1, softmax, rows);
    bench_end(&report);
    crew_dataset_destroy(rows);
    return 0;
}
