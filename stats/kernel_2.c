#define KERNEL_LANES 2
#define KERNEL_TABLE stats_kernels_2
#include "kernel_table.h"
