#include "error_text.h"
#include "series_rows_internal.h"

#include <errno.h>
#include <inttypes.h>

/* Opens the series anew, quietly: it may be on its way. */
static int attach_again(struct series_rows *rows)
{
    struct error_text text = {""};
    int error = reader_open(rows->options->store, rows->name, &rows->reader, &text);
    if (error == 0)
        error = reader_snapshot(rows->reader, &rows->snapshot);
    if (error == 0)
        return 0;
    reader_close(rows->reader);
    rows->reader = NULL;
    if (error == -ENOENT || error == -ESTALE)
        return -EAGAIN;
    (void)query_series_error(rows->options->store, rows->name, error, &text);
    return error;
}

static bool same_type(const struct reader_info *a, const struct reader_info *b)
{
    return series_type_equal(&a->type, &b->type);
}

int series_rows_advance(struct series_rows *rows)
{
    uint64_t next = rows->to;
    struct reader_snapshot before = rows->snapshot;
    range_summary_free(rows->summary); /* of the reader that may go */
    rows->summary = NULL;
    rows->from = rows->at = next;
    int error = rows->reader != NULL ? reader_snapshot(rows->reader, &rows->snapshot) : -ESTALE;
    if (error == -ESTALE) {
        struct reader *old = rows->reader;
        rows->reader = NULL;
        error = attach_again(rows);
        if (error < 0) {
            /* The old mapping answers questions about the type until there is a new one. */
            rows->reader = old;
            rows->snapshot = before;
            return error == -EAGAIN ? 0 : query_exit_code(error);
        }
        if (old != NULL) {
            bool same_series = reader_info(old)->id == reader_info(rows->reader)->id;
            bool fits = same_type(reader_info(old), reader_info(rows->reader));
            reader_close(old);
            if (!fits)
                return query_error(EX_DATAERR, "%s was made anew with another type", rows->name);
            if (!same_series) {
                query_error(0, "%s was made anew", rows->name);
                rows->anew = true;
                next = 0;
            }
        }
    } else if (error < 0) {
        return query_series_error(rows->options->store, rows->name, error, NULL);
    }
    /* After a power cut a series may end earlier than what was shown of it. */
    if (next > rows->snapshot.count) {
        query_error(0, "%s: its newest rows were lost; going on from row %" PRIu64, rows->name,
                    rows->snapshot.count);
        rows->anew = true;
        next = rows->snapshot.count;
    }
    if (next < rows->snapshot.first) {
        rows->lost += rows->snapshot.first - next;
        rows->lost_total += rows->snapshot.first - next;
        next = rows->snapshot.first;
    }
    rows->from = rows->at = next;
    rows->to = rows->snapshot.count;
    return 0;
}
