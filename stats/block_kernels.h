/* block_kernels.h - the two loops over a block of samples, compiled once for each width of vectors
 * (8 lanes gain nothing over 4 here). Internal to stats/; a table of their own, so that a program
 * that only summarises does not carry the rolling kernels. */
#ifndef INGEST_BLOCK_KERNELS_H
#define INGEST_BLOCK_KERNELS_H

#include <stddef.h>

/* What the first loop finds; without meaning when a sample is NaN (then `sum` is not finite). */
struct block_range {
    double sum, min, max;
};

/* What the second finds: sums of (sample - centre) and of its square. */
struct block_squares {
    double sum, squares;
};

struct block_kernels {
    void (*range_f4)(const float *samples, size_t count, struct block_range *ret);
    void (*range_f8)(const double *samples, size_t count, struct block_range *ret);
    struct block_squares (*squares_f4)(const float *samples, size_t count, double centre);
    struct block_squares (*squares_f8)(const double *samples, size_t count, double centre);
};

/* The widest that this processor has. */
const struct block_kernels *block_kernels_best(void);

extern const struct block_kernels block_kernels_2;
#if defined(__x86_64__)
extern const struct block_kernels block_kernels_4;
#endif

#endif
