/* Verifying a series while the daemon appends to it: what is read follows the reader rule, and what
 * a live word says is looked at again before it is called wrong. States that a killed writer leaves
 * behind, and that the next start of the daemon finishes, are no damage: a frontier above the
 * count, runs and session entries ahead of it. */
#include "verify.h"

#include "series_name.h"
#include "verify_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Times that a series is opened anew because it was replaced under the verifier. */
#define VERIFY_OPENINGS 5

void verify_report(struct verify_work *work, const char *file, const char *format, ...)
{
    char path[VERIFY_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s/%s", STORE_SERIES_DIR, work->name, file);
    char text[VERIFY_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    work->findings++;
    work->totals->findings++;
    work->sink->finding(path, text, work->sink->context);
}

/* A sentence of reader_open() begins with the file's whole path. */
static void report_opening(struct verify_work *work, const struct error_text *error)
{
    static const char *const files[] = {SERIES_HEAD_FILE, SERIES_VALUES_FILE, SERIES_TIMES_FILE,
                                        SERIES_RUNS_FILE};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[sizeof error->text];
        int length = snprintf(path, sizeof path, "%s/%s/%s/%s: ", work->store_path,
                              STORE_SERIES_DIR, work->name, files[i]);
        if (length > 0 && strncmp(error->text, path, (size_t)length) == 0) {
            verify_report(work, files[i], "%s", error->text + length);
            return;
        }
    }
    verify_report(work, SERIES_HEAD_FILE, "%s", error->text);
}

/* Everything of an open series. -ESTALE: it was replaced or deleted meanwhile. */
static int verify_open_series(struct verify_work *work)
{
    verify_headers(work);
    verify_head_words(work);

    struct reader *reader = work->reader;
    bool is_regular = reader->info.type.clock == SERIES_REGULAR;
    struct reader_snapshot snapshot = {0};
    int r = reader_snapshot(reader, &snapshot);
    if (r == 0) {
        work->progress = (struct verify_progress){0, snapshot.count - snapshot.first};
        r = is_regular ? verify_runs(work, &snapshot) : verify_explicit_times(work, &snapshot);
        if (r == 0)
            verify_last_time(work);
        if (r == 0 && work->sink->make != NULL)
            r = verify_summaries(work, &snapshot);
        work->totals->rows += snapshot.count - snapshot.first;
    } else if (r == -EBADMSG) {
        /* Which word, or which run? When neither was found out yet, the runs are looked at as far
         * as they go. */
        if (work->findings == 0 && is_regular) {
            int64_t runs_count = reader_head_word(reader, HEAD_RUNS_COUNT);
            int64_t count = reader_head_word(reader, HEAD_COUNT);
            snapshot.count = count > 0 ? (uint64_t)count : 0;
            snapshot.runs_count = runs_count > 0 ? (uint64_t)runs_count : 0;
            snapshot.runs_first = reader_runs_first(reader, snapshot.runs_count);
            if (snapshot.runs_count - snapshot.runs_first > reader->times.rows)
                snapshot.runs_count = snapshot.runs_first + reader->times.rows;
            work->progress = (struct verify_progress){0, snapshot.count};
            r = verify_runs(work, &snapshot);
        }
        if (work->findings == 0)
            verify_report(work, SERIES_HEAD_FILE,
                          "the counts do not fit together, or not the newest run");
        r = r == -EBADMSG ? 0 : r;
    }
    if (r == -EFAULT || r == -ENODATA || (r == 0 && reader_fault(reader))) {
        verify_report(
            work, SERIES_VALUES_FILE,
            "a file of the series is shorter than its header says, or a page cannot be read");
        r = 0;
    }
    if (r == 0)
        verify_meta(work);
    return r;
}

int verify_series(const char *store_path, const char *name, const struct verify_sink *sink,
                  struct verify_totals *totals)
{
    if (series_name_fault(name, strlen(name)) != NULL)
        return -EINVAL;
    struct verify_totals own = {0};
    struct verify_work work = {
        .store_path = store_path, .name = name, .sink = sink, .totals = totals ? totals : &own};

    /* When it cannot be told, it may. */
    long pid;
    work.is_live = reader_store_is_locked(store_path, &pid) != 0;

    int r = -ESTALE;
    for (unsigned i = 0; i < VERIFY_OPENINGS && r == -ESTALE; i++) {
        struct error_text error = {""};
        r = reader_open(store_path, name, &work.reader, &error);
        if (r == -EBADMSG || r == -ENODATA || r == -EPROTONOSUPPORT) {
            report_opening(&work, &error);
            r = 0;
        } else if (r == 0) {
            r = verify_open_series(&work);
            reader_close(work.reader);
        }
    }
    if (r == 0)
        work.totals->series++;
    return r;
}
