#include "stats_kernels.h"

const struct stats_kernels *stats_kernels_at(size_t i)
{
    const struct stats_kernels *all[3];
    size_t count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        all[count++] = &stats_kernels_8;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        all[count++] = &stats_kernels_4;
#endif
    all[count++] = &stats_kernels_2;
    return i < count ? all[i] : NULL;
}

const struct stats_kernels *stats_kernels_best(void)
{
    return stats_kernels_at(0);
}
