/* How many rows make a task worth handing out. A round costs what it takes to call all workers
 * and hear from them, whatever they do; a task takes so long on each core, all of them at once.
 * Both are measured here, before training starts; the rest is arithmetic. */
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "train/checkpoint.h"
#include "train/safetensors.h"
#include <stdlib.h>
#include <string.h>

/* Sizes that are tried, and of two of them the times, which are a line in the rows. */
enum { LEAST = 8, MOST = 4096, FEW = 8, MANY = 64 };
enum { ROUNDS = 51, REPEATS = 9 };
enum { ROUNDS_PER_EPOCH = 8 };     /* at least: larger tasks would learn less from the data */
static const double SHARE = 0.02;  /* of a round, that handing out may take */
static const double LONG_S = 2e-3; /* enough measured */

struct probe {
    crew_trainer *t;
    uint32_t rows;   /* of a task */
    float *params;   /* [n_params] */
    double *seconds; /* [threads] of a task; 0: no memory for it */
    double round_s;  /* of an empty round */
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_size);
    return x[n / 2];
}

static void nothing(void *self, uint32_t worker)
{
    (void)self;
    (void)worker;
}

static void empty_rounds(struct probe *p)
{
    double s[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double began = crew_now_s();
        crew_pool_all(p->t->pool, nothing, p);
        s[i] = crew_now_s() - began;
    }
    p->round_s = median(s, ROUNDS);
}

/* A task as in task.c, of the first rows, over and over where there are fewer, with memory of
 * its own. */
static void time_task(void *self, uint32_t worker)
{
    const struct probe *p = self;
    const crew_trainer *t = p->t;
    const struct crew_task_context task = {.seed = t->cfg.seed};
    uint32_t *label = crew_alloc(2 * p->rows * sizeof *label), *row = label + p->rows;
    float *x = crew_alloc(p->rows * (size_t)t->info.features * sizeof *x),
          *grad = crew_alloc(t->net->n_params * sizeof *grad);
    void *workspace = crew_alloc(t->net->ops->workspace_bytes(t->net->model, p->rows));
    struct crew_batch batch = {x, label, p->rows, 1.0f / (float)p->rows};
    double s[REPEATS], all = 0, loss;
    int n = -1; /* the first one warms up */
    bool good = label && x && grad && workspace;
    for (uint32_t i = 0; good && i < p->rows; i++)
        row[i] = (uint32_t)(i % t->info.rows);
    while (good && n < REPEATS && (n < 1 || all < LONG_S)) {
        double began = crew_now_s();
        crew_dataset_gather(t->train, row, p->rows, x, label);
        good = t->net->ops->gradient(t->net->model, &task, p->params, &batch, workspace, false,
                                     grad, &loss) == CREW_OK;
        double took = crew_now_s() - began;
        if (n >= 0)
            s[n] = took;
        all += took;
        n++;
    }
    p->seconds[worker] = good ? median(s, (size_t)n) : 0;
    crew_free(label);
    crew_free(x);
    crew_free(grad);
    crew_free(workspace);
}

/* Coordinator. */
static void measure(void *self, uint32_t worker)
{
    struct probe *p = self;
    (void)worker;
    if (!(p->round_s > 0))
        empty_rounds(p);
    crew_pool_all(p->t->pool, time_task, p);
}

/* Seconds of a round of B tasks that all workers finish together; task_s(i) of each. */
static double round_of(const crew_trainer *t, const double *task_s)
{
    double speed = 0;
    for (uint32_t i = 0; i < t->threads; i++)
        speed += task_s[i] > 0 ? 1 / task_s[i] : 0;
    return speed > 0 ? t->cfg.batch_tasks / speed : 0;
}

/* Is there room to try it beside all that there will be? */
static bool affordable(const crew_trainer *t, uint32_t rows)
{
    double bytes = (double)t->net->ops->workspace_bytes(t->net->model, rows) +
                   4.0 * rows * (t->info.features + 2.0) + 4.0 * (double)t->net->n_params;
    return t->bytes + t->threads * bytes < (double)crew_machine_free_bytes();
}

static bool open_probe(struct probe *p, crew_trainer *t)
{
    *p = (struct probe){.t = t};
    p->params = crew_alloc(t->net->n_params * sizeof *p->params);
    p->seconds = crew_zalloc(t->threads * sizeof *p->seconds);
    if (p->params && p->seconds)
        t->net->ops->init(t->net->model, t->cfg.seed, p->params);
    return p->params && p->seconds;
}

static void close_probe(struct probe *p)
{
    crew_free(p->params);
    crew_free(p->seconds);
}

