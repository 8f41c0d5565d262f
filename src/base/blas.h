/* The BLAS library: the only user of cblas.h. Matrices are row-major floats. */
#ifndef CREW_BASE_BLAS_H
#define CREW_BASE_BLAS_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crew_blas_info {
    const char *name;    /* "OpenBLAS 0.3.21" */
    const char *flavour; /* "pthread", "openmp", "serial" */
    const char *core;    /* kernel chosen for the process */
    const char *forced;  /* environment variable that forces it, or NULL */
    uint32_t threads;    /* its thread setting now */
    uint32_t callers;    /* most threads that may call at once: beyond, it overruns a table */
    bool concurrent;     /* may be called by several threads at once */
};
void crew_blas_info(struct crew_blas_info *out);

/* One BLAS thread per caller from now on; the setting is the process's, so the first borrower
 * keeps what it found and the last one to return puts it back. */
void crew_blas_borrow(void);
void crew_blas_return(void);
/* The same for the calling thread, where the flavour has a setting per thread (OpenMP). */
void crew_blas_enter_thread(void);

/* C[m][n] += op(A) op(B), inner dimension k; leading dimensions are row lengths as stored.
 * There is no beta: setting C first (to zero, to a bias, to the sum so far) is as exact, and
 * faster than OpenBLAS's own beta = 0 pass [784 x 512 from 64 rows, Zen 3: 600 us against 700].
 */
void crew_gemm_nn(size_t m, size_t n, size_t k, const float *a, const float *b, float *c);
void crew_gemm_nt(size_t m, size_t n, size_t k, const float *a, const float *b, float *c);
void crew_gemm_tn(size_t m, size_t n, size_t k, const float *a, const float *b, float *c);

/* A fixed series of products of many shapes, reduced to a fingerprint of the bits. The same on
 * every thread, at once or in turn, or the library is not fit for several workers. scratch:
 * crew_blas_probe_floats() of them, the caller's. */
size_t crew_blas_probe_floats(void);
uint64_t crew_blas_probe(float *scratch);

#endif
