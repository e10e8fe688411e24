#include "pooled_stats.h"

#include "bucket.h"
#include "pooled_window.h"
#include "statistics_cells.h"
#include "stats_select.h"

#include <stdlib.h>

#define PIECE_VALUES 8192

/* Passes that a set is looked at anew for when rows of it were overwritten in between. */
#define ATTEMPTS_MAX 10

enum pool_unit { POOL_ROW, POOL_BUCKET, POOL_ALL };

struct pooled_stats {
    const struct query_options *options;
    struct series_rows *rows;
    enum stats_kind kind;
    enum pool_unit unit;
    struct bucket bucket;
    struct pooled_window window; /* of rows, with options->window */
    struct rows_chunk chunk;
    size_t at;                  /* the next row of the chunk; all taken when it is chunk.count */
    struct stats_state *states; /* one for each row of a chunk, while its parts come */
    struct stats_state total;   /* of the set */
    uint64_t first;             /* index of its first row */
    uint64_t rows_count;        /* of it, in this pass */
    uint64_t rows_before;       /* of it, in the passes before; 0 in the first */
    struct pooled_set set;
    struct stats_select *select; /* NULL when no quantile is asked for */
    size_t quantiles_count;
    double quantiles[STATISTICS_MAX];
    int attempts;
    int exit_code;
    union stats_value values[PIECE_VALUES];
};

static int fail(struct pooled_stats *pooled, int code)
{
    pooled->exit_code = code;
    return -1;
}

