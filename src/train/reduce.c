/* Blocks in use at once. A waiting block's sibling is unfinished, so at most tasks / 2 blocks
 * wait, and no more than tasks were put. Workers with contiguous ranges have each finished one
 * interval, which is a union of at most 2 ceil(log2 tasks) blocks; under an open queue tickets
 * go out in order, and the same holds for the tickets before the oldest unfinished one and
 * between any two unfinished ones. A hole cuts an interval in two. One more each is being
 * computed, one taken from the left.
 *
 *   node[b]          block that waits at b, + 1; 0: none    exchange, acq_rel: who comes second
 * gets both blocks head, next[]     stack of free blocks                   acq_rel; the tag
 * keeps a block that was taken and returned meanwhile from being mistaken (ABA) Checked by:
 * prop_reduce, make MODE=tsan prop_reduce */
#include "train/reduce.h"
#include "base/kernels.h"
#include "base/mem.h"
#include <stdatomic.h>
#include <string.h>

/* A block that is complete and holds nothing: its tasks were summed with others. */
static const uint32_t NOTHING = CREW_NO_BLOCK - 1;

enum { PASS = 2048 }; /* floats summed at a time: the target stays in the first cache */

struct crew_reduce {
    const struct crew_kernels *kernels;
    size_t n_params, stride; /* floats; stride: rounded to a cache line pair */
    uint32_t max_tasks, n_blocks;
    uint32_t tasks, levels; /* of this round; 2^levels >= tasks */
    uint32_t root;
    float *sum;                                /* [n_blocks][stride] */
    double *loss;                              /* [n_blocks] */
    _Atomic uint32_t *node;                    /* inner nodes, level 1 first */
    _Atomic uint32_t *next;                    /* [n_blocks] below it in the stack, + 1 */
    _Alignas(CREW_PAIR) _Atomic uint64_t head; /* tag << 32 | top + 1 */
};

static uint32_t ceil_log2(uint32_t n)
{
    uint32_t k = 0;
    while ((uint64_t)1 << k < n)
        k++;
    return k;
}

static uint32_t blocks_needed(uint32_t tasks, uint32_t holes, uint32_t n)
{
    uint64_t by_range = ((uint64_t)n + holes) * 2 * ceil_log2(tasks), by_tasks = tasks / 2 + 1;
    uint64_t waiting = by_range < by_tasks ? by_range : by_tasks;
    if (holes && waiting > tasks - holes)
        waiting = tasks - holes;
    return (uint32_t)(waiting + 2 * (uint64_t)n + 1);
}

static size_t stride_of(size_t n_params)
{
    return crew_round_up(n_params, CREW_PAIR / sizeof(float));
}

size_t crew_reduce_bytes(size_t n_params, uint32_t tasks, uint32_t holes, uint32_t n)
{
    return blocks_needed(tasks, holes, n) * stride_of(n_params) * sizeof(float);
}

crew_reduce *crew_reduce_create(size_t n_params, uint32_t tasks, uint32_t holes, uint32_t n)
{
    crew_reduce *r = crew_zalloc(sizeof *r);
    if (!r)
        return NULL;
    r->kernels = crew_kernels_at(0);
    r->n_params = n_params;
    r->stride = stride_of(n_params);
    r->max_tasks = tasks;
    r->n_blocks = blocks_needed(tasks, holes, n);
    r->sum = crew_alloc(crew_reduce_bytes(n_params, tasks, holes, n));
    r->loss = crew_zalloc(r->n_blocks * sizeof *r->loss);
    r->node = crew_zalloc(((size_t)1 << ceil_log2(tasks)) * sizeof *r->node);
    r->next = crew_zalloc(r->n_blocks * sizeof *r->next);
    if (r->sum && r->loss && r->node && r->next)
        return r;
    crew_reduce_destroy(r);
    return NULL;
}

void crew_reduce_destroy(crew_reduce *r)
{
    if (!r)
        return;
    crew_free(r->sum);
    crew_free(r->loss);
    crew_free(r->node);
    crew_free(r->next);
    crew_free(r);
}

/* Node (k, j), k >= 1: levels are stored one after the other, as in a heap turned upside down.
 */
static _Atomic uint32_t *node_at(crew_reduce *r, uint32_t k, uint32_t j)
{
    return &r->node[((uint32_t)1 << (r->levels - k)) + j];
}

void crew_reduce_begin(crew_reduce *r, uint32_t tasks)
{
    r->tasks = tasks;
    r->levels = ceil_log2(tasks);
    r->root = CREW_NO_BLOCK;
    for (size_t i = 0; i < (size_t)1 << r->levels; i++)
        atomic_store_explicit(&r->node[i], 0, memory_order_relaxed);
    /* Block 0 on top: the same few blocks are used again and again, and stay in cache. */
    for (uint32_t b = 0; b < r->n_blocks; b++)
        atomic_store_explicit(&r->next[b], b + 1 < r->n_blocks ? b + 2 : 0,
                              memory_order_relaxed);
    atomic_store_explicit(&r->head, 1, memory_order_release);
}

