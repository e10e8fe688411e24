/* kernel_moments.h - the loops of struct stats_moment_kernels for samples of type SAMPLE; TYPED(x)
 * names them and LOAD(p) reads KERNEL_LANES of them. Included once for each type.
 *
 * Sums are only ever added to. For the tile the samples are transposed, so that lane j works
 * through 64 / LANES consecutive ones and only the lanes' totals are scanned across. */

#define TILE_ROWS (STATS_TILE / LANES) /* consecutive samples of a lane */

static void TYPED(sums)(const void *from, size_t count, struct stats_sums *sums)
{
    const SAMPLE *samples = from;
    vec anchor = splat(sums->anchor);
    vec sum[4] = {{0}}, squares[4] = {{0}};
    size_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES) {
        UNROLL
        for (size_t k = 0; k < 4; k++) {
            vec d = LOAD(samples + i + k * LANES) - anchor;
            sum[k] += d;
            squares[k] += d * d;
        }
    }
    for (; i + LANES <= count; i += LANES) {
        vec d = LOAD(samples + i) - anchor;
        sum[0] += d;
        squares[0] += d * d;
    }
    double total = sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
    double total_squares = sum_lanes((squares[0] + squares[1]) + (squares[2] + squares[3]));
    for (; i < count; i++) {
        double d = (double)samples[i] - sums->anchor;
        total += d;
        total_squares += d * d;
    }
    sums->sum = total;
    sums->squares = total_squares;
}

/* LANES columns of the tile, from row `row` on. */
ALWAYS_INLINE void TYPED(load_columns)(const SAMPLE *samples, size_t row, vec ret_columns[LANES])
{
    UNROLL
    for (size_t j = 0; j < LANES; j++)
        ret_columns[j] = LOAD(samples + j * TILE_ROWS + row);
    transpose(ret_columns);
}

ALWAYS_INLINE void TYPED(store_tile)(const vec rows[TILE_ROWS], double *ret)
{
    UNROLL
    for (size_t row = 0; row < TILE_ROWS; row += LANES) {
        vec columns[LANES];
        UNROLL
        for (size_t k = 0; k < LANES; k++)
            columns[k] = rows[row + k];
        transpose(columns);
        UNROLL
        for (size_t j = 0; j < LANES; j++)
            store_f8(ret + j * TILE_ROWS + row, columns[j]);
    }
}

/* Mean and variance of STATS_TILE windows: window i is old[i + 1 ...] up to old[63], the middle,
 * whose sums are given, and new[0 ... i]. Returns the sums of the new samples. */
ALWAYS_INLINE struct stats_sums TYPED(tile)(const SAMPLE *old, const SAMPLE *new,
                                            struct stats_sums middle, double per_mean,
                                            double per_var, double *ret_means, double *ret_vars)
{
    vec anchor = splat(middle.anchor), zero = {0};
    vec sum_of[TILE_ROWS], squares_of[TILE_ROWS], columns[LANES];
    vec sum = zero, squares = zero;
    __builtin_prefetch(new + 8 * STATS_TILE);
    __builtin_prefetch(new + 8 * STATS_TILE + STATS_TILE / 2);
    UNROLL
    for (size_t row = TILE_ROWS; row > 0;) {
        row -= LANES;
        TYPED(load_columns)(old, row, columns);
        UNROLL
        for (size_t k = LANES; k-- > 0;) {
            sum_of[row + k] = sum;
            squares_of[row + k] = squares;
            vec d = columns[k] - anchor;
            sum += d;
            squares += d * d;
        }
    }
    vec base = LANES_DOWN_1(sum_from_lane(sum), zero) + splat(middle.sum);
    vec base_squares = LANES_DOWN_1(sum_from_lane(squares), zero) + splat(middle.squares);
    sum = zero;
    squares = zero;
    UNROLL
    for (size_t row = 0; row < TILE_ROWS; row += LANES) {
        TYPED(load_columns)(new, row, columns);
        UNROLL
        for (size_t k = 0; k < LANES; k++) {
            vec d = columns[k] - anchor;
            sum += d;
            squares += d * d;
            sum_of[row + k] += sum;
            squares_of[row + k] += squares;
        }
    }
    sum = sum_to_lane(sum);
    squares = sum_to_lane(squares);
    base += LANES_UP_1(sum, zero);
    base_squares += LANES_UP_1(squares, zero);
    vec to_mean = splat(per_mean), to_var = splat(per_var);
    UNROLL
    for (size_t row = 0; row < TILE_ROWS; row++) {
        vec s = sum_of[row] + base;
        vec offset = s * to_mean;
        squares_of[row] = not_negative((squares_of[row] + base_squares - s * offset) * to_var);
        sum_of[row] = anchor + offset;
    }
    TYPED(store_tile)(sum_of, ret_means);
    TYPED(store_tile)(squares_of, ret_vars);
    return (struct stats_sums){middle.anchor, sum[LANES - 1], squares[LANES - 1]};
}

