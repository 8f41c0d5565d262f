/* A comparison as JSON: what `crew compare` prints and saves and `crew report` reads. */
#ifndef CREW_STUDY_COMPARE_JSON_H
#define CREW_STUDY_COMPARE_JSON_H

#include "study/compare.h"
#include "study/runlog.h"
#include <jansson.h>

/* whole: with the curves and the workers' mean tasks. NULL: no memory.
 *
 *     "kind": "comparison",
 *     "policies": [{"policy", "drops", "other_weights",
 *         "train_s", "worker_s", "joules", "round_mean_s", "round_p95_s", "idle_s", "wasted_s",
 *         "rounds", "train_loss", "test_accuracy": [a number or null a repeat],
 *         "reached", "timed_out": [true, false or null a repeat],
 *         "weights_digest": [a text or null a repeat],
 *         "ratio_train", "ratio_worker": {"repeats", "median", "low", "high", "within_noise"},
 *         whole: "curve": {"seconds": [], "worker_seconds": [], "loss": []}, of the first
 * repeat, "quota_mean", "tasks_mean": [a number a worker]}], "against", "repeats", "seeds",
 * "workers", "executor", "target_loss", "target_accuracy", "target_window_rounds",
 * "same_weights": true, false or null, "stopped", "error", "joules_reason", "date", "version",
 * "machine", "config", both as in the log of a run
 *
 * What is not finished or not known is null. A ratio is of "train_s" or "worker_s"
 * to that of "against" in the same repeat; its "repeats" are those in
 * which both runs reached the target or, where there is none, were not cut off. */
json_t *crew_comparison_json(const struct crew_comparison *c, const struct crew_settings *set,
                             size_t n_sets, bool whole);

/* The whole of it. CREW_EOUTPUT, CREW_ENOMEM. */
CREW_CHECKED crew_status crew_comparison_save(const struct crew_comparison *c,
                                              const struct crew_settings *set, size_t n_sets,
                                              const char *path, bool replace,
                                              struct crew_error *err);

#endif
