/* flusher.h - the thread that syncs. It gets one snapshot at a time, and says through a descriptor
 * that it is done. */
#ifndef INGEST_FLUSHER_H
#define INGEST_FLUSHER_H

#include "error_text.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

struct flusher;

/* Starts the thread, with all signals blocked. */
int flusher_start(struct flusher **ret_flusher);

/* Waits for the sync under way, if any, and ends the thread; its snapshot is handed back for
 * freeing (NULL = none). NULL is allowed. */
struct store_flush *flusher_stop(struct flusher *flusher);

/* Readable when a sync has ended. */
int flusher_fd(const struct flusher *flusher);

/* Hands over a snapshot; only when none is under way. */
void flusher_submit(struct flusher *flusher, struct store_flush *flush);

/* Takes back the snapshot of a sync that has ended. *ret_result is that of store_flush_run(), with
 * its sentence in `error`. -EAGAIN: none has ended. */
int flusher_collect(struct flusher *flusher, struct store_flush **ret_flush, int *ret_result,
                    struct error_text *error);

#endif
