#include "stats_kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

#define AVX512_BITS (bit_AVX512F | bit_AVX512DQ | bit_AVX512VL | bit_AVX512BW)

/* Doubles in the widest vectors of the processor and of what the kernel saves at a switch of
 * threads. The compiler's own table of what processors can do would be 5 KB of the program. */
static unsigned widest_lanes(void)
{
    unsigned eax, ebx = 0, ecx = 0, edx;
    uint32_t saved_by_kernel;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) || !(ecx & bit_FMA))
        return 2;
    __asm__("xgetbv" : "=a"(saved_by_kernel), "=d"(edx) : "c"(0));
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ebx & bit_AVX2) ||
        (saved_by_kernel & 0x06) != 0x06)
        return 2;
    return (ebx & AVX512_BITS) == AVX512_BITS && (saved_by_kernel & 0xe6) == 0xe6 ? 8 : 4;
}
#endif

const struct stats_kernels *stats_kernels_at(size_t i)
{
    const struct stats_kernels *all[3];
    size_t count = 0;
#if defined(__x86_64__)
    unsigned lanes = widest_lanes();
    if (lanes >= 8)
        all[count++] = &stats_kernels_8;
    if (lanes >= 4)
        all[count++] = &stats_kernels_4;
#endif
    all[count++] = &stats_kernels_2;
    return i < count ? all[i] : NULL;
}

const struct stats_kernels *stats_kernels_best(void)
{
    return stats_kernels_at(0);
}
