/* Which rows each task of a round reads, and what each of them weighs: of one random order of
 * all rows, or of one a shard. Nobody else asks which. */
#ifndef CREW_TRAIN_ROWS_H
#define CREW_TRAIN_ROWS_H

#include "data/sampler.h"
#include <crew/crew.h>

/* Is it one of the words that `shards` takes? */
CREW_CHECKED crew_status crew_rows_check(const char *mode, struct crew_error *err);
/* Most bytes that create() takes. */
double crew_rows_bytes(const crew_trainer *t);
/* Sampler or shards of t, and what its plans must keep to; once workers, cores and task size
 * are known. CREW_EINVAL: too few rows or tasks for the shards; CREW_ENOMEM. Notes say what it
 * is. */
CREW_CHECKED crew_status crew_rows_create(crew_trainer *t, struct crew_error *err);
void crew_rows_destroy(crew_trainer *t); /* fine without create() */
/* Rows of shard g, of which there is one at least; 0: there is none. */
uint32_t crew_rows_in_shard(const crew_trainer *t, uint32_t g);
/* Does each node own a part? */
bool crew_rows_by_node(const crew_trainer *t);
/* With shards node: move the rows of each to its node. A refusal is a note. */
void crew_rows_place(crew_trainer *t);

/* Coordinator. Tasks of the next round, to t->round_rows; then, once there is a plan, their
 * rows, and t->task_work. Again without settle(): the same round. */
void crew_rows_begin(crew_trainer *t);
void crew_rows_deal(crew_trainer *t);
/* Any thread, of a task that was dealt: *n rows, and the weight of each. */
const uint32_t *crew_rows_of(const crew_trainer *t, uint32_t task, uint32_t *n);
float crew_rows_weight(const crew_trainer *t, uint32_t task);
/* The round counts; parts whose results were dropped are handed out again. True: it was the
 * last of its epoch. */
bool crew_rows_settle(crew_trainer *t);

uint64_t crew_rows_rounds_per_epoch(const crew_trainer *t);
uint64_t crew_rows_epoch_rows(const crew_trainer *t); /* of this epoch that are settled */

/* Where it is, as numbers; load(): CREW_EFORMAT: none of this; CREW_EINVAL: of other shards. */
size_t crew_rows_state_max(const crew_trainer *t);
size_t crew_rows_save(const crew_trainer *t, double *out, size_t cap);
CREW_CHECKED crew_status crew_rows_load(crew_trainer *t, const double *in, size_t n);

#endif
