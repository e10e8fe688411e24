/* kernel_windows.h - loops for windows of any length. Included by kernel_table.h alone. */

/* What comes of windows' sums about their anchors: the mean's distance from the anchor, and the
 * variance. Returns the squares about the mean. */
ALWAYS_INLINE vec window_moments(vec n, vec sum, vec squares, unsigned ddof, vec *ret_offset,
                                 vec *ret_var)
{
    vec zero = {0}, left = n - splat((double)ddof), divisor = choose(left > zero, left, splat(1));
    vec reciprocal = splat(1) / (n * divisor); /* one division for both */
    *ret_offset = sum * (reciprocal * divisor);
    vec m2 = squares - sum * *ret_offset;
    /* Squares overflow before the mean does. */
    m2 = not_negative(choose(is_finite(m2), m2, splat(__builtin_inf())));
    *ret_var = choose(left > zero, m2 * (reciprocal * n), splat(__builtin_nan("")));
    return m2;
}

static void finish_windows(const struct stats_window_sums *sums, size_t count, double anchor,
                           unsigned ddof, double *ret_means, double *ret_vars)
{
    for (size_t i = 0; i < count; i += LANES) {
        vec offset, var;
        window_moments(load_f8(sums->count + i), load_f8(sums->sum + i), load_f8(sums->squares + i),
                       ddof, &offset, &var);
        store_some(ret_means + i, splat(anchor) + offset, count - i);
        store_some(ret_vars + i, var, count - i);
    }
}

#define NEAR_MAX (24 + 2 * (size_t)LANES) /* samples; longer windows are worth a middle */

/* Each lane has a window of its own, and steps back from its newest sample, which is the anchor,
 * until the longest window has come to its end. */
ALWAYS_INLINE ivec near_lanes(const struct stats_near_windows *windows, const double *newest,
                              size_t i, unsigned ddof, double *ret_means, double *ret_vars)
{
    vec anchor = load_f8(newest + i), n = load_f8(windows->lengths + i), offset, var;
    vec sum[2] = {{0}}, squares[2] = {{0}};
    size_t back = 1;
    for (; back + 1 < windows->shortest; back += 2) {
        UNROLL
        for (size_t odd = 0; odd < 2; odd++) {
            vec d = load_f8(newest + i - back - odd) - anchor;
            sum[odd] += d;
            squares[odd] += d * d;
        }
    }
    for (vec left = n - splat((double)back); back < windows->longest; back++, left -= splat(1)) {
        vec d = load_f8(newest + i - back) - anchor;
        d = (vec)((ivec)d & (left > (vec){0}));
        sum[0] += d;
        squares[0] += d * d;
    }
    vec all = squares[0] + squares[1];
    vec m2 = window_moments(n, sum[0] + sum[1], all, ddof, &offset, &var);
    ivec sound = m2 * splat(STATS_SHORT_PART) >= all;
    store_some(ret_means + i, anchor + offset, windows->count - i);
    store_some(ret_vars + i, choose(sound, var, splat(__builtin_nan(""))), windows->count - i);
    return ~sound;
}

static enum stats_short_result near_windows(const struct stats_near_windows *windows,
                                            const double *samples, unsigned ddof, double *ret_means,
                                            double *ret_vars)
{
    double near[NEAR_MAX + STATS_TILE]; /* zeros before and behind */
    size_t old = (size_t)windows->lengths[0] - 1, count = windows->count;
    ivec unsound = {0};
    if (windows->longest > NEAR_MAX)
        return STATS_SHORT_TOO_LONG;
    for (size_t i = 0; i < sizeof near / sizeof *near; i += LANES)
        store_f8(near + i, (vec){0});
    memcpy(near + NEAR_MAX - old, samples - old, (old + count) * sizeof *samples);
    for (size_t i = 0; i < count; i += LANES)
        unsound |= near_lanes(windows, near + NEAR_MAX, i, ddof, ret_means, ret_vars);
    for (size_t k = 1; k < LANES; k++)
        unsound[0] |= unsound[k];
    return unsound[0] == 0 ? STATS_SHORT_SOUND : STATS_SHORT_UNSOUND;
}

/* Each time against CUTS cut-offs at once: how many come before each is a sum, not a branch. */
#define CUTS (LANES == 8 ? 16 : 8)

/* Of CUTS cut-offs. */
ALWAYS_INLINE size_t cut_times(const int64_t *times, const int64_t *cuts, size_t first,
                               size_t *ret_begins)
{
    ivec cut[CUTS / LANES], begin[CUTS / LANES];
    memcpy(cut, cuts, sizeof cut);
    UNROLL
    for (size_t k = 0; k < CUTS / LANES; k++)
        begin[k] = (int64_t)first - (ivec){0};
    for (; times[first] < cuts[CUTS - 1]; first++) {
        UNROLL
        for (size_t k = 0; k < CUTS / LANES; k++)
            begin[k] = count_later(begin[k], cut[k], times[first]);
    }
    UNROLL
    for (size_t k = 0; k < CUTS / LANES; k++)
        store_sizes(ret_begins + k * LANES, begin[k]);
    return first;
}

static size_t span_begins(const int64_t *times, const int64_t *cuts, size_t count, size_t first,
                          size_t *ret_begins)
{
    size_t i = 0;
    for (; i + CUTS <= count; i += CUTS)
        first = cut_times(times, cuts + i, first, ret_begins + i);
    if (i < count) {
        int64_t places[CUTS];
        size_t begins[CUTS];
        for (size_t k = 0; k < CUTS; k++)
            places[k] = cuts[i + k < count ? i + k : count - 1];
        first = cut_times(times, places, first, begins);
        memcpy(ret_begins + i, begins, (count - i) * sizeof *begins);
    }
    return first;
}
