/** @file crew.h
 * Train a model on the cores of one machine that are not equal.
 *
 *     struct crew_config cfg;
 *     crew_config_init(&cfg);
 *     cfg.model = "mlp:64";
 *     crew_trainer *t;
 *     if (crew_trainer_create(&cfg, &data, &t, &err) == CREW_OK)
 *         status = crew_trainer_run(t, &err);
 *
 * Start reading here. In somebody else's process:
 * - The library never prints, exits, installs a signal handler, or changes binding, signal mask,
 *   floating-point state, locale or environment of the caller's. Threads of its own block all signals but
 *   SIGBUS, are called "crew 0", "crew 1" ..., and are gone after destroy.
 * - A trainer is used by one thread at a time, except for the two requests, crew_trainer_request_stop() and
 *   crew_trainer_request_checkpoint(); different trainers by different threads, also at once. Where two
 *   trainers have the same cores, a note says so and the later one's waiting threads sleep instead of spinning.
 * - OpenBLAS has one thread a caller as long as there is any trainer; the last one to be destroyed puts back
 *   what the first one found. What the program sets in between is lost.
 * - After fork() the child may not use trainers made before it: run and evaluate give CREW_ESTATE, destroy
 *   gives back the cores and leaves the memory. It may make its own. */
#ifndef CREW_CREW_H
#define CREW_CREW_H

#include <crew/dataset.h>
#include <crew/machine.h>
#include <crew/model.h>
#include <crew/option.h>
#include <crew/policy.h>
#include <crew/record.h>
#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** "0.1.0" */
CREW_API const char *crew_version(void);

/** Raised when a struct, value or function of these headers changes so that a program built with the ones
 *  before it must be built again; the shared library's name ends in it. Not raised: new functions, new values,
 *  new fields at the end of a struct that begins with struct_size. tests/cli_abi.sh keeps watch. */
#define CREW_ABI_VERSION 1u
/** That of the library: where it is not CREW_ABI_VERSION, call nothing else. */
CREW_API unsigned crew_abi_version(void);

/** What the library was built with and runs on. Constant strings. */
struct crew_build_info {
    const char *version, *compiler;
    const char *hwloc;        /**< version it runs with */
    const char *blas;         /**< "OpenBLAS 0.3.21" */
    const char *blas_flavour; /**< "pthread", "openmp", "serial" */
    const char *blas_core;    /**< kernel chosen for this process: "Zen", "SkylakeX" */
    const char *blas_forced;  /**< environment variable that forces it ("OPENBLAS_CORETYPE=Haswell"), or NULL */
    uint32_t blas_threads;    /**< its own thread setting now; trainers use 1 per worker */
};
CREW_API void crew_build_info(struct crew_build_info *out);

/** How to train. Strings and arrays are borrowed until crew_trainer_create() returns. Set every
 *  field by crew_config_init() first. See crew_train_options() for ranges and defaults. */
