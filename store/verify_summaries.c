/* Summaries: a record of the lowest level against its rows, one of another against the sixteen
 * records below it. Means and squares may be off by the rounding of another processor. */
#include "verify_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define MEAN_TOLERANCE 1e-12 /* of the root mean square */
#define M2_TOLERANCE   1e-10

struct comparison {
    struct verify_work *work;
    unsigned level;
    size_t elements;
    double *scratch; /* three records of a sample: what should be, and both sides of a seam */
    uint64_t wrong;
};

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool record_fits(const double *found, const double *wanted)
{
    double count = wanted[SUMMARY_COUNT];
    if (!is_same(found[SUMMARY_COUNT], count) ||
        !is_same(found[SUMMARY_MIN], wanted[SUMMARY_MIN]) ||
        !is_same(found[SUMMARY_MAX], wanted[SUMMARY_MAX]))
        return false;
    double mean = wanted[SUMMARY_HI] + wanted[SUMMARY_LO];
    double m2 = wanted[SUMMARY_M2];
    double found_mean = found[SUMMARY_HI] + found[SUMMARY_LO];
    if (!isfinite(mean) || !isfinite(m2))
        return is_same(found_mean, mean) && is_same(found[SUMMARY_M2], m2);
    double off = found_mean - mean;
    double off_max = MEAN_TOLERANCE * MEAN_TOLERANCE * (mean * mean + m2 / count);
    return off * off <= off_max &&
           fabs(found[SUMMARY_M2] - m2) <= M2_TOLERANCE * m2 + count * off_max;
}

static void compare(struct comparison *comparison, uint64_t block, const double *found,
                    const double *wanted)
{
    for (size_t e = 0; e < comparison->elements; e++) {
        if (record_fits(found + e * SUMMARY_WORDS, wanted + e * SUMMARY_WORDS))
            continue;
        if (comparison->wrong++ < VERIFY_ROWS_REPORTED)
            verify_report(comparison->work, summary_file(comparison->level),
                          "block %" PRIu64 ", element %zu: not the summary of its rows; delete the "
                          "file, and the daemon makes it again",
                          block, e);
        return;
    }
}

/* Both sides of a seam come to what should be. */
static const double *join(const struct comparison *comparison, bool has_second)
{
    size_t words = comparison->elements * SUMMARY_WORDS;
    if (!has_second)
        return comparison->scratch;
    comparison->work->sink->merge(comparison->scratch, 2, comparison->elements,
                                  comparison->scratch + 2 * words);
    return comparison->scratch + 2 * words;
}

static const double *of_rows(const struct comparison *comparison, uint64_t block)
{
    const struct reader *reader = comparison->work->reader;
    struct reader_span spans[2];
    reader_spans(reader, block * SUMMARY_BLOCK_ROWS, (block + 1) * SUMMARY_BLOCK_ROWS, spans);
    for (unsigned i = 0; i < 2 && spans[i].count > 0; i++)
        comparison->work->sink->make(
            dtype_name(reader->info.type.dtype), spans[i].values, (size_t)spans[i].count,
            comparison->elements, comparison->scratch + i * comparison->elements * SUMMARY_WORDS);
    return join(comparison, spans[1].count > 0);
}

/* NULL: they are not there any more. */
static const double *of_records(const struct comparison *comparison, uint64_t block)
{
    struct reader_summary_span spans[2];
    if (reader_summaries(comparison->work->reader, comparison->level - 1, block * SUMMARY_FAN_OUT,
                         SUMMARY_FAN_OUT, spans) < 0)
        return NULL;
    for (unsigned i = 0; i < 2 && spans[i].count > 0; i++)
        comparison->work->sink->merge(
            spans[i].records, (size_t)spans[i].count, comparison->elements,
            comparison->scratch + i * comparison->elements * SUMMARY_WORDS);
    return join(comparison, spans[1].count > 0);
}

/* One record, unless its rows are overwritten before it is read. */
static int look_at(struct comparison *comparison, uint64_t block)
{
    struct reader *reader = comparison->work->reader;
    struct reader_summary_span spans[2];
    int r = reader_summaries(reader, comparison->level, block, 1, spans);
    if (r < 0)
        return r;
    const double *wanted =
        comparison->level == 0 ? of_rows(comparison, block) : of_records(comparison, block);
    if (wanted != NULL &&
        block * summary_block_rows(comparison->level) >= reader_first_valid(reader))
        compare(comparison, block, spans[0].records, wanted);
    return 0;
}

int verify_summaries(struct verify_work *work, const struct reader_snapshot *snapshot)
{
    size_t elements = (size_t)work->reader->info.elements;
    if (snapshot->summarised == 0)
        return 0;
    double *scratch = calloc(3 * elements * SUMMARY_WORDS, sizeof(double));
    if (scratch == NULL)
        return -ENOMEM;
    struct comparison comparison = {.work = work, .elements = elements, .scratch = scratch};
    int r = 0;
    for (unsigned level = 0; level < reader_summary_levels(work->reader) && r == 0; level++) {
        uint64_t rows = summary_block_rows(level);
        uint64_t end = snapshot->summarised / rows;
        comparison.level = level;
        comparison.wrong = 0;
        for (uint64_t block = (snapshot->first + rows - 1) / rows; block < end && r == 0; block++)
            r = look_at(&comparison, block);
        const struct reader_column *files = work->reader->summaries;
        if (files != NULL && files[level].mapping != NULL)
            verify_header(work, &files[level]);
        if (comparison.wrong > VERIFY_ROWS_REPORTED)
            verify_report(work, summary_file(level), "%" PRIu64 " blocks in all are not right",
                          comparison.wrong);
        if (r == -EBADMSG || r == -ENODATA)
            verify_report(work, summary_file(level), "%s; delete it, and the daemon makes it again",
                          r == -EBADMSG ? "the header is damaged, or not that of this series"
                                        : "the file is shorter than its header says");
        /* What is not there is made when there is time. */
        if (r == -EBADMSG || r == -ENODATA || r == -ENOENT || r == -ERANGE)
            r = 0;
    }
    free(scratch);
    return r;
}
