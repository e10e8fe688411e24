#include "library_series.h"

#include "stats_rolling.h"
#include "stats_spans.h"
#include "stats_widen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STATISTICS_MAX  64
#define SPAN_ROWS_FIRST 1024 /* room in a window of time, at first */

struct rolling {
    const struct ingest_window *window;
    enum stats_kind kind;
    struct stats_statistic statistics[STATISTICS_MAX];
    size_t statistics_count;
    struct stats_rules rules;
    struct stats_rolling *state;
    size_t room; /* rows that a window may have */
    struct stats_spans *spans;
    size_t spans_room;
    size_t *lengths;
    double *results; /* statistics x LIBRARY_ROWS_MAX */
    const double *columns[STATISTICS_MAX];
    uint64_t filled; /* rows since the window was last empty */
    int64_t begin_ns;
    ingest_rolling_piece *piece;
    void *context;
};

/* "mean,var" to statistics. */
static int parse_statistics(const char *text, struct rolling *rolling)
{
    for (;;) {
        size_t length = strcspn(text, ",");
        if (rolling->statistics_count == STATISTICS_MAX ||
            !stats_statistic_parse(text, length, &rolling->statistics[rolling->statistics_count]))
            return -EINVAL;
        rolling->statistics_count++;
        if (text[length] == '\0')
            return 0;
        text += length + 1;
    }
}

/* Room for windows of so many rows; what is in the window stays. */
static int make_room(struct rolling *rolling, size_t rows)
{
    bool is_span = rolling->window->span_ns > 0;
    struct stats_rolling_plan plan = {
        .kind = rolling->kind,
        .window = is_span ? 0 : rows,
        .longest = is_span ? rows : 0,
        .statistics = rolling->statistics,
        .statistics_count = rolling->statistics_count,
        .rules = rolling->rules,
    };
    size_t bytes = stats_rolling_bytes(&plan);
    void *memory = bytes > 0 ? malloc(bytes) : NULL;
    if (memory == NULL)
        return -ENOMEM;
    struct stats_rolling *state = stats_rolling_init(memory, &plan);
    if (rolling->state != NULL)
        stats_rolling_transfer(state, rolling->state);
    free(rolling->state);
    rolling->state = state;
    rolling->room = rows;
    return 0;
}

static int make_spans_room(struct rolling *rolling)
{
    size_t length = rolling->spans != NULL ? stats_spans_length(rolling->spans) : 0;
    if (rolling->spans != NULL && length <= rolling->spans_room)
        return 0;
    size_t room = 2 * (length > SPAN_ROWS_FIRST ? length : SPAN_ROWS_FIRST);
    size_t bytes = stats_spans_bytes(room, LIBRARY_ROWS_MAX);
    void *memory = bytes > 0 ? malloc(bytes) : NULL;
    if (memory == NULL)
        return -ENOMEM;
    struct stats_spans *spans =
        stats_spans_init(memory, room, LIBRARY_ROWS_MAX, rolling->window->span_ns);
    if (rolling->spans != NULL)
        stats_spans_transfer(spans, rolling->spans);
    free(rolling->spans);
    rolling->spans = spans;
    rolling->spans_room = room;
    return 0;
}

/* The first row of a chunk whose window of N rows is full. */
static size_t first_full_of_rows(const struct rolling *rolling, size_t count)
{
    uint64_t rows = rolling->window->rows;
    if (rolling->filled + 1 >= rows)
        return 0;
    uint64_t missing = rows - rolling->filled - 1;
    return missing < count ? (size_t)missing : count;
}

/* The same of windows of time, whose lengths are measured. */
static int first_full_of_span(struct rolling *rolling, const struct library_chunk *chunk,
                              size_t *ret_full)
{
    int64_t age_ns;
    size_t longest = 1, full = 0;
    int result = make_spans_room(rolling);
    if (result < 0)
        return result;
    stats_spans_slide(rolling->spans, chunk->times_ns, chunk->count, rolling->lengths);
    for (size_t i = 0; i < chunk->count; i++)
        longest = rolling->lengths[i] > longest ? rolling->lengths[i] : longest;
    if (longest > rolling->room)
        result = make_room(rolling, 2 * longest);
    if (rolling->filled == 0)
        rolling->begin_ns = chunk->times_ns[0];
    while (full < chunk->count &&
           !__builtin_sub_overflow(chunk->times_ns[full], rolling->begin_ns, &age_ns) &&
           age_ns < rolling->window->span_ns)
        full++;
    *ret_full = full;
    return result;
}

static void begin_anew(struct rolling *rolling)
{
    rolling->filled = 0;
    stats_rolling_clear(rolling->state);
    if (rolling->spans != NULL)
        stats_spans_clear(rolling->spans);
}

static int roll_chunk(void *context, const struct library_chunk *chunk)
{
    struct rolling *rolling = context;
    size_t full = 0;
    int result = 0;
    if (chunk->is_cut)
        begin_anew(rolling);
    if (rolling->window->span_ns > 0)
        result = first_full_of_span(rolling, chunk, &full);
    else
        full = first_full_of_rows(rolling, chunk->count);
    if (result < 0)
        return result;
    stats_rolling_slide(rolling->state, chunk->values,
                        rolling->window->span_ns > 0 ? rolling->lengths : NULL, chunk->count,
                        LIBRARY_ROWS_MAX, rolling->results, NULL);
    rolling->filled += chunk->count;
    if (full == chunk->count)
        return 0;
    for (size_t k = 0; k < rolling->statistics_count; k++)
        rolling->columns[k] = rolling->results + k * LIBRARY_ROWS_MAX + full;
    return rolling->piece(rolling->context, chunk->first + full, chunk->count - full,
                          chunk->times_ns + full, rolling->columns);
}

int ingest_series_rolling(struct ingest_series *series, uint64_t from, uint64_t to,
                          uint64_t element, const struct ingest_window *window,
                          const char *statistics, const struct ingest_rules *rules,
                          ingest_rolling_piece *piece, void *context)
{
    struct rolling rolling = {
        .window = window,
        .kind = stats_kind_of(dtype_name(series->info->type.dtype)),
        .rules = library_rules(rules),
        .piece = piece,
        .context = context,
    };
    int result = library_check(series, from, to, element);
    bool is_span = window->span_ns > 0 && window->rows == 0;
    if (result == 0 && !is_span && (window->rows == 0 || window->span_ns != 0))
        result = -EINVAL;
    if (result == 0)
        result = parse_statistics(statistics, &rolling);
    /* A window longer than the range is never full. */
    if (result < 0 || from == to || (!is_span && window->rows > to - from))
        return result;
    rolling.lengths = calloc(LIBRARY_ROWS_MAX, sizeof rolling.lengths[0]);
    assert(rolling.statistics_count > 0);
    rolling.results =
        calloc(rolling.statistics_count * LIBRARY_ROWS_MAX, sizeof rolling.results[0]);
    result = rolling.lengths != NULL && rolling.results != NULL ? 0 : -ENOMEM;
    if (result == 0)
        result = make_room(&rolling, is_span ? SPAN_ROWS_FIRST : (size_t)window->rows);
    if (result == 0)
        result = library_for_each_chunk(series, from, to, element, true, roll_chunk, &rolling);
    free(rolling.state);
    free(rolling.spans);
    free(rolling.lengths);
    free(rolling.results);
    return result;
}
