/* Vectors of 8 floats, fused multiply and add: x86 since 2013. */
#include "base/kernels_kinds.h"

#ifdef __x86_64__
#include <immintrin.h>

enum { LANES = 8, TILE = 6 };
typedef __m256 vec;
#define NAME "avx2"
#define TARGET __attribute__((target("avx2,fma")))
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define SPLAT(p) _mm256_broadcast_ss(p)
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#define POSITIVE(v) _mm256_max_ps(_mm256_setzero_ps(), v) /* NaN in the second: it */

#include "base/kernels_body.h"

const struct crew_kernels crew_kernels_avx2 = KERNELS;
#endif
