#include "backup.h"
#include "error_text.h"
#include "progress.h"
#include "query.h"
#include "reader.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* The series of a store that can be read. */
struct originals {
    char **names;
    size_t count;
    uint64_t rows; /* only for the meter */
};

static int find_originals(const char *store, struct originals *ret_originals)
{
    struct error_text error = {""};
    int result = reader_store_ready(store, &error);
    if (result == 0)
        result = reader_list(store, NULL, &ret_originals->names, &ret_originals->count, &error);
    if (result < 0)
        return query_error(result == -EAGAIN ? EX_TEMPFAIL : query_exit_code(result), "%s",
                           error.text);
    for (size_t i = 0; isatty(STDERR_FILENO) && i < ret_originals->count; i++) {
        struct reader *reader;
        struct reader_snapshot snapshot;
        if (reader_open(store, ret_originals->names[i], &reader, NULL) < 0)
            continue;
        if (reader_snapshot(reader, &snapshot) == 0)
            ret_originals->rows += snapshot.count - snapshot.first;
        reader_close(reader);
    }
    return 0;
}

static void report_progress(uint64_t rows, void *context)
{
    (void)context;
    progress_update(rows);
}

/* Damage of one series does not keep the others from being copied. */
static int copy_all(struct backup *backup, const struct originals *originals, uint64_t *ret_skipped)
{
    struct error_text error = {""};
    *ret_skipped = 0;
    for (size_t i = 0; i < originals->count; i++) {
        enum backup_outcome outcome;
        if (backup_series(backup, originals->names[i], report_progress, NULL, &outcome, &error) < 0)
            return query_error(QUERY_FAILED, "%s", error.text);
        if (outcome != BACKUP_SKIPPED)
            continue;
        progress_hide();
        fprintf(stderr, PROGRAM ": not copied: %s\n", error.text);
        ++*ret_skipped;
    }
    return 0;
}

static void print_summary(const struct backup_totals *totals, uint64_t skipped)
{
    char bytes[32];
    fprintf(stderr, "%" PRIu64 " series, %" PRIu64 " rows, %s copied", totals->series, totals->rows,
            units_format_bytes(totals->bytes, bytes, sizeof bytes));
    if (totals->overwritten > 0)
        fprintf(stderr, "; %" PRIu64 " rows of rings were overwritten before they were",
                totals->overwritten);
    if (skipped > 0)
        fprintf(stderr, "; %" PRIu64 " series could not be", skipped);
    fputc('\n', stderr);
}

static int run_backup(const struct query_options *options, const struct originals *originals)
{
    const char *to = options->names[0];
    struct error_text error = {""};
    struct backup_totals totals = {0};
    struct backup *backup;
    uint64_t skipped = 0;
    int result = backup_begin(options->store, to, &backup, &error);
    if (result < 0)
        return query_error(result == -EAGAIN ? EX_TEMPFAIL : EX_CANTCREAT, "%s", error.text);
    progress_begin("copying", originals->rows);
    int code = copy_all(backup, originals, &skipped);
    if (code == 0) {
        result = backup_end(backup, &totals, &error);
        if (result < 0)
            code = query_error(result == -EAGAIN ? EX_TEMPFAIL : QUERY_FAILED, "%s", error.text);
    }
    progress_end();
    backup_free(backup);
    if (code != 0)
        return query_error(code, "%s is not complete, and no daemon takes it: remove it", to);
    print_summary(&totals, skipped);
    return skipped > 0 ? QUERY_FAILED : 0;
}

int command_backup(const struct query_options *options)
{
    struct originals originals = {0};
    int code = find_originals(options->store, &originals);
    if (code == 0)
        code = run_backup(options, &originals);
    reader_names_free(originals.names, originals.count);
    return code;
}