/* The samples of the middle before its first whole chunk, about the anchor of `sums`. */
ALWAYS_INLINE struct stats_sums TYPED(middle_about)(const struct stats_tiles *state,
                                                    const struct chunk_state *chunks,
                                                    const SAMPLE *odd, double anchor)
{
    struct stats_sums sums = {.anchor = anchor};
    if (state->odd > 0)
        TYPED(sums)(odd, state->odd, &sums);
    if (state->queue.sums) {
        sums.sum += chunks->lo;
    } else if (chunks->count > 0) {
        double rho = (chunks->hi - anchor) + chunks->lo;
        sums.sum += chunks->count * rho;
        sums.squares += chunks->m2 + chunks->count * rho * rho;
    }
    return sums;
}

/* The sums of the middle of the next tile. The anchor is kept while its distance from the middle's
 * mean is at most half a standard deviation: then tiles need not wait for the merging of chunks. */
ALWAYS_INLINE struct stats_sums TYPED(middle)(struct stats_tiles *state, const SAMPLE *odd)
{
    struct chunk_state chunks = chunk_queue_from(&state->queue, state->chunk);
    if (state->queue.sums)
        return TYPED(middle_about)(state, &chunks, odd, 0);
    double n = chunks.count + (double)state->odd;
    struct stats_sums sums = TYPED(middle_about)(state, &chunks, odd, state->anchor);
    if (__builtin_expect(!(5 * sums.sum * sums.sum <= n * sums.squares), 0)) {
        double first = chunks.count > 0 ? chunks.hi + chunks.lo : (double)odd[0];
        sums = TYPED(middle_about)(state, &chunks, odd, first);
        state->anchor = first + sums.sum / n;
        sums = TYPED(middle_about)(state, &chunks, odd, state->anchor);
    }
    return sums;
}

/* The state of a chunk whose sums about the tile's anchor are known. They are believed when a fair
 * part of them is the chunk's own, else made again about the mean; a second time for equal samples,
 * whose mean is then exact. */
ALWAYS_INLINE struct chunk_state TYPED(chunk_of)(const struct stats_tiles *state,
                                                 const SAMPLE *samples, struct stats_sums sums)
{
    if (state->queue.sums)
        return (struct chunk_state){.count = STATS_TILE, .lo = sums.sum};
    double lo = sums.sum * (1.0 / STATS_TILE), m2 = sums.squares - sums.sum * lo;
    for (int pass = 0; __builtin_expect(!(m2 >= 1e-2 * sums.squares), 0) && pass < 2; pass++) {
        sums.anchor += lo;
        TYPED(sums)(samples, STATS_TILE, &sums);
        lo = sums.sum * (1.0 / STATS_TILE);
        m2 = sums.squares - sums.sum * lo;
    }
    return (struct chunk_state){STATS_TILE, sums.anchor, lo, m2 < 0 ? 0 : m2};
}

