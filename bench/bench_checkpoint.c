/* What a save costs: mlp:512,256 on rows as of images, adam, two workers, a disk. Yardstick:
 * memcpy of the same bytes, from the same place. Training waits for the copy; the file is
 * written beside it, on a core that it shares. */
#include "shapes.h"
#include "train/checkpoint.h"
#include <unistd.h>

enum { EVERY_ROUNDS = 40, QUIET = 64 };
static const double INTERVAL_S = 10;

struct rig {
    crew_trainer *t;
    float *to[4]; /* [n_params] */
    size_t bytes; /* of one vector */
    char path[64];
    int n; /* samples so far */
    double memcpy_s[SAMPLES], copy_s[SAMPLES], plain_s[SAMPLES], file_s[SAMPLES],
        lost_s[SAMPLES];
    double quiet[QUIET]; /* seconds of rounds that nothing was written beside */
    uint64_t n_quiet, wait;
    bool saving;
    double in_save_s; /* seconds of rounds since the save began, and how many */
    uint64_t in_save;
};

static void copy_plainly(struct rig *r)
{
    const char *name;
    const float *from;
    double began = crew_now_s();
    memcpy(r->to[0], r->t->params, r->bytes);
    for (unsigned i = 0; i < 3 && (from = crew_snapshot_vector(r->t, i, &name)); i++)
        memcpy(r->to[i + 1], from, r->bytes);
    r->memcpy_s[r->n] = crew_now_s() - began;
}

/* The same bytes, and on disk when it returns. */
static void write_plainly(struct rig *r)
{
    double began = crew_now_s();
    FILE *f = fopen(r->path, "wb");
    for (int i = 0; i < 3 && f; i++)
        if (fwrite(r->to[i], 1, r->bytes, f) != r->bytes)
            exit(1);
    if (!f || fflush(f) != 0 || fsync(fileno(f)) != 0 || fclose(f) != 0)
        exit(1);
    r->plain_s[r->n] = crew_now_s() - began;
}

static bool on_round(void *user, const struct crew_record *record)
{
    struct rig *r = user;
    if (r->n == SAMPLES)
        return false;
    if (r->saving) {
        r->in_save_s += record->seconds;
        r->in_save++;
        return true;
    }
    r->quiet[r->n_quiet++ % QUIET] = record->seconds;
    if (++r->wait % EVERY_ROUNDS == 0) {
        write_plainly(r);
        copy_plainly(r);
        r->saving = true;
        r->in_save_s = 0;
        r->in_save = 0;
        crew_trainer_request_checkpoint(r->t);
    }
    return true;
}

static void on_checkpoint(void *user, const struct crew_checkpoint_record *record)
{
    struct rig *r = user;
    double quiet[QUIET];
    size_t n = r->n_quiet < QUIET ? r->n_quiet : QUIET;
    if (record->status != CREW_OK) {
        fprintf(stderr, "%s\n", record->text);
        exit(1);
    }
    if (!r->saving)
        return;
    memcpy(quiet, r->quiet, sizeof quiet);
    qsort(quiet, n, sizeof *quiet, bench_by_value);
    r->copy_s[r->n] = record->copy_s;
    r->file_s[r->n] = record->write_s;
    r->lost_s[r->n] = record->copy_s + r->in_save_s - (double)r->in_save * quiet[n / 2];
    r->saving = false;
    r->n++;
}

static struct bench row(const char *name, const double *sample)
{
    struct bench b = {.name = name, .samples = SAMPLES};
    memcpy(b.sample, sample, sizeof b.sample);
    return b;
}

int main(void)
{
    char dir[] = "/tmp/crew-bench-XXXXXX", folder[64];
    struct rig r = {.n = 0};
    struct bench_report report;
    struct crew_error err;
    struct crew_data data = {.train = random_rows()};
    struct crew_config cfg;
    crew_config_init(&cfg);
    if (!mkdtemp(dir))
        return 1;
    snprintf(folder, sizeof folder, "%s/ck", dir);
    snprintf(r.path, sizeof r.path, "%s/plain", dir);
    cfg.model = "mlp:512,256";
    cfg.workers = 2;
    cfg.epochs = 1000000;
    cfg.checkpoint = folder;
    cfg.every = "1h";
    cfg.keep = 1;
    cfg.on_round = on_round;
    cfg.on_checkpoint = on_checkpoint;
    cfg.user = &r;
    bench_begin(&report, "checkpoint", "saving while training: mlp:512,256, adam, 2 workers");
    if (crew_trainer_create(&cfg, &data, &r.t, &err) != CREW_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    r.bytes = r.t->net->n_params * sizeof(float);
    for (int i = 0; i < 4; i++)
        if (!(r.to[i] = crew_zalloc(r.bytes)))
            return 1;
    if (crew_trainer_run(r.t, &err) != CREW_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    struct bench b[] = {row("memcpy", r.memcpy_s), row("copy: training waits", r.copy_s),
                        row("training lost in all", r.lost_s)};
    struct bench file[] = {row("fwrite, fsync", r.plain_s),
                           row("file, beside training", r.file_s)};
    bench_rows(&report, "memory", b, 3);
    bench_rows(&report, "disk", file, 2);
    printf("  %.1f MB a save; of %g s between two: %.3f %% lost, %.4f %% in the copy\n",
           3e-6 * (double)r.bytes, INTERVAL_S, 100 * bench_quantile(&b[2], 0.5) / INTERVAL_S,
           100 * bench_quantile(&b[1], 0.5) / INTERVAL_S);
    bench_end(&report);
    crew_trainer_destroy(r.t);
    crew_dataset_destroy(data.train);
    for (int i = 0; i < 4; i++)
        crew_free(r.to[i]);
    unlink(r.path);
    uint64_t *round;
    size_t n;
    if (crew_folder_list(folder, &round, &n, NULL) == CREW_OK)
        for (size_t i = 0; i < n; i++) {
            char *file_name = crew_folder_file(folder, round[i]);
            unlink(file_name);
            crew_free(file_name);
        }
    crew_free(round);
    rmdir(folder);
    rmdir(dir);
    return 0;
}
