/* random_bits.h - the same random numbers in each run and on each machine. */
#ifndef INGEST_RANDOM_BITS_H
#define INGEST_RANDOM_BITS_H

#include <stdint.h>

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (SplitMix64). Begin with
 * any *state. */
static inline uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#endif
