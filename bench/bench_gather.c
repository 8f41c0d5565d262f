/* What it costs to gather a task's rows, from bytes and from floats, against the gradient that
 * is computed of them: 64 random rows of 60000 of MNIST's shape, mlp:512,256; and changing the
 * pictures of CIFAR's shape. One thread. */
#include "base/rng.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "shapes.h"
#include <unistd.h>

enum { ROWS = 60000, PICTURES = 10000 };

struct gradient {
    struct gradient_rig rig;
    float *sum;
};

struct gathering {
    crew_dataset *ds;
    struct crew_dataset_info info;
    uint32_t *order, at;
    struct crew_augment augment;
    float *x;
};

static void gradient(void *self)
{
    struct gradient *g = self;
    gradient_rig_run(&g->rig, false, g->sum);
}

static void gather(void *self)
{
    struct gathering *g = self;
    uint32_t label[TASK_ROWS];
    const uint32_t *row = g->order + g->at;
    crew_dataset_gather(g->ds, row, TASK_ROWS, g->x, label);
    crew_augment_rows(&g->augment, &g->info, 1, 1, row, TASK_ROWS, g->x);
    g->at = g->at + 2 * TASK_ROWS > g->info.rows ? 0 : g->at + TASK_ROWS;
}

/* The table's rows in a file of their own, which has no name any more, and in the page cache.
 */
static void move_to_file(struct crew_table *t)
{
    char path[] = "/tmp/crew-bench-XXXXXX";
    struct crew_source in = {.path = path};
    struct crew_error err = {.text = "no temporary file"};
    int fd = mkstemp(path);
    FILE *to = fd < 0 ? NULL : fdopen(fd, "wb");
    uint32_t each = t->byte ? 1 : 4, height = t->height, width = t->width, depth = t->depth;
    size_t rows = t->rows, features = t->features;
    bool good = to && fwrite(t->byte ? (const void *)t->byte : t->x, each, rows * features,
                             to) == rows * features;
    good = good && fclose(to) == 0 && crew_source_map(path, &in, &err) == CREW_OK;
    unlink(path);
    crew_table_free(t);
    t->unit = "row";
    if (!good || crew_table_map(t, &in, in.data, rows, features, each, &err) != CREW_OK) {
        fprintf(stderr, "gather: %s\n", err.text);
        exit(1);
    }
    t->least = 0;
    t->most = UINT8_MAX;
    t->height = height;
    t->width = width;
    t->depth = depth;
    crew_map_shuffled(&t->map);
}

/* side x side x depth pixels of any value, scaled, to be read in random order. */
static struct gathering filled(uint32_t rows, uint32_t side, uint32_t depth, bool bytes,
                               bool mapped, enum crew_scaling scaling, const char *augment)
{
    struct gathering g = {.at = 0};
    struct crew_table t = {.unit = "row"};
    struct crew_scaler s;
    struct crew_error err = {0};
    size_t features = (size_t)side * side * depth;
    if ((bytes ? crew_table_alloc_bytes : crew_table_alloc)(&t, "bench", rows, features, false,
                                                            UINT64_MAX, &err) != CREW_OK)
        goto fail;
    t.height = t.width = side;
    t.depth = depth;
    for (size_t i = 0; i < rows * features; i++) {
        uint8_t v = i < features ? 0 : (uint8_t)((i * 2654435761u) >> 13);
        if (bytes)
            t.byte[i] = v;
        else
            t.x[i] = v;
    }
    if (mapped)
        move_to_file(&t);
    if (crew_dataset_from_table(&t, NULL, &g.ds, &err) != CREW_OK ||
        crew_scaler_fit(g.ds, scaling, &s, &err) != CREW_OK ||
        crew_dataset_scale(g.ds, &s, "bench", &err) != CREW_OK)
        goto fail;
    crew_scaler_free(&s);
    crew_dataset_info(g.ds, &g.info);
    g.order = crew_alloc(rows * sizeof *g.order);
    g.x = crew_zalloc(TASK_ROWS * features * sizeof *g.x);
    if (!g.order || !g.x || crew_augment_parse(augment, &g.info, &g.augment, &err) != CREW_OK)
        goto fail;
    crew_rng_shuffle(1, CREW_STREAM_TEST, 0, g.order, rows);
    return g;
fail:
    fprintf(stderr, "gather: %s\n", err.text);
    exit(1);
}

int main(void)
{
    struct gradient r;
    gradient_rig_open(&r.rig);
    r.sum = random_floats(r.rig.n_params, 2);
    struct gathering g[] = {
        filled(ROWS, 28, 1, false, false, CREW_SCALE_UNIT, NULL),
        filled(ROWS, 28, 1, false, true, CREW_SCALE_UNIT, NULL),
        filled(ROWS, 28, 1, true, false, CREW_SCALE_UNIT, NULL),
        filled(ROWS, 28, 1, true, true, CREW_SCALE_UNIT, NULL),
        filled(ROWS, 28, 1, true, false, CREW_SCALE_STANDARD, NULL),
        filled(PICTURES, 32, 3, true, false, CREW_SCALE_UNIT, NULL),
        filled(PICTURES, 32, 3, true, false, CREW_SCALE_UNIT, "flip,crop4"),
    };
    enum { WAYS = sizeof g / sizeof *g };
    static const char *const name[WAYS] = {"28x28 floats",
                                           "28x28 floats, mapped",
                                           "28x28 bytes, scale unit",
                                           "28x28 bytes, scale unit, mapped",
                                           "28x28 bytes, scale standard",
                                           "32x32x3 bytes, scale unit",
                                           "32x32x3 bytes, flip,crop4"};
    struct bench b[WAYS + 1] = {
        {.name = "gradient of mlp:512,256", .run = gradient, .self = &r}};
    for (int i = 0; i < WAYS; i++)
        b[i + 1] = (struct bench){.name = name[i], .run = gather, .self = &g[i]};
    struct bench_report report;
    bench_begin(&report, "gather", "gathering a task of 64 rows, against its gradient");
    bench_run(b, WAYS + 1);
    bench_rows(&report, "", b, WAYS + 1);
    bench_end(&report);
    for (int i = 0; i < WAYS; i++) {
        crew_dataset_destroy(g[i].ds);
        crew_free(g[i].order);
        crew_free(g[i].x);
    }
    gradient_rig_close(&r.rig);
    crew_free(r.sum);
    return 0;
}
