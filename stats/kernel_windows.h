/* kernel_windows.h - loops for windows of any length. Included by kernel_table.h alone. */

/* What comes of sums about one anchor: see struct stats_kernels. */
static void finish_windows(const struct stats_window_sums *sums, size_t count, double anchor,
                           unsigned ddof, double *ret_means, double *ret_vars)
{
    for (size_t i = 0; i < count; i += LANES) {
        vec n = load_f8(sums->count + i), sum = load_f8(sums->sum + i), zero = {0};
        vec left = n - splat((double)ddof), divisor = choose(left > zero, left, splat(1));
        vec reciprocal = splat(1) / (n * divisor); /* one division for both */
        vec offset = sum * (reciprocal * divisor);
        vec m2 = load_f8(sums->squares + i) - sum * offset;
        /* Squares overflow before the mean does. */
        m2 = not_negative(choose(is_finite(m2), m2, splat(__builtin_inf())));
        store_some(ret_means + i, splat(anchor) + offset, count - i);
        vec var = choose(left > zero, m2 * (reciprocal * n), splat(__builtin_nan("")));
        store_some(ret_vars + i, var, count - i);
    }
}

/* Each time against CUTS cut-offs at once: how many come before each is a sum, not a branch. */
#define CUTS (LANES == 8 ? 16 : 8)

static size_t span_begins(const int64_t *times, const int64_t *cuts, size_t count, size_t first,
                          size_t *ret_begins)
{
    for (size_t i = 0; i < count; i += CUTS) {
        int64_t places[CUTS];
        size_t group = count - i < CUTS ? count - i : CUTS;
        for (size_t k = 0; k < CUTS; k++)
            places[k] = cuts[i + (k < group ? k : group - 1)];
        ivec cut[CUTS / LANES], before[CUTS / LANES] = {{0}};
        memcpy(cut, places, sizeof cut);
        for (const int64_t *at = times + first; *at < places[CUTS - 1]; at++) {
            ivec time = *at - (ivec){0};
            UNROLL
            for (size_t k = 0; k < CUTS / LANES; k++)
                before[k] -= time < cut[k];
        }
        memcpy(places, before, sizeof before);
        for (size_t k = 0; k < group; k++)
            ret_begins[i + k] = first + (size_t)places[k];
        first = ret_begins[i + group - 1];
    }
    return first;
}
