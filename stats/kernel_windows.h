/* kernel_windows.h - loops for windows of any length. Included by kernel_table.h alone. */

/* What comes of sums about one anchor: see struct stats_kernels. */
static void finish_windows(const struct stats_window_sums *sums, size_t count, double anchor,
                           unsigned ddof, double *ret_means, double *ret_vars)
{
    for (size_t i = 0; i < count; i += LANES) {
        vec n = load_f8(sums->count + i), sum = load_f8(sums->sum + i);
        vec offset = sum / n, left = n - splat((double)ddof);
        vec m2 = load_f8(sums->squares + i) - sum * offset;
        /* Squares overflow before the mean does. */
        m2 = not_negative(choose(m2 - m2 == (vec){0}, m2, splat(__builtin_inf())));
        store_some(ret_means + i, splat(anchor) + offset, count - i);
        vec var = choose(left > (vec){0}, m2 / left, splat(__builtin_nan("")));
        store_some(ret_vars + i, var, count - i);
    }
}

/* Each time against eight cut-offs at once: how many come before each is a sum, not a branch. */
static size_t span_begins(const int64_t *times, const int64_t *cuts, size_t count, size_t first,
                          size_t *ret_begins)
{
    for (size_t i = 0; i < count; i += 8) {
        int64_t cut[8], before[8] = {0};
        size_t group = count - i < 8 ? count - i : 8;
        for (size_t k = 0; k < 8; k++)
            cut[k] = cuts[i + (k < group ? k : group - 1)];
        for (const int64_t *at = times + first; *at < cut[7]; at++) {
            for (size_t k = 0; k < 8; k++)
                before[k] += *at < cut[k] ? 1 : 0;
        }
        for (size_t k = 0; k < group; k++)
            ret_begins[i + k] = first + (size_t)before[k];
        first += (size_t)before[7];
    }
    return first;
}
