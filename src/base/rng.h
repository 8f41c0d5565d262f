/* Random numbers as a function of (seed, stream, index): no state, so any thread may draw any
 * of them in any order and the result does not depend on who drew. */
#ifndef CREW_BASE_RNG_H
#define CREW_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What numbers are for. Streams never meet, whatever the seed. */
enum crew_stream {
    CREW_STREAM_WEIGHTS = 1, /* a: tensor */
    CREW_STREAM_EPOCH,       /* a: epoch */
    CREW_STREAM_SPLIT,
    CREW_STREAM_SYNTH_CENTRE,
    CREW_STREAM_SYNTH_ROW, /* a: row */
    CREW_STREAM_POLICY,    /* a: round */
    CREW_STREAM_TIME,      /* a: worker; index: round, task */
    CREW_STREAM_TIME_MORE, /* what one block does not give */
    CREW_STREAM_PRETRAIN,
    CREW_STREAM_TEST,
    CREW_STREAM_TWIST,   /* a: worker; index: round, task; or what a scenario makes of them */
    CREW_STREAM_DROPOUT, /* a: task, layer; index: round, values */
    CREW_STREAM_AUGMENT, /* a: epoch; index: row */
    CREW_STREAM_SHARD    /* a: shard */
};

/* Four independent 32-bit numbers: block `index` of sub-stream (stream, a). Philox4x32-10. */
void crew_rng4(uint64_t seed, enum crew_stream stream, uint32_t a, uint64_t index,
               uint32_t out[4]);

/* One 64-bit number. */
uint64_t crew_rng_u64(uint64_t seed, enum crew_stream stream, uint32_t a, uint64_t index);

/* Uniform in [0, 1), 53 bits, exact arithmetic. */
double crew_rng_unit(uint64_t seed, enum crew_stream stream, uint32_t a, uint64_t index);

/* Fill index[0..n) with a random order of 0..n-1: the permutation number a of its stream. */
void crew_rng_shuffle(uint64_t seed, enum crew_stream stream, uint32_t a, uint32_t *index,
                      uint32_t n);

#endif
