/* kernel_vector.h - vectors of KERNEL_LANES doubles by the compiler's extensions: loads, transposes
 * and scans over lanes. Included once by each kernel_<lanes>.c. */
#ifndef INGEST_KERNEL_VECTOR_H
#define INGEST_KERNEL_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define LANES         KERNEL_LANES
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define DO_PRAGMA(x)  _Pragma(#x)
#if defined(__clang__)
#define UNROLL DO_PRAGMA(clang loop unroll(full))
#else
#define UNROLL DO_PRAGMA(GCC unroll 32)
#endif

/* Loops over the rows of a tile: two lanes have so many that they do not stay in registers. */
#if KERNEL_LANES == 2
#define UNROLL_ROWS
#else
#define UNROLL_ROWS UNROLL
#endif

typedef double vec __attribute__((vector_size(8 * LANES)));
typedef int64_t ivec __attribute__((vector_size(8 * LANES)));
/* In memory: anywhere. */
typedef double vec_f8 __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
typedef float vec_f4 __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef size_t vec_size
    __attribute__((vector_size(sizeof(size_t) * LANES), aligned(sizeof(size_t)), may_alias));

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif

ALWAYS_INLINE vec load_f8(const double *from)
{
    return *(const vec_f8 *)from;
}

ALWAYS_INLINE vec load_f4(const float *from)
{
    vec wide;
    UNROLL
    for (size_t k = 0; k < LANES; k++)
        wide[k] = (double)from[k]; // cppcheck-suppress uninitvar
    return wide;
}

ALWAYS_INLINE void store_f8(double *to, vec v)
{
    *(vec_f8 *)to = v;
}

/* The first lanes alone. */
ALWAYS_INLINE void store_some(double *to, vec v, size_t count)
{
    if (count >= LANES)
        store_f8(to, v);
    for (size_t k = 0; count < LANES && k < count; k++)
        to[k] = v[k];
}

ALWAYS_INLINE vec splat(double x)
{
    return x - (vec){0};
}

ALWAYS_INLINE ivec is_finite(vec x)
{
    return x * splat(0) == (vec){0};
}

/* All ones in as many lanes. */
ALWAYS_INLINE ivec first_lanes(size_t count)
{
    ivec lane;
    UNROLL
    for (size_t k = 0; k < LANES; k++)
        lane[k] = (int64_t)k; // cppcheck-suppress uninitvar
    return lane < (int64_t)count - (ivec){0};
}

/* Where the mask is all ones the first, where it is 0 the second. */
ALWAYS_INLINE vec choose(ivec mask, vec a, vec b)
{
    return (vec)(((ivec)a & mask) | ((ivec)b & ~mask));
}

/* a < b ? a : b and a > b ? a : b: one instruction that compilers do not find by themselves. */
#if KERNEL_LANES == 8
ALWAYS_INLINE vec smaller_of(vec a, vec b)
{
    return _mm512_min_pd(a, b);
}

ALWAYS_INLINE vec larger_of(vec a, vec b)
{
    return _mm512_max_pd(a, b);
}
#elif KERNEL_LANES == 4
ALWAYS_INLINE vec smaller_of(vec a, vec b)
{
    return _mm256_min_pd(a, b);
}

ALWAYS_INLINE vec larger_of(vec a, vec b)
{
    return _mm256_max_pd(a, b);
}
#else
ALWAYS_INLINE vec smaller_of(vec a, vec b)
{
    return choose(a < b, a, b);
}

ALWAYS_INLINE vec larger_of(vec a, vec b)
{
    return choose(a > b, a, b);
}
#endif

/* How many lanes of a are above those of b. */
ALWAYS_INLINE unsigned count_above(vec a, vec b)
{
#if KERNEL_LANES == 8
    return (unsigned)__builtin_popcount(_mm512_cmp_pd_mask(a, b, _CMP_GT_OQ));
#elif KERNEL_LANES == 4
    return (unsigned)__builtin_popcount(
        (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_GT_OQ)));
#else
    ivec above = a > b;
    return (unsigned)-(above[0] + above[1]);
#endif
}

