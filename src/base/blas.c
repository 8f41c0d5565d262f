#include "base/blas.h"
#include "base/bytes.h"
#include <cblas.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { PROBE = 96, PROBE_REPEATS = 24 }; /* past OpenBLAS's small-matrix paths; 1 ms a core */

void crew_blas_info(struct crew_blas_info *out)
{
    static const char *const flavours[] = {"serial", "pthread", "openmp"};
    static const char *const force[] = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"};
    int parallel = openblas_get_parallel(), threads = openblas_get_num_threads();
    const char *config = openblas_get_config(), *most = strstr(config, "MAX_THREADS=");
    memset(out, 0, sizeof *out);
    out->name = config;
    out->flavour = parallel >= 0 && parallel <= 2 ? flavours[parallel] : "unknown";
    out->core = openblas_get_corename();
    for (int i = 0; i < 2 && !out->forced; i++)
        out->forced = getenv(force[i]) ? force[i] : NULL;
    out->threads = threads > 0 ? (uint32_t)threads : 1;
    /* Its table of work areas holds twice MAX_THREADS; measured: a warning at 130, a crash from
     * 140 for 64. */
    unsigned long n = most ? strtoul(most + strlen("MAX_THREADS="), NULL, 10) : 64;
    out->callers = (uint32_t)(n > 0 && n <= 4096 ? 2 * n : 128);
    out->concurrent = parallel != 0 || strstr(config, "USE_LOCKING") != NULL;
}

/* Process-wide, as the setting they guard. */
static atomic_flag lock = ATOMIC_FLAG_INIT;
static int borrowers, found; /* under lock */

static void change_borrowers(int by)
{
    while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
        ; /* held for a few calls, when trainers are made and destroyed */
    if (borrowers == 0)
        found = openblas_get_num_threads();
    borrowers += by;
    openblas_set_num_threads(borrowers ? 1 : found);
    atomic_flag_clear_explicit(&lock, memory_order_release);
}

void crew_blas_borrow(void)
{
    change_borrowers(1);
}

void crew_blas_return(void)
{
    change_borrowers(-1);
}

void crew_blas_enter_thread(void)
{
    if (openblas_get_parallel() == OPENBLAS_OPENMP)
        openblas_set_num_threads(1);
}

static void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n, size_t k,
                 const float *a, const float *b, float *c)
{
    size_t lda = ta == CblasNoTrans ? k : m, ldb = tb == CblasNoTrans ? n : k;
    cblas_sgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)k, 1.0f, a,
                (blasint)lda, b, (blasint)ldb, 1.0f, c, (blasint)n);
}

void crew_gemm_nn(size_t m, size_t n, size_t k, const float *a, const float *b, float *c)
{
    gemm(CblasNoTrans, CblasNoTrans, m, n, k, a, b, c);
}

void crew_gemm_nt(size_t m, size_t n, size_t k, const float *a, const float *b, float *c)
{
    gemm(CblasNoTrans, CblasTrans, m, n, k, a, b, c);
}

void crew_gemm_tn(size_t m, size_t n, size_t k, const float *a, const float *b, float *c)
{
    gemm(CblasTrans, CblasNoTrans, m, n, k, a, b, c);
}

size_t crew_blas_probe_floats(void)
{
    return 3 * PROBE * PROBE;
}

/* FNV-1a by whole floats: by bytes it took as long as the products themselves. */
static uint64_t hash_floats(uint64_t h, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        h = (h ^ bits) * 0x100000001b3u;
    }
    return h;
}

uint64_t crew_blas_probe(float *scratch)
{
    float *a = scratch, *b = a + PROBE * PROBE, *c = b + PROBE * PROBE;
    uint64_t h = CREW_HASH_INIT;
    for (int i = 0; i < 2 * PROBE * PROBE;
         i++) /* small whole numbers over 64: some sums round */
        a[i] = (float)((i * 7919 + i / 13) % 1021 - 510) / 64.0f;
    for (int r = 0; r < PROBE_REPEATS; r++) {
        size_t m = (size_t)(PROBE - r * 3 % 61), k = (size_t)(PROBE - r * 5 % 47);
        memset(c, 0, sizeof *c * PROBE * PROBE);
        crew_gemm_nn(m, PROBE, k, a, b, c);
        crew_gemm_tn(m, PROBE, k, a, b, c);
        crew_gemm_nt(m, PROBE, k, b, a, c);
        h = hash_floats(h, c, m * PROBE);
    }
    return h;
}