uint32_t crew_reduce_take(crew_reduce *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire), tail;
    uint32_t top;
    do {
        top = (uint32_t)head;
        uint32_t below = atomic_load_explicit(&r->next[top - 1], memory_order_relaxed);
        tail = (head >> 32) + 1;
        tail = tail << 32 | below;
    } while (!atomic_compare_exchange_weak_explicit(&r->head, &head, tail, memory_order_acq_rel,
                                                    memory_order_acquire));
    return top - 1;
}

void crew_reduce_drop(crew_reduce *r, uint32_t block)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed), top;
    do {
        atomic_store_explicit(&r->next[block], (uint32_t)head, memory_order_relaxed);
        top = ((head >> 32) + 1) << 32 | (block + 1);
    } while (!atomic_compare_exchange_weak_explicit(&r->head, &head, top, memory_order_acq_rel,
                                                    memory_order_relaxed));
}

float *crew_reduce_sum(crew_reduce *r, uint32_t block)
{
    return r->sum + block * r->stride;
}

double *crew_reduce_loss(crew_reduce *r, uint32_t block)
{
    return &r->loss[block];
}

/* to = ((to + from[0]) + from[1]) + ...: every level of the tree in one pass over memory. */
static void fold(crew_reduce *r, uint32_t to, const uint32_t *from, uint32_t n)
{
    if (!n)
        return;
    float *sum = crew_reduce_sum(r, to);
    for (size_t at = 0; at < r->n_params; at += PASS) {
        size_t some = r->n_params - at < PASS ? r->n_params - at : PASS;
        for (uint32_t i = 0; i < n; i++)
            r->kernels->add(sum + at, crew_reduce_sum(r, from[i]) + at, some);
    }
    for (uint32_t i = 0; i < n; i++) {
        r->loss[to] += r->loss[from[i]];
        crew_reduce_drop(r, from[i]);
    }
}

/* Block (k, j) is complete. */
static void arrive(crew_reduce *r, uint32_t k, uint32_t j, uint32_t block)
{
    uint32_t waiting[32], n = 0;
    for (; k < r->levels; k++, j >>= 1) {
        if ((uint64_t)(j ^ 1) << k >= r->tasks)
            continue; /* no right half */
        _Atomic uint32_t *node = node_at(r, k + 1, j >> 1);
        uint32_t other = atomic_load_explicit(node, memory_order_acquire);
        if (!other) { /* likely first: the sum must be whole before it can be left here */
            fold(r, block, waiting, n);
            n = 0;
            other = atomic_exchange_explicit(node, block + 1, memory_order_acq_rel);
        }
        if (!other)
            return;
        atomic_store_explicit(node, 0, memory_order_relaxed);
        if (block == NOTHING)
            block = other - 1;
        else if (other - 1 != NOTHING)
            waiting[n++] = other - 1;
    }
    fold(r, block, waiting, n);
    r->root = block;
}

uint32_t crew_reduce_left(crew_reduce *r, uint32_t task)
{
    if (task % 2 == 0)
        return CREW_NO_BLOCK;
    _Atomic uint32_t *node = node_at(r, 1, task / 2);
    uint32_t other = atomic_load_explicit(node, memory_order_acquire);
    if (!other || other - 1 == NOTHING)
        return CREW_NO_BLOCK;
    atomic_store_explicit(
        node, 0, memory_order_relaxed); /* ours: there is no third block for this node */
    return other - 1;
}

void crew_reduce_put(crew_reduce *r, uint32_t task, uint32_t n, uint32_t block)
{
    for (uint32_t at = task, end = task + n, k; at < end; at += (uint32_t)1 << k) {
        for (k = 0; k < r->levels && !(at >> k & 1) && end - at >= (uint32_t)2 << k;)
            k++;
        arrive(r, k, at >> k, at == task ? block : NOTHING);
    }
}

void crew_reduce_put_pair(crew_reduce *r, uint32_t task, uint32_t block)
{
    arrive(r, 1, task / 2, block);
}

const float *crew_reduce_finish(crew_reduce *r, double *loss)
{
    for (uint32_t k = 1; k <= r->levels && r->root == CREW_NO_BLOCK; k++)
        for (uint32_t j = 0; j < (uint32_t)1 << (r->levels - k); j++) {
            uint32_t block = atomic_load_explicit(node_at(r, k, j), memory_order_relaxed);
            if (!block)
                continue;
            atomic_store_explicit(node_at(r, k, j), 0, memory_order_relaxed);
            arrive(r, k, j, block - 1);
        }
    *loss = r->loss[r->root];
    return crew_reduce_sum(r, r->root);
}
