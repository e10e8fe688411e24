#include "bucket_join.h"

#include "bucket.h"
#include "resampler.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One series of a join. */
struct joined {
    struct resampler *resampler;
    const struct columns *columns;
    struct cell *blank; /* its cells where it has no bucket */
    struct cell *held;  /* FILL_PREVIOUS: those of its newest bucket that was put out */
    bool has_held;
    /* Its buckets that are not yet put out: [begin, end) of what there is room for. */
    int64_t *starts_ns;
    struct cell *cells;
    size_t begin, end, room;
    const struct cell *now; /* its cells of this row */
    bool ended;
    int code;
};

struct bucket_join {
    const struct query_options *options;
    struct joined *all;
    size_t count, room;
    struct bucket bucket; /* this row's */
    bool begun;
};

static size_t row_bytes(const struct joined *joined)
{
    return joined->columns->count * sizeof(struct cell);
}

static const struct cell *row_at(const struct joined *joined, size_t i)
{
    return joined->cells + i * joined->columns->count;
}

int bucket_join_open(const struct query_options *options, size_t room,
                     struct bucket_join **ret_join)
{
    struct bucket_join *join = calloc(1, sizeof *join);
    if (join != NULL)
        join->all = calloc(room + 1, sizeof *join->all);
    if (join == NULL || join->all == NULL) {
        free(join);
        return query_error(QUERY_FAILED, "out of memory");
    }
    join->options = options;
    join->room = room;
    join->bucket = (struct bucket){.every_ns = options->every_ns, .zone = options->zone};
    *ret_join = join;
    return 0;
}

void bucket_join_close(struct bucket_join *join)
{
    if (join == NULL)
        return;
    for (size_t i = 0; i < join->count; i++) {
        resampler_close(join->all[i].resampler);
        free(join->all[i].blank);
        free(join->all[i].held);
        free(join->all[i].starts_ns);
        free(join->all[i].cells);
    }
    free(join->all);
    free(join);
}

/* A bucket of one series is complete. */
static void queue(void *context, int64_t start_ns)
{
    struct joined *joined = context;
    if (joined->begin == joined->end)
        joined->begin = joined->end = 0;
    if (joined->end == joined->room) {
        size_t room = 2 * joined->room + 16;
        int64_t *starts_ns = reallocarray(joined->starts_ns, room, sizeof *starts_ns);
        if (starts_ns != NULL)
            joined->starts_ns = starts_ns;
        struct cell *cells = reallocarray(joined->cells, room, row_bytes(joined));
        if (cells != NULL)
            joined->cells = cells;
        if (starts_ns == NULL || cells == NULL) {
            if (joined->code == 0)
                joined->code = query_error(QUERY_FAILED, "out of memory");
            return;
        }
        joined->room = room;
    }
    joined->starts_ns[joined->end] = start_ns;
    memcpy(joined->cells + joined->end * joined->columns->count, joined->columns->cells,
           row_bytes(joined));
    joined->end++;
}

int bucket_join_add(struct bucket_join *join, struct series_rows *rows,
                    const struct columns *columns)
{
    assert(join->count < join->room);
    struct joined *joined = &join->all[join->count];
    *joined = (struct joined){.columns = columns};
    joined->blank = malloc(row_bytes(joined));
    joined->held = malloc(row_bytes(joined));
    if (joined->blank == NULL || joined->held == NULL) {
        free(joined->blank);
        free(joined->held);
        return query_error(QUERY_FAILED, "out of memory");
    }
    int code = resampler_open(join->options, rows, columns, queue, joined, &joined->resampler);
    if (code != 0) {
        free(joined->blank);
        free(joined->held);
        return code;
    }
    for (size_t k = 0; k < columns->names_count; k++) {
        for (size_t e = 0; e < series_rows_elements(rows); e++)
            columns_cell(columns, rows, k, e)->kind = CELL_EMPTY;
    }
    memcpy(joined->blank, columns->cells, row_bytes(joined));
    join->count++;
    return 0;
}

/* Reads on until there is a bucket, or the end. */
static void fill_queue(struct joined *joined)
{
    while (joined->begin == joined->end && !joined->ended) {
        int more = resampler_next(joined->resampler);
        if (more < 0)
            joined->code = resampler_exit_code(joined->resampler);
        joined->ended = more <= 0 || joined->code != 0;
    }
}

/* What was put out leaves the queue. Returns whether there are more buckets, and when the next is.
 */
static bool step(struct bucket_join *join, int64_t *ret_first_ns)
{
    bool any = false;
    for (size_t i = 0; i < join->count; i++) {
        struct joined *joined = &join->all[i];
        if (joined->begin < joined->end && joined->now == row_at(joined, joined->begin)) {
            memcpy(joined->held, joined->now, row_bytes(joined));
            joined->has_held = true;
            joined->begin++;
        }
        joined->now = NULL;
        fill_queue(joined);
        if (joined->begin == joined->end)
            continue;
        if (!any || joined->starts_ns[joined->begin] < *ret_first_ns)
            *ret_first_ns = joined->starts_ns[joined->begin];
        any = true;
    }
    return any;
}

/* The bucket after this one, or the first; false at the end. */
static bool find_bucket(struct bucket_join *join, bool any, int64_t first_ns)
{
    const struct query_range *range = &join->options->range;
    struct bucket *bucket = &join->bucket;
    if (join->options->fill == FILL_NONE || !join->begun) {
        bool from = join->options->fill != FILL_NONE && range->has_from;
        if (any)
            bucket_find(bucket, from && range->from_ns < first_ns ? range->from_ns : first_ns);
        join->begun = any;
        return any;
    }
    if (!any && (!range->has_to || bucket->end_ns >= range->to_ns))
        return false;
    int64_t start_ns = bucket->start_ns;
    bucket_find(bucket, bucket->end_ns);
    return bucket->start_ns > start_ns;
}

bool bucket_join_next(struct bucket_join *join, int64_t *ret_start_ns)
{
    int64_t first_ns = 0;
    bool any = step(join, &first_ns);
    if (!find_bucket(join, any, first_ns))
        return false;
    for (size_t i = 0; i < join->count; i++) {
        struct joined *joined = &join->all[i];
        if (joined->begin < joined->end && joined->starts_ns[joined->begin] < join->bucket.end_ns)
            joined->now = row_at(joined, joined->begin);
        else
            joined->now = joined->has_held && join->options->fill == FILL_PREVIOUS ? joined->held
                                                                                   : joined->blank;
    }
    *ret_start_ns = join->bucket.start_ns;
    return true;
}

const struct cell *bucket_join_cells(const struct bucket_join *join, size_t i)
{
    return join->all[i].now;
}

int bucket_join_code(const struct bucket_join *join, size_t i)
{
    return join->all[i].code;
}
