/* Checkpoints: a run goes on from one, or says why not; and what goes on, ends. The input is no
 * file but edits of one that a run has just written, so that it need not change with the
 * format: 2 bytes where, 1 byte how, then what. how below 64: so many bytes, how % 32, from
 * `where` on; from 32 on: of the tensors, in fours else: a number, as a double or a whole one,
 * `where` in the tensors, in eights A file that was edited is sealed again, as somebody would
 * who means harm. */
#include "base/bytes.h"
#include "base/mem.h"
#include "fuzz.h"
#include "train/checkpoint.h"
#include <crew/crew.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS = 24, FIRST_ROUNDS = 5, ROUNDS = 8 };

static struct crew_data data;
static uint8_t *whole; /* the file, [bytes] */
static size_t bytes;

static crew_status train(const char *checkpoint, const char *resume, uint64_t rounds,
                         uint64_t *digest, struct crew_error *err)
{
    struct crew_config cfg;
    struct crew_summary summary;
    crew_trainer *t;
    crew_config_init(&cfg);
    cfg.model = "mlp:2";
    cfg.executor = "sim";
    cfg.speeds = "1ms 2*exp(1ms,2ms)";
    cfg.cores = "auto";
    cfg.bind = "none";
    cfg.batch_tasks = 5;
    cfg.task_rows = 2;
    cfg.rounds = rounds;
    cfg.checkpoint = checkpoint;
    cfg.resume = resume;
    crew_status status = crew_trainer_create(&cfg, &data, &t, err);
    if (status != CREW_OK)
        return status;
    status = crew_trainer_run(t, err);
    crew_trainer_summary(t, &summary);
    /* A run that is past the limit already stays where it is. */
    FUZZ_CHECK(status != CREW_OK || summary.rounds >= rounds);
    *digest = summary.weights_digest;
    crew_trainer_destroy(t);
    return status;
}

static void make_file(void)
{
    static float x[ROWS][3];
    static uint32_t label[ROWS];
    struct crew_error err;
    uint64_t digest;
    for (uint32_t r = 0; r < ROWS; r++) {
        label[r] = r % 2;
        for (uint32_t i = 0; i < 3; i++)
            x[r][i] = (float)((r * 7 + i * 5) % 11) / 11 + (float)label[r];
    }
    if (crew_dataset_wrap(&x[0][0], label, ROWS, 3, 2, &data.train, &err) != CREW_OK)
        fuzz_fail("%s", err.text);
    setenv("HWLOC_SYNTHETIC", "core:1 pu:1",
           1); /* found out much faster than the real machine */
    const char *folder = fuzz_path("checkpoints");
    if (train(folder, "auto", FIRST_ROUNDS, &digest, &err) != CREW_OK)
        fuzz_fail("%s", err.text);
    for (uint64_t round = 0; round <= FIRST_ROUNDS; round++) {
        char *path = crew_folder_file(folder, round);
        FILE *f = fopen(path, "rb");
        if (f) {
            whole = realloc(whole, 1 << 20);
            FUZZ_CHECK(whole);
            bytes = fread(whole, 1, 1 << 20, f);
            fclose(f);
            unlink(path);
        }
        crew_free(path);
    }
    FUZZ_CHECK(bytes > 100);
    rmdir(folder);
}

/* One edit, of which n bytes stand behind the first three; how many of these it took. */
static size_t edit(uint8_t *file, const uint8_t *e, size_t n)
{
    static const double numbers[] = {
        (double)NAN, (double)INFINITY, -1,     0.5,    1e300,        -1e300, 0,
        5e-324,      0x1p53,           0x1p63, 0x1p64, 4294967296.0, 3};
    static const int64_t integers[] = {-1, INT64_MAX, INT64_MIN, 0};
    size_t tensors = 8 + (size_t)crew_le64(whole), room = bytes - tensors,
           where = e[0] | (size_t)e[1] << 8, length = e[2] % 32;
    if (e[2] < 64) {
        where = e[2] < 32 ? where % bytes : tensors + 4 * where % room;
        length = length < n ? length : n;
        memcpy(file + where, e + 3, length < bytes - where ? length : bytes - where);
        return length;
    }
    where = tensors + 8 * where % (room - 7);
    if (e[3] < 64)
        memcpy(file + where, &integers[e[3] % 4], 8);
    else
        memcpy(file + where, &numbers[e[3] % 13], 8);
    return 1;
}

static bool run(const uint8_t *edits, size_t n)
{
    uint64_t first, second;
    struct crew_error err = {0};
    if (!whole)
        make_file();
    uint8_t *file = malloc(bytes);
    FUZZ_CHECK(file);
    memcpy(file, whole, bytes);
    for (size_t at = 0; at + 3 < n;)
        at += 3 + edit(file, edits + at, n - at - 3);
    crew_put_le64(file + bytes - 8, crew_hash(CREW_HASH_INIT, file, bytes - 8));
    const char *path = fuzz_file(file, bytes);
    bool ok = fuzz_accepted(train(NULL, path, ROUNDS, &first, &err), &err);
    if (ok)
        FUZZ_CHECK(train(NULL, path, ROUNDS, &second, &err) == CREW_OK && first == second);
    free(file);
    return ok;
}

const struct fuzz_target fuzz_target = {
    .name = "checkpoint", .run = run, .longest = 512, .threads = true, .slow = 40};