struct crew_config {
    size_t struct_size;    /**< set by crew_config_init(), so an old caller can meet a new library */
    const char *model;     /**< "softmax", "mlp:512,256" */
    const char *policy;    /**< "adaptive"; see crew_policy_at() */
    const struct crew_policy_ops *policy_ops; /**< a policy of your own, instead; NULL: by name */
    const char *cores;     /**< see struct crew_machine_request */
    bool smt;
    const char *bind;      /**< "prefer", "strict", "none" */
    uint32_t workers;      /**< 0: one per slot of `cores`; with executor "sim": as many as speeds has */
    const char *emulate;   /**< slow cores on real threads: "0:1x 1:4x", or NULL */
    const char *times;     /**< known mean seconds per task, "1,2,3.5", or NULL */
    uint32_t batch_tasks;  /**< B, gradients a round */
    uint32_t task_rows;    /**< rows a task; 0: found by measurement (at least 8), see crew_trainer_task_rows() */
    uint64_t epochs;       /**< 0: no limit but rounds or time; 30 when those are 0 too */
    uint64_t rounds;       /**< 0: no limit but epochs or time */
    double time_limit_s;   /**< 0: none; by the executor's clock */
    const char *optimizer; /**< "adam", "sgd:nesterov=yes", "adamw:weight-decay=0.01" */
    double lr;             /**< learning rate, > 0; 0: not given, the optimiser's default */
    double momentum;       /**< of sgd */
    double clip;           /**< largest norm of the gradient, 0: unlimited */
    const char *schedule;  /**< "constant", "step:every=10,factor=0.5", "cosine:warmup=0.05" */
    bool best;             /**< end with the parameters of the epoch with the best validation accuracy */
    uint32_t patience;     /**< end after so many epochs without a better validation accuracy; 0: never */
    uint64_t seed;         /**< fixes data order and initial weights on every machine */
    /** Called after every round and epoch on the coordinator's thread, which waits for it; a false return
     *  stops as crew_trainer_request_stop() does. They may ask for the summary, the parameters, an
     *  evaluation, and save; they must not run or destroy the trainer. NULL: not called. */
    bool (*on_round)(void *user, const struct crew_record *record);
    bool (*on_epoch)(void *user, const struct crew_epoch_record *record);
    void *user;
    /** "threads": workers are threads, in real time. "sim": they are described by `speeds`, as many as you
     *  like; time is virtual, in records and summaries too, and the gradients are computed for real
     *  on all slots of `cores`. Which it is changes no bit of the weights, except where results are dropped. */
    const char *executor;
    const char *speeds;    /**< of "sim": "4*1ms 12*exp(1ms,2ms)"; NULL: none */
    bool replay_wrap;      /**< a recording in speeds that runs out starts again, else it ends the run */
    /** FILE of crew_trainer_save_profile(): times the policy starts from, each worth 50 tasks at most, so
     *  that new ones soon outvote it. What does not fit this task and these workers is left, and a note says
     *  so; CREW_EINPUT, CREW_EFORMAT: the file itself. NULL: none */
    const char *profile;
    bool profile_strict;   /**< a profile of which nothing fits: CREW_EINVAL instead of a note */
    /** Folder of checkpoints, made when missing, one run at a time; NULL: none. One is written when a trainer is
     *  created, so that a folder that cannot be written to is told then; then every so often, by a thread of
     *  its own from a copy, so that training waits for the copy alone (1 ms for half a million parameters), or,
     *  where no thread can be started, between rounds; then at the end of each run. It replaces none before it
     *  is whole and on disk. A checkpoint is a model file with more in it: crew_network_load() reads it, and
     *  gets the parameters of its round. */
    const char *checkpoint;
    const char *every;     /**< "60s", "5m", "1h", "500rounds", "2epochs"; by the clock on the wall, from the last
                                copy on; in epochs: at the end of one */
    uint32_t keep;         /**< checkpoints that are kept, the newest ones */
    /** "auto": go on from the newest valid one of `checkpoint`, afresh when there is none; "none": afresh,
     *  refused where there are some; else a file or a folder to go on from. Model, data, seed,
     *  B, task size, augment, shards (their sizes too) and optimizer must be those it was made with
     *  (CREW_EINVAL); policy, workers, executor and limits may be others. The limits count from the start of
     *  the first run. The bits are those of a run that was never interrupted, unless results are dropped. Notes
     *  name the file, damaged ones before it, what is another than it was, and say when nothing is left to do.
     *  CREW_EFORMAT, CREW_EINPUT: no valid checkpoint; CREW_EINPUT also: the newest cannot be opened now
     *  (an older one is not taken then); CREW_EOUTPUT: the folder. */
    const char *resume;
    const char *on_nan;    /**< a round whose loss or gradient is not finite: "stop": the run ends with
                                CREW_ENONFINITE; "skip": its step is not taken; "rollback": and the
                                weights are again those of the end of the last epoch. 100 in a row end the run */
    /** A task (with fuse_quota: those computed as one) that takes longer than this ends the run with
     *  CREW_ETIMEOUT, which names it; the round does not count. If it does not even return when it is stopped
     *  (crew_summary.hung), a last checkpoint is written by the thread that called run(), and the trainer is of no
     *  use any more: it can be saved and destroyed, but its threads and what they use stay behind, so its data
     *  must stay, too. While the process itself is stopped no time runs out. 0: no limit */
    double task_timeout_s;
    /** Called once the outcome of writing a checkpoint is known, like on_round. NULL: not called. */
    void (*on_checkpoint)(void *user, const struct crew_checkpoint_record *record);
    /** Parameters on a machine with several NUMA nodes: "replicate": a copy on each, made before each round;
     *  "interleave": their pages in turn; "off"; "auto": copies up to 64 MB, else interleaved. Unless "off", the
     *  pages of training rows (from 1 MB on, not those of crew_dataset_wrap()) take turns, too. The bits do not
     *  depend on it; where the system refuses, a note says so. */
    const char *numa;
    /** Training rows that are images become others in each epoch: "flip": left and right change places in half
     *  the cases; "crop4": shifted by -4..4 pixels each way, what comes in is 0 (after scaling); "flip,crop4":
     *  both. A function of (seed, epoch, row), so policy and workers change no bit; validation and
     *  test rows stay as they are. NULL: none. CREW_EINVAL: the rows are no images */
    const char *augment;
    /** A worker computes its quota as one minibatch of up to 1024 rows, or as few such. Faster where tasks are
     *  small; then the weights depend on the allocation in their last bits (with dropout in all, its choices
     *  being by minibatch), and where it is learnt, on time.
     *  Tasks that may be dropped, and an open queue's, stay by themselves. CREW_EINVAL: executor "sim" */
    bool fuse_quota;
    /** Training rows in shards: "node": each NUMA node, or "worker": each worker, owns a contiguous part of them,
     *  as many as its share of the workers, and its tasks read no others; "off". The gradient is that of all rows,
     *  on average: a shard counts by its share of the data, however many of its rows a round reads. Each
     *  gets a task in every round, so B is at least their number (CREW_EINVAL), and the policy must plan. The
     *  weights depend on the allocation: same bits only where that is the same. An epoch is over when as many
     *  rows were read as there are. With "node" rows are moved to their nodes, where the library owns them;
     *  where the system refuses, a note says so. */
    const char *shards;
};

