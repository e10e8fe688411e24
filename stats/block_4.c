#define KERNEL_LANES 4
#define KERNEL_TABLE block_kernels_4
#include "kernel_block.h"
