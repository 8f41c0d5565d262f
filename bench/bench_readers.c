/* Readers of data files, from the path of a file in the page cache to a table of floats.
 * Yardstick: fread of the same bytes into memory that is there already. The rows are 0..255, as
 * of images, and numbers of six digits, as of tables. */
#include "base/rng.h"
#include "bench.h"
#include "data/table.h"
#include <unistd.h>

enum { ROWS = 4000, PIXELS = 784, COLUMNS = 100, CLASSES = 10, MOST_BYTES = 64 << 20 };

struct rig {
    const char *path;
    size_t bytes;
    char *from, *to; /* [bytes] */
};

static void read_plain(void *self)
{
    struct rig *r = self;
    FILE *f = fopen(r->path, "rb");
    if (!f || fread(r->to, 1, r->bytes, f) != r->bytes)
        exit(1);
    fclose(f);
}

static void copy(void *self)
{
    struct rig *r = self;
    memcpy(r->to, r->from, r->bytes);
    __asm__("" ::"g"(r->to) : "memory");
}

static void read_table(void *self)
{
    struct rig *r = self;
    const struct crew_read_how how = {.max_bytes = MOST_BYTES};
    struct crew_table t;
    struct crew_error err;
    if (crew_table_read(r->path, &how, &t, &err) != CREW_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    if (t.rows != ROWS)
        exit(1);
    crew_table_free(&t);
}

/* ---- Files ---- */

static uint32_t random_number(uint32_t stream, size_t i)
{
    return (uint32_t)crew_rng_u64(1, CREW_STREAM_TEST, stream, i);
}

/* Of images most pixels are 0. */
static unsigned pixel(size_t i)
{
    uint32_t x = random_number(1, i);
    return x % 5 ? 0 : x >> 24;
}

static void write_idx(FILE *f)
{
    static const unsigned char head[] = {0, 0, 8, 3,  0, 0, ROWS >> 8, ROWS & 255,
                                         0, 0, 0, 28, 0, 0, 0,         28};
    fwrite(head, 1, sizeof head, f);
    for (size_t i = 0; i < (size_t)ROWS * PIXELS; i++)
        fputc((int)pixel(i), f);
}

static void write_npy(FILE *f)
{
    char head[128];
    int n =
        snprintf(head, sizeof head,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", ROWS, PIXELS);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
    fprintf(f, "%s%*s\n", head, 117 - n, "");
    for (size_t i = 0; i < (size_t)ROWS * PIXELS; i++) {
        float x = (float)pixel(i) / 255;
        fwrite(&x, sizeof x, 1, f);
    }
}

static void write_csv_pixels(FILE *f)
{
    for (size_t r = 0; r < ROWS; r++) {
        fprintf(f, "%u", (unsigned)(r % CLASSES));
        for (size_t i = 0; i < PIXELS; i++)
            fprintf(f, ",%u", pixel(r * PIXELS + i));
        fputc('\n', f);
    }
}

static void write_csv_reals(FILE *f)
{
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t i = 0; i < COLUMNS; i++)
            fprintf(f, "%.6g,", (random_number(2, r * COLUMNS + i) - 2147483648.0) / 1e8);
        fprintf(f, "class %u\n", (unsigned)(r % CLASSES));
    }
}

static void write_libsvm(FILE *f)
{
    for (size_t r = 0; r < ROWS; r++) {
        fprintf(f, "%u", (unsigned)(r % CLASSES));
        for (size_t i = 0; i < PIXELS; i++)
            if (pixel(r * PIXELS + i))
                fprintf(f, " %zu:%.6g", i + 1, pixel(r * PIXELS + i) / 255.0);
        fputc('\n', f);
    }
}

static void measure(const struct bench_report *report, const char *dir, const char *what,
                    void (*write)(FILE *f))
{
    char path[200], group[120];
    snprintf(path, sizeof path, "%s/rows", dir);
    FILE *f = fopen(path, "wb");
    if (!f)
        exit(1);
    write(f);
    struct rig r = {.path = path, .bytes = (size_t)ftell(f)};
    if (fclose(f) != 0 || !(r.from = crew_zalloc(r.bytes)) || !(r.to = crew_zalloc(r.bytes)))
        exit(1);
    double mb = 1e-6 * (double)r.bytes;
#define ROW(NAME, RUN)                                                     \
    {                                                                      \
        .name = NAME, .run = RUN, .self = &r, .unit = "MB/s", .amount = mb \
    }
    struct bench b[] = {ROW("fread", read_plain), ROW("memcpy", copy), ROW("crew", read_table)};
    bench_run(b, 3);
    snprintf(group, sizeof group, "%s, %.1f MB", what, mb);
    bench_rows(report, group, b, 3);
    unlink(path);
    crew_free(r.from);
    crew_free(r.to);
}

int main(void)
{
    struct bench_report report;
    char dir[] = "/tmp/crew-bench-XXXXXX";
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    bench_begin(&report, "readers", "readers of data files, 4000 rows");
    measure(&report, dir, "IDX, 784 pixels", write_idx);
    measure(&report, dir, "NPY, 784 floats", write_npy);
    measure(&report, dir, "CSV, 784 pixels", write_csv_pixels);
    measure(&report, dir, "CSV, 100 numbers of six digits", write_csv_reals);
    measure(&report, dir, "libsvm, 784 features, a fifth not 0", write_libsvm);
    bench_end(&report);
    rmdir(dir);
    return 0;
}