/* One more in the lanes whose cut-off is later than the time. */
ALWAYS_INLINE ivec count_later(ivec count, ivec cut, int64_t time)
{
    ivec times = time - (ivec){0};
#if KERNEL_LANES == 8 /* compilers would make a vector of the mask */
    __mmask8 later = _mm512_cmplt_epi64_mask((__m512i)times, (__m512i)cut);
    return (ivec)_mm512_mask_add_epi64((__m512i)count, later, (__m512i)count, _mm512_set1_epi64(1));
#else
    return count - (times < cut);
#endif
}

ALWAYS_INLINE void store_sizes(size_t *to, ivec v)
{
    *(vec_size *)to = __builtin_convertvector(v, vec_size);
}

/* Negative numbers become 0; NaN stays. */
ALWAYS_INLINE vec not_negative(vec v)
{
    return larger_of((vec){0}, v);
}

/* Rows to columns, KERNEL_LANES x KERNEL_LANES, in place; steps that every instruction set has. */
#if KERNEL_LANES == 2
ALWAYS_INLINE void transpose(vec a[2])
{
    vec low = SHUFFLE(a[0], a[1], 0, 2);
    a[1] = SHUFFLE(a[0], a[1], 1, 3);
    a[0] = low;
}

/* Lane j takes lane j + n or j - n, zeros come in. */
#define LANES_DOWN_1(v, zero) SHUFFLE(v, zero, 1, 2)
#define LANES_UP_1(v, zero)   SHUFFLE(zero, v, 0, 2)
#elif KERNEL_LANES == 4
ALWAYS_INLINE void transpose(vec a[4])
{
    vec p = SHUFFLE(a[0], a[1], 0, 4, 2, 6), q = SHUFFLE(a[0], a[1], 1, 5, 3, 7);
    vec r = SHUFFLE(a[2], a[3], 0, 4, 2, 6), s = SHUFFLE(a[2], a[3], 1, 5, 3, 7);
    a[0] = SHUFFLE(p, r, 0, 1, 4, 5);
    a[1] = SHUFFLE(q, s, 0, 1, 4, 5);
    a[2] = SHUFFLE(p, r, 2, 3, 6, 7);
    a[3] = SHUFFLE(q, s, 2, 3, 6, 7);
}

#define LANES_DOWN_1(v, zero) SHUFFLE(v, zero, 1, 2, 3, 4)
#define LANES_DOWN_2(v, zero) SHUFFLE(v, zero, 2, 3, 4, 5)
#define LANES_UP_1(v, zero)   SHUFFLE(zero, v, 3, 4, 5, 6)
#define LANES_UP_2(v, zero)   SHUFFLE(zero, v, 2, 3, 4, 5)
#else
#define EVEN_OF_2(a, b)   SHUFFLE(a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define ODD_OF_2(a, b)    SHUFFLE(a, b, 1, 9, 3, 11, 5, 13, 7, 15)
#define LOW_HALVES(a, b)  SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH_HALVES(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#define EVEN_PAIRS(a, b)  SHUFFLE(a, b, 0, 1, 4, 5, 8, 9, 12, 13)
#define ODD_PAIRS(a, b)   SHUFFLE(a, b, 2, 3, 6, 7, 10, 11, 14, 15)

/* Rows 2i and 2i + 1 are paired by the caller: from four such pairs come columns 0, 2, 4, 6. */
ALWAYS_INLINE void four_columns(vec p, vec q, vec r, vec s, vec *ret_columns)
{
    vec low = LOW_HALVES(p, q), lower = LOW_HALVES(r, s);
    vec high = HIGH_HALVES(p, q), higher = HIGH_HALVES(r, s);
    ret_columns[0] = EVEN_PAIRS(low, lower);
    ret_columns[2] = ODD_PAIRS(low, lower);
    ret_columns[4] = EVEN_PAIRS(high, higher);
    ret_columns[6] = ODD_PAIRS(high, higher);
}

ALWAYS_INLINE void transpose(vec a[8])
{
    vec p = ODD_OF_2(a[0], a[1]), q = ODD_OF_2(a[2], a[3]);
    vec r = ODD_OF_2(a[4], a[5]), s = ODD_OF_2(a[6], a[7]);
    four_columns(EVEN_OF_2(a[0], a[1]), EVEN_OF_2(a[2], a[3]), EVEN_OF_2(a[4], a[5]),
                 EVEN_OF_2(a[6], a[7]), a);
    four_columns(p, q, r, s, a + 1);
}

