#define KERNEL_LANES        8
#define KERNEL_TABLE        stats_kernels_8
#define KERNEL_REDUCE_TABLE stats_reduce_kernels_8
#include "kernel_table.h"
