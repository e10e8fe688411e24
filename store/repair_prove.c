/* What a growing series proves by itself, where there is no journal to say how much of it is right.
 *
 * Its head calls rows durable; stamps of those rows that rise strictly were all written, since what
 * was not is zeros. That says nothing of a ring, in which later rows may stand in the place of
 * earlier ones, and nothing of the values themselves. */
#include "file_system.h"
#include "repair_internal.h"
#include "series_head.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define CHUNK_WORDS 3072

static int read_words(int fd, uint64_t first_word, int64_t *ret_words, uint64_t words)
{
    size_t read_bytes = 0;
    int result = fs_read_at(fd, ret_words, words * sizeof ret_words[0],
                            column_file_bytes(first_word, sizeof ret_words[0]), &read_bytes);
    return result == 0 && read_bytes < words * sizeof ret_words[0] ? -EBADMSG : result;
}

/* Stamps that rise from the first one on. */
static int prove_times(int fd, uint64_t *count, int64_t *ret_last_ns)
{
    int64_t times_ns[CHUNK_WORDS];
    int64_t before_ns = INT64_MIN;
    for (uint64_t at = 0; at < *count;) {
        uint64_t rows = *count - at < CHUNK_WORDS ? *count - at : CHUNK_WORDS;
        int result = read_words(fd, at, times_ns, rows);
        if (result < 0)
            return result;
        for (uint64_t i = 0; i < rows; i++) {
            if (times_ns[i] <= before_ns) {
                *count = at + i;
                break;
            }
            before_ns = times_ns[i];
        }
        at += rows;
    }
    *ret_last_ns = before_ns;
    return 0;
}

/* Runs in order, each of which leaves room for the samples up to the next. A run that does not
 * follow leaves the end of the one before it open: that one goes too, but for its first sample. */
static int prove_runs(int fd, uint64_t *count, uint64_t *runs_count, int64_t *ret_last_ns)
{
    int64_t words[RUN_WORDS];
    struct time_run run = {0};
    uint64_t number = 0;
    bool is_open = false;
    for (; number < *runs_count; number++) {
        int result = read_words(fd, number * RUN_WORDS, words, RUN_WORDS);
        if (result < 0)
            return result;
        uint64_t first = (uint64_t)words[RUN_FIRST_INDEX];
        if (words[RUN_FIRST_INDEX] >= 0 && first >= *count)
            break;
        bool follows = number == 0
                           ? words[RUN_FIRST_INDEX] == 0
                           : words[RUN_FIRST_INDEX] > (int64_t)run.first && first <= run.end &&
                                 words[RUN_T0_NS] > time_run_stamp_ns(&run, first - 1);
        if (!follows || words[RUN_PERIOD_PS] < RUN_PERIOD_PS_MIN ||
            words[RUN_T0_NS] > INT64_MAX - RUN_SPAN_PS_MAX / 1000) {
            is_open = true;
            break;
        }
        run = time_run_make(first, words[RUN_T0_NS], words[RUN_PERIOD_PS]);
    }
    *runs_count = number;
    if (number == 0)
        *count = 0;
    else if (is_open && *count > run.first + 1)
        *count = run.first + 1;
    else if (*count > run.end)
        *count = run.end;
    *ret_last_ns = *count > 0 ? time_run_stamp_ns(&run, *count - 1) : TIME_NONE_NS;
    return 0;
}

/* Only entries whose batches are kept whole. */
static void drop_sessions(int64_t words[HEAD_WORDS], uint64_t count)
{
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS; slot++) {
        int64_t *entry = &words[HEAD_SESSIONS + slot * HEAD_SESSION_WORDS];
        if (entry[HEAD_SESSION_COUNT] < 0 || (uint64_t)entry[HEAD_SESSION_COUNT] > count)
            memset(entry, 0, HEAD_SESSION_WORDS * sizeof entry[0]);
    }
}

static int write_words(const struct store *store, const char *name, const int64_t words[HEAD_WORDS])
{
    char path[SERIES_PATH_BYTES];
    int fd = fs_open_write_at(store->series_fd, series_path(name, SERIES_HEAD_FILE, path));
    int result =
        fd < 0 ? fd : fs_write_at(fd, words, HEAD_WORDS * sizeof words[0], NPY_HEADER_BYTES);
    fs_close(fd);
    return result;
}

static int prove(struct repair *repair, struct series *series, int64_t words[HEAD_WORDS])
{
    char path[SERIES_PATH_BYTES];
    uint64_t before = series->count;
    uint64_t count = series->durable < before ? series->durable : before;
    uint64_t runs_count = series->runs_count;
    int64_t last_ns = TIME_NONE_NS;
    int fd =
        fs_open_read_at(repair->store->series_fd,
                        series_path(series->name, series_stamps_file(series->type.clock), path));
    if (fd < 0)
        return fd;
    int result = series_is_regular(series) ? prove_runs(fd, &count, &runs_count, &last_ns)
                                           : prove_times(fd, &count, &last_ns);
    fs_close(fd);
    if (result < 0)
        return result;
    bool is_proved = count == before && runs_count == series->runs_count &&
                     series->frontier == count && words[HEAD_LAST_TIME_NS] == last_ns;
    /* Of summaries nobody says how much reached the disk; the daemon makes them again. */
    bool has_summaries = words[HEAD_SUMMARISED] != 0;
    words[HEAD_SUMMARISED] = 0;
    series_summary_remove(repair->store->series_fd, series->name);
    if (is_proved)
        return has_summaries ? write_words(repair->store, series->name, words) : 0;
    words[HEAD_COUNT] = words[HEAD_FRONTIER] = words[HEAD_DURABLE] = (int64_t)count;
    words[HEAD_RUNS_COUNT] = (int64_t)runs_count;
    words[HEAD_LAST_TIME_NS] = last_ns;
    words[HEAD_EPOCH] = repair->store->epoch;
    drop_sessions(words, count);
    result = write_words(repair->store, series->name, words);
    if (result < 0)
        return result;
    repair->has_changed = true;
    repair_say_series(repair, series->name,
                      "its own stamps prove %" PRIu64 " rows; %" PRIu64 " are given up", count,
                      before - count);
    return 0;
}

int repair_prove(struct repair *repair, const char *name, const char **ret_why)
{
    int64_t words[HEAD_WORDS];
    struct series *series = series_new(repair->store, name, strlen(name));
    if (series == NULL)
        return -ENOMEM;
    int result = series_inspect(series, words);
    if (result == 0 && series->broken != NULL) {
        *ret_why = "its head or its arrays are damaged, and no journal says what they were";
        result = -EBADMSG;
    } else if (result == 0 && series->capacity > 0) {
        *ret_why = "a ring, and no journal says which of its rows were overwritten";
        result = -EBADMSG;
    } else if (result == 0) {
        *ret_why = "its stamps cannot be read";
        result = prove(repair, series, words);
    }
    series_free(series);
    return result;
}
