/* kernel_windows.h - loops for windows of any length. Included by kernel_table.h alone. */

/* What comes of sums about one anchor: see struct stats_kernels. */
static void finish_windows(const struct stats_window_sums *sums, size_t count, double anchor,
                           unsigned ddof, double *ret_means, double *ret_vars)
{
    for (size_t i = 0; i < count; i++) {
        double offset = sums->sum[i] / sums->count[i];
        double m2 = sums->squares[i] - sums->sum[i] * offset;
        double left = sums->count[i] - ddof;
        /* Squares overflow before the mean does. */
        m2 = m2 - m2 == 0 ? m2 : __builtin_inf();
        m2 = m2 < 0 ? 0 : m2;
        ret_means[i] = anchor + offset;
        ret_vars[i] = left > 0 ? m2 / left : __builtin_nan("");
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
