/* Philox4x32-10, Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC
 * 2011; from its authors' library Random123. */
#include "base/rng.h"
#include <Random123/philox.h>

static inline philox4x32_ctr_t block(uint64_t seed, enum crew_stream stream, uint32_t a,
                                     uint64_t index)
{
    philox4x32_ctr_t ctr = {{(uint32_t)index, (uint32_t)(index >> 32), a, (uint32_t)stream}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    return philox4x32(ctr, key);
}

void crew_rng4(uint64_t seed, enum crew_stream stream, uint32_t a, uint64_t index,
               uint32_t out[4])
{
    philox4x32_ctr_t r = block(seed, stream, a, index);
    for (int i = 0; i < 4; i++)
        out[i] = r.v[i];
}

uint64_t crew_rng_u64(uint64_t seed, enum crew_stream stream, uint32_t a, uint64_t index)
{
    philox4x32_ctr_t r = block(seed, stream, a, index);
    return (uint64_t)r.v[1] << 32 | r.v[0];
}

double crew_rng_unit(uint64_t seed, enum crew_stream stream, uint32_t a, uint64_t index)
{
    return (double)(crew_rng_u64(seed, stream, a, index) >> 11) * 0x1p-53;
}

void crew_rng_shuffle(uint64_t seed, enum crew_stream stream, uint32_t a, uint32_t *index,
                      uint32_t n)
{
    /* Fisher-Yates; multiply-shift on 32 bits: a bias of at most n / 2^32. */
    for (uint32_t i = 0; i < n; i++)
        index[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint64_t r = crew_rng_u64(seed, stream, a, i);
        uint32_t j = (uint32_t)(((r >> 32) * i) >> 32), t = index[i - 1];
        index[i - 1] = index[j];
        index[j] = t;
    }
}
