/* Rows that need not be read, since block summaries say what they come to. */
#include "series_rows_internal.h"
#include "stats_record.h"
#include "stats_widen.h"

#include <errno.h>

/* How often rows may be overwritten under us before they are read one by one. */
#define ATTEMPTS_MAX 10

static int fail(struct series_rows *rows, int error)
{
    rows->exit_code = query_series_error(rows->options->store, rows->name, error, NULL);
    return error;
}

/* 1: rows may be summarised; 0: they are to be read. */
static int prepare(struct series_rows *rows)
{
    if (rows->summary != NULL || rows->has_no_summaries)
        return rows->summary != NULL;
    int error = -ENOTSUP; /* an array file */
    if (rows->reader != NULL)
        error = range_summary_create(rows->reader, rows->elements, rows->elements_count,
                                     &rows->summary);
    rows->has_no_summaries = error < 0;
    return error == 0;
}

static bool extremes_are_exact(const struct series_rows *rows, const double *records)
{
    for (size_t e = 0; e < rows->elements_count; e++) {
        if (!stats_record_is_exact(records + e * STATS_RECORD_DOUBLES))
            return false;
    }
    return true;
}

/* One look at the rows from rows->at on. -ERANGE: some were overwritten, and it is further on. */
static int summarise_once(struct series_rows *rows, uint64_t to, struct rows_summary *ret)
{
    uint64_t valid = 0;
    *ret = (struct rows_summary){.first = rows->at, .count = to - rows->at};
    int error = reader_time_ns(rows->reader, rows->at, &ret->first_ns);
    if (error == 0)
        error = reader_time_ns(rows->reader, to - 1, &ret->last_ns);
    if (error == 0)
        error =
            range_summary_read(rows->summary, &rows->snapshot, rows->at, to, &ret->records, &valid);
    if (error == -ERANGE) {
        uint64_t first = reader_first_valid(rows->reader);
        first = first > valid ? first : valid;
        if (first <= rows->at)
            return -EAGAIN; /* only its run was */
        series_rows_lose(rows, first);
    }
    return error;
}

int series_rows_summary(struct series_rows *rows, uint64_t to, bool extremes,
                        struct rows_summary *ret_summary)
{
    if (!prepare(rows))
        return 0;
    int error = -ERANGE;
    for (int i = 0; i < ATTEMPTS_MAX && error == -ERANGE; i++) {
        if (rows->at >= to || to - rows->at < RANGE_SUMMARY_ROWS_MIN)
            return 0;
        error = summarise_once(rows, to, ret_summary);
    }
    if (error == -ERANGE || error == -EAGAIN)
        return 0;
    if (error == 0 && reader_fault(rows->reader))
        error = -EFAULT;
    if (error < 0)
        return fail(rows, error);
    bool rounded = extremes && series_rows_kind(rows) != STATS_REAL &&
                   !extremes_are_exact(rows, ret_summary->records);
    return rounded ? 0 : 1;
}

bool series_rows_row_f8(struct series_rows *rows, uint64_t index, double *ret_values)
{
    const struct reader_info *info = reader_info(rows->reader);
    const char *dtype = dtype_name(info->type.dtype);
    size_t bytes = dtype_size(info->type.dtype);
    struct reader_span spans[2];
    reader_spans(rows->reader, index, index + 1, spans);
    for (size_t e = 0; e < rows->elements_count; e++) {
        size_t element = rows->elements != NULL ? (size_t)rows->elements[e] : e;
        stats_widen_f8(dtype, (const char *)spans[0].values + element * bytes, 0, 1,
                       &ret_values[e]);
    }
    return reader_first_valid(rows->reader) <= index;
}
