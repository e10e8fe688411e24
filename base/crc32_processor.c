/* Checksums by the processor's own instructions.
 *
 * x86-64 has no instruction for this polynomial but one for carry-less multiplication. Some 128-bit
 * remainders are folded over the data: a remainder R that stands d bits before other data may be
 * replaced, modulo the polynomial, by (low half of R) x (x^(d+32) mod P) + (high half) x (x^(d-32)
 * mod P) added to that data. The method and the reflected constants are those of Gopal, Ozturk, et
 * al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009).
 * What is left at the end, 16 bytes and a tail, goes through the tables: that needs no second
 * reduction to get right, and costs some nanoseconds. */
#include "crc32_internal.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <stdbool.h>

#define CRC32_FOLD_BYTES ((size_t)64) /* four lanes of 16 */

#define TARGET_CLMUL __attribute__((target("pclmul,sse4.1")))

TARGET_CLMUL static __m128i load_16(const uint8_t *bytes)
{
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

TARGET_CLMUL static __m128i fold(__m128i remainder, __m128i constants, __m128i data)
{
    __m128i low = _mm_clmulepi64_si128(remainder, constants, 0x00);
    __m128i high = _mm_clmulepi64_si128(remainder, constants, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), data);
}

TARGET_CLMUL static uint32_t crc32_kernel_clmul(uint32_t state, const uint8_t *bytes, size_t length)
{
    if (length < 2 * CRC32_FOLD_BYTES)
        return crc32_kernel_tables(state, bytes, length);

    /* x^(512+32), x^(512-32) and x^(128+32), x^(128-32) modulo P, each reflected and shifted by
     * one. */
    const __m128i over_four = _mm_set_epi64x(INT64_C(0x01c6e41596), INT64_C(0x0154442bd4));
    const __m128i over_one = _mm_set_epi64x(INT64_C(0x00ccaa009e), INT64_C(0x01751997d0));

    __m128i lane0 = _mm_xor_si128(load_16(bytes), _mm_cvtsi32_si128((int)state));
    __m128i lane1 = load_16(bytes + 16);
    __m128i lane2 = load_16(bytes + 32);
    __m128i lane3 = load_16(bytes + 48);
    bytes += CRC32_FOLD_BYTES;
    length -= CRC32_FOLD_BYTES;

    while (length >= CRC32_FOLD_BYTES) {
        lane0 = fold(lane0, over_four, load_16(bytes));
        lane1 = fold(lane1, over_four, load_16(bytes + 16));
        lane2 = fold(lane2, over_four, load_16(bytes + 32));
        lane3 = fold(lane3, over_four, load_16(bytes + 48));
        bytes += CRC32_FOLD_BYTES;
        length -= CRC32_FOLD_BYTES;
    }

    __m128i remainder = fold(lane0, over_one, lane1);
    remainder = fold(remainder, over_one, lane2);
    remainder = fold(remainder, over_one, lane3);
    while (length >= 16) {
        remainder = fold(remainder, over_one, load_16(bytes));
        bytes += 16;
        length -= 16;
    }

    uint8_t left[16];
    _mm_storeu_si128((__m128i *)(void *)left, remainder);
    return crc32_kernel_tables(crc32_kernel_tables(0, left, sizeof left), bytes, length);
}

/* The same with two multiplications an instruction: eight lanes of 32 bytes. */
#define CRC32_WIDE_LANES 8
#define CRC32_WIDE_BYTES ((size_t)CRC32_WIDE_LANES * 32)

#define TARGET_WIDE __attribute__((target("vpclmulqdq,pclmul,avx2")))

TARGET_WIDE static __m256i load_32(const uint8_t *bytes)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

