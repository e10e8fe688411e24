#include "range_summary.h"

#include "stats_block.h"
#include "store_format.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert(SUMMARY_BLOCK_ROWS == STATS_BLOCK_ROWS, "the block of the lowest level");
static_assert(SUMMARY_WORDS == STATS_RECORD_DOUBLES, "one kind of record");
static_assert((int)SUMMARY_HI == STATS_RECORD_HI && (int)SUMMARY_LO == STATS_RECORD_LO &&
                  (int)SUMMARY_M2 == STATS_RECORD_M2 && (int)SUMMARY_MIN == STATS_RECORD_MIN &&
                  (int)SUMMARY_MAX == STATS_RECORD_MAX && (int)SUMMARY_COUNT == STATS_RECORD_COUNT,
              "in one order");

/* Records that are collected before they are merged: usually all of a range. */
#define COLLECTED_MAX   256
#define COLLECTED_MIN   4
#define COLLECTED_BYTES 1048576

/* What is asked of memory ahead, from the beginning of each place: the rows at the two ends, the
 * records of a level on one side. They are ten and more, far from each other; after a few lines the
 * processor goes on by itself. */
#define LINE_BYTES      UINT64_C(64)
#define FETCH_LINES_MAX 8

struct range_summary {
    struct reader *reader;
    const char *dtype;
    const uint64_t *elements; /* NULL: all */
    size_t elements_count;
    size_t number_bytes;
    char *gathered; /* chosen elements of a block of rows; NULL: all are */
    size_t room;    /* sets of records, elements_count each */
    size_t count;   /* of them collected */
    double *records;
    bool is_fetching; /* nothing is collected yet, only asked of memory */
};

int range_summary_create(struct reader *reader, const uint64_t *elements, size_t elements_count,
                         struct range_summary **ret_summary)
{
    const struct reader_info *info = reader_info(reader);
    if (reader_summary_levels(reader) == 0)
        return -ENOTSUP;
    struct range_summary *summary = calloc(1, sizeof *summary);
    if (summary == NULL)
        return -ENOMEM;
    size_t set_bytes = elements_count * STATS_RECORD_DOUBLES * sizeof(double);
    size_t room = COLLECTED_BYTES / set_bytes;
    *summary = (struct range_summary){
        .reader = reader,
        .dtype = dtype_name(info->type.dtype),
        .elements = elements,
        .elements_count = elements_count,
        .number_bytes = dtype_size(info->type.dtype),
        .room = room > COLLECTED_MAX   ? COLLECTED_MAX
                : room < COLLECTED_MIN ? COLLECTED_MIN
                                       : room,
    };
    summary->records = malloc(summary->room * set_bytes);
    if (elements != NULL)
        summary->gathered = malloc(STATS_BLOCK_ROWS * elements_count * summary->number_bytes);
    if (summary->records == NULL || (elements != NULL && summary->gathered == NULL)) {
        range_summary_free(summary);
        return -ENOMEM;
    }
    *ret_summary = summary;
    return 0;
}

void range_summary_free(struct range_summary *summary)
{
    if (summary == NULL)
        return;
    free(summary->gathered);
    free(summary->records);
    free(summary);
}

static double *set_at(const struct range_summary *summary, size_t i)
{
    return summary->records + i * summary->elements_count * STATS_RECORD_DOUBLES;
}

static void merge_collected(struct range_summary *summary)
{
    stats_block_merge(summary->records, summary->count, summary->elements_count, summary->records);
    summary->count = 1;
}

/* Room for at least one more set. */
static void make_room(struct range_summary *summary)
{
    if (summary->count == summary->room)
        merge_collected(summary);
}

/* `count` things of `bytes` bytes each that follow each other at stride `stride`: the chosen ones
 * of each. */
static void choose(const struct range_summary *summary, const char *from, uint64_t stride,
                   uint64_t count, size_t bytes, char *to)
{
    for (uint64_t i = 0; i < count; i++) {
        for (size_t e = 0; e < summary->elements_count; e++) {
            memcpy(to, from + summary->elements[e] * bytes, bytes);
            to += bytes;
        }
        from += stride;
    }
}

static void fetch(const void *from, uint64_t bytes)
{
    const char *at = from;
    for (uint64_t i = 0; i < bytes && i < FETCH_LINES_MAX * LINE_BYTES; i += LINE_BYTES)
        __builtin_prefetch(at + i);
}

