#include "output.h"
#include "plot_text.h"
#include "progress.h"
#include "reader.h"
#include "series_name.h"
#include "series_rows.h"
#include "sink.h"
#include "stats_block.h"
#include "verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct verification {
    const struct query_options *options;
    struct output *output; /* csv and json; NULL: a line of text for each finding */
    struct sink *sink;     /* those lines */
    struct verify_totals totals;
    uint64_t rows_before; /* of the series that are done */
    int code;             /* the first failure that kept us from looking */
};

static void report_progress(const struct verify_progress *progress, void *context)
{
    const struct verification *work = context;
    progress_update(work->rows_before + progress->rows_done);
}

/* Names of stray files may hold anything. */
static void print_text(struct sink *sink, const char *text)
{
    char *bytes = NULL;
    size_t count = 0;
    FILE *file = open_memstream(&bytes, &count);
    if (file == NULL)
        return;
    plot_text_write(text, SIZE_MAX, false, file);
    if (fclose(file) == 0)
        sink_write(sink, bytes, count);
    free(bytes);
}

static void report_finding(const char *file, const char *text, void *context)
{
    struct verification *work = context;
    /* The meter and the finding may share a terminal. */
    progress_hide();
    if (work->output != NULL) {
        const struct cell cells[] = {{.kind = CELL_TEXT, .text = file},
                                     {.kind = CELL_TEXT, .text = text}};
        output_row(work->output, cells);
        output_flush(work->output);
        return;
    }
    print_text(work->sink, file);
    sink_print(work->sink, ": ");
    print_text(work->sink, text);
    sink_print(work->sink, "\n");
    sink_flush(work->sink);
}

static void report_note(const char *file, const char *text, void *context)
{
    (void)context;
    progress_hide();
    fprintf(stderr, PROGRAM ": note: %s: %s\n", file, text);
}

/* The rows that lie before us; only for the meter, so nothing that is wrong with a series is told
 * here. */
static uint64_t count_rows(const struct query_options *options,
                           const struct series_selection *selection)
{
    uint64_t rows = 0;
    for (size_t i = 0; isatty(STDERR_FILENO) && i < selection->count; i++) {
        struct reader *reader;
        struct reader_snapshot snapshot;
        if (reader_open(options->store, selection->names[i], &reader, NULL) < 0)
            continue;
        if (reader_snapshot(reader, &snapshot) == 0)
            rows += snapshot.count - snapshot.first;
        reader_close(reader);
    }
    return rows;
}

/* True for a series that was asked for by its name: that it is not there is an error then; a match
 * of a glob may have been deleted meanwhile. */
static bool is_named(const struct query_options *options, const char *name)
{
    for (size_t i = 0; i < options->names_count; i++)
        if (strcmp(options->names[i], name) == 0)
            return true;
    return false;
}

static void keep_code(struct verification *work, int code)
{
    if (work->code == 0)
        work->code = code;
}

static void verify_one(struct verification *work, const char *name, const struct verify_sink *sink)
{
    const char *store = work->options->store;
    int error = verify_series(store, name, sink, &work->totals);
    work->rows_before = work->totals.rows;
    const char *fault = series_name_fault(name, strlen(name));
    if (fault != NULL)
        keep_code(work, query_error(EX_NOINPUT, "\"%s\" can be no series: %s", name, fault));
    else if (error == -ENOENT && is_named(work->options, name))
        keep_code(work, query_error(EX_NOINPUT, "no series %s in %s", name, store));
    else if (error < 0 && error != -ENOENT)
        keep_code(work, query_error(QUERY_FAILED, "cannot verify %s: %s", name, strerror(-error)));
}

static void verify_all(struct verification *work, const struct series_selection *selection)
{
    const struct verify_sink sink = {.finding = report_finding,
                                     .progress = report_progress,
                                     .context = work,
                                     .note = report_note,
                                     .make = stats_block_make,
                                     .merge = stats_block_merge};
    bool whole_store = work->options->names_count == 0;
    progress_begin("verifying", count_rows(work->options, selection));
    for (size_t i = 0; i < selection->count; i++)
        verify_one(work, selection->names[i], &sink);
    int error = whole_store ? verify_store(work->options->store, &sink, &work->totals) : 0;
    progress_end();
    if (error < 0)
        keep_code(work, query_error(error == -ENOENT ? EX_NOINPUT : QUERY_FAILED, "%s: %s",
                                    work->options->store, strerror(-error)));
}

static int open_output(struct verification *work)
{
    static const struct column columns[] = {{"file", CELL_TEXT}, {"finding", CELL_TEXT}};
    if (work->options->format == FORMAT_TABLE)
        return sink_open(work->options->output_path, false, &work->sink);
    return output_open(work->options, columns, sizeof columns / sizeof columns[0], &work->output);
}

static void print_summary(const struct verify_totals *totals)
{
    char found[64] = "no damage";
    if (totals->findings > 0)
        snprintf(found, sizeof found, "%" PRIu64 " finding%s", totals->findings,
                 totals->findings == 1 ? "" : "s");
    fprintf(stderr, "%" PRIu64 " series, %" PRIu64 " rows, %s\n", totals->series, totals->rows,
            found);
}

/* Where recovery is due the arrays say nothing; STATE or the journal may be damaged all the same.
 */
static int verify_due(struct verification *work)
{
    const struct verify_sink sink = {.finding = report_finding, .context = work};
    int code = open_output(work);
    if (code != 0)
        return code;
    int error = verify_state_and_journal(work->options->store, &sink, &work->totals);
    if (error < 0)
        code = query_error(QUERY_FAILED, "%s: %s", work->options->store, strerror(-error));
    int closed =
        work->output != NULL ? output_close(work->output, 0) : sink_close(work->sink, true);
    if (code == 0)
        code = closed;
    return code == 0 && work->totals.findings > 0 ? QUERY_FAILED : code;
}

int command_verify(const struct query_options *options)
{
    struct verification work = {.options = options};
    struct series_selection selection = {0};
    int code = 0;
    if (options->names_count == 0 && reader_store_ready(options->store, NULL) == -EAGAIN)
        code = verify_due(&work);
    if (code == 0)
        code = series_select(options, &selection);
    if (code == 0)
        code = open_output(&work);
    if (code != 0) {
        series_selection_free(&selection);
        return code;
    }
    verify_all(&work, &selection);
    code = work.output != NULL ? output_close(work.output, 0) : sink_close(work.sink, true);
    series_selection_free(&selection);
    if (work.totals.series > 0 || work.code == 0)
        print_summary(&work.totals);
    if (code != 0)
        return code;
    return work.totals.findings > 0 ? QUERY_FAILED : work.code;
}