/* With its places in the instruction, where a shuffle would load them each time. */
#define LANES_FROM(v, above, n)                                                                    \
    ((vec)_mm512_alignr_epi64((__m512i)(ivec)(above), (__m512i)(ivec)(v), n))
#define LANES_DOWN_1(v, zero) LANES_FROM(v, zero, 1)
#define LANES_DOWN_2(v, zero) LANES_FROM(v, zero, 2)
#define LANES_DOWN_4(v, zero) LANES_FROM(v, zero, 4)
#define LANES_UP_1(v, zero)   LANES_FROM(zero, v, 7)
#define LANES_UP_2(v, zero)   LANES_FROM(zero, v, 6)
#define LANES_UP_4(v, zero)   LANES_FROM(zero, v, 4)
#endif

/* Two rows side by side, from half a vector of each: an insertion from memory takes none of the few
 * units that move lanes. */
#if KERNEL_LANES == 8
ALWAYS_INLINE vec load_halves(const double *low, const double *high)
{
    return _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(low)), _mm256_loadu_pd(high),
                              1);
}

ALWAYS_INLINE void load_columns(const double *rows, size_t stride, vec ret_columns[8])
{
    UNROLL
    for (size_t k = 0; k < 8; k += 4) {
        const double *at = rows + k;
        vec a = load_halves(at, at + 2 * stride), b = load_halves(at + stride, at + 3 * stride);
        vec c = load_halves(at + 4 * stride, at + 6 * stride),
            d = load_halves(at + 5 * stride, at + 7 * stride);
        vec even = EVEN_OF_2(a, b), odd = ODD_OF_2(a, b);
        vec more_even = EVEN_OF_2(c, d), more_odd = ODD_OF_2(c, d);
        ret_columns[k] = EVEN_PAIRS(even, more_even);
        ret_columns[k + 1] = EVEN_PAIRS(odd, more_odd);
        ret_columns[k + 2] = ODD_PAIRS(even, more_even);
        ret_columns[k + 3] = ODD_PAIRS(odd, more_odd);
    }
}
#elif KERNEL_LANES == 4
ALWAYS_INLINE vec load_halves(const double *low, const double *high)
{
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(low)), _mm_loadu_pd(high), 1);
}

ALWAYS_INLINE void load_columns(const double *rows, size_t stride, vec ret_columns[4])
{
    UNROLL
    for (size_t k = 0; k < 4; k += 2) {
        vec a = load_halves(rows + k, rows + k + 2 * stride);
        vec b = load_halves(rows + k + stride, rows + k + 3 * stride);
        ret_columns[k] = SHUFFLE(a, b, 0, 4, 2, 6);
        ret_columns[k + 1] = SHUFFLE(a, b, 1, 5, 3, 7);
    }
}
#else
ALWAYS_INLINE void load_columns(const double *rows, size_t stride, vec ret_columns[2])
{
    ret_columns[0] = load_f8(rows);
    ret_columns[1] = load_f8(rows + stride);
    transpose(ret_columns);
}
#endif

/* Lane j: the sum of the lanes from j to the last. */
ALWAYS_INLINE vec sum_from_lane(vec v)
{
    vec zero = {0};
    v += LANES_DOWN_1(v, zero);
#if KERNEL_LANES >= 4
    v += LANES_DOWN_2(v, zero);
#endif
#if KERNEL_LANES >= 8
    v += LANES_DOWN_4(v, zero);
#endif
    return v;
}

/* Lane j: the sum of the lanes up to j. */
ALWAYS_INLINE vec sum_to_lane(vec v)
{
    vec zero = {0};
    v += LANES_UP_1(v, zero);
#if KERNEL_LANES >= 4
    v += LANES_UP_2(v, zero);
#endif
#if KERNEL_LANES >= 8
    v += LANES_UP_4(v, zero);
#endif
    return v;
}

ALWAYS_INLINE double sum_lanes(vec v)
{
    return sum_from_lane(v)[0];
}

#endif