TARGET_WIDE static uint32_t crc32_kernel_wide(uint32_t state, const uint8_t *bytes, size_t length)
{
    if (length < 2 * CRC32_WIDE_BYTES)
        return crc32_kernel_clmul(state, bytes, length);

    /* x^(2048+32) and x^(2048-32) modulo P, in both halves. */
    const __m256i over_all = _mm256_set_epi64x(INT64_C(0x01322d1430), INT64_C(0x011542778a),
                                               INT64_C(0x01322d1430), INT64_C(0x011542778a));
    __m256i lanes[CRC32_WIDE_LANES];
    for (unsigned i = 0; i < CRC32_WIDE_LANES; i++)
        lanes[i] = load_32(bytes + i * sizeof lanes[0]);
    lanes[0] = _mm256_xor_si256(lanes[0], _mm256_set_epi32(0, 0, 0, 0, 0, 0, 0, (int)state));
    bytes += CRC32_WIDE_BYTES;
    length -= CRC32_WIDE_BYTES;

    while (length >= CRC32_WIDE_BYTES) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < CRC32_WIDE_LANES; i++) {
            __m256i low = _mm256_clmulepi64_epi128(lanes[i], over_all, 0x00);
            __m256i high = _mm256_clmulepi64_epi128(lanes[i], over_all, 0x11);
            __m256i data = load_32(bytes + i * sizeof lanes[0]);
            lanes[i] = _mm256_xor_si256(_mm256_xor_si256(low, high), data);
        }
        bytes += CRC32_WIDE_BYTES;
        length -= CRC32_WIDE_BYTES;
    }

    /* The lanes side by side are a message with the same remainder as all that came before. */
    uint8_t left[CRC32_WIDE_BYTES];
    for (unsigned i = 0; i < CRC32_WIDE_LANES; i++)
        _mm256_storeu_si256((__m256i *)(void *)(left + i * sizeof lanes[0]), lanes[i]);
    return crc32_kernel_clmul(crc32_kernel_clmul(0, left, sizeof left), bytes, length);
}

/* The compiler's own table of what processors can do would be 5 KB of each program. */
crc32_kernel *crc32_kernel_of_processor(void)
{
    unsigned eax, ebx = 0, ecx = 0, edx, ebx_7 = 0, ecx_7 = 0;
    uint32_t saved_by_kernel = 0;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_PCLMUL) || !(ecx & bit_SSE4_1))
        return NULL;
    if (ecx & bit_OSXSAVE)
        __asm__("xgetbv" : "=a"(saved_by_kernel), "=d"(edx) : "c"(0));
    (void)__get_cpuid_count(7, 0, &eax, &ebx_7, &ecx_7, &edx);
    bool wide = (saved_by_kernel & 0x06) == 0x06 && (ebx_7 & bit_AVX2) && (ecx_7 & bit_VPCLMULQDQ);
    return wide ? crc32_kernel_wide : crc32_kernel_clmul;
}

#elif defined(__aarch64__)

#include "little_endian.h"

#include <sys/auxv.h>

/* The assembler is told of the extension here, because compilers differ in how a function asks for
 * it. */
static uint32_t step_8(uint32_t state, uint64_t data)
{
    __asm__(".arch_extension crc\n\tcrc32x %w0, %w0, %x1" : "+r"(state) : "r"(data));
    return state;
}

static uint32_t step_1(uint32_t state, uint32_t data)
{
    __asm__(".arch_extension crc\n\tcrc32b %w0, %w0, %w1" : "+r"(state) : "r"(data));
    return state;
}

static uint32_t crc32_kernel_armv8(uint32_t state, const uint8_t *bytes, size_t length)
{
    while (length >= 8) {
        state = step_8(state, le_load_u64(bytes));
        bytes += 8;
        length -= 8;
    }
    while (length-- > 0)
        state = step_1(state, *bytes++);
    return state;
}

crc32_kernel *crc32_kernel_of_processor(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0 ? crc32_kernel_armv8 : NULL;
}

#else

crc32_kernel *crc32_kernel_of_processor(void)
{
    return NULL;
}

#endif
