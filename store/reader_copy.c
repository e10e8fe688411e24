#include "reader.h"

#include "planted.h"
#include "reader_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

uint64_t reader_frontier_first(const struct reader *reader)
{
    if (!reader_is_ring(reader) || PLANTED(BUG_NO_FRONTIER))
        return 0;
    /* Orders every read of a row before this look at the frontier; see the writer's release fence
     * after it raised it. */
    atomic_thread_fence(memory_order_acquire);
    int64_t frontier = reader_head_word(reader, HEAD_FRONTIER);
    uint64_t newest = frontier > 0 ? (uint64_t)frontier : 0;
    return newest > reader->info.capacity ? newest - reader->info.capacity : 0;
}

uint64_t reader_first_valid(const struct reader *reader)
{
    uint64_t first = reader_frontier_first(reader);
    if (first < reader->snapshot.first)
        first = reader->snapshot.first;
    return first < reader->snapshot.count ? first : reader->snapshot.count;
}

/* Rows [from, to), which one lap holds, as one span or two. */
void reader_spans(const struct reader *reader, uint64_t from, uint64_t to,
                  struct reader_span ret_spans[2])
{
    assert(reader->snapshot.first <= from && from <= to && to <= reader->snapshot.count);
    uint64_t slot = reader_slot(reader, from);
    uint64_t count = to - from;
    uint64_t room = reader_is_ring(reader) ? reader->info.capacity - slot : count;
    uint64_t counts[2] = {count < room ? count : room, 0};
    counts[1] = count - counts[0];
    const uint64_t slots[2] = {slot, 0};

    const char *values = reader_column_rows(&reader->values);
    bool has_times = reader->info.type.clock == SERIES_EXPLICIT;
    for (unsigned i = 0; i < 2; i++) {
        ret_spans[i] = (struct reader_span){
            .values = values + slots[i] * reader->info.sample_bytes,
            .first = i == 0 ? from : from + counts[0],
            .count = counts[i],
        };
        if (has_times)
            ret_spans[i].times_ns =
                (const int64_t *)(const void *)reader_column_rows(&reader->times) + slots[i];
    }
}

int reader_copy(struct reader *reader, uint64_t from, uint64_t to, void *values, int64_t *times_ns,
                uint64_t *ret_first_valid)
{
    if (from < reader->snapshot.first || from > to || to > reader->snapshot.count)
        return -EINVAL;
    struct reader_span spans[2];
    reader_spans(reader, from, to, spans);
    char *values_at = values;
    uint64_t first_valid = from;
    for (unsigned i = 0; i < 2; i++) {
        size_t bytes = (size_t)(spans[i].count * reader->info.sample_bytes);
        if (values_at != NULL && bytes > 0) {
            memcpy(values_at, spans[i].values, bytes);
            values_at += bytes;
        }
        if (times_ns != NULL && spans[i].times_ns != NULL && spans[i].count > 0)
            memcpy(times_ns + (spans[i].first - from), spans[i].times_ns,
                   (size_t)spans[i].count * sizeof *times_ns);
    }
    if (times_ns != NULL && reader->info.type.clock == SERIES_REGULAR) {
        int r = reader_run_times(reader, from, to, times_ns, &first_valid);
        if (r < 0)
            return reader_fault(reader) ? -EFAULT : r;
    }
    uint64_t frontier_first = reader_frontier_first(reader);
    if (reader_fault(reader))
        return -EFAULT;
    if (first_valid < frontier_first)
        first_valid = frontier_first;
    *ret_first_valid = first_valid < to ? first_valid : to;
    return 0;
}
