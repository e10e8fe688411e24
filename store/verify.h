/* verify.h - finds damage: every header, head, length, time order, run and summary of a
 * series or of a store. Reads only. */
#ifndef INGEST_VERIFY_H
#define INGEST_VERIFY_H

#include "summary_form.h"

#include <stdbool.h>
#include <stdint.h>

struct verify_progress {
    uint64_t rows_done;
    uint64_t rows_total;
};

struct verify_sink {
    /* A finding: the file (relative to the store) and a sentence. */
    void (*finding)(const char *file, const char *text, void *context);
    /* Now and then; may be NULL. */
    void (*progress)(const struct verify_progress *progress, void *context);
    void *context;
    /* What is no damage, and better known; may be NULL. */
    void (*note)(const char *file, const char *text, void *context);
    /* The arithmetic of summaries; NULL: they are not looked at. */
    store_summary_make *make;
    store_summary_merge *merge;
};

struct verify_totals {
    uint64_t series;
    uint64_t rows;
    uint64_t findings;
};

/* Verifies one series, also while the daemon writes to it. 0 (findings or not), -ENOENT, -EINVAL
 * (name), or what kept it from looking. Findings, series and rows are added to `totals` (NULL is
 * allowed). */
int verify_series(const char *store_path, const char *name, const struct verify_sink *sink,
                  struct verify_totals *totals);

/* Verifies what belongs to no series: STATE, the journal (and the heads of a clean store against
 * it), status.npy, files and folders in `series/` that are no part of any series (a note where a
 * creation or a deletion was cut short). Takes two seconds where something is astray while a daemon
 * holds the store, to see it again. -ENOENT: no store. */
int verify_store(const char *store_path, const struct verify_sink *sink,
                 struct verify_totals *totals);

/* STATE and the journal alone: what can be looked at while recovery is due. */
int verify_state_and_journal(const char *store_path, const struct verify_sink *sink,
                             struct verify_totals *totals);

#endif
