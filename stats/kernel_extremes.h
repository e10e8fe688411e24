/* kernel_extremes.h - minima of doubles by loops that vectorise. `sign` is 1 for minima and -1 for
 * maxima; what is not a number loses. Included by kernel_table.h alone. */

ALWAYS_INLINE double smaller(double a, double b)
{
    return a < b ? a : b;
}

ALWAYS_INLINE double comparable(double x, double sign)
{
    double y = x * sign;
    return y == y ? y : __builtin_inf();
}

static double minimum(const double *samples, size_t count, double sign)
{
    double least[LANES], all = __builtin_inf();
    size_t i = 0;
    for (size_t k = 0; k < LANES; k++)
        least[k] = __builtin_inf();
    for (; i + LANES <= count; i += LANES) {
        for (size_t k = 0; k < LANES; k++)
            least[k] = smaller(comparable(samples[i + k], sign), least[k]);
    }
    for (; i < count; i++)
        all = smaller(comparable(samples[i], sign), all);
    for (size_t k = 0; k < LANES; k++)
        all = smaller(least[k], all);
    return all;
}

/* ret[i]: of samples[i] ... samples[i + length - 1]. Windows may overlap within themselves. */
static void short_minima(const double *samples, size_t count, size_t length, double sign,
                         double *ret)
{
    double least[STATS_SHORT_SAMPLES_MAX];
    size_t valid = count + length - 1, power = 1;
    for (size_t i = 0; i < valid; i++)
        least[i] = comparable(samples[i], sign);
    for (; power * 2 <= length; power *= 2) {
        valid -= power;
        for (size_t i = 0; i < valid; i++)
            least[i] = smaller(least[i], least[i + power]);
    }
    for (size_t i = 0; i < count; i++)
        ret[i] = sign * smaller(least[i], least[i + length - power]);
}

/* One doubling: to[i] covers twice as many samples before it as from[i]. */
ALWAYS_INLINE void double_prefixes(const double *from, size_t power, double *to)
{
    for (size_t i = 0; i < STATS_TILE; i++)
        to[i] = smaller(from[i], from[(ptrdiff_t)i - (ptrdiff_t)power]);
}

static double tile_minima(const double *old, const double *new, size_t there, double middle,
                          double sign, double *ret)
{
    double suffix[2 * STATS_TILE], even[2 * STATS_TILE], odd[2 * STATS_TILE];
    double *prefix = even + STATS_TILE, *other = odd + STATS_TILE;
    for (size_t i = 0; i < STATS_TILE; i++) {
        suffix[i] = comparable(old[i], sign);
        suffix[STATS_TILE + i] = middle;
        even[i] = odd[i] = __builtin_inf();
    }
    for (size_t i = 0; i < there; i++)
        prefix[i] = comparable(new[i], sign);
    for (size_t i = there; i < STATS_TILE; i++)
        prefix[i] = __builtin_inf();
    UNROLL
    for (size_t power = 1; power < STATS_TILE; power *= 4) {
        for (size_t i = 0; i < STATS_TILE; i++)
            suffix[i] = smaller(suffix[i], suffix[i + power]);
        for (size_t i = 0; i < STATS_TILE; i++)
            suffix[i] = smaller(suffix[i], suffix[i + 2 * power]);
        double_prefixes(prefix, power, other);
        double_prefixes(other, 2 * power, prefix);
    }
    for (size_t i = 0; i < STATS_TILE; i++)
        ret[i] = sign * smaller(suffix[i + 1], prefix[i]);
    return prefix[STATS_TILE - 1];
}
