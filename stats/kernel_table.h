/* kernel_table.h - all kernels for KERNEL_LANES lanes, in KERNEL_TABLE. Included by
 * kernel_<lanes>.c alone. */
#include "stats_kernels.h"

#include "kernel_vector.h"

#define JOIN_(a, b) a##_##b

#define SAMPLE   float
#define TYPED(x) JOIN_(x, f4)
#define LOAD(p)  load_f4(p)
#include "kernel_moments.h"
#undef SAMPLE
#undef TYPED
#undef LOAD

#define SAMPLE   double
#define TYPED(x) JOIN_(x, f8)
#define LOAD(p)  load_f8(p)
#include "kernel_moments.h"

#include "kernel_extremes.h"
#include "kernel_windows.h"

#define MOMENT_KERNELS(type, sample)                                                               \
    {                                                                                              \
        .sums = sums_##type, .tiles = tiles_##type, .short_windows = short_windows_##type,         \
        .short_sums = short_sums_##type, .widen = widen_##type, .suffixes = suffixes_##type,       \
        .prefixes = prefixes_##type, .sample_bytes = sizeof(sample)                                \
    }

const struct stats_kernels KERNEL_TABLE = {
    .lanes = LANES,
    .f4 = MOMENT_KERNELS(f4, float),
    .f8 = MOMENT_KERNELS(f8, double),
    .finish_windows = finish_windows,
    .span_begins = span_begins,
    .minimum = minimum,
    .short_minima = short_minima,
    .tile_minima = tile_minima,
};
