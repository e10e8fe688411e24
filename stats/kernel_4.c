#define KERNEL_LANES        4
#define KERNEL_TABLE        stats_kernels_4
#define KERNEL_REDUCE_TABLE stats_reduce_kernels_4
#include "kernel_table.h"
