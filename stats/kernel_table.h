/* kernel_table.h - all kernels for KERNEL_LANES lanes, in KERNEL_TABLE and KERNEL_REDUCE_TABLE.
 * Included by kernel_<lanes>.c alone. */
#include "stats_kernels.h"

#include "kernel_vector.h"

#include <string.h>

#include "kernel_moments.h"
#include "kernel_short.h"

#include "kernel_extremes.h"
#include "kernel_windows.h"

const struct stats_kernels KERNEL_TABLE = {
    .lanes = LANES,
    .sums = sums_about,
    .tiles = tiles,
    .short_windows = short_windows,
    .suffixes = suffixes,
    .prefixes = prefixes,
    .finish_windows = finish_windows,
    .near_windows = near_windows,
    .span_begins = span_begins,
    .minimum = minimum,
    .short_minima = short_minima,
    .tile_minima = tile_minima,
};

const struct stats_reduce_kernels KERNEL_REDUCE_TABLE = {reduce_tiles, reduce_written};
