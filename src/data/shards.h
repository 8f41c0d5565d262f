/* Rows in shards: each group of workers owns a contiguous part of them, and its tasks read no
 * other. A shard has a random order of its own in each of its epochs, a function of (seed,
 * shard, epoch), cut into parts of task_rows as in sampler.h; a task reads the next part of its
 * shard, and where a shard comes to its end it begins anew, within a round, too.
 *
 * What a round's tasks add up to is an unbiased estimate of the mean over all rows, whoever had
 * how many tasks: each row of shard g has the weight
 *
 *      (rows of g / all rows) / rows of g in this round
 *
 * so every shard counts by its share of the data. Given the plan, each row of a shard is as
 * likely as any other to stand in a place of its random order, so the expectation of a shard's
 * part is its own mean times its share. Each shard has a task in every round; where the plan
 * gives it none, as all its workers are away, another group's last task reads it instead: the
 * worker of that task reads rows that lie further away, nothing else.
 *
 * Source: Malenia SGD, Tyurin and Richtarik, NeurIPS 2023, arXiv:2305.12387: the workers' mean
 * gradients, each of as many as it had time for, averaged with equal weights; here with those
 * of shards of different sizes. */
#ifndef CREW_DATA_SHARDS_H
#define CREW_DATA_SHARDS_H

#include "data/sampler.h"

typedef struct crew_shards crew_shards;

struct crew_shards_config {
    uint32_t rows, task_rows; /* >= 1 */
    uint32_t tasks;           /* of a round, at most; at least n_shards */
    uint64_t seed;
    uint32_t n_workers;    /* at most rows */
    const uint32_t *shard; /* [n_workers] below n_shards, each with a worker; borrowed */
    uint32_t n_shards;
};

/* A shard's rows are as many as its share of the workers, in the order of the shards. NULL: no
 * memory. */
crew_shards *crew_shards_create(const struct crew_shards_config *cfg);
void crew_shards_destroy(crew_shards *s);

/* Rows [first, first + n) of shard g; false: there is none. */
bool crew_shards_part(const crew_shards *s, uint32_t g, uint32_t *first, uint32_t *n);

/* The next round: *out without its rows; no spare tasks. An epoch is over with the round by
 * which as many rows were read as there are; its last round has as many tasks as those that
 * are left fill, but one a shard at least. */
void crew_shards_round(crew_shards *s, struct crew_sampler_round *out);
/* Its tasks read by the plan, quota [n_workers] with the sum out->tasks; worker i's tasks
 * follow worker i - 1's. Sets out->rows. Again without settle(): the same parts of each shard.
 * True: some tasks read another shard than their worker's, one that has nobody. */
bool crew_shards_deal(crew_shards *s, const uint64_t *quota, struct crew_sampler_round *out);
/* Rows of a task that was dealt: *n of them, and the weight of each. Any thread. */
const uint32_t *crew_shards_rows(const crew_shards *s, uint32_t task, uint32_t *n);
double crew_shards_weight(const crew_shards *s, uint32_t task);
/* The round counts. True: it was the last of its epoch. */
bool crew_shards_settle(crew_shards *s);

uint64_t crew_shards_rounds_per_epoch(const crew_shards *s);
uint64_t crew_shards_epoch_rows(const crew_shards *s);

/* As of crew_sampler. load(): CREW_EFORMAT: no such state; CREW_EINVAL: of other shards. */
size_t crew_shards_state_max(const crew_shards *s);
size_t crew_shards_save(const crew_shards *s, double *out, size_t cap);
CREW_CHECKED crew_status crew_shards_load(crew_shards *s, const double *in, size_t n);

#endif
