#include "kill_rows.h"

#include <inttypes.h>
#include <string.h>

uint64_t kill_rows_shared_next[KILL_GATEWAYS_MAX];

int kill_rows_open(struct kill_rows *rows)
{
    char name[64];
    if (rows->reader != NULL)
        return 0;
    return reader_open(rows->shared->store, kill_series_name(rows->gateway, rows->series, name),
                       &rows->reader, NULL);
}

void kill_rows_close(struct kill_rows *rows)
{
    reader_close(rows->reader);
    rows->reader = NULL;
}

static void fail_row(const struct kill_rows *rows, uint64_t index, const char *what)
{
    char name[64];
    const struct reader_info *info = reader_info(rows->reader);
    kill_fail(rows->shared, "%s: row %" PRIu64 " %s (capacity %" PRIu64 ")",
              kill_series_name(rows->gateway, rows->series, name), index, what, info->capacity);
}

/* Each row says whose it is: those of a gateway are in order, and none is missing between two. */
static void check_shared(const struct kill_rows *rows, uint64_t from, uint64_t to)
{
    memset(kill_rows_shared_next, 0, sizeof kill_rows_shared_next);
    const uint64_t *values = rows->values;
    for (uint64_t i = from; i < to; i++) {
        unsigned gateway = KILL_SHARED_GATEWAY(values[i - from]);
        uint64_t index = KILL_SHARED_INDEX(values[i - from]);
        if (gateway >= rows->shared->gateway_count) {
            fail_row(rows, i, "is of no gateway");
            return;
        }
        uint64_t *next = &kill_rows_shared_next[gateway];
        if (*next != 0 && index != *next)
            fail_row(rows, i, index < *next ? "is there twice" : "comes after one that is missing");
        *next = index + 1;
    }
}

static void check_own(const struct kill_rows *rows, uint64_t from, uint64_t to)
{
    struct kill_state state;
    kill_state_begin(&state, rows->shared->seed, rows->gateway);
    const struct kill_facts *facts = kill_facts(rows->series);
    size_t element_bytes = (size_t)(facts->dtype[1] - '0');
    const char *value = rows->values;
    for (uint64_t i = from; i < to; i++)
        for (uint32_t e = 0; e < facts->elements; e++, value += element_bytes)
            if (!kill_row_value_is(&state, rows->series, i, e, value))
                fail_row(rows, i, "has a wrong value");
    if (facts->is_stamped_on_arrival)
        return;
    for (uint64_t i = from; i < to; i++)
        if (rows->times_ns[i - from] != kill_row_time_ns(&state, rows->series, i))
            fail_row(rows, i, "has a wrong time");
}

int kill_rows_check(struct kill_rows *rows, uint64_t from, struct reader_snapshot *ret_snapshot,
                    uint64_t *ret_rows)
{
    *ret_rows = 0;
    int result = kill_rows_open(rows);
    if (result == 0)
        result = reader_snapshot(rows->reader, ret_snapshot);
    if (result < 0) {
        kill_rows_close(rows);
        return result;
    }
    uint64_t to = ret_snapshot->count;
    if (to < rows->last_count)
        fail_row(rows, to, "was followed by others, and is the last one now");
    rows->last_count = to;
    if (from < ret_snapshot->first)
        from = ret_snapshot->first;
    if (from >= to)
        return 0;
    if (to - from > KILL_ROWS_MAX)
        from = to - KILL_ROWS_MAX;
    uint64_t first_valid = from;
    result = reader_copy(rows->reader, from, to, rows->values, rows->times_ns, &first_valid);
    if (result < 0) {
        kill_rows_close(rows);
        return result;
    }
    uint64_t skipped = first_valid - from;
    const struct reader_info *info = reader_info(rows->reader);
    memmove(rows->values, (char *)rows->values + skipped * info->sample_bytes,
            (to - first_valid) * info->sample_bytes);
    memmove(rows->times_ns, rows->times_ns + skipped, (to - first_valid) * sizeof(int64_t));
    for (uint64_t i = first_valid + 1; i < to; i++)
        if (rows->times_ns[i - first_valid] <= rows->times_ns[i - first_valid - 1])
            fail_row(rows, i, "is not later than the one before");
    if (rows->series >= KILL_OWN)
        check_shared(rows, first_valid, to);
    else
        check_own(rows, first_valid, to);
    *ret_rows = to - first_valid;
    return 0;
}