/* The smallest power of two for which handing out takes 2 % of a round, and what a task takes
 * whatever its rows (reading the parameters, adding its gradient) half of its time; but no
 * larger than the data allow. */
static uint32_t choose(const struct probe *p, const double *few, const double *many,
                       double *share)
{
    const crew_trainer *t = p->t;
    size_t most = t->info.rows / ((size_t)ROUNDS_PER_EPOCH * t->cfg.batch_tasks);
    uint32_t rows = LEAST;
    for (;; rows *= 2) {
        double with_rows = 0, whole = 0;
        for (uint32_t i = 0; i < t->threads; i++) {
            double slope = (many[i] - few[i]) / (MANY - FEW);
            p->seconds[i] = few[i] + slope * ((double)rows - FEW);
            with_rows += slope * rows;
            whole += p->seconds[i];
        }
        *share = p->round_s / round_of(t, p->seconds);
        if ((*share <= SHARE && 2 * with_rows >= whole) || rows * 2 > MOST || rows * 2 > most)
            return rows;
    }
}

static crew_status measured_size(crew_trainer *t, struct crew_error *err)
{
    struct probe p;
    uint32_t n = t->threads;
    double *time = crew_zalloc(2 * n * sizeof *time), share = 0;
    bool memory = open_probe(&p, t) && time && affordable(t, MANY);
    for (uint32_t k = 0; k < 2 && memory; k++) {
        p.rows = k ? MANY : FEW;
        crew_pool_call(t->pool, measure, &p);
        for (uint32_t i = 0; i < n; i++) {
            time[k * n + i] = p.seconds[i];
            memory = memory && p.seconds[i] > 0;
        }
    }
    if (memory) {
        t->cfg.task_rows = choose(&p, time, time + n, &share);
        crew_trainer_add_note(t, "task-rows is %u: handing out takes %s%.1f %% of a round",
                              t->cfg.task_rows, share < 1e-3 ? "less than " : "",
                              share < 1e-3 ? 0.1 : 100 * share);
    }
    crew_free(time);
    close_probe(&p);
    return memory ? CREW_OK
                  : crew_fail(err, CREW_ENOMEM,
                              "no memory to find task-rows by trying tasks of %d rows", MANY);
}

/* ---- A run that goes on ---- */

/* What the checkpoint was made with; 0: it does not say. */
static uint32_t size_in(const char *path)
{
    crew_st_file *f;
    json_t *config = NULL;
    json_error_t why;
    uint64_t rows = 0;
    if (crew_st_read(path, &f, NULL) != CREW_OK)
        return 0;
    const char *text = crew_st_meta(f, "config");
    if (text && crew_json_parse(text, strlen(text), 0, &config, &why) == CREW_OK) {
        const char *value = json_string_value(json_object_get(config, "task-rows"));
        if (!value || !crew_text_u64(value, strlen(value), &rows) || rows > UINT32_MAX)
            rows = 0;
    }
    json_decref(config);
    crew_st_close(f);
    return (uint32_t)rows;
}

/* The newest checkpoint that tells; resume.c says what is wrong with others. */
static uint32_t size_of_run(const crew_trainer *t)
{
    const char *from = t->cfg.resume;
    uint64_t *round;
    size_t n = 0;
    uint32_t rows = 0;
    if (!strcmp(from, "none") || (!strcmp(from, "auto") && !t->cfg.checkpoint))
        return 0;
    from = !strcmp(from, "auto") ? t->cfg.checkpoint : from;
    if (crew_folder_list(from, &round, &n, NULL) != CREW_OK)
        return size_in(from); /* a file */
    for (size_t i = 0; i < n && !rows; i++) {
        char *path = crew_folder_file(from, round[i]);
        rows = path ? size_in(path) : 0;
        crew_free(path);
    }
    crew_free(round);
    return rows;
}

crew_status crew_task_size_find(crew_trainer *t, struct crew_error *err)
{
    uint32_t rows = size_of_run(t);
    if (!rows)
        return measured_size(t, err);
    t->cfg.task_rows = rows;
    return CREW_OK;
}

void crew_task_size_check(crew_trainer *t)
{
    struct probe p;
    bool open = open_probe(&p, t) && affordable(t, t->cfg.task_rows);
    p.rows = t->cfg.task_rows;
    if (open)
        crew_pool_call(t->pool, measure, &p);
    double seconds = open ? round_of(t, p.seconds) : 0;
    if (seconds > 0 && p.round_s > SHARE * seconds)
        crew_trainer_add_note(t,
                              "tasks of %u rows are small: handing out takes some %.2g %% of a "
                              "round; see task-rows",
                              t->cfg.task_rows, 100 * p.round_s / (p.round_s + seconds));
    close_probe(&p);
}
