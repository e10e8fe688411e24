#include "verify_internal.h"

#include "clock_ns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Stamps that are looked at in one go: 512 KiB. */
#define CHUNK_ROWS 65536

/* Times that the head's last time is looked at before it is called wrong. */
#define LAST_TIME_LOOKS    5
#define LAST_TIME_PAUSE_NS NS_PER_MS

static void verify_went_on(struct verify_work *work, uint64_t rows)
{
    work->progress.rows_done += rows;
    if (work->sink->progress != NULL)
        work->sink->progress(&work->progress, work->sink->context);
}

static void report_rest(struct verify_work *work, const char *file, const char *what,
                        uint64_t count)
{
    if (count > VERIFY_ROWS_REPORTED)
        verify_report(work, file, "%" PRIu64 " more %s like these", count - VERIFY_ROWS_REPORTED,
                      what);
}

int verify_explicit_times(struct verify_work *work, const struct reader_snapshot *snapshot)
{
    int64_t *times_ns = malloc(CHUNK_ROWS * sizeof *times_ns);
    if (times_ns == NULL)
        return -ENOMEM;
    int r = 0;
    bool has_before = false; /* whether before_ns is the row's before `from` */
    int64_t before_ns = 0;
    uint64_t disorders = 0;
    for (uint64_t from = snapshot->first; from < snapshot->count && r == 0;) {
        uint64_t to = snapshot->count - from < CHUNK_ROWS ? snapshot->count : from + CHUNK_ROWS;
        uint64_t first_valid = from;
        r = reader_copy(work->reader, from, to, NULL, times_ns, &first_valid);
        if (r < 0)
            break;
        /* Overwritten while we looked: the row before is not the one that we remember. */
        if (first_valid > from)
            has_before = false;
        for (uint64_t i = first_valid; i < to; i++) {
            int64_t time_ns = times_ns[i - from];
            if (has_before && time_ns <= before_ns && ++disorders <= VERIFY_ROWS_REPORTED)
                verify_report(work, SERIES_TIMES_FILE,
                              "row %" PRIu64 ": time %" PRId64
                              " is not after the row before, %" PRId64,
                              i, time_ns, before_ns);
            before_ns = time_ns;
            has_before = true;
        }
        verify_went_on(work, to - from);
        from = to;
    }
    report_rest(work, SERIES_TIMES_FILE, "rows", disorders);
    free(times_ns);
    return r;
}

/* What one run says by itself, and about `end`, one past its last row. NULL: nothing wrong. */
static const char *run_fault(const int64_t words[RUN_WORDS], uint64_t end)
{
    if (words[RUN_FIRST_INDEX] < 0)
        return "its first index is negative";
    if (words[RUN_PERIOD_PS] <= 0)
        return "its period is not positive";
    uint64_t first = (uint64_t)words[RUN_FIRST_INDEX];
    if (end <= first)
        return "it begins at or after the run that follows";
    if (words[RUN_PERIOD_PS] < RUN_PERIOD_PS_MIN)
        return "its period is below a nanosecond";
    if ((end - 1 - first) > (uint64_t)RUN_SPAN_PS_MAX / (uint64_t)words[RUN_PERIOD_PS])
        return "it is longer than a run may be";
    struct reader_run run = {first, words[RUN_T0_NS], words[RUN_PERIOD_PS]};
    int64_t last_ns;
    return reader_run_time(&run, end - 1, &last_ns) < 0 ? "its last time is no 64-bit number"
                                                        : NULL;
}

