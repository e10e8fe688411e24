#define KERNEL_LANES        2
#define KERNEL_TABLE        stats_kernels_2
#define KERNEL_REDUCE_TABLE stats_reduce_kernels_2
#include "kernel_table.h"
