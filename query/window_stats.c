#include "window_stats.h"

#include "stats_held.h"
#include "stats_rolling.h"
#include "stats_spans.h"

#include <stdlib.h>
#include <string.h>

#define SPAN_ROWS_FIRST 1024 /* room in a window of time, at first */

struct window_stats {
    const struct query_options *options;
    struct series_rows *rows;
    enum stats_kind kind;
    size_t elements;
    size_t columns;
    size_t capacity;                 /* rows that the windows below have room for */
    void **windows;                  /* one struct stats_rolling an element, in memory of its own */
    struct stats_held_window **held; /* for --weight time, one an element; else NULL */
    double *held_column;
    struct stats_spans *spans; /* for windows of time */
    size_t spans_room;         /* rows that a window of it may have before a chunk comes */
    uint64_t filled;           /* rows since the windows were last empty */
    int64_t begin_ns;          /* time of the first of them */
    uint64_t full;             /* full windows until now */
    int exit_code;
    /* One chunk, and what comes of it. */
    size_t chunk_room;
    union stats_value *column;
    size_t *lengths;
    bool *kept;
    double *results; /* one element's: statistics x rows */
    stats_i128 *integers;
    int64_t *ret_times_ns; /* what goes out */
    double *ret_values;
    stats_i128 *ret_integers;
};

static int out_of_memory(struct window_stats *windows)
{
    windows->exit_code = query_error(QUERY_FAILED, "out of memory for the window");
    return -1;
}

/* A window of time holds a part of the value before its rows, too. */
static int make_held_room(struct window_stats *windows, size_t element, size_t rows)
{
    size_t bytes = rows < SIZE_MAX ? stats_held_bytes(rows + 1) : 0;
    void *memory = bytes > 0 ? malloc(bytes) : NULL;
    if (memory == NULL)
        return out_of_memory(windows);
    struct stats_held_window *held = stats_held_init(memory, rows + 1);
    if (windows->held[element] != NULL)
        stats_held_transfer(held, windows->held[element]);
    free(windows->held[element]);
    windows->held[element] = held;
    return 0;
}

/* Makes room for windows of `rows` rows; what is in them stays. */
static int make_room(struct window_stats *windows, size_t rows)
{
    const struct query_options *options = windows->options;
    struct stats_rolling_plan plan = {
        .kind = windows->kind,
        .window = options->window.span_ns > 0 ? 0 : rows,
        .longest = options->window.span_ns > 0 ? rows : 0,
        .statistics = options->statistics,
        .statistics_count = options->statistics_count,
        .rules = options->rules,
    };
    size_t bytes = stats_rolling_bytes(&plan);
    for (size_t e = 0; e < windows->elements; e++) {
        void *memory = bytes > 0 ? malloc(bytes) : NULL;
        if (memory == NULL)
            return out_of_memory(windows);
        struct stats_rolling *rolling = stats_rolling_init(memory, &plan);
        if (windows->windows[e] != NULL)
            stats_rolling_transfer(rolling, windows->windows[e]);
        free(windows->windows[e]);
        windows->windows[e] = rolling;
        if (windows->held != NULL && make_held_room(windows, e, rows) < 0)
            return -1;
    }
    windows->capacity = rows;
    return 0;
}

/* For windows of time: how many rows each has. */
static int measure(struct window_stats *windows, const struct rows_chunk *chunk)
{
    size_t length = windows->spans != NULL ? stats_spans_length(windows->spans) : 0;
    if (windows->spans == NULL || length > windows->spans_room) {
        size_t room = length > SPAN_ROWS_FIRST ? 2 * length : 2 * SPAN_ROWS_FIRST;
        size_t bytes = stats_spans_bytes(room, SERIES_ROWS_CHUNK_MAX);
        void *memory = bytes > 0 ? malloc(bytes) : NULL;
        if (memory == NULL)
            return out_of_memory(windows);
        struct stats_spans *spans =
            stats_spans_init(memory, room, SERIES_ROWS_CHUNK_MAX, windows->options->window.span_ns);
        if (windows->spans != NULL)
            stats_spans_transfer(spans, windows->spans);
        free(windows->spans);
        windows->spans = spans;
        windows->spans_room = room;
    }
    stats_spans_slide(windows->spans, chunk->times_ns, chunk->count, windows->lengths);
    return 0;
}

