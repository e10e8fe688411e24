/* The quotient of two whole numbers as a double, rounded once. */
#include "stats_internal.h"

#include <math.h>

/* Bits of the quotient before rounding: more than a double's 53 and the two that rounding looks at,
 * and few enough that the lowest may say "there was more" without being mistaken for a half. */
#define QUOTIENT_BITS 66

static int bit_length(const uint64_t words[4])
{
    for (int i = 3; i >= 0; i--) {
        if (words[i] != 0)
            return 64 * i + 64 - __builtin_clzll(words[i]);
    }
    return 0;
}

static void shift_left(uint64_t words[4], int bits)
{
    int skip = bits / 64, part = bits % 64;
    for (int i = 3; i >= 0; i--) {
        uint64_t high = i >= skip ? words[i - skip] : 0;
        uint64_t low = i > skip ? words[i - skip - 1] : 0;
        words[i] = part == 0 ? high : high << part | low >> (64 - part);
    }
}

/* True when a bit that was set is lost. */
static bool shift_right(uint64_t words[4], int bits)
{
    int skip = bits / 64, part = bits % 64;
    bool lost = false;
    for (int i = 0; i < skip; i++)
        lost = lost || words[i] != 0;
    if (part != 0)
        lost = lost || (words[skip] & ((UINT64_C(1) << part) - 1)) != 0;
    for (int i = 0; i < 4; i++) {
        uint64_t low = i + skip < 4 ? words[i + skip] : 0;
        uint64_t high = i + skip + 1 < 4 ? words[i + skip + 1] : 0;
        words[i] = part == 0 ? low : low >> part | high << (64 - part);
    }
    return lost;
}

static stats_u128 word_pair(const uint64_t words[4], size_t i)
{
    return (stats_u128)words[i + 1] << 64 | words[i];
}

/* Bit by bit, for operands that 128 bits do not hold. True when there is a remainder. */
static bool divide_long(const uint64_t words[4], stats_u128 denominator, stats_u128 *ret_quotient)
{
    stats_u128 quotient = 0, rest = 0;
    for (int bit = bit_length(words) - 1; bit >= 0; bit--) {
        bool carry = (rest >> 127) != 0;
        rest = rest << 1 | ((words[bit / 64] >> (bit % 64)) & 1);
        quotient <<= 1;
        if (carry || rest >= denominator) {
            rest -= denominator;
            quotient |= 1;
        }
    }
    *ret_quotient = quotient;
    return rest != 0;
}

double stats_ratio(const uint64_t numerator[4], stats_u128 denominator)
{
    uint64_t words[4] = {numerator[0], numerator[1], numerator[2], numerator[3]};
    uint64_t below[4] = {(uint64_t)denominator, (uint64_t)(denominator >> 64), 0, 0};
    int bits = bit_length(words);
    if (bits == 0)
        return 0;
    int shift = QUOTIENT_BITS - (bits - bit_length(below));
    bool more = false;
    if (shift > 0)
        shift_left(words, shift);
    else
        more = shift_right(words, -shift);

    stats_u128 quotient;
    if (words[2] == 0 && words[3] == 0) {
        stats_u128 value = word_pair(words, 0);
        quotient = value / denominator;
        more = more || quotient * denominator != value;
    } else {
        more = divide_long(words, denominator, &quotient) || more;
    }
    if (more)
        quotient |= 1;
    return ldexp((double)quotient, -shift);
}
