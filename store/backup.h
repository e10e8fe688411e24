/* backup.h - a copy of a store that starts cleanly, made while the daemon writes the original: by
 * the rules of a reader, without locks and without asking it.
 *
 *     backup_begin -> backup_series for each name -> backup_end -> backup_free
 *
 * STATE of the copy says `recovering` from the beginning, and `clean` only when all of it is
 * synced: half a copy is never taken for a store. One thread. */
#ifndef INGEST_BACKUP_H
#define INGEST_BACKUP_H

#include "error_text.h"

#include <stdint.h>

struct backup;

/* Makes folder `to`, or takes an empty one, and locks it; installs nothing, copies nothing yet.
 * -EAGAIN: the store cannot be read as it is (reader_store_ready()); -ENOENT: no store;
 * -ENOTEMPTY: `to` holds something; -EXDEV: `to` lies within the store; -EWOULDBLOCK: another
 * process is at work on `to`; others from the system, with a sentence about `to`. */
int backup_begin(const char *store_path, const char *to, struct backup **ret_backup,
                 struct error_text *error);

/* How many rows are copied by now, of all series; may be NULL. */
typedef void (*backup_progress)(uint64_t rows, void *context);

enum backup_outcome {
    BACKUP_COPIED,
    BACKUP_GONE,   /* deleted meanwhile */
    BACKUP_SKIPPED /* damaged, not readable, or of a later version; the sentence says which */
};

/* Copies one series as it is at one moment, with its sessions and meta.ini. A series that is
 * skipped leaves nothing in the copy. Negative: the copy cannot be written. */
int backup_series(struct backup *backup, const char *name, backup_progress progress, void *context,
                  enum backup_outcome *ret_outcome, struct error_text *error);

struct backup_totals {
    uint64_t series;
    uint64_t rows;
    uint64_t bytes;       /* of rows, stamps and runs */
    uint64_t overwritten; /* rows of rings that were overwritten before they were copied */
};

/* Syncs the copy, sees that the store could be trusted all along, and lets the copy be a store.
 * -EAGAIN: the store is due for recovery by now, and the copy is void; others from the system. */
int backup_end(struct backup *backup, struct backup_totals *ret_totals, struct error_text *error);

void backup_free(struct backup *backup); /* NULL is allowed */

#endif