/* For each row of a chunk: how many rows its window has, and whether it is to be put out. */
static int plan(struct window_stats *windows, const struct rows_chunk *chunk, size_t *ret_longest)
{
    const struct query_length *window = &windows->options->window;
    size_t longest = 1;
    if (window->span_ns > 0 && measure(windows, chunk) < 0)
        return -1;
    for (size_t i = 0; i < chunk->count; i++) {
        int64_t time_ns = chunk->times_ns[i], age_ns;
        bool is_full;
        if (windows->filled == 0)
            windows->begin_ns = time_ns;
        windows->filled++;
        if (window->span_ns > 0) {
            is_full = __builtin_sub_overflow(time_ns, windows->begin_ns, &age_ns) ||
                      age_ns >= window->span_ns;
        } else {
            is_full = windows->filled >= window->rows;
            windows->lengths[i] = (size_t)(is_full ? window->rows : windows->filled);
        }
        windows->kept[i] = is_full && windows->full % windows->options->step == 0;
        windows->full += is_full ? 1 : 0;
        if (windows->lengths[i] > longest)
            longest = windows->lengths[i];
    }
    *ret_longest = longest;
    return 0;
}

static void begin_anew(struct window_stats *windows)
{
    windows->filled = 0;
    if (windows->spans != NULL)
        stats_spans_clear(windows->spans);
    for (size_t e = 0; e < windows->elements; e++) {
        stats_rolling_clear(windows->windows[e]);
        if (windows->held != NULL)
            stats_held_clear(windows->held[e]);
    }
}

/* Room for the rows of a chunk. */
static int make_buffers(struct window_stats *windows, size_t rows)
{
    size_t names = windows->options->statistics_count;
    if (rows <= windows->chunk_room)
        return 0;
    windows->column = reallocarray(windows->column, rows, sizeof *windows->column);
    windows->lengths = reallocarray(windows->lengths, rows, sizeof *windows->lengths);
    windows->kept = reallocarray(windows->kept, rows, sizeof *windows->kept);
    windows->results = reallocarray(windows->results, rows * names, sizeof *windows->results);
    windows->integers = reallocarray(windows->integers, rows * names, sizeof *windows->integers);
    windows->ret_times_ns =
        reallocarray(windows->ret_times_ns, rows, sizeof *windows->ret_times_ns);
    windows->ret_values =
        reallocarray(windows->ret_values, rows * windows->columns, sizeof *windows->ret_values);
    windows->ret_integers =
        reallocarray(windows->ret_integers, rows * windows->columns, sizeof *windows->ret_integers);
    if (windows->column == NULL || windows->lengths == NULL || windows->kept == NULL ||
        windows->results == NULL || windows->integers == NULL || windows->ret_times_ns == NULL ||
        windows->ret_values == NULL || windows->ret_integers == NULL)
        return out_of_memory(windows);
    windows->chunk_room = rows;
    return 0;
}

/* One element's results go to their columns of the rows that are kept. */
static void spread(struct window_stats *windows, size_t element, size_t count)
{
    size_t names = windows->options->statistics_count, out = 0;
    for (size_t i = 0; i < count; i++) {
        if (!windows->kept[i])
            continue;
        for (size_t k = 0; k < names; k++) {
            size_t to = out * windows->columns + k * windows->elements + element;
            windows->ret_values[to] = windows->results[k * count + i];
            windows->ret_integers[to] = windows->integers[k * count + i];
        }
        out++;
    }
}

/* From when on the window that ends with row i, which is not taken in yet, looks at what was held.
 */
static int64_t cut_ns(const struct window_stats *windows, const struct stats_held_window *held,
                      const struct rows_chunk *chunk, size_t i)
{
    int64_t span_ns = windows->options->window.span_ns, cut;
    if (span_ns > 0)
        return __builtin_sub_overflow(chunk->times_ns[i], span_ns, &cut) ? INT64_MIN : cut;
    size_t length = windows->lengths[i];
    return length > 1 ? stats_held_time_ns(held, length - 2) : chunk->times_ns[i];
}

/* Replaces the results that time has a part in. */
static void slide_held(struct window_stats *windows, const struct rows_chunk *chunk, size_t element)
{
    const struct query_options *options = windows->options;
    struct stats_held_window *window = windows->held[element];
    series_rows_column_f8(windows->rows, chunk, element, windows->held_column);
    for (size_t i = 0; i < chunk->count; i++) {
        struct stats_held held;
        stats_held_slide(window, windows->held_column[i], chunk->times_ns[i],
                         cut_ns(windows, window, chunk, i), &held);
        for (size_t k = 0; k < options->statistics_count; k++) {
            enum stats_name name = options->statistics[k].name;
            if (stats_held_tells(name))
                windows->results[k * chunk->count + i] =
                    stats_held_get(&held, name, &options->rules);
        }
    }
}

