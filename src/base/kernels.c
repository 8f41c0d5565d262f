#include "base/kernels_kinds.h"

#ifdef __x86_64__
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

static bool has_plain(void)
{
    return true;
}

static const struct {
    const struct crew_kernels *kind;
    bool (*here)(void);
} kinds[] = {
#ifdef __x86_64__
    {&crew_kernels_avx512, has_avx512},
    {&crew_kernels_avx2, has_avx2},
#endif
    {&crew_kernels_plain, has_plain},
};

const struct crew_kernels *crew_kernels_at(size_t i)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (kinds[k].here() && i-- == 0)
            return kinds[k].kind;
    return NULL;
}
