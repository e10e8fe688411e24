/* kernel_block.h - the loops of struct block_kernels for KERNEL_LANES lanes, in KERNEL_TABLE.
 * Included by block_<lanes>.c alone, which are compiled as if there were no NaN: where there is one
 * the sum says so, and nothing else is used. */
#include "block_kernels.h"

#include "kernel_vector.h"

#define ROW ((size_t)4 * LANES) /* samples a turn */

/* The range of ROW samples at a time, in vectors of as many of them as one holds. */
#define DEFINE_RANGE(type, sample, vector, lanes)                                                  \
    ALWAYS_INLINE vector smaller_##type(vector a, vector b)                                        \
    {                                                                                              \
        UNROLL                                                                                     \
        for (size_t k = 0; k < (lanes); k++)                                                       \
            a[k] = b[k] < a[k] ? b[k] : a[k];                                                      \
        return a;                                                                                  \
    }                                                                                              \
                                                                                                   \
    ALWAYS_INLINE vector larger_##type(vector a, vector b)                                         \
    {                                                                                              \
        UNROLL                                                                                     \
        for (size_t k = 0; k < (lanes); k++)                                                       \
            a[k] = b[k] > a[k] ? b[k] : a[k];                                                      \
        return a;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static void range_##type(const sample *samples, size_t count, struct block_range *ret)         \
    {                                                                                              \
        vec sum[4] = {{0}};                                                                        \
        sample low = samples[0], high = samples[0];                                                \
        size_t i = 0;                                                                              \
        if (count >= ROW) {                                                                        \
            vector lows[2], highs[2];                                                              \
            lows[0] = lows[1] = highs[0] = highs[1] = *(const vector *)samples;                    \
            for (; i + ROW <= count; i += ROW) {                                                   \
                UNROLL                                                                             \
                for (size_t k = 0; k < 4; k++)                                                     \
                    sum[k] += load_##type(samples + i + k * LANES);                                \
                UNROLL                                                                             \
                for (size_t k = 0; k < ROW / (lanes); k++) {                                       \
                    vector x = *(const vector *)(samples + i + k * (lanes));                       \
                    lows[k % 2] = smaller_##type(lows[k % 2], x);                                  \
                    highs[k % 2] = larger_##type(highs[k % 2], x);                                 \
                }                                                                                  \
            }                                                                                      \
            lows[0] = smaller_##type(lows[0], lows[1]);                                            \
            highs[0] = larger_##type(highs[0], highs[1]);                                          \
            for (size_t k = 0; k < (lanes); k++) {                                                 \
                low = lows[0][k] < low ? lows[0][k] : low;                                         \
                high = highs[0][k] > high ? highs[0][k] : high;                                    \
            }                                                                                      \
        }                                                                                          \
        double total = sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));                           \
        for (; i < count; i++) {                                                                   \
            total += (double)samples[i];                                                           \
            low = samples[i] < low ? samples[i] : low;                                             \
            high = samples[i] > high ? samples[i] : high;                                          \
        }                                                                                          \
        *ret = (struct block_range){total, (double)low, (double)high};                             \
    }

#define DEFINE_SQUARES(type, sample)                                                               \
    static struct block_squares squares_##type(const sample *samples, size_t count, double centre) \
    {                                                                                              \
        vec about = splat(centre), sum[4] = {{0}}, squares[4] = {{0}};                             \
        size_t i = 0;                                                                              \
        for (; i + ROW <= count; i += ROW) {                                                       \
            UNROLL                                                                                 \
            for (size_t k = 0; k < 4; k++) {                                                       \
                vec d = load_##type(samples + i + k * LANES) - about;                              \
                sum[k] += d;                                                                       \
                squares[k] += d * d;                                                               \
            }                                                                                      \
        }                                                                                          \
        struct block_squares all = {                                                               \
            sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3])),                                      \
            sum_lanes((squares[0] + squares[1]) + (squares[2] + squares[3]))};                     \
        for (; i < count; i++) {                                                                   \
            double d = (double)samples[i] - centre;                                                \
            all.sum += d;                                                                          \
            all.squares += d * d;                                                                  \
        }                                                                                          \
        return all;                                                                                \
    }

typedef float vec_floats __attribute__((vector_size(8 * LANES), aligned(4), may_alias));

DEFINE_RANGE(f4, float, vec_floats, (size_t)2 * LANES)
DEFINE_RANGE(f8, double, vec_f8, LANES)
DEFINE_SQUARES(f4, float)
DEFINE_SQUARES(f8, double)

const struct block_kernels KERNEL_TABLE = {range_f4, range_f8, squares_f4, squares_f8};
