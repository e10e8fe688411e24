#include "reader.h"

#include "reader_internal.h"

#include <errno.h>

/* The stamp of one row of times.npy. -ERANGE when the row was overwritten before or while it was
 * read. */
static int explicit_time(const struct reader *reader, uint64_t index, int64_t *ret_time_ns)
{
    const _Atomic int64_t *times = reader_column_words(&reader->times);
    int64_t time_ns =
        atomic_load_explicit(&times[reader_slot(reader, index)], memory_order_relaxed);
    if (index < reader_frontier_first(reader))
        return -ERANGE;
    *ret_time_ns = time_ns;
    return 0;
}

int reader_time_ns(struct reader *reader, uint64_t index, int64_t *ret_time_ns)
{
    if (index < reader->snapshot.first || index >= reader->snapshot.count)
        return -ERANGE;
    int64_t time_ns = 0;
    int r;
    if (reader->info.type.clock == SERIES_EXPLICIT) {
        r = explicit_time(reader, index, &time_ns);
    } else {
        uint64_t number;
        struct reader_run run;
        r = reader_run_find_index(reader, index, &number);
        if (r == 0)
            r = reader_run_load(reader, number, &run);
        if (r == 0)
            r = reader_run_time(&run, index, &time_ns);
        if (r == 0 && index < reader_frontier_first(reader))
            r = -ERANGE;
    }
    if (reader_fault(reader))
        return -EFAULT;
    if (r < 0)
        return r;
    *ret_time_ns = time_ns;
    return 0;
}

/* Time order is index order. A row that is overwritten while it is looked at was older than all
 * that is left. */
static int explicit_find_time(const struct reader *reader, int64_t time_ns, uint64_t *ret_index)
{
    uint64_t low = reader->snapshot.first;
    uint64_t high = reader->snapshot.count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int64_t middle_ns = 0;
        if (explicit_time(reader, middle, &middle_ns) < 0 || middle_ns < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_index = low;
    return 0;
}

int reader_find_time(struct reader *reader, int64_t time_ns, uint64_t *ret_index)
{
    uint64_t index = 0;
    int r = reader->info.type.clock == SERIES_EXPLICIT
                ? explicit_find_time(reader, time_ns, &index)
                : reader_run_find_time(reader, time_ns, &index);
    if (reader_fault(reader))
        return -EFAULT;
    if (r < 0)
        return r;
    *ret_index = index;
    return 0;
}

int reader_run(struct reader *reader, uint64_t number, struct reader_run *ret_run)
{
    if (reader->info.type.clock != SERIES_REGULAR || number < reader->snapshot.runs_first ||
        number >= reader->snapshot.runs_count)
        return -ERANGE;
    struct reader_run run;
    int r = reader_run_load(reader, number, &run);
    if (reader_fault(reader))
        return -EFAULT;
    if (r == 0)
        *ret_run = run;
    return r;
}
