/** @file record.h
 * What is known of a finished round, a finished run, an evaluation: plain numbers with their units. */
#ifndef CREW_RECORD_H
#define CREW_RECORD_H

#include <crew/policy.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One finished round, for the callback. Arrays are valid during the call only. Seconds are the executor's,
 *  virtual ones with "sim", except real_s. */
struct crew_record {
    uint64_t round;       /**< from 1 */
    uint64_t epoch;       /**< from 1 */
    uint64_t epoch_rows;  /**< rows of this epoch that are done */
    uint64_t rows;        /**< rows of this round */
    double loss;          /**< mean over the round's rows, nats, before the step; may not be finite, see nonfinite */
    double lr;            /**< learning rate of the step */
    double seconds;       /**< wall, plan to step */
    double wait_s;        /**< of it, from plan to last result */
    double elapsed_s;     /**< since the run began */
    double real_s;        /**< likewise, as clocks on the wall have it */
    uint32_t n;           /**< workers */
    const uint64_t *quota; /**< [n] planned tasks */
    const uint64_t *done;  /**< [n] tasks whose results counted */
    const double *busy_s;  /**< [n] seconds in tasks, dropped ones included */
    const struct crew_timing *timing; /**< [n_timings] by (worker, order of execution) */
    size_t n_timings;
    const char *remark;   /**< the policy's, or NULL */
    const bool *available; /**< [n] false: the worker has lost its core and gets nothing until it is back; NULL:
                                all are where they belong. All true: they work, but some on other cores */
    const char *nonfinite; /**< why this round took no step: which task, worker and rows; or NULL */
    const struct crew_policy_event *events; /**< [n_events] what the policy decided of workers in this round */
    size_t n_events;
    const uint32_t *shard; /**< [n] the part of the rows that worker i's tasks read; NULL: there are no shards */
};

/** Result of an evaluation. */
struct crew_evaluation {
    uint64_t rows;
    uint64_t correct;
    double loss;     /**< mean cross-entropy, nats */
    double accuracy; /**< correct / rows */
};

/** One finished epoch, for the callback. */
struct crew_epoch_record {
    uint64_t epoch, round;
    double train_loss;             /**< mean over the epoch's rows, each at the weights of its round */
    struct crew_evaluation validation; /**< rows 0: there is no validation set */
    double elapsed_s, real_s;      /**< as in struct crew_record */
};

/** One attempt to write a checkpoint. Texts are valid during the call only. */
struct crew_checkpoint_record {
    uint64_t round;     /**< the last whole one in it */
    const char *path;
    size_t bytes;       /**< of parameters and optimiser state */
    double copy_s;      /**< training waited so long */
    double write_s;     /**< and the writing thread took so long */
    crew_status status; /**< CREW_OK, CREW_EOUTPUT, CREW_ENOMEM: the ones before it are still there */
    const char *text;   /**< why it failed, or "" */
};

/** What one worker did. Slot, cpu, kind and bound mean nothing where time is virtual: 0, 0, -1, false. */
struct crew_worker_summary {
    uint32_t slot;   /**< index of crew_machine_info.slots */
    uint32_t cpu;    /**< CPU it is pinned to */
    int32_t kind;    /**< index of crew_machine_info.kinds, -1: none */
    bool bound;      /**< the pin was read back */
    uint64_t tasks;  /**< finished and counted */
    uint64_t dropped;
    double busy_s;   /**< in tasks, dropped ones included */
    double mean_s;   /**< per task of full size; NaN: none was measured */
    double sd_s;     /**< NaN: fewer than two were */
};

/** A run so far. Arrays belong to the trainer, valid until its next call. */
struct crew_summary {
    uint64_t rounds, epochs, rows;  /**< whole rounds and their rows, `skipped` ones included; whole epochs */
    uint64_t epoch_limit, round_limit; /**< of one run, 0: none */
    bool virtual_time;              /**< all seconds are virtual, except real_s */
    double wall_s;                  /**< in crew_trainer_run(); evaluation included, but it takes no virtual time */
    double real_s;                  /**< likewise, as clocks on the wall have it */
    double train_s;                 /**< in rounds */
    double worker_s;                /**< sum of busy seconds */
    double idle_s;                  /**< workers x train_s - worker_s */
    double wasted_s;                /**< busy seconds of dropped tasks */
    double train_loss;              /**< of the last epoch that has rounds; NaN before */
    double best_accuracy;           /**< validation, NaN: none */
    uint64_t best_epoch;            /**< 0: none */
    uint64_t weights_digest;        /**< FNV-1a over the parameters, little-endian floats */
    size_t n_params;
    bool stopped;                   /**< ended by a stop request */
    bool timed_out;                 /**< ended by the time limit */
    bool out_of_patience;           /**< ended by crew_config.patience */
    bool hung;                      /**< a task has not returned: see crew_config.task_timeout_s */
    bool resumed;                   /**< goes on from a checkpoint */
    uint64_t resumed_round;         /**< of that round; 0: nothing was trained by then */
    uint64_t skipped;               /**< rounds whose loss or gradient was not finite: they took no step */
    uint64_t checkpoints;           /**< written */
    bool checkpoint_failed;         /**< the last one could not be written */
    uint32_t n;
    const struct crew_worker_summary *worker; /**< [n] */
};

#ifdef __cplusplus
}
#endif
#endif
