#define KERNEL_LANES 2
#define KERNEL_TABLE block_kernels_2
#include "kernel_block.h"
