/* kernel_short.h - windows of a few samples, each summed about a sample of its own. Included by
 * kernel_table.h alone, behind kernel_moments.h, whose store_columns() it shares. */

/* Consecutive samples are rows below each other, so that a lane works on windows of its own: in row
 * r, place p stands sample SHORT_ROWS * p + r. */
#define SHORT_ROWS   ((size_t)8)
#define SHORT_PLACES (STATS_SHORT_SAMPLES_MAX / SHORT_ROWS + 32)

struct short_rows {
    double at[SHORT_ROWS][SHORT_PLACES];
};

/* Row r of a place counts on: row SHORT_ROWS is row 0 of the next place. */
ALWAYS_INLINE vec short_row(const struct short_rows *rows, size_t place, size_t row)
{
    return load_f8(&rows->at[row % SHORT_ROWS][place + row / SHORT_ROWS]);
}

/* Zeros follow the last sample, to the end of place places - 1. False when a sample is not finite.
 */
static bool short_rows_fill(struct short_rows *rows, const double *samples, size_t count,
                            size_t places)
{
    vec rest = {0}, columns[LANES];
    double padded[SHORT_ROWS * LANES];
    for (size_t place = 0; place < places; place += LANES) {
        const double *from = samples + place * SHORT_ROWS;
        size_t there = count > place * SHORT_ROWS ? count - place * SHORT_ROWS : 0;
        if (there < SHORT_ROWS * LANES) {
            for (size_t i = 0; i < SHORT_ROWS * LANES; i++)
                padded[i] = i < there ? from[i] : 0;
            from = padded;
        }
        for (size_t row = 0; row < SHORT_ROWS; row += LANES) {
            load_columns(from + row, SHORT_ROWS, columns);
            UNROLL
            for (size_t k = 0; k < LANES; k++) {
                rest += columns[k] * splat(0);
                store_f8(&rows->at[row + k][place], columns[k]);
            }
        }
    }
    return sum_lanes(rest) == 0;
}

static void short_rows_store(const vec rows[SHORT_ROWS], double *ret)
{
    for (size_t row = 0; row < SHORT_ROWS; row += LANES)
        store_columns(rows + row, ret + row, SHORT_ROWS);
}

ALWAYS_INLINE vec median_of(vec a, vec b, vec c)
{
    return larger_of(smaller_of(a, b), smaller_of(larger_of(a, b), c));
}

/* What all windows of a call share. */
struct short_rule {
    const struct short_rows *samples;
    const struct short_rows *finite; /* how many samples of each window are, where not all are */
    size_t length;
    double ddof, per_mean, per_var;
    double anchor; /* for a lane that has no finite sample at the right places */
    bool sums;
};

ALWAYS_INLINE void short_add(const struct short_rule *rule, bool all_finite, size_t place,
                             size_t row, vec anchor, vec *sum, vec *squares)
{
    vec x = short_row(rule->samples, place, row), d = x - anchor;
    if (!all_finite)
        d = (vec)((ivec)d & is_finite(x));
    *sum += d;
    *squares += d * d;
}

/* Results of a row from its sums; NaN where digits may have been lost, which are counted. */
ALWAYS_INLINE ivec short_finish(const struct short_rule *rule, bool all_finite, size_t place,
                                size_t row, vec anchor, vec *sum, vec *squares)
{
    vec per_mean = splat(rule->per_mean), per_var = splat(rule->per_var);
    if (!all_finite) {
        vec n = short_row(rule->finite, place, row);
        per_mean = splat(1) / n;
        per_var = splat(1) / (n - splat(rule->ddof));
    }
    vec offset = *sum * per_mean;
    vec m2 = *squares - *sum * offset;
    ivec sound = m2 * splat(STATS_SHORT_PART) >= *squares;
    *squares = choose(sound, m2 * per_var, splat(__builtin_nan("")));
    *sum = rule->sums ? *sum : anchor + offset;
    return ~sound;
}

/* SHORT_ROWS windows of each of LANES places. `height` of them at a time have samples in common,
 * rows `first` to `last`: the anchor is one of them, and the windows' sums are those of the common
 * samples and of the ones before and behind. */
