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

/* Times sign; infinity for what is not a number. */
ALWAYS_INLINE vec comparable_of(const double *samples, double sign)
{
    vec v = load_f8(samples) * splat(sign);
    return smaller_of(v, splat(__builtin_inf()));
}

static double minimum(const double *samples, size_t count, double sign)
{
    vec least = splat(__builtin_inf());
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        least = smaller_of(comparable_of(samples + i, sign), least);
    double all = __builtin_inf();
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
    /* What is read of behind the end goes into results that nobody wants. */
    double least[STATS_SHORT_SAMPLES_MAX + 2 * LANES] = {0};
    size_t valid = count + length - 1, power = 1, i = 0;
    for (; i + LANES <= valid; i += LANES)
        store_f8(least + i, comparable_of(samples + i, sign));
    for (; i < valid; i++)
        least[i] = comparable(samples[i], sign);
    for (; power * 2 <= length; power *= 2) {
        valid -= power;
        for (i = 0; i < valid; i += LANES)
            store_f8(least + i, smaller_of(load_f8(least + i), load_f8(least + i + power)));
    }
    for (i = 0; i + LANES <= count; i += LANES)
        store_f8(ret + i,
                 splat(sign) * smaller_of(load_f8(least + i), load_f8(least + i + length - power)));
    for (; i < count; i++)
        ret[i] = sign * smaller(least[i], least[i + length - power]);
}

/* Lane j: the minimum of the lanes from j to the last. */
ALWAYS_INLINE vec smallest_from_lane(vec v, vec infinity)
{
    v = smaller_of(v, LANES_DOWN_1(v, infinity));
#if KERNEL_LANES >= 4
    v = smaller_of(v, LANES_DOWN_2(v, infinity));
#endif
#if KERNEL_LANES >= 8
    v = smaller_of(v, LANES_DOWN_4(v, infinity));
#endif
    return v;
}

/* Lane j: the minimum of the lanes up to j. */
ALWAYS_INLINE vec smallest_to_lane(vec v, vec infinity)
{
    v = smaller_of(v, LANES_UP_1(v, infinity));
#if KERNEL_LANES >= 4
    v = smaller_of(v, LANES_UP_2(v, infinity));
#endif
#if KERNEL_LANES >= 8
    v = smaller_of(v, LANES_UP_4(v, infinity));
#endif
    return v;
}

static double tile_minima(const double *old, const double *new, size_t there, double middle,
                          double sign, double *ret)
{
    vec infinity = splat(__builtin_inf()), least = splat(middle);
    vec suffix[STATS_TILE / LANES];
    double padded[STATS_TILE];
    if (there < STATS_TILE) {
        for (size_t i = 0; i < STATS_TILE; i++)
            padded[i] = i < there ? new[i] : __builtin_nan("");
        new = padded;
    }
    /* Window i begins after old[i], so each lane takes the minimum of those after it. */
    UNROLL_ROWS
    for (size_t row = STATS_TILE / LANES; row-- > 0;) {
        vec from = smallest_from_lane(comparable_of(old + row * LANES, sign), infinity);
        suffix[row] = smaller_of(LANES_DOWN_1(from, infinity), least);
        least = smaller_of(splat(from[0]), least);
    }
    least = infinity;
    UNROLL_ROWS
    for (size_t row = 0; row < STATS_TILE / LANES; row++) {
        vec to = smallest_to_lane(comparable_of(new + row *LANES, sign), infinity);
        to = smaller_of(to, least);
        store_f8(ret + row * LANES, splat(sign) * smaller_of(suffix[row], to));
        least = splat(to[LANES - 1]);
    }
    return least[0];
}
