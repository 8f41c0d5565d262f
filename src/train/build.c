#include "base/blas.h"
#include "machine/version.h"
#include <crew/crew.h>

#ifdef __clang__
static const char compiler[] = "clang " __clang_version__;
#else
static const char compiler[] = "gcc " __VERSION__;
#endif

const char *crew_version(void)
{
    return CREW_VERSION;
}

unsigned crew_abi_version(void)
{
    return CREW_ABI_VERSION;
}

void crew_build_info(struct crew_build_info *out)
{
    struct crew_blas_info b;
    crew_blas_info(&b);
    *out = (struct crew_build_info){
        .version = CREW_VERSION,
        .compiler = compiler,
        .hwloc = crew_hwloc_version(),
        .blas = b.name,
        .blas_flavour = b.flavour,
        .blas_core = b.core,
        .blas_forced = b.forced,
        .blas_threads = b.threads,
    };
}