/** The table behind struct crew_config: command line, config files, help. A program that is older than the
 *  library leaves entries alone whose offset is not below its struct_size. */
CREW_API const struct crew_option *crew_train_options(void);
/** Defaults of the table, and struct_size: what the program was built with, so that it may be older. */
CREW_API void crew_config_init_sized(struct crew_config *cfg, size_t struct_size);
static inline void crew_config_init(struct crew_config *cfg)
{
    crew_config_init_sized(cfg, sizeof *cfg);
}

/** Optimisers by name for help: NULL past the end. */
struct crew_entry {
    const char *name, *summary;
    const struct crew_option *settings; /**< or NULL */
};
CREW_API const struct crew_entry *crew_optimizer_at(size_t i);
CREW_API const struct crew_entry *crew_schedule_at(size_t i);

/** Read a list of positive numbers: "1,2,3.5", "@FILE" or "@-" (standard input) with commas or white space
 *  between them. *out is the caller's, release with crew_times_free(). CREW_EINVAL names the
 *  offending item, CREW_EINPUT the file. */
CREW_CHECKED CREW_API crew_status crew_times_read(const char *spec, double **out, size_t *n,
                                                  struct crew_error *err);
CREW_API void crew_times_free(double *times);

/** Could this file be written? Found out by creating and removing one beside it. CREW_EOUTPUT; also when it
 *  exists and `replace` is false. */
CREW_CHECKED CREW_API crew_status crew_output_check(const char *path, bool replace,
                                                    struct crew_error *err);

/* ---- Models: a network with its parameters, ready to be asked ---------------------------------- */

/** A model, its parameters and all that is needed to run it: scaling, class names, shape. Immutable;
 *  any number of threads may read it. */
typedef struct crew_network crew_network;

struct crew_network_info {
    const char *model;          /**< "mlp:64" */
    struct crew_model_shape shape;
    uint32_t features;
    const char *const *class_names; /**< [classes], or NULL: "0", "1", ... */
    struct crew_scaler scaler;  /**< borrowed */
    size_t n_params;
    const float *params;        /**< [n_params] */
};

/** Read FILE.safetensors as written by crew_trainer_save(). CREW_EINPUT, CREW_EFORMAT. */
CREW_CHECKED CREW_API crew_status crew_network_load(const char *path, crew_network **out,
                                                    struct crew_error *err);
CREW_API void crew_network_info(const crew_network *net, struct crew_network_info *out);
/** Class probabilities [rows][classes] of x [rows][features], already scaled as the network expects
 *  (crew_data_open_for() does). CREW_ENOMEM. */
CREW_CHECKED CREW_API crew_status crew_network_predict(const crew_network *net, const float *x,
                                                       size_t rows, float *probability);
/** Loss and accuracy on a labelled data set; confusion [classes][classes] (true, predicted) or NULL is
 *  added to. CREW_EINVAL: another number of features or no labels; CREW_ENOMEM. */
CREW_CHECKED CREW_API crew_status crew_network_evaluate(const crew_network *net,
                                                        const crew_dataset *data,
                                                        struct crew_evaluation *out,
                                                        uint64_t *confusion,
                                                        struct crew_error *err);
CREW_API void crew_network_destroy(crew_network *net);

/* ---- Training ----------------------------------------------------------------------------------- */

typedef struct crew_trainer crew_trainer;

/** Build a trainer; sets OpenBLAS to one thread a caller, for the whole process until destroy; starts
 *  and pins its own threads, tests the BLAS under them. data is borrowed and must
 *  outlive the trainer; only train is required, its scaler is saved with the model (features 0: none).
 *  On failure *out is NULL and err (may be NULL) says which field and why:
 *  CREW_EINVAL, CREW_ENOMEM (estimated before anything big is taken), CREW_EBIND (bind "strict"),
 *  CREW_EBLAS, CREW_ETHREAD. Any thread. */
