/* checkpointer.h - checkpoints: the columns that the journal names are synced, so that it may begin
 * anew; in a thread of its own, so that ticks and answers go on meanwhile. */
#ifndef INGEST_CHECKPOINTER_H
#define INGEST_CHECKPOINTER_H

#include "daemon.h"

/* At the start. */
void checkpointer_start(struct daemon *daemon);

/* Begins one when it is due: the journal is nearly full, or the interval is over. */
void checkpointer_turn(struct daemon *daemon);

/* Ends the one that the worker is done with, if it is. */
void checkpointer_collect(struct daemon *daemon);

/* Waits for the one under way. */
void checkpointer_wait(struct daemon *daemon);

/* What the worker does with a store_checkpoint. */
int checkpointer_run(void *job, struct error_text *error);

#endif
