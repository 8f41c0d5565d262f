/* Checkpoints: when to write one, what is in it, where it lies, and how a run goes on from it.
 */
#ifndef CREW_TRAIN_CHECKPOINT_H
#define CREW_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

/* ---- The folder: folder.c ---- */

struct crew_folder {
    char *path;
    int lock; /* file descriptor of the folder, locked while it is ours; -1 */
};

/* Makes and locks it, clears away what an interrupted write left. CREW_EOUTPUT, CREW_ENOMEM. */
CREW_CHECKED crew_status crew_folder_open(struct crew_folder *f, const char *path,
                                          struct crew_error *err);
void crew_folder_close(struct crew_folder *f);
/* "PATH/checkpoint-000000001234.safetensors"; crew_free() it, NULL: no memory. */
char *crew_folder_file(const char *path, uint64_t round);
/* Rounds of its checkpoints, the newest first; crew_free() it. A folder that is not there has
 * none. CREW_EINPUT, CREW_ENOMEM. */
CREW_CHECKED crew_status crew_folder_list(const char *path, uint64_t **round, size_t *n,
                                          struct crew_error *err);
/* Removes the oldest of those before `round`, until `keep` are left, that of `round` included.
 * Those after it are damaged ones, or another run's: not ours to remove. */
void crew_folder_prune(const struct crew_folder *f, uint64_t round, uint32_t keep);

/* ---- What a run needs to go on, as numbers: state.c ---- */

enum crew_state_part {
    CREW_STATE_TRAINER,
    CREW_STATE_SAMPLER,
    CREW_STATE_OPTIMIZER,
    CREW_STATE_POLICY,
    CREW_STATE_EXECUTOR,
    CREW_STATE_TALLY,
    CREW_STATE_HISTORY,
    CREW_STATE_PARTS
};

struct crew_state {
    struct crew_state_section {
        double *x;
        size_t n, room;
    } part[CREW_STATE_PARTS];
};

/* "state.trainer" ... */
const char *crew_state_name(enum crew_state_part part);
/* Numbers of a part, at most. */
size_t crew_state_room(const crew_trainer *t, enum crew_state_part part);
/* Room for all that this trainer can have to say. CREW_ENOMEM. */
CREW_CHECKED crew_status crew_state_create(const crew_trainer *t, struct crew_state *out);
void crew_state_free(struct crew_state *s);
/* Coordinator, or nobody is running. Allocates nothing. */
void crew_state_save(crew_trainer *t, struct crew_state *s);
/* One part, x [n]. CREW_EFORMAT: not of this trainer, which is then half changed. */
CREW_CHECKED crew_status crew_state_load(crew_trainer *t, enum crew_state_part part,
                                         const double *x, size_t n);
/* CREW_STATE_TALLY of workers that are not here: they count, but no longer one by one. */
CREW_CHECKED crew_status crew_state_load_others(crew_trainer *t, const double *x, size_t n);

/* ---- The file: checkpoint_file.c ---- */

enum { CREW_SNAPSHOT_VECTORS = 6 }; /* at most, beside the parameters */

/* A copy of everything at the end of one round. */
struct crew_snapshot {
    uint64_t round, epochs;
    /* [n_params]: parameters, then those of crew_snapshot_vector(), and their names */
    float *vector[1 + CREW_SNAPSHOT_VECTORS];
    const char *name[CREW_SNAPSHOT_VECTORS];
    struct crew_state state;
    char *config; /* settings as JSON, policy, machine and data: the same in every file */
    char *policy, *machine, data[80];
};

/* The n-th thing that is as large as the parameters, beside them: "optimizer.0", "best"; NULL
 * past the last. */
float *crew_snapshot_vector(const crew_trainer *t, unsigned n, const char **name);
CREW_CHECKED crew_status crew_snapshot_write(const crew_network *net,
                                             const struct crew_snapshot *s, const char *path,
                                             struct crew_error *err);
/* Make the trainer what it was; s: what this run is, to compare with. CREW_EINPUT,
 * CREW_EFORMAT: damaged, and the trainer may be half changed; CREW_EINVAL: of another run. */
CREW_CHECKED crew_status crew_snapshot_restore(crew_trainer *t, const struct crew_snapshot *s,
                                               const char *path, struct crew_error *err);

/* ---- Which: resume.c ---- */

/* As t->cfg.resume says; s: what this run is. Notes tell what was found. CREW_EINPUT,
 * CREW_EFORMAT, CREW_EINVAL, CREW_EOUTPUT: the folder must not be written to; CREW_ENOMEM. */
CREW_CHECKED crew_status crew_resume(crew_trainer *t, const struct crew_snapshot *s,
                                     struct crew_error *err);

/* ---- When: checkpoint.c ---- */

/* After everything else is built; t->checkpoint stays NULL where none was asked for. Goes on
 * from an earlier run. */
CREW_CHECKED crew_status crew_checkpoint_create(crew_trainer *t, struct crew_error *err);
void crew_checkpoint_destroy(struct crew_checkpoint *c); /* NULL is fine */
/* In a child of the process that made it: the lock is the parent's alone. NULL is fine. */
void crew_checkpoint_leave(struct crew_checkpoint *c);
/* Memory that it will take, in bytes. */
double crew_checkpoint_bytes(const crew_trainer *t);

/* Coordinator: the run begins; a round and what belongs to it is over; the run is over. */
void crew_checkpoint_begin(crew_trainer *t);
void crew_checkpoint_round(crew_trainer *t);
void crew_checkpoint_end(crew_trainer *t);
/* What was saved of this round is no longer what is to be saved. */
void crew_checkpoint_outdate(crew_trainer *t);
/* Caller of run(), when it is: waits for the last one. */
void crew_checkpoint_settle(crew_trainer *t);

#endif
