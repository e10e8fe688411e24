/* Block summaries over crashes. Blocks are of 8 rows here (tests/crash/CMakeLists.txt), and a
 * record's six numbers are sums of bytes of a hash of each sample: exact whatever order they are
 * added in, and the sums of other samples are others. */
#include "crash_run.h"

#include "kill_points.h"
#include "reader_internal.h"
#include "summary_form.h"

#include <errno.h>
#include <string.h>

#define BLOCKS_A_TURN 40
#define ELEMENTS_MAX  CRASH_SAMPLE_BYTES_MAX

/* In the others nothing comes between the crash points of seeds that are known. */
static bool is_kept(const struct crash_run *run)
{
    return run->seed % 4 < 2;
}

static uint64_t hash(uint64_t value)
{
    value ^= value >> 31;
    value *= UINT64_C(0x7fb5d329728ea185);
    value ^= value >> 27;
    value *= UINT64_C(0x81dadef4bc2dd44d);
    return value ^ value >> 33;
}

static void sum_up(const char dtype[2], const void *rows, size_t count, size_t elements,
                   double *ret_records)
{
    size_t size = (size_t)(dtype[1] - '0');
    const char *at = rows;
    memset(ret_records, 0, elements * SUMMARY_WORDS * sizeof ret_records[0]);
    for (size_t i = 0; i < count * elements; i++, at += size) {
        uint64_t value = 0;
        memcpy(&value, at, size);
        value = hash(value + 1);
        double *record = ret_records + i % elements * SUMMARY_WORDS;
        for (unsigned w = 0; w < SUMMARY_WORDS; w++)
            record[w] += (double)(value >> 8 * w & 0xff);
    }
}

/* The store's code is instrumented, and this is not. */
static void may_be_killed(void)
{
    if (kill_point != NULL)
        kill_point();
}

static void make(const char dtype[2], const void *rows, size_t count, size_t elements,
                 double *ret_records)
{
    may_be_killed();
    sum_up(dtype, rows, count, elements, ret_records);
    may_be_killed();
}

static void merge(const double *records, size_t count, size_t elements, double *ret_records)
{
    double sums[ELEMENTS_MAX * SUMMARY_WORDS] = {0};
    may_be_killed();
    for (size_t i = 0; i < count; i++)
        for (size_t w = 0; w < elements * SUMMARY_WORDS; w++)
            sums[w] += records[i * elements * SUMMARY_WORDS + w];
    memcpy(ret_records, sums, elements * SUMMARY_WORDS * sizeof sums[0]);
}

void crash_summaries_keep(const struct crash_run *run)
{
    if (is_kept(run) && store_keep_summaries(run->store, make, merge) < 0)
        crash_fail("no memory for summaries");
}

void crash_summaries_catch_up(const struct crash_run *run)
{
    /* A time that is over: a block at a time. */
    for (unsigned i = 0; i < BLOCKS_A_TURN && store_catch_up(run->store, 0); i++)
        ;
}

static void check_span(const struct crash_run *run, unsigned number, unsigned level,
                       const struct reader_summary_span *span, uint64_t first_valid)
{
    static char rows[CRASH_ROWS_MAX * CRASH_SAMPLE_BYTES_MAX];
    const struct crash_plan_series *plan = &run->plan.series[number];
    uint64_t block_rows = summary_block_rows(level);
    size_t elements = (size_t)series_type_elements(&plan->type);
    size_t words = elements * SUMMARY_WORDS;
    for (uint64_t i = 0; i < span->count; i++) {
        double expected[ELEMENTS_MAX * SUMMARY_WORDS];
        uint64_t first = (span->first + i) * block_rows;
        if (first < first_valid)
            continue;
        crash_values(plan, &run->series[number].keys[first], block_rows, rows);
        sum_up(dtype_name(plan->type.dtype), rows, (size_t)block_rows, elements, expected);
        if (memcmp(expected, span->records + i * words, words * sizeof expected[0]) != 0)
            crash_fail("%s: the summary of block %llu of level %u is not that of its rows",
                       crash_name(run, number), (unsigned long long)span->first + i, level);
        crash_totals.summaries++;
    }
}

void crash_summaries_check(const struct crash_run *run, unsigned number, struct reader *reader)
{
    const struct reader_snapshot *snapshot = &reader->snapshot;
    if (!is_kept(run))
        return;
    for (unsigned level = 0; level < reader_summary_levels(reader); level++) {
        uint64_t block_rows = summary_block_rows(level);
        uint64_t first = (snapshot->first + block_rows - 1) / block_rows;
        uint64_t end = snapshot->summarised / block_rows;
        struct reader_summary_span spans[2];
        if (first >= end)
            return;
        int result = reader_summaries(reader, level, first, end - first, spans);
        if (result == -ERANGE)
            return; /* a new writer has begun with them anew */
        if (result < 0)
            crash_fail("%s: summaries of level %u cannot be read: %s", crash_name(run, number),
                       level, strerror(-result));
        uint64_t first_valid = reader_first_valid(reader);
        check_span(run, number, level, &spans[0], first_valid);
        check_span(run, number, level, &spans[1], first_valid);
    }
}
