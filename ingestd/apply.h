/* apply.h - a decoded batch onto the store, in two passes.
 *
 * The first pass reads every block, looks up its series and judges what concerns the batch as a
 * whole: two blocks of one series, and stamps ahead of a clock that is itself behind. Nothing is
 * changed until it is through. The second pass takes the blocks one by one: it makes missing
 * series, compares types, appends. One thread. */
#ifndef INGEST_APPLY_H
#define INGEST_APPLY_H

#include "batch.h"
#include "clients.h"
#include "line_protocol.h"
#include "rules.h"
#include "store.h"
#include "verdict.h"

struct applier;

int applier_new(struct store *store, struct applier **ret_applier); /* -ENOMEM */
void applier_free(struct applier *applier);                         /* NULL is allowed */

/* Has `pause` called now and then within a batch, since one that makes thousands of series takes
 * many seconds. It must not touch the store. */
void applier_set_pause(struct applier *applier, void (*pause)(void *context), void *context);

/* The rules and the horizon of stamps that hold from now on. Series that follow a rule already get
 * their new one, so that the old rules may be freed afterwards. */
void applier_set_rules(struct applier *applier, const struct rules *rules, int64_t max_future_ns);

/* Applies a batch of this writer that wire_batch_open() took; a block whose name it may not write
 * is refused. 0, and then *verdict says what became of it; -EIO when the store cannot be written
 * any more: the daemon must end, and verdict->text says why; -EBUSY when a series has no room for
 * its block before a flush (series_takes()): nothing was done, and the batch may be given again. */
int applier_batch(struct applier *applier, const struct client *writer, struct wire_batch *batch,
                  int64_t now_ns, struct verdict *verdict);

/* The same for the first block_count blocks of a frame of line protocol. Blocks are added to what
 * *verdict already holds. */
int applier_lines(struct applier *applier, const struct client *writer,
                  const struct line_protocol *lines, size_t block_count, int64_t now_ns,
                  struct verdict *verdict);

#endif