static size_t TYPED(tiles)(struct stats_tiles *kept, const void *from, size_t tiles,
                           double *ret_means, double *ret_vars)
{
    struct stats_tiles state = *kept;
    const SAMPLE *new = from, *old = new - state.window;
    double unused[STATS_TILE];
    double n = (double)state.window;
    double per_mean = state.queue.sums ? 1 : 1 / n, per_var = 1 / (n - state.ddof);
    size_t done = 0;
    for (; done < tiles; done++) {
        struct stats_sums middle = TYPED(middle)(&state, old + STATS_TILE);
        double *vars = ret_vars != NULL ? ret_vars + done * STATS_TILE : unused;
        struct stats_sums sums =
            TYPED(tile)(old, new, middle, per_mean, per_var, ret_means + done * STATS_TILE, vars);
        double all = sums.squares + middle.squares;
        if (__builtin_expect(!(all - all == 0), 0))
            break;
        chunk_queue_push(&state.queue, TYPED(chunk_of)(&state, new, sums));
        state.chunk++;
        old += STATS_TILE;
        new += STATS_TILE;
    }
    *kept = state;
    return done;
}

static void TYPED(widen)(const void *from, size_t count, double *ret_values)
{
    const SAMPLE *samples = from;
    for (size_t i = 0; i < count; i++)
        ret_values[i] = (double)samples[i];
}

/* The difference from the anchor; 0 for what is not finite. */
ALWAYS_INLINE vec TYPED(finite_difference)(const SAMPLE *samples, vec anchor)
{
    vec x = LOAD(samples);
    return (vec)((ivec)(x - anchor) & (x - x == (vec){0}));
}

ALWAYS_INLINE double TYPED(finite_difference_one)(SAMPLE sample, double anchor)
{
    double x = (double)sample;
    return x - x == 0 ? x - anchor : 0;
}

/* ---- short windows ---- */

/* An anchor for all windows of a block: the sample in its middle, so that equal samples give zeros,
 * unless it is an outlier; then the mean. Not finite when the sums are not. */
static double TYPED(short_anchor)(const SAMPLE *samples, size_t count)
{
    struct stats_sums sums = {.anchor = (double)samples[count / 2]};
    TYPED(sums)(samples, count, &sums);
    if (!(sums.squares - sums.squares == 0))
        return sums.squares - sums.squares;
    double offset = sums.sum / (double)count;
    return 2 * offset * sums.sum > sums.squares ? sums.anchor + offset : sums.anchor;
}

/* The same over what is finite; the first such sample where there is one. */
static double TYPED(short_anchor_of_finite)(const SAMPLE *samples, size_t count)
{
    double anchor = 0, sum = 0, finite = 0;
    for (size_t i = count; i-- > 0;)
        anchor = (double)(samples[i] - samples[i]) == 0 ? (double)samples[i] : anchor;
    for (size_t i = 0; i < count; i++) {
        sum += TYPED(finite_difference_one)(samples[i], anchor);
        finite += (double)(samples[i] - samples[i]) == 0 ? 1 : 0;
    }
    return finite > 0 ? anchor + sum / finite : 0;
}

/* Sums of 1, 2, 4, ... neighbours by doubling; a window is made of those that its length's binary
 * digits name. A result is sound when its squares are not much larger than what is left of them
 * after the mean was taken out: every doubling rounds once, so its relative error stays below
 * 10 * 64 * 2^-53. */
