#include "stats_lanes.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdatomic.h>
#include <stdint.h>

#define AVX512_BITS (bit_AVX512F | bit_AVX512DQ | bit_AVX512VL | bit_AVX512BW)

/* Registers that the operating system saves at a switch of threads. */
#define SAVES_AVX    0x06
#define SAVES_AVX512 0xe6

/* The compiler's own table of what processors can do would be 5 KB of each program. */
static unsigned ask_processor(void)
{
    unsigned eax, ebx = 0, ecx = 0, edx;
    uint32_t saved;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) || !(ecx & bit_FMA) ||
        !(ecx & bit_POPCNT))
        return 2;
    __asm__("xgetbv" : "=a"(saved), "=d"(edx) : "c"(0));
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ebx & bit_AVX2) ||
        (saved & SAVES_AVX) != SAVES_AVX)
        return 2;
    return (ebx & AVX512_BITS) == AVX512_BITS && (saved & SAVES_AVX512) == SAVES_AVX512 ? 8 : 4;
}

unsigned stats_lanes_widest(void)
{
    /* Asked once: under a hypervisor it takes microseconds. */
    static _Atomic unsigned known;
    unsigned lanes = atomic_load_explicit(&known, memory_order_relaxed);
    if (lanes == 0) {
        lanes = ask_processor();
        atomic_store_explicit(&known, lanes, memory_order_relaxed);
    }
    return lanes;
}
#else
unsigned stats_lanes_widest(void)
{
    return 2;
}
#endif
