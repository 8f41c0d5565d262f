/* A folder of checkpoints and runs that are interrupted, for the tests of both. Include
 * testing.h first. */
#ifndef CREW_TESTS_CHECKPOINT_RIG_H
#define CREW_TESTS_CHECKPOINT_RIG_H

#include "train/checkpoint.h"
#include "trainer_rig.h"
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two folders: of checkpoints, and another one. In memory where there is such a place: disks
 * take their time to sync. */
static char ck_root[64], ck_dir[80], ck_other[80];

static inline int ck_remove_one(const char *path, const struct stat *st, int type,
                                struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void ck_remove(const char *path)
{
    (void)nftw(path, ck_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int ck_open(void **state)
{
    bool shm = access("/dev/shm", W_OK) == 0;
    snprintf(ck_root, sizeof ck_root, "%s/crew-test-XXXXXX", shm ? "/dev/shm" : "/tmp");
    if (!mkdtemp(ck_root))
        return 1;
    snprintf(ck_dir, sizeof ck_dir, "%s/ck", ck_root);
    snprintf(ck_other, sizeof ck_other, "%s/other", ck_root);
    return rig_open(state);
}

static inline int ck_close(void **state)
{
    crew_dataset_destroy(rig_data.validation);
    rig_data.validation = NULL;
    ck_remove(ck_root);
    return rig_close(state);
}

/* Before each case. */
static inline int ck_clear(void **state)
{
    (void)state;
    ck_remove(ck_dir);
    ck_remove(ck_other);
    return 0;
}

/* Validation rows whose labels are wrong: the first epochs are the best ones. */
static inline void ck_validate(bool wrong)
{
    static uint32_t label[RIG_ROWS];
    for (uint32_t r = 0; r < RIG_ROWS; r++)
        label[r] = (rig_label[r] + wrong) % RIG_CLASSES;
    crew_dataset_destroy(rig_data.validation);
    assert_int_equal(crew_dataset_wrap(&rig_x[0][0], label, RIG_ROWS, RIG_FEATURES, RIG_CLASSES,
                                       &rig_data.validation, NULL),
                     CREW_OK);
}

static inline void ck_do_not_validate(void)
{
    crew_dataset_destroy(rig_data.validation);
    rig_data.validation = NULL;
}

static inline struct crew_config ck_config(void)
{
    struct crew_config cfg = rig_config();
    cfg.checkpoint = ck_dir;
    cfg.every = "1h";
    cfg.keep = 1000;
    return cfg;
}

/* The same, but nothing is written. */
static inline void ck_only_read(struct crew_config *cfg)
{
    const struct crew_config plain = rig_config();
    cfg->checkpoint = NULL;
    cfg->every = plain.every;
    cfg->keep = plain.keep;
}

/* "FOLDER/checkpoint-000000000007.safetensors"; valid until the next but three. */
static inline const char *ck_file(const char *folder, uint64_t round)
{
    static char name[4][160];
    static unsigned next;
    char *s = name[next++ % 4];
    snprintf(s, sizeof name[0], "%s/checkpoint-%012llu.safetensors", folder,
             (unsigned long long)round);
    return s;
}

static inline bool ck_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* All bytes of a file, to be freed. */
static inline uint8_t *ck_read(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(f);
    uint8_t *all = malloc(*bytes + 1);
    rewind(f);
    assert_int_equal(fread(all, 1, *bytes, f), *bytes);
    fclose(f);
    return all;
}

static inline void ck_write(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

/* ---- Runs ---- */

/* An on_round that ends the run after the round *user. */
static inline bool ck_stop_after(void *user, const struct crew_record *r)
{
    return r->round < *(const uint64_t *)user;
}

/* What one part of a run left. */
struct ck_part {
    struct crew_summary s; /* its arrays are gone */
    char notes[4096];
};

static inline void ck_notes(const crew_trainer *t, char *out, size_t cap)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; crew_trainer_note(t, i) && at < cap; i++)
        at += (size_t)snprintf(out + at, cap - at, "%s\n", crew_trainer_note(t, i));
}

/* Create, run until the round `stop` (0: to its end), destroy: as a process would. */
static inline struct ck_part ck_run(struct crew_config cfg, uint64_t stop)
{
    struct ck_part p;
    if (stop) {
        cfg.on_round = ck_stop_after;
        cfg.user = &stop;
    }
    crew_trainer *t = rig_trainer(&cfg);
    ck_notes(t, p.notes, sizeof p.notes);
    rig_run(t);
    crew_trainer_summary(t, &p.s);
    assert_false(p.s.checkpoint_failed);
    crew_trainer_destroy(t);
    return p;
}

/* Of the trainer that this configuration makes: the notes, and the round it goes on from. */
static inline uint64_t ck_resumed(const struct crew_config *cfg, char notes[4096])
{
    struct crew_summary s;
    crew_trainer *t = rig_trainer(cfg);
    crew_trainer_summary(t, &s);
    ck_notes(t, notes, 4096);
    crew_trainer_destroy(t);
    return s.resumed ? s.resumed_round : UINT64_MAX;
}

/* No trainer is made, and why. */
static inline void ck_refuse(const struct crew_config *cfg, crew_status want, const char *why)
{
    struct crew_error err = {.status = CREW_OK};
    crew_trainer *t;
    crew_status status = crew_trainer_create(cfg, &rig_data, &t, &err);
    if (status != want || t || !strstr(err.text, why))
        fail_msg("status %d, '%s' does not say '%s'", status, err.text, why);
}

static inline void ck_says(const char *notes, const char *text)
{
    if (!strstr(notes, text))
        fail_msg("no '%s' in the notes:\n%s", text, notes);
}

static inline void ck_says_not(const char *notes, const char *text)
{
    if (strstr(notes, text))
        fail_msg("'%s' in the notes:\n%s", text, notes);
}

#endif
