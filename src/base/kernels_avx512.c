/* Vectors of 16 floats: servers and some desktops since 2017. */
#include "base/kernels_kinds.h"

#ifdef __x86_64__
#include <immintrin.h>

enum { LANES = 16, TILE = 12 };
typedef __m512 vec;
#define NAME "avx512"
#define TARGET __attribute__((target("avx512f")))
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define SPLAT(p) _mm512_set1_ps(*(p))
#define MULTIPLY_ADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#define POSITIVE(v) _mm512_max_ps(_mm512_setzero_ps(), v)

#include "base/kernels_body.h"

const struct crew_kernels crew_kernels_avx512 = KERNELS;
#endif