int pooled_stats_open(const struct query_options *options, struct series_rows *rows,
                      struct pooled_stats **ret_pooled)
{
    struct pooled_stats *pooled = calloc(1, sizeof *pooled);
    double fractions[STATISTICS_MAX];
    if (pooled == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    pooled->options = options;
    pooled->rows = rows;
    pooled->kind = series_rows_kind(rows);
    pooled->bucket = (struct bucket){.every_ns = options->every_ns, .zone = options->zone};
    pooled->unit = options->over == OVER_ALL ? POOL_ALL
                   : options->every_ns > 0   ? POOL_BUCKET
                                             : POOL_ROW;
    pooled_window_init(&pooled->window, pooled->kind, options->window, options->step);
    pooled->quantiles_count = statistics_quantiles(options, fractions);
    pooled->states = calloc(SERIES_ROWS_CHUNK_MAX, sizeof *pooled->states);
    void *memory =
        pooled->quantiles_count > 0 ? malloc(stats_select_bytes(pooled->quantiles_count)) : NULL;
    if (pooled->states == NULL || (pooled->quantiles_count > 0 && memory == NULL)) {
        free(memory);
        pooled_stats_close(pooled);
        return query_error(QUERY_FAILED, "out of memory");
    }
    if (memory != NULL)
        pooled->select =
            stats_select_init(memory, pooled->kind, fractions, pooled->quantiles_count);
    stats_state_clear(&pooled->total, pooled->kind);
    /* Quantiles look at a set again and again: unless it is all rows, they want one row after the
     * other. */
    series_rows_split(rows, pooled->select == NULL || pooled->unit == POOL_ALL);
    *ret_pooled = pooled;
    return 0;
}

void pooled_stats_close(struct pooled_stats *pooled)
{
    if (pooled == NULL)
        return;
    pooled_window_free(&pooled->window);
    free(pooled->states);
    free(pooled->select);
    free(pooled);
}

int pooled_stats_exit_code(const struct pooled_stats *pooled)
{
    return pooled->exit_code;
}

static bool chunk_is_whole(const struct pooled_stats *pooled)
{
    return pooled->chunk.width == series_rows_elements(pooled->rows);
}

/* What the chunk has of its row number `at`. */
static void add_values(struct pooled_stats *pooled, struct stats_state *state)
{
    const struct rows_chunk *chunk = &pooled->chunk;
    for (size_t done = 0, count; done < chunk->width; done += count) {
        count = chunk->width - done < PIECE_VALUES ? chunk->width - done : PIECE_VALUES;
        series_rows_flat(pooled->rows, chunk, pooled->at, done, count, pooled->values);
        if (pooled->rows_before == 0)
            stats_state_add(state, pooled->values, count);
        if (pooled->select != NULL)
            stats_select_add(pooled->select, pooled->values, count);
    }
}

/* True when the chunk has the last part of its rows. */
static bool has_row_ends(const struct pooled_stats *pooled)
{
    const struct rows_chunk *chunk = &pooled->chunk;
    return chunk->from_element + chunk->width == series_rows_elements(pooled->rows);
}

/* Takes in row number `at`; true when all of it is there. */
static bool add_row(struct pooled_stats *pooled)
{
    const struct rows_chunk *chunk = &pooled->chunk;
    struct stats_state *state = &pooled->states[pooled->at];
    bool ends = has_row_ends(pooled);
    if (chunk_is_whole(pooled)) {
        add_values(pooled, &pooled->total);
    } else {
        if (chunk->from_element == 0)
            stats_state_clear(state, pooled->kind);
        add_values(pooled, state);
        if (ends && pooled->rows_before == 0)
            stats_state_merge(&pooled->total, state);
    }
    if (ends && pooled->rows_count++ == 0) {
        pooled->first = chunk->first + pooled->at;
        pooled->set.time_ns = chunk->times_ns[pooled->at];
    }
    if (ends)
        pooled->set.last_ns = chunk->times_ns[pooled->at];
    return ends;
}

/* Looks at the rows of the set once more, from its first one on. */
static void look_again(struct pooled_stats *pooled)
{
    series_rows_skip_to(pooled->rows, pooled->first);
    pooled->chunk.count = pooled->at = 0;
    pooled->rows_count = 0;
}

/* The rows of the set are all taken in. 1: it is complete; 0: another pass; negative: failed. */
static int end_set(struct pooled_stats *pooled)
{
    if (pooled->select != NULL) {
        if (pooled->rows_before > 0 && pooled->rows_count != pooled->rows_before) {
            /* A ring's writer was faster: these are other rows than before. */
            if (++pooled->attempts == ATTEMPTS_MAX)
                return fail(pooled, query_error(QUERY_FAILED,
                                                "samples are overwritten faster than quantiles of "
                                                "them can be found; ask for a shorter range"));
            stats_select_clear(pooled->select);
            stats_state_clear(&pooled->total, pooled->kind);
            pooled->rows_before = 0;
            look_again(pooled);
            return 0;
        }
        if (stats_select_again(pooled->select)) {
            pooled->rows_before = pooled->rows_count;
            look_again(pooled);
            return 0;
        }
        for (size_t q = 0; q < pooled->quantiles_count; q++)
            pooled->quantiles[q] = stats_select_quantile(pooled->select, q);
    }
    if (pooled->unit == POOL_BUCKET)
        pooled->set.time_ns = pooled->bucket.start_ns;
    pooled->set.state = &pooled->total;
    pooled->set.quantiles = pooled->quantiles;
    return 1;
}

/* An empty set, in its first pass. */
static void begin_set(struct pooled_stats *pooled)
{
    stats_state_clear(&pooled->total, pooled->kind);
    if (pooled->select != NULL)
        stats_select_clear(pooled->select);
    pooled->rows_count = pooled->rows_before = 0;
    pooled->set.state = NULL;
}

/* The row that the chunk before began, and did not end, was overwritten: what its part left in the
 * quantiles' counts has to go. 0 or negative. */
static int forget_part(struct pooled_stats *pooled)
{
    if (pooled->select == NULL)
        return 0;
    bool was_first = pooled->rows_before == 0;
    if (pooled->rows_count == 0 && (was_first || pooled->unit == POOL_ROW)) {
        begin_set(pooled);
        return 0;
    }
    if (++pooled->attempts == ATTEMPTS_MAX)
        return fail(pooled, query_error(QUERY_FAILED,
                                        "samples are overwritten faster than they can be read; ask "
                                        "for a shorter range"));
    begin_set(pooled);
    look_again(pooled);
    return 0;
}

/* True when the next row is of another bucket. */
static bool ends_before(struct pooled_stats *pooled)
{
    int64_t time_ns = pooled->chunk.times_ns[pooled->at];
    if (pooled->unit != POOL_BUCKET)
        return false;
    /* The set gets a row with its last part, and quantiles with its first one already. */
    if (pooled->select != NULL ? pooled->chunk.from_element > 0 : !has_row_ends(pooled))
        return false;
    if (pooled->rows_count > 0 && time_ns >= pooled->bucket.end_ns)
        return true;
    if (pooled->rows_count == 0)
        bucket_find(&pooled->bucket, time_ns);
    return false;
}

/* pooled_stats_next() without windows. */
static int next_set(struct pooled_stats *pooled, struct pooled_set *ret_set)
{
    if (pooled->set.state != NULL)
        begin_set(pooled);
    for (;;) {
        int ended = 0;
        if (pooled->at == pooled->chunk.count) {
            const struct rows_chunk *chunk = &pooled->chunk;
            bool is_part = chunk->count > 0 && !has_row_ends(pooled);
            int more = series_rows_next(pooled->rows, &pooled->chunk);
            if (more < 0)
                return fail(pooled, series_rows_exit_code(pooled->rows));
            pooled->at = 0;
            if (more > 0) {
                if (is_part && chunk->lost > 0 && forget_part(pooled) < 0)
                    return -1;
                continue;
            }
            pooled->chunk.count = 0;
            if (pooled->rows_count == 0)
                return 0;
            ended = end_set(pooled);
        } else if (ends_before(pooled)) {
            ended = end_set(pooled);
        } else {
            bool row_ends = add_row(pooled);
            pooled->at++;
            if (row_ends && pooled->unit == POOL_ROW)
                ended = end_set(pooled);
        }
        if (ended < 0)
            return ended;
        if (ended > 0) {
            *ret_set = pooled->set;
            return 1;
        }
    }
}

/* The same with windows: the next row that ends one. */
static int next_window(struct pooled_stats *pooled, struct pooled_set *ret_set)
{
    const struct stats_state *state = NULL;
    while (state == NULL) {
        uint64_t behind = pooled->first + 1;
        int more = next_set(pooled, ret_set);
        if (more <= 0)
            return more;
        if (pooled->first != behind)
            pooled_window_clear(&pooled->window); /* no window spans rows that were lost */
        if (pooled_window_add(&pooled->window, ret_set->time_ns, ret_set->state, &state) < 0)
            return fail(pooled, query_error(QUERY_FAILED, "out of memory for the window"));
    }
    ret_set->state = state;
    return 1;
}

int pooled_stats_next(struct pooled_stats *pooled, struct pooled_set *ret_set)
{
    return pooled->options->window.given ? next_window(pooled, ret_set) : next_set(pooled, ret_set);
}
