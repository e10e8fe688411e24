/* kernel_moments.h - tiles of windows, and the sums behind windows of any length, of struct
 * stats_kernels and struct stats_reduce_kernels. Included by kernel_table.h alone, once for each
 * width.
 *
 * Sums are only ever added to. For the tile the samples are transposed, so that lane j works
 * through 64 / LANES consecutive ones and only the lanes' totals are scanned across. */

#define TILE_ROWS (STATS_TILE / LANES) /* consecutive samples of a lane */

static void sums_about(const double *samples, size_t count, struct stats_sums *sums)
{
    vec anchor = splat(sums->anchor);
    vec sum[4] = {{0}}, squares[4] = {{0}};
    size_t i = 0, step = (size_t)4 * LANES;
    for (; i + step <= count; i += step) {
        UNROLL
        for (size_t k = 0; k < 4; k++) {
            vec d = load_f8(samples + i + k * LANES) - anchor;
            sum[k] += d;
            squares[k] += d * d;
        }
    }
    for (; i + LANES <= count; i += LANES) {
        vec d = load_f8(samples + i) - anchor;
        sum[0] += d;
        squares[0] += d * d;
    }
    double total = sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
    double total_squares = sum_lanes((squares[0] + squares[1]) + (squares[2] + squares[3]));
    for (; i < count; i++) {
        double d = samples[i] - sums->anchor;
        total += d;
        total_squares += d * d;
    }
    sums->sum = total;
    sums->squares = total_squares;
}

/* LANES rows as columns, `stride` values one below the other. */
ALWAYS_INLINE void store_columns(const vec rows[LANES], double *ret, size_t stride)
{
    vec columns[LANES];
    UNROLL
    for (size_t k = 0; k < LANES; k++)
        columns[k] = rows[k];
    transpose(columns);
    UNROLL
    for (size_t j = 0; j < LANES; j++)
        store_f8(ret + j * stride, columns[j]);
}

ALWAYS_INLINE void store_tile(const vec rows[TILE_ROWS], double *ret)
{
    UNROLL_ROWS
    for (size_t row = 0; row < TILE_ROWS; row += LANES)
        store_columns(rows + row, ret + row, TILE_ROWS);
}

/* Mean and variance, as rows, of STATS_TILE windows: window i is old[i + 1 ...] up to old[63], the
 * middle, whose sums are given, and new[0 ... i]. Returns the sums of the new samples. */
