#include "window_stats.h"

#include "stats_held.h"
#include "stats_rolling.h"
#include "stats_spans.h"

#include <stdlib.h>
#include <string.h>

#define SPAN_ROWS_FIRST ((size_t)1024) /* room in a window of time, at first */

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
    bool has_integers;         /* a column is of whole numbers */
    int exit_code;
    /* One chunk, and what comes of it. */
    size_t chunk_room;
    union stats_value *column;
    size_t *lengths; /* of each row's window; of fixed windows only where time has a part in them */
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

/* The longest window of a chunk's rows. */
static size_t longest_of(const struct window_stats *windows, size_t count)
{
    size_t longest = 1;
    for (size_t i = 0; i < count; i++)
        longest = windows->lengths[i] > longest ? windows->lengths[i] : longest;
    return longest;
}

/* Windows of N rows: the first row of a chunk whose window is full. */
static size_t plan_rows(struct window_stats *windows, size_t count, size_t *ret_longest)
{
    uint64_t rows = windows->options->window.rows, before = windows->filled;
    for (size_t i = 0; windows->held != NULL && i < count; i++)
        windows->lengths[i] = before + i + 1 < rows ? (size_t)(before + i + 1) : (size_t)rows;
    *ret_longest = before + count < rows ? (size_t)(before + count) : (size_t)rows;
    if (before + 1 >= rows)
        return 0;
    return rows - before <= count ? (size_t)(rows - before) - 1 : count;
}

/* The same of windows of time. */
static int plan_span(struct window_stats *windows, const struct rows_chunk *chunk, size_t *ret_full,
                     size_t *ret_longest)
{
    int64_t span_ns = windows->options->window.span_ns, age_ns;
    size_t full = 0;
    if (measure(windows, chunk) < 0)
        return -1;
    if (windows->filled == 0)
        windows->begin_ns = chunk->times_ns[0];
    while (full < chunk->count &&
           !__builtin_sub_overflow(chunk->times_ns[full], windows->begin_ns, &age_ns) &&
           age_ns < span_ns)
        full++;
    *ret_full = full;
    *ret_longest = longest_of(windows, chunk->count);
    return 0;
}

/* The rows of a chunk that are put out: *ret_first and every stride_in()-th after it. */
static int plan(struct window_stats *windows, const struct rows_chunk *chunk, size_t *ret_first,
                size_t *ret_longest)
{
    uint64_t step = windows->options->step, over = windows->full % step;
    size_t full;
    if (windows->options->window.span_ns == 0)
        full = plan_rows(windows, chunk->count, ret_longest);
    else if (plan_span(windows, chunk, &full, ret_longest) < 0)
        return -1;
    uint64_t left_out = over > 0 ? step - over : 0;
    *ret_first = left_out < chunk->count - full ? full + (size_t)left_out : chunk->count;
    windows->filled += chunk->count;
    windows->full += chunk->count - full;
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
    windows->results = reallocarray(windows->results, rows * names, sizeof *windows->results);
    windows->ret_times_ns =
        reallocarray(windows->ret_times_ns, rows, sizeof *windows->ret_times_ns);
    windows->ret_values =
        reallocarray(windows->ret_values, rows * windows->columns, sizeof *windows->ret_values);
    if (windows->has_integers) {
        windows->integers =
            reallocarray(windows->integers, rows * names, sizeof *windows->integers);
        windows->ret_integers = reallocarray(windows->ret_integers, rows * windows->columns,
                                             sizeof *windows->ret_integers);
    }
    if (windows->column == NULL || windows->lengths == NULL || windows->results == NULL ||
        windows->ret_times_ns == NULL || windows->ret_values == NULL ||
        (windows->has_integers && (windows->integers == NULL || windows->ret_integers == NULL)))
        return out_of_memory(windows);
    windows->chunk_room = rows;
    return 0;
}

/* --step, as far as it matters within so many rows. */
static size_t stride_in(const struct window_stats *windows, size_t count)
{
    return windows->options->step < count ? (size_t)windows->options->step : count;
}

/* Of the statistics of one element, those of the rows that are put out go to their columns. */
static void spread(struct window_stats *windows, size_t element, size_t first, size_t count)
{
    size_t names = windows->options->statistics_count, columns = windows->columns;
    size_t stride = stride_in(windows, count);
    for (size_t k = 0; k < names; k++) {
        const double *from = windows->results + k * count;
        double *to = windows->ret_values + k * windows->elements + element;
        for (size_t i = first; i < count; i += stride, to += columns)
            *to = from[i];
    }
    for (size_t k = 0; windows->has_integers && k < names; k++) {
        const stats_i128 *from = windows->integers + k * count;
        stats_i128 *to = windows->ret_integers + k * windows->elements + element;
        for (size_t i = first; i < count; i += stride, to += columns)
            *to = from[i];
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

/* Returns how many rows are put out. */
static size_t slide_chunk(struct window_stats *windows, const struct rows_chunk *chunk,
                          size_t first)
{
    size_t stride = stride_in(windows, chunk->count);
    size_t out = 0;
    for (size_t e = 0; e < windows->elements; e++) {
        series_rows_column(windows->rows, chunk, e, windows->column);
        stats_rolling_slide(windows->windows[e], windows->column,
                            windows->options->window.span_ns > 0 ? windows->lengths : NULL,
                            chunk->count, chunk->count, windows->results,
                            windows->has_integers ? windows->integers : NULL);
        if (windows->held != NULL)
            slide_held(windows, chunk, e);
        spread(windows, e, first, chunk->count);
    }
    if (chunk->times_ns == NULL)
        return first < chunk->count ? (chunk->count - 1 - first) / stride + 1 : 0;
    for (size_t i = first; i < chunk->count; i += stride)
        windows->ret_times_ns[out++] = chunk->times_ns[i];
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
    for (size_t column = 0; column < windows->columns; column += windows->elements)
        windows->has_integers = windows->has_integers || window_stats_is_integer(windows, column);
    windows->windows = calloc(windows->elements, sizeof *windows->windows);
    uint64_t range = series_rows_to(rows) - series_rows_from(rows);
    uint64_t room = options->window.span_ns > 0 ? SPAN_ROWS_FIRST : options->window.rows;
    /* A window longer than the range never fills, unless the range grows. */
    if (room > range && !options->follow)
        room = range > 0 ? range : 1;
    if (options->weight_time) {
        windows->held = calloc(windows->elements, sizeof(struct stats_held_window *));
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
    size_t first, longest;
    for (;;) {
        int more = series_rows_next(windows->rows, &chunk);
        if (more < 0)
            windows->exit_code = series_rows_exit_code(windows->rows);
        if (more <= 0)
            return more;
        if ((chunk.lost > 0 || chunk.anew) && windows->filled > 0) {
            begin_anew(windows);
            if (windows->options->follow)
                query_error(0, "%s: the windows begin anew behind it",
                            series_rows_info(windows->rows)->name);
        }
        if (make_buffers(windows, chunk.count) < 0 || plan(windows, &chunk, &first, &longest) < 0)
            return -1;
        if (longest > windows->capacity &&
            make_room(windows, longest > windows->capacity * 2 ? longest : windows->capacity * 2) <
                0)
            return -1;
        size_t out = slide_chunk(windows, &chunk, first);
        if (out == 0)
            continue;
        *ret_chunk =
            (struct window_chunk){out, chunk.times_ns != NULL ? windows->ret_times_ns : NULL,
                                  windows->ret_values, windows->ret_integers};
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