static size_t TYPED(short_windows)(const void *from, size_t count, size_t length, unsigned ddof,
                                   const double *finite, double *ret_means, double *ret_vars,
                                   uint8_t *ret_sound)
{
    const SAMPLE *samples = from;
    double part[STATS_SHORT_SAMPLES_MAX], part_squares[STATS_SHORT_SAMPLES_MAX];
    double sum[STATS_SHORT_SAMPLES_MAX], squares[STATS_SHORT_SAMPLES_MAX];
    size_t all = count + length - 1;
    double anchor = finite != NULL ? TYPED(short_anchor_of_finite)(samples, all)
                                   : TYPED(short_anchor)(samples, all);
    if (!(anchor - anchor == 0))
        return SIZE_MAX;
    for (size_t i = 0; i < all; i++) {
        double d = TYPED(finite_difference_one)(samples[i], anchor);
        part[i] = d;
        part_squares[i] = d * d;
    }
    for (size_t i = 0; i < count; i++)
        sum[i] = squares[i] = 0;
    size_t begin = 0, valid = all;
    for (size_t power = 1;; power *= 2) {
        if ((length & power) != 0) {
            for (size_t i = 0; i < count; i++) {
                sum[i] += part[i + begin];
                squares[i] += part_squares[i + begin];
            }
            begin += power;
        }
        if (power * 2 > length)
            break;
        valid -= power;
        for (size_t i = 0; i < valid; i++) {
            part[i] += part[i + power];
            part_squares[i] += part_squares[i + power];
        }
    }
    int64_t unsound = 0;
    if (finite == NULL) {
        double per_mean = 1 / (double)length, per_var = 1 / ((double)length - ddof);
        for (size_t i = 0; i < count; i++) {
            double mean = sum[i] * per_mean, m2 = squares[i] - sum[i] * mean;
            unsound += m2 * 64 >= squares[i] ? 0 : 1;
            ret_means[i] = anchor + mean;
            ret_vars[i] = m2 * per_var;
            part[i] = m2;
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            double mean = sum[i] / finite[i], m2 = squares[i] - sum[i] * mean;
            unsound += m2 * 64 >= squares[i] ? 0 : 1;
            ret_means[i] = anchor + mean;
            ret_vars[i] = m2 / (finite[i] - ddof);
            part[i] = m2;
        }
    }
    if (unsound == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        ret_sound[i] = part[i] * 64 >= squares[i] ? 1 : 0;
    return (size_t)unsound;
}

static void TYPED(short_sums)(const void *from, size_t count, size_t length, double *ret_sums)
{
    const SAMPLE *samples = from;
    double part[STATS_SHORT_SAMPLES_MAX];
    size_t begin = 0, valid = count + length - 1;
    for (size_t i = 0; i < valid; i++)
        part[i] = TYPED(finite_difference_one)(samples[i], 0);
    for (size_t i = 0; i < count; i++)
        ret_sums[i] = 0;
    for (size_t power = 1;; power *= 2) {
        if ((length & power) != 0) {
            for (size_t i = 0; i < count; i++)
                ret_sums[i] += part[i + begin];
            begin += power;
        }
        if (power * 2 > length)
            return;
        valid -= power;
        for (size_t i = 0; i < valid; i++)
            part[i] += part[i + power];
    }
}

/* ---- windows of any length ---- */

static void TYPED(suffixes)(const void *from, size_t count, double anchor_value, double *ret_sum,
                            double *ret_squares)
{
    const SAMPLE *samples = from;
    vec anchor = splat(anchor_value);
    double sum = 0, squares = 0;
    size_t i = count;
    ret_sum[i] = ret_squares[i] = 0;
    for (; i >= LANES; i -= LANES) {
        vec d = TYPED(finite_difference)(samples + i - LANES, anchor);
        vec s = sum_from_lane(d), q = sum_from_lane(d * d);
        store_f8(ret_sum + i - LANES, s + splat(sum));
        store_f8(ret_squares + i - LANES, q + splat(squares));
        sum += s[0];
        squares += q[0];
    }
    while (i-- > 0) {
        double d = TYPED(finite_difference_one)(samples[i], anchor_value);
        sum += d;
        squares += d * d;
        ret_sum[i] = sum;
        ret_squares[i] = squares;
    }
}

static void TYPED(prefixes)(const void *from, size_t count, double anchor_value, double *ret_sum,
                            double *ret_squares)
{
    const SAMPLE *samples = from;
    vec anchor = splat(anchor_value);
    double sum = 0, squares = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        vec d = TYPED(finite_difference)(samples + i, anchor);
        vec s = sum_to_lane(d), q = sum_to_lane(d * d);
        store_f8(ret_sum + i, s + splat(sum));
        store_f8(ret_squares + i, q + splat(squares));
        sum += s[LANES - 1];
        squares += q[LANES - 1];
    }
    for (; i < count; i++) {
        double d = TYPED(finite_difference_one)(samples[i], anchor_value);
        sum += d;
        squares += d * d;
        ret_sum[i] = sum;
        ret_squares[i] = squares;
    }
}

#undef TILE_ROWS