ALWAYS_INLINE struct stats_sums tile_rows(const double *old, const double *new,
                                          struct stats_sums middle, double per_mean, double per_var,
                                          vec sum_of[TILE_ROWS], vec squares_of[TILE_ROWS])
{
    vec anchor = splat(middle.anchor), zero = {0};
    vec columns[LANES], sum = zero, squares = zero;
    UNROLL
    for (size_t line = 0; line < STATS_TILE; line += 64 / sizeof *new)
        __builtin_prefetch(new + (size_t)8 * STATS_TILE + line);
    UNROLL_ROWS
    for (size_t row = TILE_ROWS; row > 0;) {
        row -= LANES;
        load_columns(old + row, TILE_ROWS, columns);
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
    UNROLL_ROWS
    for (size_t row = 0; row < TILE_ROWS; row += LANES) {
        load_columns(new + row, TILE_ROWS, columns);
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
    UNROLL_ROWS
    for (size_t row = 0; row < TILE_ROWS; row++) {
        vec s = sum_of[row] + base;
        vec offset = s * to_mean;
        squares_of[row] = not_negative((squares_of[row] + base_squares - s * offset) * to_var);
        sum_of[row] = anchor + offset;
    }
    return (struct stats_sums){middle.anchor, sum[LANES - 1], squares[LANES - 1]};
}

/* Sums about the anchor of fewer samples than a chunk has; more than these are there to be read. */
ALWAYS_INLINE struct stats_sums odd_sums(const double *samples, size_t count, double anchor_value)
{
    vec anchor = splat(anchor_value), sum = {0}, squares = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        vec d = load_f8(samples + i) - anchor;
        sum += d;
        squares += d * d;
    }
    if (i < count) {
        vec d = (vec)((ivec)(load_f8(samples + i) - anchor) & first_lanes(count - i));
        sum += d;
        squares += d * d;
    }
    return (struct stats_sums){anchor_value, sum_lanes(sum), sum_lanes(squares)};
}

/* The samples of the middle before its first whole chunk, about the anchor of `sums`. */
ALWAYS_INLINE struct stats_sums middle_about(const struct stats_tiles *state,
                                             const struct chunk_state *chunks, const double *odd,
                                             double anchor)
{
    struct stats_sums sums = {.anchor = anchor};
    if (state->odd > 0)
        sums = odd_sums(odd, state->odd, anchor);
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
ALWAYS_INLINE struct stats_sums middle_sums(struct stats_tiles *state, const double *odd)
{
    struct chunk_state chunks = chunk_queue_from(&state->queue, state->chunk);
    if (state->queue.sums)
        return middle_about(state, &chunks, odd, 0);
    double n = chunks.count + (double)state->odd;
    struct stats_sums sums = middle_about(state, &chunks, odd, state->anchor);
    if (__builtin_expect(!(5 * sums.sum * sums.sum <= n * sums.squares), 0)) {
        double first = chunks.count > 0 ? chunks.hi + chunks.lo : odd[0];
        sums = middle_about(state, &chunks, odd, first);
        state->anchor = first + sums.sum / n;
        sums = middle_about(state, &chunks, odd, state->anchor);
    }
    return sums;
}

/* The state of a chunk whose sums about the tile's anchor are known. They are believed when a fair
 * part of them is the chunk's own, else made again about the mean; a second time for equal samples,
 * whose mean is then exact. */
ALWAYS_INLINE struct chunk_state chunk_of(const struct stats_tiles *state, const double *samples,
                                          struct stats_sums sums)
{
    if (state->queue.sums)
        return (struct chunk_state){.count = STATS_TILE, .lo = sums.sum};
    double lo = sums.sum * (1.0 / STATS_TILE), m2 = sums.squares - sums.sum * lo;
    for (int pass = 0; __builtin_expect(!(m2 >= 1e-2 * sums.squares), 0) && pass < 2; pass++) {
        sums.anchor += lo;
        sums_about(samples, STATS_TILE, &sums);
        lo = sums.sum * (1.0 / STATS_TILE);
        m2 = sums.squares - sums.sum * lo;
    }
    return (struct chunk_state){STATS_TILE, sums.anchor, lo, m2 < 0 ? 0 : m2};
}

/* What becomes of a tile's rows: they are written out or reduced. */
struct tile_use {
    vec largest, threshold;
    uint64_t above;
    double *ret_means, *ret_vars; /* ret_vars: NULL when nobody wants them */
    bool reduce;
};

ALWAYS_INLINE void use_tile(struct tile_use *use, size_t tile, const vec means[TILE_ROWS],
                            const vec vars[TILE_ROWS])
{
    if (!use->reduce) {
        store_tile(means, use->ret_means + tile * STATS_TILE);
        if (use->ret_vars != NULL)
            store_tile(vars, use->ret_vars + tile * STATS_TILE);
        return;
    }
    UNROLL_ROWS
    for (size_t row = 0; row < TILE_ROWS; row++) {
        use->largest = larger_of(vars[row], use->largest);
        use->above += count_above(vars[row], use->threshold);
    }
}

ALWAYS_INLINE size_t use_tiles(struct stats_tiles *kept, const double *samples, size_t tiles,
                               struct tile_use *use)
{
    struct stats_tiles state = *kept;
    const double *new = samples, *old = new - state.window;
    double n = (double)state.window;
    double per_mean = state.queue.sums ? 1 : 1 / n, per_var = 1 / (n - state.ddof);
    size_t done = 0;
    for (; done < tiles; done++) {
        vec means[TILE_ROWS], vars[TILE_ROWS];
        struct stats_sums middle = middle_sums(&state, old + STATS_TILE);
        struct stats_sums sums = tile_rows(old, new, middle, per_mean, per_var, means, vars);
        double all = sums.squares + middle.squares;
        if (__builtin_expect(!(all - all == 0), 0))
            break;
        use_tile(use, done, means, vars);
        chunk_queue_push(&state.queue, chunk_of(&state, new, sums));
        state.chunk++;
        old += STATS_TILE;
        new += STATS_TILE;
    }
    *kept = state;
    return done;
}

static size_t tiles(struct stats_tiles *state, const double *samples, size_t tiles,
                    double *ret_means, double *ret_vars)
{
    struct tile_use use = {.ret_means = ret_means, .ret_vars = ret_vars};
    return use_tiles(state, samples, tiles, &use);
}

static struct tile_use reduction_begin(const struct stats_reduction *reduction)
{
    return (struct tile_use){.reduce = true,
                             .largest = splat(reduction->largest),
                             .threshold = splat(reduction->threshold)};
}

static void reduction_end(struct stats_reduction *reduction, const struct tile_use *use,
                          size_t count)
{
    for (size_t k = 0; k < LANES; k++) {
        double largest = use->largest[k];
        reduction->largest = largest > reduction->largest ? largest : reduction->largest;
    }
    reduction->above += use->above;
    reduction->count += count;
}

static size_t reduce_tiles(struct stats_tiles *state, const double *samples, size_t tiles,
                           struct stats_reduction *reduction)
{
    struct tile_use use = reduction_begin(reduction);
    size_t done = use_tiles(state, samples, tiles, &use);
    reduction_end(reduction, &use, done * STATS_TILE);
    return done;
}

static void reduce_written(const double *vars, size_t count, struct stats_reduction *reduction)
{
    struct tile_use use = reduction_begin(reduction);
    for (size_t i = 0; i < count; i += LANES) {
        vec v = splat(__builtin_nan(""));
        if (count - i >= LANES)
            v = load_f8(vars + i);
        for (size_t k = 0; count - i < LANES && k < count - i; k++)
            v[k] = vars[i + k];
        use.largest = larger_of(v, use.largest);
        use.above += count_above(v, use.threshold);
    }
    reduction_end(reduction, &use, count);
}

/* The difference from the anchor; 0 for what is not finite. */
ALWAYS_INLINE vec finite_difference(const double *samples, vec anchor)
{
    vec x = load_f8(samples);
    return (vec)((ivec)(x - anchor) & is_finite(x));
}

ALWAYS_INLINE double finite_difference_one(double sample, double anchor)
{
    return sample - sample == 0 ? sample - anchor : 0;
}

static void suffixes(const double *samples, size_t count, double anchor_value, double *ret_sum,
                     double *ret_squares)
{
    vec anchor = splat(anchor_value);
    double sum = 0, squares = 0;
    size_t i = count;
    ret_sum[i] = ret_squares[i] = 0;
    for (; i >= LANES; i -= LANES) {
        vec d = finite_difference(samples + i - LANES, anchor);
        vec s = sum_from_lane(d), q = sum_from_lane(d * d);
        store_f8(ret_sum + i - LANES, s + splat(sum));
        store_f8(ret_squares + i - LANES, q + splat(squares));
        sum += s[0];
        squares += q[0];
    }
    while (i-- > 0) {
        double d = finite_difference_one(samples[i], anchor_value);
        sum += d;
        squares += d * d;
        ret_sum[i] = sum;
        ret_squares[i] = squares;
    }
}

static void prefixes(const double *samples, size_t count, const struct stats_sums *before,
                     double *ret_sum, double *ret_squares)
{
    vec anchor = splat(before->anchor);
    double sum = before->sum, squares = before->squares;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        vec d = finite_difference(samples + i, anchor);
        vec s = sum_to_lane(d), q = sum_to_lane(d * d);
        store_f8(ret_sum + i, s + splat(sum));
        store_f8(ret_squares + i, q + splat(squares));
        sum += s[LANES - 1];
        squares += q[LANES - 1];
    }
    for (; i < count; i++) {
        double d = finite_difference_one(samples[i], before->anchor);
        sum += d;
        squares += d * d;
        ret_sum[i] = sum;
        ret_squares[i] = squares;
    }
}

#undef TILE_ROWS
