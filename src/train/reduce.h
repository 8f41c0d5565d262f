/* The sum of a round's gradients in one fixed order, whoever computed them and whenever.
 *
 * Task numbers are the leaves of a binary tree: block (k, j) is the sum of tasks j 2^k .. (j+1)
 * 2^k - 1, cut at the number of tasks; (k+1, j) = (k, 2j) + (k, 2j+1), and where the right half
 * has no tasks it is the left half. This is sum[l, r) = sum[l, m) + sum[m, r) with m - l the
 * largest power of two below r - l. Whoever completes a block whose sibling is done adds the
 * two and goes on upwards; otherwise the block waits in its parent's node. So nobody waits for
 * anybody, and what lies inside one worker's range is folded by it.
 *
 *   begin, finish    coordinator, while no worker is in here
 *   the rest         any worker, at once */
#ifndef CREW_TRAIN_REDUCE_H
#define CREW_TRAIN_REDUCE_H

#include <crew/status.h>
#include <stddef.h>
#include <stdint.h>

typedef struct crew_reduce crew_reduce;

#define CREW_NO_BLOCK UINT32_MAX

/* Room for rounds of up to `tasks` tasks on n workers; so many of the tasks, the holes, may be
 * known from the start to never come, beside those that the n workers themselves leave out.
 * Takes crew_reduce_bytes() of memory, untouched until used. NULL: no memory. */
crew_reduce *crew_reduce_create(size_t n_params, uint32_t tasks, uint32_t holes, uint32_t n);
/* At most, and what a run with contiguous quotas comes to touch. */
size_t crew_reduce_bytes(size_t n_params, uint32_t tasks, uint32_t holes, uint32_t n);
void crew_reduce_destroy(crew_reduce *r);

/* A new round of so many tasks; all blocks are free again, also those of a round that was given
 * up. */
void crew_reduce_begin(crew_reduce *r, uint32_t tasks);

/* A free block; its contents are anything. Never fails: the number of blocks that can be in use
 * is bounded, see reduce.c. */
uint32_t crew_reduce_take(crew_reduce *r);
void crew_reduce_drop(crew_reduce *r, uint32_t block);
float *crew_reduce_sum(crew_reduce *r, uint32_t block);   /* [n_params] */
double *crew_reduce_loss(crew_reduce *r, uint32_t block); /* summed along with it */

/* The finished gradient of the even task to the left of `task`, if it is waiting for it: add
 * your gradient to it in place and hand it in by crew_reduce_put_pair(). Else CREW_NO_BLOCK. */
uint32_t crew_reduce_left(crew_reduce *r, uint32_t task);
/* The sum of n tasks from `task` on, made at once; of more than one, which are made together
 * decides the last bits. */
void crew_reduce_put(crew_reduce *r, uint32_t task, uint32_t n, uint32_t block);
void crew_reduce_put_pair(crew_reduce *r, uint32_t task, uint32_t block);

/* The sum of all that was put, [n_params], valid until begin; *loss likewise. Tasks that were
 * never put are left out: the tree closes around them. At least one was put. */
const float *crew_reduce_finish(crew_reduce *r, double *loss);

#endif