static size_t slide_chunk(struct window_stats *windows, const struct rows_chunk *chunk)
{
    size_t out = 0;
    for (size_t e = 0; e < windows->elements; e++) {
        series_rows_column(windows->rows, chunk, e, windows->column);
        stats_rolling_slide(windows->windows[e], windows->column,
                            windows->options->window.span_ns > 0 ? windows->lengths : NULL,
                            chunk->count, chunk->count, windows->results, windows->integers);
        if (windows->held != NULL)
            slide_held(windows, chunk, e);
        spread(windows, e, chunk->count);
    }
    for (size_t i = 0; i < chunk->count; i++) {
        if (windows->kept[i])
            windows->ret_times_ns[out++] = chunk->times_ns[i];
    }
    return out;
}

int window_stats_open(const struct query_options *options, struct series_rows *rows,
                      struct window_stats **ret_windows)
{
    struct window_stats *windows = calloc(1, sizeof *windows);
    if (windows == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    windows->options = options;
    windows->rows = rows;
    windows->kind = series_rows_kind(rows);
    windows->elements = series_rows_elements(rows);
    windows->columns = windows->elements * options->statistics_count;
    windows->windows = calloc(windows->elements, sizeof *windows->windows);
    uint64_t range = series_rows_to(rows) - series_rows_from(rows);
    uint64_t room = options->window.span_ns > 0 ? SPAN_ROWS_FIRST : options->window.rows;
    /* A window longer than the range never fills. */
    if (room > range)
        room = range > 0 ? range : 1;
    if (options->weight_time) {
        windows->held = calloc(windows->elements, sizeof *windows->held);
        windows->held_column = calloc(SERIES_ROWS_CHUNK_MAX, sizeof *windows->held_column);
    }
    if (windows->windows == NULL ||
        (options->weight_time && (windows->held == NULL || windows->held_column == NULL)))
        (void)out_of_memory(windows);
    else
        (void)make_room(windows, (size_t)room);
    if (windows->exit_code != 0) {
        int code = windows->exit_code;
        window_stats_close(windows);
        return code;
    }
    *ret_windows = windows;
    return 0;
}

void window_stats_close(struct window_stats *windows)
{
    if (windows == NULL)
        return;
    for (size_t e = 0; windows->windows != NULL && e < windows->elements; e++)
        free(windows->windows[e]);
    for (size_t e = 0; windows->held != NULL && e < windows->elements; e++)
        free(windows->held[e]);
    free(windows->held);
    free(windows->held_column);
    free(windows->windows);
    free(windows->spans);
    free(windows->column);
    free(windows->lengths);
    free(windows->kept);
    free(windows->results);
    free(windows->integers);
    free(windows->ret_times_ns);
    free(windows->ret_values);
    free(windows->ret_integers);
    free(windows);
}

size_t window_stats_columns(const struct window_stats *windows)
{
    return windows->columns;
}

int window_stats_next(struct window_stats *windows, struct window_chunk *ret_chunk)
{
    struct rows_chunk chunk;
    size_t longest;
    for (;;) {
        int more = series_rows_next(windows->rows, &chunk);
        if (more < 0)
            windows->exit_code = series_rows_exit_code(windows->rows);
        if (more <= 0)
            return more;
        if (chunk.lost > 0)
            begin_anew(windows);
        if (make_buffers(windows, chunk.count) < 0 || plan(windows, &chunk, &longest) < 0)
            return -1;
        if (longest > windows->capacity &&
            make_room(windows, longest > windows->capacity * 2 ? longest : windows->capacity * 2) <
                0)
            return -1;
        size_t out = slide_chunk(windows, &chunk);
        if (out == 0)
            continue;
        *ret_chunk = (struct window_chunk){out, windows->ret_times_ns, windows->ret_values,
                                           windows->ret_integers};
        return 1;
    }
}

int window_stats_exit_code(const struct window_stats *windows)
{
    return windows->exit_code;
}

bool window_stats_is_integer(const struct window_stats *windows, size_t column)
{
    enum stats_name name = windows->options->statistics[column / windows->elements].name;
    if (name == STATS_COUNT || name == STATS_MISSING)
        return true;
    return windows->kind != STATS_REAL &&
           (name == STATS_MIN || name == STATS_MAX || name == STATS_SUM);
}