/* Rows [from, to), a block of them at a time. */
static void add_rows(struct range_summary *summary, uint64_t from, uint64_t to)
{
    uint64_t row_bytes = reader_info(summary->reader)->sample_bytes;
    struct reader_span spans[2];
    reader_spans(summary->reader, from, to, spans);
    for (size_t span = 0; span < 2; span++) {
        const char *rows = spans[span].values;
        if (summary->is_fetching) {
            fetch(rows, spans[span].count * row_bytes);
            continue;
        }
        for (uint64_t left = spans[span].count; left > 0;) {
            size_t take = left < STATS_BLOCK_ROWS ? (size_t)left : STATS_BLOCK_ROWS;
            const char *chosen = rows;
            if (summary->elements != NULL) {
                choose(summary, rows, row_bytes, take, summary->number_bytes, summary->gathered);
                chosen = summary->gathered;
            }
            make_room(summary);
            stats_block_make(summary->dtype, chosen, take, summary->elements_count,
                             set_at(summary, summary->count++));
            rows += take * row_bytes;
            left -= take;
        }
    }
}

/* Records of blocks [from, to) of a level. */
static int add_blocks(struct range_summary *summary, unsigned level, uint64_t from, uint64_t to)
{
    const size_t record_bytes = STATS_RECORD_DOUBLES * sizeof(double);
    uint64_t stride = reader_info(summary->reader)->elements * record_bytes;
    struct reader_summary_span spans[2];
    if (from == to)
        return 0;
    int error = reader_summaries(summary->reader, level, from, to - from, spans);
    if (error < 0)
        return error;
    for (size_t span = 0; span < 2; span++) {
        const char *records = (const char *)spans[span].records;
        if (summary->is_fetching) {
            fetch(records, spans[span].count * stride);
            continue;
        }
        for (uint64_t left = spans[span].count, take; left > 0; left -= take) {
            make_room(summary);
            take = summary->room - summary->count;
            take = take < left ? take : left;
            char *to_sets = (char *)set_at(summary, summary->count);
            if (summary->elements != NULL)
                choose(summary, records, stride, take, record_bytes, to_sets);
            else
                memcpy(to_sets, records, (size_t)(take * stride));
            summary->count += (size_t)take;
            records += take * stride;
        }
    }
    return 0;
}

/* Blocks [from, to) of the lowest level: from each level what the next one has no whole block for,
 * before its first and after its last. */
static int add_levels(struct range_summary *summary, uint64_t from, uint64_t to)
{
    unsigned levels = reader_summary_levels(summary->reader);
    int error = 0;
    for (unsigned level = 0; from < to && error == 0; level++) {
        uint64_t next_from = (from + SUMMARY_FAN_OUT - 1) / SUMMARY_FAN_OUT;
        uint64_t next_to = to / SUMMARY_FAN_OUT;
        if (level + 1 == levels || next_from >= next_to)
            return add_blocks(summary, level, from, to);
        error = add_blocks(summary, level, from, next_from * SUMMARY_FAN_OUT);
        if (error == 0)
            error = add_blocks(summary, level, next_to * SUMMARY_FAN_OUT, to);
        from = next_from;
        to = next_to;
    }
    return error;
}

int range_summary_read(struct range_summary *summary, const struct reader_snapshot *snapshot,
                       uint64_t from, uint64_t to, const double **ret_records,
                       uint64_t *ret_first_valid)
{
    uint64_t first = from / SUMMARY_BLOCK_ROWS + (from % SUMMARY_BLOCK_ROWS != 0);
    uint64_t end = (to < snapshot->summarised ? to : snapshot->summarised) / SUMMARY_BLOCK_ROWS;
    if (to - from < RANGE_SUMMARY_ROWS_MIN || first >= end)
        return -EAGAIN;
    int error = 0;
    summary->count = 0;
    for (int pass = 0; pass < 2 && error == 0; pass++) {
        summary->is_fetching = pass == 0;
        add_rows(summary, from, first * SUMMARY_BLOCK_ROWS);
        add_rows(summary, end * SUMMARY_BLOCK_ROWS, to);
        error = add_levels(summary, first, end);
    }
    uint64_t first_valid = reader_first_valid(summary->reader);
    if (first_valid > from) {
        *ret_first_valid = first_valid;
        return -ERANGE;
    }
    if (error < 0)
        return -EAGAIN;
    merge_collected(summary);
    *ret_records = summary->records;
    return 0;
}
