/* exact.h - statistics by two passes in 113 bits, and the families of samples they are tried on. */
#ifndef INGEST_TEST_EXACT_H
#define INGEST_TEST_EXACT_H

#include "stats_state.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SIZEOF_FLOAT128__
__extension__ typedef __float128 exact;
#else
typedef long double exact; /* 113 bits on arm64 */
#endif

struct exact_statistics {
    exact mean, var, sum, mean_square;
    double min, max;
    size_t count, missing;
    bool finite; /* no infinity among the samples */
};

static inline void exact_compute(const union stats_value *values, size_t count, unsigned ddof,
                                 struct exact_statistics *ret)
{
    struct exact_statistics s = {.min = (double)INFINITY, .max = -(double)INFINITY, .finite = true};
    for (size_t i = 0; i < count; i++) {
        double x = values[i].real;
        if (isnan(x)) {
            s.missing++;
            continue;
        }
        s.finite = s.finite && isfinite(x);
        s.count++;
        s.sum += (exact)x;
        s.mean_square += (exact)x * (exact)x;
        s.min = x < s.min ? x : s.min;
        s.max = x > s.max ? x : s.max;
    }
    if (s.count > 0) {
        s.mean = s.sum / (exact)s.count;
        s.mean_square /= (exact)s.count;
    }
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i].real))
            s.var += ((exact)values[i].real - s.mean) * ((exact)values[i].real - s.mean);
    }
    if (s.count > ddof)
        s.var /= (exact)(s.count - ddof);
    *ret = s;
}

/* A small generator, the same on every machine. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline double random_unit(uint64_t *state)
{
    return ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53;
}

static inline double random_normal(uint64_t *state)
{
    double r = sqrt(-2 * log(random_unit(state)));
    return r * cos(6.283185307179586 * random_unit(state));
}

enum family {
    FAMILY_NOISE,
    FAMILY_FAR_NOISE,      /* N(1e9, 1) */
    FAMILY_SPIKE_CONSTANT, /* cosine with one 1e12, then a constant */
    FAMILY_COSINE,
    FAMILY_WALK,
    FAMILY_CAUCHY,
    FAMILY_STEPS, /* 0 and 1e9 */
    FAMILY_TINY,  /* 1 + 1e-8 noise */
    FAMILY_FLOATS,
    FAMILY_RAMP,
    FAMILY_COUNT
};

static inline void family_fill(enum family family, double scale, uint64_t seed,
                               union stats_value *ret_values, size_t count)
{
    uint64_t state = seed;
    double walk = 0;
    for (size_t i = 0; i < count; i++) {
        double x = random_normal(&state);
        switch (family) {
        case FAMILY_FAR_NOISE:
            x += 1e9;
            break;
        case FAMILY_SPIKE_CONSTANT:
            x = i == count / 4 ? 1e12 : i > count / 3 ? 0.1 : cos((double)i * 0.01);
            break;
        case FAMILY_COSINE:
            x = cos((double)i * 0.02) + 0.1 * x;
            break;
        case FAMILY_WALK:
            x = walk += x;
            break;
        case FAMILY_CAUCHY:
            x = tan(3.141592653589793 * (random_unit(&state) - 0.5));
            break;
        case FAMILY_STEPS:
            x = (i / 97) % 2 == 0 ? 0 : 1e9;
            break;
        case FAMILY_TINY:
            x = 1 + 1e-8 * x;
            break;
        case FAMILY_FLOATS:
            x = (double)(float)(1e6 + x);
            break;
        case FAMILY_RAMP:
            x = (double)i * 1e-3;
            break;
        default:
            break;
        }
        ret_values[i].real = x * scale;
    }
}

#endif