CREW_CHECKED CREW_API crew_status crew_trainer_create(const struct crew_config *cfg,
                                                      const struct crew_data *data,
                                                      crew_trainer **out, struct crew_error *err);

/** Train until epochs, rounds or the time limit are reached or a stop is requested. The calling thread
 *  sleeps meanwhile. The time limit ends the round in flight, which does not count; in virtual time the
 *  round that passes it is the last one, and counts. CREW_OK also after a stop: see the summary. Called again
 *  it goes on for as long again, its schedule from the start. CREW_ESTATE: called from a callback.
 *  CREW_ENONFINITE: parameters are those before the offending round. CREW_EINPUT: a recording in speeds has
 *  run out. */
CREW_CHECKED CREW_API crew_status crew_trainer_run(crew_trainer *t, struct crew_error *err);

/** End the round in flight, which does not count, and return from crew_trainer_run(); between runs: from the
 *  next one, at once. Any thread, any signal handler. */
CREW_API void crew_trainer_request_stop(crew_trainer *t);

/** Write a checkpoint after the round in flight and go on. Nothing happens without a folder for it. Any
 *  thread, any signal handler. */
CREW_API void crew_trainer_request_checkpoint(crew_trainer *t);

/** Finished epochs, the oldest first, of earlier runs too where this one goes on from a checkpoint: *n of them,
 *  at most the last 4096. Belongs to the trainer, valid until its next call. */
CREW_API const struct crew_epoch_record *crew_trainer_history(const crew_trainer *t, size_t *n);

/** What happened so far. */
CREW_API void crew_trainer_summary(crew_trainer *t, struct crew_summary *out);

/** Sentences worth telling the user, about cores, binding, BLAS, another crew: NULL past the end. */
CREW_API const char *crew_trainer_note(const crew_trainer *t, size_t i);

/** The machine as this trainer sees it. Borrowed. */
CREW_API const crew_machine *crew_trainer_machine(const crew_trainer *t);

/** Loss and accuracy of the present parameters on a labelled data set, on all workers. Also from
 *  callbacks. CREW_EINVAL: another number of features or no labels; CREW_ENOMEM; CREW_ESTOPPED. */
CREW_CHECKED CREW_API crew_status crew_trainer_evaluate(crew_trainer *t, const crew_dataset *data,
                                                        struct crew_evaluation *out,
                                                        struct crew_error *err);

/** The present parameters: [n_params] floats, see crew_summary.n_params. Copies; CREW_EINVAL: another n. A trainer
 *  that goes on from a checkpoint (crew_summary.resumed) has its own. */
CREW_CHECKED CREW_API crew_status crew_trainer_get_params(const crew_trainer *t, float *out, size_t n,
                                                          struct crew_error *err);
CREW_CHECKED CREW_API crew_status crew_trainer_set_params(crew_trainer *t, const float *in, size_t n,
                                                          struct crew_error *err);

/** The present network as a view; borrowed, changes with the next run. For prediction in place. */
CREW_API const crew_network *crew_trainer_network(const crew_trainer *t);

/** Rows a task: of the configuration, or what was found for 0 there. Any thread. */
CREW_API uint32_t crew_trainer_task_rows(const crew_trainer *t);

/** Bytes of memory that a trainer takes, as estimated when it was created: parameters, gradients, optimiser,
 *  what is kept to go back to, books; data, BLAS and C library apart. *workspaces, if not NULL: of them,
 *  what all workers have for the rows and activations of a task and of an evaluation. Any thread. */
CREW_API uint64_t crew_trainer_bytes(const crew_trainer *t, uint64_t *workspaces);

/** Write FILE.safetensors: temporary file beside it, fsync, rename. An existing file is replaced only
 *  when `replace`. CREW_EOUTPUT. */
CREW_CHECKED CREW_API crew_status crew_trainer_save(const crew_trainer *t, const char *path,
                                                    bool replace, struct crew_error *err);

/** Write what was measured of each worker so far, as JSON, for crew_config.profile: tasks, mean and variance
 *  of their seconds, and what task and machine they belong to. CREW_EOUTPUT, CREW_ENOMEM. */
CREW_CHECKED CREW_API crew_status crew_trainer_save_profile(const crew_trainer *t, const char *path,
                                                            bool replace, struct crew_error *err);

CREW_API void crew_trainer_destroy(crew_trainer *t); /**< NULL is fine; joins all threads */

#ifdef __cplusplus
}
#endif
#endif
