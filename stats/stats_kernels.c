#include "stats_kernels.h"

#include "stats_lanes.h"

const struct stats_kernels *stats_kernels_at(size_t i)
{
    const struct stats_kernels *all[3];
    size_t count = 0;
#if defined(__x86_64__)
    unsigned lanes = stats_lanes_widest();
    if (lanes >= 8)
        all[count++] = &stats_kernels_8;
    if (lanes >= 4)
        all[count++] = &stats_kernels_4;
#endif
    all[count++] = &stats_kernels_2;
    return i < count ? all[i] : NULL;
}

const struct stats_kernels *stats_kernels_best(void)
{
    return stats_kernels_at(0);
}