ALWAYS_INLINE ivec short_places(const struct short_rule *rule, bool all_finite, size_t place,
                                vec sum[SHORT_ROWS], vec squares[SHORT_ROWS])
{
    size_t length = rule->length, height = length < SHORT_ROWS ? 1 : SHORT_ROWS;
    ivec unsound = {0};
    for (size_t base = 0; base < SHORT_ROWS; base += height) {
        size_t first = base + height - 1, last = base + length - 1;
        vec anchor = median_of(short_row(rule->samples, place, first),
                               short_row(rule->samples, place, (first + last) / 2),
                               short_row(rule->samples, place, last));
        anchor = choose(is_finite(anchor), anchor, splat(rule->anchor));
        if (rule->sums)
            anchor = (vec){0};
        vec s = {0}, q = {0}, s_odd = {0}, q_odd = {0};
        size_t row = first;
        for (; row < last; row += 2) {
            short_add(rule, all_finite, place, row, anchor, &s, &q);
            short_add(rule, all_finite, place, row + 1, anchor, &s_odd, &q_odd);
        }
        if (row == last)
            short_add(rule, all_finite, place, row, anchor, &s, &q);
        s += s_odd;
        q += q_odd;
        sum[first] = s;
        squares[first] = q;
        for (row = first; row-- > base;) {
            short_add(rule, all_finite, place, row, anchor, &s, &q);
            sum[row] = s;
            squares[row] = q;
        }
        s = q = (vec){0};
        for (row = base; row <= first; row++) {
            if (row > base)
                short_add(rule, all_finite, place, row + length - 1, anchor, &s, &q);
            sum[row] += s;
            squares[row] += q;
            unsound |= short_finish(rule, all_finite, place, row, anchor, &sum[row], &squares[row]);
        }
    }
    return unsound;
}

static ivec short_places_finite(const struct short_rule *rule, size_t place, vec sum[SHORT_ROWS],
                                vec squares[SHORT_ROWS])
{
    return short_places(rule, true, place, sum, squares);
}

static ivec short_places_any(const struct short_rule *rule, size_t place, vec sum[SHORT_ROWS],
                             vec squares[SHORT_ROWS])
{
    return short_places(rule, false, place, sum, squares);
}

static enum stats_short_result short_windows(const double *samples, size_t count, size_t length,
                                             unsigned ddof, const double *finite, double *ret_means,
                                             double *ret_vars)
{
    struct short_rows rows, finite_rows;
    struct short_rule rule = {
        .samples = &rows,
        // cppcheck-suppress uninitvar
        .finite = &finite_rows,
        .length = length,
        .ddof = (double)ddof,
        .per_mean = 1 / (double)length,
        .per_var = 1 / ((double)length - ddof),
        .sums = ret_vars == NULL,
    };
    size_t all = count + length - 1, results = SHORT_ROWS * LANES;
    size_t places = (count + results - 1) / results * LANES;
    bool all_finite =
        short_rows_fill(&rows, samples, all, places + (length + SHORT_ROWS - 2) / SHORT_ROWS);
    if (!all_finite && finite == NULL)
        return STATS_SHORT_NOT_FINITE;
    if (finite != NULL)
        (void)short_rows_fill(&finite_rows, finite, count, places);
    for (size_t i = all; !all_finite && i-- > 0;)
        rule.anchor = samples[i] - samples[i] == 0 ? samples[i] : rule.anchor;
    ivec unsound = {0};
    for (size_t place = 0, i = 0; i < count; place += LANES, i += results) {
        vec sum[SHORT_ROWS], squares[SHORT_ROWS];
        double means[SHORT_ROWS * LANES], vars[SHORT_ROWS * LANES];
        bool whole = count - i >= results;
        unsound |= finite == NULL ? short_places_finite(&rule, place, sum, squares)
                                  : short_places_any(&rule, place, sum, squares);
        short_rows_store(sum, whole ? ret_means + i : means);
        if (!rule.sums)
            short_rows_store(squares, whole ? ret_vars + i : vars);
        for (size_t k = i; !whole && k < count; k++) {
            ret_means[k] = means[k - i];
            if (!rule.sums)
                ret_vars[k] = vars[k - i];
        }
    }
    for (size_t k = 1; k < LANES; k++)
        unsound[0] |= unsound[k];
    return unsound[0] != 0 && !rule.sums ? STATS_SHORT_UNSOUND : STATS_SHORT_SOUND;
}
