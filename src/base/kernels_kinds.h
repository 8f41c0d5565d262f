/* All kinds of kernels; see kernels.c for which a processor has. */
#ifndef CREW_BASE_KERNELS_KINDS_H
#define CREW_BASE_KERNELS_KINDS_H

#include "base/kernels.h"

extern const struct crew_kernels crew_kernels_avx512, crew_kernels_avx2, crew_kernels_plain;

#endif