int verify_runs(struct verify_work *work, const struct reader_snapshot *snapshot)
{
    int64_t words[RUN_WORDS] = {0};
    int64_t next[RUN_WORDS] = {0};
    bool has_run = false; /* whether `words` is the run before `next` */
    bool is_sound = false;
    uint64_t faults = 0;
    for (uint64_t number = snapshot->runs_first; number <= snapshot->runs_count; number++) {
        bool is_end = number == snapshot->runs_count;
        int r = is_end ? 0 : reader_run_words(work->reader, number, next);
        if (r == -EBADMSG)
            return r;
        if (reader_fault(work->reader))
            return -EFAULT;
        if (r == -ERANGE) { /* overwritten while we looked */
            has_run = false;
            continue;
        }
        if (number == 0 && !is_end && next[RUN_FIRST_INDEX] != 0 &&
            (next[RUN_FIRST_INDEX] < 0 ||
             (uint64_t)next[RUN_FIRST_INDEX] > reader_frontier_first(work->reader)) &&
            ++faults <= VERIFY_ROWS_REPORTED)
            verify_report(work, SERIES_RUNS_FILE, "run 0 begins at row %" PRId64,
                          next[RUN_FIRST_INDEX]);
        /* Where runs were dropped after a kill or a power cut, copies of the oldest one stand in
         * the slots that they took. */
        bool is_copy = has_run && reader_is_ring(work->reader) && !is_end &&
                       memcmp(words, next, sizeof words) == 0;
        if (has_run && !is_copy) {
            uint64_t end = is_end
                               ? snapshot->count
                               : (next[RUN_FIRST_INDEX] < 0 ? 0 : (uint64_t)next[RUN_FIRST_INDEX]);
            /* The next one is damaged itself; that is said when its turn comes. */
            bool end_is_known = is_end || next[RUN_FIRST_INDEX] >= 0;
            const char *fault = end_is_known ? run_fault(words, end) : NULL;
            if (fault != NULL && ++faults <= VERIFY_ROWS_REPORTED)
                verify_report(work, SERIES_RUNS_FILE, "run %" PRIu64 " (row %" PRId64 "): %s",
                              number - 1, words[RUN_FIRST_INDEX], fault);
            is_sound = end_is_known && fault == NULL;
            int64_t last_ns = 0;
            struct reader_run run = {(uint64_t)words[RUN_FIRST_INDEX], words[RUN_T0_NS],
                                     words[RUN_PERIOD_PS]};
            if (is_sound && !is_end && reader_run_time(&run, end - 1, &last_ns) == 0 &&
                next[RUN_T0_NS] <= last_ns && ++faults <= VERIFY_ROWS_REPORTED)
                verify_report(work, SERIES_RUNS_FILE,
                              "run %" PRIu64 " (row %" PRId64 "): it begins at %" PRId64
                              ", not after the row before, %" PRId64,
                              number, next[RUN_FIRST_INDEX], next[RUN_T0_NS], last_ns);
        }
        memcpy(words, next, sizeof words);
        has_run = true;
    }
    report_rest(work, SERIES_RUNS_FILE, "runs", faults);
    verify_went_on(work, snapshot->count - snapshot->first);
    return 0;
}

/* The word changes with every append, so it is wrong only where nothing is being appended, and
 * again and again. */
void verify_last_time(struct verify_work *work)
{
    struct reader *reader = work->reader;
    struct reader_snapshot snapshot = {0};
    int64_t word_ns = 0;
    unsigned looks = work->is_live ? LAST_TIME_LOOKS : 1;
    for (unsigned look = 0; look < looks; look++) {
        if (look > 0)
            clock_sleep_ns(LAST_TIME_PAUSE_NS);
        if (reader_snapshot(reader, &snapshot) < 0)
            return;
        word_ns = reader_head_word(reader, HEAD_LAST_TIME_NS);
        atomic_thread_fence(memory_order_acquire);
        uint64_t frontier = (uint64_t)reader_head_word(reader, HEAD_FRONTIER);
        if (frontier != snapshot.count || word_ns == snapshot.last_time_ns)
            return;
    }
    if (snapshot.count == 0)
        verify_report(work, SERIES_HEAD_FILE, "the last time is %" PRId64 ", and there is no row",
                      word_ns);
    else
        verify_report(work, SERIES_HEAD_FILE,
                      "the last time %" PRId64 " is not the last row's, %" PRId64, word_ns,
                      snapshot.last_time_ns);
}
