/* What every processor of the architecture has: vectors of 4 floats on x86-64 and 64-bit Arm,
 * where multiply and add fuse; elsewhere what the compiler makes of single floats. */
#include "base/kernels_kinds.h"

#define TARGET
#if defined(__x86_64__)
#include <emmintrin.h>
enum { LANES = 4, TILE = 3 };
typedef __m128 vec;
#define NAME "sse2"
#define LOAD(p) _mm_loadu_ps(p)
#define STORE(p, v) _mm_storeu_ps(p, v)
#define SPLAT(p) _mm_set1_ps(*(p))
#define MULTIPLY_ADD(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
#define POSITIVE(v) _mm_max_ps(_mm_setzero_ps(), v)
#elif defined(__aarch64__)
#include <arm_neon.h>
enum { LANES = 4, TILE = 6 };
typedef float32x4_t vec;
#define NAME "neon"
#define LOAD(p) vld1q_f32(p)
#define STORE(p, v) vst1q_f32(p, v)
#define SPLAT(p) vld1q_dup_f32(p)
#define MULTIPLY_ADD(a, b, c) vfmaq_f32(c, a, b)
#define POSITIVE(v) vmaxq_f32(vdupq_n_f32(0), v) /* NaN in either: NaN */
#else
enum { LANES = 1, TILE = 2 };
typedef float vec;
#define NAME "plain"
#define LOAD(p) (*(p))
#define STORE(p, v) (*(p) = (v))
#define SPLAT(p) (*(p))
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#define POSITIVE(v) ((v) < 0.0f ? 0.0f : (v))
#endif

#include "base/kernels_body.h"

const struct crew_kernels crew_kernels_plain = KERNELS;
